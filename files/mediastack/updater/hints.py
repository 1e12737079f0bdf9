"""Somebody said that there is something new for a service: updater/hints.json.

A hint only makes the next pass look at that service; what it finds there is Docker's and the
registry's word. It is taken out when that look had an answer, and given up after a day.
"""

from __future__ import annotations

import os
import time
from typing import Any

from mediastack import atomic, clock
from mediastack.updater import inflight

KEPT_SECONDS = 86_400.0
Hint = dict[str, str]


def add(service: str, by: str, tag: str = "") -> None:
    """Write down that `by` has heard of a new version (`tag`, if it was named). Raise OSError."""
    hint = {"at": clock.timestamp(), "from": by, "tag": tag}
    with atomic.exclusive(_path()):
        atomic.write_json(_path(), {**read(), service: hint})


def read() -> dict[str, Hint]:
    """Return {service: {"at","from","tag"}} of those that are not too old."""
    found = atomic.read_json(_path(), {})
    return {name: hint for name, hint in found.items() if _is_young(hint)}


def take(service: str, hint: Hint) -> None:
    """It had its answer; one that came meanwhile stays. Raise OSError."""
    with atomic.exclusive(_path()):
        found = read()
        if found.get(service) == hint:
            del found[service]
            atomic.write_json(_path(), found)


def _is_young(hint: Any) -> bool:
    try:
        return 0.0 <= time.time() - clock.seconds(str(hint["at"])) < KEPT_SECONDS
    except (KeyError, TypeError, ValueError):
        return False


def _path() -> str:
    return os.path.join(inflight.directory(), "hints.json")
