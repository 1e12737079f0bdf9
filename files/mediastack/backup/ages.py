"""How old the last backup of each target is, and the last restore that was proven.

From the report alone (backup.json), for status, doctor, metrics and the alarm: one place says what
is too old. What never was is None; how long this host has had backups says whether that is a fault
yet.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from mediastack import clock
from mediastack.backup import elsewhere, report, settings

HOUR, DAY = 3600.0, 86_400.0
# A day, and time for a machine that was off at night or a first upload.
LATE_SECONDS = 36 * HOUR
PROVEN_SECONDS = 8 * DAY

Report = Mapping[str, Any]


def moment(at: Any) -> float | None:
    """Return a moment of the report as seconds since the epoch, None when there is none."""
    try:
        return clock.seconds(at)
    except (TypeError, ValueError):
        return None


def since(at: Any, now: float) -> float | None:
    """Return the seconds from a moment in the report to now, None when there is none."""
    found = moment(at)
    return None if found is None else max(0.0, now - found)


def saved(found: Report, target: str, now: float) -> float | None:
    """Return the age of the last backup of a target in seconds, None without one."""
    return since(found["targets"].get(target, {}).get("saved_at"), now)


def proven(found: Report, now: float) -> float | None:
    """Return the age of the last proven restore in seconds, None without one."""
    return since(found["proven"].get("at"), now)


def known(config: Mapping[str, Any], now: float) -> float:
    """Return for how many seconds this host has had a repository password: before that there was
    nothing to back up with."""
    path = settings.target(config, settings.LOCAL, "").password_file
    try:
        return max(0.0, now - os.stat(path).st_mtime)
    except OSError:
        return 0.0


def unproven(config: Mapping[str, Any], found: Report, now: float) -> str:
    """Return what is wrong with the age of the last proven restore, "" for nothing."""
    age = proven(found, now)
    if (known(config, now) if age is None else age) <= PROVEN_SECONDS:
        return ""
    return "was never proven" if age is None else f"was last proven {words(age)} ago"


def line(config: Mapping[str, Any], now: float | None = None) -> str:
    """Return what `status` says of backups, "" where they are off. Raise OSError."""
    if not settings.of(config).enabled:
        return ""
    now, found = time.time() if now is None else now, report.read()
    told = []
    targets = settings.targets(config)
    for target in targets:
        age = saved(found, target.name, now)
        failed = found["targets"].get(target.name, {}).get("error")
        told.append(f"{target.name} {ago(age)}{' (the last try failed)' if failed else ''}")
    alone = " (all on this machine)" if targets and not elsewhere.any_of(targets) else ""
    restore = ago(proven(found, now))
    return f"backups: {', '.join(told) or 'nowhere'}{alone}; last proven restore: {restore}"


def timestamps(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"saved": {target: seconds since the epoch or None}, "proven": the same}; {} where
    backups are off. Raise OSError."""
    if not settings.of(config).enabled:
        return {}
    found = report.read()
    return {
        "saved": {
            target.name: moment(found["targets"].get(target.name, {}).get("saved_at"))
            for target in settings.targets(config)
        },
        "proven": moment(found["proven"].get("at")),
    }


def ago(age: float | None) -> str:
    """Return "3 h ago", or "never"."""
    return "never" if age is None else f"{words(age)} ago"


def words(seconds: float) -> str:
    """Return a time as a person says it: minutes, hours below two days, then days."""
    if seconds < HOUR:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.0f} h"
    return f"{seconds / DAY:.0f} days"
