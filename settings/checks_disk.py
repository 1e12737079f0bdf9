"""What the thresholds of the disk guard need from each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import shared
from settings.model import Disk, Parts
from settings.problems import Problem


def order(parts: Parts) -> Iterator[Problem]:
    """First it warns, then it pauses, and it goes on with more room than that."""
    table = parts.table(Disk)
    if table is None:
        return
    pause = shared.disk_space.parse(table.pause)
    for key, value, why in (
        ("warn", table.warn, "nobody would be warned before downloads are paused"),
        ("resume", table.resume, "downloads would be paused and resumed in turn"),
    ):
        below = pause.below(shared.disk_space.parse(value))
        if below is None:
            yield Problem(
                f"disk.{key}",
                f'is "{value}", and disk.pause "{table.pause}": which is more depends on the disk',
                "write both alike: as percent, as GiB, or as both",
            )
        elif not below:
            yield Problem(
                f"disk.{key}",
                f'is "{value}", not more than disk.pause "{table.pause}": {why}',
                "more room than disk.pause (in each part of it)",
            )


CHECKS: tuple[Callable[[Parts], Iterator[Problem]], ...] = (order,)
