"""Medians and their intervals, against NumPy's own resampling."""

from __future__ import annotations

import numpy as np
import pytest

from framing.benchmark.statistics import Estimate, median_interval, paired_ratio

ROUNDS = np.array([100.0, 104, 98, 131, 99, 102, 101, 97, 103])


def test_the_interval_is_the_percentile_bootstraps() -> None:
    estimate = median_interval(ROUNDS, resamples=20_000)
    draws = np.random.default_rng(1).choice(ROUNDS, (20_000, len(ROUNDS)))
    low, high = np.percentile(np.median(draws, axis=1), (2.5, 97.5))
    assert estimate.median == np.median(ROUNDS) == 101
    # The medians of samples are values of the sample: the ends are the same ones but for chance at the border.
    assert estimate.low == pytest.approx(low, abs=1)
    assert estimate.high == pytest.approx(high, abs=1)


def test_a_wider_level_gives_a_wider_interval_and_the_seed_the_same_again() -> None:
    narrow, wide = median_interval(ROUNDS, level=0.5), median_interval(ROUNDS, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert median_interval(ROUNDS, seed=3) == median_interval(ROUNDS, seed=3)


def test_one_round_has_no_interval() -> None:
    assert median_interval([5.0]) == Estimate(5.0, None, None)
    assert median_interval([5.0]).show() == "5"


def test_equal_rounds_have_an_interval_of_no_width() -> None:
    assert median_interval([2.0, 2.0, 2.0]) == Estimate(2.0, 2.0, 2.0)


def test_ratios_are_paired_by_round() -> None:
    # The machine slows down by a factor of ten; the systems' ratio stays, and only pairing sees it.
    base = np.array([10.0, 5, 2, 1])
    assert paired_ratio(3 * base, base) == Estimate(3.0, 3.0, 3.0)
    with pytest.raises(ValueError, match="3 rounds against 4"):
        paired_ratio([1, 2, 3], base)


def test_estimates_are_shown_and_recorded() -> None:
    estimate = Estimate(1234.5678, 1200.0, 1300.25)
    assert estimate.show() == "1,235 [1,200, 1,300]"
    assert estimate.show(2) == "1,234.57 [1,200.00, 1,300.25]"
    assert estimate.to_dict() == {"median": 1234.57, "low": 1200.0, "high": 1300.25}
