"""step: nobody stays stranded, nothing is done in the dark, and one thing at a time."""

from __future__ import annotations

import copy

import pytest
from monitor_house import DEPENDENTS, OWNER, House

from mediastack.monitor import state as states
from mediastack.monitor.step import step

ALL = list(DEPENDENTS)


@pytest.fixture
def house() -> House:
    house = House()
    assert house.see() == []
    return house


def test_a_whole_group_is_settled_and_left_alone(house: House) -> None:
    owner = house.services[OWNER]
    assert house.state["settled"] == [owner["id"], owner["started_at"], "boot-1"]
    assert house.see(30) == []
    assert house.decision == {"acts": [], "soon": False, "firewall": False}
    assert house.told == []


def test_after_a_restart_of_gluetun_all_are_stopped_and_then_brought_back(house: House) -> None:
    house.start_owner()
    assert house.obey() == [("hold", ALL)]
    assert house.decision["soon"] and house.decision["firewall"]
    assert house.obey() == [("revive", ALL)]
    assert house.obey() == []
    assert house.kinds() == ["episode_opened", "held", "episode_done"]
    assert [one["cause"] for one in house.state["cascades"]] == ["restarted"]
    assert house.told[-1]["count"] == 3
    assert house.state["episode"] is None
    assert house.see(30) == [] and not house.decision["soon"]


@pytest.mark.parametrize(
    ("anew", "restarts", "cause"),
    [(False, 0, "restarted"), (True, 0, "recreated"), (False, 1, "crashed")],
)
def test_the_cause_is_told_by_how_gluetun_came_back(
    house: House, anew: bool, restarts: int, cause: str
) -> None:
    house.end_owner()
    house.obey()
    house.cascade(anew=anew, restarts=restarts)
    assert house.state["cascades"][-1]["cause"] == cause
    assert house.told[-1] | {"number": 0, "seconds": 0} == {
        "number": 0,
        "kind": "episode_done",
        "cause": cause,
        "services": ALL,
        "count": 3,
        "seconds": 0,
    }


def test_they_are_stopped_already_while_gluetun_is_away(house: House) -> None:
    house.end_owner()
    assert house.obey() == [("hold", ALL)]
    for _ in range(5):
        assert house.obey() == []
    house.start_owner()
    house.services[OWNER]["health"] = "starting"
    assert house.obey() == []
    house.services[OWNER]["health"] = "healthy"
    assert house.obey() == [("revive", ALL)]


@pytest.mark.parametrize(
    "facts", [{"status": "paused"}, {"health": "unhealthy"}, {"health": "starting"}]
)
def test_nobody_is_brought_back_before_gluetun_is_ready(
    house: House, facts: dict[str, str]
) -> None:
    house.start_owner()
    house.services[OWNER] |= facts
    assert house.obey() == [("hold", ALL)]
    for _ in range(10):
        assert house.obey() == []


@pytest.mark.parametrize("firewall", [False, None])
def test_nobody_is_brought_back_before_the_firewall_is_known_to_stand(
    house: House, firewall: bool | None
) -> None:
    house.start_owner()
    house.firewall = firewall
    house.obey()
    for _ in range(5):
        assert house.obey() == []
        assert house.decision["firewall"]
    house.firewall = True
    assert house.obey() == [("revive", ALL)]
    assert ("firewall_down" in house.kinds()) == (firewall is False)


def test_one_that_runs_elsewhere_is_stopped_and_brought_back_alone(house: House) -> None:
    house.services["sonarr"]["netns"] = 17
    assert house.obey() == [("hold", ["sonarr"])]
    assert house.obey() == [("revive", ["sonarr"])]
    house.obey()
    assert house.state["cascades"] == []


def test_one_that_cannot_be_stopped_uses_up_nobodys_limit(house: House) -> None:
    house.start_owner()
    for _ in range(900):
        for verb, names in house.see(2.0):
            free = [name for name in names if name != "sonarr"]
            (house.stop if verb == "hold" else house.revive)(*free)
    assert len(house.state["cascades"]) == 1
    assert house.state["pause"] is None
    assert house.kinds().count("episode_done") == 1
    assert house.kinds().count("not_stopped") == 1


