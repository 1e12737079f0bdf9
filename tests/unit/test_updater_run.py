"""A transaction driven to its end, also when it is killed anywhere."""

from __future__ import annotations

from typing import Any

import pytest
from paper_house import Killed
from updater_paper import Paper

from mediastack.updater import transaction
from mediastack.updater.house import Trouble
from mediastack.updater.transaction import Transaction


def test_a_good_version_ends_as_the_new_one() -> None:
    house = Paper()
    assert house.drive()["step"] == "done"
    assert house.calls == ["pull", "copy", "settle", "switch", "commit"]
    assert (house.running, house.config) == ("new", "migrated")
    assert house.stages == ["started", "done"]
    assert house.refused == []


def test_a_bad_version_ends_as_the_old_one_with_its_config() -> None:
    house = Paper()
    house.well = False
    tx = house.drive()
    assert tx["step"] == "undone"
    assert (house.running, house.config) == ("old", "old")
    assert house.calls[-3:] == ["back", "restore", "revive"]
    assert house.refused == ["sha256:new"]
    assert house.stages == ["started", "rolled back"]
    assert "unhealthy" in tx["why"]


def test_what_the_user_stops_in_the_gate_is_taken_back_and_not_called_bad() -> None:
    house = Paper()
    house.stopped_by_user = True
    assert house.drive()["step"] == "undone"
    assert (house.running, house.config, house.refused) == ("old", "old", [])


@pytest.mark.parametrize("step", ["pull", "copy", "settle"])
@pytest.mark.parametrize(("kind", "refused"), [("passing", []), ("bad", ["sha256:new"])])
def test_trouble_before_the_switch_changes_nothing(
    step: str, kind: str, refused: list[str]
) -> None:
    house = Paper()
    house.troubles = {step: [Trouble(kind, "no")]}
    tx = house.drive()
    assert (tx["step"], tx["why"]) == ("failed", "no")
    assert (house.running, house.config) == ("old", "old")
    assert house.refused == refused
    assert "switch" not in house.calls


def test_trouble_in_the_switch_goes_back() -> None:
    house = Paper()
    house.troubles = {"switch": [Trouble("passing", "port in use")]}
    tx = house.drive()
    assert tx["step"] == "undone"
    assert (house.running, house.config) == ("old", "old")
    assert house.refused == []


@pytest.mark.parametrize("step", ["back", "restore", "revive", "commit", "lock"])
def test_what_has_to_be_done_is_tried_until_it_is_and_told(step: str) -> None:
    house = Paper()
    house.well = step == "commit"
    house.troubles = {step: [Trouble("passing", "disk full")] * 5}
    tx = house.drive()
    # Without the lock nothing was begun yet.
    assert tx["step"] == {"commit": "done", "lock": "failed"}.get(step, "undone")
    assert house.stages.count("stuck") == 1
    assert house.running == ("new" if step == "commit" else "old")


@pytest.mark.parametrize("well", [True, False])
@pytest.mark.parametrize("line", range(1, 60))
def test_a_kill_at_any_line_ends_in_the_new_or_the_old_state(well: bool, line: int) -> None:
    house = Paper()
    house.well = well
    house.kill_at = line
    tx = house.drive()
    assert tx["step"] == ("done" if well else "undone")
    assert (house.running, house.config) == (("new", "migrated") if well else ("old", "old"))


@pytest.mark.parametrize("line", range(1, 40))
def test_a_worker_that_cannot_see_how_far_the_last_one_came_waits(line: int) -> None:
    house = Paper()
    house.kill_at = line
    house.troubles = {"switched": [Trouble("passing", "Docker is away")] * 5}
    assert house.drive()["step"] == "done"
    assert "restore" not in house.calls


@pytest.mark.parametrize("step", ["pull", "copy", "settle", "switch"])
def test_a_step_that_always_kills_its_worker_is_given_up(step: str) -> None:
    house = Paper()
    original = getattr(house, step)
    deaths: list[int] = []

    def deadly(tx: Transaction) -> Any:
        deaths.append(1)
        original(tx)
        raise Killed

    setattr(house, step, deadly)
    tx = house.drive()
    assert tx["step"] == ("undone" if step == "switch" else "failed")
    assert len(deaths) == transaction.MOST_TRIES
    assert (house.running, house.config) == ("old", "old")


def test_a_switch_that_dies_before_it_switches_is_given_up_with_the_old_version() -> None:
    house = Paper()
    deaths: list[int] = []

    def deadly(tx: Transaction) -> None:
        deaths.append(1)
        raise Killed

    house.switch = deadly  # type: ignore[method-assign]
    assert house.drive()["step"] == "failed"
    assert len(deaths) <= transaction.MOST_TRIES
    assert (house.running, house.config) == ("old", "old")


def test_the_service_is_held_exactly_while_image_and_config_are_no_pair() -> None:
    held = [
        step
        for step in (*transaction.FORWARD, *transaction.BACKWARD, "return")
        if transaction.holds({"step": step})
    ]
    assert held == ["back", "restore", "revive"]


def test_a_rollback_by_hand_goes_the_way_back_and_refuses_what_it_leaves() -> None:
    house = Paper()
    done = house.drive()
    house.journal = transaction.begin_rollback(done, "you asked for it")
    assert house.drive()["step"] == "undone"
    assert (house.running, house.config) == ("old", "old")
    assert house.refused == ["sha256:new"]
