"""A directory tree copied as it is: contents, modes, times, extended attributes, links.

Hard links within it stay links, symbolic ones are copied and never followed; sockets, pipes and
devices are left out. What vanishes while it is copied is as if it had never been there.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Collection, Iterable

from mediastack.adopt import tree

# Also where what was above it is no directory any more.
GONE = (FileNotFoundError, NotADirectoryError)
Inodes = dict[tuple[int, int], str]


def whole(source: str, target: str, without: Collection[str]) -> None:
    """Copy everything but what is `without` (paths below source) to where nothing is. Raise
    OSError."""
    os.mkdir(target, 0o700)
    _copy(source, target, (path for path, _ in tree.walk(source, without)))


def again(source: str, target: str, paths: Iterable[str]) -> None:
    """Make these paths below target what they are below source, parents first. Raise OSError."""
    wanted = list(paths)
    for path in wanted:
        _make_way(os.path.join(source, path), os.path.join(target, path))
    _copy(source, target, wanted)


def _copy(source: str, target: str, paths: Iterable[str]) -> None:
    directories = [""]
    inodes: Inodes = {}
    for path in paths:
        mine, ours = os.path.join(source, path), os.path.join(target, path)
        try:
            if _one(mine, ours, inodes):
                directories.append(path)
        except GONE:
            if os.path.lexists(mine):
                raise
    # Whoever writes into a directory changes its time.
    for path in reversed(directories):
        _attributes(os.path.join(source, path), os.path.join(target, path))


def _one(mine: str, ours: str, inodes: Inodes) -> bool:
    """Copy one thing; say whether it is a directory, which gets its attributes later."""
    status = os.lstat(mine)
    if stat.S_ISDIR(status.st_mode):
        os.makedirs(ours, mode=0o700, exist_ok=True)
        return True
    if not (stat.S_ISLNK(status.st_mode) or stat.S_ISREG(status.st_mode)):
        return False
    known = inodes.get((status.st_dev, status.st_ino))
    if known is not None:
        os.link(known, ours, follow_symlinks=False)
        return False
    if status.st_nlink > 1:
        inodes[status.st_dev, status.st_ino] = ours
    shutil.copyfile(mine, ours, follow_symlinks=False)
    _attributes(mine, ours)
    return False


def _attributes(mine: str, ours: str) -> None:
    try:
        shutil.copystat(mine, ours, follow_symlinks=False)
    except GONE:
        if os.path.lexists(mine):
            raise


def _make_way(mine: str, ours: str) -> None:
    """Remove what is not of theirs' kind, so that it can be copied."""
    if not os.path.lexists(ours):
        return
    both = os.path.isdir(mine) and not os.path.islink(mine)
    if os.path.isdir(ours) and not os.path.islink(ours):
        if not both:
            shutil.rmtree(ours)
    else:
        os.unlink(ours)
