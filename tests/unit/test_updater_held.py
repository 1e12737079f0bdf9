"""Nobody but the updater starts a service whose update is being taken back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import updater_house
from healer_house import Patient, running
from simulated_docker import OWNER, SimulatedDocker, running_house
from stacks_house import House, furnish

from mediastack import healing, intent, plan, stack_verbs, user_stops
from mediastack.healer import acts as healer_acts
from mediastack.healer.look import facts, look
from mediastack.monitor import dependents
from mediastack.updater import inflight


def held(docker: SimulatedDocker, *services: str) -> dict[str, Any]:
    return {**docker.observation(), "held": dict.fromkeys(services, inflight.WORDS)}


@pytest.mark.parametrize("service", ["seerr", "plex", "sonarr", OWNER])
@pytest.mark.parametrize("state", ["exited", "created", "dead", "absent", "old"])
def test_plan_neither_starts_nor_makes_it(service: str, state: str) -> None:
    docker = running_house()
    container = docker.get(service)
    assert container is not None
    if state == "absent":
        docker.containers.remove(container)
    else:
        container.update({"image": "x:0"} if state == "old" else {"status": state})
    assert [a for a in plan.plan(docker.config, docker.observation()) if a["service"] == service]

    actions = plan.plan(docker.config, held(docker, service))

    assert [act for act in actions if act["service"] == service] == []


def test_a_held_dependent_does_not_follow_a_gluetun_that_is_made_anew() -> None:
    docker = running_house()
    docker.images[OWNER] = "registry/gluetun:2"
    acted = {act["service"] for act in plan.plan(docker.config, held(docker, "sonarr"))}
    assert "sonarr" not in acted and {OWNER, "qbittorrent"} <= acted


def test_a_held_service_is_not_well_and_it_is_said_why() -> None:
    docker = running_house()
    docker.containers.remove(docker.get("seerr"))
    found = plan.unwell(docker.config, held(docker, "seerr"))
    assert found == [{"path": "seerr", "problem": inflight.WORDS}]


def test_that_an_update_stopped_it_is_nobodys_wish() -> None:
    container = {
        "name": "seerr",
        "service": "seerr",
        "id": "id1",
        "status": "exited",
        "started_at": "2027-01-15T07:00:00Z",
        "finished_at": "2027-01-15T07:59:50.5Z",
    }

    class Engine:
        def events(self, *_: Any) -> list[dict[str, str]]:
            return [{"Action": "start"}, {"Action": "stop"}]

    engine: Any = Engine()
    seen: dict[str, Any] = {"containers": [container], "intents": {}}
    assert user_stops.find(engine, seen, set(), 1_800_000_000.0, 0.0).stopped == ["seerr"]
    seen["held"] = {"seerr": inflight.WORDS}
    assert user_stops.find(engine, seen, set(), 1_800_000_000.0, 0.0) == ([], [], [])


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    made = furnish(tmp_path, monkeypatch)
    observe = made.observe

    def with_held(*arguments: Any, **options: Any) -> dict[str, Any]:
        return {**observe(*arguments, **options), "held": inflight.held()}

    monkeypatch.setattr("mediastack.observe.observe", with_held)
    made.apply()
    return made


def back(service: str, step: str = "restore") -> None:
    inflight.write(updater_house.a_transaction(service=service, step=step))


def test_a_deploy_and_the_keeper_leave_it_alone_until_it_is_over(house: House) -> None:
    container = house.docker.get("seerr")
    assert container is not None
    container["status"] = "exited"
    back("seerr")

    assert house.apply(wait=False).done == []
    assert house.statuses()["seerr"] == "exited"

    inflight.clear()
    assert [act["service"] for act in house.apply(wait=False).done] == ["seerr"]


def test_during_the_gate_everything_works_as_usual(house: House) -> None:
    container = house.docker.get("seerr")
    assert container is not None
    container["status"] = "exited"
    back("seerr", "gate")
    assert [act["service"] for act in house.apply(wait=False).done] == ["seerr"]


def test_up_and_restart_say_why_they_do_not_start_it(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    back("seerr")
    composed = len(house.composed)

    stack_verbs.restart(["media", "seerr"])
    stack_verbs.up(["media", "seerr"])

    assert len(house.composed) == composed
    assert house.docker.started.count("seerr") == 1
    assert capsys.readouterr().err.count(f"seerr: {inflight.WORDS}") >= 2


@pytest.fixture
def patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    return running(tmp_path, monkeypatch)


def test_the_monitor_waits_for_a_held_dependent_and_for_nobody_else(patient: Patient) -> None:
    observation = {**patient.docker.observation(), "held": {"sonarr": inflight.WORDS}}
    found = facts(patient.config, observation)
    assert found["sonarr"]["wanted"] is False and found["qbittorrent"]["wanted"] is True
    assert found["sonarr"]["stopped_by_user"] is False
    judged = {one["service"]: one for one in dependents.judged(patient.config, observation)}
    assert judged["sonarr"]["wanted"] is False


def test_a_held_gluetun_stays_wanted_so_that_its_group_goes_on_waiting(patient: Patient) -> None:
    observation = {**patient.docker.observation(), "held": {OWNER: inflight.WORDS}}
    assert facts(patient.config, observation)[OWNER]["wanted"] is True


def test_nobody_restarts_a_new_version_that_is_unhealthy_in_its_gate(patient: Patient) -> None:
    container = patient.docker.get("sonarr")
    assert container is not None
    container["health"] = "unhealthy"
    engine: Any = patient
    assert look(patient.config, engine, firewall=False)["services"]["sonarr"]["health"] == (
        "unhealthy"
    )
    back("sonarr", "gate")
    found = look(patient.config, engine, firewall=False)
    assert found["services"]["sonarr"]["health"] == "starting"
    assert healer_acts.restart(patient.config, engine, ["sonarr"]) == {}
    assert "sonarr" not in patient.docker.started


class Autoheal:
    """Autoheal's container; it watches seerr."""

    def __init__(self) -> None:
        self.status = "running"

    def inspect(self, name: str) -> dict[str, Any]:
        labels = {"io.mediastack.service": name}
        return {"State": {"Status": self.status}, "Config": {"Labels": labels}}

    def containers(self, label: str) -> list[dict[str, Any]]:
        return [{"Config": {"Labels": {"io.mediastack.service": "seerr"}}}]

    def pause(self, name: str) -> None:
        self.status = "paused"

    def resume(self, name: str) -> None:
        self.status = "running"


