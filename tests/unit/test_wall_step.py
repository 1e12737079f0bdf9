"""When the wall's keeper says something, and how loudly."""

from __future__ import annotations

from typing import Any

import pytest

from mediastack import wall_step
from mediastack.wall_step import Found, Told

STANDING: dict[str, Any] = {**wall_step.initial_state(), "boot": "one", "loaded": ["new"]}


def found(listed: str | None, *, boot: str = "one", wanted: str = "new") -> Found:
    problems = [] if listed == wanted else ["set x lacks 1"]
    return Found(boot, wanted, listed, problems)


@pytest.mark.parametrize(
    ("look", "state", "why"),
    [
        (found("new"), STANDING, ""),
        (found(None), wall_step.initial_state(), "first"),
        (found(None, boot="two"), STANDING, "first"),
        (found(None), STANDING, "damaged"),
        (found("other"), STANDING, "damaged"),
        (found("other", boot="two"), STANDING, "damaged"),
        (found("new", wanted="newer"), STANDING, "changed"),
        # Killed while it loaded: either of the two is ours.
        (found("old", wanted="newer"), {**STANDING, "loaded": ["old", "new"]}, "changed"),
    ],
)
def test_reason(look: Found, state: dict[str, Any], why: str) -> None:
    assert wall_step.reason(look, state) == why


def test_kill_between_loading_and_writing_down_is_no_alarm_afterwards() -> None:
    state = wall_step.before_loading(found("new", wanted="newer"), STANDING)
    # Nothing was loaded yet, or all of it.
    assert wall_step.reason(found("new", wanted="newest"), state) == "changed"
    assert wall_step.reason(found("newer", wanted="newest"), state) == "changed"


def test_damaged_wall_is_never_taken_for_ours_later() -> None:
    state = wall_step.before_loading(found("damaged"), STANDING)
    assert state["loaded"] == ["new"]
    assert wall_step.reason(found("damaged"), state) == "damaged"


def told(why: str, state: dict[str, Any]) -> list[Told]:
    return wall_step.stands(found("x"), why, state, seconds=0.1, since=3.0)[0]


def test_standing_wall_is_no_news() -> None:
    assert told("", STANDING) == []


@pytest.mark.parametrize(("why", "outcome"), [("first", "built"), ("changed", "changed")])
def test_building_and_changing_are_written_down_and_not_sent(why: str, outcome: str) -> None:
    (one,) = told(why, STANDING)
    assert (one.outcome, one.priority) == (outcome, 0)


def test_damage_is_an_urgent_message_that_says_it_is_mended() -> None:
    (one,) = told("damaged", STANDING)
    assert (one.outcome, one.priority) == ("mended", 5)
    assert "set x lacks 1" in one.message
    assert "stands again" in one.message


def test_failure_is_told_once_and_its_end_once() -> None:
    first, state = wall_step.fails("nft: no", STANDING)
    again, state = wall_step.fails("nft: still no", state)
    assert [one.priority for one in first] == [5]
    assert again == []
    assert state["failing"] == "nft: still no"
    after, state = wall_step.stands(found("new"), "", state, seconds=0.1, since=60.0)
    assert [one.outcome for one in after] == ["stands again"]
    assert "nft: still no" in after[0].message
    assert wall_step.stands(found("new"), "", state, seconds=0.1, since=1.0)[0] == []


def test_failure_keeps_what_is_known_of_the_boot() -> None:
    _, state = wall_step.fails("nft: no", STANDING)
    assert wall_step.reason(found(None), state) == "damaged"


def test_states_are_not_changed_in_place() -> None:
    state = {**STANDING, "loaded": ["new"]}
    wall_step.before_loading(found(None), state)
    wall_step.fails("x", state)
    wall_step.stands(found("x"), "damaged", state, seconds=0.0, since=0.0)
    assert state == STANDING
