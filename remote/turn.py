"""One change of the host at a time, also when what makes it has lost its controller.

A deploy that is killed, or cut off, leaves the program of its last operation at work on the host:
an apt goes on to its end. The next run's programs wait for that one here, and its survey too, so
that what it finds is no longer changing. The kernel frees the lock with its holder, so nothing is
ever stale; the file's text only says who it is. It precedes the text of such a program
(facts.program); it is no program of its own.
"""

import fcntl
import os
import time

TURN_FILE = "/run/mediastack-deploy.lock"
TURN_WAIT_SECONDS = 900.0
TURN_POLL_SECONDS = 0.2


def take_turn(reason: str, path: str = TURN_FILE, wait: float = TURN_WAIT_SECONDS) -> "int | None":
    """Wait for the lock and return its descriptor (freed with the process); None without root.

    Raise OSError with the holder's number and what it does when it is not free in time.
    """
    if path == TURN_FILE and os.geteuid() != 0:
        return None  # only a look: the preflight says that a deploy needs root
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    started = time.monotonic()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            waited = time.monotonic() - started
            if waited >= wait:
                holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "somebody"
                os.close(descriptor)
                raise OSError(
                    f"an earlier run is still at work on this host: {holder}; waited"
                    f" {waited:.0f} s; fix: run the deploy again when it is done"
                ) from None
            time.sleep(TURN_POLL_SECONDS)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{reason} (pid {os.getpid()})".encode(), 0)
    return descriptor
