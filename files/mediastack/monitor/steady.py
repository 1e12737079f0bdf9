"""The monitor's own clock: seconds that only ever go forward, at the pace of real time.

It counts CLOCK_BOOTTIME (the machine's sleep included) and goes on from the saved reading after a
restart of the monitor or of the host. The clock on the wall, which somebody may set, is nowhere in
it. Time while the machine is off is not counted: a limit of one hour is then rather kept too long
than forgotten. The same goes for a saved reading that is damaged or lost: the last thing that was
written down counts as having happened just now.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypedDict


class Reading(TypedDict):
    """`steady` seconds were on the clock when boot `boot` was `boottime` seconds old."""

    steady: float
    boot: str
    boottime: float


def advance(
    saved: Any, boot: str, boottime: float, *, at_least: float = 0.0
) -> tuple[float, Reading]:
    """Given the saved reading (None: there is none) and what this boot's clock says, return the
    steady seconds now, and the reading to save.

    `at_least`: the latest moment that is known to be past. Raise nothing, whatever `saved` is.
    """
    found = saved if isinstance(saved, dict) else {}
    steady = max(_number(found.get("steady")) or 0.0, at_least)
    then = _number(found.get("boottime"))
    if then is not None and found.get("boot") == boot:
        # Never back: a damaged reading may claim a later moment than this one.
        steady += max(0.0, boottime - then)
    return steady, {"steady": steady, "boot": boot, "boottime": boottime}


def latest(state: Mapping[str, Any]) -> float:
    """Return the latest moment by which the limits go that a state has in it, 0 without any."""
    moments: list[Any] = [state.get("resumed_at"), _item(state.get("pause"), "since")]
    cascades = state.get("cascades")
    for cascade in cascades if isinstance(cascades, list) else []:
        moments += [_item(cascade, "at"), _item(cascade, "ended")]
    return max((found for one in moments if (found := _number(one)) is not None), default=0.0)


def _item(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _number(value: Any) -> float | None:
    """A finite number that is not negative, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None
