"""limits: five cascades an hour and not a sixth, no loop for ever, and a pause that ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from monitor_house import DEPENDENTS, SETTINGS, House

from mediastack.monitor import limits
from mediastack.monitor import state as states

ALL = list(DEPENDENTS)


def spaced(house: House, count: int, seconds: float = 200.0) -> None:
    """So many cascades, far enough apart and of different causes to be no loop."""
    for number in range(count):
        house.now += seconds
        house.cascade(anew=bool(number % 2))


@pytest.fixture
def house() -> House:
    house = House()
    house.see()
    return house


def test_the_sixth_within_the_hour_is_a_pause_told_urgently_and_once(house: House) -> None:
    spaced(house, 5)
    assert house.state["pause"] is None
    house.now += 200
    house.start_owner()
    assert house.obey() == [("hold", ALL)]
    for _ in range(100):
        assert house.obey() == []
    assert house.state["pause"]["reason"] == "limit"
    assert house.kinds().count("paused") == 1
    assert len(house.state["cascades"]) == 5


def test_exactly_an_hour_after_the_first_there_is_room_for_one(house: House) -> None:
    spaced(house, 5)
    first = house.state["cascades"][0]["at"]
    house.start_owner()
    house.see(first + 3600 - house.now)
    assert house.state["pause"] is None
    assert len(house.state["cascades"]) == 6


def test_a_second_before_the_hour_is_over_there_is_none(house: House) -> None:
    spaced(house, 5)
    first = house.state["cascades"][0]["at"]
    house.start_owner()
    house.see(first + 3599 - house.now)
    assert house.state["pause"] is not None


@given(st.lists(st.floats(0.5, 1500.0), min_size=1, max_size=40), st.integers(1, 6))
def test_never_more_than_the_limit_in_any_hour(pauses: list[float], limit: int) -> None:
    settings = {**SETTINGS, "cascades_per_hour": limit}
    state = states.initial_state()
    now, counted = 0.0, []
    for pause in pauses:
        now += pause
        if not limits.is_exhausted(state, now, settings):
            limits.count(state, now, "restarted")
            counted.append(now)
        else:
            # Not for want of room: an hour holds as many as are allowed.
            assert sum(at > now - 3600 for at in counted) == limit
    for at in counted:
        assert sum(at <= other < at + 3600 for other in counted) <= limit


def test_during_the_pause_what_strands_is_stopped_and_nothing_is_brought_back(
    house: House,
) -> None:
    spaced(house, 5)
    house.now += 200
    house.start_owner()
    house.obey()
    house.revive(*ALL)  # the user, by hand
    house.obey()
    house.start_owner()
    assert house.obey() == [("hold", ALL)]
    for _ in range(20):
        assert house.obey() == []


def test_the_pause_ends_after_its_time_with_a_fresh_look(house: House) -> None:
    spaced(house, 5)
    house.now += 200
    house.start_owner()
    house.obey()
    until = house.state["pause"]["until"]
    assert until - house.state["pause"]["since"] == 3600
    assert house.obey(until - house.now - 1) == []
    assert house.obey(1.0) == [("revive", ALL)]
    house.obey()
    assert house.kinds()[-3:] == ["pause_over", "episode_opened", "episode_done"]


def test_a_short_pause_does_not_end_before_there_is_room(house: House) -> None:
    house.settings["pause_seconds"] = 600
    spaced(house, 5)
    house.now += 200
    house.start_owner()
    house.obey()
    first = house.state["cascades"][0]["at"]
    assert house.state["pause"]["until"] == pytest.approx(first + 3600)
    while house.now < first + 3590:
        assert house.obey(10) == []
    assert house.obey(20) == [("revive", ALL)]
    assert house.kinds().count("paused") == 1


def test_the_user_lifts_the_pause_and_the_count_begins_anew(house: House) -> None:
    spaced(house, 5)
    house.now += 200
    house.start_owner()
    house.obey()
    assert house.see(resume=True) == [("revive", ALL)]
    house.revive(*ALL)
    house.see()
    assert house.state["pause"] is None
    assert limits.counted(house.state, house.now) == 1
    assert "resumed" in house.kinds()
    spaced(house, 4)
    assert house.state["pause"] is None
    spaced(house, 1)
    assert house.state["pause"] is not None


def test_to_resume_without_a_pause_says_nothing(house: House) -> None:
    house.see(resume=True)
    assert house.told == []


def test_the_same_cause_again_and_again_is_a_loop(house: House) -> None:
    for _ in range(3):
        house.cascade()
    assert house.state["pause"] is None
    house.start_owner()
    house.obey()
    assert house.obey() == []
    assert house.state["pause"]["reason"] == "loop"
    assert house.kinds().count("paused") == 1


@pytest.mark.parametrize("what", ["other causes", "time between", "switched off"])
def test_what_is_no_loop(house: House, what: str) -> None:
    if what == "switched off":
        house.settings |= {"loop_cascades": 0, "cascades_per_hour": 50}
    for number in range(5):
        if what == "time between":
            house.now += 150
        house.cascade(anew=what == "other causes" and number % 2 == 0)
    assert house.state["pause"] is None
    assert len(house.state["cascades"]) == 5


def test_what_was_counted_is_in_the_state_before_anything_is_asked_for(house: House) -> None:
    house.start_owner()
    house.see()
    assert len(house.state["cascades"]) == 1
    # Killed now and started again from what is on disk: the same cascade goes on.
    house.state = states.loaded(house.state)
    house.obey(3)
    house.obey()
    house.obey()
    assert len(house.state["cascades"]) == 1
