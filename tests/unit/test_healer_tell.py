"""healer.tell: what is told is in ledger and spool, each message once; read from the disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from healer_house import Patient, running

from mediastack import ledger
from mediastack.healer.protocol import Request
from mediastack.healer.tell import MOST_IN_A_MINUTE, REMEMBERED, Teller, TooMany


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    return running(tmp_path, monkeypatch)


def message(number: int, kind: str, **fields: Any) -> Request:
    return Request("tell", number=number, kind=kind, fields=fields)


def spooled(house: Patient) -> list[dict[str, Any]]:
    spool = Path(house.config["paths"]["state"]) / "spool" / "new"
    return [json.loads(path.read_text()) for path in sorted(spool.glob("*.json"))]


def test_a_pause_is_in_the_ledger_and_an_urgent_message(house: Patient) -> None:
    Teller().tell(message(1, "paused", count=5, seconds=3600.0, cause="limit"))
    (entry,) = ledger.read()
    assert (entry["actor"], entry["subject"], entry["outcome"]) == ("monitor", "gluetun", "paused")
    assert entry["duration_seconds"] == 3600.0
    assert entry["details"]["kind"] == "paused"
    (sent,) = spooled(house)
    assert sent["priority"] == 5
    assert "stack-manage.sh resume" in sent["message"]


def test_what_has_no_priority_is_no_notification(house: Patient) -> None:
    Teller().tell(message(1, "held", services=("sonarr",)))
    assert [one["outcome"] for one in ledger.read()] == ["held"]
    assert spooled(house) == []


def test_a_message_that_comes_twice_is_told_once_also_after_a_restart(house: Patient) -> None:
    told = message(7, "paused", count=5, seconds=3600.0, cause="limit")
    Teller().tell(told)
    Teller().tell(told)
    assert len(ledger.read()) == len(spooled(house)) == 1


def test_a_number_that_is_used_again_for_another_message_is_another(house: Patient) -> None:
    """The monitor's state was lost, and it counts from one again."""
    Teller().tell(message(1, "held", services=("sonarr",)))
    Teller().tell(message(1, "held", services=("radarr",)))
    assert len(ledger.read()) == 2


def test_what_is_remembered_is_bounded(house: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(REMEMBERED + 5):
        # As if minutes lay between.
        Teller().tell(message(number, "resumed"))
    path = Path(house.config["paths"]["runtime"]) / "healer.json"
    assert len(json.loads(path.read_text())["told"]) == REMEMBERED


def test_a_flood_is_put_off_and_nothing_of_it_is_written(house: Patient) -> None:
    teller = Teller()
    for number in range(MOST_IN_A_MINUTE):
        teller.tell(message(number, "held"))
    with pytest.raises(TooMany):
        teller.tell(message(1000, "held"))
    assert len(ledger.read()) == MOST_IN_A_MINUTE
    # One that was told already costs nothing.
    teller.tell(message(0, "held"))
