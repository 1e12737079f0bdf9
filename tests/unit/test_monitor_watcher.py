"""The loop: look, decide, keep, act, tell; killed anywhere, it goes on from what is on the disk."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from monitor_house import DEPENDENTS, OWNER, House

from mediastack.monitor import watcher as program
from mediastack.monitor.step import step
from mediastack.monitor.watcher import QUIET_SECONDS, SOON_SECONDS, Watcher


class Killed(BaseException):
    """SIGKILL, as far as a test can play it."""


class FakeHouse:
    """Docker is a House; disk, healer and clock are here, with a diary of what was called."""

    def __init__(self) -> None:
        self.docker = House()
        self.disk = "{}"
        self.diary: list[Any] = []
        self.boot, self.seconds = "boot-1", 100.0
        self.answers = self.takes = self.hears = True
        self.full = False
        self.resume = False
        self.ended: list[Any] = []
        self.killed_in = ""

    def _called(self, name: str, *details: Any) -> None:
        if name == self.killed_in:
            raise Killed
        self.diary.append((name, *details))

    def boottime(self) -> tuple[str, float]:
        return self.boot, self.seconds

    def wall_clock(self) -> float:
        return 1.8e9 + self.seconds

    def load(self) -> Any:
        return json.loads(self.disk)

    def save(self, state: Any) -> None:
        self._called("save")
        if self.full:
            raise OSError(28, "no space left")
        self.disk = json.dumps(state)

    def requests(self) -> Any:
        return {"resume": self.resume}

    def granted(self, requests: Any) -> None:
        self._called("granted")
        self.resume = False

    def look(self, firewall: bool) -> Any:
        self._called("look", firewall)
        return self.docker.look() if self.answers else None

    def act(self, act: Any) -> None:
        self._called("act", act["verb"], tuple(act["services"]))

    def results(self) -> Any:
        ended, self.ended = self.ended, []
        return ended

    def tell(self, message: Any) -> bool:
        self._called("tell", message["number"], message["kind"])
        return self.takes

    def hearing(self) -> bool:
        return self.hears

    def restart(self) -> None:
        """Gluetun starts anew, a moment later than before."""
        self.docker.now += 10.0
        self.docker.start_owner()

    def did(self, what: str) -> list[Any]:
        return [entry[1:] for entry in self.diary if entry[0] == what]

    def kept(self) -> Any:
        return json.loads(self.disk)

    def end(self, verb: str, services: tuple[str, ...], **more: Any) -> None:
        result = {"verb": verb, "services": list(services), "failed": {}, "busy": "", "unknown": ""}
        self.ended.append({**result, **more})


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse()


def settled(house: FakeHouse) -> Watcher:
    """A watcher for which all is quiet."""
    watcher = Watcher(house, step)
    for _ in range(4):
        watcher.make_pass()
        house.seconds += 2
    house.diary.clear()
    return watcher


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
