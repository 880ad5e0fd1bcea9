"""Medians of repeated measurements, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median over rounds.

    Attributes:
        median: of the rounds.
        low, high: ends of its interval; ``None`` where one round was all.
    """

    median: float
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, float | None]:
        """JSON-ready, to six significant digits; more would be noise."""
        return {name: None if value is None else float(f"{value:.6g}") for name, value in asdict(self).items()}

    def show(self, digits: int = 0) -> str:
        """For a table: the median and, in brackets, the interval, to so many decimals."""
        if self.low is None or self.high is None:
            return f"{self.median:,.{digits}f}"
        return f"{self.median:,.{digits}f} [{self.low:,.{digits}f}, {self.high:,.{digits}f}]"


def median_interval(
    values: Sequence[float] | np.ndarray, *, resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> Estimate:
    """The median and its percentile bootstrap interval (Efron and Tibshirani 1993, chapter 13).

    Args:
        values: one for each round, at least one.
        resamples, level, seed: of the bootstrap.
    """
    from scipy.stats import bootstrap

    rounds = np.asarray(values, dtype=np.float64)
    median = float(np.median(rounds))
    if len(rounds) < 2:
        return Estimate(median, None, None)
    interval = bootstrap(
        (rounds,),
        np.median,
        n_resamples=resamples,
        confidence_level=level,
        method="percentile",
        random_state=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(median, float(interval.low), float(interval.high))


def paired_ratio(
    values: Sequence[float] | np.ndarray,
    others: Sequence[float] | np.ndarray,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """The median of the ratios of two systems, round by round, with its interval.

    Rounds are paired because what disturbs the machine in a round disturbs both.

    Args:
        values, others: one for each round, of the same rounds.
        resamples, level, seed: of the bootstrap.

    Raises:
        ValueError: they are not of the same number of rounds.
    """
    if len(values) != len(others):
        raise ValueError(f"{len(values)} rounds against {len(others)}; a ratio is of the same rounds")
    ratios = np.asarray(values, dtype=np.float64) / np.asarray(others, dtype=np.float64)
    return median_interval(ratios, resamples=resamples, level=level, seed=seed)
