"""What the user hears of backups: a message when something begins to fail, and when it is over.

A storm is told once: what it was told of stays written down (backup.json, table "told") until it is
over, so a target that fails every hour for days is one message, and another only when it fails in
another way or three days have gone by. What may mend itself is not told before it has failed a few
times. Each try is in the ledger. Who does it by hand sits before the screen and needs no message.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from mediastack import clock, ledger, notify
from mediastack.backup import report
from mediastack.backup.due import passed

ACTOR = "backup"
REMINDER_SECONDS = 3 * 24 * 3600.0
# The server is away, another host is at work: tried again, and told when that does not help.
PASSING = ("unreachable", "locked", "busy", "docker")
PASSING_TRIES = 3
HIGH, USUAL, LOW = 4, 3, 2


def failed(
    subject: str,
    kind: str,
    problem: str,
    *,
    host: str,
    by_hand: bool,
    tries: int = 1,
    seconds: float = 0.0,
) -> None:
    """Write down that `subject` (a target, "care of …", "databases") failed, and tell it when that
    is due; `tries` counts those in vain. Raise OSError when it cannot be written down."""
    ledger.append(ACTOR, subject, "failed", duration_seconds=seconds, cause=problem)
    if by_hand:
        return
    now, told = time.time(), _told()
    before = told.get(subject, {})
    if not is_news(before, kind, tries, now):
        return
    kinds = sorted({*before.get("kinds", []), kind})
    # First written down: rather one message too few than one every quarter of an hour.
    report.note(told={**told, subject: {"kinds": kinds, "at": clock.timestamp(now)}})
    notify.send(
        "backup",
        f"{host}: backup failed ({subject})",
        f"{problem}\nIt is tried again; earlier backups are untouched.",
        priority=HIGH,
        tags=("floppy_disk", "warning"),
        key=f"backup {subject} {kind}",
    )


def well(subject: str, *, host: str, by_hand: bool) -> None:
    """It is well again, or still. Raise OSError when that cannot be written down."""
    told = _told()
    if subject not in told:
        return
    report.note(told={name: entry for name, entry in told.items() if name != subject})
    if not by_hand:
        notify.send(
            "backup",
            f"{host}: backup works again ({subject})",
            "What failed before was done now.",
            priority=LOW,
            tags=("floppy_disk", "white_check_mark"),
            key=f"backup {subject} well",
        )


def done(subject: str, seconds: float, details: Mapping[str, Any]) -> None:
    """Write down a backup that was made."""
    ledger.append(ACTOR, subject, "backed up", duration_seconds=seconds, details=dict(details))


def cared(subject: str, seconds: float, removed: list[str]) -> None:
    """Write down that a repository was verified, and which snapshots went."""
    words = f"verified, {len(removed)} old backups removed"
    print(f"{subject}: {words}, {seconds:.0f} s")
    details = {"removed": removed}
    ledger.append(ACTOR, subject, "cared for", duration_seconds=seconds, cause=words,
                  details=details)  # fmt: skip


def is_news(before: Mapping[str, Any], kind: str, tries: int, now: float) -> bool:
    """Whether the user is to be told, who was told of `before` ({"kinds", "at"}). Pure."""
    if not before:
        return kind not in PASSING or tries >= PASSING_TRIES
    if kind not in before.get("kinds", ()) and kind not in PASSING:
        return True
    return now - passed(before.get("at"), now) >= REMINDER_SECONDS


def _told() -> dict[str, Any]:
    found = report.read().get("told")
    return dict(found) if isinstance(found, dict) else {}
