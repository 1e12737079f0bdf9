"""mediastack.ledger: nothing lost by concurrency, rotation or a torn line."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediastack import ledger


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "state" / "ledger.jsonl")


def test_entry_has_the_promised_shape(path):
    assert ledger.append(
        "updater", "sonarr", "updated", duration_seconds=1.23456, cause="4.0.20", path=path
    )

    with open(path) as stream:
        line = json.loads(stream.readline())
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "actor": "updater",
        "subject": "sonarr",
        "outcome": "updated",
        "duration_seconds": 1.235,
        "cause": "4.0.20",
        "details": None,
    }


def test_read_gives_the_newest_of_one_subject_oldest_first(path):
    for index in range(6):
        ledger.append("a", ["sonarr", "radarr"][index % 2], str(index), path=path)

    assert [e["outcome"] for e in ledger.read(path=path)] == list("012345")
    assert [e["outcome"] for e in ledger.read(2, path=path)] == ["4", "5"]
    assert [e["outcome"] for e in ledger.read(2, "sonarr", path=path)] == ["2", "4"]
    assert ledger.read(0, path=path) == []


def test_ledger_that_does_not_exist_is_empty(path):
    assert ledger.read(path=path) == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    outcomes=st.lists(st.text(), min_size=1, max_size=5),
    cut=st.integers(1, 200),
    later=st.lists(st.text(), max_size=3),
)
def test_torn_last_line_costs_that_line_only(tmp_path_factory, outcomes, cut, later):
    path = str(tmp_path_factory.mktemp("ledger") / "ledger.jsonl")
    for outcome in outcomes:
        ledger.append("a", "s", outcome, path=path)
    with open(path, "rb") as stream:
        content = stream.read()
    last = len(content.rstrip(b"\n").rpartition(b"\n")[2]) + 1
    # From "only the newline is missing" (that entry survives) to "the whole line is gone".
    missing = min(cut, last)
    os.truncate(path, len(content) - missing)

    for outcome in later:
        ledger.append("a", "s", outcome, path=path)

    survivors = outcomes if missing == 1 else outcomes[:-1]
    assert [entry["outcome"] for entry in ledger.read(path=path)] == survivors + later


def test_rubbish_between_lines_is_skipped(path):
    ledger.append("a", "s", "one", path=path)
    with open(path, "ab") as stream:
        stream.write(b'\x00\x00\xff\n[1]\n"text"\n')
    ledger.append("a", "s", "two", path=path)

    assert [entry["outcome"] for entry in ledger.read(path=path)] == ["one", "two"]


def test_rotation_keeps_the_newest_entries_readable_in_order(path):
    for index in range(100):
        ledger.append("a", "s", f"{index:03}", path=path, maximum_bytes=1000, keep_files=3)

    kept = [int(entry["outcome"]) for entry in ledger.read(path=path)]
    assert kept == list(range(kept[0], 100))
    assert len(kept) >= 20
    names = sorted(os.listdir(os.path.dirname(path)))
    assert names == [
        "ledger.jsonl",
        "ledger.jsonl.1",
        "ledger.jsonl.2",
        "ledger.jsonl.3",
        "ledger.jsonl.lock",
    ]
    assert all(os.path.getsize(os.path.join(os.path.dirname(path), n)) <= 1000 for n in names)


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_rotation_cut_short_by_a_crash_loses_nothing(path, monkeypatch, renames):
    def append(outcome):
        return ledger.append("a", "s", outcome, path=path, maximum_bytes=300, keep_files=9)

    for index in range(7):
        append(f"{index:03}")
    replace = os.replace
    done = []

    def killed(source, destination):
        if len(done) == renames:
            raise SystemExit
        done.append(source)
        replace(source, destination)

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(os, "replace", killed)
        for index in range(7, 12):
            append(f"{index:03}")
    assert len(done) == renames
    before = [entry["outcome"] for entry in ledger.read(path=path)]
    assert before == [f"{index:03}" for index in range(len(before))] and len(before) >= 7

    append("new")

    assert [entry["outcome"] for entry in ledger.read(path=path)] == [*before, "new"]


@pytest.mark.parametrize("maximum_bytes", [10_000_000, 2_000])
def test_concurrent_appends_of_several_processes_lose_nothing(path, maximum_bytes):
    program = (
        "import sys\nfrom mediastack import ledger\n"
        "for index in range(60):\n"
        "    ledger.append(sys.argv[2], 's', str(index), path=sys.argv[1],"
        " maximum_bytes=int(sys.argv[3]), keep_files=1000)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", program, path, f"w{number}", str(maximum_bytes)],
            env=environment,
        )
        for number in range(4)
    ]
    while any(worker.poll() is None for worker in workers):
        ledger.read(path=path)
    assert [worker.returncode for worker in workers] == [0] * 4

    entries = ledger.read(path=path)
    for number in range(4):
        mine = [int(e["outcome"]) for e in entries if e["actor"] == f"w{number}"]
        assert mine == list(range(60))


def test_ledger_that_cannot_be_written_is_reported_and_not_raised(tmp_path, capsys):
    (tmp_path / "file").write_text("")

    assert not ledger.append("a", "s", "lost?", path=str(tmp_path / "file" / "ledger.jsonl"))
    assert "lost?" in capsys.readouterr().err
