"""Room on a disk as the settings write it: "20 GiB", "5%", or "5% or 20 GiB". Pure.

The last form is the less of the two: a share alone would keep a terabyte of a big disk free, and
an amount alone would leave a small one paused for ever. What stands for what is decided here once,
for the deploy that checks the settings and for the guard that compares them with a disk.
"""

from __future__ import annotations

import re
from typing import NamedTuple

GIB = 1024**3
UNITS = {"GiB": 1.0, "TiB": 1024.0}
NUMBER = r"(\d{1,6}(?:\.\d{1,3})?)"
FORM = re.compile(
    rf"(?:{NUMBER} ?%)(?: or {NUMBER} ?(GiB|TiB))?|{NUMBER} ?(GiB|TiB)"
)  # share, amount and its unit; or an amount alone
LARGEST_PERCENT = 90.0


class Space(NamedTuple):
    """A share of the disk in percent, an amount in GiB; None where it is not said."""

    percent: float | None
    gib: float | None

    def of(self, total: int) -> int:
        """Return how many bytes that is on a disk of `total` bytes."""
        sizes = []
        if self.percent is not None:
            sizes.append(total * self.percent / 100)
        if self.gib is not None:
            sizes.append(self.gib * GIB)
        return int(min(sizes))

    def below(self, other: Space) -> bool | None:
        """Say whether this is less than the other on every disk; None: that depends on the disk."""
        kinds = [(self.percent, other.percent), (self.gib, other.gib)]
        if any((one is None) != (two is None) for one, two in kinds):
            return None
        return all(one < two for one, two in kinds if one is not None and two is not None)


def parse(text: str) -> Space:
    """Return what a setting says. Raise ValueError with what is wrong, without a fix."""
    found = FORM.fullmatch(text)
    if not found:
        raise ValueError("no room on a disk")
    percent, amount, unit, alone, its_unit = found.groups()
    amount, unit = amount or alone, unit or its_unit
    space = Space(
        float(percent) if percent else None, float(amount) * UNITS[unit] if amount else None
    )
    if any(one == 0 for one in space if one is not None):
        raise ValueError("nothing at all")
    if space.percent is not None and space.percent > LARGEST_PERCENT:
        raise ValueError("more than a disk in use can have free")
    return space


def words(size: float) -> str:
    """Return a number of bytes for a person."""
    gib = size / GIB
    if gib >= UNITS["TiB"]:
        return f"{gib / UNITS['TiB']:.1f} TiB"
    return f"{gib:.1f} GiB" if gib >= 1 else f"{size / 1024**2:.0f} MiB"
