"""The loop: how often it looks, what it decides, does and tells, and what it says of itself."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from monitor_house import OWNER
from watcher_house import FakeHouse, settled

from mediastack.monitor import watcher as program
from mediastack.monitor.step import step
from mediastack.monitor.watcher import QUIET_SECONDS, SOON_SECONDS, Watcher


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse()


def test_when_all_is_quiet_it_looks_again_in_half_a_minute_and_writes_nothing(
    house: FakeHouse,
) -> None:
    watcher = settled(house)
    assert watcher.make_pass() == QUIET_SECONDS
    assert [entry[0] for entry in house.diary] == ["look"]


def test_without_events_or_an_answer_it_looks_every_two_seconds(house: FakeHouse) -> None:
    watcher = settled(house)
    house.hears = False
    assert watcher.make_pass() == SOON_SECONDS
    house.hears, house.answers = True, False
    assert watcher.make_pass() == SOON_SECONDS


def test_what_is_decided_is_on_the_disk_before_it_is_done_and_told_after(
    house: FakeHouse,
) -> None:
    watcher = settled(house)
    house.docker.end_owner()
    assert watcher.make_pass(1.8e9) == SOON_SECONDS
    assert [entry[0] for entry in house.diary][:4] == ["look", "save", "act", "tell"]
    verb, services = house.did("act")[0]
    assert verb == "hold"
    assert house.kept()["acting"]["services"] == list(services)


def test_an_act_under_way_is_not_started_again(house: FakeHouse) -> None:
    watcher = settled(house)
    house.docker.end_owner()
    for _ in range(3):
        watcher.make_pass()
        house.seconds += 2
    assert len(house.did("act")) == 1
    house.end(*house.did("act")[0])
    house.docker.stop("qbittorrent", "sonarr", "radarr")
    house.restart()
    watcher.make_pass()
    house.seconds += 3
    watcher.make_pass()
    assert [verb for verb, _ in house.did("act")] == ["hold", "revive"]


def test_the_end_of_an_act_is_taken_before_the_look(house: FakeHouse) -> None:
    # Else what was seen while it went on would look like what came of it.
    order: list[str] = []
    house.results = lambda: order.append("results") or []  # type: ignore[method-assign,func-returns-value]
    looked = house.look
    house.look = lambda firewall: order.append("look") or looked(firewall)  # type: ignore[method-assign,func-returns-value]
    Watcher(house, step).make_pass()
    assert order == ["results", "look"]


def test_the_firewall_is_asked_for_when_step_wants_to_know(house: FakeHouse) -> None:
    watcher = settled(house)
    house.restart()
    watcher.make_pass()
    watcher.make_pass()
    assert house.did("look") == [(False,), (True,)]
    # After a restart in the middle, too: else the cascade would wait for one more look.
    house.diary.clear()
    Watcher(house, step).make_pass()
    assert house.did("look") == [(True,)]


def test_each_decision_is_recorded_with_the_time_of_its_event(house: FakeHouse) -> None:
    watcher = settled(house)
    house.docker.end_owner()
    watcher.make_pass(1.8e9 + house.seconds - 0.02)
    entry = house.kept()["decisions"][-1]
    assert entry["why"] == "hold"
    assert entry["at"] - entry["event_at"] == pytest.approx(0.02)
    assert len(house.kept()["decisions"]) <= program.DECISIONS_KEPT


def test_what_step_is_given_is_not_changed_under_its_hands(house: FakeHouse) -> None:
    seen: list[Any] = []

    def watched(look: Any, state: Any, now: float, results: Any, requests: Any) -> Any:
        before = copy.deepcopy(state)
        answer = step(look, state, now, results, requests)
        assert state == before
        seen.append(now)
        return answer

    watcher = Watcher(house, watched)
    watcher.make_pass()
    assert seen == [watcher.now]


def test_the_status_line_says_what_goes_on_and_names_no_more_than_services(
    house: FakeHouse,
) -> None:
    watcher = settled(house)
    watcher.make_pass()
    assert program.status(watcher) == "3 inside Gluetun's namespace, 0 not"
    house.docker.end_owner()
    watcher.make_pass()
    assert program.status(watcher) == "hold qbittorrent sonarr radarr"
    house.answers = False
    watcher.make_pass()
    assert "does not answer" in program.status(watcher)
    watcher.state = {**watcher.state, "pause": {"since": 0.0, "until": watcher.now + 600}}
    house.answers = True
    watcher.make_pass()
    assert "paused for 10 minutes more; stack-manage.sh resume" in program.status(watcher)
    assert OWNER not in program.status(watcher)
