"""updater.worker and the verbs: what a pass does, in which order, and what it leaves alone."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import updater_house as house

from mediastack import image_lock, ledger, lock
from mediastack.docker_client import NotReachable
from mediastack.updater import (
    candidates,
    copies,
    hints,
    inflight,
    kept,
    pauses,
    preconditions,
    prune,
    rollback_verb,
    run_lock,
    tags,
    tell,
    transaction,
    update_verb,
    worker,
    wud,
)
from mediastack.updater.house import Trouble


class Stage:
    """The world of a pass: what WUD and the registry say, and which transactions were driven."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.docker = house.Images()
        self.docker.registry = {
            f"{house.SEERR}:v1.0.0": house.ONE,
            f"{house.SEERR}:v1.0.1": house.TWO,
            f"{house.SEERR}:v2.0.0": house.THREE,
        }
        self.wud: dict[str, set[str]] | None = {}
        self.listed: list[str] = []
        self.driven: list[tuple[str, str, str]] = []
        self.end = "done"
        self.refusal = ""

    def once(self) -> int:
        engine: Any = self.docker
        return worker.once(lambda: self.config, engine)

    def drive(self, tx: transaction.Transaction, *_: Any, **tools: Any) -> transaction.Transaction:
        assert inflight.read() is not None, "begun before it was written down"
        with tools["lock"]():
            pass
        for step in ("copy", self.end):
            tx = {**tx, "step": step}
            tools["write"](tx)
        self.driven.append((tx["service"], tx["new"]["image"].rpartition(":")[2], tx["asked_by"]))
        return tx


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage(house.furnish(tmp_path, monkeypatch))
    house.locked()
    monkeypatch.setattr(wud, "tags", lambda *_: made.wud)
    monkeypatch.setattr(tags, "of", lambda *_: made.listed)
    monkeypatch.setattr(worker.run, "drive", made.drive)
    monkeypatch.setattr(preconditions, "refusal", lambda *_, **__: made.refusal)
    monkeypatch.setattr(worker.healing, "wake", lambda *_: False)
    monkeypatch.setattr(worker.observe, "observe", lambda *_: {})
    monkeypatch.setattr(worker, "start_unit", lambda: None)
    for verb in (update_verb, rollback_verb):
        monkeypatch.setattr(verb, "DockerImages", lambda: made.docker)
        monkeypatch.setattr(verb.configuration, "load", lambda *_: made.config)
        monkeypatch.setattr(verb.signal, "signal", lambda *_: None)
    return made


def outcomes() -> list[str]:
    return [entry["outcome"] for entry in ledger.read()]


def test_a_pass_takes_what_whats_up_docker_has_found(stage: Stage) -> None:
    stage.wud = {"seerr": {"v1.0.1"}}
    assert stage.once() == 0
    assert stage.driven == [("seerr", "v1.0.1", "worker")]
    assert inflight.read() is None


def test_a_hint_is_enough_without_the_watcher_and_is_taken_with_its_answer(stage: Stage) -> None:
    stage.wud = None
    candidates.asked("seerr")
    assert stage.once() == 0 and stage.driven == []
    hints.add("seerr", "wud", "v1.0.1")
    stage.once()
    assert stage.driven == [("seerr", "v1.0.1", "worker")] and hints.read() == {}


def test_a_hint_stays_while_the_registry_does_not_answer(stage: Stage) -> None:
    hints.add("seerr", "wud", "v1.0.1")
    stage.docker.registry[f"{house.SEERR}:v1.0.1"] = NotReachable("429")
    stage.once()
    assert stage.driven == [] and "seerr" in hints.read()


def test_a_hint_stays_while_the_registry_denies_the_tag_that_it_names(stage: Stage) -> None:
    hints.add("seerr", "wud", "v1.0.7")
    stage.once()
    assert stage.driven == [] and "seerr" in hints.read()
    assert not candidates.is_due("seerr"), "its own tag had an answer"
    stage.docker.registry[f"{house.SEERR}:v1.0.7"] = house.TWO
    stage.once()
    assert stage.driven == [("seerr", "v1.0.7", "worker")] and hints.read() == {}


@pytest.mark.parametrize(("end", "kept"), [("failed", True), ("undone", False)])
def test_a_hint_stays_when_its_image_could_not_be_had_and_goes_when_it_was_tried(
    stage: Stage, end: str, kept: bool
) -> None:
    hints.add("seerr", "wud", "v1.0.1")
    stage.end = end
    stage.once()
    assert stage.driven == [("seerr", "v1.0.1", "worker")]
    assert ("seerr" in hints.read()) is kept


