"""What `backup ACT` does with backups that were made: list, check, prune, export, init.

Each act is given the targets that are meant, and does not stop at one that cannot be reached.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from mediastack.backup import care, export, report, repository, settings, snapshots
from mediastack.backup.restic import ResticError
from mediastack.backup.run import problem
from mediastack.backup.settings import Target
from mediastack.backup.snapshots import Snapshot

Act = Callable[[dict[str, Any], Sequence[Target], argparse.Namespace], int]


def show(config: dict[str, Any], targets: Sequence[Target], options: argparse.Namespace) -> int:
    """Print every backup, the newest last; with --json as a list of objects."""
    code, rows = 0, list[dict[str, Any]]()
    proven = report.read()["proven"]
    for target in targets:
        try:
            found = snapshots.listed(target)
        except ResticError as error:
            found = []
            if error.kind == "absent" and not repository.is_known(target):
                # The first backup makes it.
                continue
            code = problem(str(error))
            if error.kind == "damaged":
                # Those that can be read are worth knowing all the more.
                with contextlib.suppress(ResticError):
                    found = snapshots.listed(target, despite_damage=True)
        rows += [row(target, one, proven) for one in found]
    rows.sort(key=lambda one: one["time"])
    if options.json:
        print(json.dumps(rows, indent=2))
        return code
    for one in rows:
        mark = "  proven" if one["proven"] else ""
        print(f"{one['id'][:8]}  {one['time'][:16]}  {one['target']:12} {one['host']}{mark}")
    if not rows and not code:
        print("there is no backup yet")
    return code


def row(target: Target, one: Snapshot, proven: dict[str, Any]) -> dict[str, Any]:
    """Return a backup as --json shows it; `proven`: a drill has restored it."""
    known = str(proven.get("snapshot", ""))
    return {
        "id": one.id,
        "time": one.time,
        "target": target.name,
        "host": one.host,
        "proven": proven.get("target") == target.name and snapshots.same(one.id, known),
    }


def check(config: dict[str, Any], targets: Sequence[Target], options: argparse.Namespace) -> int:
    """Verify each repository, and this week's part of its data, or all of it."""
    code = 0
    share = "" if options.full else care.part(settings.of(config).check_percent, time.time())
    for target in targets:
        try:
            care.check(target, share)
        except ResticError as error:
            code = problem(str(error))
            continue
        read = f"part {share}" if share else "all"
        print(f"{target.name}: is whole ({read} of its data read)")
    return code


def prune(config: dict[str, Any], targets: Sequence[Target], options: argparse.Namespace) -> int:
    """Remove what is no longer to be kept."""
    code = 0
    for target in targets:
        if target.append_only:
            print(f"{target.name}: is append-only, so nothing is removed; see docs/backup.md")
            continue
        try:
            gone = care.prune(config, target, dry_run=options.dry_run)
        except ResticError as error:
            code = problem(str(error))
            continue
        names = f" ({', '.join(sorted(one[:8] for one in gone))})" if gone else ""
        would = "would be removed" if options.dry_run else "removed"
        print(f"{target.name}: {len(gone)} backups {would}{names}")
    return code


def save_as(config: dict[str, Any], targets: Sequence[Target], options: argparse.Namespace) -> int:
    """Write one backup as a plain archive."""
    target = targets[0]
    found = snapshots.find(snapshots.listed(target), options.snapshot, target=target.name)
    count = export.export(target, found, options.file)
    print(f"{options.file}: {count} files of {found.id[:8]} ({found.time[:16]})")
    print("It is not encrypted, and holds every secret.")
    return 0


def make(config: dict[str, Any], targets: Sequence[Target], options: argparse.Namespace) -> int:
    """Make a repository."""
    repository.make(targets[0])
    print(f"{targets[0].name}: an empty repository was made")
    return 0


ACTS: dict[str, Act] = {
    "list": show,
    "check": check,
    "prune": prune,
    "export": save_as,
    "init": make,
}
