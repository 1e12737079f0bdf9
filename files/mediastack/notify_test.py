"""`notify-test`: one message the whole way (spool, path unit, sender, server) and what came of it.

It takes no short cut to the server: a short cut would pass while the path that matters is broken.
"""

from __future__ import annotations

import glob
import os
import sys
import time
from collections.abc import Callable

from mediastack import notify

WAIT_SECONDS = 30.0
POLL_SECONDS = 0.2
JOURNAL = "journalctl -u mediastack-notify.service says why"


def main(arguments: list[str]) -> int:
    """Verb `notify-test`: 0 when the server took the message, 1 when not (yet)."""
    if arguments:
        print("usage: mediastack notify-test", file=sys.stderr)
        return 2
    outcome = attempt(notify.default_spool())
    if outcome == "delivered":
        print("delivered; it should be on your screen now")
        return 0
    if outcome == "not spooled":
        print("mediastack notify-test: the message could not be spooled", file=sys.stderr)
    elif outcome == "refused":
        print(f"mediastack notify-test: the server refused it; {JOURNAL}", file=sys.stderr)
    else:
        print(
            f"mediastack notify-test: not delivered within {WAIT_SECONDS:.0f} s; it stays in the "
            f"spool and is tried again; {JOURNAL}",
            file=sys.stderr,
        )
    return 1


def attempt(
    spool: str,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Spool one message and watch it: "delivered", "refused", "waiting" or "not spooled"."""
    before = _mine(spool, "new") | _mine(spool, "failed")
    notify.send(
        # A subject of its own: messages of one subject wait for each other.
        f"test-{os.getpid()}",
        "Test from your media stack",
        "If you can read this, notifications arrive.",
        tags=("white_check_mark",),
        # Somebody sits before it, at night too.
        at_once=True,
        spool=spool,
    )
    # No sender delivers within the microseconds between the two calls.
    names = (_mine(spool, "new") | _mine(spool, "failed")) - before
    if not names:
        return "not spooled"
    deadline = monotonic() + WAIT_SECONDS
    while True:
        if names & _mine(spool, "failed"):
            return "refused"
        if not names & _mine(spool, "new"):
            return "delivered"
        if monotonic() >= deadline:
            return "waiting"
        sleep(POLL_SECONDS)


def _mine(spool: str, part: str) -> set[str]:
    """Names of the messages of this process in one part of the spool."""
    found = glob.glob(os.path.join(glob.escape(spool), part, f"*-{os.getpid()}-*.json"))
    return {os.path.basename(path) for path in found}
