"""A house that adopts, and the stack of somebody else beside it; Docker on paper."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mediastack import secrets
from mediastack.adopt.house import Container
from mediastack.docker_client import LABEL

KEY = "0123456789abcdef0123456789abcdef"
ARR_SEED = """<Config>
  <Port>8989</Port>
  <BindAddress>*</BindAddress>
  <ApiKey>@@SECRET {service}/api_key@@</ApiKey>
  <UrlBase></UrlBase>
</Config>
"""
BAZARR_SEED = """auth:
  apikey: "@@SECRET bazarr/api_key@@"
general:
  port: 6767
  use_sonarr: true
sonarr:
  ip: 127.0.0.1
  port: 8989
  base_url: ""
  ssl: false
  apikey: "@@SECRET bazarr/sonarr_api_key@@"
"""
QBITTORRENT_SEED = r"""[BitTorrent]
Session\Interface=tun0

[Preferences]
WebUI\Port=8080
WebUI\Username=admin
WebUI\Password_PBKDF2="@ByteArray(@@SECRET qbittorrent/web_password pbkdf2@@)"
"""
THEIR_XML = f"""<Config>
  <BindAddress>*</BindAddress>
  <Port>8990</Port>
  <ApiKey>{KEY}</ApiKey>
  <AuthenticationMethod>Forms</AuthenticationMethod>
  <UrlBase>/tv</UrlBase>
  <InstanceName>Mine</InstanceName>
</Config>
"""
THEIR_YAML = f"""auth:
  apikey: {KEY[::-1]}
  type: form
general:
  port: 6767
  use_sonarr: true
sonarr:
  apikey: {KEY}
  ip: sonarr
  port: 8990
"""
THEIR_INI = r"""[BitTorrent]
Session\DefaultSavePath=/downloads

[Preferences]
WebUI\Username=tom
WebUI\Password_PBKDF2="@ByteArray(x:y)"
"""
SEEDS = {
    "sonarr": ("config.xml", ARR_SEED),
    "bazarr": ("config/config.yaml", BAZARR_SEED),
    "qbittorrent": ("qBittorrent/qBittorrent.conf", QBITTORRENT_SEED),
}
DATABASES = {"sonarr": ["sonarr.db"], "bazarr": ["db/bazarr.db"], "seerr": ["db/db.sqlite3"]}
PLACES = {"sonarr": "/config", "bazarr": "/config", "qbittorrent": "/config",
          "seerr": "/app/config", "gluetun": "/gluetun"}  # fmt: skip


def furnish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A house below tmp_path, its secrets made and its seeds in place."""
    names = ("state", "runtime", "config", "program", "etc", "data")
    paths = {name: str(tmp_path / "ours" / name) for name in names}
    for path in paths.values():
        Path(path).mkdir(parents=True)
    paths["sentinel"] = f"{paths['data']}/sentinel"
    file = tmp_path / "mediastack.toml"
    lines = "\n".join(f'{name} = "{path}"' for name, path in paths.items())
    file.write_text(f"schema = 1\n[paths]\n{lines}\n")
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(file))
    config: dict[str, Any] = {
        "paths": paths,
        "limits": {"lock_wait_seconds": 0, "health_wait_seconds": 5},
        "stacks": {
            "downloads": {"services": ["gluetun", "qbittorrent", "sonarr", "bazarr", "unpackerr"]},
            "media": {"services": ["seerr"]},
        },
        "services": {name: a_service(paths, name) for name in (*PLACES, "unpackerr")},
        "secrets": [
            a_secret("sonarr/api_key"),
            a_secret("bazarr/api_key"),
            a_secret("qbittorrent/web_password", kind="password"),
            a_secret("bazarr/sonarr_api_key", origin="copy", source="sonarr/api_key"),
            a_secret("unpackerr/sonarr_api_key", origin="copy", source="sonarr/api_key"),
        ],
        "secret_files": [],
    }
    for name, (relative, text) in SEEDS.items():
        template = tmp_path / f"{name}.template"
        template.write_text(text.replace("{service}", name))
        config["secret_files"].append({
            "service": name, "template": str(template), "seed": True, "mode": "0600",
            "destination": f"{paths['config']}/{name}/{relative}", **me(),
        })  # fmt: skip
    secrets.apply(config, {})
    return config


def me() -> dict[str, int]:
    return {"uid": os.getuid(), "gid": os.getgid()}


def a_secret(name: str, **changes: str) -> dict[str, Any]:
    service, _, name = name.partition("/")
    made = {"service": service, "name": name, "origin": "generated", "kind": "hex32", "source": ""}
    return {**made, "required": True, **me(), **changes}


