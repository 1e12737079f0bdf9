"""One run of the backup: everything is staged once, then saved to one target after the other.

What one target has against it does not keep the others from theirs. Each try is counted before it
begins, so that one which is killed every time is not made again every quarter of an hour. A single
database that could not be copied spoils nothing else: the snapshot has its last good copy, the run
ends with 1, and the user is told.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from mediastack import clock
from mediastack.backup import report, run_lock, save, staging, tell
from mediastack.backup.restic import ResticError
from mediastack.backup.settings import Target
from mediastack.backup.trouble import BackupError
from mediastack.docker_client import NotReachable
from mediastack.docker_engine import Engine

STAGE = "copies"
BUSY = "another backup, its care, a drill or a restore is at work; try again when that is done"
WAIT_SECONDS = 5.0

Prepare = Callable[[dict[str, Any], Engine], staging.Staged]


def backup(
    config: dict[str, Any],
    docker: Engine,
    targets: Sequence[Target],
    *,
    by_hand: bool = True,
    prepare: Prepare = staging.prepare,
) -> int:
    """Back up to these targets; return 0 when all is saved, 1 when something is not.

    Takes run_lock itself. Raise OSError when our own state cannot be written.
    """
    with run_lock.hold(WAIT_SECONDS if by_hand else 0.0) as ours:
        if not ours:
            # The timer comes again in minutes.
            return problem(BUSY) if by_hand else 0
        return _backup(config, docker, targets, by_hand, prepare)


def _backup(
    config: dict[str, Any],
    docker: Engine,
    targets: Sequence[Target],
    by_hand: bool,
    prepare: Prepare,
) -> int:
    host, began = str(config["host"]["name"]), time.time()
    tries = {target.name: _begin(target, began) for target in targets}
    try:
        staged = prepare(config, docker)
    except (BackupError, NotReachable) as error:
        kind = error.kind if isinstance(error, BackupError) else "docker"
        for target in targets:
            report.note_target(target.name, error=str(error), error_kind=kind)
        tell.failed(
            STAGE, kind, str(error), host=host, by_hand=by_hand,
            tries=min(tries.values(), default=1), seconds=time.time() - began,
        )  # fmt: skip
        return problem(str(error))
    code = 0
    for one in staged.problems:
        code = problem(one)
    if staged.problems:
        told = "\n".join(staged.problems)
        tell.failed(STAGE, "database", told, host=host, by_hand=by_hand)
    else:
        tell.well(STAGE, host=host, by_hand=by_hand)
    for target in targets:
        started = time.monotonic()
        try:
            saved = save.save(config, target, staged)
        except (ResticError, OSError) as error:
            kind = error.kind if isinstance(error, ResticError) else "other"
            report.note_target(target.name, error=str(error), error_kind=kind)
            tell.failed(
                target.name, kind, str(error), host=host, by_hand=by_hand,
                tries=tries[target.name], seconds=time.monotonic() - started,
            )  # fmt: skip
            code = problem(str(error))
            continue
        report.note_target(
            target.name, error="", error_kind="", tries=0,
            saved_at=clock.timestamp(began), snapshot=saved["snapshot"],
        )  # fmt: skip
        seconds = time.monotonic() - started
        details = {**saved, "copied": staged.copied, "reused": staged.reused,
                   "downtime": staged.downtime}  # fmt: skip
        tell.done(target.name, seconds, details)
        tell.well(target.name, host=host, by_hand=by_hand)
        print(f"{target.name}: saved as {saved['snapshot'][:8]}, {seconds:.0f} s")
    return code


def _begin(target: Target, now: float) -> int:
    """Write a try down before it is made; return how many there were since the last good one."""
    entry = report.read()["targets"].get(target.name, {})
    before = entry.get("tries")
    tries = (before if isinstance(before, int) else 0) + 1
    known = entry.get("known_since") or clock.timestamp(now)
    report.note_target(target.name, tried_at=clock.timestamp(now), tries=tries, known_since=known)
    return tries


def problem(text: str) -> int:
    """Say it and return the exit code."""
    print(f"mediastack backup: {text}", file=sys.stderr)
    return 1
