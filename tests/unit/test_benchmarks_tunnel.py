"""benchmarks.tunnel: what pairs become; a loss is called a loss."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks import tunnel
from benchmarks.table import summary
from benchmarks.tunnel import MEGABIT, Pair


def pairs(*costs: float) -> list[Pair]:
    free = 400 * MEGABIT
    walled = [free * (1 - cost / 100) for cost in costs]
    return [({"down": one, "up": one}, {"down": free, "up": free}) for one in walled]


def test_no_cost_meets_the_target() -> None:
    found = summary(tunnel.rows(pairs(0, 1, -1, 0, 1, -1, 0, 1, -1, 0)))
    assert found["missed"] == []
    assert found["figures"]["down_without_wall"] == 400
    assert found["figures"]["down_cost"] == 0


def test_a_cost_is_one_minus_the_ratio_and_missing_the_target_is_said() -> None:
    found = summary(tunnel.rows(pairs(*[10] * 10)))
    assert found["figures"]["up_cost"] == pytest.approx(10)
    assert "up_cost" in found["missed"]
    assert found["figures"]["up_cost_least"] <= found["figures"]["up_cost_most"]


def test_a_good_median_of_wild_figures_misses_by_its_interval() -> None:
    found = summary(tunnel.rows(pairs(-20, -15, -10, -5, 1, 1, 8, 12, 16, 20)))
    assert found["figures"]["down_cost"] <= tunnel.TARGET_PERCENT
    assert found["missed"] == ["down_cost_most", "up_cost_most"]


@pytest.mark.parametrize(("with_first", "order"), [(True, "+--+"), (False, "-++-")])
def test_a_drift_of_the_machine_favours_neither(
    with_first: bool, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    standing = [True]

    @contextlib.contextmanager
    def lifted(_host: Any) -> Iterator[None]:
        standing[0] = False
        yield
        standing[0] = True

    def speeds(_host: Any) -> dict[str, float]:
        measured.append("+" if standing[0] else "-")
        return dict.fromkeys(tunnel.DIRECTIONS, 100.0 - len(measured))

    monkeypatch.setattr(tunnel, "lifted", lifted)
    monkeypatch.setattr(tunnel, "speeds", speeds)
    host: Any = None
    walled, free = tunnel.pair(host, with_first=with_first)
    assert "".join(measured) == order * tunnel.TURNS
    assert walled == free
