"""Are two trees the same, content included? Then nobody needs to be stopped for one of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection

READ_AT_ONCE = 1024**2


def same(one: str, other: str, excluded: Collection[str]) -> bool:
    """Say whether two trees have the same names, kinds, owners, modes, contents and times (of
    files), but for these paths below. What cannot be read is not the same. The first difference
    ends it."""
    try:
        return os.path.isdir(one) and _same(one, other, "", {name.strip("/") for name in excluded})
    except OSError:
        return False


def _same(one: str, other: str, below: str, excluded: set[str]) -> bool:
    path, its = os.path.join(one, below), os.path.join(other, below)
    mine, theirs = os.lstat(path), os.lstat(its)
    kind = stat.S_IFMT(mine.st_mode)
    if kind != stat.S_IFMT(theirs.st_mode) or _owner(mine) != _owner(theirs):
        return False
    if kind == stat.S_IFLNK:
        return os.readlink(path) == os.readlink(its)
    if stat.S_IMODE(mine.st_mode) != stat.S_IMODE(theirs.st_mode):
        return False
    if kind == stat.S_IFREG:
        alike = (mine.st_size, mine.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)
        return alike and _is_equal(path, its)
    if kind != stat.S_IFDIR:
        return True
    names = _names(path, below, excluded)
    return names == _names(its, below, excluded) and all(
        _same(one, other, os.path.join(below, name), excluded) for name in names
    )


def _is_equal(path: str, its: str) -> bool:
    """By content. Not filecmp's: that remembers an answer by size and time."""
    with open(path, "rb", buffering=0) as mine, open(its, "rb", buffering=0) as theirs:
        while (block := mine.read(READ_AT_ONCE)) == theirs.read(READ_AT_ONCE):
            if not block:
                return True
    return False


def _names(path: str, below: str, excluded: set[str]) -> list[str]:
    """What counts in a directory; sockets are in no backup, and of no meaning without a process."""
    return sorted(
        entry.name
        for entry in os.scandir(path)
        if os.path.join(below, entry.name) not in excluded
        and not stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode)
    )


def _owner(status: os.stat_result) -> tuple[int, int]:
    return status.st_uid, status.st_gid
