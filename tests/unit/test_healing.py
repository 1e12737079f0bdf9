"""healing: Autoheal rests while its wards are worked on, and never stays paused."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from mediastack import healing, ledger, lock
from mediastack.adopt import journal as adopting
from mediastack.docker_client import DockerError, NotReachable


class Engine:
    """Autoheal's container, and one that it watches."""

    def __init__(self, status: str = "running", service: str = "autoheal") -> None:
        self.status = status
        self.service = service
        self.away = False
        self.refuses = False
        self.calls: list[str] = []

    def inspect(self, name: str) -> dict[str, Any] | None:
        if self.away:
            raise NotReachable("away")
        if name != "autoheal" or not self.status:
            return None
        labels = {"io.mediastack.service": self.service}
        return {"State": {"Status": self.status}, "Config": {"Labels": labels}}

    def containers(self, label: str) -> list[dict[str, Any]]:
        assert label == "autoheal=true"
        return [{"Config": {"Labels": {"io.mediastack.service": "seerr", "autoheal": "true"}}}]

    def pause(self, name: str) -> None:
        assert self.status == "running", "409"
        if self.refuses:
            raise DockerError("no freezer")
        self.calls.append("pause")
        self.status = "paused"

    def resume(self, name: str) -> None:
        assert self.status == "paused", "409"
        if self.refuses:
            raise DockerError("no freezer")
        self.calls.append("resume")
        self.status = "running"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "mediastack.toml"
    file.write_text(f'schema = 1\n[paths]\nstate = "{tmp_path}"\nruntime = "{tmp_path}"\n')
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(file))
    return tmp_path


def rest(engine: Any, services: list[str]) -> str:
    """The status of Autoheal's container inside the block."""
    with healing.resting(engine, services):
        return str(engine.status)


def wake(engine: Any) -> bool:
    seen = {"containers": [{"name": "autoheal", "status": engine.status}]}
    return healing.wake(engine, seen, "keeper")


def test_autoheal_is_paused_while_a_ward_of_its_is_worked_on_and_goes_on_after() -> None:
    engine = Engine()
    assert rest(engine, ["seerr", "sonarr"]) == "paused"
    assert engine.status == "running"


def test_autoheal_goes_on_also_when_the_work_fails() -> None:
    engine: Any = Engine()
    with pytest.raises(ValueError, match="broke"), healing.resting(engine, ["seerr"]):
        raise ValueError("broke")
    assert engine.status == "running"


@pytest.mark.parametrize("services", [["sonarr"], []])
def test_work_on_what_autoheal_does_not_watch_leaves_it_alone(services: list[str]) -> None:
    engine = Engine()
    assert rest(engine, services) == "running"
    assert engine.calls == []


@pytest.mark.parametrize("status", ["exited", "created", ""])
def test_an_autoheal_that_does_not_run_is_not_paused(status: str) -> None:
    engine = Engine(status)
    rest(engine, ["seerr"])
    assert (engine.status, engine.calls) == (status, [])


def test_a_container_of_that_name_that_is_not_ours_is_left_alone() -> None:
    engine = Engine(service="")
    rest(engine, ["seerr"])
    assert engine.calls == []


def test_what_a_killed_run_left_paused_goes_on_after_the_next() -> None:
    engine = Engine("paused")
    assert rest(engine, ["seerr"]) == "paused"
    assert engine.calls == ["resume"]


def test_an_autoheal_that_was_itself_recreated_meanwhile_is_not_resumed() -> None:
    engine: Any = Engine()
    with healing.resting(engine, ["seerr", "autoheal"]):
        engine.status = "running"
    assert engine.calls == ["pause"]


def test_an_autoheal_that_cannot_be_paused_keeps_nobody_from_working(
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine = Engine()
    engine.refuses = True
    assert rest(engine, ["seerr"]) == "running"
    assert "cannot be paused, going on without: no freezer" in capsys.readouterr().err


def test_a_docker_that_goes_away_meanwhile_leaves_the_resuming_to_the_keeper() -> None:
    engine: Any = Engine()
    with healing.resting(engine, ["seerr"]):
        engine.away = True
    engine.away = False
    assert engine.status == "paused"
    assert wake(engine)
    assert engine.status == "running"
    assert [entry["outcome"] for entry in ledger.read()] == ["resumed"]


def test_a_running_autoheal_needs_no_waking_and_no_lock(state: Path) -> None:
    assert not wake(Engine())
    assert not (state / "stack.lock").exists()


def test_while_somebody_holds_the_lock_a_paused_autoheal_is_left_so() -> None:
    held, done = threading.Event(), threading.Event()

    def holder() -> None:
        with lock.hold("deploy", "working", wait_seconds=0):
            held.set()
            done.wait(20)

    thread = threading.Thread(target=holder)
    thread.start()
    held.wait(5)
    engine = Engine("paused")
    try:
        assert not wake(engine)
        assert engine.status == "paused"
    finally:
        done.set()
        thread.join()
    assert wake(engine)


def test_one_that_cannot_be_resumed_is_said_and_tried_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine = Engine("paused")
    engine.refuses = True
    assert not wake(engine)
    assert "cannot be resumed: no freezer" in capsys.readouterr().err
    assert ledger.read() == []
    engine.refuses = False
    assert wake(engine)


def test_autoheal_stays_paused_until_an_adopted_service_has_proven_itself() -> None:
    engine = Engine()
    adopting.write({"service": "seerr", "step": "in"})
    assert rest(engine, ["seerr"]) == "paused"
    assert not wake(engine)
    assert engine.status == "paused"
    adopting.forget("seerr")
    assert wake(engine)
    assert engine.status == "running"
