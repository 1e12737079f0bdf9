"""The simulation of the disk guard: it replays by its seed, and each planted fault is found."""

from __future__ import annotations

import pytest

from checks import disk_guard_breaks, disk_guard_simulation
from checks.framework import Context


def test_the_promises_hold_in_simulated_histories() -> None:
    oracles, problems = disk_guard_simulation.play_all(range(200))
    assert problems == []
    assert sum(oracle.world.kills for oracle in oracles) > 50
    assert sum(oracle.stops for oracle in oracles) > 100
    assert sum(oracle.starts for oracle in oracles) > 100
    # Judged no further: few enough to mean nothing.
    assert sum(oracle.unsure for oracle in oracles) < sum(oracle.stops for oracle in oracles) / 10


def test_a_history_replays_alone() -> None:
    _, several = disk_guard_simulation.play_all(range(7, 9))
    for seed in (7, 8):
        one, other = disk_guard_simulation.play(seed), disk_guard_simulation.play(seed)
        assert one.told == other.told and one.world.now == other.world.now
    assert several == []


@pytest.mark.parametrize("name", disk_guard_breaks.SIMULATED)
def test_every_wrong_disk_guard_is_found(name: str) -> None:
    with disk_guard_breaks.SIMULATED[name](Context("disk-guard")):
        for first in range(0, 600, 50):
            _, problems = disk_guard_simulation.play_all(range(first, first + 50))
            if problems:
                break
        assert problems and problems[0].startswith("seed ")
    assert disk_guard_simulation.play_all(range(10))[1] == []
