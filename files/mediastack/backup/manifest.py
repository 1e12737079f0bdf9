"""What belongs together in a backup: manifest.json in the stage, for restore, rebuild and drill.

{"schema": 1, "made_at": ISO, "release", "host", "architecture" (as Docker spells it: amd64 …),
 "paths": {"config", "etc", "state", "stage"},
 "services": {name: {"uid", "gid", "root", "image": "repo:tag" or "", "digest", "locked_at" (ISO or
    ""), "stopped": bool, "excludes": [path below root],
    "databases": {path below root: record (databases.copy)}}},
 "secrets": {"service/name": {"uid", "gid", "mode"}}}

Modes are numbers. Of secrets only what a restore has to make of them: no value, and no hash, as
that of a short one tells it. Newer programs may add keys; another schema is refused.
"""

from __future__ import annotations

import json
import os
import platform
import stat
from collections.abc import Mapping
from typing import Any

from mediastack import clock, image_lock
from mediastack.backup import contents

SCHEMA = 1
LARGEST_BYTES = 64 * 1024**2
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
TABLES = ("paths", "services", "secrets")


class ManifestError(Exception):
    """There is none, it is damaged or of newer programs; the message says which, and the fix."""


def build(
    config: Mapping[str, Any], databases: Mapping[str, Mapping[str, Mapping[str, Any]]]
) -> dict[str, Any]:
    """Return the manifest of this house with these databases ({service: {path: record}}).

    A service whose config directory does not exist yet has nothing to back up and is not in it.
    Raise OSError when the secrets cannot be looked at, ValueError for an image lock of another
    schema.
    """
    paths, locked = config["paths"], image_lock.read()
    return {
        "schema": SCHEMA,
        "made_at": clock.timestamp(),
        "release": str(config.get("release", "")),
        "host": str(config.get("host", {}).get("name", "")),
        "architecture": architecture(),
        "paths": {
            **{name: paths[name] for name in ("config", "etc", "state")},
            "stage": contents.stage(config),
        },
        "services": {
            item.service: {
                "uid": item.uid,
                "gid": item.gid,
                "root": item.root,
                **_image(config["services"][item.service], locked.get(item.service)),
                "stopped": item.stopped,
                "excludes": list(item.excludes),
                "databases": {k: dict(v) for k, v in databases.get(item.service, {}).items()},
            }
            for item in contents.items(config)
            if os.path.isdir(item.root)
        },
        "secrets": _secrets(contents.secrets(config)),
    }


def read(path: str) -> dict[str, Any]:
    """Return the manifest in a file. Raise ManifestError."""
    try:
        with open(path, "rb") as stream:
            text = stream.read(LARGEST_BYTES)
    except FileNotFoundError as error:
        raise ManifestError(
            f"{path}: there is none; fix: take a snapshot that `backup list` shows"
        ) from error
    except OSError as error:
        raise ManifestError(f"{path}: {error.strerror}") from error
    return parse(text, path)


def parse(text: bytes, source: str) -> dict[str, Any]:
    """Return the manifest that these bytes are. Raise ManifestError, which names the source."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ManifestError(f"{source}: is damaged: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("schema"), int):
        raise ManifestError(f"{source}: is damaged: it is no manifest of ours")
    if found["schema"] > SCHEMA:
        raise ManifestError(
            f"{source}: was made by release {found.get('release', '?')}, whose backups these "
            f"programs cannot read (schema {found['schema']}, they know {SCHEMA}); fix: deploy "
            "that release or a newer one, then try again"
        )
    missing = [name for name in TABLES if not isinstance(found.get(name), dict)]
    if missing:
        raise ManifestError(f"{source}: is damaged: no {' and no '.join(missing)}")
    return found


def architecture() -> str:
    """Return this machine's architecture as Docker spells it."""
    machine = platform.machine()
    return ARCHITECTURES.get(machine, machine)


def _image(entry: Mapping[str, Any], locked: Mapping[str, Any] | None) -> dict[str, str]:
    """What runs: while an update is on trial that is the one that may have migrated its state."""
    image, _, digest = image_lock.choose(
        dict(locked) if locked else None, str(entry.get("image", ""))
    ).partition("@")
    at = str((locked or {}).get("recorded_at", "")) if digest else ""
    return {"image": image, "digest": digest, "locked_at": at}


def _secrets(directory: str) -> dict[str, dict[str, int]]:
    found = {}
    for top, _, names in os.walk(directory, onerror=_raise):
        for name in names:
            path = os.path.join(top, name)
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode) and not (name[0] == "." and name.endswith(".tmp")):
                found[os.path.relpath(path, directory)] = {
                    "uid": status.st_uid,
                    "gid": status.st_gid,
                    "mode": stat.S_IMODE(status.st_mode),
                }
    return dict(sorted(found.items()))


def _raise(error: OSError) -> None:
    # Without any secrets yet there is no such directory.
    if not isinstance(error, FileNotFoundError):
        raise error
