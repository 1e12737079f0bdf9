"""A whole copy of the config directory of a service that is stopped for it, kept up to date.

rsync compares sizes and times, and by default only whole seconds: what was written again within the
second would be missed. So here times are compared as they are, and what had been written about when
a copy was made beside the running app gets an impossible time in that copy, so that it is copied
again in any case once the app has ended. That first copy is only made when there is much to copy:
it spoils the last whole one.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Iterator

from mediastack.backup import databases
from mediastack.backup.trouble import BackupError

COPY = ("rsync", "-aHAX", "--numeric-ids", "--delete", "--delete-excluded", "--modify-window=-1")
VANISHED = 24
FULL = 11
# Copied within a second or two even from a slow disk: no copy beside the running app is needed.
SOON_BYTES = 64 * 1024**2
# While the service is down.
SECONDS = 900
BESIDE_SECONDS = 6 * 3600
# File systems' clocks lag behind by a tick.
CLOCK_SECONDS = 2.0
NEVER = (0, 0)


def beside(source: str, target: str, excludes: tuple[str, ...]) -> None:
    """Copy while the service runs: nothing may rely on the result. Raise BackupError."""
    began = time.time()
    _rsync(source, target, excludes, BESIDE_SECONDS, fine=(0, VANISHED))
    for path in _files(target):
        with contextlib.suppress(FileNotFoundError):
            if os.lstat(path).st_mtime > began - CLOCK_SECONDS:
                os.utime(path, ns=NEVER, follow_symlinks=False)


def finish(source: str, target: str, excludes: tuple[str, ...]) -> None:
    """Copy what has changed since, of a service that has ended. Raise BackupError."""
    _rsync(source, target, excludes, SECONDS)


def bytes_behind(source: str, target: str, excludes: tuple[str, ...]) -> int:
    """Return how much of `source` is not in `target` as it is."""
    total, without = 0, {os.path.join(source, one) for one in excludes}
    for path in _files(source, without):
        with contextlib.suppress(FileNotFoundError):
            found = os.lstat(path)
            try:
                there = os.lstat(os.path.join(target, os.path.relpath(path, source)))
            except OSError:
                total += found.st_size
                continue
            if (found.st_size, found.st_mtime_ns) != (there.st_size, there.st_mtime_ns):
                total += found.st_size
    return total


def pattern(path: str) -> str:
    """Return rsync's pattern of exactly this path below the root."""
    # A backslash means itself unless there is something to escape.
    if re.search(r"[*?\[]", path):
        path = re.sub(r"([*?\[\\])", r"\\\1", path)
    return f"/{path}"


def _files(top: str, without: set[str] | frozenset[str] = frozenset()) -> Iterator[str]:
    for directory, below, names in os.walk(top):
        below[:] = [one for one in below if os.path.join(directory, one) not in without]
        for name in names:
            path = os.path.join(directory, name)
            if path not in without:
                yield path


def _rsync(
    source: str,
    target: str,
    excludes: tuple[str, ...],
    seconds: float,
    fine: tuple[int, ...] = (0,),
) -> None:
    try:
        os.makedirs(target, mode=0o700, exist_ok=True)
    except OSError as error:
        raise BackupError("other", f"{target}: {error.strerror}") from error
    databases.require_room(target, bytes_behind(source, target, excludes))
    apart = [f"--exclude={pattern(one)}" for one in excludes]
    try:
        done = subprocess.run(
            [*COPY, *apart, f"{source}/", f"{target}/"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackupError("other", f"rsync: {error}") from error
    if done.returncode not in fine:
        words = "; ".join(done.stderr.split("\n")[-4:]).strip("; ")[-400:]
        kind = "space" if done.returncode == FULL and "No space left" in words else "other"
        raise BackupError(kind, f"rsync to {target} ({done.returncode}): {words}")
