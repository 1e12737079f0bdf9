"""One actor at a time: whoever starts, stops, recreates or pulls containers holds this lock.

It is a kernel flock, so a holder that is killed frees it and nothing is ever stale. The file's
content only describes the holder, for the message of those who wait in vain. The holder exports
MEDIASTACK_LOCK_HELD=<its pid>, so that a program it starts (updater -> apply) works under the same
lock; that claim counts only while the pid is a live ancestor *and* the file names it as holder.
Nested use in one thread is granted too. The descriptor is close-on-exec, so a child that outlives
its parent does not keep the lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

from mediastack import clock, config

POLL_SECONDS = 0.1
HELD_VARIABLE = "MEDIASTACK_LOCK_HELD"
_held_by_thread: dict[tuple[str, int], int] = {}


class Busy(Exception):
    """Somebody else holds the lock; the message and `holder` name actor, pid, reason and since."""

    def __init__(self, path: str, holder: dict[str, Any], waited_seconds: float) -> None:
        self.holder = holder
        super().__init__(
            f"{path}: held by {holder.get('actor', 'somebody')} (pid {holder.get('pid', '?')}) "
            f"since {holder.get('since', '?')} for: {holder.get('reason', '?')}; "
            f"waited {waited_seconds:.0f} s; try again when it is done"
        )


@contextlib.contextmanager
def hold(
    actor: str, reason: str, *, wait_seconds: float, path: str | None = None
) -> Iterator[None]:
    """Hold the stack lock, waiting at most `wait_seconds` for it. Raise Busy when that fails."""
    path = path or _default_path()
    key = (os.path.abspath(path), threading.get_ident())
    # The pid guards against a fork that copied the table of its parent.
    if _held_by_thread.get(key) == os.getpid():
        yield
        return
    descriptor = _acquire(path, wait_seconds)
    if descriptor is None:
        yield
        return
    before = os.environ.get(HELD_VARIABLE)
    try:
        _describe(descriptor, actor, reason)
        os.environ[HELD_VARIABLE] = str(os.getpid())
        _held_by_thread[key] = os.getpid()
        yield
    finally:
        _held_by_thread.pop(key, None)
        if before is None:
            os.environ.pop(HELD_VARIABLE, None)
        else:
            os.environ[HELD_VARIABLE] = before
        os.ftruncate(descriptor, 0)
        os.close(descriptor)


def holder(path: str | None = None) -> dict[str, Any] | None:
    """Return who holds the lock now ({"actor","pid","reason","since"}), or None when it is free."""
    try:
        descriptor = os.open(path or _default_path(), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return _description(descriptor)
    finally:
        os.close(descriptor)


def _default_path() -> str:
    return os.path.join(config.paths()["runtime"], "stack.lock")


def _acquire(path: str, wait_seconds: float) -> int | None:
    """Return the locked descriptor, or None when an ancestor of this process holds it for us."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o755, exist_ok=True)
    started = time.monotonic()
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_current(descriptor, path):
                return descriptor
            os.close(descriptor)
            continue
        except BlockingIOError:
            holding = _description(descriptor)
            os.close(descriptor)
        if _held_for_us(holding):
            return None
        waited = time.monotonic() - started
        if waited >= wait_seconds:
            raise Busy(path, holding, waited)
        time.sleep(min(POLL_SECONDS, max(wait_seconds - waited, 0.001)))


def _is_current(descriptor: int, path: str) -> bool:
    """A lock on a file that was unlinked meanwhile excludes nobody."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _describe(descriptor: int, actor: str, reason: str) -> None:
    text = json.dumps(
        {"actor": actor, "pid": os.getpid(), "reason": reason, "since": clock.timestamp()}
    )
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


def _description(descriptor: int) -> dict[str, Any]:
    try:
        value = json.loads(os.pread(descriptor, 4096, 0))
    except ValueError:
        # The holder is between flock and its first write.
        return {}
    return value if isinstance(value, dict) else {}


def _held_for_us(holding: dict[str, Any]) -> bool:
    claimed = os.environ.get(HELD_VARIABLE, "")
    if not claimed.isdigit() or holding.get("pid") != int(claimed):
        return False
    return int(claimed) in _ancestors(os.getpid())


def _ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        try:
            with open(f"/proc/{pid}/stat", "rb") as stream:
                # The command name is in parentheses and may hold blanks and parentheses itself.
                pid = int(stream.read().rpartition(b")")[2].split()[1])
        except OSError:
            return
        yield pid
