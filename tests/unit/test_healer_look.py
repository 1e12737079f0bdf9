"""healer.look: the group in the words of the contract, from a simulated Docker."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from healer_house import Patient, running
from simulated_docker import OWNER, VPN

from group_data.all import monitor
from mediastack import intent, journal, ledger, lock, observe
from mediastack.backup import ages
from mediastack.docker_client import NotReachable
from mediastack.healer.look import SETTINGS, closed, free, look
from mediastack.monitor import group, namespaces


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    return running(tmp_path, monkeypatch)


def seen(house: Patient, *, firewall: bool = False) -> dict[str, Any]:
    engine: Any = house
    return look(house.config, engine, firewall=firewall)


def exited(house: Patient, name: str, seconds_ago: float) -> dict[str, Any]:
    container = house.docker.get(name)
    assert container
    moment = time.gmtime(time.time() - seconds_ago)
    text = time.strftime("%Y-%m-%dT%H:%M:%S.5Z", moment)
    container.update(status="exited", netns=None, finished_at=text)
    return container


def asked_to_stop(house: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [{"Action": "start"}, {"Action": "stop"}]
    monkeypatch.setattr(house, "events", lambda *_: events)


def test_a_quiet_house(house: Patient) -> None:
    found = seen(house)
    assert (found["schema"], found["owner"], found["busy"]) == (1, OWNER, "")
    assert found["boot"].startswith(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
    assert list(found["services"]) == [OWNER, *VPN]
    assert found["actions"] == found["undecided"] == []
    assert (found["data"], found["firewall"]) == (True, None)
    assert found["settings"] == SETTINGS
    # It goes over the wire, and the monitor's own code reads it.
    members = group.of(json.loads(json.dumps(found)))
    assert (members.home, members.away) == (VPN, [])


def test_settings_are_those_of_the_configuration(house: Patient) -> None:
    house.config["monitor"] = {"cascades_per_hour": 9, "metrics_port": 0}
    assert seen(house)["settings"] == {**SETTINGS, "cascades_per_hour": 9}


def test_ages_of_backups_are_told_only_where_metrics_are_wanted(
    house: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"saved": {"local": 5.0}, "proven": None}
    monkeypatch.setattr(ages, "timestamps", lambda _: told)
    assert seen(house)["backups"] == {}
    house.config["monitor"] = {"metrics_port": 9617}
    assert seen(house)["backups"] == told

    def unreadable(_: Any) -> dict[str, Any]:
        raise PermissionError

    monkeypatch.setattr(ages, "timestamps", unreadable)
    assert seen(house)["backups"] == {}


def test_what_an_older_configuration_does_not_say_is_as_the_defaults() -> None:
    assert monitor == {**SETTINGS, "metrics_port": 0}


def test_after_a_restart_of_gluetun_all_are_stranded_and_to_be_recreated(house: Patient) -> None:
    house.gluetun_restarts()
    found = seen(house)
    owner = found["services"][OWNER]
    verdicts = {namespaces.verdict(owner, found["services"][name]) for name in VPN}
    assert verdicts == {namespaces.STRANDED}
    assert [(act["action"], act["service"]) for act in found["actions"]] == [
        ("recreate", name) for name in VPN
    ]
    assert set(found["actions"][0]) == {"action", "service", "reason"}


def test_what_is_missing_is_absent_and_other_services_are_nobodys_business(house: Patient) -> None:
    for name in ("sonarr", "plex"):
        container = house.docker.get(name)
        assert container
        house.docker.containers.remove(container)
    found = seen(house)
    assert found["services"]["sonarr"]["status"] == "absent"
    assert found["services"]["sonarr"]["wanted"] is True
    assert [act["service"] for act in found["actions"]] == ["sonarr"]


def test_without_data_its_users_are_not_wanted(house: Patient) -> None:
    house.docker.present = False
    found = seen(house)
    assert found["data"] is False
    wanted = {name for name, facts in found["services"].items() if facts["wanted"]}
    assert wanted == {OWNER, "flaresolverr"}


def test_a_bare_docker_stop_becomes_an_intent_once(
    house: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    exited(house, "sonarr", 5)
    asked_to_stop(house, monkeypatch)
    for _ in range(2):
        facts = seen(house)["services"]["sonarr"]
        assert (facts["wanted"], facts["stopped_by_user"]) == (False, True)
    assert "sonarr" in intent.stopped()
    assert [(one["actor"], one["outcome"]) for one in ledger.read()] == [
        ("monitor", "stopped by the user")
    ]


def test_a_stop_of_a_moment_ago_is_undecided(
    house: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = exited(house, "sonarr", 0)
    container["finished_at"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".0Z"
    monkeypatch.setattr(time, "time", lambda: int(house_time) + 0.5)
    house_time = time.mktime(time.localtime())
    found = seen(house)
    assert found["undecided"] == ["sonarr"]
    assert intent.stopped() == {}


def test_in_the_middle_of_somebodys_work_nothing_is_taken_for_the_users_stop(
    house: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    exited(house, "sonarr", 5)
    exited(house, "qbittorrent", 5)
    asked_to_stop(house, monkeypatch)
    journal.begin("deploy", "recreate", ["qbittorrent", "flaresolverr"])
    with lock.hold("deploy", "a deploy", wait_seconds=0):
        found = seen(house)
    assert (found["busy"], found["undecided"]) == ("deploy", ["sonarr"])
    assert intent.stopped() == {}
    # Nor is anything crossed out that somebody has just begun.
    assert set(journal.entries()) == {"qbittorrent", "flaresolverr"}
    seen(house)
    assert set(journal.entries()) == {"qbittorrent"}


def test_work_that_begins_during_the_look_stays_written_down(
    house: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def observed(*_: Any, **__: Any) -> dict[str, Any]:
        found = house.observe(house.config, house)
        time.sleep(0.002)
        journal.begin("monitor", "hold", ["sonarr"])
        return found

    monkeypatch.setattr(observe, "observe", observed)
    seen(house)
    assert set(journal.entries()) == {"sonarr"}


def test_our_own_work_is_not_somebody_else(house: Patient) -> None:
    with lock.hold("monitor", "stopping", wait_seconds=0):
        assert seen(house)["busy"] == ""


@pytest.mark.parametrize(
    ("printed", "answer"),
    [
        ("-P OUTPUT DROP\n", True),
        # Gluetun took the older one; the newer shows nothing of it.
        ("-P OUTPUT ACCEPT\n-P OUTPUT DROP\n-A OUTPUT -o lo -j ACCEPT\n", True),
        ("-P OUTPUT ACCEPT\n", False),
        ("-A OUTPUT -j LOG --log-prefix '-P OUTPUT DROP'\n-P OUTPUT ACCEPT\n", False),
        ("", None),
        ("sh: iptables: not found\n", None),
    ],
)
def test_the_firewall_is_asked_for_inside(
    house: Patient, printed: str, answer: bool | None
) -> None:
    house.printed = printed
    assert seen(house, firewall=True)["firewall"] is answer


def test_a_firewall_that_cannot_be_asked_for_is_unknown(
    house: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise NotReachable("late")

    monkeypatch.setattr(house, "execute", fail)
    assert seen(house, firewall=True)["firewall"] is None
    monkeypatch.undo()
    engine: Any = house
    assert closed(engine, {"status": "exited", "id": "x"}) is None


def test_room_is_a_fraction_and_unknown_where_nothing_is(tmp_path: Path) -> None:
    found = free(str(tmp_path))
    assert found is not None and 0.0 < found <= 1.0
    assert free("/nowhere") is None
