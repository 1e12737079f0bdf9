"""sandbox.engine: which engines are refused, when somebody is asked, what a killed run leaves."""

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox import engine
from sandbox.command import SandboxError


def pretend(monkeypatch: pytest.MonkeyPatch, version: dict[str, Any], info: dict[str, Any]) -> None:
    def output(arguments: list[str]) -> str:
        return json.dumps(version if "version" in arguments else info)

    monkeypatch.setattr(engine, "output", output)


@pytest.mark.parametrize(
    ("version", "info", "word"),
    [
        ({"Components": [{"Name": "Podman Engine"}]}, {"OSType": "linux"}, "Podman"),
        ({}, {"OSType": "linux", "OperatingSystem": "Docker Desktop"}, "Docker Desktop"),
        ({}, {"OSType": "linux", "SecurityOptions": ["name=rootless"]}, "rootless"),
        ({}, {"OSType": "windows"}, "windows"),
    ],
)
def test_an_engine_that_cannot_boot_a_box_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, version: dict[str, Any], info: dict[str, Any], word: str
) -> None:
    pretend(monkeypatch, version, info)
    with pytest.raises(SandboxError, match=word):
        engine._check_kind()


def test_docker_engine_on_linux_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, {"Components": [{"Name": "Engine"}]}, {"OSType": "linux"})
    engine._check_kind()


@pytest.mark.parametrize("pid", ["999999999", "1", "not a number"])
def test_the_pid_file_of_an_engine_that_is_gone_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pid: str
) -> None:
    file = tmp_path / "docker.pid"
    file.write_text(pid)
    monkeypatch.setattr(engine, "PID_FILE", file)
    engine._remove_stale_pid_file()
    assert not file.exists()


def test_somebodys_own_machine_is_not_changed_without_a_yes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "_systemd_runs", lambda: True)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(SandboxError, match="--yes"):
        engine._may_change("This installs docker.io.", assume_yes=False)
    engine._may_change("This installs docker.io.", assume_yes=True)
