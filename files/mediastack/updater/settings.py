"""The [updates] table of mediastack.toml, and what a service's own entry adds to it.

A table of an earlier release lacks some of it: then the defaults of this one count. What cannot be
read as it should be is as good as absent, but for the switch: only `true` allows updates.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from mediastack.updater.gate import Limits

DAY_SECONDS = 86_400.0


class Settings(NamedTuple):
    """Seconds, but for `keep_days`; `window` is "HH:MM-HH:MM" in the host's zone, "" any time;
    `wud` is where What's Up Docker listens, "" without one."""

    enabled: bool = True
    window: str = ""
    stable_seconds: float = 60.0
    deadline_seconds: float = 600.0
    keep_days: float = 7.0
    wud: str = ""


def of(config: Mapping[str, Any]) -> Settings:
    """Return the settings of this house."""
    table, defaults = config.get("updates") or {}, Settings()
    return Settings(
        enabled=table.get("enabled", True) is True,
        window=str(table.get("window", "")),
        stable_seconds=_number(table, "stable_seconds", defaults.stable_seconds),
        deadline_seconds=_number(table, "deadline_seconds", defaults.deadline_seconds),
        keep_days=_number(table, "keep_days", defaults.keep_days),
        wud=str(table.get("wud", "")).rstrip("/"),
    )


def limits(config: Mapping[str, Any], service: str) -> Limits:
    """Return how long a new version has to be well, and may take to get there."""
    known = of(config)
    entry = config["services"].get(service, {})
    deadline = _number(entry, "update_deadline_seconds", known.deadline_seconds)
    return Limits(known.stable_seconds, deadline or known.deadline_seconds)


def is_open(window: str, now: datetime) -> bool:
    """Say whether updates may begin now; a window may go over midnight, a broken one is closed."""
    if not window:
        return True
    try:
        begin, end = (datetime.strptime(part.strip(), "%H:%M").time() for part in window.split("-"))
    except ValueError:
        return False
    moment = now.time()
    if begin <= end:
        return begin <= moment < end
    return moment >= begin or moment < end


def _number(table: Mapping[str, Any], name: str, default: float) -> float:
    value = table.get(name)
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
    return float(value) if usable and value is not None else default
