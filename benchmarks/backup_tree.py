"""A config tree as years of use leave it: databases, and many files that never change.

Sizes are what they are at scale 1: 2 GB, a tenth of it databases; pictures cannot be compressed,
texts can. All of it follows from a seed.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MB = 1024**2
PICTURE_BYTES = (10_000, 250_000)
TEXT_BYTES = (500, 8_000)
WORDS = [f"word{number}" for number in range(2_000)]


@dataclass(frozen=True)
class Part:
    """What one service has, in MB at scale 1. `database`: its path, and how it is written."""

    service: str
    pictures: float = 0.0
    texts: float = 0.0
    databases: tuple[tuple[str, float, str], ...] = ()


LIBRARY = "Library/Application Support/Plex Media Server/Plug-in Support/Databases"
PARTS = (
    Part("plex", 1_300, 20, ((f"{LIBRARY}/com.plexapp.plugins.library.db", 80, "wal"),
                             (f"{LIBRARY}/com.plexapp.plugins.library.blobs.db", 40, "wal"))),
    Part("sonarr", 150, 5, (("sonarr.db", 30, "wal"),)),
    Part("radarr", 150, 5, (("radarr.db", 30, "wal"),)),
    Part("seerr", 100, 5, (("db/db.sqlite3", 5, "wal"),)),
    Part("tautulli", 30, 5, (("tautulli.db", 10, "delete"),)),
    Part("bazarr", 30, 5, (("db/bazarr.db", 5, "wal"),)),
)  # fmt: skip


def make(top: Path, scale: float, seed: int) -> dict[str, Path]:
    """Fill `top`; return {service: its directory}."""
    chosen, roots = random.Random(seed), {}
    for part in PARTS:
        root = roots[part.service] = top / part.service
        root.mkdir(parents=True)
        for kind, megabytes in (("pictures", part.pictures), ("texts", part.texts)):
            for number, path in enumerate(_files(root / kind, kind, megabytes * scale, chosen)):
                if number % 100 == 0:
                    path.parent.chmod(0o755)
        for relative, megabytes, mode in part.databases:
            _database(root / relative, megabytes * scale, mode)
    return roots


def size(top: Path) -> tuple[int, int]:
    """(bytes, files) below."""
    found = [path.stat().st_size for path in top.rglob("*") if path.is_file()]
    return sum(found), len(found)


def databases(roots: dict[str, Path]) -> list[Path]:
    """All databases."""
    return [roots[part.service] / one[0] for part in PARTS for one in part.databases]


def a_day(roots: dict[str, Path], scale: float, seed: int) -> None:
    """What changes in a day: rows in each database, a few pictures and texts."""
    chosen = random.Random(seed)
    for path in databases(roots):
        with _opened(path) as connection:
            _rows(connection, max(20, int(400 * scale)))
    for part in PARTS:
        _ = list(_files(roots[part.service] / f"day-{seed}", "pictures", 2 * scale, chosen))


def warm(top: Path) -> None:
    """Read everything once, so that nobody is the first to."""
    for path in top.rglob("*"):
        if path.is_file():
            with path.open("rb", buffering=0) as stream:
                while stream.read(4 * MB):
                    pass


def clear(*paths: Path) -> None:
    """Remove trees that may not be there."""
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)


def _files(top: Path, kind: str, megabytes: float, chosen: random.Random) -> Iterator[Path]:
    left, number = megabytes * MB, 0
    low, high = PICTURE_BYTES if kind == "pictures" else TEXT_BYTES
    while left > 0:
        length = chosen.randint(low, high)
        if kind == "pictures":
            content = chosen.randbytes(length)
        else:
            content = " ".join(chosen.choices(WORDS, k=length // 8)).encode()
        path = top / f"{number // 100:04}" / f"{number:06}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        yield path
        left -= length
        number += 1


def _database(path: Path, megabytes: float, mode: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with _opened(path) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
        connection.execute(
            "CREATE TABLE items (id INTEGER PRIMARY KEY, title TEXT, path TEXT, about TEXT,"
            " added INTEGER, size INTEGER, extra BLOB)"
        )
        for column in ("title", "path", "added"):
            connection.execute(f"CREATE INDEX by_{column} ON items ({column})")
        while path.stat().st_size < megabytes * MB:
            _rows(connection, 2_000)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _rows(connection: sqlite3.Connection, count: int) -> None:
    connection.execute("BEGIN")
    connection.execute(
        "WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)"
        " INSERT INTO items (title, path, about, added, size, extra)"
        " SELECT hex(randomblob(10)), '/data/media/' || hex(randomblob(12)),"
        " 'words ' || n || ' of a film ' || hex(randomblob(20)), abs(random()) % 100000000,"
        " abs(random()) % 10000000000, randomblob(120) FROM number",
        (count,),
    )
    connection.execute("COMMIT")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(os.fspath(path), isolation_level=None, timeout=60)
    connection.execute("PRAGMA synchronous = OFF")
    try:
        yield connection
    finally:
        connection.close()
