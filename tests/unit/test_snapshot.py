"""mediastack.snapshot: whole, consistent, or not there."""

import contextlib
import json
import os
import sqlite3
import stat
import subprocess
import sys
import time

import pytest
from skips import root_only

from mediastack import snapshot
from mediastack.snapshot import SnapshotError


@pytest.fixture
def state(tmp_path):
    path = tmp_path / "config" / "sonarr"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def target(tmp_path):
    return tmp_path / "staging" / "sonarr"


def settings(state, **changes):
    entry = {"config": str(state), "databases": [], "state_exclude": [], **changes}
    return {"services": {"sonarr": entry}}


def take(state, target, **changes):
    return snapshot.snapshot("sonarr", settings(state, **changes), str(target))


def tree(path):
    return sorted(
        os.path.relpath(os.path.join(b, n), path) for b, d, f in os.walk(path) for n in d + f
    )


def database(path, rows=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (n INTEGER)")
        connection.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(rows)])
        connection.commit()


def test_tree_is_copied_with_links_modes_and_times(state, target):
    (state / "deep").mkdir(mode=0o750)
    (state / "deep" / "file").write_text("content")
    os.chmod(state / "deep" / "file", 0o640)
    (state / "link").symlink_to("deep/nowhere")
    os.utime(state / "deep" / "file", ns=(10**18, 10**18 + 5))
    os.utime(state / "deep", ns=(10**18, 10**18 + 7))

    result = take(state, target)

    assert tree(target) == ["deep", "deep/file", "link"]
    assert os.readlink(target / "link") == "deep/nowhere"
    found = (target / "deep" / "file").stat()
    assert (stat.S_IMODE(found.st_mode), found.st_mtime_ns) == (0o640, 10**18 + 5)
    assert (target / "deep").stat().st_mtime_ns == 10**18 + 7
    assert stat.S_IMODE((target / "deep").stat().st_mode) == 0o750
    assert (result["files"], result["bytes"], result["missing"]) == (1, 7, [])


@root_only
def test_owners_are_kept_of_files_directories_links_and_databases(state, target):
    (state / "dir").mkdir()
    (state / "dir" / "file").write_text("x")
    (state / "link").symlink_to("x")
    database(state / "a.db")
    for name in ("dir", "dir/file", "link", "a.db", "."):
        os.lchown(state / name, 1234, 2345)

    take(state, target, databases=["a.db"])

    for name in ("dir", "dir/file", "link", "a.db", "."):
        found = os.lstat(target / name)
        assert (found.st_uid, found.st_gid) == (1234, 2345), name


def test_excluded_paths_and_side_files_are_left_out(state, target):
    for name in ("logs/a.txt", "keep/logs/b.txt", "logs.db", "x.pid", "other.db-wal", "a.db-shm"):
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_text("x")

    take(state, target, state_exclude=["logs", "*.pid"])

    assert tree(target) == ["keep", "keep/logs", "keep/logs/b.txt", "logs.db"]


def test_database_is_copied_with_what_is_only_in_its_wal(state, target):
    database(state / "db" / "a.db")
    writer = sqlite3.connect(state / "db" / "a.db")
    writer.execute("PRAGMA wal_autocheckpoint=0")
    writer.execute("INSERT INTO t VALUES (77)")
    writer.commit()
    assert (state / "db" / "a.db-wal").stat().st_size > 0

    result = take(state, target, databases=["db/a.db"])
    writer.close()

    assert tree(target) == ["db", "db/a.db"] and result["databases"] == ["db/a.db"]
    with contextlib.closing(sqlite3.connect(target / "db" / "a.db")) as copy:
        assert copy.execute("SELECT n FROM t").fetchall() == [(0,), (77,)]


def test_database_below_an_excluded_directory_is_copied_all_the_same(state, target):
    database(state / "cache" / "a.db")
    (state / "cache" / "junk").write_text("x")

    take(state, target, databases=["cache/a.db"], state_exclude=["cache"])

    assert tree(target) == ["cache", "cache/a.db"]


def test_missing_database_is_reported_and_no_error(state, target):
    (state / "file").write_text("x")

    assert take(state, target, databases=["sonarr.db"])["missing"] == ["sonarr.db"]
    assert tree(target) == ["file"]


