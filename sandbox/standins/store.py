"""Real SQLite state in WAL mode: a row per start, and rows that tests add and read.

The connection stays open and nothing forces a checkpoint, so a running stand-in has committed rows
that live only in its `-wal` file, like the real programs: copying the .db file alone loses them.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

from . import control, web
from .web import Answer, Request

ROWS_PATH = "/standin/rows"


class Store:
    """One open database; safe to use from the threads of the web server."""

    def __init__(self, path: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self.execute("CREATE TABLE IF NOT EXISTS starts (id INTEGER PRIMARY KEY, at REAL NOT NULL)")
        self.execute(
            "CREATE TABLE IF NOT EXISTS entries "
            "(id INTEGER PRIMARY KEY, at REAL NOT NULL, text TEXT NOT NULL)"
        )
        self._migrate()
        self.execute("INSERT INTO starts (at) VALUES (?)", time.time())
        web.at_end(self.close)

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement (committed at once) and return its rows."""
        with self._lock:
            return self._connection.execute(statement, values).fetchall()

    def _migrate(self) -> None:
        """Bring an older schema up to the one that is wanted; refuse a newer one."""
        values = control.read()
        wanted = int(values.get("schema", 0))
        present = int(self.execute("PRAGMA user_version")[0][0])
        if present > wanted:
            raise sqlite3.DatabaseError(f"schema {present} is newer than this version's {wanted}")
        for schema in range(present + 1, wanted + 1):
            time.sleep(float(values.get("migrate_seconds", 0)))
            self.execute(f"ALTER TABLE entries ADD COLUMN since_{schema} TEXT")
            self.execute(f"PRAGMA user_version = {schema}")

    def is_healthy(self) -> bool:
        """True when the database can be read."""
        try:
            return bool(self.execute("SELECT count(*) FROM starts")[0][0])
        except sqlite3.Error:
            return False

    def close(self) -> None:
        """Close cleanly (this checkpoints)."""
        with self._lock:
            self._connection.close()

    def rows(self, request: Request) -> Answer:
        """GET: starts and rows; POST {"text": ...}: add one. For tests only."""
        if request.method == "POST":
            text = str((request.json() or {}).get("text", ""))
            self.execute("INSERT INTO entries (at, text) VALUES (?, ?)", time.time(), text)
        entries = self.execute("SELECT id, text FROM entries ORDER BY id")
        starts = self.execute("SELECT count(*) FROM starts")[0][0]
        rows = [{"id": number, "text": text} for number, text in entries]
        return Answer({"starts": starts, "rows": rows})
