"""adopt.tree, in_use, database and copy: a whole, verified copy, and theirs is not touched."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import adopt_house as house
import pytest
from skips import root_only

from mediastack.adopt import clone, copy, database, in_use, plain, tree
from mediastack.adopt.house import DIRECTORY, Refusal, Source


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(copy, "LEAST_FREE_BYTES", 0)
    return house.furnish(tmp_path, monkeypatch)


def everything(top: Path) -> dict[str, Any]:
    """A checksum of a tree by other means than ours: names, modes, times, contents."""
    found = {}
    for path in sorted(top.rglob("*")):
        status = path.lstat()
        body = (
            os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        )
        found[str(path.relative_to(top))] = (status.st_mode, status.st_mtime_ns, body)
    return found


def look(config: dict[str, Any], top: Path, service: str) -> tuple[Source, tree.Size]:
    source = Source(service, str(top / service))
    known = config["services"][service]["databases"]
    return source, tree.size(source.path, copy.without(config, service), known)


def after_each_copy(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Any]) -> None:
    """Let something happen after each time that files are copied."""
    for name in ("whole", "again"):
        copied = getattr(clone, name)

        def and_then(*arguments: Any, copied: Any = copied) -> None:
            copied(*arguments)
            happens()

        monkeypatch.setattr(clone, name, and_then)


def staged(config: dict[str, Any], service: str) -> Path:
    return Path(config["paths"]["config"], DIRECTORY, service)


def test_a_copy_is_everything_but_caches_and_logs(config: dict[str, Any], tmp_path: Path) -> None:
    top = house.theirs(tmp_path)
    (top / "sonarr" / "link").symlink_to("config.xml")
    os.mkfifo(top / "sonarr" / "pipe")
    before = everything(top)
    made = copy.make(config, *look(config, top, "sonarr"))
    assert everything(top) == before
    target = staged(config, "sonarr")
    names = sorted(str(path.relative_to(target)) for path in target.rglob("*"))
    assert names == ["asp", "asp/key.xml", "config.xml", "link", "sonarr.db"]
    assert house.rows(target / "sonarr.db") == 5
    assert (made.records["sonarr.db"]["tables"]["series"], made.rows) == (5, 6)
    assert stat.S_IMODE((target / "asp").stat().st_mode) == 0o750
    assert (target / "config.xml").stat().st_mtime_ns == before[
        "config.xml" and "sonarr/config.xml"
    ][1]
    assert [stat.S_IMODE(one.stat().st_mode) for one in (target, target.parent)] == [0o700, 0o700]


@root_only
def test_everything_becomes_the_property_of_our_service(
    config: dict[str, Any], tmp_path: Path
) -> None:
    top = house.theirs(tmp_path)
    for number, path in enumerate((top / "sonarr").rglob("*")):
        os.chown(path, 1000 + number, 1000)
    config["services"]["sonarr"] |= {"uid": 1234, "gid": 2345}
    copy.make(config, *look(config, top, "sonarr"))
    target = staged(config, "sonarr")
    owners = {(one.lstat().st_uid, one.lstat().st_gid) for one in (target, *target.rglob("*"))}
    assert owners == {(1234, 2345)}


def test_a_database_that_its_program_has_open_is_copied_with_its_log(
    config: dict[str, Any], tmp_path: Path
) -> None:
    top = house.theirs(tmp_path)
    program = sqlite3.connect(top / "sonarr" / "sonarr.db")
    program.execute("INSERT INTO series (title) VALUES ('only in the log')")
    program.commit()
    try:
        source, size = look(config, top, "sonarr")
        target = tmp_path / "copied.db"
        path = os.path.join(source.path, "sonarr.db")
        # Our own process is left out there.
        record = database.take(path, str(target), is_open=True)
    finally:
        program.close()
    assert size.databases == ("sonarr.db",)
    assert record["tables"]["series"] == 6 == house.rows(target)


def test_a_database_that_was_left_with_a_log_is_whole_and_theirs_keeps_it(
    config: dict[str, Any], tmp_path: Path
) -> None:
    top = house.theirs(tmp_path)
    path = top / "sonarr" / "sonarr.db"
    program = sqlite3.connect(path)
    program.execute("PRAGMA wal_autocheckpoint = 0")
    program.execute("INSERT INTO series (title) VALUES ('only in the log')")
    program.commit()
    left = {end: Path(f"{path}{end}").read_bytes() for end in ("", "-wal")}
    program.close()
    for end, content in left.items():
        Path(f"{path}{end}").write_bytes(content)
    before = everything(top)
    copy.make(config, *look(config, top, "sonarr"))
    assert everything(top) == before
    assert house.rows(staged(config, "sonarr") / "sonarr.db") == 6
    assert not Path(f"{staged(config, 'sonarr')}/sonarr.db-wal").exists()


def test_the_level_of_a_database_is_read_without_a_trace(tmp_path: Path) -> None:
    path = house.a_database(tmp_path / "sonarr.db", version=217)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE migrations (timestamp bigint, name text)")
    connection.execute("INSERT INTO migrations VALUES (1700000000000, 'x')")
    connection.execute("PRAGMA user_version = 3")
    connection.commit()
    connection.close()
    before = everything(tmp_path)
    found = database.level(str(path), is_open=False)
    assert found == {"VersionInfo": 217, "migrations": 1700000000000, "user_version": 3}
    assert everything(tmp_path) == before
    (tmp_path / "no.db").write_text("no database")
    assert database.level(str(tmp_path / "no.db"), is_open=False) == {}


def test_a_damaged_database_is_refused_with_what_helps(
    config: dict[str, Any], tmp_path: Path
) -> None:
    top = house.theirs(tmp_path)
    path = house.a_database(top / "sonarr" / "big.db", 5000)
    with path.open("r+b") as stream:
        stream.seek(8192)
        stream.write(b"\xff" * 8192)
    with pytest.raises(Refusal) as raised:
        copy.make(config, *look(config, top, "sonarr"))
    assert f"{path}: " in str(raised.value) and "mend it in theirs first" in str(raised.value)
    assert database.SCRATCH not in str(raised.value)


def test_what_changes_meanwhile_is_copied_again(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = house.theirs(tmp_path)
    writes = iter((b"one", b"two"))

    def and_then_it_writes() -> None:
        (top / "sonarr" / "state").write_bytes(next(writes, b"two"))

    after_each_copy(monkeypatch, and_then_it_writes)
    made = copy.make(config, *look(config, top, "sonarr"))
    assert made.again == 2
    assert (staged(config, "sonarr") / "state").read_bytes() == b"two"


def test_what_never_holds_still_is_refused(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = house.theirs(tmp_path)
    count = iter(range(100))
    after_each_copy(monkeypatch, lambda: (top / "sonarr" / "state").write_text(str(next(count))))
    with pytest.raises(Refusal, match="state in .* is written again and again; stop what writes"):
        copy.make(config, *look(config, top, "sonarr"))


def test_a_difference_that_size_and_time_do_not_show_is_found(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = house.theirs(tmp_path)
    file = staged(config, "sonarr") / "config.xml"
    flips = iter((b"X",))

    def a_bit_flips() -> None:
        before = file.stat()
        file.write_bytes(next(flips, b"<") + file.read_bytes()[1:])
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    after_each_copy(monkeypatch, a_bit_flips)
    assert copy.make(config, *look(config, top, "sonarr")).again == 1
    assert (staged(config, "sonarr") / "config.xml").read_text() == house.THEIR_XML


def test_links_times_and_attributes_come_along(tmp_path: Path) -> None:
    one = tmp_path / "one"
    (one / "deep").mkdir(parents=True)
    (one / "deep" / "file").write_text("content")
    os.link(one / "deep" / "file", one / "same")
    (one / "outside").symlink_to("/etc/passwd")
    os.setxattr(one / "same", "user.note", b"kept")
    os.utime(one / "outside", ns=(1, 10**9), follow_symlinks=False)
    os.utime(one / "deep", ns=(1, 10**9))
    os.utime(one, ns=(1, 2 * 10**9))
    clone.whole(str(one), str(tmp_path / "two"), ())
    two = tmp_path / "two"
    assert everything(two) == everything(one)
    assert (two / "same").samefile(two / "deep" / "file")
    assert os.getxattr(two / "same", "user.note") == b"kept"
    assert os.readlink(two / "outside") == "/etc/passwd"
    assert two.stat().st_mtime_ns == 2 * 10**9


def test_what_became_something_else_is_made_that(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for top in (one, two):
        top.mkdir()
    (one / "a").write_text("a file")
    (two / "a" / "b").mkdir(parents=True)
    (one / "c").mkdir()
    (one / "c" / "d").write_text("new")
    (two / "c").write_text("a file")
    (two / "gone").write_text("")
    (one / "link").symlink_to("a")
    (two / "link").mkdir()
    wrong = sorted(str(path.relative_to(top)) for top in (one, two) for path in top.rglob("*"))
    clone.again(str(one), str(two), dict.fromkeys(wrong))
    assert everything(two) == everything(one)


def test_no_room_is_found_out_before(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy, "LEAST_FREE_BYTES", 1 << 60)
    with pytest.raises(Refusal, match=r"MiB free.*--service NAME"):
        copy.require_room(config, 1)


def test_whoever_has_a_file_open_is_seen(tmp_path: Path) -> None:
    one, two, proc = tmp_path / "one", tmp_path / "two", tmp_path / "proc"
    one.touch(), two.touch()
    for pid in (11, os.getpid()):
        (proc / str(pid) / "fd").mkdir(parents=True)
    (proc / "11" / "fd" / "3").symlink_to(one)
    (proc / str(os.getpid()) / "fd" / "3").symlink_to(two)
    assert in_use.of([str(one), str(two)], str(proc)) == {str(one)}


def test_no_file_is_read_or_written_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "top" / "a").mkdir(parents=True)
    (tmp_path / "top" / "a" / "file").write_text("mine")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("not mine")
    (tmp_path / "top" / "way").symlink_to("../outside")
    (tmp_path / "top" / "name").symlink_to("a/file")
    top = str(tmp_path / "top")
    plain.replace(top, "a/file", "new")
    assert plain.read(top, "a/file") == "new" and plain.is_there(top, "a/file")
    for relative in ("way/file", "name"):
        assert not plain.is_there(top, relative)
        with pytest.raises(OSError, match="symbolic link|Not a directory"):
            plain.read(top, relative)
    with pytest.raises(OSError, match="Not a directory"):
        plain.replace(top, "way/file", "gone")
    assert (tmp_path / "outside" / "file").read_text() == "not mine"
