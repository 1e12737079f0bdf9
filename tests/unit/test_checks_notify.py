"""The check `notify`: that its judge sees what it must, and that its worlds are worth judging."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

import pytest

from checks import notify, notify_world
from checks.notify_judge import judge
from checks.notify_world import Taken, World

START = notify_world.at("2026-05-05T12:00")


@pytest.fixture
def world() -> Iterator[World]:
    """One in which three things were said, the second and third of one storm."""
    made = World(1, start=START, quiet="22:00-07:00")
    with contextlib.redirect_stderr(io.StringIO()), made._as_clock():
        for key in ("", "down", "down"):
            made.send("gluetun", key, 3)
    yield made
    made.close()


def taken(at: float, *parts: tuple[int, int], key: str = "", excused: bool = False) -> Taken:
    text = " ".join(f"#{number}#" for number, _ in parts)
    return Taken(START + at, "gluetun", key, 3, parts, excused, text)


def problems(world: World, *messages: Taken) -> list[str]:
    world.taken = list(messages)
    return judge(world, ended=START, deadline=START)


def test_all_taken_once_and_in_order_is_right(world: World) -> None:
    assert problems(world, taken(1, (0, 1)), taken(2, (2, 2), key="down")) == []


@pytest.mark.parametrize(
    ("messages", "word"),
    [
        ([taken(1, (0, 1))], "lost"),
        ([taken(1, (0, 1)), taken(2, (2, 1), key="down")], "not counted"),
        ([taken(1, (2, 2), key="down"), taken(2, (0, 1))], "order"),
        ([taken(1, (0, 1)), taken(2, (0, 1)), taken(3, (2, 2), key="down")], "twice"),
        (
            [taken(1, (0, 1)), taken(2, (1, 1), key="down"), taken(200, (2, 1), key="down")],
            "two messages within",
        ),
        ([taken(12 * 3600, (0, 1), (2, 2))], "quiet hours"),
    ],
)
def test_a_broken_promise_is_seen(world: World, messages: list[Taken], word: str) -> None:
    assert any(word in problem for problem in problems(world, *messages))


def test_what_nobody_could_know_may_be_told_twice(world: World) -> None:
    repeated = taken(1, (0, 1), excused=True), taken(2, (0, 1)), taken(3, (2, 2), key="down")
    assert problems(world, *repeated) == []


def test_a_history_has_kills_and_trouble_and_replays() -> None:
    first, again = notify.history(7), notify.history(7)
    assert first == again
    assert first[1] == []
    assert first[2]["said"] >= 40


def test_every_break_belongs_to_a_case() -> None:
    assert {one.case for one in notify.BREAKS.values()} == set(notify.CASES)
    assert len(notify.BREAKS) >= 4
