"""Why a service should be looked at soon: {service: {"at", "from", "tag"}} in updater/hints.json.

A hint says nothing that is believed. Who added it last counts; the updater takes all of them at the
beginning of a pass, and one that comes meanwhile is a reason for another pass.
"""

from __future__ import annotations

import os
from typing import Any

from mediastack import atomic, clock, config

FILE_MODE = 0o600


def path() -> str:
    """Return where hints are kept."""
    return os.path.join(config.paths()["state"], "updater", "hints.json")


def add(service: str, source: str, tag: str) -> None:
    """Keep a hint from `source`; `tag` is hearsay. Raise OSError."""
    place = path()
    with atomic.exclusive(place):
        found: dict[str, Any] = atomic.read_json(place, {})
        found[service] = {"at": clock.timestamp(), "from": source, "tag": tag}
        atomic.write_json(place, found, mode=FILE_MODE)


def take() -> dict[str, dict[str, str]]:
    """Return all hints and forget them. Raise OSError."""
    place = path()
    with atomic.exclusive(place):
        found: dict[str, dict[str, str]] = atomic.read_json(place, {})
        if found:
            atomic.write_json(place, {}, mode=FILE_MODE)
    return found
