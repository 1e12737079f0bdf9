"""Is a database whole, and how many rows has it? Asked of a copy that nobody else has open.

SQLite's integrity_check, as far as this host's SQLite knows what the database is made of: Plex
brings a collation and a tokenizer of its own, an app in a container may be newer than the host.
Then the order in its indexes cannot be judged, and what remains is quick_check, table by table if
need be. Rows that break rules which the app itself has set (a NULL where it says there is none) are
no damage: such a database is older than the rule.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from typing import NamedTuple

# Enough that broken rules of the app do not hide what is behind them.
MOST_LINES = 10_000
SHOWN = 3
ROUNDS = 20
# Every row is looked up in every index: a third of the time is saved while checking.
CACHE_KIB = 32 * 1024
COLLATION = re.compile(r"no such collation sequence: (\S+)")
# A virtual table's module or tokenizer, or a function in a constraint, that the app brings.
UNKNOWN = re.compile(r"unknown tokenizer|no such (tokenizer|module|function)|vtable constructor fa"
                     r"iled|error in tokenizer constructor", re.IGNORECASE)  # fmt: skip
# Spelled as a later SQLite allows.
UNPARSED = re.compile(r"malformed database schema .*(syntax error|unrecognized token|near \")")
RULES = re.compile(
    r"NULL value in |CHECK constraint failed in |[A-Za-z-]+ value in |non-unique entry in index "
)
# What only unparsed tables have.
UNUSED = re.compile(r"Page \d+(: never| is never) used|\*\*\* in database \w+ \*\*\*$")


class Verdict(NamedTuple):
    """`checked`: "integrity", "quick", or "no" when it could not be told; `damage` in SQLite's
    words, "" when there is none."""

    checked: str
    damage: str


def check(connection: sqlite3.Connection) -> Verdict:
    """Return whether the database is whole. The connection is fit for nothing else afterwards."""
    pragma, lenient = "integrity_check", False
    with contextlib.suppress(sqlite3.DatabaseError):
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    for _ in range(ROUNDS):
        try:
            damage = _lines(connection, f"PRAGMA {pragma}({MOST_LINES})", lenient)
            return Verdict(pragma.partition("_")[0], damage)
        except sqlite3.DatabaseError as error:
            text = str(error)
        pragma = "quick_check"
        if found := COLLATION.search(text):
            connection.create_collation(found[1], _no_order)
        elif UNPARSED.search(text) and not lenient:
            connection.execute("PRAGMA writable_schema = ON")
            lenient = True
        elif UNKNOWN.search(text):
            return _by_table(connection, lenient)
        else:
            return Verdict("no", text)
    return Verdict("no", "")


def rows(connection: sqlite3.Connection) -> dict[str, int]:
    """Return {table: rows} of all that this host's SQLite can count."""
    found = {}
    for name in tables(connection):
        for hint in ("", " NOT INDEXED"):
            try:
                counted = connection.execute(f"SELECT count(*) FROM {_quoted(name)}{hint}")  # noqa: S608
                found[name] = int(counted.fetchone()[0])
                break
            except sqlite3.DatabaseError:
                continue
    return found


def tables(connection: sqlite3.Connection) -> list[str]:
    """Return all that have pages of their own; those behind a virtual table are among them."""
    try:
        found = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
            " AND sql NOT LIKE 'CREATE VIRTUAL %' ORDER BY name"
        )
        return [name for (name,) in found]
    except sqlite3.DatabaseError:
        return []


def _by_table(connection: sqlite3.Connection, lenient: bool) -> Verdict:
    checked = False
    for name in ("sqlite_master", *tables(connection)):
        for _ in range(ROUNDS):
            try:
                statement = f"PRAGMA quick_check({_quoted(name)})"
                if damage := _lines(connection, statement, lenient):
                    return Verdict("quick", damage)
                checked = True
            except sqlite3.DatabaseError as error:
                if found := COLLATION.search(str(error)):
                    connection.create_collation(found[1], _no_order)
                    continue
                if not UNKNOWN.search(str(error)):
                    return Verdict("quick", str(error))
            break
    return Verdict("quick" if checked else "no", "")


def _lines(connection: sqlite3.Connection, statement: str, lenient: bool) -> str:
    found = [
        line
        for (text,) in connection.execute(statement)
        for line in str(text).splitlines()
        if line != "ok" and not RULES.match(line) and not (lenient and UNUSED.match(line))
    ]
    return "; ".join(found[:SHOWN])


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _no_order(_one: str, _other: str) -> int:
    """Stands for a collation that only the app knows: it can be named, not asked."""
    return 0
