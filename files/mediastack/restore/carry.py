"""Caches and logs of the present tree go on in the new one: a backup does not have them.

Else a restore would throw away what is no state but was years in the making (posters, an app's own
zipped backups). By hard links: no room, no time, and the present tree keeps them all, whichever of
the two is kept in the end. Directories only: a file that is excluded (logs.db, a lock) may be of
another version, and is made anew.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable


def over(live: str, staged: str, excluded: Iterable[str]) -> list[str]:
    """Link these directories (paths below both) of `live` into `staged`, where that has none;
    return which. What vanishes meanwhile is not missed. Raise OSError."""
    done = []
    for relative in excluded:
        source, target = (os.path.join(top, relative) for top in (live, staged))
        parent = os.path.dirname(target)
        if not _is_directory(source) or os.path.lexists(target) or not _is_inside(parent, staged):
            continue
        before = os.stat(parent)
        _link(source, target)
        os.utime(parent, ns=(before.st_atime_ns, before.st_mtime_ns))
        done.append(relative)
    return done


def _link(source: str, target: str) -> None:
    """One directory with all that is in it."""
    status = os.lstat(source)
    os.mkdir(target, 0o700)
    for entry in os.scandir(source):
        path = os.path.join(target, entry.name)
        # The app is at work in it.
        with contextlib.suppress(FileNotFoundError):
            if entry.is_dir(follow_symlinks=False):
                _link(entry.path, path)
            elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
                os.link(entry.path, path, follow_symlinks=False)
    os.chown(target, status.st_uid, status.st_gid)
    os.chmod(target, stat.S_IMODE(status.st_mode))
    with contextlib.suppress(OSError):
        # Extended attributes are a nicety here.
        shutil.copystat(source, target)


def _is_directory(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)


def _is_inside(parent: str, top: str) -> bool:
    """Whether no link leads out of the tree."""
    expected = os.path.join(os.path.realpath(top), os.path.relpath(parent, top))
    return os.path.isdir(parent) and os.path.realpath(parent) == os.path.normpath(expected)
