"""keeper: the loop's passes against made-up Docker and sentinel; state on disk is what is read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from simulated_docker import SimulatedDocker, running_house

from mediastack import autoheal, keeper, lock, observe, user_stops
from mediastack.docker_client import LABEL, NotReachable

FILES = Path(__file__).parents[2] / "files"


class FakeDocker:
    def __init__(self) -> None:
        self.stopped: list[tuple[str, int]] = []

        self.autoheal = ""
        self.while_autoheal_was: set[str] = set()

    def stop(self, name: str, grace: int) -> None:
        self.stopped.append((name, grace))
        self.while_autoheal_was.add(self.autoheal)

    def inspect(self, name: str) -> dict[str, Any] | None:
        labels = {"io.mediastack.service": name}
        state = {"Status": self.autoheal}
        return {"State": state, "Config": {"Labels": labels}} if self.autoheal else None

    def containers(self, label: str) -> list[dict[str, Any]]:
        return [{"Config": {"Labels": {"io.mediastack.service": "plex"}}}]

    def pause(self, name: str) -> None:
        assert (name, self.autoheal) == ("autoheal", "running")
        self.autoheal = "paused"

    def resume(self, name: str) -> None:
        assert (name, self.autoheal) == ("autoheal", "paused")
        self.autoheal = "running"


class World:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.house: SimulatedDocker = running_house()
        self.docker: Any = FakeDocker()
        self.reachable = True
        self.config: dict[str, Any] = {
            **self.house.config,
            "paths": {"data": f"{root}/data", "sentinel": f"{root}/data/.s"},
        }
        for entry in self.config["services"].values():
            entry["stop_grace_seconds"] = 7

    def observe(self, config: Any, docker: Any) -> dict[str, Any]:
        if not self.reachable:
            raise NotReachable("away")
        return self.house.observation()

    def state(self, name: str) -> Any:
        return json.loads((self.root / "state" / name).read_text())

    def schedule(self) -> Any:
        """What a boot wipes: the directory is on a tmpfs."""
        return json.loads((self.root / "run" / "keeper.json").read_text())

    def messages(self) -> list[dict[str, Any]]:
        spool = self.root / "state" / "spool" / "new"
        return [json.loads(path.read_text()) for path in sorted(spool.glob("*.json"))]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    for name in ("state", "run", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "data" / ".s").write_text("")
    file = tmp_path / "mediastack.toml"
    file.write_text(
        f'schema = 1\n[paths]\nstate = "{tmp_path}/state"\nruntime = "{tmp_path}/run"\n'
    )
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(file))
    made = World(tmp_path)
    monkeypatch.setattr(observe, "observe", made.observe)
    monkeypatch.setattr(user_stops, "dockerd_started", lambda: 0.0)
    return made


def test_a_lost_sentinel_stops_the_writers_and_the_record_is_on_disk(world: World) -> None:
    (world.root / "data" / ".s").unlink()
    uneasy, changed = keeper.guard(world.config, world.docker)
    assert (uneasy, changed) == (True, True)
    assert sorted(world.docker.stopped) == [("plex", 7), ("qbittorrent", 7), ("sonarr", 7)]
    assert set(world.state("guard.json")["stopped"]) == {"plex", "qbittorrent", "sonarr"}
    assert [message["priority"] for message in world.messages()] == [5]


def test_writers_are_stopped_by_the_list_when_an_inspect_hangs(world: World) -> None:
    (world.root / "data" / ".s").unlink()
    world.reachable = False
    listed = [("plex", "running"), ("sonarr", "running"), ("seerr", "running")]
    world.docker.running = lambda: [
        {"Names": [f"/{name}"], "Id": name, "State": state, "Labels": {LABEL: name}}
        for name, state in listed
    ]
    keeper.guard(world.config, world.docker)
    assert sorted(world.docker.stopped) == [("plex", 7), ("sonarr", 7)]
    assert set(world.state("guard.json")["stopped"]) == {"plex", "sonarr"}


def test_what_the_guard_stops_has_a_clean_slate_when_the_disk_is_back(world: World) -> None:
    record = {"attempts": 5, "last": 1.0, "next": 9e9, "told": False}
    path = world.root / "run" / "keeper.json"
    path.write_text(json.dumps({"services": {"sonarr": record, "gluetun": record}}))
    (world.root / "data" / ".s").unlink()
    keeper.guard(world.config, world.docker)
    assert world.schedule()["services"] == {"gluetun": record}


def test_autoheal_rests_while_the_writers_are_stopped(world: World) -> None:
    (world.root / "data" / ".s").unlink()
    world.docker.autoheal = "running"
    keeper.guard(world.config, world.docker)
    assert world.docker.while_autoheal_was == {"paused"}
    assert world.docker.autoheal == "running"


def test_what_autoheal_did_is_recorded_also_while_somebody_holds_the_lock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[Any] = []
    monkeypatch.setattr(autoheal, "watch", lambda *arguments: passes.append(arguments))
    with lock.hold("somebody", "a test", wait_seconds=0.0):
        keeper.look(world.config, world.docker, {})
    assert [arguments[:2] for arguments in passes] == [(world.config, world.docker)]


def test_an_autoheal_that_was_left_paused_goes_on_at_the_next_pass(world: World) -> None:
    world.docker.autoheal = "paused"
    world.house.containers.append({**world.house.containers[0], "name": "autoheal"})
    world.house.containers[-1] |= {"service": "autoheal", "status": "paused"}
    keeper.look(world.config, world.docker, {})
    assert world.docker.autoheal == "running"


def test_the_writers_are_stopped_even_while_somebody_holds_the_lock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOCK_PATIENCE_SECONDS", 0.1)
    held, done = threading.Event(), threading.Event()

    def holder() -> None:
        with lock.hold("deploy", "pulling", wait_seconds=0):
            held.set()
            done.wait(20)

    thread = threading.Thread(target=holder)
    thread.start()
    held.wait(5)
    try:
        (world.root / "data" / ".s").unlink()
        keeper.guard(world.config, world.docker)
        assert len(world.docker.stopped) == 3
        todo, known = keeper.look(world.config, world.docker, {})
        assert (todo["apply"], known) == ([], True)
    finally:
        done.set()
        thread.join()


def test_a_pass_writes_its_schedule_before_anything_is_done(world: World) -> None:
    seerr = world.house.get("seerr")
    assert seerr is not None
    seerr["status"] = "exited"
    todo, known = keeper.look(world.config, world.docker, {})
    assert (todo["apply"], known) == (["seerr"], True)
    assert world.schedule()["services"]["seerr"]["attempts"] == 1


def test_the_pauses_between_attempts_do_not_outlive_a_boot(world: World) -> None:
    seerr = world.house.get("seerr")
    assert seerr is not None
    seerr["status"] = "exited"
    for _ in range(4):  # boots in quick succession
        assert keeper.look(world.config, world.docker, {})[0]["apply"] == ["seerr"]
        for file in (world.root / "run").iterdir():
            file.unlink()
    assert world.messages() == []


def test_without_docker_nothing_is_done_and_it_is_asked_again_soon(world: World) -> None:
    world.reachable = False
    todo, known = keeper.look(world.config, world.docker, {})
    assert (todo["apply"], todo["soon"], known) == ([], True, False)


def test_an_attempt_that_found_the_lock_held_does_not_count(world: World) -> None:
    seerr = world.house.get("seerr")
    assert seerr is not None
    seerr["status"] = "exited"
    keeper.look(world.config, world.docker, {})
    job: Future[Any] = Future()
    job.set_exception(lock.Busy("x", {}, 2.0))
    assert keeper._result(job, ["seerr"]) == {}
    assert world.schedule() == {"services": {}}


def test_the_daemon_looks_at_once_on_sighup_and_ends_on_sigterm(world: World) -> None:
    text = (world.root / "mediastack.toml").read_text()
    text += f'program = "{world.root}"\netc = "{world.root}"\n'
    text += f'sentinel = "{world.root}/data/.s"\n[stacks.media]\nservices = []\n'
    (world.root / "mediastack.toml").write_text(text)
    with subprocess.Popen(
        [sys.executable, "-m", "mediastack", "keeper"],
        env={
            **os.environ,
            "PYTHONPATH": str(FILES),
            "DOCKER_HOST": f"unix://{world.root}/nothing.sock",
        },
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "does not answer" in process.stderr.readline()
        began = time.monotonic()
        process.send_signal(signal.SIGHUP)
        assert "does not answer" in process.stderr.readline()
        assert time.monotonic() - began < 5
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
