"""The simulation of portsync: it replays by its seed, and each planted fault is found by it."""

from __future__ import annotations

import pytest

from checks import portsync, portsync_simulation
from checks.framework import Context


def test_the_promise_holds_in_simulated_sequences() -> None:
    worlds, problems = portsync_simulation.play_all(range(300))
    assert problems == []
    assert sum(world.kills for world in worlds) > 50
    assert sum(len(world.times) for world in worlds) > 500


def test_a_sequence_replays_alone() -> None:
    _, several = portsync_simulation.play_all(range(7, 9))
    for seed in (7, 8):
        one, other = portsync_simulation.play(seed), portsync_simulation.play(seed)
        assert one.told == other.told and one.times == other.times and one.now == other.now
    assert several == []


@pytest.mark.parametrize(
    "name", [name for name, one in portsync.BREAKS.items() if one.case == "simulated"]
)
def test_every_wrong_portsync_is_found(name: str) -> None:
    with portsync.BREAKS[name].plant(Context("portsync")):
        _, problems = portsync_simulation.play_all(range(200))
        assert problems and problems[0].startswith("seed ")
    assert portsync_simulation.play_all(range(20))[1] == []
