"""ills and alarms: single services mended on schedules of their own, and told without storms."""

from __future__ import annotations

import pytest
from monitor_house import DEPENDENTS, OWNER, House

ALL = list(DEPENDENTS)


@pytest.fixture
def house() -> House:
    house = House()
    house.see()
    return house


def test_one_that_ended_is_started_and_that_is_no_cascade(house: House) -> None:
    house.stop("sonarr")
    house.see()
    assert ("revive", ["sonarr"]) in house.acts
    assert house.state["cascades"] == []


def test_one_that_ends_again_and_again_is_started_less_and_less_often_and_told_once(
    house: House,
) -> None:
    house.stop("sonarr")
    moments = []
    for _ in range(3000):
        if house.see(1.0):
            moments.append(house.now)
    pauses = [b - a for a, b in zip(moments, moments[1:], strict=False)]
    assert pauses[0] < 8 and 400 < pauses[-1] <= 601
    assert house.kinds() == ["service_down"]
    assert house.told[0]["count"] == 5
    house.revive("sonarr")
    for _ in range(800):
        house.see(1.0)
    assert house.kinds() == ["service_down", "service_down_over"]


def test_one_that_runs_for_a_minute_each_time_is_found_out_as_well(house: House) -> None:
    starts = 0
    for _ in range(60):
        house.stop("sonarr")
        for _ in range(40):
            for _, names in house.see(2.0):
                house.revive(*names)
                starts += 1
            if house.services["sonarr"]["status"] == "running":
                break
        for _ in range(33):
            house.see(2.0)
    assert starts <= 60
    assert "service_down" in house.kinds()


def test_a_disk_that_comes_and_goes_is_no_failed_start(house: House) -> None:
    for _ in range(8):
        house.stop("sonarr")
        house.services["sonarr"]["wanted"] = False
        assert house.see(5.0) == []
        house.services["sonarr"]["wanted"] = True
        assert ("revive", ["sonarr"]) in [*house.see(2.0), *house.see(2.0)]
        house.revive("sonarr")
        house.see(2.0)
    assert house.kinds() == []


def test_one_that_is_missing_is_made(house: House) -> None:
    house.services["sonarr"] |= {"status": "absent", "id": None, "netns": None}
    house.actions = [{"service": "sonarr", "action": "create", "reason": "absent"}]
    assert ("revive", ["sonarr"]) in [*house.see(), *house.see()]


def test_one_inside_that_has_to_be_made_anew_is(house: House) -> None:
    house.actions = [{"service": "sonarr", "action": "recreate", "reason": "dead"}]
    assert ("revive", ["sonarr"]) in [*house.see(), *house.see()]


def test_what_an_interrupted_recreate_left_of_an_unwanted_one_is_cleared_away(
    house: House,
) -> None:
    house.stop("sonarr")
    house.services["sonarr"]["wanted"] = False
    house.actions = [{"service": "sonarr", "action": "remove", "reason": "left over"}]
    assert ("revive", ["sonarr"]) in [*house.see(), *house.see()]


def test_gluetun_that_is_gone_is_brought_back_before_anybody_else(house: House) -> None:
    house.services[OWNER] |= {"status": "absent", "id": None, "netns": None, "started_at": None}
    house.actions = [{"service": OWNER, "action": "create", "reason": "absent"}]
    house.stop(*ALL)
    assert house.see() == [("revive", [OWNER])]
    house.start_owner(anew=True)
    house.actions = []
    assert house.see() == [("revive", ALL)]


def test_gluetun_that_cannot_be_started_is_told_once(house: House) -> None:
    house.end_owner()
    house.actions = [{"service": OWNER, "action": "start", "reason": "exited"}]
    house.stop(*ALL)
    for _ in range(400):
        house.see(1.0)
    assert house.kinds() == ["owner_down"]


def test_a_gluetun_that_the_user_stopped_is_not_started(house: House) -> None:
    house.end_owner()
    house.services[OWNER]["wanted"] = False
    house.actions = [{"service": OWNER, "action": "start", "reason": "exited"}]
    house.stop(*ALL)
    assert [house.see() for _ in range(9)] == [[]] * 9


def test_one_unhealthy_for_long_is_restarted_three_times_an_hour_and_then_told(
    house: House,
) -> None:
    house.services["sonarr"]["health"] = "unhealthy"
    moments = []
    for _ in range(600):
        for act in house.see(2.0):
            assert act == ("restart", ["sonarr"])
            moments.append(house.now)
    assert len(moments) == 3
    assert moments[0] == pytest.approx(1002 + 2 + 120, abs=2.1)
    assert [b - a for a, b in zip(moments, moments[1:], strict=False)] == [
        pytest.approx(240, abs=2.1),
        pytest.approx(480, abs=2.1),
    ]
    assert house.kinds() == ["service_unhealthy"]
    assert house.state["cascades"] == []


def test_one_unhealthy_while_gluetun_is_too_is_not_restarted(house: House) -> None:
    house.services[OWNER]["health"] = "unhealthy"
    house.services["sonarr"]["health"] = "unhealthy"
    assert [house.see(2.0) for _ in range(300)] == [[]] * 300
    assert house.kinds() == ["owner_unhealthy"]


def test_one_that_is_healthy_in_between_is_not_restarted(house: House) -> None:
    for number in range(200):
        house.services["sonarr"]["health"] = "healthy" if number % 20 == 0 else "unhealthy"
        assert house.see(2.0) == []


def test_gluetun_unhealthy_for_minutes_is_only_told(house: House) -> None:
    house.services[OWNER]["health"] = "unhealthy"
    assert [house.see(2.0) for _ in range(1000)] == [[]] * 1000
    assert house.kinds() == ["owner_unhealthy"]


def test_gluetun_is_restarted_by_setting_only(house: House) -> None:
    house.settings["restart_owner_seconds"] = 600
    house.services[OWNER]["health"] = "unhealthy"
    acts = [act for _ in range(400) for act in house.see(2.0)]
    assert acts == [("restart", [OWNER])]


def test_a_paused_gluetun_is_told_and_never_restarted(house: House) -> None:
    house.settings["restart_owner_seconds"] = 60
    house.services[OWNER]["status"] = "paused"
    assert [house.see(2.0) for _ in range(400)] == [[]] * 400
    assert house.kinds() == ["owner_unhealthy"]


def test_a_wedged_container_that_does_not_stop_is_told(house: House) -> None:
    house.services["sonarr"]["netns"] = 17
    acts = [act for _ in range(200) for act in house.see(1.0)]
    assert set(map(str, acts)) >= {"('hold', ['sonarr'])"}
    assert house.kinds().count("not_stopped") == 1


def test_a_full_disk_is_told_once_and_when_there_is_room(house: House) -> None:
    house.disk_free = 0.04
    for _ in range(100):
        house.see(2.0)
    house.disk_free = 0.5
    for _ in range(100):
        house.see(2.0)
    assert house.kinds() == ["disk_full", "disk_full_over"]


def test_an_alarm_is_repeated_every_few_hours(house: House) -> None:
    house.disk_free = 0.04
    for _ in range(3 * 720 + 30):
        house.see(30.0)
    assert house.kinds() == ["disk_full", "disk_full_still", "disk_full_still", "disk_full_still"]


def test_what_comes_and_goes_is_one_alarm(house: House) -> None:
    for number in range(300):
        house.disk_free = 0.04 if number % 10 < 7 else 0.5
        house.see(2.0)
    assert house.kinds() == ["disk_full"]
