"""The loop: rounds until all is done, saved before it is done, nothing that matters in memory."""

from __future__ import annotations

from typing import Any

import pytest
from disk_guard_house import FakeHouse, torrent
from hypothesis import given
from hypothesis import strategies as st

from mediastack import disk_guard, disk_guard_step


def guard(house: FakeHouse, *, pausing: bool = True) -> disk_guard.Guard:
    state = disk_guard_step.of_this_boot(house.saved, "boot", house.time)
    return disk_guard.Guard(house, state, pausing=pausing)  # type: ignore[arg-type]


def calls(house: FakeHouse) -> list[Any]:
    return [one for one in house.diary if isinstance(one, tuple) or one in ("save", "login")]


def test_with_room_a_pass_looks_at_the_disks_and_asks_nobody() -> None:
    house = FakeHouse(torrent("a"))
    assert guard(house).make_pass() == 30.0
    assert house.diary == ["save"]
    assert house.report["phase"] == "open" and house.report["disks"][0]["free"]


def test_one_pass_pauses_all_that_downloads_each_step_saved_before_it_is_made() -> None:
    house = FakeHouse(torrent("a"), torrent("u", "up"))
    house.free, house.session = 10.0, False
    assert guard(house).make_pass() == disk_guard.PAUSED_SECONDS
    assert calls(house) == ["save", "save", "login", "save", ("stop", "a"), "save", "save"]
    assert house.items["a"]["kind"] == "stopped" and house.items["u"]["kind"] == "up"
    assert set(house.saved["stopped"]) == {"a"}
    assert house.report["phase"] == "paused" and house.report["stopped"] == 1


def test_what_is_about_to_be_stopped_is_on_disk_when_it_is() -> None:
    house, seen = FakeHouse(torrent("a")), []
    house.free = 10.0
    stop = house.stop
    house.stop = lambda hashes: (seen.append(set(house.saved["stopped"])), stop(hashes))[1]  # type: ignore[method-assign]
    guard(house).make_pass()
    assert seen == [{"a"}]


def test_with_room_again_one_pass_brings_all_back() -> None:
    house = FakeHouse(torrent("a"), torrent("f", forced=True), torrent("own", "stopped"))
    house.free = 10.0
    working = guard(house)
    working.make_pass()
    house.free = 31.0
    house.diary.clear()
    assert working.make_pass() == pytest.approx(30.0, abs=30)
    assert [one for one in house.diary if isinstance(one, tuple)] == [
        ("start", "a"),
        ("force", "f"),
    ]
    assert house.items["own"]["kind"] == "stopped"
    assert house.items["f"]["forced"] and not house.items["a"]["forced"]
    assert house.saved["stopped"] == {} and house.report["phase"] == "open"


def test_while_data_is_gone_nothing_starts_and_new_ones_still_stop() -> None:
    house = FakeHouse(torrent("a"))
    house.free = 10.0
    working = guard(house)
    working.make_pass()
    house.unknown = ["/data"]
    house.items["new"] = torrent("new")
    working.make_pass()
    assert {one["kind"] for one in house.items.values()} == {"stopped"}
    assert house.report["unknown"] == ["/data"]


def test_a_full_state_disk_stops_nothing_that_could_not_be_written_down() -> None:
    house = FakeHouse(torrent("a"))
    working = guard(house)
    working.make_pass()
    house.free, house.full = 10.0, True
    with pytest.raises(OSError, match="No space"):
        working.make_pass()
    assert house.items["a"]["kind"] == "down"
    house.full = False
    working.make_pass()
    assert house.items["a"]["kind"] == "stopped" and set(house.saved["stopped"]) == {"a"}


def test_a_client_that_does_nothing_it_is_told_does_not_keep_the_loop() -> None:
    house = FakeHouse(torrent("a"))
    house.free, house.said = 10.0, "unsent"
    guard(house).make_pass()
    assert len(house.diary) < 6 * disk_guard.ROUNDS


def test_not_allowed_to_pause_it_only_tells() -> None:
    house = FakeHouse(torrent("a"))
    house.free = 10.0
    guard(house, pausing=False).make_pass()
    assert house.items["a"]["kind"] == "down" and "/data: nearly full" in house.diary


class Dead(BaseException):
    pass


class MortalHouse(FakeHouse):
    """Dies at its `lives`th call, before or after the deed."""

    lives = 1000

    def _die(self) -> None:
        self.lives -= 1
        if self.lives == 0:
            raise Dead

    def stop(self, hashes: list[str]) -> str:
        self._die()
        said = super().stop(hashes)
        self._die()
        return said

    def start(self, hashes: list[str], *, forced: bool) -> str:
        self._die()
        said = super().start(hashes, forced=forced)
        self._die()
        return said

    def save(self, state: Any) -> None:
        self._die()
        super().save(state)
        self._die()

    def tell(self, action: Any) -> None:
        self._die()
        super().tell(action)
        self._die()


def until_calm(house: MortalHouse, lives: list[int]) -> None:
    """Guards that live so long, one after the other, and a last one that lives on."""
    for many in [*lives, 10**6]:
        house.lives = many
        try:
            working = guard(house)
            working.make_pass()
            working.make_pass()
        except Dead:
            continue


@given(st.lists(st.integers(1, 20), max_size=6), st.lists(st.integers(1, 20), max_size=6))
def test_killed_anywhere_and_however_often_exactly_what_ran_runs_again(
    before: list[int], after: list[int]
) -> None:
    house = MortalHouse(
        *(torrent("a"), torrent("f", forced=True), torrent("own", "stopped"), torrent("up", "up"))
    )
    was = {name: (one["kind"], one["forced"]) for name, one in house.items.items()}
    house.free = 10.0
    until_calm(house, before)
    assert {one["kind"] for one in house.items.values()} == {"stopped", "up"}
    house.free = 100.0
    until_calm(house, after)
    assert {name: (one["kind"], one["forced"]) for name, one in house.items.items()} == was
    assert house.saved["stopped"] == {} and house.saved["phase"] == "open"
    told = [one for one in house.diary if isinstance(one, str) and one.startswith("Downloads")]
    paused = [one for one in told if "paused" in one]
    assert 1 <= len(paused) <= 1 + len(before) and len(told) - len(paused) >= 1
