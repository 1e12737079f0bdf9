"""A missed target is called missed, whatever kind of target it is."""

from __future__ import annotations

import pytest

from benchmarks.table import Row, summary, table


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (Row("a", "A", 1.5, "s", at_most=1.5), True),
        (Row("a", "A", 1.51, "s", at_most=1.5), False),
        (Row("a", "A", 8.0, "x", at_least=8), True),
        (Row("a", "A", 7.9, "x", at_least=8), False),
        (Row("a", "A", True), True),
        (Row("a", "A", False), False),
        (Row("a", "A", 3.0, "s"), None),
        (Row("a", "A", 0, at_most=0), True),
        (Row("a", "A", 1, at_most=0), False),
    ],
)
def test_a_target_is_met_up_to_its_limit(row: Row, met: bool | None) -> None:
    assert row.met is met


def test_a_loss_is_printed_as_a_loss_and_named_in_the_summary() -> None:
    rows = [Row("fast", "Fast", 1.0, "s", at_most=2), Row("slow", "Slow", 3.0, "s", at_most=2)]
    fast, slow = table(rows)[1:]
    assert fast.endswith("met") and slow.endswith("MISSED")
    assert summary(rows) == {"figures": {"fast": 1.0, "slow": 3.0}, "missed": ["slow"]}


def test_a_figure_without_a_target_is_neither() -> None:
    (line,) = table([Row("only", "Only", 3.0, "s")])[1:]
    assert line.split() == ["Only", "3", "s", "-"]
