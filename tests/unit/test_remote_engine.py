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
        self.ports = ""

    def run(self, command: list[str], **_: Any) -> Any:
        if command[1] == "show":
            return SimpleNamespace(stdout=f"{self.pid}\n", returncode=0)
        if command[1] == "ps":
            return SimpleNamespace(stdout=self.ports, returncode=0)
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


PORTS = """\
10.89.0.16:6767->6767/tcp, 8000/tcp, [::1]:7000->7000/tcp
10.89.0.16:8080-8082->8080-8082/tcp

"""


def test_published_ports_are_read_with_their_ranges(host: Host) -> None:
    host.ports = PORTS
    here = {f"10.89.0.16:{port}" for port in (6767, 8080, 8081, 8082)}
    assert engine.published() == {*here, "::1:7000"}


def process(proc: Path, pid: int, parent: int, *words: str) -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "cmdline").write_text("\0".join(words) + "\0")
    (proc / str(pid) / "stat").write_text(f"{pid} (docker proxy) S {parent} 1 1")


def test_only_the_proxies_of_this_engine_count(tmp_path: Path) -> None:
    proxy = ("/usr/sbin/docker-proxy", "-proto", "tcp", "-host-ip", "10.0.0.1", "-host-port")
    process(tmp_path, 10, 7, *proxy, "8181")
    process(tmp_path, 11, 99, *proxy, "5000")  # a Docker inside a container
    process(tmp_path, 12, 7, "/bin/sh", "docker-proxy")
    (tmp_path / "self").mkdir()
    assert engine.proxied(7, str(tmp_path)) == {"10.0.0.1:8181"}


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """What dockerd proxies, look after look; the last one stays."""
    seen: list[set[str]] = []
    monkeypatch.setattr(engine, "proxied", lambda _: set(seen.pop(0) if len(seen) > 1 else seen[0]))
    monkeypatch.setattr(engine, "time", SimpleNamespace(sleep=lambda _: None))
    return seen


def test_a_port_of_a_container_that_is_gone_restarts_the_engine(
    host: Host, spec: dict[str, str], looks: list[set[str]]
) -> None:
    host.ports = "10.89.0.16:6767->6767/tcp\n"
    looks.append({"10.89.0.16:6767", "10.89.0.16:8181"})
    (problem,) = engine.check(spec)
    assert problem["path"] == "10.89.0.16:8181"
    engine.apply(spec)
    assert host.calls[-1] == ["restart", "docker.service"]


def test_a_container_that_starts_just_now_is_no_lost_port(
    host: Host, spec: dict[str, str], looks: list[set[str]]
) -> None:
    looks.extend([{"10.89.0.16:8181"}, {"10.89.0.16:8181"}, set()])
    assert engine.check(spec) == []


def test_ports_that_are_lost_one_after_the_other_are_none(
    host: Host, spec: dict[str, str], looks: list[set[str]]
) -> None:
    looks.extend([{"10.89.0.16:1"}, {"10.89.0.16:2"}])
    assert engine.check(spec) == []
