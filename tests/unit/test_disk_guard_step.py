"""What runs is stopped while a disk is low; what was stopped by us, and nobody else, is started."""

from __future__ import annotations

from typing import Any

import pytest
from disk_guard_house import BETWEEN, LOW, ROOM, do, observed, paused, step, titles, torrent
from hypothesis import given
from hypothesis import strategies as st

from mediastack import disk_guard_step as steps


def acts(actions: list[Any]) -> list[Any]:
    return [
        (one["do"], *one["hashes"], *(["forced"] if one.get("forced") else []))
        for one in actions
        if one["do"] in ("stop", "start")
    ]


def test_with_room_qbittorrent_is_not_even_asked() -> None:
    actions, state = step(steps.initial_state(), ROOM)
    assert actions == [] and not steps.wants_torrents(state)


def test_what_downloads_is_listed_and_stopped_and_nothing_else_is() -> None:
    _, state = step(steps.initial_state(), LOW)
    there = [torrent("a"), torrent("b", "stopped"), torrent("c", "up"), torrent("d", "other")]
    actions, state = step(state, LOW, torrents=there)
    assert acts(actions) == [("stop", "a")]
    assert set(state["stopped"]) == {"a"} and state["stopped"]["a"]["asked"]
    assert not do(state, actions)["stopped"]["a"]["asked"]


def test_what_is_added_or_started_during_a_pause_is_stopped_as_well() -> None:
    state = paused(torrent("a"))
    there = [torrent("a"), torrent("new")]
    actions, state = step(state, BETWEEN, torrents=there)
    assert acts(actions) == [("stop", "a", "new")]
    assert set(state["stopped"]) == {"a", "new"}
    assert [one["outcome"] for one in actions if one["do"] == "record"] == ["stopped too"]


def test_with_room_again_those_on_the_list_are_started_and_told() -> None:
    state = paused(torrent("a"), torrent("f", forced=True), torrent("u", "stopped"))
    there = [torrent(name, "stopped") for name in "afu"]
    assert acts(step(state, BETWEEN, torrents=there)[0]) == []
    actions, state = step(state, ROOM, torrents=there)
    assert acts(actions) == [("start", "a"), ("start", "f", "forced")]
    state = do(state, actions)
    assert state["stopped"] == {}
    # Its own list may still show them stopped for a moment.
    actions, state = step(state, ROOM, torrents=there)
    assert acts(actions) == [] and titles(actions) == ["Downloads go on"]
    assert "2 torrents" in actions[0]["message"]
    assert state["phase"] == "open" and not steps.wants_torrents(state)


def test_no_answer_changes_nothing_but_patience() -> None:
    state = paused(torrent("a"))
    for seen in (LOW, BETWEEN, ROOM):
        actions, after = step(state, seen, torrents=None, asked=True, trouble="away")
        assert actions == [] and after["stopped"] == state["stopped"]


def test_a_stop_that_was_never_sent_leaves_the_torrent_to_its_user() -> None:
    _, state = step(steps.initial_state(), LOW)
    actions, state = step(state, LOW, torrents=[torrent("a")])
    state = do(state, actions, "unsent")
    assert state["stopped"] == {}
    # Its user stops it.
    _, state = step(state, LOW, torrents=[torrent("a", "stopped")])
    assert acts(step(state, ROOM, torrents=[torrent("a", "stopped")])[0]) == []


@pytest.mark.parametrize("kind", ["down", "stopped"])
def test_after_a_stop_of_which_nothing_was_heard_the_next_look_decides(kind: str) -> None:
    _, state = step(steps.initial_state(), LOW)
    actions, state = step(state, LOW, torrents=[torrent("a")])
    state = do(state, actions, "lost")
    actions, state = step(state, ROOM, torrents=[torrent("a", kind)])
    assert acts(actions) == ([("start", "a")] if kind == "stopped" else [])
    assert set(state["stopped"]) == ({"a"} if kind == "stopped" else set())


@pytest.mark.parametrize(("said", "left"), [("ok", set()), ("lost", {"a"}), ("unsent", {"a"})])
def test_a_start_leaves_the_list_when_it_is_known_to_be_done(said: str, left: set[str]) -> None:
    state = paused(torrent("a"))
    actions, state = step(state, ROOM, torrents=[torrent("a", "stopped")])
    state = do(state, actions, said)
    assert set(state["stopped"]) == left
    again, state = step(state, ROOM, torrents=[torrent("a", "stopped")])
    assert acts(again) == ([("start", "a")] if left else [])
    assert step(state, ROOM, torrents=[torrent("a", "up")])[1]["stopped"] == {}


