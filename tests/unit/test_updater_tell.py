"""updater.tell: what stands in the ledger and what is sent of an update."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import updater_house as house
from updater_house import Stage

from mediastack import ledger
from mediastack.updater import prune, tell


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return house.a_stage(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", list(tell.STAGES))
def test_each_stage_is_one_entry_and_one_message(stage: Stage, name: str) -> None:
    tell.stage(house.a_transaction(why="exits at once", stuck="disk full", step="restore"), name)
    entry = ledger.read()[-1]
    assert (entry["actor"], entry["subject"]) == ("updater", "seerr")
    assert entry["outcome"] == tell.STAGES[name].outcome
    waiting = list(Path(stage.config["paths"]["state"], "spool", "new").iterdir())
    message = json.loads(waiting[0].read_text())
    assert len(waiting) == 1 and message["key"]
    assert (message["priority"] >= 4) is (name in ("rolled back", "stuck"))


def test_the_reason_is_in_the_message_and_a_sick_old_version_too(stage: Stage) -> None:
    tell.stage(house.a_transaction(why="exits at once", sick="health: unhealthy"), "rolled back")
    entry = ledger.read()[-1]
    assert entry["cause"] == "v1.0.0 -> v1.0.1: exits at once"
    waiting = list(Path(stage.config["paths"]["state"], "spool", "new").iterdir())
    message = json.loads(waiting[0].read_text())
    assert message["priority"] == 5 and "health: unhealthy" in message["message"]


def test_one_tag_built_anew_is_said_so(stage: Stage) -> None:
    again = {"image": house.OLD["image"], "digest": house.TWO}
    assert tell.move(house.a_transaction(new=again)) == "v1.0.0, built anew"
    assert prune.needed({}, {}, house.a_transaction()) == {
        "zz.invalid/mediastack-keep/seerr:" + digit * 12 for digit in "12"
    }
