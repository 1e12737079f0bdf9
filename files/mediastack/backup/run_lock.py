"""One at a time of backup, its care, drill and restore: a kernel lock, freed by its holder's death.

Apart from the stack lock, which is held for seconds only, while something is stopped or swapped.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

from mediastack import config

POLL_SECONDS = 0.2


@contextlib.contextmanager
def hold(wait_seconds: float = 0.0) -> Iterator[bool]:
    """Give True while it is ours, False when somebody else had it for as long as we waited."""
    directory = config.paths()["state"]
    os.makedirs(directory, mode=0o755, exist_ok=True)
    path = os.path.join(directory, "backup.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait_seconds
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() < deadline:
                    time.sleep(POLL_SECONDS)
                    continue
                yield False
                return
            yield True
            return
    finally:
        os.close(descriptor)