def test_autoheal_rests_until_the_gate_is_over_and_wakes_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    updater_house.furnish(tmp_path, monkeypatch)
    autoheal = Autoheal()
    engine: Any = autoheal
    observation = {"containers": [{"name": "autoheal", "status": "paused"}]}
    back("seerr", "switch")
    with healing.resting(engine, ["seerr"]):
        assert autoheal.status == "paused"
    back("seerr", "gate")
    assert autoheal.status == "paused"
    assert not healing.wake(engine, observation, "keeper")
    inflight.clear()
    assert healing.wake(engine, observation, "keeper")
    assert autoheal.status == "running"


def test_a_resting_autoheal_is_no_ill() -> None:
    docker = running_house()
    tautulli = docker.get("tautulli")
    assert tautulli is not None
    tautulli["status"] = "paused"
    seen = docker.observation()
    assert [one["path"] for one in plan.unwell(docker.config, seen)] == ["tautulli"]
    assert plan.unwell(docker.config, {**seen, "resting": ["tautulli"]}) == []


def test_a_user_who_stops_it_meanwhile_is_heard(house: House) -> None:
    back("seerr")
    intent.stop(["seerr"], "somebody")
    inflight.clear()
    container = house.docker.get("seerr")
    assert container is not None
    container["status"] = "exited"
    assert house.apply(wait=False).done == []
