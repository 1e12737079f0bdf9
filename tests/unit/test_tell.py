"""tell: what the steps of portsync and the disk guard want said goes where it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mediastack import config, ledger, notify, tell

ENTRY = {"do": "record", "outcome": "port changed", "cause": "c", "details": {"to": 40000}}


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setattr(config, "paths", lambda *_: {"state": str(tmp_path)})
    monkeypatch.setattr(notify, "send", lambda *given, **named: found.append((given, named)))
    return found


def test_a_message_is_about_the_given_subject_and_one_storm_with_its_like(sent: list[Any]) -> None:
    tell.carry_out("portsync", "qbittorrent", {
        "do": "tell", "title": "T", "message": "M", "priority": 4,
    })  # fmt: skip
    assert sent == [(("qbittorrent", "T", "M"), {"priority": 4, "key": "T"})]
    assert ledger.read() == []


def test_an_entry_is_in_the_history_with_all_that_it_says(sent: list[Any]) -> None:
    tell.carry_out("portsync", "qbittorrent", {**ENTRY, "duration_seconds": 1.5})
    entry = ledger.read()[0]
    assert entry.pop("time")
    assert entry == {
        "actor": "portsync", "subject": "qbittorrent", "outcome": "port changed", "cause": "c",
        "duration_seconds": 1.5, "details": {"to": 40000},
    }  # fmt: skip
    assert sent == []


def test_an_entry_may_be_about_another_subject_and_take_no_time(sent: list[Any]) -> None:
    tell.carry_out("disk-guard", "disk", {**ENTRY, "subject": "qbittorrent"})
    entry = ledger.read()[0]
    assert (entry["subject"], entry["duration_seconds"]) == ("qbittorrent", 0.0)