def test_a_hint_stays_while_its_update_may_not_begin(stage: Stage) -> None:
    hints.add("seerr", "wud", "v1.0.1")
    stage.refusal = "it does not run"
    stage.once()
    assert stage.driven == [] and "seerr" in hints.read()


def test_a_hint_with_a_hostile_tag_asks_for_the_own_tag_alone(stage: Stage) -> None:
    hints.add("seerr", "wud", "../../evil:x@y")
    stage.once()
    assert stage.docker.asked == [f"{house.SEERR}:v1.0.0"] and stage.driven == []


def test_a_pinned_service_is_not_even_asked_for(stage: Stage) -> None:
    stage.config["services"]["seerr"]["updates"] = "pinned"
    stage.wud = {"seerr": {"v1.0.1"}}
    stage.once()
    assert stage.docker.asked == []


def test_a_major_is_told_once(stage: Stage) -> None:
    stage.wud = {"seerr": {"v2.0.0"}}
    stage.once()
    stage.once()
    assert stage.driven == [] and outcomes() == ["update found"]


@pytest.mark.parametrize("why", ["disabled", "paused", "window"])
def test_nothing_new_begins_while_it_may_not_and_what_is_under_way_goes_on(
    stage: Stage, why: str
) -> None:
    if why == "disabled":
        stage.config["updates"]["enabled"] = False
    elif why == "paused":
        pauses.begin(None)
    else:
        stage.config["updates"]["window"] = "closed"
    stage.wud = {"seerr": {"v1.0.1"}}
    inflight.write(house.a_transaction(step="gate"))
    stage.once()
    assert [one[0] for one in stage.driven] == ["seerr"]
    assert stage.driven[0][2] == "test"


def test_the_update_of_a_service_that_is_gone_is_forgotten(stage: Stage) -> None:
    image_lock.trial("seerr", house.NEW["image"], house.NEW["digest"])
    inflight.write(house.a_transaction(step="gate"))
    del stage.config["services"]["seerr"]
    stage.once()
    assert stage.driven == [] and inflight.read() is None
    assert "trial" not in image_lock.read()["seerr"]


def test_docker_away_is_another_passs_matter(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise NotReachable("away")

    monkeypatch.setattr(candidates, "find", away)
    assert stage.once() == 0


def test_only_so_many_own_tags_are_asked_for_in_a_pass_and_gluetun_comes_last(
    stage: Stage,
) -> None:
    entry = stage.config["services"]["seerr"]
    services = {f"s{number}": dict(entry) for number in range(9)}
    stage.config["services"] = {"gluetun": {**entry, "owner": True}, **services}
    asked = [one.service for one in worker.questions(stage.config, {})]
    assert asked == [f"s{number}" for number in range(worker.MOST_ASKED)]
    stage.wud = {"gluetun": {"v1.0.1"}}
    assert [one.service for one in worker.questions(stage.config, {})][-1] == "gluetun"


def test_a_hint_that_comes_while_one_is_followed_is_followed_as_well(stage: Stage) -> None:
    hints.add("seerr", "wud")
    resolve = stage.docker.distribution
    came = iter(["v1.0.1"])

    def distribution(image: str) -> dict[str, Any]:
        for tag in came:
            hints.add("seerr", "wud", tag)
        return resolve(image)

    stage.docker.distribution = distribution  # type: ignore[method-assign]
    stage.once()
    assert stage.driven == [("seerr", "v1.0.1", "worker")] and hints.read() == {}


def test_a_lock_that_cannot_be_had_is_a_passing_trouble(stage: Stage) -> None:
    @contextlib.contextmanager
    def busy(*_: Any, **__: Any) -> Iterator[None]:
        raise lock.Busy("x", {"actor": "deploy"}, 0.0)
        yield

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker.lock, "hold", busy)
        with pytest.raises(Trouble, match="deploy") as raised, worker.stack_lock(stage.config):
            pass
    assert raised.value.kind == "passing"


def test_a_second_worker_ends_at_once(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    with run_lock.hold():
        assert worker.main([]) == 0
    assert "another one is at work" in capsys.readouterr().err


# By hand.


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


# What is told.


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
