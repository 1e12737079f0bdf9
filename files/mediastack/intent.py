"""What the user has switched off: intent.json in the state directory.

A service that our verbs stopped stays stopped - through deploys, the keeper and reboots - until
our verbs start it again. Stopping twice keeps the first record, which is the one that explains.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from mediastack import atomic, clock, config


def stop(
    services: Iterable[str],
    by: str,
    *,
    verb: str = "down",
    at: float | None = None,
    path: str | None = None,
) -> list[str]:
    """Record that `by` wants these services stopped since `at` (seconds since the epoch, None:
    now); those already recorded stay as they are.

    Return those that were not.
    """
    path = path or default_path()
    with atomic.exclusive(path):
        before = stopped(path=path)
        now = clock.timestamp(at)
        new = {service: {"by": by, "at": now, "verb": verb} for service in services}
        after = {**new, **before}
        if after != before:
            atomic.write_json(path, after)
        return [service for service in new if service not in before]


def clear(services: Iterable[str], *, path: str | None = None) -> list[str]:
    """Forget that these services were stopped; unknown names are fine. Return those that were."""
    path = path or default_path()
    with atomic.exclusive(path):
        before = stopped(path=path)
        gone = set(services)
        after = {service: entry for service, entry in before.items() if service not in gone}
        if after != before:
            atomic.write_json(path, after)
        return [service for service in before if service in gone]


def stopped(*, path: str | None = None) -> dict[str, dict[str, Any]]:
    """Return {service: {"by","at" (ISO),"verb"}} of everything the user has stopped."""
    recorded: dict[str, Any] = atomic.read_json(path or default_path(), {})
    return {service: entry for service, entry in recorded.items() if isinstance(entry, dict)}


def default_path() -> str:
    """Return where this house keeps its intents."""
    return os.path.join(config.paths()["state"], "intent.json")