def test_a_torrent_that_is_missing_is_waited_for_and_given_up_after_an_hour() -> None:
    state = paused(torrent("a"))
    _, state = step(state, ROOM, torrents=[], now=200.0)
    assert set(state["stopped"]) == {"a"} and state["phase"] == "open"
    # Without an answer the hour begins anew.
    _, state = step(state, ROOM, torrents=None, asked=True, now=3000.0)
    _, state = step(state, ROOM, torrents=[], now=5000.0)
    _, late = step(state, ROOM, torrents=[], now=8600.0)
    assert late["stopped"] == {}
    actions, _ = step(state, ROOM, torrents=[torrent("a", "stopped")], now=8600.0)
    assert acts(actions) == [("start", "a")]


def test_another_torrent_of_the_same_hash_is_not_ours() -> None:
    state = paused(torrent("a"))
    actions, state = step(state, ROOM, torrents=[torrent("a", "stopped", added_on=2)])
    assert acts(actions) == [] and state["stopped"] == {}


def test_what_is_checked_or_moved_is_waited_for() -> None:
    state = paused(torrent("a"))
    actions, state = step(state, ROOM, torrents=[torrent("a", "other")])
    assert acts(actions) == [] and set(state["stopped"]) == {"a"}
    assert acts(step(state, ROOM, torrents=[torrent("a", "stopped")])[0]) == [("start", "a")]


def test_low_again_in_the_middle_of_resuming_stops_everything_again() -> None:
    state = paused(torrent("a"), torrent("b"))
    there = [torrent("a", "stopped"), torrent("b", "stopped")]
    actions, state = step(state, ROOM, torrents=there)
    state = do(state, actions, "lost")
    actions, state = step(state, LOW, torrents=[torrent("a"), torrent("b", "stopped")])
    assert acts(actions) == [("stop", "a")] and set(state["stopped"]) == {"a", "b"}
    assert not any(one["starting"] for one in state["stopped"].values())


def test_switched_off_it_gives_back_what_it_took() -> None:
    state = paused(torrent("a"))
    seen = observed(LOW, torrents=[torrent("a", "stopped")])
    actions, _ = steps.step(seen, state, 100.0, pausing=False)
    assert acts(actions) == [("start", "a")]


def test_another_boot_keeps_the_list_and_no_moments() -> None:
    state = paused(torrent("a"))
    _, state = step(state, ROOM, torrents=None, asked=True, now=5000.0)
    after = steps.of_this_boot(state, "other", 3.0)
    assert set(after["stopped"]) == {"a"} and after["phase"] == "resuming"
    assert after["since"] == 3.0 and after["silent"] is None
    assert steps.of_this_boot(after, "other", 9.0) == after
    assert steps.of_this_boot({}, "", 0.0) == steps.initial_state()


def test_a_refused_password_is_named_and_tried_no_further() -> None:
    _, state = step(steps.initial_state(), LOW)
    tried, logins, now = "", 0, 100.0
    for _ in range(60):
        now += 100.0
        actions, state = step(
            state, LOW, torrents=None, asked=True, login=True, tried=tried, now=now
        )
        tried = "refused" if {"do": "login"} in actions else ""
        logins += tried == "refused"
    assert logins == steps.TRIES
    _, state = step(state, LOW, asked=True, started="2", login=True, now=now)
    assert {"do": "login"} in step(state, LOW, asked=True, started="2", login=True, now=now + 9)[0]


kinds = st.sampled_from(["down", "up", "stopped", "other", "gone"])
looks = st.tuples(
    st.sampled_from([LOW, LOW, BETWEEN, ROOM, None]),
    st.one_of(st.none(), st.fixed_dictionaries(dict.fromkeys("abc", kinds))),
    st.sampled_from(["ok", "lost", "unsent"]),
    st.booleans(),
)


@given(st.lists(looks, max_size=30))
def test_only_what_was_stopped_by_it_is_ever_started_whatever_it_sees_and_hears(
    history: list[Any],
) -> None:
    """`killed`: it goes on from the state that was saved before it acted."""
    state, asked = steps.initial_state(), set[str]()
    for number, (seen, torrents, said, killed) in enumerate(history):
        found = torrents and [
            torrent(name, kind) for name, kind in torrents.items() if kind != "gone"
        ]
        known = {"torrents": found, "asked": True}
        disks = {"disks": [seen]} if seen else {"disks": [], "unknown": ["/data"]}
        before = set(state["stopped"])
        actions, state = steps.step(observed(**disks, **known), state, 100.0 + number, pausing=True)
        for one in actions:
            if one["do"] == "stop":
                assert torrents and all(torrents[name] == "down" for name in one["hashes"])
                assert set(one["hashes"]) <= set(state["stopped"])
                asked |= set(one["hashes"])
            if one["do"] == "start":
                assert torrents and all(torrents[name] == "stopped" for name in one["hashes"])
                assert set(one["hashes"]) <= asked
                assert not steps.disk_guard_levels.low(state)
        if torrents is None:
            assert set(state["stopped"]) == set(before)
        if not killed:
            state = do(state, actions, said)
        asked &= set(state["stopped"])
