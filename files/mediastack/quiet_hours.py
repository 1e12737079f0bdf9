"""When the telephone stays silent: "22:00-07:00", in the host's zone. Pure.

Whether it is night is asked of the clock on the wall at each look and never counted on from an
earlier one, so a clock that is set, a summer time that begins, or a laptop's sleep cannot keep
anybody's morning from coming. What is urgent does not wait.
"""

from __future__ import annotations

import re
import sys
import zoneinfo
from datetime import datetime, tzinfo
from typing import NamedTuple

# ntfy's "high": what somebody has to do something about, today.
URGENT = 4
MINUTES = 24 * 60
FORM = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


class Hours(NamedTuple):
    """From `start` up to `end`, minutes after midnight, over midnight if need be. Without a zone
    the machine's own."""

    start: int
    end: int
    zone: tzinfo | None


def parse(text: str) -> tuple[int, int]:
    """Return the two ends of "HH:MM-HH:MM" in minutes after midnight. Raise ValueError."""
    found = FORM.fullmatch(text)
    if not found:
        raise ValueError("no two times of day")
    start, end = (int(found[one]) * 60 + int(found[one + 1]) for one in (1, 3))
    if start == end:
        raise ValueError("from a time to the same time")
    return start, end


def of(text: str, zone: str) -> Hours | None:
    """Return the quiet hours of a setting, None for none; what cannot be read is said on stderr."""
    if not text:
        return None
    try:
        start, end = parse(text)
    except ValueError as error:
        print(f"mediastack: notify.quiet_hours {text!r}: {error}; ignored", file=sys.stderr)
        return None
    try:
        return Hours(start, end, zoneinfo.ZoneInfo(zone))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        print(f"mediastack: no time zone {zone!r} on this machine: its own", file=sys.stderr)
        return Hours(start, end, None)


def within(hours: Hours | None, moment: float) -> bool:
    """Whether it is quiet at `moment` (seconds since the epoch)."""
    if hours is None:
        return False
    try:
        local = datetime.fromtimestamp(moment, hours.zone)
    except (OverflowError, OSError, ValueError):
        return False
    minute = local.hour * 60 + local.minute
    return (minute - hours.start) % MINUTES < (hours.end - hours.start) % MINUTES
