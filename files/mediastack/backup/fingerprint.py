"""Has a SQLite database changed? Told from its outside, without reading it.

Size and time alone do not tell: a file's time moves in steps of milliseconds, and a write-ahead log
that has been restarted is overwritten in place. What SQLite itself counts does: in a database with
a rollback journal the change counter of its header, at every commit; with a write-ahead log the
log's salt (another one after each restart), and in the -shm file, while somebody has it open, the
number of commits, the end of the log and a checksum over all of it. An app that opens, writes and
closes within one step of the clock leaves no other trace than a time that is nearly now: then there
is no fingerprint. So two equal ones are one content. The reverse does not hold: a checkpoint moves
pages and changes nothing.

It opens and closes the database's file, which would drop the locks that a connection in this very
process holds on it: to be called while there is none. Facts: sqlite.org fileformat2, walformat.
"""

from __future__ import annotations

import os
import time
from typing import Any

MAGIC = b"SQLite format 3\0"
HEADER_BYTES = 100
WAL_HEADER_BYTES = 32
# The wal-index header, which is there twice.
INDEX_BYTES = 48
# Many of the steps in which file systems tell the time.
FRESH_SECONDS = 0.1


def of(path: str, now: float | None = None) -> list[Any] | None:
    """Return what JSON can hold of a database's state, None when it is being written about now
    (seconds since the epoch, None: this moment).

    Raise OSError, also when there is no such file.
    """
    # Taken before the looking: what is written after that cannot have an older time then.
    now = time.time() if now is None else now
    file, log = _stat(path), _of_log(path)
    if log is None:
        return None
    latest = max(file[2:] + (log[0][2:] if log else []))
    if latest / 1e9 > now - FRESH_SECONDS:
        return None
    return [file, _head(path, HEADER_BYTES).hex(), log, _if_any(f"{path}-journal")]


def is_database(path: str) -> bool:
    """Say whether a file begins as all SQLite databases do. Raise OSError."""
    return _head(path, len(MAGIC)) == MAGIC


def is_logged(path: str) -> bool:
    """Say whether a database has a write-ahead log when it is open. Raise OSError."""
    return _head(path, HEADER_BYTES)[18:20] == b"\x02\x02"


def identity(path: str) -> list[int]:
    """Return what is another one for another file, and after each change that a copy of our own
    may have gone through. Raise OSError."""
    return _stat(path)


def _of_log(path: str) -> list[Any] | None:
    """[] without anything in the log: then the file is all there is."""
    log = _if_any(f"{path}-wal")
    if not log:
        return []
    try:
        index = _head(f"{path}-shm", 2 * INDEX_BYTES)
    except FileNotFoundError:
        index = b""
    if index[:INDEX_BYTES] != index[INDEX_BYTES:]:
        return None
    try:
        return [log, _head(f"{path}-wal", WAL_HEADER_BYTES).hex(), index[:INDEX_BYTES].hex()]
    except FileNotFoundError:
        return None


def _if_any(path: str) -> list[int]:
    """[] for a file that is absent or empty, which SQLite takes for the same."""
    try:
        found = _stat(path)
    except FileNotFoundError:
        return []
    # Without the time of its last change of owner: SQLite sets that at each opening by root.
    return found[:3] if found[1] else []


def _stat(path: str) -> list[int]:
    found = os.stat(path)
    return [found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _head(path: str, size: int) -> bytes:
    with open(path, "rb", buffering=0) as stream:
        return stream.read(size)
