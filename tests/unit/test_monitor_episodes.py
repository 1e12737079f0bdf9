"""episodes: when one begins, is counted, goes on and ends."""

from __future__ import annotations

import pytest
from monitor_house import DEPENDENTS, OWNER, House

ALL = list(DEPENDENTS)


@pytest.fixture
def house() -> House:
    house = House()
    assert house.see() == []
    return house


def test_attempts_that_fail_come_less_and_less_often_and_are_told(house: House) -> None:
    house.start_owner()
    house.obey()
    moments = []
    for _ in range(400):
        if house.see(1.0):
            moments.append(house.now)
    pauses = [b - a for a, b in zip(moments, moments[1:], strict=False)]
    assert len(moments) > 5
    assert pauses == sorted(pauses) or max(pauses) <= 121
    assert pauses[0] < 4 and 90 < pauses[-1] <= 121
    assert house.kinds().count("not_back") == 1
    house.revive(*ALL)
    for _ in range(60):
        house.see(2.0)
    assert house.kinds()[-2:] == ["episode_done", "not_back_over"]


def test_gluetun_that_does_not_get_ready_is_told_after_five_minutes(house: House) -> None:
    house.start_owner()
    house.services[OWNER]["health"] = "starting"
    house.obey()
    for _ in range(149):
        house.see(2.0)
    assert "owner_not_ready" not in house.kinds()
    house.see(4.0)
    assert "owner_not_ready" in house.kinds()


def test_another_restart_after_an_attempt_is_another_cascade(house: House) -> None:
    house.start_owner()
    house.obey()
    house.see()
    house.now += 1
    house.start_owner()
    house.obey()
    assert len(house.state["cascades"]) == 2
    assert "episode_overtaken" in house.kinds()


def test_another_restart_before_any_attempt_is_the_same_cascade(house: House) -> None:
    house.end_owner()
    house.obey()
    for _ in range(6):
        house.start_owner()
        house.services[OWNER]["health"] = "starting"
        house.obey()
        house.end_owner()
        house.obey()
    assert len(house.state["cascades"]) == 1
    assert house.kinds().count("episode_opened") == 1


def test_a_boot_is_no_cascade_but_what_follows_is(house: House) -> None:
    house.boot = "boot-2"
    house.stop(*ALL)
    house.start_owner()
    assert house.obey() == [("revive", ALL)]
    house.obey()
    assert house.state["cascades"] == []
    assert house.kinds() == ["episode_opened_uncounted", "episode_done_uncounted"]
    house.cascade()
    assert len(house.state["cascades"]) == 1


def test_a_gluetun_that_flaps_from_the_boot_on_is_counted(house: House) -> None:
    house.boot = "boot-2"
    house.stop(*ALL)
    for _ in range(9):
        house.now += 200
        house.start_owner()
        house.see()
        house.stop(*ALL)
        house.see()
    assert house.state["pause"]["reason"] == "loop"
    assert len(house.state["cascades"]) == 4


def test_a_second_boot_before_the_group_is_whole_excuses_nothing_after_it(house: House) -> None:
    house.boot = "boot-2"
    house.stop(*ALL)
    house.start_owner()
    house.services[OWNER]["health"] = "starting"
    house.see()
    house.boot = "boot-3"
    house.see()
    house.services[OWNER]["health"] = "healthy"
    assert house.see() == [("revive", ALL)]
    house.now += 20
    house.start_owner()
    house.see()
    assert len(house.state["cascades"]) == 1


def test_all_inside_but_sick_is_waited_for_and_then_settled(house: House) -> None:
    house.start_owner()
    house.obey()
    house.obey()
    house.services["sonarr"]["health"] = "starting"
    for _ in range(100):
        assert house.see(2.0) == []
    assert house.state["episode"] is not None
    for _ in range(60):
        house.see(2.0)
    assert house.state["episode"] is None
    assert house.state["settled"][1] == house.services[OWNER]["started_at"]


def test_one_that_does_not_stay_up_does_not_keep_the_episode_open(house: House) -> None:
    house.start_owner()
    house.obey()
    for _ in range(300):
        for verb, names in house.see(2.0):
            assert verb == "revive"
            house.revive(*(name for name in names if name != "sonarr"))
    assert house.state["episode"] is None
    assert house.kinds().count("service_down") == 1
    assert house.told[-1]["service"] == "sonarr"
