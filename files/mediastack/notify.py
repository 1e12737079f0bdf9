"""Telling the user, without ever waiting for the network: messages go into a spool directory.

A message is one JSON file, written in spool/tmp and renamed into spool/new; a systemd path unit
starts the sender (notify_sender) while that directory is not empty. So ntfy being down delays a
message and loses none. `send` never raises: whoever reports a problem must not die of reporting;
what cannot even be spooled goes to stderr, that is, into the journal.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import itertools
import json
import os
import sys
import time
from collections.abc import Iterable

from mediastack import atomic, clock, config, known_secrets

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
LOCK_ATTEMPTS = 50
LOCK_PAUSE_SECONDS = 0.002
_numbers = itertools.count()


def send(
    subject: str,
    title: str,
    message: str,
    *,
    priority: int = 3,
    tags: Iterable[str] = (),
    key: str = "",
    at_once: bool = False,
    spool: str | None = None,
) -> None:
    """Hand one message over for delivery; return at once, raise nothing.

    Messages of one `subject` arrive in order. Messages of one subject with the same non-empty
    `key` are one storm: those that follow within minutes arrive as one with a count. `priority`
    is ntfy's, 1 (silent) to 5 (urgent); `tags` are ntfy's too. In quiet hours it waits unless its
    priority is 4 or 5, or somebody sits before it (`at_once`).
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
            "at_once": at_once,
        }
        _spool(json.dumps(entry, default=str).encode(), spool or default_spool())
    except Exception as error:
        with contextlib.suppress(Exception):
            told = f"not spooled ({error}): [{subject}] {title}: {message}"
            # This goes into the system's journal, which more people read.
            print(f"mediastack: notify: {known_secrets.of_this_house()(told)}", file=sys.stderr)


def default_spool() -> str:
    """Return where this house keeps its messages."""
    return os.path.join(config.paths()["state"], "spool")


def make_directories(spool: str) -> None:
    """Make spool and its parts: tmp (being written), new (waiting), failed (undeliverable)."""
    for name in ("", "tmp", "new", "failed"):
        os.makedirs(os.path.join(spool, name), mode=DIRECTORY_MODE, exist_ok=True)


def _spool(data: bytes, spool: str) -> None:
    make_directories(spool)
    name = f"{_stamp(spool):020}-{os.getpid()}-{next(_numbers)}.json"
    # Not in spool/new: the sender's path unit would wake up for half a file.
    written, handed_in = os.path.join(spool, "tmp", name), os.path.join(spool, "new", name)
    atomic.write(written, data, mode=FILE_MODE)
    os.rename(written, handed_in)
    atomic.sync_directory(os.path.dirname(handed_in))


def _stamp(spool: str) -> int:
    """A number greater than any before it: the time, also when the clock is set back.

    The greatest one given out in this boot is in a file, so that nobody has to look through
    thousands of waiting messages for it. It need not survive a power cut: after a boot one looks
    through them once.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    descriptor = os.open(os.path.join(spool, "newest"), flags, FILE_MODE)
    try:
        if not _locked(descriptor):
            return max(time.time_ns(), _newest(spool) + 1)
        boot, _, number = os.pread(descriptor, 100, 0).decode(errors="replace").partition(" ")
        known = boot == _boot() and number.strip().isdecimal()
        stamp = max(time.time_ns(), (int(number) if known else _newest(spool)) + 1)
        os.pwrite(descriptor, f"{_boot()} {stamp:020}\n".encode(), 0)
        return stamp
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    """Take the lock, but not at any price: its holder may be frozen in the middle of it."""
    for _ in range(LOCK_ATTEMPTS):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(LOCK_PAUSE_SECONDS)
    return False


def _newest(spool: str) -> int:
    """The greatest number of a waiting message. Names sort by time."""
    stamps = [name.partition("-")[0] for name in os.listdir(os.path.join(spool, "new"))]
    return max((int(stamp) for stamp in stamps if stamp.isdecimal()), default=0)


@functools.lru_cache(maxsize=1)
def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return "unknown"
