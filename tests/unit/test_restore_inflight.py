"""restore.inflight: the journal of a restore, and whom it holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import restore_house
from restore_work_house import House, furnish

from mediastack.restore import inflight


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return furnish(tmp_path, monkeypatch)


def test_a_journal_of_newer_programs_or_half_of_one_holds_nobody(house: House) -> None:
    for found in ({"schema": 2}, {"schema": 1, "services": {}, "phase": "?"}, {"schema": 1}):
        Path(inflight.path()).write_text(json.dumps(found))
        assert inflight.read() is None and inflight.held() == {} and inflight.in_work() == set()


def test_who_is_held_and_who_is_in_work(house: House) -> None:
    found = {
        "a": {**restore_house.begun(house.stage, "seerr"), "step": "swap", "patient": True},
        "b": {**restore_house.begun(house.stage, "plex"), "step": "swap", "atomic": False},
        "c": restore_house.begun(house.stage, "sonarr", patient=True),
        "d": {**restore_house.begun(house.stage, "tautulli"), "step": "done"},
    }
    inflight.write({"schema": 1, "id": "i", "phase": "apply", "services": found})
    assert set(inflight.held()) == {"b"} and inflight.in_work() == {"a"}
    inflight.write({"schema": 1, "id": "i", "phase": "fetch", "services": found})
    assert inflight.held() == {} and inflight.in_work() == set()
