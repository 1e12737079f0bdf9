"""The monitor as systemd runs it: a process of its own, with a healer at the other end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import door_house
import pytest
from door_house import Healer, line, wait
from monitor_house import House

FILES = str(Path(__file__).parents[2] / "files")
# Idle, on this machine's Python; the whole budget of watcher and healer is 35 MB.
RSS_MB = 18.0
RUN = """
import sys
from mediastack.monitor import door, watcher
door.SOCKET = sys.argv[1]
door.Door.__init__.__defaults__ = door.Ear.__init__.__defaults__ = (sys.argv[1],)
{extra}
sys.exit(watcher.main([]))
"""


class Program:
    """The process, what systemd hears of it, and its directory."""

    def __init__(self, directory: Path, extra: str = "", **environment: str) -> None:
        self.directory = directory
        (directory / "monitor").mkdir(exist_ok=True)
        toml = directory / "mediastack.toml"
        if not toml.exists():
            toml.write_text(f'schema = 1\n[paths]\nstate = "{directory}"\n')
        self.systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = directory / "notify.sock"
        address.unlink(missing_ok=True)
        self.systemd.bind(str(address))
        self.systemd.settimeout(5)
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN.format(extra=extra), str(directory / "healer.sock")],
            env={
                **os.environ,
                "PYTHONPATH": FILES,
                "MEDIASTACK_CONFIG": str(toml),
                "NOTIFY_SOCKET": str(address),
                **environment,
            },
            stderr=subprocess.PIPE,
            text=True,
        )

    def heard(self) -> str:
        """The next word to systemd."""
        return self.systemd.recv(4096).decode()

    def kept(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.directory / "monitor/monitor.json").read_text())
        return found

    def rss(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        assert found
        return int(found[1]) / 1024

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


@pytest.fixture
def healer(tmp_path: Path) -> Iterator[Healer]:
    with door_house.healer(tmp_path) as made:
        docker = House()
        made.docker = docker  # type: ignore[attr-defined]
        made.answer = lambda request: line(
            {"ok": True, "failed": {}, "look": docker.look() if request["do"] == "look" else None}
        )
        yield made


@contextlib.contextmanager
def start(directory: Path, **more: Any) -> Iterator[Program]:
    program = Program(directory, **more)
    try:
        yield program
    finally:
        program.process.kill()
        program.process.wait()


@pytest.fixture
def program(healer: Healer, tmp_path: Path) -> Iterator[Program]:
    with start(tmp_path) as made:
        yield made


def test_it_is_ready_after_its_first_look_and_says_how_things_are(program: Program) -> None:
    first = program.heard()
    assert first.startswith("READY=1\nWATCHDOG=1\nSTATUS=")
    assert "READY" not in program.heard()


def test_it_is_ready_too_when_nobody_answers(tmp_path: Path) -> None:
    # Else a boot without Docker would wait for it, and end it.
    with start(tmp_path) as program:
        assert program.heard().startswith("READY=1\nWATCHDOG=1\nSTATUS=Docker or the healer")


def test_an_event_leads_to_a_decision_within_milliseconds(program: Program, healer: Healer) -> None:
    wait(lambda: len(healer.listeners) == 1 and _quiet(program))
    # It looks once more at the beginning, since it listens now.
    time.sleep(0.5)
    healer.docker.end_owner()  # type: ignore[attr-defined]
    at = time.time()
    healer.say({"event": "die", "service": "gluetun", "at": at})
    wait(lambda: any(request.get("verb") == "hold" for request in healer.asked))
    decision = program.kept()["decisions"][-1]
    assert decision["event_at"] == at
    assert decision["at"] - at < 0.05


def test_sighup_is_a_look_and_sigterm_an_end_with_the_moment_kept(
    program: Program, healer: Healer
) -> None:
    wait(lambda: _quiet(program))
    before = len(healer.asked)
    program.process.send_signal(signal.SIGHUP)
    wait(lambda: len(healer.asked) > before)
    then = program.kept()["steady"]["boottime"]
    assert program.end() == 0
    assert program.kept()["steady"]["boottime"] > then


def test_the_users_request_is_taken_and_taken_away(program: Program, healer: Healer) -> None:
    wait(lambda: _quiet(program))
    request = program.directory / "monitor" / "resume"
    request.touch()
    program.process.send_signal(signal.SIGHUP)
    wait(lambda: not request.exists())
    assert program.kept()["resumed_at"] is not None


def test_each_pass_shows_in_the_time_of_the_state_without_being_written(
    program: Program, healer: Healer
) -> None:
    wait(lambda: _quiet(program))
    path = program.directory / "monitor/monitor.json"
    before = path.stat()
    time.sleep(0.02)
    program.process.send_signal(signal.SIGHUP)
    wait(lambda: path.stat().st_mtime_ns > before.st_mtime_ns)
    assert path.stat().st_ino == before.st_ino


def test_nobody_feeds_the_watchdog_but_passes(healer: Healer, tmp_path: Path) -> None:
    hang = (
        "real = watcher.core.step\n"
        "def step(*arguments):\n"
        "    if arguments[2] > 1.5: __import__('time').sleep(60)\n"
        "    return real(*arguments)\n"
        "watcher.core.step = step"
    )
    with start(tmp_path, extra=hang) as program:
        wait(lambda: len(healer.asked) > 1)
        program.systemd.settimeout(3)
        with pytest.raises(TimeoutError):
            while True:
                program.heard()


def test_it_looks_twice_as_often_as_the_watchdog_wants_to_hear(
    healer: Healer, tmp_path: Path
) -> None:
    with start(tmp_path, WATCHDOG_USEC="400000") as program:
        wait(lambda: _quiet(program))
        started = time.monotonic()
        for _ in range(5):
            program.heard()
        assert time.monotonic() - started < 2.0


def test_idle_it_weighs_little(program: Program, healer: Healer) -> None:
    wait(lambda: _quiet(program))
    assert program.rss() < RSS_MB


def test_what_it_does_not_need_it_does_not_import() -> None:
    source = "import sys, mediastack.monitor.watcher; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": FILES}
    printed = subprocess.run(
        [sys.executable, "-c", source], env=environment, capture_output=True, text=True, check=True
    )
    loaded = set(printed.stdout.split())
    for heavy in ("docker", "prometheus_client", "subprocess", "asyncio", "http", "ssl",
                  "logging", "mediastack.stacks", "concurrent.futures"):  # fmt: skip
        assert heavy not in loaded


def _quiet(program: Program) -> bool:
    """All is settled and told."""
    path = program.directory / "monitor/monitor.json"
    if not path.exists():
        return False
    kept = program.kept()
    return kept["settled"] is not None and not kept["outbox"] and kept["acting"] is None
