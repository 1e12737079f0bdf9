"""Pauses of downloads are told when they are done, over or in trouble, once and with how many."""

from __future__ import annotations

from typing import Any

import pytest
from disk_guard_house import LOW, ROOM, FakeHouse, do, paused, step, titles, torrent

from mediastack import disk_guard, disk_guard_words
from mediastack import disk_guard_step as steps


def test_it_is_told_when_it_is_done_with_how_many_and_until_when() -> None:
    _, state = step(steps.initial_state(), LOW)
    actions, state = step(state, LOW, torrents=[torrent("a"), torrent("b")])
    assert titles(actions) == []
    actions, state = step(do(state, actions), LOW, torrents=[torrent("a", "stopped")])
    assert titles(actions) == ["Downloads are paused"]
    text = actions[0]["message"]
    assert "10.0 GiB of 1000.0 GiB" in text and "2 torrents" in text and "30.0 GiB" in text
    assert (actions[1]["outcome"], actions[1]["details"]) == ("downloads paused", {"torrents": 2})
    assert titles(step(state, LOW, torrents=[])[0]) == []


def test_what_its_user_deleted_to_make_room_is_told_and_no_trouble() -> None:
    house = FakeHouse(torrent("a"), torrent("b"))
    house.free = 10.0
    guard = disk_guard.Guard(house, steps.initial_state(), pausing=True)  # type: ignore[arg-type]
    guard.make_pass()
    del house.items["b"]
    house.free = 50.0
    guard.make_pass()
    assert house.report["phase"] == "open" and house.report["stopped"] == 0
    _, state = step(paused(torrent("a"), torrent("b"), torrent("c")), ROOM)
    there = [torrent("a", "up"), torrent("b", "other")]
    told = [one for one in step(state, ROOM, torrents=there)[0] if one["do"] == "tell"][0]
    assert "Not there any more: 1 torrent." in told["message"]
    assert "Checked, moved or without files: 1 torrent." in told["message"]


def test_a_pause_that_nobody_was_told_of_ends_without_a_word() -> None:
    _, state = step(steps.initial_state(), LOW)
    actions, state = step(state, LOW, torrents=[torrent("a")])
    state = do(state, actions)
    actions, state = step(state, ROOM, torrents=[torrent("a", "stopped")])
    actions, state = step(do(state, actions), ROOM, torrents=[torrent("a")])
    assert titles(actions) == [] and state["phase"] == "open"
    assert [one["outcome"] for one in actions] == ["downloads resumed"]


def test_a_pause_in_the_middle_of_resuming_is_told_as_little_as_the_end_that_never_came() -> None:
    state = paused(torrent("a"))
    actions, state = step(state, ROOM, torrents=None, asked=True)
    assert titles(actions) == []
    _, state = step(state, LOW, torrents=[torrent("a", "stopped")])
    actions, state = step(state, LOW, torrents=[torrent("a", "stopped")])
    assert titles(actions) == [] and state["phase"] == "paused"
    actions, state = step(state, ROOM, torrents=[torrent("a", "stopped")])
    actions, state = step(do(state, actions), ROOM, torrents=[torrent("a")])
    assert titles(actions) == ["Downloads go on"]


def deaf(seen: Any, phase: str, after: float, **more: Any) -> list[str]:
    state = {**steps.initial_state(), "phase": phase, "since": 100.0, "cause": ["/data"]}
    known = {"torrents": None, "asked": True, "trouble": "away", **more}
    _, state = step(state, seen, now=100.0, **known)
    first, state = step(state, seen, now=100.0 + after, **known)
    again, _ = step(state, seen, now=100.0 + 2 * after, **known)
    assert not first or titles(again) == []
    return titles(first)


def test_what_cannot_be_done_for_a_minute_is_told_once() -> None:
    assert deaf(LOW, "pausing", 59.0) == []
    assert deaf(LOW, "pausing", 60.0) == ["Downloads cannot be paused, and nearly full"]
    assert deaf(ROOM, "resuming", 60.0) == ["Downloads cannot be resumed"]
    assert deaf(LOW, "paused", 599.0) == []
    assert deaf(LOW, "paused", 600.0) == ["Are downloads still paused?"]


def test_a_client_that_does_not_run_is_no_trouble_but_the_disk_is() -> None:
    assert deaf(LOW, "pausing", 60.0, started="") == ["Nearly full"]
    assert deaf(ROOM, "resuming", 3600.0, started="") == []
    assert deaf(LOW, "paused", 3600.0, started="") == []


@pytest.mark.parametrize(
    ("report", "line"),
    [
        ({}, ""),
        ({"phase": "open", "stopped": 0, "error": "asleep"}, ""),
        (
            {"phase": "pausing", "stopped": 0},
            "downloads: paused for want of room, no torrents stopped",
        ),
        (
            {"phase": "open", "stopped": 1, "error": "no answer"},
            "downloads: paused for want of room, 1 torrent stopped (no answer)",
        ),
    ],
)
def test_status_has_a_line_while_downloads_are_paused(report: dict[str, Any], line: str) -> None:
    assert disk_guard_words.line(report) == line