def test_damaged_database_is_an_error_and_leaves_no_snapshot(state, target):
    database(state / "a.db", rows=5000)
    with open(state / "a.db", "r+b") as stream:
        stream.seek(8192)
        stream.write(b"\xff" * 8192)

    with pytest.raises(SnapshotError, match=r"sonarr.*a\.db"):
        take(state, target, databases=["a.db"])
    assert not target.exists()


def test_file_that_is_no_database_is_an_error(state, target):
    (state / "a.db").write_text("this is not a database, whatever its name says" * 100)

    with pytest.raises(SnapshotError, match=r"a\.db"):
        take(state, target, databases=["a.db"])


def test_database_behind_a_link_is_not_followed(state, target, tmp_path):
    database(tmp_path / "elsewhere" / "a.db")
    (state / "db").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(SnapshotError, match="symbolic link"):
        take(state, target, databases=["db/a.db"])


def test_pipes_and_sockets_are_skipped_and_named(state, target):
    os.mkfifo(state / "pipe")

    assert take(state, target)["skipped"] == ["pipe"]
    assert tree(target) == []


def test_leftover_of_a_killed_run_is_replaced(state, target):
    (state / "file").write_text("x")
    partial = target.parent / "sonarr.partial"
    partial.mkdir(parents=True)
    (partial / "rest").write_text("old")

    take(state, target)

    assert tree(target.parent) == ["sonarr", "sonarr/file"]


def test_destination_that_exists_is_refused_and_kept(state, target):
    target.mkdir(parents=True)
    (target / "precious").write_text("x")

    with pytest.raises(SnapshotError, match="is there already"):
        take(state, target)
    assert tree(target) == ["precious"]


def test_copy_is_closed_to_others_until_it_is_complete(state, target, monkeypatch):
    (state / "file").write_text("x")
    modes = []
    rename = os.rename
    sync = os.sync
    copy = snapshot._copy_file

    def spy(*arguments):
        modes.append(stat.S_IMODE(os.stat(f"{target}.partial").st_mode))
        return copy(*arguments)

    monkeypatch.setattr(snapshot, "_copy_file", spy)
    take(state, target)

    assert modes == [0o700] and rename is os.rename and sync is os.sync


@pytest.mark.parametrize("service", ["unknown", "stateless"])
def test_service_without_state_is_an_error_that_names_it(state, target, service):
    config = settings(state)
    config["services"]["stateless"] = {"config": ""}

    with pytest.raises(SnapshotError, match=service):
        snapshot.snapshot(service, config, str(target))


WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=30)
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("PRAGMA synchronous=OFF")
connection.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, filler TEXT)")
connection.execute("CREATE TABLE IF NOT EXISTS total (n INTEGER)")
connection.execute("INSERT INTO total VALUES (0)")
connection.commit()
print("ready", flush=True)
n = 0
while True:
    # Two tables per transaction: a torn copy would show one without the other.
    for _ in range(10):
        n += 1
        connection.execute("INSERT INTO t VALUES (?, ?)", (n, "x" * 500))
    connection.execute("UPDATE total SET n = ?", (n,))
    connection.commit()
"""


def test_snapshots_under_a_hammering_writer_hold_a_committed_prefix(state, tmp_path):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(state / "a.db")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout.readline() == "ready\n"
        totals = []
        for number in range(8):
            target = tmp_path / "staging" / str(number)
            take(state, target, databases=["a.db"])
            assert tree(target) == ["a.db"]
            with contextlib.closing(sqlite3.connect(target / "a.db")) as copy:
                assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                (total,) = copy.execute("SELECT n FROM total").fetchone()
                found = copy.execute("SELECT count(*), coalesce(max(n), 0) FROM t").fetchone()
                assert found == (total, total)
            totals.append(total)
            time.sleep(0.02)
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    assert totals == sorted(totals) and totals[-1] > totals[0]


def test_verb_prints_the_result_as_json(state, target, tmp_path, monkeypatch, capsys):
    (state / "file").write_text("x")
    config = tmp_path / "mediastack.toml"
    config.write_text(f'schema = 1\n[services.sonarr]\nconfig = "{state}"\n')
    monkeypatch.setenv("MEDIASTACK_CONFIG", str(config))

    assert snapshot.main(["sonarr", str(target)]) == 0
    assert json.loads(capsys.readouterr().out)["destination"] == str(target)
    assert snapshot.main(["sonarr", str(target)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert snapshot.main(["sonarr"]) == 2
