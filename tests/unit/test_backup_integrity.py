"""backup.integrity: what this host's SQLite can say of an app's database, and what it cannot."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import staging_house as house

from mediastack.backup import integrity


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    uri = f"file:{path}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        yield connection


@contextmanager
def made(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.create_collation("icu_root", lambda a, b: (a > b) - (a < b))
        connection.create_function("of_the_app", 1, lambda _: True, deterministic=True)
        yield connection


def test_a_sound_database_is_checked_to_the_last_index_entry(tmp_path: Path) -> None:
    house.a_database(tmp_path / "a.db", 50)
    with opened(tmp_path / "a.db") as connection:
        assert integrity.check(connection) == ("integrity", "")
        assert integrity.rows(connection) == {"films": 50}


def test_noise_in_its_pages_is_damage(tmp_path: Path) -> None:
    house.a_database(tmp_path / "a.db", 500, mode="delete")
    house.damage(tmp_path / "a.db")
    with opened(tmp_path / "a.db") as connection:
        assert integrity.check(connection).damage


def test_an_index_that_lacks_a_row_is_damage(tmp_path: Path) -> None:
    with made(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("CREATE INDEX i ON t (a)")
        connection.execute("INSERT INTO t VALUES (1), (2), (3)")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = 'CREATE INDEX i ON t (a) WHERE a <> 2' WHERE name = 'i'"
        )
    with made(tmp_path / "a.db") as connection:
        connection.execute("INSERT INTO t VALUES (2)")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = 'CREATE INDEX i ON t (a)' WHERE name = 'i'"
        )
    with opened(tmp_path / "a.db") as connection:
        found = integrity.check(connection)
    assert "missing from index i" in found.damage
    assert found.checked == "integrity"


def test_an_order_that_only_the_app_knows_is_left_out_and_nothing_else(tmp_path: Path) -> None:
    with made(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE t (a TEXT COLLATE icu_root, b)")
        connection.execute("CREATE INDEX i ON t (a)")
        connection.execute("CREATE TABLE w (a TEXT COLLATE icu_root PRIMARY KEY) WITHOUT ROWID")
        connection.executemany("INSERT INTO t VALUES (?, 1)", [(str(i),) for i in range(2000)])
        connection.executemany("INSERT INTO w VALUES (?)", [(str(i),) for i in range(2000)])
    with opened(tmp_path / "a.db") as connection:
        assert integrity.check(connection) == ("quick", "")
        assert integrity.rows(connection) == {"t": 2000, "w": 2000}
    house.damage(tmp_path / "a.db")
    with opened(tmp_path / "a.db") as connection:
        assert integrity.check(connection).damage


def test_a_tokenizer_that_only_the_app_knows_costs_that_table_alone(tmp_path: Path) -> None:
    with made(tmp_path / "a.db") as connection:
        connection.execute("CREATE VIRTUAL TABLE words USING fts4 (x)")
        connection.execute("INSERT INTO words VALUES ('one'), ('two')")
        connection.execute("CREATE TABLE t (a TEXT COLLATE icu_root CHECK (of_the_app(a)))")
        connection.execute("INSERT INTO t VALUES ('x')")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = 'CREATE VIRTUAL TABLE words USING fts4 (x, tokenize="
            "collating)' WHERE name = 'words'"
        )
    with opened(tmp_path / "a.db") as connection:
        # Which of the two depends on SQLite: later ones look into the words as well.
        assert integrity.check(connection) in (("integrity", ""), ("quick", ""))
        counted = integrity.rows(connection)
    assert counted["words_content"] == 2
    assert counted["t"] == 1
    assert "words" not in counted


def test_tables_spelled_as_a_later_sqlite_allows_do_not_make_it_damaged(tmp_path: Path) -> None:
    with made(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE later (a)")
        connection.execute("CREATE TABLE known (a)")
        connection.execute("INSERT INTO known VALUES (1), (2)")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = 'CREATE TABLE later (a ->> b FUTURE)'"
            " WHERE name = 'later'"
        )
    with opened(tmp_path / "a.db") as connection:
        assert integrity.check(connection) == ("quick", "")
        assert integrity.rows(connection) == {"known": 2}


def test_a_row_older_than_the_rule_it_breaks_is_no_damage(tmp_path: Path) -> None:
    with made(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE t (a TEXT, b)")
        connection.execute("INSERT INTO t VALUES (NULL, 1)")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = 'CREATE TABLE t (a TEXT NOT NULL, b CHECK (b > 1))'"
        )
    with opened(tmp_path / "a.db") as connection:
        told = [line for (line,) in connection.execute("PRAGMA integrity_check")]
        assert told != ["ok"]
    with opened(tmp_path / "a.db") as connection:
        assert integrity.check(connection) == ("integrity", "")