def test_one_joined_to_a_gluetun_that_is_gone_is_stranded_whatever_its_inode(house: House) -> None:
    house.services["sonarr"]["network_mode"] = "container:gone"
    assert house.see() == [("hold", ["sonarr"])]


def test_without_inodes_the_older_start_tells(house: House) -> None:
    house.now += 10
    house.start_owner()
    house.services[OWNER]["netns"] = None
    assert house.see() == [("hold", ALL)]


def test_what_cannot_be_known_is_waited_for(house: House) -> None:
    house.services["sonarr"]["netns"] = None
    assert house.see() == []
    assert house.decision["soon"]
    assert house.state["cascades"] == []


def test_nothing_is_done_without_an_answer_and_it_is_told_once_and_when_it_is_over(
    house: House,
) -> None:
    house.start_owner()
    for _ in range(100):
        assert house.see(known=False) == []
    assert house.kinds() == ["unknown"]
    house.start_owner()
    house.revive(*ALL)
    for _ in range(40):
        house.see()
    assert house.kinds() == ["unknown", "unknown_over"]


def test_nothing_is_done_while_somebody_else_holds_the_lock(house: House) -> None:
    house.busy = "deploy"
    house.start_owner(anew=True)
    for _ in range(5):
        assert house.see() == []
    house.revive(*ALL)
    house.busy = ""
    assert house.see() == []
    assert house.state["cascades"] == []
    assert house.state["settled"][0] == house.services[OWNER]["id"]


def test_what_the_user_stopped_stays_stopped(house: House) -> None:
    house.stop("sonarr")
    house.services["sonarr"] |= {"wanted": False, "stopped_by_user": True}
    assert house.see() == []
    house.start_owner()
    assert house.obey() == [("hold", ["qbittorrent", "radarr"])]
    assert house.obey() == [("revive", ["qbittorrent", "radarr"])]
    house.obey()
    assert "episode_done" in house.kinds()


def test_a_gluetun_that_the_user_stopped_counts_nothing_and_its_dependents_do_not_run_on(
    house: House,
) -> None:
    house.end_owner()
    house.undecided = [OWNER]
    assert house.obey(0.1) == [("hold", ALL)]
    assert house.state["cascades"] == []
    house.undecided = []
    house.services[OWNER]["wanted"] = False
    for _ in range(20):
        assert house.obey() == []
    assert house.state["cascades"] == []
    assert house.kinds() == ["held"]
    assert not house.decision["soon"]


def test_one_whose_end_is_not_explained_yet_is_not_started(house: House) -> None:
    house.stop("sonarr")
    house.undecided = ["sonarr"]
    assert house.see(0.1) == []
    house.undecided = []
    assert house.obey() == [("revive", ["sonarr"])]
    assert house.state["cascades"] == []


def test_one_act_at_a_time(house: House) -> None:
    house.start_owner()
    assert house.see() == [("hold", ALL)]
    acting = copy.deepcopy(house.state)
    acting["acting"] = {"verb": "hold", "services": ALL, "since": house.now, "attempt": "hold"}
    house.state = acting
    house.now += 2
    decision, _ = step(house.look(), house.state, house.now)
    assert decision["acts"] == []


def test_what_was_under_way_when_the_monitor_died_is_not_awaited(house: House) -> None:
    house.start_owner()
    house.see()
    assert house.state["acting"] is not None
    assert states.loaded(house.state)["acting"] is None
    house.state = states.loaded(house.state)
    assert house.obey(3) == [("hold", ALL)]


def test_an_attempt_that_met_a_held_lock_was_none(house: House) -> None:
    house.start_owner()
    house.obey()
    assert house.see() == [("revive", ALL)]
    assert house.state["episode"]["attempts"] == 1
    assert house.see(0.1, result={"busy": "deploy"}) == []
    assert house.state["episode"]["attempts"] == 0
    assert house.see(1.0) == [("revive", ALL)]


def test_a_hold_that_nobody_answered_is_made_again_at_once(house: House) -> None:
    house.start_owner()
    assert house.see() == [("hold", ALL)]
    assert house.see(0.1, result={"unknown": "500"}) == [("hold", ALL)]
