"""A bare host, and a backup of another house: made of plain files, without restic.

The backup is what `extract` would bring: trees with the numbers of the host it is from. Whatever
looks at the result reads the disk itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tomli_w

from mediastack.backup.settings import Target
from mediastack.restore import extract, rebuild, rebuild_fetch

OLD, NEW = (1000, 1000), (2000, 2100)
DIGEST = "sha256:" + "a" * 64
TRIED = "sha256:" + "b" * 64
NEWEST, OLDER = "f" * 64, "e" * 64
KEY = "0123456789abcdef"
PASSWORD = "p4ssw0rd-canary"


class Taken(NamedTuple):
    """A snapshot as the list of a repository shows it."""

    id: str
    time: str
    host: str


class House:
    """One host and one repository below a directory."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.paths = {
            "config": str(top / "config"), "etc": str(top / "etc"), "state": str(top / "state"),
            "runtime": str(top / "run"), "backups": str(top / "backups"),
        }  # fmt: skip
        self.taken = [Taken(NEWEST, "2026-11-27T03:30:00+00:00", "old-host")]
        # More than a batch each but for two.
        self.sizes = {"sonarr": 1, "seerr": 1, "gluetun": 1 << 40, "lidarr": 1 << 41}
        self.extracted: list[str] = []
        self.passwords: list[tuple[str, int, str]] = []
        self.config: dict[str, Any] = {
            "schema": 1,
            "release": "0.2.0-dev+0123456789ab",
            "host": {"name": "new-host"},
            "paths": self.paths,
            "services": {
                "sonarr": {"uid": NEW[0], "gid": NEW[1], "config": f"{top}/config/sonarr"},
                "seerr": {"uid": 1000, "gid": 1000, "config": f"{top}/config/seerr"},
                "gluetun": {"uid": 0, "gid": 0, "config": f"{top}/config/gluetun"},
            },
            "secrets": [
                {"service": "sonarr", "name": "api_key", "uid": NEW[0], "gid": NEW[1]},
                {"service": "ntfy", "name": "token", "uid": 0, "gid": 0},
            ],
            "secret_files": [],
            "files": [
                self.managed("config", "0755", 0, 0),
                self.managed("config/sonarr", "0700", *NEW),
                self.managed("config/seerr", "0700", 1000, 1000),
                self.managed("config/gluetun", "0700", 0, 0),
                self.managed("config/gluetun/port", "0700", 0, 0),
            ],
        }
        self.manifest: dict[str, Any] = {
            "schema": 1,
            "release": "0.2.0-dev",
            "host": "old-host",
            "services": {
                "sonarr": {"uid": OLD[0], "gid": OLD[1], "digest": TRIED},
                "seerr": {"uid": 1000, "gid": 1000, "digest": DIGEST},
                "gluetun": {"uid": 0, "gid": 0, "digest": ""},
                "lidarr": {"uid": OLD[0], "gid": OLD[1], "digest": ""},
            },
            "secrets": {},
        }

    def managed(self, name: str, mode: str, uid: int, gid: int) -> dict[str, Any]:
        path = str(self.top / name)
        return {"path": path, "kind": "directory", "mode": mode, "uid": uid, "gid": gid}

    def deploy_before(self) -> None:
        """What the deploy has done when the rebuild's turn comes."""
        for entry in self.config["files"]:
            os.makedirs(entry["path"], exist_ok=True)
            os.chmod(entry["path"], int(entry["mode"], 8))
            os.chown(entry["path"], entry["uid"], entry["gid"])
        for name in ("etc", "state", "runtime"):
            os.makedirs(self.paths[name], exist_ok=True)
        os.makedirs(f"{self.paths['etc']}/secrets", mode=0o700, exist_ok=True)
        file = self.top / "etc" / "mediastack.toml"
        file.write_text(tomli_w.dumps({"schema": 1, "paths": self.paths}))

    def order(self, **more: Any) -> dict[str, Any]:
        return {"config": self.config, "repository": "/repository", "password": PASSWORD, **more}

    def use(self, patch: pytest.MonkeyPatch) -> None:
        """Let the programs find this house and this repository."""
        patch.setenv("MEDIASTACK_CONFIG", f"{self.paths['etc']}/mediastack.toml")
        patch.setattr(rebuild.snapshots, "listed", self._listed)
        patch.setattr(extract, "manifest", lambda target, snapshot: self.manifest)
        patch.setattr(extract, "services", self._services)
        patch.setattr(rebuild_fetch, "sizes", lambda *arguments: self.sizes)
        patch.setattr(extract, "secrets", self._secrets)
        patch.setattr(extract, "state", self._state)

    def _listed(self, target: Target) -> list[Taken]:
        seen = os.stat(target.password_file)
        content = Path(target.password_file).read_text()
        self.passwords.append((content, stat.S_IMODE(seen.st_mode), target.environment_file))
        return self.taken

    def _services(
        self, target: Target, snapshot: str, manifest: Mapping[str, Any], wanted: Mapping[str, str]
    ) -> None:
        for service, into in wanted.items():
            self._service(target, snapshot, manifest, service, into)

    def _service(
        self, target: Target, snapshot: str, manifest: Mapping[str, Any], service: str, into: str
    ) -> None:
        self.extracted.append(service)
        old = self.manifest["services"][service]
        owner = (old["uid"], old["gid"])
        os.mkdir(into, 0o700)
        os.chown(into, *owner)
        put(into, "app.db", f"rows of {service} in {snapshot}", 0o640, owner)
        put(into, "deep/set-id", "x", 0o4750, owner)
        put(into, "deep/of-root", "x", 0o600, (0, 0))
        put(into, "deep/of-another", "x", 0o644, (33, 33))
        os.symlink("/etc/passwd", f"{into}/link")
        os.lchown(f"{into}/link", *owner)
        os.link(f"{into}/app.db", f"{into}/second-name")

    def _secrets(
        self, target: Target, snapshot: str, manifest: Mapping[str, Any], into: str
    ) -> None:
        self.extracted.append("secrets")
        os.mkdir(into, 0o700)
        put(into, ".salt-key", "5a17", 0o400, (0, 0))
        put(into, "sonarr/api_key", KEY, 0o400, OLD)
        put(into, "lidarr/api_key", KEY, 0o400, OLD)
        put(into, "ntfy/token", "tk_", 0o400, (0, 0))

    def _state(self, target: Target, snapshot: str, manifest: Mapping[str, Any], into: str) -> None:
        self.extracted.append("state")
        os.mkdir(into, 0o700)
        tried = {"image": "ghcr.io/x/app:2", "digest": TRIED}
        entry = {"image": "ghcr.io/x/app:1", "digest": DIGEST, "recorded_at": "t", "trial": tried}
        lock = {"schema": 1, "services": {"sonarr": entry, "seerr": entry}}
        put(into, "images.lock", json.dumps(lock), 0o644, (0, 0))
        report = {"targets": {"local": {}}, "kit": {"of": "x"}}
        put(into, "backup.json", json.dumps(report), 0o644)
        put(into, "updater/refused.json", "{}", 0o644, (998, 998))


def put(top: str, name: str, text: str, mode: int, owner: tuple[int, int] = (0, 0)) -> None:
    """A file with these attributes, its directories the owner's."""
    path = os.path.join(top, name)
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        os.mkdir(parent, 0o700)
        os.chown(parent, *owner)
    Path(path).write_text(text)
    os.chown(path, *owner)
    os.chmod(path, mode)


def tree(top: str | Path, *, without: tuple[str, ...] = ()) -> dict[str, tuple[Any, ...]]:
    """All that is below: kind and mode, owner, content; not the names in `without`."""
    found = {}
    for directory, names, files in os.walk(top):
        names[:] = [name for name in names if name not in without]
        for name in (*names, *(one for one in files if one not in without)):
            path = os.path.join(directory, name)
            seen = os.lstat(path)
            content = ""
            if stat.S_ISREG(seen.st_mode):
                content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            elif stat.S_ISLNK(seen.st_mode):
                content = os.readlink(path)
            found[os.path.relpath(path, top)] = (
                oct(seen.st_mode), seen.st_uid, seen.st_gid, content,
            )  # fmt: skip
    return found
