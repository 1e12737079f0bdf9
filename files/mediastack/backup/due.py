"""What is to be done now: decided from backup.json and the clock, at each look anew. Pure.

Everything hangs on the last moment at which it was the time of day that the settings name: what is
older than that is due. So a machine that was off catches up, a pass that was killed is made again,
and nothing is remembered between two looks. What failed, or never ended, is tried again after a
pause that grows. A target that was never seen before waits for its first night. A moment that lies
ahead was written while the clock was wrong, and counts as never.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from mediastack import clock
from mediastack.backup.settings import Settings, Target
from mediastack.monitor import backoff

FIRST_PAUSE_SECONDS = 15 * 60.0
LONGEST_PAUSE_SECONDS = 4 * 3600.0
# A week, less what a night may be shorter or begin earlier than that of the week before.
WEEK_SECONDS = 6.5 * 24 * 3600
CLOCK_SLACK_SECONDS = 300.0
# What keeps a backup from a repository keeps care from it as well, and is told once.
CLOSED = ("unreachable", "absent", "password", "missing", "read-only", "other")

Report = Mapping[str, Any]


class Due(NamedTuple):
    """Names of targets to back up to, and to look after; whether a drill is to be held."""

    backups: list[str]
    care: list[str]
    drill: bool


def find(
    wanted: Settings, targets: Sequence[Target], found: Report, now: float, zone: tzinfo | None
) -> Due:
    """Return what is due at `now` (seconds since the epoch), with `found` as report.read has it."""
    moment = last(wanted.at, now, zone)
    entries = {one.name: found["targets"].get(one.name, {}) for one in targets}
    known = {name: entry for name, entry in entries.items() if entry.get("known_since")}
    return Due(
        [
            name
            for name, entry in known.items()
            if _newest(entry, ("saved_at", "known_since"), now) < moment
            and not _waits(name, entry, "tried_at", "tries", now)
        ],
        [
            name
            for name, entry in known.items()
            if entry.get("saved_at")
            and not (entry.get("error") and entry.get("error_kind") in CLOSED)
            and moment - _newest(entry, ("cared_at", "known_since"), now) >= WEEK_SECONDS
            and not _waits(f"{name} care", entry, "care_tried_at", "care_tries", now)
        ],
        wanted.drill
        and any(entry.get("saved_at") for entry in entries.values())
        and drill(found["drill"], moment, now),
    )


def drill(entry: Report, moment: float, now: float) -> bool:
    """Whether a drill is due: a first one at once, then weekly, one that failed the next night."""
    at, tried = (passed(entry.get(name), now) for name in ("at", "tried_at"))
    if tried > at and now - tried < LONGEST_PAUSE_SECONDS:
        return False
    return at < moment if entry.get("error") else moment - at >= WEEK_SECONDS


def last(at: str, now: float, zone: tzinfo | None) -> float:
    """Return the last moment, not after `now`, at which it was `at` ("HH:MM") in the zone."""
    hour, minute = (int(part) for part in at.split(":"))
    today = datetime.fromtimestamp(now, zone).replace(
        hour=hour, minute=minute, second=0, microsecond=0, fold=0
    )
    # From the day after on: where summer time begins, a time of day may lie an hour later.
    days = (today + timedelta(days=number) for number in (1, 0, -1, -2))
    return next(found for found in (day.timestamp() for day in days) if found <= now)


def passed(at: Any, now: float) -> float:
    """Return a moment of the report in seconds, 0.0 for never or what lies ahead."""
    try:
        found = clock.seconds(at)
    except (TypeError, ValueError):
        return 0.0
    return found if found <= now + CLOCK_SLACK_SECONDS else 0.0


def _newest(entry: Report, names: Sequence[str], now: float) -> float:
    return max(passed(entry.get(name), now) for name in names)


def _waits(seed: str, entry: Report, at: str, tries: str, now: float) -> bool:
    """Whether the pause after the last try that came to nothing is not over yet."""
    count = entry.get(tries)
    if not isinstance(count, int) or count < 1:
        return False
    pause = backoff.pause(count, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, seed)
    return now - passed(entry.get(at), now) < pause
