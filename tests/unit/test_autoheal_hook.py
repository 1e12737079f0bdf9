"""autoheal_hook: who tells of a restart that Autoheal's webhook names."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediastack import autoheal_hook


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that answers what is written into the file `answer` beside it."""
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/answer\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path / "answer"


@pytest.fixture
def keeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends of SIGHUP, also where this one was started by nohup."""
    with subprocess.Popen(["env", "--default-signal=HUP", "sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_running_keeper_is_woken_and_tells(
    systemctl: Path, keeper: subprocess.Popen[bytes]
) -> None:
    systemctl.write_text(f"{keeper.pid}\n")
    assert autoheal_hook.keeper_tells()
    assert keeper.wait(timeout=5) == -signal.SIGHUP


@pytest.mark.parametrize("answer", ["0\n", "", "nonsense\n", "1\n"])
def test_without_a_keeper_the_webhooks_own_words_are_needed(systemctl: Path, answer: str) -> None:
    systemctl.write_text(answer)
    assert not autoheal_hook.keeper_tells()


def test_a_keeper_that_has_just_ended_tells_nothing(
    systemctl: Path, keeper: subprocess.Popen[bytes]
) -> None:
    keeper.kill()
    keeper.wait()
    systemctl.write_text(f"{keeper.pid}\n")
    assert not autoheal_hook.keeper_tells()


def test_without_systemd_nobody_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not autoheal_hook.keeper_tells()
