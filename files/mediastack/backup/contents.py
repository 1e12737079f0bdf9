"""What belongs into a backup of this house, from the configuration alone. Pure.

Each service's config directory without what the catalog calls caches and logs; the secrets; and of
our own state what cannot be made anew. Databases are named apart, since they are copied another
way; those of services that are stopped for it are copied as the files they are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

DIRECTORY = ".mediastack-backup"
STAGE = "stage"
MANIFEST = "manifest.json"
# Of /var/lib/mediastack: what ran, what the user wants stopped, what happened, what is refused.
STATE_FILES = (
    *("images.lock", "intent.json", "updater/refused.json", "backup.json", "rotated.json"),
    "disk_guard.json",
    *("ledger.jsonl", "ledger.jsonl.1", "ledger.jsonl.2", "ledger.jsonl.3", "ledger.jsonl.4"),
)
# What SQLite writes beside a database.
COMPANIONS = ("-wal", "-shm", "-journal")


class Item(NamedTuple):
    """A service's state. `root` is its config directory; `databases` and `excludes` are paths
    below it; a `stopped` one is stopped for its copy."""

    service: str
    root: str
    databases: tuple[str, ...]
    excludes: tuple[str, ...]
    stopped: bool
    uid: int
    gid: int


def items(config: Mapping[str, Any]) -> list[Item]:
    """Return every service's state, in the configuration's order."""
    return [
        Item(
            name,
            entry["config"],
            tuple(entry.get("databases", ())),
            tuple(one.strip("/") for one in entry.get("state_exclude", ())),
            entry.get("backup") == "stopped",
            int(entry.get("uid", 0)),
            int(entry.get("gid", 0)),
        )
        for name, entry in config["services"].items()
        if entry.get("config")
    ]


def top(config: Mapping[str, Any]) -> str:
    """Return the directory of our own beside the configs, on their file system."""
    return os.path.join(config["paths"]["config"], DIRECTORY)


def stage(config: Mapping[str, Any]) -> str:
    """Return where copies of databases, of stopped services, and the manifest are:
    databases/<service>/<path>, stopped/<service>/…, manifest.json."""
    return os.path.join(top(config), STAGE)


def secrets(config: Mapping[str, Any]) -> str:
    """Return the directory of all secrets."""
    return os.path.join(config["paths"]["etc"], "secrets")


def state_files(config: Mapping[str, Any]) -> list[str]:
    """Return our own state files, whether they exist or not."""
    return [os.path.join(config["paths"]["state"], name) for name in STATE_FILES]
