"""backup.stopped: it runs again if it did, wherever we are killed, and nobody is misled by it."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import pytest
import staging_house as house

from mediastack import intent, journal, lock, user_stops
from mediastack.backup import stopped
from mediastack.backup.trouble import BackupError
from mediastack.docker_client import NotReachable

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(stopped, "START_PAUSE_SECONDS", 0.0)
    return house.furnish(tmp_path, monkeypatch, "app!")


def ledger(config: dict[str, Any]) -> list[dict[str, Any]]:
    path = Path(config["paths"]["state"]) / "ledger.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_the_work_is_done_while_it_is_stopped_and_nobody_else_may_act(
    config: dict[str, Any],
) -> None:
    docker, seen = house.Containers("app"), []

    def work() -> None:
        holder = lock.holder() or {}
        seen.append((docker.status["app"], holder.get("actor"), journal.entries()["app"]["actor"]))

    assert stopped.while_stopped(config, docker, "app", work) > 0
    assert seen == [("exited", "backup", "backup")]
    assert docker.calls == ["stop app", "start app"]
    assert journal.entries() == {}
    assert lock.holder() is None
    assert [(line["subject"], line["outcome"]) for line in ledger(config)] == [("app", "copied")]


@pytest.mark.parametrize("status", ["exited", "paused", "created", ""])
def test_one_that_does_not_run_is_copied_and_left_as_it_is(
    config: dict[str, Any], status: str
) -> None:
    docker, seen = house.Containers(), []
    if status:
        docker.status["app"] = status
    assert stopped.while_stopped(config, docker, "app", lambda: seen.append(lock.holder())) == 0.0
    assert seen[0] is not None
    assert docker.calls == []
    assert journal.entries() == {}


@pytest.mark.parametrize("wanted", [True, False])
def test_what_a_killed_backup_has_stopped_is_started_unless_the_user_stopped_it_since(
    config: dict[str, Any], wanted: bool
) -> None:
    docker = house.Containers()
    docker.status["app"] = "exited"
    journal.begin("backup", "backup", ["app"])
    if not wanted:
        intent.stop(["app"], "somebody")
    stopped.while_stopped(config, docker, "app", lambda: None)
    assert docker.status["app"] == ("running" if wanted else "exited")


def test_it_is_started_again_when_the_copy_fails(config: dict[str, Any]) -> None:
    docker = house.Containers("app")

    def work() -> None:
        raise BackupError("space", "no room")

    with pytest.raises(BackupError, match="no room"):
        stopped.while_stopped(config, docker, "app", work)
    assert docker.status["app"] == "running"
    assert journal.entries() == {}
    assert ledger(config)[-1]["outcome"] == "copy failed"


def test_what_cannot_be_started_stays_in_the_journal_for_others(config: dict[str, Any]) -> None:
    docker = house.Containers("app")
    docker.unstartable = True
    assert stopped.while_stopped(config, docker, "app", lambda: None) > 0
    assert docker.calls.count("start app") == stopped.START_ATTEMPTS
    assert journal.entries()["app"]["actor"] == "backup"
    assert "non running container" in ledger(config)[-1]["cause"]


def test_a_copy_during_which_somebody_started_it_is_none(config: dict[str, Any]) -> None:
    docker = house.Containers("app")
    with pytest.raises(BackupError, match="was started by somebody"):
        stopped.while_stopped(config, docker, "app", lambda: docker.start("app"))
    assert docker.status["app"] == "running"


def test_while_somebody_else_is_at_work_nothing_is_stopped(config: dict[str, Any]) -> None:
    docker = house.Containers("app")

    def hold(held: Any, release: Any) -> None:
        with lock.hold("updater", "a test", wait_seconds=0):
            held.set()
            release.wait(30)

    held, release = FORK.Event(), FORK.Event()
    process = FORK.Process(target=hold, args=(held, release))
    process.start()
    held.wait(30)
    try:
        with pytest.raises(BackupError, match="held by updater") as caught:
            stopped.while_stopped(config, docker, "app", lambda: None)
    finally:
        release.set()
        process.join()
    assert caught.value.kind == "busy"
    assert docker.calls == []


def test_without_docker_nothing_is_stopped(config: dict[str, Any]) -> None:
    docker, worked = house.Containers("app"), []

    def away(_: str) -> None:
        raise NotReachable("Docker does not answer")

    docker.on = away
    with pytest.raises(BackupError, match="does not answer") as caught:
        stopped.while_stopped(config, docker, "app", lambda: worked.append(1))
    assert caught.value.kind == "docker"
    assert not worked


class Killed:
    """Docker in a file, so that a killed process's deeds are seen; dies at its n-th step."""

    def __init__(self, path: Path, at: int) -> None:
        self.path, self.left = path, at
        path.write_text("running")

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os._exit(9)

    def inspect(self, name: str) -> dict[str, Any]:
        self.step()
        status = {"Status": self.path.read_text()}
        return {"State": status, "Config": {"Labels": {"io.mediastack.service": name}}}

    def containers(self, *_: Any, **__: Any) -> list[Any]:
        return []

    def stop(self, *_: Any) -> None:
        self.step()
        # Docker has been asked: whoever asked may die, it ends all the same.
        Path(f"{self.path}.asked").touch()
        self.step()
        self.path.write_text("exited")
        self.step()

    def start(self, _: str) -> None:
        self.step()
        Path(f"{self.path}.asked").unlink()
        self.path.write_text("running")
        self.step()


def test_killed_anywhere_it_runs_or_the_journal_says_whose_stop_it_was(
    config: dict[str, Any], tmp_path: Path
) -> None:
    state, outcomes = tmp_path / "docker", set()
    for at in range(1, 40):
        journal.forget(["app"])
        docker = Killed(state, at)
        real = {name: getattr(journal.atomic, name) for name in ("write", "exclusive")}

        def child(docker: Killed = docker, real: dict[str, Any] = real) -> None:
            def write(*arguments: Any, **options: Any) -> None:
                docker.step()
                real["write"](*arguments, **options)
                docker.step()

            journal.atomic.write = write
            stopped.while_stopped(config, docker, "app", docker.step)

        process = FORK.Process(target=child)
        process.start()
        process.join()
        asked = Path(f"{state}.asked")
        if state.read_text() == "running" and process.exitcode:
            # A pass of the keeper's sees it running, as far as it can.
            journal.forget_finished({"app": time.time() - 900.0}, begun_before=time.time())
            if asked.exists():
                state.write_text("exited")
        asked.unlink(missing_ok=True)
        status, entries = state.read_text(), journal.entries()
        assert status == "running" or entries["app"]["actor"] == "backup"
        assert lock.holder() is None
        if status == "exited":
            assert wish(entries) == user_stops.Wishes([], [], [])
            assert intent.stopped() == {}
        outcomes.add((process.exitcode, status))
        if process.exitcode == 0:
            break
    assert outcomes == {(9, "running"), (9, "exited"), (0, "running")}


def wish(entries: dict[str, Any]) -> user_stops.Wishes:
    """What the keeper takes the stop for, hours later, with Docker's event of it before it."""
    container = {
        "name": "app",
        "service": "app",
        "id": "x",
        "status": "exited",
        "finished_at": "2026-01-01T00:00:00Z",
        "error": "",
    }

    class Events:
        def events(self, *_: Any) -> list[dict[str, str]]:
            return [{"Action": "stop"}]

    observation = {"containers": [container], "intents": {}}
    return user_stops.find(Events(), observation, {*entries}, 2e9, 0.0)  # type: ignore[arg-type]
