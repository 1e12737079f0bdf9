"""A house for tests of staging: its directories below tmp_path, a Docker on paper, databases."""

from __future__ import annotations

import os
import sqlite3
import time
import urllib.parse
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mediastack.backup import contents, staging
from mediastack.docker_client import LABEL, DockerError

DAY = 24 * 3600.0


def furnish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> dict[str, Any]:
    """Directories below tmp_path and services of these names, "name!" for a stopped one."""
    paths = {name: str(tmp_path / name) for name in ("state", "runtime", "config", "etc")}
    for path in paths.values():
        Path(path).mkdir()
    file = tmp_path / "etc" / "mediastack.toml"
    lines = "\n".join(f'{name} = "{path}"' for name, path in paths.items())
    file.write_text(f"schema = 1\n[paths]\n{lines}\n")
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(file))
    services = {}
    for word in names:
        name = word.rstrip("!")
        root = tmp_path / "config" / name
        root.mkdir()
        services[name] = {
            "config": str(root),
            "image": f"registry/{name}:1",
            "databases": [f"{name}.db"],
            "state_exclude": ["logs", "logs.db"],
            "backup": "stopped" if word.endswith("!") else "live",
            "uid": 1000,
            "gid": 1000,
        }
    return {
        "schema": 1,
        "release": "1.2.3",
        "host": {"name": "house"},
        "paths": paths,
        "limits": {"lock_wait_seconds": 0},
        "services": services,
    }


def a_database(path: Path | str, rows: int = 10, mode: str = "wal", size: int = 20) -> None:
    """A database as an app leaves it that has ended, of an hour ago."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute("CREATE TABLE IF NOT EXISTS films (id INTEGER PRIMARY KEY, title TEXT)")
        connection.execute("CREATE INDEX IF NOT EXISTS by_title ON films (title)")
        add(connection, rows, size)


def add(connection: sqlite3.Connection, rows: int, size: int = 20) -> None:
    connection.execute("BEGIN")
    for _ in range(rows):
        connection.execute("INSERT INTO films (title) VALUES (hex(randomblob(?)))", (size,))
    connection.execute("COMMIT")


def titles(path: Path | str) -> list[str]:
    uri = f"file:{urllib.parse.quote(str(path))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        return [title for (title,) in connection.execute("SELECT title FROM films ORDER BY id")]


def damage(path: Path | str) -> None:
    """Overwrite the pages after the first two with noise, as a bad disk does."""
    with open(path, "r+b") as stream:
        size = os.stat(path).st_size
        stream.seek(2 * 4096)
        stream.write(os.urandom(size - 2 * 4096))


def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day later, as far as fingerprints are concerned."""
    real = time.time
    monkeypatch.setattr("mediastack.backup.fingerprint.time.time", lambda: real() + DAY)


class Containers:
    """Docker, as far as a stop and a start go. `on`: called with each call's name before it."""

    def __init__(self, *running: str) -> None:
        self.status = dict.fromkeys(running, "running")
        self.calls: list[str] = []
        self.on: Callable[[str], None] = lambda call: None
        self.unstartable = False

    def inspect(self, name: str) -> dict[str, Any] | None:
        self.on("inspect")
        if name not in self.status:
            return None
        return {"State": {"Status": self.status[name]}, "Config": {"Labels": {LABEL: name}}}

    def containers(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
        return []

    def stop(self, name: str, grace_seconds: int) -> None:
        self.on("stop")
        self.calls.append(f"stop {name}")
        self.status[name] = "exited"

    def start(self, name: str) -> None:
        self.on("start")
        self.calls.append(f"start {name}")
        if self.unstartable:
            raise DockerError("cannot join network of a non running container")
        self.status[name] = "running"


DOCKER: Any = Containers()


def root(config: dict[str, Any], name: str) -> Path:
    return Path(config["services"][name]["config"])


def staged(config: dict[str, Any], service: str, relative: str) -> Path:
    return Path(contents.stage(config)) / "databases" / service / relative


def without_stop(config: Any, docker: Any, service: str, work: Callable[[], None]) -> float:
    work()
    return 1.5


def prepare(config: dict[str, Any]) -> staging.Staged:
    return staging.prepare(config, DOCKER, stop=without_stop)
