"""Progress for whatever takes longer than two seconds: a line at two seconds, one at the end.

Short steps stay silent, so a second `up` prints nothing but its result.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator

QUIET_SECONDS = 2.0
_write_lock = threading.Lock()


def say(message: str) -> None:
    """Print one whole line on stderr (stdout is for data), also from several threads."""
    with _write_lock:
        print(message, file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Announce `title` once it has taken QUIET_SECONDS, and then how long it took."""
    started = time.monotonic()
    announce = threading.Timer(QUIET_SECONDS, say, args=(f"  {title} ...",))
    announce.daemon = True
    announce.start()
    outcome = "failed"
    try:
        yield
        outcome = "done"
    finally:
        announce.cancel()
        elapsed = time.monotonic() - started
        if elapsed >= QUIET_SECONDS or outcome == "failed":
            say(f"  {title}: {outcome} in {elapsed:.0f} s")