def a_service(paths: Mapping[str, str], name: str) -> dict[str, Any]:
    bridge = name in ("gluetun", "seerr")
    return {
        "stack": "media" if name == "seerr" else "downloads",
        "zone": "bridge" if bridge else "vpn",
        "owner": name == "gluetun",
        "image": f"ghcr.io/linuxserver/{name}:4.0.20",
        "published_port": {"sonarr": 8989, "seerr": 5055}.get(name, 0),
        "config_hash": f"hash-{name}",
        "health": True,
        "data": False,
        "config": f"{paths['config']}/{name}" if name in PLACES else "",
        "config_path": PLACES.get(name, ""),
        "databases": DATABASES.get(name, []),
        "state_exclude": ["logs", "logs.db", "MediaCover"] if name == "sonarr" else [],
        "backup": "stopped" if name == "qbittorrent" else "live",
        **me(),
    }


def a_database(path: Path, rows: int = 3, version: int = 0) -> Path:
    """A closed database of theirs with some rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE series (id INTEGER PRIMARY KEY, title TEXT)")
    connection.executemany(
        "INSERT INTO series (title) VALUES (?)", [(f"t{n}",) for n in range(rows)]
    )
    connection.execute("CREATE TABLE VersionInfo (Version INTEGER)")
    connection.execute("INSERT INTO VersionInfo VALUES (?)", (version,))
    connection.commit()
    connection.close()
    return path


def rows(path: Path | str) -> int:
    connection = sqlite3.connect(path)
    found = int(connection.execute("SELECT count(*) FROM series").fetchone()[0])
    connection.close()
    return found


def theirs(tmp_path: Path) -> Path:
    """The config directories of a hand-made stack."""
    top = tmp_path / "theirs"
    a_database(top / "sonarr" / "sonarr.db", 5)
    (top / "sonarr" / "config.xml").write_text(THEIR_XML)
    (top / "sonarr" / "logs").mkdir()
    (top / "sonarr" / "logs" / "sonarr.txt").write_text("a log")
    (top / "sonarr" / "asp").mkdir(mode=0o750)
    (top / "sonarr" / "asp" / "key.xml").write_text("a key")
    a_database(top / "bazarr" / "db" / "bazarr.db", 2)
    (top / "bazarr" / "config").mkdir()
    (top / "bazarr" / "config" / "config.yaml").write_text(THEIR_YAML)
    (top / "qbittorrent" / "qBittorrent" / "BT_backup").mkdir(parents=True)
    (top / "qbittorrent" / "qBittorrent" / "qBittorrent.conf").write_text(THEIR_INI)
    a_database(top / "seerr" / "db" / "db.sqlite3", 7)
    return top


def a_container(name: str, **changes: Any) -> Container:
    """One of theirs, running, its config mounted from /theirs/<name>."""
    made: dict[str, Any] = {
        "name": name,
        "image": f"lscr.io/linuxserver/{name}:latest",
        "project": "media",
        "composed": name,
        "running": False,
        "mounts": {PLACES.get(name, "/config"): f"/theirs/{name}"},
        "environment": {},
        "ports": frozenset(),
        "host_network": False,
        "version": "",
    }
    return Container(**{**made, **changes})


class PaperDocker:
    """Containers of ours as inspect tells of them; what is stopped and started is noted."""

    def __init__(self, config: Mapping[str, Any], sick: Mapping[str, str] | None = None) -> None:
        self.config = config
        self.states = dict.fromkeys(config["services"], "running")
        self.sick = dict(sick or {})
        self.done: list[str] = []
        self.pids: dict[str, int] = {}
        self.labels: dict[str, dict[str, str]] = {}

    def inspect(self, name: str) -> dict[str, Any] | None:
        if name not in self.states:
            return None
        entry = self.config["services"][name]
        return {
            "Name": f"/{name}",
            "Id": f"id-{name}",
            "Image": f"image-{name}",
            "Config": {"Image": entry["image"], "Labels": {LABEL: name}},
            "HostConfig": {"NetworkMode": "bridge"},
            "Mounts": [{"Type": "bind", "Source": entry["config"], "Destination": "/config"}],
            "State": {
                "Status": self.states[name],
                "Health": {"Status": "healthy"},
                "Pid": self.pids.get(name, 0),
            },
        }

    def containers(self, label: str = LABEL, services: Any = None) -> list[dict[str, Any]]:
        if label != LABEL:
            return []
        names = self.states if services is None else [one for one in self.states if one in services]
        return [one for name in names if (one := self.inspect(name)) is not None]

    def images(self, references: Any) -> dict[str, Any]:
        return {one: {"Config": {"Labels": self.labels.get(one, {})}} for one in references}

    def stop(self, name: str, grace_seconds: int) -> None:
        self.done.append(f"stop {name.removeprefix('id-')}")
        self.states[name.removeprefix("id-")] = "exited"
