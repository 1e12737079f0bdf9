"""stacks, acts, images and the stack verbs on a simulated Docker."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from simulated_docker import BRIDGE, EVERYTHING, HOST, OWNER, VPN, SimulatedDocker, a_config

from mediastack import (
    compose,
    healing,
    image_lock,
    intent,
    ledger,
    lock,
    observe,
    plan,
    stack_verbs,
    stacks,
    wait_healthy,
)
from mediastack.docker_client import DockerError

DIGEST = "sha256:" + "a" * 64


class House:
    """The simulated Docker behind the interfaces that stacks uses, and a clock of its own."""

    def __init__(self, root: Path) -> None:
        self.config: dict[str, Any] = {
            **a_config(),
            "paths": {
                "program": f"{root}/program",
                "state": f"{root}/state",
                "runtime": f"{root}/run",
                "sentinel": f"{root}/data/.s",
            },
            "network": {"name": "homelab_media_network"},
            "limits": {"lock_wait_seconds": 1, "health_wait_seconds": 60},
        }
        self.docker = SimulatedDocker(self.config)
        self.now = 0.0
        self.composed: list[tuple[str, ...]] = []
        self.pulled: list[str] = []
        self.broken: dict[str, str] = {}
        self.local = set[str]()
        self.network = True
        self.sick: set[str] = set()
        self.unstartable: set[str] = set()
        self.autoheal = "running"
        self.paused_for: list[str] = []
        for stack, entry in self.config["stacks"].items():
            directory = root / "program" / "stacks" / stack
            directory.mkdir(parents=True)
            hashes = [self.config["services"][name]["config_hash"] for name in entry["services"]]
            (directory / "compose.yaml").write_text("\n".join(hashes))
        for name in ("state", "run"):
            (root / name).mkdir()

    def watch(self, services: Sequence[str]) -> None:
        """Whatever is done to a container that Autoheal watches is done while it is paused."""
        watched = [name for name in services if name in (*HOST, *BRIDGE) and self.docker.get(name)]
        assert not watched or self.autoheal == "paused", watched

    # What observe and compose do.
    def observe(self, config: Any, docker: Any, proc: str = "") -> dict[str, Any]:
        self.docker.intents = dict(intent.stopped())
        locked = image_lock.read()
        self.docker.images = {
            name: image_lock.choose(locked.get(name), entry["image"])
            for name, entry in self.config["services"].items()
        }
        return self.docker.observation()

    def run_compose(self, arguments: Sequence[str], timeout_seconds: float) -> None:
        words = list(arguments)
        project = words[words.index("--project-name") + 1]
        verb = next(word for word in words if word in ("up", "down", "rm", "pull"))
        rest = [word for word in words[words.index(verb) + 1 :] if not word.startswith("-")]
        services = [word for word in rest if word in EVERYTHING]
        self.composed.append((project, verb, *services))
        for service in services:
            if service in self.broken:
                raise compose.ComposeError(self.broken[service])
        if verb == "pull":
            self.pulled += services
            self.local |= set(services)
        stack = project.removeprefix("mediastack-")
        if verb in ("down", "rm"):
            self.watch(services or self.config["stacks"][stack]["services"])
            for name in services or self.config["stacks"][stack]["services"]:
                if container := self.docker.get(name):
                    self.docker.containers.remove(container)
        if verb == "up":
            self.watch(services)
            for service in services:
                exists = self.docker.get(service) is not None
                force = "--force-recreate" in words
                action = "recreate" if exists and force else "start" if exists else "create"
                self.docker.act({"action": action, "service": service})

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.docker.time_passes()
        for name in self.sick:
            if container := self.docker.get(name):
                container["health"] = "unhealthy"

    # What docker_client.Docker does.
    def start(self, name: str) -> None:
        if name in self.unstartable:
            raise DockerError("bind source path does not exist")
        self.docker.act({"action": "start", "service": name})

    def restart(self, name: str, grace: int) -> None:
        container = self.docker.get(name)
        assert container is not None
        self.watch([name])
        container["status"] = "exited"
        self.docker.start(container)

    def remove(self, name: str, grace: int) -> None:
        self.docker.act({"action": "remove", "container": name, "service": name})

    def networks(self) -> list[dict[str, str]]:
        return [{"Name": "homelab_media_network"}] if self.network else []

    def images(self, references: Any) -> dict[str, Any]:
        return {
            reference: {} if any(f"/{name}:" in reference for name in self.local) else None
            for reference in references
        }

    def image_digest(self, reference: str) -> str:
        return DIGEST

    def inspect(self, name: str) -> dict[str, Any] | None:
        if name == healing.SERVICE:
            labels = {"io.mediastack.service": name}
            return {"State": {"Status": self.autoheal}, "Config": {"Labels": labels}}
        return {"State": {"Health": {"Log": [{"Output": "first\ncannot reach 127.0.0.1:8989\n"}]}}}

    def containers(self, label: str) -> list[dict[str, Any]]:
        return [
            {"Config": {"Labels": {"io.mediastack.service": name}}}
            for name in (*HOST, *BRIDGE)
            if label == "autoheal=true" and self.docker.get(name)
        ]

    def pause(self, name: str) -> None:
        assert name == healing.SERVICE
        holder = lock.holder()
        self.paused_for.append(holder["reason"] if holder else "nobody")
        self.autoheal = "paused"

    def resume(self, name: str) -> None:
        assert (name, self.autoheal) == (healing.SERVICE, "paused")
        self.autoheal = "running"

    def events(self, since: float, until: float, filters: Any) -> list[Any]:
        return []

    def apply(self, **options: Any) -> stacks.Outcome:
        engine: Any = self
        return stacks.apply(
            self.config, engine, "test", sleep=self.sleep, clock=lambda: self.now, **options
        )

    def statuses(self) -> dict[str, str]:
        return {container["name"]: container["status"] for container in self.docker.containers}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    made = House(tmp_path)
    file = tmp_path / "mediastack.toml"
    paths = made.config["paths"]
    file.write_text(
        f'schema = 1\n[paths]\nstate = "{paths["state"]}"\nruntime = "{paths["runtime"]}"\n'
    )
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(file))
    monkeypatch.setattr(observe, "observe", made.observe)
    monkeypatch.setattr(compose, "execute", made.run_compose)
    monkeypatch.setattr(stack_verbs, "Docker", lambda: made)
    monkeypatch.setattr(wait_healthy, "Docker", lambda: made)
    monkeypatch.setattr(stack_verbs.configuration, "load", lambda *_: made.config)
    simulated = functools.partial(
        stacks.apply, sleep=made.sleep, clock=lambda: made.now, lock_wait_seconds=1.0
    )
    monkeypatch.setattr(stack_verbs.stacks, "apply", simulated)
    return made


def test_a_fresh_host_gets_images_first_then_gluetun_then_its_dependents_in_one_call(
    house: House,
) -> None:
    outcome = house.apply()
    assert (outcome.failed, outcome.waiting, outcome.sick) == ({}, [], [])
    assert set(house.statuses().values()) == {"running"}
    assert sorted(house.pulled) == sorted(EVERYTHING)
    pulls = [call for call in house.composed if call[1] == "pull"]
    assert house.composed[: len(pulls)] == pulls
    downloads = [call for call in house.composed if call[:2] == ("mediastack-downloads", "up")]
    assert downloads == [
        ("mediastack-downloads", "up", OWNER),
        ("mediastack-downloads", "up", *VPN),
    ]


def test_what_was_pulled_is_locked_and_compose_is_told(house: House) -> None:
    house.apply()
    locked = image_lock.read()
    assert {entry["digest"] for entry in locked.values()} == {DIGEST}
    assert set(locked) == set(EVERYTHING)
    overrides = Path(house.config["paths"]["program"], "stacks/media/images.yaml").read_text()
    assert f"registry/plex:1@{DIGEST}" in overrides
    assert {c["image"] for c in house.docker.containers} >= {f"registry/plex:1@{DIGEST}"}


def test_a_second_run_does_nothing_at_all(house: House) -> None:
    house.apply()
    house.composed.clear()
    entries = len(ledger.read())
    outcome = house.apply()
    assert outcome.done == []
    assert house.composed == []
    assert len(ledger.read()) == entries


def test_every_act_is_in_the_ledger_with_actor_and_reason(house: House) -> None:
    house.apply()
    entries = {entry["subject"]: entry for entry in ledger.read()}
    assert set(entries) == set(EVERYTHING)
    assert entries["plex"]["actor"] == "test"
    assert entries["plex"]["outcome"] == "created"
    assert entries["plex"]["cause"] == "absent"


def test_a_service_that_cannot_be_made_is_named_and_does_not_keep_the_others(house: House) -> None:
    house.broken["seerr"] = "no space left on device"
    house.local = set(EVERYTHING)
    outcome = house.apply()
    assert outcome.failed == {"seerr": "no space left on device"}
    assert "seerr" not in house.statuses()
    assert house.statuses()["tautulli"] == "running"


def test_an_image_that_cannot_be_pulled_is_named_and_does_not_keep_the_others(
    house: House,
) -> None:
    house.local = set(EVERYTHING) - {"seerr"}
    house.broken["seerr"] = "manifest unknown"
    outcome = house.apply()
    assert list(outcome.failed) == ["seerr"]
    assert "registry/seerr:1 cannot be pulled: manifest unknown" in outcome.failed["seerr"]
    assert house.statuses()["tautulli"] == "running"


def test_a_gluetun_that_never_gets_healthy_ends_the_wait_and_is_named(house: House) -> None:
    house.sick = {OWNER}
    outcome = house.apply()
    assert {act["service"] for act in outcome.waiting} == set(VPN)
    assert [problem["path"] for problem in outcome.sick] == [OWNER]
    assert "cannot reach 127.0.0.1:8989" in outcome.sick[0]["log"]
    assert not set(VPN) & set(house.statuses())
    assert house.now <= 130


def test_without_waiting_what_is_not_ready_is_left_to_the_keeper(house: House) -> None:
    outcome = house.apply(wait=False)
    assert {act["service"] for act in outcome.waiting} == set(VPN)
    assert house.now == 0


def test_a_container_that_docker_refuses_to_start_is_given_up_after_a_few_attempts(
    house: House,
) -> None:
    house.apply()
    plex = house.docker.get("plex")
    assert plex is not None
    plex["status"] = "exited"
    house.unstartable = {"plex"}
    outcome = house.apply()
    assert outcome.failed == {"plex": "bind source path does not exist"}
    failures = [e for e in ledger.read() if e["outcome"] == "start failed"]
    assert len(failures) == stacks.ATTEMPTS


def test_files_of_an_unfinished_deploy_are_not_acted_on(house: House) -> None:
    house.apply()
    house.config["services"]["plex"]["config_hash"] = "hash-of-tomorrow"
    outcome = house.apply()
    assert "disagree about plex; run the deploy to its end" in outcome.failed["plex"]
    assert house.statuses()["plex"] == "running"


def test_without_the_shared_network_the_error_says_how_to_mend_it(house: House) -> None:
    house.network = False
    with pytest.raises(stacks.StackError, match=r"homelab_media_network does not exist; run the"):
        house.apply()


def test_a_held_lock_is_waited_for_only_so_long(house: House) -> None:
    import threading

    held, done = threading.Event(), threading.Event()

    def holder() -> None:
        with lock.hold("updater", "updating plex", wait_seconds=0):
            held.set()
            done.wait(20)

    thread = threading.Thread(target=holder)
    thread.start()
    held.wait(5)
    try:
        with pytest.raises(lock.Busy, match="updating plex"):
            house.apply(lock_wait_seconds=0.0)
    finally:
        done.set()
        thread.join()


def test_down_keeps_a_stack_down_and_up_brings_it_back(house: House) -> None:
    house.apply()
    assert stack_verbs.down(["media"]) == 0
    assert set(house.statuses()) == {OWNER, *VPN}
    assert set(intent.stopped()) == {"plex", "seerr", "tautulli"}
    assert house.apply().done == []
    assert stack_verbs.up(["media"]) == 0
    assert set(house.statuses().values()) == {"running"}
    assert intent.stopped() == {}


def test_down_of_gluetun_takes_its_dependents_off_and_up_of_gluetun_brings_them_back(
    house: House,
) -> None:
    house.apply()
    assert stack_verbs.down(["downloads", OWNER]) == 0
    assert not {OWNER, *VPN} & set(house.statuses())
    assert set(intent.stopped()) == {OWNER}
    assert stack_verbs.up(["downloads", OWNER]) == 0
    assert {OWNER, *VPN} <= set(house.statuses())


def test_up_of_a_dependent_says_so_when_gluetun_is_stopped(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.apply()
    stack_verbs.down(["downloads", OWNER])
    assert stack_verbs.up(["downloads", "sonarr"]) == 1
    assert "stack-manage.sh downloads up gluetun" in capsys.readouterr().err


def test_restarting_gluetun_puts_its_dependents_into_the_new_namespace(house: House) -> None:
    house.apply()
    assert stack_verbs.restart(["downloads", OWNER]) == 0
    spaces = {
        container["netns"]
        for container in house.docker.containers
        if container["name"] in (OWNER, *VPN)
    }
    assert len(spaces) == 1
    assert plan.plan(house.config, house.docker.observation()) == []


def test_autoheal_rests_under_the_lock_while_what_it_watches_is_worked_on(house: House) -> None:
    house.apply()
    assert house.paused_for == []
    stack_verbs.restart(["media", "tautulli"])
    stack_verbs.down(["media", "seerr"])
    house.config["services"]["plex"]["image"] = "registry/plex:2"
    house.apply()
    assert house.paused_for == [
        "restart tautulli",
        "down media seerr",
        "converging the stacks",
    ]
    assert house.autoheal == "running"


def test_autoheal_is_not_disturbed_by_work_on_gluetuns_group(house: House) -> None:
    house.apply()
    stack_verbs.restart(["downloads"])
    stack_verbs.down(["downloads"])
    assert house.paused_for == []


def test_pull_starts_and_stops_nothing(house: House) -> None:
    assert stack_verbs.pull(["media", "plex"]) == 0
    assert house.composed == [("mediastack-media", "pull", "plex")]
    assert house.statuses() == {}


@pytest.mark.parametrize("arguments", [["nonsense"], ["media", "sonarr"], []])
def test_an_unknown_stack_or_service_is_wrong_usage(house: House, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        stack_verbs.up(arguments)
    assert ended.value.code == 2


def test_apply_exits_1_and_names_the_sick_with_the_words_of_its_health_check(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.apply()
    house.sick = {"seerr"}
    seerr = house.docker.get("seerr")
    assert seerr is not None
    seerr["health"] = "unhealthy"
    house.config["limits"]["health_wait_seconds"] = 0
    assert stack_verbs.apply(["--actor", "deploy"]) == 1
    printed = capsys.readouterr().err
    assert "seerr: health: unhealthy" in printed
    assert "cannot reach 127.0.0.1:8989" in printed
    assert wait_healthy.main(["--timeout", "0"]) == 1


def test_a_pull_is_repeated_when_the_network_fails_and_not_when_it_is_hopeless() -> None:
    for error, attempts in [("connection reset by peer", 3), ("manifest unknown", 1)]:
        calls: list[Any] = []

        def run(arguments: Any, timeout: float, error: str = error, calls: Any = calls) -> None:
            calls.append(arguments)
            raise compose.ComposeError(error)

        with pytest.raises(compose.ComposeError):
            compose.pull({"paths": {"program": "/x"}}, "media", [], run=run, sleep=lambda _: None)
        assert len(calls) == attempts


def test_a_compose_call_names_everything_and_never_pulls(tmp_path: Path) -> None:
    directory = tmp_path / "stacks" / "media"
    directory.mkdir(parents=True)
    (directory / "images.yaml").write_text("")
    calls: list[Sequence[str]] = []
    config = {"paths": {"program": str(tmp_path)}}
    compose.up(config, "media", ["plex"], recreate=True, run=lambda call, _: calls.append(call))
    assert calls == [
        ["docker", "compose", "--project-name", "mediastack-media"]
        + ["--project-directory", str(directory)]
        + ["-f", f"{directory}/compose.yaml", "-f", f"{directory}/images.yaml"]
        + ["up", "-d", "--no-deps", "--force-recreate", "--pull", "never", "plex"]
    ]


def test_a_command_that_fails_shows_its_output_and_ends_in_its_last_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(compose.ComposeError, match="^going; gone$"):
        compose.execute(["sh", "-c", "echo going; echo gone >&2; exit 3"], 10)
    assert capsys.readouterr().err == "going\ngone\n"
    with pytest.raises(compose.ComposeError, match="no end after 0.2 s"):
        compose.execute(["sleep", "20"], 0.2)
    with pytest.raises(compose.ComposeError, match="install Docker Compose"):
        compose.execute(["/nonexistent/docker"], 1)


def test_the_plan_travels_as_one_line_and_reads_back() -> None:
    config = a_config()
    line = plan.dump(config)
    assert "\n" not in line
    assert json.load(io.StringIO(line)) == config


def test_unwell_names_the_sick_and_lost_data_but_not_what_the_user_stopped(house: House) -> None:
    house.apply()
    for service, change in [("seerr", {"health": "unhealthy"}), ("plex", {"status": "paused"})]:
        container = house.docker.get(service)
        assert container is not None
        container.update(change)
    intent.stop(["tautulli"], "root")
    house.docker.present = False
    problems = plan.unwell(house.config, house.observe(None, None))
    assert [problem["path"] for problem in problems] == [
        house.config["paths"]["sentinel"],
        "plex",
        "seerr",
    ]
    assert plan.unwell(house.config, plan.nothing_observed()) == []
