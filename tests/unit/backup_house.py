"""A house for tests of backups: configs, secrets and state below tmp_path, and a real restic."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import repository_house
from repository_house import PASSWORD

from mediastack import notify
from mediastack.backup import contents, repository, restic, settings
from mediastack.backup.settings import Target
from mediastack.backup.staging import Staged
from mediastack.docker_engine import Engine

HOST = "here"
CLONE_NEWNS = 0x00020000
NOT_ALLOWED = 77


class Message(NamedTuple):
    """What was said to the user."""

    title: str
    text: str


def furnish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **backup: Any) -> dict[str, Any]:
    """A service with a few files, a staged copy, a secret, our state; return the configuration."""
    paths = {
        name: str(tmp_path / name) for name in ("state", "runtime", "config", "etc", "backups")
    }
    for path in paths.values():
        Path(path).mkdir()
    file = tmp_path / "etc/mediastack.toml"
    lines = "\n".join(f'{name} = "{path}"' for name, path in paths.items())
    file.write_text(f"schema = 1\n[paths]\n{lines}\n")
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(file))
    monkeypatch.setattr(restic, "CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(repository, "LEAST_FREE_BYTES", 0)
    monkeypatch.setattr(repository, "LEAST_LEFT_BYTES", 0)
    config: dict[str, Any] = {
        "release": "0.2.0",
        "host": {"name": HOST, "timezone": "Europe/Berlin"},
        "paths": paths,
        "backup": {"enabled": True, "local": True, **backup},
        "services": {"sonarr": {"config": f"{paths['config']}/sonarr", "uid": 1000, "gid": 1000}},
    }
    secrets = tmp_path / "etc/secrets/backup"
    secrets.mkdir(parents=True)
    (secrets / "repository_password").write_text(PASSWORD)
    sonarr = tmp_path / "config/sonarr"
    sonarr.mkdir()
    (sonarr / "config.xml").write_text("<ApiKey>1</ApiKey>")
    stage = Path(contents.stage(config))
    (stage / "databases/sonarr").mkdir(parents=True)
    (stage / "databases/sonarr/sonarr.db").write_text("rows")
    (stage / "manifest.json").write_text("{}")
    return config


def placed(config: dict[str, Any]) -> dict[str, Any]:
    """Put an empty repository into the house."""
    repository_house.place(local(config).repository)
    return config


def local(config: dict[str, Any]) -> Target:
    """The repository of this host."""
    return settings.targets(config)[0]


def staged(config: dict[str, Any], **changes: Any) -> Staged:
    """What staging would return of this house."""
    paths = [
        *(entry["config"] for entry in config["services"].values()),
        contents.secrets(config),
        contents.stage(config),
    ]
    manifest = {"paths": {**config["paths"], "stage": contents.stage(config)}}
    return Staged(paths, [], manifest, 0, 1, {}, [])._replace(**changes)


def prepare(config: dict[str, Any], _docker: Engine) -> Staged:
    """Stands for staging.prepare."""
    return staged(config)


def ran(config: dict[str, Any], *arguments: str, target: Target | None = None) -> str:
    """What restic says, asked by another way than the code's."""
    target = target or local(config)
    environment = {
        **os.environ,
        "RESTIC_PASSWORD": PASSWORD,
        "RESTIC_REPOSITORY": target.repository,
        "RESTIC_CACHE_DIR": str(Path(config["paths"]["state"]).parent / "cache"),
    }
    return subprocess.run(
        ["restic", *arguments], env=environment, check=True, capture_output=True, text=True
    ).stdout


def held(config: dict[str, Any], target: Target | None = None) -> list[dict[str, Any]]:
    """The snapshots that restic itself lists."""
    found: list[dict[str, Any]] = json.loads(ran(config, "snapshots", "--json", target=target))
    return found or []


def report(config: dict[str, Any]) -> dict[str, Any]:
    """backup.json as it is on disk."""
    found: dict[str, Any] = json.loads(Path(config["paths"]["state"], "backup.json").read_text())
    return found


def listening(monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """What the user is told from now on."""
    told: list[Message] = []

    def send(_subject: str, title: str, message: str, **_: Any) -> None:
        told.append(Message(title, message))

    monkeypatch.setattr(notify, "send", send)
    return told


class Clock:
    """A clock for everybody who asks time.time."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def in_mounts(test: Callable[[], None]) -> None:
    """Do a test where what it mounts is seen by nobody else and gone afterwards."""
    if os.getuid() != 0:
        pytest.skip("only root may mount")
    with tempfile.TemporaryFile("w+") as said:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = _alone(test)
            except BaseException:
                traceback.print_exc(file=said)
                said.flush()
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said.seek(0)
        if code == NOT_ALLOWED:
            pytest.skip("mounting is not allowed here")
        assert code == 0, said.read()


def mount(*arguments: str) -> None:
    """Mount, within in_mounts."""
    subprocess.run(["mount", *arguments], check=True)


def _alone(test: Callable[[], None]) -> int:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        return NOT_ALLOWED
    private = subprocess.run(["mount", "--make-rprivate", "/"], check=False, capture_output=True)
    if private.returncode:
        return NOT_ALLOWED
    test()
    return 0
