"""A directory of theirs as it is: what is in it, how large, whose, and a checksum of everything.

Read only, and never through a symbolic link. Sockets, pipes and devices are no state.
"""

from __future__ import annotations

import collections
import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from typing import NamedTuple

from mediastack.backup.contents import COMPANIONS

BLOCK_BYTES = 1 << 20
MAGIC = b"SQLite format 3\0"
SUFFIXES = (".db", ".sqlite", ".sqlite3", ".db3")


class Entry(NamedTuple):
    """One thing below the top: kind is "file", "link" or "directory"."""

    kind: str
    mode: int
    content: str


class Size(NamedTuple):
    """What a tree is to be copied: `owners` counts (uid, gid), the most frequent first."""

    files: int
    bytes: int
    databases: tuple[str, ...]
    owners: tuple[tuple[int, int], ...]


def walk(top: str, without: Collection[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Give (path below top, lstat) of everything but what is `without` (paths below top), parents
    first, in order. What vanishes meanwhile is left out. Raise OSError for what cannot be read."""
    waiting = [""]
    while waiting:
        directory = waiting.pop()
        try:
            names = sorted(os.listdir(os.path.join(top, directory)))
        except FileNotFoundError:
            if not directory:
                raise
            continue
        deeper = []
        for name in names:
            path = os.path.join(directory, name)
            if path in without:
                continue
            try:
                status = os.lstat(os.path.join(top, path))
            except FileNotFoundError:
                continue
            yield path, status
            if stat.S_ISDIR(status.st_mode):
                deeper.append(path)
        waiting += reversed(deeper)


def size(top: str, without: Collection[str], known: Collection[str]) -> Size:
    """Return what there is to copy; `known` are paths that may be databases whatever their name.

    Raise OSError."""
    files = total = 0
    databases, owners = [], collections.Counter()  # type: ignore[var-annotated]
    for path, status in walk(top, without):
        owners[status.st_uid, status.st_gid] += 1
        if not stat.S_ISREG(status.st_mode):
            continue
        files += 1
        total += status.st_size
        if (path in known or path.endswith(SUFFIXES)) and is_database(os.path.join(top, path)):
            databases.append(path)
    ordered = tuple(owner for owner, _ in owners.most_common())
    return Size(files, total, tuple(databases), ordered)


def is_database(path: str) -> bool:
    """Say whether a file begins as SQLite's do. Raise OSError."""
    with open(path, "rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


def checksums(top: str, without: Collection[str]) -> dict[str, Entry]:
    """Return everything below top with the checksum of its content. Raise OSError."""
    found = {}
    for path, status in walk(top, without):
        full = os.path.join(top, path)
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISLNK(status.st_mode):
            found[path] = Entry("link", 0, os.readlink(full))
        elif stat.S_ISDIR(status.st_mode):
            found[path] = Entry("directory", mode, "")
        elif stat.S_ISREG(status.st_mode):
            found[path] = Entry("file", mode, checksum(full))
    return found


def checksum(path: str) -> str:
    """Return the SHA-256 of a file. Raise OSError."""
    total = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            total.update(block)
    return total.hexdigest()


def of_databases(databases: Collection[str]) -> set[str]:
    """Return the paths of these databases and of what SQLite writes beside them."""
    return {path + end for path in databases for end in ("", *COMPANIONS)}
