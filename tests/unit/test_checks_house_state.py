"""What the programs of the check `disaster` see in a box, tried on a tree of this machine."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from checks.inside import house_rows, house_state, rebuild_killer


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CONFIG", "SECRETS", "LOCK"):
        monkeypatch.setattr(house_state, name, str(tmp_path / name))
    (tmp_path / "SECRETS").mkdir()
    (tmp_path / "CONFIG/sonarr/deep").mkdir(parents=True)
    return tmp_path / "CONFIG"


def test_rows_are_seen_that_are_only_in_the_log_of_a_database(config: Path) -> None:
    path = config / "sonarr/deep/app.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE entries (text TEXT)")
    connection.execute("INSERT INTO entries VALUES ('one')")
    connection.commit()
    first = house_state.main()["databases"]["sonarr/deep/app.db"]["tables"]["entries"]
    connection.execute("UPDATE entries SET text = 'two'")
    connection.commit()
    second = house_state.main()["databases"]["sonarr/deep/app.db"]["tables"]["entries"]
    assert (first[0], second[0]) == (1, 1)
    assert first[1] != second[1]
    connection.close()
    before = sorted(os.listdir(path.parent))
    assert house_state.main()["databases"]["sonarr/deep/app.db"]["tables"]["entries"] == second
    assert sorted(os.listdir(path.parent)) == before


def test_files_are_seen_with_all_that_hangs_on_them(config: Path) -> None:
    (config / "sonarr/a").write_text("x")
    os.chmod(config / "sonarr/a", 0o640)
    os.utime(config / "sonarr/a", ns=(5, 5))
    os.symlink("a", config / "sonarr/link")
    (config / ".mediastack-backup").mkdir()
    (config / ".mediastack-backup/ours").touch()
    found = house_state.main()["files"]
    assert found["sonarr/a"][0] == "0o100640"
    assert found["sonarr/a"][4] == 5
    assert found["sonarr/link"][3] == "a"
    assert not [path for path in found if "mediastack" in path]


def test_a_moment_is_waited_for(config: Path, tmp_path: Path) -> None:
    record = tmp_path / "record"
    later = ["sh", "-c", f"sleep 0.3; echo done > {record}"]
    started = time.monotonic()
    with subprocess.Popen(later):
        house_state.main([str(record), "done"])
    assert time.monotonic() - started > 0.25


def test_a_torrent_is_what_a_client_reads() -> None:
    made = house_rows.torrent("film")
    assert made.startswith(b"d4:infod6:lengthi9999e4:name4:film12:piece lengthi16384e6:pieces20:")
    assert made.endswith(b"ee")


@pytest.mark.parametrize("family", [False, True])
def test_a_rebuild_is_killed_and_its_question_is_not(family: bool) -> None:
    wait = "import time; time.sleep(60)"
    asks = subprocess.Popen([sys.executable, "-c", wait, "mediastack", "rebuild", "--check"])
    works = subprocess.Popen([sys.executable, "-c", wait, "mediastack", "rebuild"])
    try:
        assert rebuild_killer.main(0.0, 10.0, family)["killed"] == ["mediastack rebuild"]
        assert works.wait(10) == -9
        assert asks.poll() is None
    finally:
        asks.kill()
        works.kill()
        asks.wait()
