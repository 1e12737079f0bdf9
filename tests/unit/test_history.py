"""history: lines for people and JSON for programs, newest last."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from mediastack import history, ledger

BERLIN = datetime.timezone(datetime.timedelta(hours=2))
ENTRY = {
    "time": "2026-08-23T12:05:09.250+00:00",
    "actor": "keeper",
    "subject": "sonarr",
    "outcome": "recreated",
    "duration_seconds": 3.24,
    "cause": "gluetun: dead",
    "details": None,
}


def test_a_line_tells_when_who_what_how_long_and_why() -> None:
    assert history.line(ENTRY, BERLIN) == (
        "2026-08-23 14:05:09 keeper    sonarr           recreated (3.2 s) - gluetun: dead"
    )


def test_a_line_leaves_out_what_nobody_wrote_down() -> None:
    text = history.line({**ENTRY, "duration_seconds": 0, "cause": ""}, BERLIN)
    assert text.endswith("sonarr           recreated")


@pytest.mark.parametrize("stamp", ["2026-08-23T12:05:09Z", "2026-08-23T12:05:09+00:00"])
def test_both_spellings_of_utc_are_read(stamp: str) -> None:
    assert history.local_time(stamp, BERLIN) == "2026-08-23 14:05:09"


def test_an_entry_that_is_half_broken_is_still_one_line() -> None:
    assert history.line({"time": "then", "cause": "a\nb"}, BERLIN).splitlines() == [
        "then ?         ?                ? - a b"
    ]


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ledger of 30 entries, written by hand, of which every third is about plex."""
    path = tmp_path / "ledger.jsonl"
    entries = [
        {**ENTRY, "outcome": f"event {number}", "subject": "sonarr" if number % 3 else "plex"}
        for number in range(30)
    ]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    monkeypatch.setattr(ledger, "default_path", lambda: str(path))
    return path


def outcomes(text: str) -> list[str]:
    return [line.split("event ")[1].split(" ")[0] for line in text.splitlines()]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], [str(number) for number in range(10, 30)]),
        (["-n", "2"], ["28", "29"]),
        (["-n", "0"], None),
        (["-n", "2", "--subject", "plex"], ["24", "27"]),
    ],
)
def test_the_newest_come_last(
    house: Path,
    given: list[str],
    expected: list[str] | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert history.main(given) == 0
    text = capsys.readouterr().out
    if expected is None:
        assert text == "nothing recorded yet\n"
    else:
        assert outcomes(text) == expected


def test_json_is_the_entries_themselves(house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert history.main(["-n", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{**ENTRY, "outcome": "event 29"}]


def test_no_ledger_is_an_empty_list_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ledger, "default_path", lambda: str(tmp_path / "absent"))
    assert history.main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_ledger_that_cannot_be_read_is_exit_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied", "/x/ledger.jsonl")

    monkeypatch.setattr(ledger, "read", refuse)
    assert history.main([]) == 1
    assert "/x/ledger.jsonl: Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize("given", [["-n", "-1"], ["-n", "many"], ["--since", "x"]])
def test_a_usage_error_is_2(given: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        history.main(given)
    assert raised.value.code == 2
