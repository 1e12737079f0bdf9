"""The check of backups beside writers: its chain, its judge and its round, on databases here."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import staging_house as house
from skips import needs_restic

from checks import backup_writers, backup_writers_breaks
from checks.inside import backup_round, chain

CHAIN = chain.__file__
LIBRARY = Path(__file__).parents[2] / "files"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    made = house.furnish(tmp_path, monkeypatch, "app", "other")
    services = "".join(
        f"[services.{name}]\nconfig = {json.dumps(entry['config'])}\ndatabases = ['{name}.db']\n"
        for name, entry in made["services"].items()
    )
    with open(os.environ["MEDIASTACK_CONFIG"], "a", encoding="utf-8") as stream:
        stream.write(f"[host]\nname = 'house'\n{services}")
    return made


@pytest.fixture
def spec(config: dict[str, Any], tmp_path: Path) -> Path:
    """The app's database and one of each mode, as the check describes them to its writers."""
    found = {
        "app/app.db": {"service": "app", "relative": "app.db", "pragmas": ["journal_mode=WAL"]}
    }
    for mode, one in backup_writers.MODES.items():
        relative = f"writers-{mode}.db"
        found[f"other/{relative}"] = {"service": "other", "relative": relative, **one}
    for key, one in found.items():
        one["path"] = f"{config['paths']['config']}/{key}"
        one["seed"] = key
        one["pragmas"] = [*backup_writers.COMMON, *one["pragmas"]]
        one.setdefault("checkpoint", 0)
        one.setdefault("rest", [0, 0])
    path = tmp_path / "spec.json"
    path.write_text(
        json.dumps({"progress": f"{tmp_path}/progress", "processes": 2, "databases": found})
    )
    return path


@contextmanager
def writing(spec: Path) -> Iterator[Callable[[], dict[str, Any]]]:
    process = subprocess.Popen(
        [sys.executable, CHAIN, "write", str(spec)], stdout=subprocess.PIPE, text=True
    )
    figures: dict[str, Any] = {}
    try:
        deadline = time.monotonic() + 60
        while not all(progress(spec).values()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield lambda: figures
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=60)
        figures.update(json.loads(said))


def progress(spec: Path) -> dict[str, int]:
    read = json.loads(spec.read_text())
    if not os.path.exists(read["progress"]) or not os.path.getsize(read["progress"]):
        return {"nothing": 0}
    found: dict[str, int] = chain.read_progress(read)
    return found


def judged(spec: Path, found: dict[str, Any]) -> list[str]:
    asked = {name: found[name] for name in ("copies", "low", "high", "missing")}
    answer = chain.judge(json.loads(spec.read_text()), {**asked, "state": f"{spec}.known"})
    return list(answer["problems"])


def copies(spec: Path, into: Path) -> dict[str, str]:
    """By SQLite's own backup, with what was committed before and after it."""
    into.mkdir(exist_ok=True)
    made = {}
    for number, (key, one) in enumerate(json.loads(spec.read_text())["databases"].items()):
        made[key] = str(into / str(number))
        Path(made[key]).unlink(missing_ok=True)
        with (
            closing(sqlite3.connect(one["path"], timeout=60)) as source,
            closing(sqlite3.connect(made[key])) as target,
        ):
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(target)
    return made


def test_copies_by_the_backup_api_beside_the_writers_are_good(spec: Path, tmp_path: Path) -> None:
    with writing(spec) as figures:
        for _ in range(4):
            low = progress(spec)
            made = copies(spec, tmp_path / "copies")
            found = {"copies": made, "low": low, "high": progress(spec), "missing": []}
            assert judged(spec, found) == []
    assert all(not one["error"] and one["commits"] for one in figures().values())
    assert set(figures()) == set(progress(spec))


def test_copies_of_the_files_beside_the_writers_are_not(spec: Path, tmp_path: Path) -> None:
    with writing(spec):
        for _ in range(5):
            found = backup_round.main("", str(spec), "", "", str(tmp_path / "scratch"), is_hot=True)
            if judged(spec, found):
                return
    pytest.fail("the judge is blind")


def _spoil(path: str, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE chain_head SET n = n - 1", "never committed"),
        ("UPDATE chain_head SET n = -1", "rolled back"),
        ("INSERT INTO chain_never (load) VALUES (x'00')", "rows that were rolled back"),
        ("DELETE FROM chain_links WHERE slot = 5", "other links"),
        ("UPDATE chain_links SET load = x'00' WHERE slot = 5", "other links"),
        ("DROP TABLE chain_head", "cannot be read"),
    ],
)
def test_the_judge_sees_whatever_is_not_as_it_was_committed(
    spec: Path, tmp_path: Path, statement: str, words: str
) -> None:
    with writing(spec):
        time.sleep(0.3)
    made = copies(spec, tmp_path / "copies")
    _spoil(made["app/app.db"], statement)
    now = progress(spec)
    (problem,) = judged(spec, {"copies": made, "low": now, "high": now, "missing": []})
    assert problem.startswith("app/app.db ")
    assert words in problem


def test_the_judge_sees_an_old_state_and_one_that_is_missing(spec: Path, tmp_path: Path) -> None:
    with writing(spec):
        time.sleep(0.3)
    made = copies(spec, tmp_path / "copies")
    now = progress(spec)
    later = {**now, "app/app.db": now["app/app.db"] + 5}
    found = {"copies": made, "low": later, "high": later, "missing": ["x"]}
    problems = judged(spec, found)
    assert [problem.split()[0] for problem in problems] == ["app/app.db", "x"]


def test_the_tables_are_taken_away_again(spec: Path) -> None:
    with writing(spec):
        pass
    chain.drop(json.loads(spec.read_text()))
    for one in json.loads(spec.read_text())["databases"].values():
        with closing(sqlite3.connect(one["path"])) as connection:
            assert connection.execute("SELECT * FROM sqlite_master").fetchall() == []


@needs_restic
def test_a_round_is_a_backup_from_which_all_is_restored(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("a")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    words = [LIBRARY, spec, tmp_path / "repository", tmp_path / "password", tmp_path / "scratch"]
    with writing(spec):
        while progress(spec)["other/writers-quiet.db"] < 200:
            time.sleep(0.05)
        time.sleep(0.2)
        rounds = [backup_round.main(*map(str, words), listing=True) for _ in range(2)]
        problems = judged(spec, rounds[1])
    assert problems == []
    assert [(one["problems"], one["live"], one["missing"]) for one in rounds] == [([], [], [])] * 2
    assert rounds[1]["reused"] == 1
    assert rounds[1]["copied"] == len(backup_writers.MODES)


@pytest.mark.parametrize("name", backup_writers_breaks.FAULTS)
def test_every_planted_fault_still_finds_its_passages(name: str) -> None:
    for file, old, new in backup_writers_breaks.FAULTS[name][2]:
        text = (LIBRARY / "mediastack" / "backup" / file).read_text()
        assert old in text
        compile(text.replace(old, new), file, "exec")
