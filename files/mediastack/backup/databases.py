"""A consistent copy of a SQLite database that an app is writing to, by SQLite's backup API.

One read transaction is opened, waiting its turn among the app's writes, and all pages are copied
within it in one step: so the copy is a state that was committed, and a writer at full speed cannot
make it start over. With a write-ahead log nobody waits for it; with a rollback journal the app's
next commit does, for the fraction of a second that the copy takes. The copy is checked, flushed and
renamed into place: there is either the last one or this one.

A copy is read with `immutable`: nothing is made beside it. The source is opened for reading, and
for writing only where SQLite has to put it in order itself: when it was left with a hot journal, or
when nobody has it open (it then takes away the files that our reading makes beside it).

record: {"sha256", "bytes", "mode", "uid", "gid", "mtime_ns" (of the source), "user_version",
"tables": {table: rows}, "checked": "integrity"|"quick"|"no", "copied_at": ISO}, and "damage" where
a damaged one was wanted all the same.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import random
import sqlite3
import stat
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any

from mediastack import atomic, clock
from mediastack.backup import fingerprint, integrity
from mediastack.backup.trouble import BackupError

BUSY_SECONDS = 60.0
# A writer at full speed leaves gaps that are short and many.
LONGEST_PAUSE_SECONDS = 0.01
# Room that a copy has to leave: the apps must go on writing.
LEAST_FREE_BYTES = 256 * 1024**2
HASHED_AT_ONCE = 1024**2
BUSY = ("database is locked", "locking protocol", "database table is locked")
TO_BE_ROLLED_BACK = "attempt to write a readonly database"
FULL = "database or disk is full"
MEND = "fix: restore it from a backup of before (stack-manage.sh restore --service NAME)"


def copy(
    source: str, target: str, partial: str = "", *, damaged_too: bool = False
) -> dict[str, Any]:
    """Put a consistent, checked copy of a database into place and return its record.

    It is made as `partial`, on the file system of `target`. With `damaged_too` one that is damaged
    is kept as well, and the record says so: where there is none better. Raise BackupError
    ("database": damaged, "busy": locked for too long, "space", "other"), FileNotFoundError when
    there is no source.
    """
    partial = partial or f"{target}.partial"
    try:
        return _copy(source, target, partial, damaged_too)
    except OSError as error:
        if not os.path.lexists(source):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), source) from error
        kind = "space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "other"
        raise BackupError(kind, f"{error.filename or target}: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(partial)


def verify(path: str, record: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a copy, [] when it is what its record says. Changes nothing, also
    beside it; nobody may have it open for writing."""
    try:
        beside = [name for name in (f"{path}-wal", f"{path}-journal") if _size(name)]
        if beside:
            return [f"{beside[0]} is none of the backup's"]
        if (size := os.stat(path).st_size) != record["bytes"]:
            return [f"{path}: has {size} bytes instead of {record['bytes']}"]
        problems = []
        if _sha256(path) != record["sha256"]:
            problems.append(f"{path}: is not what was backed up: its checksum is another one")
        found = _contents(path, checks=record.get("checked") != "no")
    except OSError as error:
        return [f"{path}: {error.strerror}"]
    except sqlite3.Error as error:
        return [f"{path}: {error}"]
    if found["damage"]:
        problems.append(f"{path}: is damaged: {found['damage']}")
    if found["user_version"] != record["user_version"]:
        problems.append(
            f"{path}: its user_version is {found['user_version']}, not {record['user_version']}"
        )
    for table, rows in record["tables"].items():
        # Another SQLite may not be able to count what that one could.
        there = found["tables"].get(table, rows) if table in found["names"] else "no"
        if there != rows:
            problems.append(f"{path}: {table} has {there} rows instead of {rows}")
    return problems


def _copy(source: str, target: str, partial: str, damaged_too: bool) -> dict[str, Any]:
    status = os.stat(source)
    if not stat.S_ISREG(status.st_mode) or not fingerprint.is_database(source):
        raise BackupError(
            "database",
            f"{source}: is no SQLite database, or its first page is damaged; {MEND}",
        )
    require_room(os.path.dirname(partial), status.st_size + _size(f"{source}-wal"))
    for left in (partial, *(f"{partial}{suffix}" for suffix in ("-wal", "-shm", "-journal"))):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(left)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    try:
        with _reading(source) as reader:
            # Of what is read, not of what may have been put in its place meanwhile.
            status = os.stat(source)
            _fill(reader, partial)
        found = _contents(partial)
    except sqlite3.Error as error:
        # Gone since: this is an OSError again.
        os.stat(source)
        raise _trouble(source, error) from error
    damage = found["damage"]
    if damage and not damaged_too:
        raise BackupError(
            "database",
            f"{source}: is damaged: {damage}; {MEND}",
        )
    record = {
        "sha256": _sha256(partial),
        "bytes": os.stat(partial).st_size,
        "mode": stat.S_IMODE(status.st_mode),
        "uid": status.st_uid,
        "gid": status.st_gid,
        "mtime_ns": status.st_mtime_ns,
        "user_version": found["user_version"],
        "tables": found["tables"],
        "checked": "no" if damage else found["checked"],
        "copied_at": clock.timestamp(),
        **({"damage": damage} if damage else {}),
    }
    _flush(partial)
    os.replace(partial, target)
    atomic.sync_directory(os.path.dirname(target))
    return record


