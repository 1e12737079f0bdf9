"""updater.update_verb and rollback_verb: what is updated or taken back by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import updater_house as house
from updater_house import Stage

from mediastack import image_lock
from mediastack.docker_client import NotReachable
from mediastack.updater import (
    copies,
    inflight,
    kept,
    pauses,
    rollback_verb,
    run_lock,
    transaction,
    update_verb,
    worker,
)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return house.a_stage(tmp_path, monkeypatch)


def test_update_by_name_asks_the_registry_and_takes_no_heed_of_a_pause(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    pauses.begin(None)
    stage.listed = ["v1.0.0", "v1.0.1", "v2.0.0"]
    assert update_verb.main(["seerr"]) == 0
    assert stage.driven == [("seerr", "v1.0.1", "user")]
    told = capsys.readouterr()
    assert "seerr: updated (v1.0.0 -> v1.0.1)" in told.out and "seerr: copy" in told.err


def test_update_of_a_major_needs_the_word_for_it(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.listed = ["v1.0.0", "v2.0.0"]
    assert update_verb.main(["seerr"]) == 0
    assert stage.driven == [] and "--major" in capsys.readouterr().out
    assert update_verb.main(["seerr", "--major"]) == 0
    assert stage.driven == [("seerr", "v2.0.0", "user")]


def test_by_name_notify_is_no_obstacle(stage: Stage) -> None:
    stage.config["services"]["seerr"]["updates"] = "notify"
    stage.wud = {"seerr": {"v1.0.1"}}
    assert update_verb.main([]) == 0 and stage.driven == []
    assert update_verb.main(["seerr"]) == 0
    assert stage.driven == [("seerr", "v1.0.1", "user")]


def test_a_dry_run_changes_nothing(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.wud = {"seerr": {"v1.0.1"}}
    assert update_verb.main(["--dry-run"]) == 0
    assert "would be updated: v1.0.0 -> v1.0.1" in capsys.readouterr().out
    stage.refusal = "it does not run"
    assert update_verb.main(["seerr", "--dry-run"]) == 0
    assert "not be updated now (it does not run)" in capsys.readouterr().out
    assert stage.driven == [] and not Path(inflight.directory()).exists()


def test_an_update_that_came_to_nothing_is_exit_1(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.wud = {"seerr": {"v1.0.1"}}
    stage.end = "undone"
    assert update_verb.main(["seerr"]) == 1
    assert "rolled back" in capsys.readouterr().out
    stage.refusal = "it does not run"
    assert update_verb.main(["seerr"]) == 1
    stage.docker.registry[f"{house.SEERR}:v1.0.1"] = NotReachable("down")
    assert update_verb.main(["seerr"]) == 1


def test_what_a_killed_one_left_comes_first(stage: Stage) -> None:
    inflight.write(house.a_transaction(step="back"))
    assert update_verb.main(["seerr"]) == 0
    assert [one[0] for one in stage.driven] == ["seerr"]


def test_while_the_worker_is_at_work_it_says_so(
    stage: Stage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for verb in (update_verb, rollback_verb):
        monkeypatch.setattr(verb, "WAIT_SECONDS", 0.0)
    inflight.write(house.a_transaction())
    with run_lock.hold():
        assert update_verb.main(["seerr"]) == 1
        assert rollback_verb.main(["seerr", "--yes"]) == 1
    assert "seerr is being updated; try again" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["nobody"], ["--major"], ["seerr", "plex"], ["--yes"]])
def test_wrong_usage_of_update(stage: Stage, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        update_verb.main(arguments)
    assert end.value.code == 2 and stage.driven == []


def updated(stage: Stage) -> None:
    image_lock.trial("seerr", house.NEW["image"], house.NEW["digest"])
    image_lock.settle_trial("seerr")
    kept.put(house.a_transaction(step="commit"))
    tx = house.a_transaction()
    Path(copies.path(stage.config, tx)).mkdir(parents=True)
    Path(stage.config["services"]["seerr"]["config"]).mkdir()
    Path(copies.path(stage.config, tx) + ".json").write_text(json.dumps({"whole": True}))


def test_a_rollback_says_what_is_lost_and_needs_a_yes(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    updated(stage)
    stage.end = "undone"
    assert rollback_verb.main(["seerr"]) == 1
    assert "Lost is all" in capsys.readouterr().out and stage.driven == []
    assert rollback_verb.main(["seerr", "--yes"]) == 0
    assert len(stage.driven) == 1
    assert "rolled back" in capsys.readouterr().out


def test_a_rollback_begins_with_the_way_back_and_refuses_what_it_leaves(stage: Stage) -> None:
    updated(stage)
    seen: list[transaction.Transaction] = []

    def drive(tx: transaction.Transaction, *_: Any, **__: Any) -> transaction.Transaction:
        seen.append(tx)
        return {**tx, "step": "undone"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker.run, "drive", drive)
        rollback_verb.main(["seerr", "--yes"])
    assert (seen[0]["step"], seen[0]["refuse"], seen[0]["old"]) == ("back", True, house.OLD)


@pytest.mark.parametrize("missing", ["kept", "copy", "lock", "catalog", "inflight"])
def test_without_what_it_needs_a_rollback_is_refused(
    stage: Stage, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    updated(stage)
    if missing == "kept":
        kept.drop("seerr")
    elif missing == "copy":
        copies.drop(stage.config, "seerr", "id1")
    elif missing == "lock":
        image_lock.record("seerr", f"{house.SEERR}:v1.0.2", house.THREE)
    elif missing == "catalog":
        stage.config["services"]["seerr"]["image"] = f"{house.SEERR}:v1.0.1"
    else:
        inflight.write(house.a_transaction())
    assert rollback_verb.main(["seerr", "--yes"]) == 1
    assert stage.driven == [] and "seerr: " in capsys.readouterr().err
