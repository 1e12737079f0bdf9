"""The moments of a cron line: five fields, or six with seconds in front.

As much of cron as WUD_WATCHER_LOCAL_CRON needs: *, numbers, lists, ranges and steps, in the time
zone of the process.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

FIELDS = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


class Schedule:
    """A parsed cron line. Raises ValueError when it is none."""

    def __init__(self, line: str) -> None:
        fields = line.split()
        if len(fields) == len(FIELDS) - 1:
            fields = ["0", *fields]
        if len(fields) != len(FIELDS):
            raise ValueError(f"cron {line!r}: five or six fields")
        self._fields = [
            _values(field, *limits) for field, limits in zip(fields, FIELDS, strict=True)
        ]
        self._any_day = (fields[3] == "*", fields[5] == "*")

    def fits(self, moment: time.struct_time) -> bool:
        """Whether this second is one of the line's."""
        seconds, minutes, hours, days, months, weekdays = self._fields
        day = moment.tm_mday in days
        weekday = (moment.tm_wday + 1) % 7 in weekdays or (moment.tm_wday == 6 and 7 in weekdays)
        # Two days that are both restricted are alternatives.
        on_day = (day and weekday) if any(self._any_day) else (day or weekday)
        return (
            moment.tm_sec in seconds
            and moment.tm_min in minutes
            and moment.tm_hour in hours
            and moment.tm_mon in months
            and on_day
        )


def follow(line: str, jitter_seconds: float, action: Callable[[], object]) -> None:
    """Do `action` at each moment of the line, later by up to the jitter; never returns."""
    schedule, last = Schedule(line), 0
    while True:
        time.sleep(0.2)
        now = int(time.time())
        if now != last and schedule.fits(time.localtime(now)):
            time.sleep(random.uniform(0, jitter_seconds))
            action()
        last = now


def _values(field: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        start, dash, end = span.partition("-")
        first, final = (low, high) if span == "*" else (int(start), int(end or start))
        if step and not dash and span != "*":
            final = high
        if not low <= first <= final <= high:
            raise ValueError(f"cron field {field!r}: {low} to {high}")
        found.update(range(first, final + 1, int(step or 1)))
    return found