def require_room(directory: str, wanted: int) -> None:
    """Raise BackupError when a copy of so many bytes would leave too little."""
    found = os.statvfs(directory)
    free = found.f_bavail * found.f_frsize
    if free - wanted < LEAST_FREE_BYTES:
        raise BackupError(
            "space",
            f"{directory}: {free // 1024**2} MiB are free, copies of databases take "
            f"{wanted // 1024**2} MiB and have to leave {LEAST_FREE_BYTES // 1024**2}; fix: make "
            "room there (stack-manage.sh doctor tells what fills it)",
        )


@contextlib.contextmanager
def _reading(source: str) -> Iterator[sqlite3.Connection]:
    """A connection inside of a read transaction. Raise sqlite3.Error, BackupError when busy."""
    alone = fingerprint.is_logged(source) and not any(
        os.path.lexists(f"{source}{suffix}") for suffix in ("-shm", "-wal")
    )
    try:
        connection = _begun(source, "rw" if alone else "ro")
    except sqlite3.OperationalError as error:
        if str(error) != TO_BE_ROLLED_BACK:
            raise
        connection = _begun(source, "rw")
    with contextlib.closing(connection):
        yield connection


def _begun(source: str, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(_uri(source, mode), uri=True, isolation_level=None, timeout=0)
    deadline = time.monotonic() + BUSY_SECONDS
    try:
        while True:
            try:
                connection.execute("BEGIN")
                # The transaction begins with the first read; this one needs no schema, which
                # may be spelled as only a later SQLite understands.
                connection.execute("PRAGMA user_version").fetchone()
                return connection
            except sqlite3.OperationalError as error:
                if not str(error).startswith(BUSY):
                    raise
                if time.monotonic() > deadline:
                    raise BackupError(
                        "busy",
                        f"{source}: was locked for {BUSY_SECONDS:g} s; fix: if its app never lets "
                        'anybody else read, stop it for its copy: backup = "stopped" in '
                        "[services.<name>]",
                    ) from error
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            time.sleep(random.uniform(0.0005, LONGEST_PAUSE_SECONDS))  # noqa: S311
    except BaseException:
        connection.close()
        raise


def _fill(reader: sqlite3.Connection, partial: str) -> None:
    with contextlib.closing(sqlite3.connect(partial, isolation_level=None)) as writer:
        # Nobody sees it before it is whole and flushed.
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE"):
            writer.execute(f"PRAGMA {pragma}").fetchone()
        reader.backup(writer, pages=-1)


def _contents(path: str, *, checks: bool = True) -> dict[str, Any]:
    """Return {"user_version", "names" (of tables), "tables" (rows of those that can be counted),
    "checked", "damage"} of a database that nobody writes to. Raise sqlite3.Error.
    """
    uri = _uri(path, "ro") + "&immutable=1"
    with contextlib.closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        verdict = integrity.check(connection) if checks else integrity.Verdict("no", "")
        names, tables = integrity.tables(connection), integrity.rows(connection)
    return {"user_version": version, "names": names, "tables": tables, **verdict._asdict()}


def _trouble(source: str, error: sqlite3.Error) -> BackupError:
    if FULL in str(error):
        return BackupError("space", f"{source}: no room for its copy; fix: make room there")
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
        return BackupError(
            "database",
            f"{source}: {error}; {MEND}",
        )
    return BackupError("other", f"{source}: {error}")


def _uri(path: str, mode: str) -> str:
    return f"file:{urllib.parse.quote(os.fsencode(os.path.abspath(path)))}?mode={mode}"


def _sha256(path: str) -> str:
    found = hashlib.sha256()
    with open(path, "rb", buffering=0) as stream:
        while block := stream.read(HASHED_AT_ONCE):
            found.update(block)
    return found.hexdigest()


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
