"""Seconds that only go forward, at the pace of real time, whatever happens to us or to the file."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediastack.monitor import steady

# What happens, and how many seconds of CLOCK_BOOTTIME go by meanwhile.
HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(["kept", "lost", "reboot"]),
        st.floats(min_value=0, max_value=1e6),
    ),
    max_size=40,
)
NONSENSE = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(HAPPENINGS)
def test_it_never_goes_back_and_never_runs_faster_than_real_time(happenings: Any) -> None:
    boot, boottime, running = 0, 50.0, 0.0
    before, saved = steady.advance(None, "boot-0", boottime)
    for what, seconds in happenings:
        running += seconds
        boottime += seconds
        if what == "reboot":
            boot, boottime = boot + 1, seconds
        now, reading = steady.advance(saved, f"boot-{boot}", boottime)
        assert before <= now <= running + 1e-3
        # A pass keeps its reading; killed before that, the last one is what there is.
        if what != "lost":
            before, saved = now, reading


@given(HAPPENINGS)
def test_within_one_boot_nothing_is_lost(happenings: Any) -> None:
    boottime = 50.0
    first, saved = steady.advance(None, "boot", boottime)
    for _, seconds in happenings:
        boottime += seconds
        now, reading = steady.advance(saved, "boot", boottime)
        if seconds > 1000:
            saved = reading
    assert now - first == pytest.approx(boottime - 50.0) if happenings else True


@given(NONSENSE, st.floats(min_value=0, max_value=1e9))
def test_a_damaged_reading_counts_as_made_just_now(saved: Any, latest: float) -> None:
    now, reading = steady.advance(saved, "boot", 100.0, at_least=latest)
    assert now >= latest
    assert steady.advance(reading, "boot", 100.0)[0] == now


@given(NONSENSE)
def test_a_state_of_nonsense_has_no_moment_or_a_finite_one(value: Any) -> None:
    found = steady.latest({"cascades": value, "pause": value, "resumed_at": value})
    assert 0.0 <= found < float("inf")


def test_a_lost_reading_goes_on_from_the_last_thing_written_down() -> None:
    state = {
        "cascades": [{"at": 500.0, "ended": None}, {"at": 900.0, "ended": 950.0}],
        "pause": {"since": 930.0, "until": 4530.0},
        "resumed_at": None,
    }
    now, _ = steady.advance(None, "boot", 7.0, at_least=steady.latest(state))
    assert now == 950.0


def test_the_machine_being_off_does_not_count() -> None:
    saved = {"steady": 1000.0, "boot": "before", "boottime": 5000.0}
    assert steady.advance(saved, "after", 20.0)[0] == 1000.0


def test_the_clock_on_the_wall_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> float:
        raise AssertionError("asked")

    for name in ("time", "time_ns", "localtime", "gmtime", "clock_gettime"):
        monkeypatch.setattr(time, name, never)
    steady.advance({"steady": 1.0, "boot": "b", "boottime": 2.0}, "b", 3.0)
    assert "time" not in vars(steady)
