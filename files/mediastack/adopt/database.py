"""A consistent copy of one of their databases, which is never written to.

One that somebody has open is read through SQLite's backup API, beside its program. One that nobody
has open is copied with its log as files and only then opened, since the first to open a database
writes beside it: that must not happen in their directory.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import urllib.parse
from typing import Any

from mediastack.adopt.house import Refusal
from mediastack.backup import databases, fingerprint
from mediastack.backup.trouble import BackupError

# What belongs to its content; -shm is made anew from them.
LOGS = ("-wal", "-journal")
SCRATCH = ".taken"
BUSY_SECONDS = 2.0
# Where the programs of the catalog write down how far their schema is: Sonarr and its kin, Seerr
# and Maintainerr, Plex.
LEVELS = (
    ("VersionInfo", "SELECT max(CAST(Version AS INTEGER)) FROM VersionInfo"),
    ("migrations", "SELECT max(CAST(timestamp AS INTEGER)) FROM migrations"),
    ("schema_migrations", "SELECT max(CAST(version AS INTEGER)) FROM schema_migrations"),
)


def take(source: str, target: str, *, is_open: bool) -> dict[str, Any]:
    """Copy a database to where nothing is yet and return its record. Raise Refusal."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    scratch = f"{target}{SCRATCH}"
    try:
        if is_open and not _was_left(source):
            return databases.copy(source, target)
        shutil.rmtree(scratch, ignore_errors=True)
        os.mkdir(scratch, 0o700)
        return databases.copy(_as_files(source, scratch), target)
    except BackupError as error:
        raise Refusal(_words(source, error)) from error
    except OSError as error:
        raise Refusal(f"{source}: cannot be copied: {error.strerror or error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def level(path: str, *, is_open: bool) -> dict[str, int]:
    """Return how far the schema of a database is, by each of the ways in which programs write it
    down; {} when it cannot be told. Writes nothing, also beside it."""
    # Unopened by anybody, its log is left alone: the schema was changed long before that.
    how = "mode=ro" if is_open and not _was_left(path) else "mode=ro&immutable=1"
    found: dict[str, int] = {}
    try:
        with contextlib.closing(
            sqlite3.connect(
                f"file:{urllib.parse.quote(path)}?{how}", uri=True, timeout=BUSY_SECONDS
            )
        ) as connection:
            if version := int(connection.execute("PRAGMA user_version").fetchone()[0]):
                found["user_version"] = version
            for name, statement in LEVELS:
                with contextlib.suppress(sqlite3.Error):
                    number = connection.execute(statement).fetchone()[0]
                    if number is not None:
                        found[name] = int(number)
    except sqlite3.Error:
        return {}
    return found


def _was_left(source: str) -> bool:
    """Whether it keeps a log and none is there: who has it open has not begun to work with it."""
    logged = fingerprint.is_logged(source)
    return logged and not any(os.path.exists(source + end) for end in ("-wal", "-shm"))


def _words(source: str, error: BackupError) -> str:
    """What is wrong with one of theirs, and what helps there."""
    said = str(error).partition("; fix: ")[0]
    said = re.sub(rf"\S*{re.escape(SCRATCH)}/\S+: ", "", said).removeprefix(f"{source}: ")
    help_by = {
        "database": "mend it in theirs first: a backup of its own, or sqlite3's .recover",
        "busy": "stop its program for the copy",
        "space": "make room there",
    }
    fix = f"; {help_by[error.kind]}" if error.kind in help_by else ""
    return f"{source}: {said}{fix}"


def _as_files(source: str, scratch: str) -> str:
    """Copy a database that nobody has open, with its log; return where. Raise Refusal, OSError."""
    name = os.path.basename(source)
    before = _looks(source)
    for end in ("", *LOGS):
        if os.path.exists(source + end):
            shutil.copyfile(source + end, os.path.join(scratch, name + end))
    if _looks(source) != before:
        raise Refusal(f"{source}: somebody wrote to it meanwhile; run it again")
    return os.path.join(scratch, name)


def _looks(source: str) -> list[tuple[int, int, int] | None]:
    found: list[tuple[int, int, int] | None] = []
    for end in ("", *LOGS):
        try:
            status = os.stat(source + end)
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
        except FileNotFoundError:
            found.append(None)
    return found
