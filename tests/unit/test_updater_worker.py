"""updater.worker: what a pass does, in which order, and what it leaves alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import updater_house as house
from updater_house import Stage

from mediastack import image_lock, ledger, lock
from mediastack.docker_client import NotReachable
from mediastack.updater import candidates, hints, inflight, pauses, run_lock, worker
from mediastack.updater.house import Trouble


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return house.a_stage(tmp_path, monkeypatch)


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
