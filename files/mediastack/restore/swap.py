"""Two directory trees change places in one instant: renameat2(RENAME_EXCHANGE).

There is no moment at which a service has no config, or half of one. Whether the exchange has been
made is read from the trees themselves (the inode of their top, which a rename does not change), so
that one who was killed in the middle can tell. File systems that cannot exchange (ZFS before 2.2,
some network ones) get three renames; between these the live tree is absent for an instant, which is
why whoever calls `bring` there holds the service until it returned.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess

from mediastack import atomic

AT_FDCWD = -100
RENAME_EXCHANGE = 2
# What a kernel or a file system says that does not know it.
UNKNOWN = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
ASIDE = ".aside"
SYNC_SECONDS = 3600.0


class Lost(Exception):
    """Neither place has the tree that is wanted; nothing was moved."""


def exchange(a: str, b: str) -> None:
    """Let two names on one file system change what they name, durably. Raise OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), a)
    first, second = os.fsencode(a), os.fsencode(b)
    if libc.renameat2(AT_FDCWD, first, AT_FDCWD, second, ctypes.c_uint(RENAME_EXCHANGE)):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), a, None, b)
    _sync(a, b)


def can_exchange(directory: str) -> bool:
    """Say whether the file system of this directory knows how. Raise OSError."""
    one, two = (os.path.join(directory, f".exchange-{name}") for name in ("a", "b"))
    try:
        for path in (one, two):
            os.makedirs(path, exist_ok=True)
        exchange(one, two)
    except OSError as error:
        if error.errno in UNKNOWN:
            return False
        raise
    finally:
        for path in (one, two):
            if os.path.isdir(path):
                os.rmdir(path)
    return True


def identity(path: str) -> int | None:
    """Return what stays the same wherever a tree is moved to, None when there is none.

    Without the device, whose number may be another one after a boot.
    """
    try:
        return os.lstat(path).st_ino
    except FileNotFoundError:
        return None


def bring(live: str, staged: str, wanted: int | None) -> None:
    """Have the tree of this identity at `live`, and the other one, if there is one, at `staged`.

    `wanted` None: nothing is to be at `live`. Done already is fine, and so is done by half. Raise
    Lost, OSError.
    """
    aside = staged + ASIDE
    if wanted is None:
        if identity(live) is not None:
            os.rename(live, staged)
            _sync(live, staged)
        return
    if identity(live) != wanted:
        if identity(staged) != wanted:
            raise Lost(f"neither {live} nor {staged} is the tree that it was to be")
        if identity(live) is None:
            os.rename(staged, live)
        else:
            _exchange_somehow(live, staged, aside)
        _sync(live, staged)
    if identity(aside) is not None:
        os.rename(aside, staged)
        _sync(staged)


def to_disk(where: str) -> None:
    """Have all that was written to the file system of this path on disk. Raise OSError."""
    try:
        # That file system alone: a /data that hangs must not hang this.
        subprocess.run(("sync", "--file-system", where), check=True, timeout=SYNC_SECONDS)
    except subprocess.SubprocessError as error:
        raise OSError(errno.EIO, f"cannot be flushed: {error}", where) from error


def _exchange_somehow(live: str, staged: str, aside: str) -> None:
    try:
        exchange(live, staged)
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise
        os.rename(live, aside)
        os.rename(staged, live)


def _sync(*paths: str) -> None:
    for directory in dict.fromkeys(os.path.dirname(os.path.abspath(path)) for path in paths):
        atomic.sync_directory(directory)
