"""Locks in a repository whose holder is dead are taken away; those of the living are respected.

A killed restic leaves its lock, and the next that wants the repository for itself would wait for
ever. restic itself removes those of this host whose process is gone, and any that was not renewed
for half an hour: that is all that is done where others may be at work. The local repository is
ours, and under run_lock nobody of us is at work: there a lock also goes whose process number
another program has now, as after a boot, unless somebody runs restic by hand.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from mediastack.backup import restic
from mediastack.backup.restic import ResticError
from mediastack.backup.settings import Target


def clear(target: Target) -> None:
    """Remove what is stale. The caller holds run_lock. Raise ResticError."""
    restic.run(target, ["unlock"])
    if not target.is_local or any(_is_restic(pid) for pid in _processes()):
        return
    restic.run(target, ["unlock", "--remove-all"])


def run(target: Target, arguments: Sequence[str], **options: Any) -> restic.Answer:
    """What restic.run does; should the repository be locked, once more without the stale locks."""
    try:
        return restic.run(target, arguments, **options)
    except ResticError as error:
        if error.kind != "locked":
            raise
    clear(target)
    return restic.run(target, arguments, **options)


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _is_restic(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as stream:
            return stream.read().strip() == "restic"
    except OSError:
        return False
