"""A consistent copy of one service's state, taken while the service runs.

Files are copied with owner, mode and times, symbolic links stay links. The SQLite databases that
the catalog declares are not files in that sense: they go through SQLite's backup API, which gives
one committed state including what is still in the -wal, and each copy must pass an integrity
check. -wal and -shm files are never copied: beside another database they would corrupt it. The
copy is built in DESTINATION.partial and renamed, so what has the final name is whole.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import json
import os
import shutil
import sqlite3
import stat
import sys
import urllib.parse
from collections.abc import Iterator
from typing import Any

from mediastack import atomic, config

BUSY_SECONDS = 30.0
SIDE_FILES = ("-wal", "-shm", "-journal")


class SnapshotError(Exception):
    """The state cannot be copied consistently; the message names service, file and cause."""


def snapshot(service: str, settings: dict[str, Any], destination: str) -> dict[str, Any]:
    """Copy the state of `service` to `destination`, which must not exist.

    Return {"service", "destination", "files", "bytes", "databases": [copied], "missing": [declared
    databases that are not there], "skipped": [sockets, pipes and files that vanished]}, paths
    relative to the state. Raise SnapshotError; a destination is then not there.
    """
    entry = settings["services"].get(service)
    if entry is None or not entry.get("config"):
        raise SnapshotError(f"{service}: has no state to copy (no config directory in the catalog)")
    if os.path.lexists(destination):
        raise SnapshotError(f"{destination}: is there already; remove it or name another place")
    source, partial = entry["config"], f"{destination}.partial"
    if not os.path.isdir(source):
        raise SnapshotError(f"{service}: {source} is no directory; deploy the service first")
    result: dict[str, Any] = {"service": service, "destination": destination, "files": 0}
    result |= {"bytes": 0, "databases": [], "missing": [], "skipped": []}
    try:
        if os.path.lexists(partial):
            shutil.rmtree(partial)
        os.makedirs(os.path.dirname(os.path.abspath(destination)), mode=0o700, exist_ok=True)
        os.mkdir(partial, 0o700)
        databases = [os.path.normpath(name) for name in entry.get("databases", [])]
        _copy_tree(source, partial, entry.get("state_exclude", []), databases, result)
        for name in databases:
            _copy_database(service, source, partial, name, result)
        _directory_attributes(source, partial)
        # What is renamed must be on disk: a backup of empty files is worse than none.
        os.sync()
        os.rename(partial, destination)
        atomic.sync_directory(os.path.dirname(os.path.abspath(destination)))
    except OSError as error:
        raise SnapshotError(f"{service}: {error.filename or source}: {error.strerror}") from error
    return result


def main(arguments: list[str]) -> int:
    """Verb `snapshot SERVICE DESTINATION`: print the result as JSON; 1 failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="mediastack snapshot", description="Copy a state.")
    parser.add_argument("service")
    parser.add_argument("destination")
    try:
        options = parser.parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        print(json.dumps(snapshot(options.service, config.load(), options.destination)))
    except (SnapshotError, config.ConfigError) as error:
        print(f"mediastack snapshot: {error}", file=sys.stderr)
        return 1
    return 0


def _copy_tree(
    source: str, target: str, excluded: list[str], databases: list[str], result: dict[str, Any]
) -> None:
    """Copy everything but databases, their side files and what is excluded."""
    apart = {name + suffix for name in databases for suffix in ("", *SIDE_FILES)}
    for relative, status in _walk(source, "", excluded):
        if relative in apart or relative.endswith(("-wal", "-shm")):
            continue
        origin, copy = os.path.join(source, relative), os.path.join(target, relative)
        if stat.S_ISDIR(status.st_mode):
            os.mkdir(copy, 0o700)
        elif stat.S_ISLNK(status.st_mode):
            with contextlib.suppress(FileNotFoundError):
                os.symlink(os.readlink(origin), copy)
                os.lchown(copy, status.st_uid, status.st_gid)
        elif not stat.S_ISREG(status.st_mode) or not _copy_file(origin, copy, result):
            result["skipped"].append(relative)


def _walk(root: str, relative: str, excluded: list[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield (path below root, lstat), parents first; a running app may remove things meanwhile."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for name in sorted(os.listdir(os.path.join(root, relative))):
            below = os.path.join(relative, name)
            if any(fnmatch.fnmatchcase(below, pattern.strip("/")) for pattern in excluded):
                continue
            with contextlib.suppress(FileNotFoundError):
                status = os.lstat(os.path.join(root, below))
                yield below, status
                if stat.S_ISDIR(status.st_mode):
                    yield from _walk(root, below, excluded)


def _copy_file(origin: str, copy: str, result: dict[str, Any]) -> bool:
    """Copy one regular file; False when it is gone, or was replaced by something else."""
    try:
        # Not blocked by a pipe, not led astray by a link that took the file's place meanwhile.
        descriptor = os.open(origin, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    with os.fdopen(descriptor, "rb") as reader:
        status = os.fstat(reader.fileno())
        if not stat.S_ISREG(status.st_mode):
            return False
        made = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(made, "wb") as writer:
            shutil.copyfileobj(reader, writer, 1024 * 1024)
            writer.flush()
            result["bytes"] += writer.tell()
            _attributes(writer.fileno(), status)
    result["files"] += 1
    return True


def _copy_database(
    service: str, source: str, target: str, name: str, result: dict[str, Any]
) -> None:
    origin, copy = os.path.join(source, name), os.path.join(target, name)
    if not os.path.lexists(origin):
        result["missing"].append(name)
        return
    if os.path.realpath(origin) != os.path.join(os.path.realpath(source), name):
        raise SnapshotError(
            f"{service}: {origin}: is reached through a symbolic link; not followed"
        )
    if not os.path.isdir(os.path.dirname(copy)):
        os.makedirs(os.path.dirname(copy), mode=0o700)
    status = os.stat(origin)
    made = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        # Not mode=ro: a reader of a WAL database needs its -shm, and may have to make it.
        address = f"file:{urllib.parse.quote(origin)}?mode=rw"
        with (
            contextlib.closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS)) as reader,
            contextlib.closing(sqlite3.connect(copy)) as writer,
        ):
            # All pages in one step: one read transaction, so a busy writer cannot restart it.
            reader.backup(writer, pages=-1)
            # One file: a copy in WAL mode would grow a -wal as soon as somebody looks at it.
            writer.execute("PRAGMA journal_mode=DELETE")
            answer = writer.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        raise SnapshotError(f"{service}: {origin}: {error}") from error
    else:
        if answer != "ok":
            raise SnapshotError(f"{service}: {origin}: the copy is damaged: {answer}")
        _attributes(made, status)
        result["databases"].append(name)
        result["bytes"] += os.path.getsize(copy)
    finally:
        os.close(made)


def _attributes(descriptor: int, status: os.stat_result) -> None:
    os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
    os.utime(descriptor, ns=(status.st_atime_ns, status.st_mtime_ns))


def _directory_attributes(source: str, target: str) -> None:
    """Last and from the bottom up: writing into a directory changes its times."""
    for directory, _, _ in os.walk(target, topdown=False):
        origin = os.path.normpath(os.path.join(source, os.path.relpath(directory, target)))
        with contextlib.suppress(FileNotFoundError):
            status = os.lstat(origin)
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                _attributes(descriptor, status)
            finally:
                os.close(descriptor)
