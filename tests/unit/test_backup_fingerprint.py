"""backup.fingerprint: equal ones are one content, whatever order things happen in."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest
import staging_house as house
from hypothesis import given, settings
from hypothesis import strategies as st

from mediastack.backup import databases, fingerprint

FORK = multiprocessing.get_context("fork")
LATER = time.time() + house.DAY


@pytest.mark.parametrize("mode", ["delete", "truncate", "persist", "wal"])
@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(["commit", "update", "rollback", "checkpoint", "read"]), max_size=9)
)
def test_two_contents_never_have_one_fingerprint_though_the_clock_stands_still(
    mode: str, steps: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        path = os.path.join(directory, "a.db")
        house.a_database(path, 3, mode)
        # No times at all: what SQLite counts has to be enough while the app has it open.
        patch.setattr(
            fingerprint, "_stat", lambda path: [os.stat(path).st_ino, os.stat(path).st_size]
        )
        patch.setattr(fingerprint, "max", lambda _: 0, raising=False)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            # So that there is a log from the beginning.
            house.add(connection, 1)
            seen: dict[str, list[tuple[object, ...]]] = {}
            for step in ("read", *steps):
                if step == "commit":
                    house.add(connection, 1)
                elif step == "update":
                    connection.execute("UPDATE films SET title = hex(randomblob(20)) WHERE id = 1")
                elif step == "rollback":
                    connection.execute("BEGIN")
                    connection.execute("INSERT INTO films (title) VALUES ('never')")
                    connection.execute("ROLLBACK")
                elif step == "checkpoint":
                    connection.execute("PRAGMA wal_checkpoint(RESTART)")
                content = connection.execute("SELECT * FROM films ORDER BY id").fetchall()
                found = str(fingerprint.of(path, LATER))
                assert seen.setdefault(found, content) == content


@pytest.mark.parametrize("is_open", [False, True])
def test_a_copy_of_a_database_leaves_its_fingerprint_as_it_is(
    tmp_path: Path, is_open: bool
) -> None:
    path = str(tmp_path / "a.db")
    house.a_database(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as app:
        if is_open:
            house.add(app, 1)
        else:
            app.close()
        before = fingerprint.of(path, LATER)
        assert before is not None
        # In another process, as closing a file would end the app's locks in this one.
        process = FORK.Process(target=databases.copy, args=(path, str(tmp_path / "copy")))
        process.start()
        process.join()
        assert process.exitcode == 0
        assert fingerprint.of(path, LATER) == before


def test_what_was_written_a_moment_ago_has_none_yet(tmp_path: Path) -> None:
    path = str(tmp_path / "a.db")
    house.a_database(path)
    assert fingerprint.of(path) is None
    assert fingerprint.of(path, time.time() + 1) is not None


def test_a_commit_that_overwrites_a_restarted_log_shows_though_the_clock_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "a.db")
    monkeypatch.setattr(fingerprint, "_stat", lambda path: [0, os.stat(path).st_size, 0, 0])
    house.a_database(path, 2000)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE films SET title = title || '!'")
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
        connection.execute("UPDATE films SET title = 'one' WHERE id = 1")
        size = os.stat(f"{path}-wal").st_size
        one = fingerprint.of(path, LATER)
        connection.execute("UPDATE films SET title = 'two' WHERE id = 1")
        assert os.stat(f"{path}-wal").st_size == size
        assert fingerprint.of(path, LATER) != one


def test_a_log_that_is_being_written_this_moment_has_none(tmp_path: Path) -> None:
    path = str(tmp_path / "a.db")
    house.a_database(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        house.add(connection, 1)
        with open(f"{path}-shm", "r+b") as stream:
            stream.seek(8)
            stream.write(b"\xff")
        assert fingerprint.of(path, LATER) is None


def test_another_file_in_its_place_shows(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    house.a_database(path, mode="delete")
    before = fingerprint.of(str(path), LATER)
    content, status = path.read_bytes(), path.stat()
    (tmp_path / "b").write_bytes(content)
    os.utime(tmp_path / "b", ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(tmp_path / "b", path)
    assert fingerprint.of(str(path), LATER) != before


def test_only_what_begins_like_one_is_a_database(tmp_path: Path) -> None:
    house.a_database(tmp_path / "a.db", mode="wal")
    house.a_database(tmp_path / "b.db", mode="delete")
    (tmp_path / "c.db").write_bytes(b"SQLite format 4\0" + bytes(4096))
    assert fingerprint.is_database(str(tmp_path / "a.db"))
    assert not fingerprint.is_database(str(tmp_path / "c.db"))
    assert fingerprint.is_logged(str(tmp_path / "a.db"))
    assert not fingerprint.is_logged(str(tmp_path / "b.db"))
