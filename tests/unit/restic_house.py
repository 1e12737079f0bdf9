"""A house for tests of restores: a config tree with every kind of file, backed up by restic."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import repository_house

from mediastack.backup import databases
from mediastack.backup.settings import Target

OLD_TIME = 1_600_000_000_123_456_789


class House(NamedTuple):
    """`manifest` is what its only snapshot says of itself."""

    root: Path
    target: Target
    manifest: dict[str, Any]
    snapshot: str


def furnish(tmp_path: Path) -> House:
    """sonarr (a database, all kinds of files) and qbittorrent (stopped), secrets, our state."""
    paths = {name: str(tmp_path / name) for name in ("config", "etc", "state")}
    stage = tmp_path / "config/.mediastack-backup/stage"
    paths["stage"] = str(stage)
    sonarr = tmp_path / "config/sonarr"
    (sonarr / "sub/[deep] *").mkdir(parents=True)
    (sonarr / "config.xml").write_text("<ApiKey>old</ApiKey>")
    (sonarr / "sub/[deep] */a").write_bytes(os.urandom(70_000))
    os.link(sonarr / "config.xml", sonarr / "sub/hard")
    os.symlink("../config.xml", sonarr / "sub/link")
    os.mkfifo(sonarr / "fifo")
    (sonarr / "sub").chmod(0o2750)
    (sonarr / "config.xml").chmod(0o640)
    database(sonarr / "sonarr.db", 7)
    (sonarr / "sonarr.db").chmod(0o600)
    os.utime(sonarr / "sonarr.db", ns=(OLD_TIME, OLD_TIME))
    (stage / "databases/sonarr").mkdir(parents=True)
    record = databases.copy(str(sonarr / "sonarr.db"), str(stage / "databases/sonarr/sonarr.db"))
    (sonarr / "sonarr.db").unlink()
    (stage / "stopped/qbittorrent/qBittorrent").mkdir(parents=True)
    (stage / "stopped/qbittorrent/qBittorrent/state").write_text("torrents")
    (tmp_path / "config/qbittorrent").mkdir()
    (tmp_path / "etc/secrets/sonarr").mkdir(parents=True)
    (tmp_path / "etc/secrets/sonarr/api_key").write_text("k")
    (tmp_path / "state/updater").mkdir(parents=True)
    (tmp_path / "state/images.lock").write_text("{}")
    (tmp_path / "state/updater/refused.json").write_text("{}")
    for path in (sonarr / "sub/[deep] */a", sonarr / "config.xml", sonarr / "sub", sonarr):
        os.utime(path, ns=(OLD_TIME, OLD_TIME))
    common = {"uid": os.getuid(), "gid": os.getgid(), "image": "", "digest": "", "locked_at": ""}
    manifest = {
        "schema": 1,
        "release": "1",
        "host": "here",
        "made_at": "2026-01-01T00:00:00.000+00:00",
        "paths": paths,
        "services": {
            "sonarr": {
                **common,
                "root": str(sonarr),
                "stopped": False,
                "excludes": ["logs"],
                "databases": {"sonarr.db": record},
            },
            "qbittorrent": {
                **common,
                "root": str(tmp_path / "config/qbittorrent"),
                "stopped": True,
                "excludes": [],
                "databases": {},
            },
        },
        "secrets": {"sonarr/api_key": {"uid": os.getuid(), "gid": os.getgid(), "mode": 0o400}},
    }
    return House(tmp_path, a_target(tmp_path), manifest, "")


def a_target(root: Path) -> Target:
    """A repository with a password of its own."""
    password = root / "password"
    password.write_text(repository_house.PASSWORD)
    return Target("local", str(root / "repository"), str(password), str(root / "none"))


def saved(house: House) -> House:
    """Write the manifest, and make the snapshot."""
    stage = Path(house.manifest["paths"]["stage"])
    (stage / "manifest.json").write_text(json.dumps(house.manifest))
    if not Path(house.target.repository).exists():
        repository_house.place(house.target.repository)
    config = house.root / "config"
    ran(house, "backup", "--tag", "mediastack", "--host", "here", str(config / "sonarr"),
        str(config / "qbittorrent"), str(stage), str(house.root / "etc/secrets"),
        str(house.root / "state/images.lock"),
        str(house.root / "state/updater/refused.json"))  # fmt: skip
    found = json.loads(ran(house, "snapshots", "--json"))
    return house._replace(snapshot=str(found[-1]["id"]))


def ran(house: House, *arguments: str) -> str:
    """What restic says."""
    environment = {
        **os.environ,
        "RESTIC_PASSWORD_FILE": house.target.password_file,
        "RESTIC_REPOSITORY": house.target.repository,
        "RESTIC_CACHE_DIR": str(house.root / "cache"),
    }
    return subprocess.run(
        ["restic", *arguments], env=environment, check=True, capture_output=True, text=True
    ).stdout


def database(path: Path, rows: int) -> None:
    """A database with so many rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany("INSERT INTO entries (text) VALUES (?)", [("x",)] * rows)
    connection.close()


def tree(top: Path) -> dict[str, tuple[Any, ...]]:
    """Every node below, by a look of our own: kind, mode, owner, time, links, content."""
    found: dict[str, tuple[Any, ...]] = {}
    for path in [top, *sorted(top.rglob("*"))]:
        status = path.lstat()
        content: Any = os.readlink(path) if path.is_symlink() else ""
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
        time = 0 if path.is_symlink() else status.st_mtime_ns
        found[str(path.relative_to(top))] = (
            oct(status.st_mode), status.st_uid, status.st_gid, time,
            status.st_nlink if path.is_file() else 1, content,
        )  # fmt: skip
    return found
