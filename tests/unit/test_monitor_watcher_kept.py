"""What the loop keeps on the disk: killed anywhere, it goes on from there."""

from __future__ import annotations

import json

import pytest
from monitor_house import DEPENDENTS
from watcher_house import FakeHouse, Killed, settled

from mediastack.monitor.step import step
from mediastack.monitor.watcher import SOON_SECONDS, Watcher


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse()


def test_without_a_state_on_disk_the_stranded_are_stopped_and_no_more(house: FakeHouse) -> None:
    watcher = settled(house)
    house.full = True
    house.docker.end_owner()
    for _ in range(3):
        assert watcher.make_pass() == SOON_SECONDS
        house.seconds += 2
    # What runs without its tunnel is stopped all the same, and nothing else is done or said.
    assert [verb for verb, _ in house.did("act")] == ["hold"]
    assert not house.did("tell")
    house.end("hold", DEPENDENTS)
    house.docker.stop(*DEPENDENTS)
    for _ in range(3):
        watcher.make_pass()
        house.seconds += 2
    house.docker.now += 6
    house.docker.start_owner()
    watcher.make_pass()
    assert [verb for verb, _ in house.did("act")] == ["hold"]
    assert watcher.state["cascades"] == []
    house.full = False
    for _ in range(3):
        watcher.make_pass()
        house.seconds += 2
    assert [verb for verb, _ in house.did("act")] == ["hold", "revive"]
    assert len(house.kept()["cascades"]) == 1


@pytest.mark.parametrize("killed_in", ["look", "save", "act", "tell", "granted"])
def test_killed_anywhere_it_goes_on_and_counts_the_cascade_once(
    house: FakeHouse, killed_in: str
) -> None:
    watcher = settled(house)
    before = len(house.kept()["cascades"])
    house.restart()
    house.killed_in, house.resume = killed_in, killed_in == "granted"
    with pytest.raises(Killed):
        for _ in range(5):
            watcher.make_pass()
            house.seconds += 2
    house.killed_in = ""
    again = Watcher(house, step)
    for _ in range(8):
        again.make_pass()
        house.seconds += 4
        for verb, services in house.did("act"):
            house.end(verb, services)
            if verb == "hold":
                house.docker.stop(*services)
            else:
                house.docker.revive(*services)
        house.diary = [entry for entry in house.diary if entry[0] != "act"]
    assert len(house.kept()["cascades"]) == before + 1
    assert house.kept()["episode"] is None
    assert house.kept()["outbox"] == []


def test_a_message_that_was_not_taken_stays_and_keeps_its_number_and_its_place(
    house: FakeHouse,
) -> None:
    watcher = settled(house)
    house.takes = False
    house.docker.end_owner()
    watcher.make_pass()
    waiting = [(one["number"], one["kind"]) for one in house.kept()["outbox"]]
    assert waiting and house.did("tell") == waiting[:1]
    house.takes = True
    house.diary.clear()
    again = Watcher(house, step)
    again.make_pass()
    assert house.did("tell")[: len(waiting)] == waiting
    assert house.kept()["outbox"] == []


def test_a_request_is_taken_away_only_when_the_state_that_heeds_it_is_kept(
    house: FakeHouse,
) -> None:
    watcher = settled(house)
    house.resume = house.full = True
    watcher.make_pass()
    assert house.resume
    house.full = False
    watcher.make_pass()
    assert not house.resume
    assert house.kept()["resumed_at"] is not None


def test_a_reboot_and_a_lost_clock_do_not_bring_cascades_back(house: FakeHouse) -> None:
    watcher = settled(house)
    house.restart()
    watcher.make_pass()
    kept = house.kept()
    at = kept["cascades"][-1]["at"]
    house.disk = json.dumps({**kept, "steady": {"steady": "?"}})
    house.boot, house.seconds = "boot-2", 3.0
    again = Watcher(house, step)
    again.make_pass()
    assert again.now >= at
    assert again.now < at + 60


def test_the_moment_is_kept_now_and_then_and_at_the_end(house: FakeHouse) -> None:
    watcher = settled(house)
    house.seconds += 200
    watcher.make_pass()
    assert not house.did("save")
    house.seconds += 200
    watcher.make_pass()
    assert len(house.did("save")) == 1
    house.seconds += 50
    watcher.close()
    assert house.kept()["steady"]["boottime"] == house.seconds
