"""Telling the user, without ever waiting for the network: messages go into a spool directory.

A message is one JSON file, written in spool/tmp and renamed into spool/new; a systemd path unit
starts the sender (notify_sender) while that directory is not empty. So ntfy being down delays a
message and loses none. `send` never raises: whoever reports a problem must not die of reporting;
what cannot even be spooled goes to stderr, that is, into the journal.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import time
from collections.abc import Iterable

from mediastack import atomic, clock, config

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
_numbers = itertools.count()


def send(
    subject: str,
    title: str,
    message: str,
    *,
    priority: int = 3,
    tags: Iterable[str] = (),
    key: str = "",
    spool: str | None = None,
) -> None:
    """Hand one message over for delivery; return at once, raise nothing.

    Messages of one `subject` arrive in order. Messages of one subject with the same non-empty
    `key` are one storm: those that follow within minutes arrive as one with a count. `priority`
    is ntfy's, 1 (silent) to 5 (urgent); `tags` are ntfy's too.
    """
    try:
        entry = {
            "time": clock.timestamp(),
            "subject": subject,
            "title": title,
            "message": message,
            "priority": min(max(int(priority), 1), 5),
            "tags": [str(tag) for tag in tags],
            "key": key,
        }
        _spool(json.dumps(entry, default=str).encode(), spool or default_spool())
    except Exception as error:
        with contextlib.suppress(Exception):
            print(
                f"mediastack: notify: not spooled ({error}): [{subject}] {title}: {message}",
                file=sys.stderr,
            )


def default_spool() -> str:
    """Return where this house keeps its messages."""
    return os.path.join(config.paths()["state"], "spool")


def make_directories(spool: str) -> None:
    """Make spool and its parts: tmp (being written), new (waiting), failed (undeliverable)."""
    for name in ("", "tmp", "new", "failed"):
        os.makedirs(os.path.join(spool, name), mode=DIRECTORY_MODE, exist_ok=True)


def _spool(data: bytes, spool: str) -> None:
    make_directories(spool)
    # Names sort by time, also when the clock is set back (a machine without a battery, at boot).
    stamps = [name.partition("-")[0] for name in os.listdir(os.path.join(spool, "new"))]
    newest = max((int(stamp) for stamp in stamps if stamp.isdecimal()), default=0)
    name = f"{max(time.time_ns(), newest + 1):020}-{os.getpid()}-{next(_numbers)}.json"
    # Not in spool/new: the sender's path unit would wake up for half a file.
    written, handed_in = os.path.join(spool, "tmp", name), os.path.join(spool, "new", name)
    atomic.write(written, data, mode=FILE_MODE)
    os.rename(written, handed_in)
    atomic.sync_directory(os.path.dirname(handed_in))
