"""What happened in this house, one JSON line each: ledger.jsonl in the state directory.

Deploys, cascades, updates, backups, drills, alerts all append here; history, status, notifications
and tests read it. An entry is one O_APPEND write and an fsync, under a file lock of its own so that
rotation (ledger.jsonl -> .1 -> .2 …) never loses a concurrent entry. A line torn by a power cut is
skipped by readers and closed by the next writer. A failed append is reported on stderr, not raised:
a healer that stops healing because history cannot be written would make things worse.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from mediastack import atomic, clock, config

MAXIMUM_BYTES = 4 * 1024 * 1024
KEEP_FILES = 4


def append(
    actor: str,
    subject: str,
    outcome: str,
    *,
    duration_seconds: float = 0.0,
    cause: str = "",
    details: Any = None,
    path: str | None = None,
    maximum_bytes: int = MAXIMUM_BYTES,
    keep_files: int = KEEP_FILES,
) -> bool:
    """Record one event; return False (and say so on stderr) when it could not be written."""
    path = path or default_path()
    entry = {
        "time": clock.timestamp(),
        "actor": actor,
        "subject": subject,
        "outcome": outcome,
        "duration_seconds": round(float(duration_seconds), 3),
        "cause": cause,
        "details": details,
    }
    line = json.dumps(entry, default=str).encode() + b"\n"
    try:
        with atomic.exclusive(path):
            _rotate(path, len(line), maximum_bytes, keep_files)
            _write(path, line)
    except OSError as error:
        print(f"mediastack: {path}: {error.strerror}; not recorded: {line!r}", file=sys.stderr)
        return False
    return True


def read(
    limit: int | None = None, subject: str | None = None, *, path: str | None = None
) -> list[dict[str, Any]]:
    """Return the newest `limit` entries (None: all that are kept) of `subject`, oldest first."""
    path = path or default_path()
    newest_first: list[dict[str, Any]] = []
    if limit is not None and limit <= 0:
        return newest_first
    with _undisturbed(path):
        for name in _files_newest_first(path):
            for entry in reversed(_entries(name)):
                if subject is None or entry.get("subject") == subject:
                    newest_first.append(entry)
                    if len(newest_first) == limit:
                        return newest_first[::-1]
    return newest_first[::-1]


def default_path() -> str:
    """Return where this house keeps its ledger."""
    return os.path.join(config.paths()["state"], "ledger.jsonl")


def _write(path: str, line: bytes) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(descriptor, line) != len(line):
            raise OSError(28, "disk full, entry torn")
        os.fsync(descriptor)
        if not size:
            atomic.sync_directory(os.path.dirname(os.path.abspath(path)))
    finally:
        os.close(descriptor)


def _rotate(path: str, coming: int, maximum_bytes: int, keep_files: int) -> None:
    """Move full files up by one; the oldest falls off only when every slot is taken."""
    with contextlib.suppress(FileNotFoundError):
        size = os.stat(path).st_size
        if size == 0 or size + coming <= maximum_bytes:
            return
        slots = [path] + [f"{path}.{number}" for number in range(1, keep_files + 1)]
        free = next((index for index, slot in enumerate(slots) if not os.path.exists(slot)), None)
        for index in range(len(slots) - 1 if free is None else free, 0, -1):
            os.replace(slots[index - 1], slots[index])


def _files_newest_first(path: str) -> list[str]:
    directory, base = os.path.split(os.path.abspath(path))
    numbers = [
        int(name[len(base) + 1 :])
        for name in (os.listdir(directory) if os.path.isdir(directory) else [])
        if name.startswith(f"{base}.") and name[len(base) + 1 :].isdigit()
    ]
    return [path] + [f"{path}.{number}" for number in sorted(numbers)]


def _entries(path: str) -> list[dict[str, Any]]:
    try:
        with open(path, "rb") as stream:
            lines = stream.read().split(b"\n")
    except FileNotFoundError:
        return []
    entries = []
    for line in lines:
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, dict):
                entries.append(entry)
    return entries


@contextlib.contextmanager
def _undisturbed(path: str) -> Iterator[None]:
    """Keep rotation out while reading; a reader that may not lock reads anyway."""
    try:
        descriptor = os.open(f"{path}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)
