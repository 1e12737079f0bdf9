"""A copy of their directory beside ours, compared with the original to the last byte.

What their program wrote meanwhile is copied again, until a checksum of everything says that both
are the same. Databases are never copied as files while they are open
(database). What the catalog calls caches and logs stays behind. At the end everything belongs to
the account that our service runs as; modes, times and extended attributes stay.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from mediastack.adopt import clone, database, house, in_use, tree
from mediastack.adopt.house import Refusal, Source
from mediastack.backup import databases

ROUNDS = 4
SHOWN = 3
MODE = 0o700
LEAST_FREE_BYTES = 256 * 1024**2


class Copied(NamedTuple):
    """What was copied: files and the checksums' number of differences that were made good, and the
    record of each database (backup.databases)."""

    files: int
    again: int
    records: dict[str, dict[str, Any]]

    @property
    def rows(self) -> int:
        """How many rows all databases have together."""
        return sum(sum(one["tables"].values()) for one in self.records.values())


def without(config: Mapping[str, Any], service: str) -> set[str]:
    """Return what of a service's directory is no state, as paths below it."""
    return {one.strip("/") for one in config["services"][service].get("state_exclude", ())}


def require_room(config: Mapping[str, Any], wanted: int) -> None:
    """Raise Refusal when so many bytes do not fit, with some room left for those who work there."""
    where = config["paths"]["config"]
    free = shutil.disk_usage(where).free
    if free - wanted < LEAST_FREE_BYTES:
        raise Refusal(
            f"{where}: {free // 1024**2} MiB free, the copies take {wanted // 1024**2} MiB and have"
            f" to leave {LEAST_FREE_BYTES // 1024**2}; make room, or adopt one after the other:"
            " --service NAME"
        )


def make(config: Mapping[str, Any], source: Source, size: tree.Size) -> Copied:
    """Copy their directory to the stage, whole and verified. Raise Refusal, OSError."""
    target = house.stage(config, source.service)
    entry = config["services"][source.service]
    drop(target)
    os.makedirs(os.path.dirname(target), mode=MODE, exist_ok=True)
    os.chmod(os.path.dirname(target), MODE)
    excluded = without(config, source.service) | tree.of_databases(size.databases)
    clone.whole(source.path, target, excluded)
    records = _databases(source, target, size.databases)
    again = _compare(source, target, excluded)
    _own(target, int(entry["uid"]), int(entry["gid"]))
    for name, record in records.items():
        if wrong := databases.verify(os.path.join(target, name), record):
            raise Refusal(f"{source.service}: the copy of {name} is not right: {wrong[0]}")
    return Copied(size.files, again, records)


def drop(target: str) -> None:
    """Remove a copy, or what there is of one. Raise OSError."""
    if os.path.lexists(target):
        shutil.rmtree(target)


def _databases(source: Source, target: str, names: Collection[str]) -> dict[str, dict[str, Any]]:
    records = {}
    paths = {name: os.path.join(source.path, name) for name in names}
    is_open = in_use.of(paths.values())
    for name, path in paths.items():
        copied = os.path.join(target, name)
        before = os.stat(path)
        records[name] = database.take(path, copied, is_open=path in is_open)
        os.chmod(copied, stat.S_IMODE(before.st_mode))
        os.utime(copied, ns=(before.st_atime_ns, before.st_mtime_ns))
    return records


def _compare(source: Source, target: str, excluded: Collection[str]) -> int:
    """Copy again what differs until nothing does; return how much that was. Raise Refusal."""
    again = 0
    for _ in range(ROUNDS):
        theirs = tree.checksums(source.path, excluded)
        ours = tree.checksums(target, excluded)
        wrong = sorted(path for path in theirs.keys() | ours.keys()
                       if theirs.get(path) != ours.get(path))  # fmt: skip
        if not wrong:
            return again
        again += len(wrong)
        clone.again(source.path, target, wrong)
    name = source.container.name if source.container else ""
    fix = f"docker stop {name}" if name else "stop what writes there"
    raise Refusal(
        f"{source.service}: {', '.join(wrong[:SHOWN])} in {source.path} is written again and"
        f" again; {fix}, and run it again"
    )


def _own(target: str, uid: int, gid: int) -> None:
    """Give everything its owner; a set-id bit on a file goes with that. Apps write files with modes
    of their own, so the door is the directory itself, as the deploy makes it."""
    os.chown(target, uid, gid)
    os.chmod(target, MODE)
    for path, _ in tree.walk(target, ()):
        os.chown(os.path.join(target, path), uid, gid, follow_symlinks=False)
