"""How a stand-in is told to be a bad version: what it does to its state, and when it is sick."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest

from sandbox.standins import control, store


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(control, "FALLBACK", tmp_path / "absent.json")
    monkeypatch.setattr(store.web, "at_end", lambda action: None)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    found = tmp_path / "state"
    (found / "below").mkdir(parents=True)
    (found / "below" / "app.db").write_bytes(b"SQLite" * 2000)
    (found / "config.xml").write_text("<Config/>")
    return found


def told(state: Path, **values: object) -> None:
    (state / ".standin.json").write_text(json.dumps(values))


def test_delete_leaves_nothing(state: Path) -> None:
    control.damage("delete", state)
    assert list(state.iterdir()) == []


def test_corrupt_changes_databases_alone(state: Path) -> None:
    before = (state / "below" / "app.db").read_bytes()
    control.damage("corrupt", state)
    assert (state / "below" / "app.db").read_bytes() != before
    assert (state / "config.xml").read_text() == "<Config/>"


def test_junk_adds_files_and_replaces_others_by_links(state: Path) -> None:
    control.damage("junk", state)
    assert len(list(state.glob("junk-*"))) == 200
    assert (state / "config.xml").is_symlink()


def test_restarts_end_so_many_lives_and_no_more(state: Path) -> None:
    told(state, restarts=2)
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            control.at_start(str(state))
        assert ended.value.code == 0
    control.at_start(str(state))


def test_an_exit_code_ends_at_once_but_not_with_a_time_for_it(state: Path) -> None:
    told(state, exit_code=7)
    with pytest.raises(SystemExit) as ended:
        control.at_start(str(state))
    assert ended.value.code == 7
    told(state, exit_code=7, exit_after_seconds=3600)
    control.at_start(str(state))
    control.before_answer(str(state))


def test_health_is_sick_at_first_or_later_or_in_turns(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sick(age: float, **values: float) -> bool:
        told(state, **values)
        monkeypatch.setattr(control, "_began", time.monotonic() - age)
        return control.is_sick(str(state))

    assert sick(2.0, sick_seconds=5)
    assert not sick(6.0, sick_seconds=5)
    assert not sick(2.0, well_seconds=5)
    assert sick(6.0, well_seconds=5)
    assert [sick(age, flap_seconds=3) for age in (1.0, 4.0, 7.0)] == [False, True, False]
    assert not sick(1.0)


def test_an_older_schema_is_migrated_and_a_newer_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "app.db")
    store.Store(path).close()
    monkeypatch.setenv("STANDIN_SCHEMA", "2")
    store.Store(path).close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        columns = [row[1] for row in connection.execute("PRAGMA table_info(entries)")]
    assert columns[-2:] == ["since_1", "since_2"]
    monkeypatch.setenv("STANDIN_SCHEMA", "1")
    with pytest.raises(sqlite3.DatabaseError, match="newer"):
        store.Store(path)
