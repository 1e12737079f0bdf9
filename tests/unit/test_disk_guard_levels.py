"""A disk is low from one threshold down and has room from another up; what is told of that."""

from __future__ import annotations

from typing import Any

import pytest
from disk_guard_house import GIB, disk, observed
from hypothesis import given
from hypothesis import strategies as st

from mediastack import disk_guard_levels as levels


def settle(state: Any, *disks: Any, pausing: bool = True, **more: Any) -> list[Any]:
    actions: list[Any] = []
    levels.settle(actions, state, observed(*disks, **more), pausing=pausing)
    return [one.get("title") or one["outcome"] for one in actions]


def new() -> dict[str, Any]:
    return {"levels": {}}


@pytest.mark.parametrize(
    ("free", "was_low", "low"),
    [(20.1, False, False), (20, False, True), (0, False, True), (29.9, True, True),
     (30, True, False), (25, False, False)],
)  # fmt: skip
def test_low_begins_at_one_threshold_and_ends_at_another(
    free: float, was_low: bool, low: bool
) -> None:
    assert levels.of(disk(free), {"warned": was_low, "low": was_low})["low"] is low


@given(st.lists(st.floats(0, 100), max_size=40))
def test_between_the_thresholds_nothing_changes(frees: list[float]) -> None:
    state, low, warned = new(), False, False
    for free in frees:
        settle(state, disk(free))
        low = True if free <= 20 else False if free >= 30 else low
        warned = True if free <= 50 else False if free >= 60 else warned
        # Whole bytes.
        seen = state["levels"]["/data"]
        if min(abs(free - mark) for mark in (20, 30, 50, 60)) > 1e-6:
            assert (seen["low"], seen["warned"]) == (low, warned)
        low, warned = seen["low"], seen["warned"]


def test_each_level_is_told_once() -> None:
    state = new()
    assert settle(state, disk(100)) == []
    assert settle(state, disk(49)) == ["/data: little room", "little room"]
    assert settle(state, disk(48)) == [] == settle(state, disk(55))
    assert settle(state, disk(60)) == ["/data: room again", "room again"]
    assert settle(state, disk(10)) == []  # the pause will tell it
    assert settle(state, disk(100)) == []  # and its end


def test_a_disk_for_which_nothing_is_paused_is_told_of_at_both_levels() -> None:
    state, docker = new(), "/var/lib/docker"
    assert settle(state, disk(40, docker, pauses=False))[0] == f"{docker}: little room"
    assert settle(state, disk(20, docker, pauses=False))[0] == f"{docker}: nearly full"
    assert levels.low(state) == []
    assert settle(state, disk(70, docker, pauses=False))[0] == f"{docker}: room again"
    # By setting, or without a client, that is what /data is as well.
    assert settle(new(), disk(20), pausing=False)[0] == "/data: nearly full"


def test_what_does_not_answer_stays_what_it_was() -> None:
    state, system = new(), disk(500, "/srv")
    settle(state, disk(10), system)
    settle(state, system, unknown=["/data"])
    assert levels.low(state) == ["/data"]
    settle(state, disk(25), system)
    assert levels.low(state) == ["/data"]
    settle(state, disk(31), system)
    assert levels.low(state) == []


def test_what_is_not_watched_any_more_is_forgotten() -> None:
    state = new()
    settle(state, disk(10))
    settle(state, disk(500, "/mnt/other"))
    assert levels.low(state) == [] and list(state["levels"]) == ["/mnt/other"]


def test_paths_that_come_onto_one_disk_are_as_low_as_the_lowest_was() -> None:
    state = new()
    settle(state, disk(10), disk(500, "/srv"))
    both = disk(25, paths=["/data", "/srv"])
    settle(state, both)
    assert levels.low(state) == ["/data", "/srv"]
    assert levels.names(["/data", "/srv"]) == "/data and /srv"
    assert levels.names(["/a", "/b", "/c"]) == "/a, /b and /c"


@pytest.mark.parametrize(
    ("free", "warned", "seconds"),
    [(1000, False, 30.0), (53, False, 3 * GIB / 5e8), (50, False, 2.0), (49, True, 30.0),
     (25, True, 5 * GIB / 5e8), (20.01, True, 2.0), (5, True, 2.0)],
)  # fmt: skip
def test_the_further_from_a_threshold_the_longer_it_may_wait(
    free: float, warned: bool, seconds: float
) -> None:
    state = {"levels": {"/data": {"warned": warned, "low": False, "pauses": True}}}
    assert levels.patience(observed(disk(free)), state) == pytest.approx(seconds)


def test_of_several_disks_the_nearest_to_a_threshold_counts() -> None:
    state = new()
    seen = observed(disk(900), disk(51, "/srv"))
    assert levels.patience(seen, state) == pytest.approx(GIB / 5e8)
    assert levels.patience(observed(disks=[]), state) == 30.0
