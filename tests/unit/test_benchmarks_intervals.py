"""benchmarks.intervals: a median between bounds, from pairs."""

from __future__ import annotations

import pytest

from benchmarks import intervals


def test_equal_pairs_leave_no_doubt() -> None:
    assert intervals.of_ratios([(2.0, 1.0)] * 10) == intervals.Interval(2.0, 2.0, 2.0)


def test_the_median_lies_within_its_interval_and_an_outlier_does_not_move_it() -> None:
    pairs = [(100.0 + n, 100.0) for n in range(-4, 5)] + [(900.0, 100.0)]
    found = intervals.of_ratios(pairs)
    assert found.low <= found.median <= found.high < 1.1
    assert found.median == pytest.approx(1.005)


def test_more_noise_is_a_wider_interval() -> None:
    calm = intervals.of_ratios([(100 + n / 10, 100) for n in range(-5, 5)])
    noisy = intervals.of_ratios([(100 + n * 3, 100) for n in range(-5, 5)])
    assert calm.high - calm.low < noisy.high - noisy.low


def test_the_same_pairs_say_the_same_twice() -> None:
    pairs = [(float(n % 7 + 90), 93.0) for n in range(10)]
    assert intervals.of_ratios(pairs) == intervals.of_ratios(pairs)


def test_without_pairs_there_is_nothing_to_say() -> None:
    with pytest.raises(ValueError, match="pairs"):
        intervals.of_ratios([])
