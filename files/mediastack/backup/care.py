"""The weekly care of a repository: is it still whole, and what is no longer wanted goes.

First a part of it is read back, another one each week until all was, so that nothing is removed
from a repository that is damaged: what would go may be what is still good. An append-only remote is
only read; its owner prunes it from a machine of theirs. Both forgetting and pruning may be killed
at any point and are simply done again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from mediastack import clock
from mediastack.backup import (
    report,
    repository_files,
    repository_locks,
    restic,
    retention,
    settings,
    snapshots,
    tell,
    zone,
)
from mediastack.backup.restic import ResticError
from mediastack.backup.settings import Target

WEEK_SECONDS = 7 * 24 * 3600
# restic takes no more parts than that.
MOST_PARTS = 256


def look_after(config: Mapping[str, Any], target: Target, *, by_hand: bool = False) -> None:
    """Do all of it and write down how it went. The caller holds run_lock.

    Raise ResticError when it could not be done, OSError when that cannot be written down.
    """
    host, now, name = str(config["host"]["name"]), time.time(), f"care of {target.name}"
    entry = report.read()["targets"].get(target.name, {})
    tries = int(entry.get("care_tries") or 0) + 1
    report.note_target(target.name, care_tried_at=clock.timestamp(now), care_tries=tries)
    try:
        check(target, part(settings.of(config).check_percent, now))
        gone = prune(config, target)
    except ResticError as error:
        report.note_target(target.name, care_error=str(error))
        tell.failed(
            name, error.kind, str(error), host=host, by_hand=by_hand,
            tries=tries, seconds=time.time() - now,
        )  # fmt: skip
        raise
    report.note_target(target.name, cared_at=clock.timestamp(now), care_error="", care_tries=0)
    tell.cared(target.name, time.time() - now, sorted(gone))
    tell.well(name, host=host, by_hand=by_hand)


def check(target: Target, share: str = "") -> None:
    """Verify the repository's structure, and read the data of this share back ("1/20"; "": all).

    The caller holds run_lock. Raise ResticError, "damaged" when it is.
    """
    reading = f"--read-data-subset={share}" if share else "--read-data"
    repository_locks.run(target, ["check", reading], seconds=restic.WORK_SECONDS)
    if found := repository_files.problems(target, data=not share):
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise ResticError("damaged", f"{target.name}: {found[0]}{more}")


def prune(config: Mapping[str, Any], target: Target, *, dry_run: bool = False) -> set[str]:
    """Remove what is no longer wanted; return the ids of those snapshots. Nothing is removed from
    an append-only repository. The caller holds run_lock. Raise ResticError."""
    if target.append_only:
        return set()
    found = snapshots.listed(target)
    if not target.is_local:
        # Another host may keep its own there, by rules of its own.
        found = [one for one in found if one.host == config["host"]["name"]]
    unwanted = retention.superfluous(found, settings.of(config), protected(target), zone.of(config))
    if dry_run:
        return unwanted
    if unwanted:
        repository_locks.run(target, ["forget", *sorted(unwanted)], seconds=restic.WORK_SECONDS)
    repository_locks.run(target, ["prune"], seconds=restic.WORK_SECONDS)
    return unwanted


def protected(target: Target) -> list[str]:
    """Return the ids that stay whatever their age: the last that was proven, the last saved."""
    found = report.read()
    proven = found["proven"]
    ids = [proven.get("snapshot")] if proven.get("target") == target.name else []
    ids.append(found["targets"].get(target.name, {}).get("snapshot"))
    return [str(one) for one in ids if one]


def part(percent: int, now: float) -> str:
    """Return which part of the data is this week's ("3/20"): another one each week."""
    count = max(1, min(round(100 / percent), MOST_PARTS))
    return f"{int(now // WEEK_SECONDS) % count + 1}/{count}"
