"""restore.lay, owners, compare: what becomes of a tree after restic, and is it right?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from restic_house import OLD_TIME
from skips import root_only

from mediastack.backup import databases
from mediastack.restore import compare, lay, listing, owners
from mediastack.restore.trouble import RestoreError

RECORD = {"mode": 0o640, "uid": os.getuid(), "gid": os.getgid(), "mtime_ns": OLD_TIME}


@pytest.fixture(autouse=True)
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []

    def verify(path: str, record: dict[str, Any]) -> list[str]:
        seen.append(path)
        return list(record.get("wrong", []))

    monkeypatch.setattr(databases, "verify", verify)
    return seen


def places(tmp_path: Path) -> tuple[Path, Path]:
    tree, staged = tmp_path / "tree", tmp_path / "staged"
    (tree / "db").mkdir(parents=True)
    (staged / "db").mkdir(parents=True)
    (staged / "db/a.db").write_text("good")
    return tree, staged


def test_a_database_replaces_what_is_there_and_its_companions(
    tmp_path: Path, verified: list[str]
) -> None:
    tree, staged = places(tmp_path)
    for name in ("a.db", "a.db-wal", "a.db-shm", "a.db-journal", "b.db-wal"):
        (tree / "db" / name).write_text("stale")
    os.utime(tree / "db", ns=(OLD_TIME, OLD_TIME))
    lay.over(str(tree), str(staged), {"db/a.db": RECORD})
    assert sorted(os.listdir(tree / "db")) == ["a.db", "b.db-wal"]
    found = (tree / "db/a.db").stat()
    assert (found.st_mode & 0o7777, found.st_mtime_ns) == (0o640, OLD_TIME)
    assert (tree / "db").stat().st_mtime_ns == OLD_TIME
    assert verified == [str(tree / "db/a.db")]


def test_a_database_that_is_damaged_or_missing(tmp_path: Path) -> None:
    tree, staged = places(tmp_path)
    with pytest.raises(RestoreError, match="database db/a.db: no"):
        lay.over(str(tree), str(staged), {"db/a.db": {**RECORD, "wrong": ["no"]}})
    with pytest.raises(RestoreError, match="the copy of the database db/b.db is missing"):
        lay.over(str(tree), str(staged), {"db/b.db": RECORD})
    os.symlink("/etc/passwd", staged / "db/c.db")
    with pytest.raises(RestoreError, match="is missing"):
        lay.over(str(tree), str(staged), {"db/c.db": RECORD})


@pytest.mark.parametrize("name", ["../../x.db", "/etc/x.db", "db/../x.db", "way/x.db", "no/x.db"])
def test_a_database_that_would_land_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    tree, staged = places(tmp_path)
    (tmp_path / "outside").mkdir()
    os.symlink(tmp_path / "outside", tree / "way")
    with pytest.raises(RestoreError, match="no directory of the tree"):
        lay.over(str(tree), str(staged), {name: RECORD})
    assert os.listdir(tmp_path / "outside") == []


@root_only
def test_only_the_services_own_files_get_another_owner(tmp_path: Path) -> None:
    for name, ids in {"a": (1000, 1000), "b": (1000, 0), "c": (0, 0), "d/e": (7, 1000)}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.chown(path, *ids)
        path.chmod(0o4755)
        os.utime(path, ns=(OLD_TIME, OLD_TIME))
    os.symlink("/nowhere", tmp_path / "link")
    os.lchown(tmp_path / "link", 1000, 1000)
    assert owners.remap(str(tmp_path), (1000, 1000), (2000, 2001)) == 4
    owned = {one.name: (one.lstat().st_uid, one.lstat().st_gid) for one in tmp_path.rglob("*")}
    assert owned == {
        "a": (2000, 2001), "b": (2000, 0), "c": (0, 0), "d": (0, 0), "e": (7, 2001),
        "link": (2000, 2001),
    }  # fmt: skip
    assert all((tmp_path / one).stat().st_mode & 0o7777 == 0o4755 for one in ("a", "c", "d/e"))
    assert (tmp_path / "a").stat().st_mtime_ns == OLD_TIME
    assert owners.remap(str(tmp_path), (2000, 2001), (2000, 2001)) == 0


def node(file: Path, **changes: Any) -> listing.Node:
    found = file.lstat()
    made = listing.Node(str(file), "file", found.st_size, found.st_mode & 0o7777, found.st_uid,
                        found.st_gid, found.st_mtime_ns)  # fmt: skip
    return made._replace(**changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"size": 9}, "size 4 instead of 9"),
        ({"mode": 0o4000}, "mode"),
        ({"uid": 9}, "owner"),
        ({"mtime_ns": 1}, "time"),
        ({"kind": "dir"}, "is no dir"),
        ({"kind": "of the future"}, ""),
        ({"path": "/gone"}, "/gone: is missing"),
        ({"path": "/a\ufffd"}, ""),
    ],
)
def test_each_difference_of_a_node_is_found(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = tmp_path / "a"
    path.write_text("good")
    expected = [node(path, **changes)]
    if not said:
        compare.trees(expected, "", [str(path)])
        return
    with pytest.raises(RestoreError, match=said):
        compare.trees(expected, "", [str(path)])


def test_what_was_never_saved_is_found(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("good")
    with pytest.raises(RestoreError, match="2 files and directories instead of 1"):
        compare.trees([node(tmp_path / "a")], "", [str(tmp_path)])


def test_times_of_restic() -> None:
    assert listing.nanoseconds("1970-01-01T01:00:01.5+01:00") == 1_500_000_000
    assert listing.nanoseconds("2020-01-01T00:00:00Z") == 1_577_836_800 * 10**9
    with pytest.raises(ValueError, match="no time of restic's"):
        listing.nanoseconds("yesterday")
