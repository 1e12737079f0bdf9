"""backup.databases: what is copied was committed, whatever the app does meanwhile."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import staging_house as house

from mediastack.backup import databases
from mediastack.backup.trouble import BackupError

FORK = multiprocessing.get_context("fork")


def copied(tmp_path: Path, source: Path | str, **options: Any) -> tuple[dict[str, Any], Path]:
    target = tmp_path / "stage.db"
    return databases.copy(str(source), str(target), **options), target


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_copy_has_every_committed_row_and_says_what_it_is(tmp_path: Path, mode: str) -> None:
    source = tmp_path / "an app's #1?.db"
    house.a_database(source, 100, mode)
    os.chmod(source, 0o640)
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 7")
        house.add(connection, 5)
        record, target = copied(tmp_path, source)
        assert house.titles(target) == house.titles(source)
    assert hashlib.sha256(target.read_bytes()).hexdigest() == record["sha256"]
    assert record["bytes"] == target.stat().st_size
    assert record["tables"] == {"films": 105}
    assert record["user_version"] == 7
    assert record["checked"] == "integrity"
    assert record["mode"] == 0o640
    assert (record["uid"], record["gid"]) == (source.stat().st_uid, source.stat().st_gid)
    assert "damage" not in record
    assert target.stat().st_mode & 0o777 == 0o600
    assert databases.verify(str(target), record) == []


def test_nothing_is_left_beside_copy_or_source(tmp_path: Path) -> None:
    source = tmp_path / "app" / "a.db"
    house.a_database(source)
    before = source.read_bytes()
    record, target = copied(tmp_path, source)
    databases.verify(str(target), record)
    assert os.listdir(source.parent) == ["a.db"]
    assert sorted(os.listdir(tmp_path)) == ["app", "stage.db"]
    assert source.read_bytes() == before


def test_what_is_not_committed_is_not_copied(tmp_path: Path) -> None:
    source = tmp_path / "a.db"
    house.a_database(source, 3)
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 5")
        connection.execute("BEGIN")
        for _ in range(500):
            connection.execute("INSERT INTO films (title) VALUES (hex(randomblob(500)))")
        _, target = copied(tmp_path, source)
        connection.execute("ROLLBACK")
    assert len(house.titles(target)) == 3


def _killed_amid_a_transaction(path: str, mode: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    house.add(connection, 1)
    connection.execute("PRAGMA cache_size = 5")
    connection.execute("BEGIN")
    for _ in range(500):
        connection.execute("INSERT INTO films (title) VALUES (hex(randomblob(500)))")
    os._exit(0)


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_what_an_app_left_that_was_killed_is_copied_as_it_would_find_it(
    tmp_path: Path, mode: str
) -> None:
    source = tmp_path / "a.db"
    house.a_database(source, 3, mode)
    process = FORK.Process(target=_killed_amid_a_transaction, args=(str(source), mode))
    process.start()
    process.join()
    left = {name for name in os.listdir(tmp_path) if name != "a.db"}
    assert left >= ({"a.db-wal"} if mode == "wal" else {"a.db-journal"})
    before = {
        name: (tmp_path / name).read_bytes() for name in ("a.db", "a.db-wal") if mode == "wal"
    }
    _, target = copied(tmp_path, source)
    assert len(house.titles(target)) == 4
    # Whoever has to find out what happened to it finds it as it was.
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def _write_at_full_speed(path: str, mode: str, stop: Any) -> None:
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("PRAGMA synchronous = OFF")
    while not stop.is_set():
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO films (title) VALUES (hex(randomblob(200)))")
        connection.execute(
            "INSERT INTO films (title) SELECT title FROM films ORDER BY id DESC LIMIT 1"
        )
        connection.execute("COMMIT")
    connection.close()


@pytest.mark.parametrize("mode", ["wal", "delete", "persist"])
def test_a_writer_at_full_speed_does_not_keep_it_from_a_whole_copy(
    tmp_path: Path, mode: str
) -> None:
    source = tmp_path / "a.db"
    house.a_database(source, 0, mode)
    stop = FORK.Event()
    process = FORK.Process(target=_write_at_full_speed, args=(str(source), mode, stop))
    process.start()
    try:
        for _ in range(10):
            began = time.monotonic()
            record, target = copied(tmp_path, source)
            assert time.monotonic() - began < 20
            titles = house.titles(target)
            assert titles[::2] == titles[1::2]
            assert record["tables"]["films"] == len(titles)
            assert databases.verify(str(target), record) == []
    finally:
        stop.set()
        process.join()
    assert titles


def test_one_that_nobody_else_may_read_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "BUSY_SECONDS", 0.05)
    source = tmp_path / "a.db"
    house.a_database(source, mode="delete")
    held = FORK.Event()
    release = FORK.Event()

    def hold() -> None:
        connection = sqlite3.connect(source, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        held.set()
        release.wait(30)

    process = FORK.Process(target=hold)
    process.start()
    held.wait(30)
    try:
        with pytest.raises(BackupError, match='backup = "stopped"') as caught:
            copied(tmp_path, source)
    finally:
        release.set()
        process.join()
    assert caught.value.kind == "busy"
    assert not (tmp_path / "stage.db").exists()


def test_a_damaged_one_does_not_replace_a_good_copy(tmp_path: Path) -> None:
    source = tmp_path / "a.db"
    house.a_database(source, 500, mode="delete")
    record, target = copied(tmp_path, source)
    house.damage(source)
    with pytest.raises(BackupError, match=r"damaged.*; fix: ") as caught:
        copied(tmp_path, source)
    assert caught.value.kind == "database"
    assert databases.verify(str(target), record) == []


def test_a_damaged_one_is_taken_where_it_is_wanted_and_says_so(tmp_path: Path) -> None:
    source = tmp_path / "a.db"
    house.a_database(source, 500, mode="delete")
    house.damage(source)
    record, target = copied(tmp_path, source, damaged_too=True)
    assert record["damage"]
    assert record["checked"] == "no"
    assert target.read_bytes()[2 * 4096 :] == source.read_bytes()[2 * 4096 :]
    assert databases.verify(str(target), record) == []


@pytest.mark.parametrize("content", [b"SQLite format 3\0" + bytes(4080), b"no database" * 400])
def test_what_is_no_database_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.db").write_bytes(content)
    with pytest.raises(BackupError) as caught:
        copied(tmp_path, tmp_path / "a.db")
    assert caught.value.kind == "database"


def test_one_that_is_gone_is_no_trouble_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        copied(tmp_path, tmp_path / "a.db")


def test_without_room_there_is_no_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house.a_database(tmp_path / "a.db")
    monkeypatch.setattr(databases, "LEAST_FREE_BYTES", 1024**6)
    with pytest.raises(BackupError, match="MiB are free") as caught:
        copied(tmp_path, tmp_path / "a.db")
    assert caught.value.kind == "space"


def _one_byte(path: Path) -> None:
    with open(path, "r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        stream.write(b"\xaa")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_one_byte, "checksum"),
        (lambda path: os.truncate(path, 4096), "bytes instead of"),
        (lambda path: path.unlink(), "No such file"),
        (lambda path: Path(f"{path}-wal").write_bytes(b"x"), "none of the backup's"),
    ],
)
def test_a_copy_that_is_not_what_it_was_is_found(tmp_path: Path, spoil: Any, words: str) -> None:
    house.a_database(tmp_path / "a.db", 200)
    record, target = copied(tmp_path, tmp_path / "a.db")
    spoil(target)
    assert any(words in problem for problem in databases.verify(str(target), record))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tables": {"films": 201}}, "films has 200 rows instead of 201"),
        ({"tables": {"films": 200, "gone": 1}}, "gone has no rows instead of 1"),
        ({"user_version": 9}, "user_version is 0, not 9"),
    ],
)
def test_a_copy_that_does_not_fit_its_record_is_found(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    house.a_database(tmp_path / "a.db", 200)
    record, target = copied(tmp_path, tmp_path / "a.db")
    problems = databases.verify(str(target), {**record, **changed})
    assert any(words in problem for problem in problems)


def test_a_damaged_copy_with_the_right_checksum_is_found(tmp_path: Path) -> None:
    house.a_database(tmp_path / "a.db", 500)
    record, target = copied(tmp_path, tmp_path / "a.db")
    house.damage(target)
    record["sha256"] = hashlib.sha256(target.read_bytes()).hexdigest()
    assert any("is damaged" in problem for problem in databases.verify(str(target), record))
