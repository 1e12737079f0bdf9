"""backup.discovery: every database of a service, and nothing that is none of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import staging_house as house

from mediastack.backup import contents, discovery


def item(root: Path, *databases: str, excludes: tuple[str, ...] = ()) -> contents.Item:
    return contents.Item("app", str(root), databases, excludes, False, 1000, 1000)


def test_what_the_catalog_names_and_what_looks_like_one_is_found(tmp_path: Path) -> None:
    for name in ("state", "a/b/c.sqlite", "x.DB3", "y.sqlite3", "z.db"):
        house.a_database(tmp_path / name)
    (tmp_path / "text.db").write_text("no database, whatever it is called")
    (tmp_path / "empty.db").touch()
    house.a_database(tmp_path / "named.otherwise")
    found = discovery.find(item(tmp_path, "state", "absent.db", "empty.db"))
    assert found.databases == ["a/b/c.sqlite", "state", "x.DB3", "y.sqlite3", "z.db"]
    assert found.problems == []


def test_what_is_no_state_is_not_looked_into(tmp_path: Path) -> None:
    for name in ("logs.db", "cache/deep/a.db", "cached/a.db", "b.db"):
        house.a_database(tmp_path / name)
    found = discovery.find(item(tmp_path, "logs.db", excludes=("cache", "logs.db")))
    assert found.databases == ["b.db", "cached/a.db"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    house.a_database(tmp_path / "other" / "secret.db")
    root = tmp_path / "app"
    root.mkdir()
    (root / "mine.db").symlink_to(tmp_path / "other" / "secret.db")
    (root / "below").symlink_to(tmp_path / "other")
    found = discovery.find(item(root))
    assert found == ([], [])
    found = discovery.find(item(root, "mine.db", "below/secret.db"))
    assert found.databases == []
    assert len(found.problems) == 2
    assert all("symbolic link" in problem for problem in found.problems)


def test_the_root_itself_may_be_reached_through_a_link(tmp_path: Path) -> None:
    house.a_database(tmp_path / "there" / "app" / "a.db")
    (tmp_path / "config").symlink_to(tmp_path / "there")
    found = discovery.find(item(tmp_path / "config" / "app", "a.db"))
    assert found == (["a.db"], [])


def test_what_is_no_file_is_no_database(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.db")
    (tmp_path / "directory.db").mkdir()
    house.a_database(tmp_path / "directory.db" / "a.db")
    assert discovery.find(item(tmp_path, "pipe.db")).databases == ["directory.db/a.db"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("logs", True),
        ("logs/a", True),
        ("logs.db-wal", True),
        ("logs.db-shm", True),
        ("logs2", False),
        ("a/logs", False),
    ],
)
def test_excluded_is_what_is_named_below_it_and_beside_it(path: str, expected: bool) -> None:
    assert discovery.is_excluded(path, ("logs", "logs.db")) is expected
