"""benchmarks.monitor: growth is what is there for good, and the fake healer speaks the protocol."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import monitor, monitor_healer, monitor_hours
from benchmarks.table import summary
from mediastack.healer import protocol
from mediastack.monitor import door
from mediastack.monitor.state import initial_state
from mediastack.monitor.step import step


def hour(*values: tuple[int, int, int]) -> list[monitor_hours.Sample]:
    return [{"rss": rss, "threads": threads, "fds": fds} for rss, threads, fds in values]


def test_what_is_there_for_a_while_is_no_growth() -> None:
    hours = [hour((1, 1, 1)), hour((100, 1, 10)), hour((900, 2, 40), (100, 1, 10))]
    assert monitor_hours.growth(hours, "fds") == 0
    assert monitor_hours.growth(hours, "threads") == 0


def test_what_stays_is_growth_and_the_first_hour_does_not_count() -> None:
    hours = [hour((1, 1, 1)), hour((100, 1, 10)), hour((500, 1, 11), (900, 2, 12))]
    assert monitor_hours.growth(hours, "fds") == 1
    assert monitor_hours.growth(hours, "rss") == 400


def test_a_sample_is_what_the_kernel_says() -> None:
    found = monitor_hours.sample(os.getpid())
    assert found["rss"] > 1000 and found["threads"] >= 1 and found["fds"] >= 3


def test_a_leak_of_one_descriptor_misses_the_target(tmp_path: Path) -> None:
    healer = monitor_healer.Healer(str(tmp_path / "h.sock"), 1.0, 0)
    try:
        leaking = [hour((1, 1, 1)), hour((1, 1, 10)), hour((1, 1, 11))]
        assert summary(monitor_hours.rows(leaking, healer, 0))["missed"] == ["fds_growth"]
    finally:
        healer.close()


def test_the_made_up_healer_gives_looks_that_the_monitor_takes(tmp_path: Path) -> None:
    healer = monitor_healer.Healer(str(tmp_path / "h.sock"), 1000.0, 0)
    try:
        there = door.Door(str(tmp_path / "h.sock"))
        look = there.look(False)
        assert look is not None
        decision, _ = step(look, initial_state(), 1.0, [], {"resume": False})
        assert decision["acts"] == []
        with healer.guard:
            monitor_healer.restart(healer)
        decision, _ = step(there.look(False), initial_state(), 2.0, [], {"resume": False})
        assert decision["acts"][0]["verb"] == "hold"
    finally:
        healer.close()


def test_what_it_is_asked_is_what_the_real_one_would_take() -> None:
    group = protocol.Group(monitor_healer.OWNER, monitor_healer.DEPENDENTS)
    assert protocol.parse(b'{"do":"look","firewall":true}', group).firewall


@pytest.mark.parametrize("word", ["--unix-socket", "sleep 5", "jq", "autoheal=true"])
def test_the_shell_loop_is_autoheals(word: str) -> None:
    assert word in monitor.LOOP
