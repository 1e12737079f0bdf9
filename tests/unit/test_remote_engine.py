"""remote/engine.py: a dockerd that has not read its configuration is restarted, no other."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from remote import engine


class Host:
    def __init__(self, pid: int) -> None:
        self.pid, self.calls = pid, list[list[str]]()

    def run(self, command: list[str], **_: Any) -> Any:
        if command[1] == "show":
            return SimpleNamespace(stdout=f"{self.pid}\n", returncode=0)
        self.calls.append(command[1:])
        return SimpleNamespace(stdout="", returncode=0)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    # This very process plays dockerd: its start time is real.
    made = Host(os.getpid())
    monkeypatch.setattr(engine, "subprocess", SimpleNamespace(run=made.run))
    return made


@pytest.fixture
def spec(tmp_path: Path) -> dict[str, str]:
    configuration = tmp_path / "daemon.json"
    configuration.write_text("{}")
    long_ago = time.time() - 10_000_000
    os.utime(configuration, (long_ago, long_ago))
    return {"configuration": str(configuration)}


def test_an_engine_that_read_its_configuration_is_left_alone(
    host: Host, spec: dict[str, str]
) -> None:
    assert engine.check(spec) == []
    assert engine.apply(spec) == []
    assert host.calls == []


def test_an_engine_older_than_its_configuration_is_restarted(
    host: Host, spec: dict[str, str]
) -> None:
    os.utime(spec["configuration"])
    started = engine.started_at(os.getpid())
    os.utime(spec["configuration"], (started + 5, started + 5))
    assert engine.apply(spec) == ["runs with an older daemon.json"]
    assert [call[0] for call in host.calls][-1] == "restart"


def test_an_engine_that_is_down_is_started_also_after_failed_starts(
    host: Host, spec: dict[str, str]
) -> None:
    host.pid = 0
    assert engine.check(spec) == [{"path": "docker.service", "problem": "not running"}]
    engine.apply(spec)
    actions = [call[0] for call in host.calls]
    assert actions.index("reset-failed") < actions.index("restart")
    assert "enable" in actions


def test_a_missing_configuration_is_a_difference(host: Host, tmp_path: Path) -> None:
    (problem,) = engine.check({"configuration": str(tmp_path / "none")})
    assert problem["problem"] == "absent"


def test_the_start_of_a_process_is_in_seconds_since_the_epoch() -> None:
    before = time.time()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert before - 2 < engine.started_at(child.pid) < time.time() + 2
    finally:
        child.communicate(b"\n")
