"""What pairs of figures say: the median of their ratios, and how sure that is.

A bootstrap: pairs are drawn again with replacement, many times, and the middle 95 % of the medians
is the interval. Pairs, because two figures of one minute share the machine's mood.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

DRAWS = 10_000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A median between its bounds."""

    median: float
    low: float
    high: float


def of_ratios(
    pairs: Sequence[tuple[float, float]], *, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """The interval of the median of first / second. Raise ValueError without pairs."""
    if not pairs:
        raise ValueError("an interval needs pairs")
    ratios = [first / second for first, second in pairs]
    choices = random.Random(seed)
    medians = sorted(
        statistics.median(choices.choices(ratios, k=len(ratios))) for _ in range(draws)
    )
    edge = (1 - CONFIDENCE) / 2
    low, high = (medians[round(at * (draws - 1))] for at in (edge, 1 - edge))
    return Interval(statistics.median(ratios), low, high)
