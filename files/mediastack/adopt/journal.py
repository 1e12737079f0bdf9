"""The adoption under way: adopt.json in the state directory, one entry for each service.

{"service", "live", "stage", "new", "old": inodes of both trees (None: there is none), "step", "at"}

step "in": the new tree is to be live, and has to prove itself; "keep": it has, and the keys follow;
"out": it has not, the old one is to be live. Before "in" nothing live was touched, and a copy that
no entry names is a left-over. Each step may be done again after a kill in its middle.
"""

from __future__ import annotations

import os
from typing import Any

from mediastack import atomic, config

SCHEMA = 1
STEPS = ("in", "keep", "out")
Entry = dict[str, Any]


def entries() -> dict[str, Entry]:
    """Return {service: entry} of what was begun and is not over."""
    found = atomic.read_json(default_path(), {})
    services = found.get("services") if found.get("schema") == SCHEMA else None
    if not isinstance(services, dict):
        return {}
    return {name: one for name, one in services.items()
            if isinstance(one, dict) and one.get("step") in STEPS}  # fmt: skip


def write(entry: Entry) -> None:
    """Put it on disk before its step is begun. Raise OSError."""
    _change({**entries(), entry["service"]: entry})


def forget(service: str) -> None:
    """It is over. Raise OSError."""
    _change({name: one for name, one in entries().items() if name != service})


def default_path() -> str:
    """Return where this house keeps it."""
    return os.path.join(config.paths()["state"], "adopt.json")


def _change(services: dict[str, Entry]) -> None:
    path = default_path()
    with atomic.exclusive(path):
        if services:
            atomic.write_json(path, {"schema": SCHEMA, "services": services})
        elif os.path.exists(path):
            os.unlink(path)
            atomic.sync_directory(os.path.dirname(path))
