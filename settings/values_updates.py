"""Single values of the [updates] table that a range alone does not describe."""

from __future__ import annotations

import re

from settings.problems import shown

TIME = r"([01]\d|2[0-3]):([0-5]\d)"
WINDOW = re.compile(rf"{TIME}-{TIME}")
DAY_MINUTES = 24 * 60
# The updater looks every ten minutes, and one update takes its time.
SHORTEST_MINUTES = 30


def window(value: str) -> str:
    """Return when updates may be installed, "" for any time; it may go over midnight."""
    if not value:
        return value
    found = WINDOW.fullmatch(value)
    if not found:
        raise ValueError(
            f'is {shown(value)}, no time of the day; fix: such as "04:00-06:30", or "" for any time'
        )
    start, end = (int(found[one]) * 60 + int(found[one + 1]) for one in (1, 3))
    if (end - start) % DAY_MINUTES < SHORTEST_MINUTES:
        raise ValueError(
            f"is {shown(value)}, too short for an update; fix: {SHORTEST_MINUTES} minutes or more, "
            'or "" for any time'
        )
    return value
