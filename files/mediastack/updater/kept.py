"""What a rollback needs of the last update of each service: updater/kept.json {service: {"tx",
"at"}}.

Written with the commit of an update, dropped by a rollback, by the next update, or when the days
that it is kept for are over. The image itself has a name of ours, the copy its own directory.
"""

from __future__ import annotations

import os
import time
from typing import Any

from mediastack import atomic, clock
from mediastack.updater import inflight


def put(tx: dict[str, Any]) -> None:
    """Remember the update that has just been committed; again and again is fine. Raise OSError."""
    with atomic.exclusive(_path()):
        found = read()
        if found.get(tx["service"], {}).get("tx", {}).get("id") == tx["id"]:
            return
        atomic.write_json(_path(), {**found, tx["service"]: {"tx": tx, "at": clock.timestamp()}})


def drop(service: str) -> None:
    """There is nothing to go back to any more. Raise OSError."""
    with atomic.exclusive(_path()):
        found = read()
        if found.pop(service, None) is not None:
            atomic.write_json(_path(), found)


def read() -> dict[str, dict[str, Any]]:
    """Return {service: {"tx","at"}}; what is damaged is left out."""
    found: dict[str, Any] = atomic.read_json(_path(), {})
    return {name: one for name, one in found.items() if _is_whole(one)}


def age_seconds(one: dict[str, Any]) -> float:
    """Return how long ago the update was committed."""
    try:
        return max(0.0, time.time() - clock.seconds(one["at"]))
    except ValueError:
        return 0.0


def _is_whole(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("tx"), dict)
        and isinstance(one.get("at"), str)
        and {"id", "service", "old", "new"} <= one["tx"].keys()
    )


def _path() -> str:
    return os.path.join(inflight.directory(), "kept.json")
