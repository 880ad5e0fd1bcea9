"""Whether two groups differ.

The interval of a difference is put together from the intervals of both (MOVER; Newcombe 1998, Zou and Donner 2008):

    low  = d - sqrt((a - low_a)^2 + (high_b - b)^2)
    high = d + sqrt((high_a - a)^2 + (b - low_b)^2)

so that it knows of counts of zero and of [0, 1] what they know. The p-value is one minus the level at which this
interval touches zero, which keeps the two in agreement. q-values are Benjamini and Hochberg's (1995).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.compare.intervals import Estimates

Array = npt.NDArray[Any]

_STEPS = 50
_LEAST_P = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Differences:
    """First minus second, float64 [n] each, in the unit of the ratio.

    Attributes:
        value, low, high: of the difference.
        ratio: odds ratio of shares, ratio of rates; ``nan`` where a value is at an end.
        p: two-sided.
    """

    value: Array
    low: Array
    high: Array
    ratio: Array
    p: Array


def differ(first: Estimates, second: Estimates, *, level: float = 0.95) -> Differences:
    """Compare two groups of estimates, one by one."""
    value = first.value - second.value
    low, high = _mover(first, second, level)
    with np.errstate(all="ignore"):
        a, b = (np.where(e.share, e.value / (1 - e.value), e.value) for e in (first, second))
        ratio = a / b
    ratio = np.where(np.isfinite(ratio) & (ratio > 0), ratio, np.nan)
    return Differences(value, low, high, ratio, _p(first, second, value))


def _mover(first: Estimates, second: Estimates, level: float | Array) -> tuple[Array, Array]:
    a, b = first.value, second.value
    low_a, high_a = first.interval(level)
    low_b, high_b = second.interval(level)
    # A corrected share below 0 or above 1 lies outside of its own interval; a side has no length below zero.
    sides = [np.maximum(side, 0) for side in (a - low_a, high_b - b, high_a - a, b - low_b)]
    return a - b - np.hypot(sides[0], sides[1]), a - b + np.hypot(sides[2], sides[3])


def _p(first: Estimates, second: Estimates, value: Array) -> Array:
    """By bisection over the level: the interval grows with it."""
    low, high = np.full(value.shape, np.log(_LEAST_P)), np.zeros(value.shape)  # of log p
    for _ in range(_STEPS):
        middle = (low + high) / 2
        below, above = _mover(first, second, -np.expm1(middle))
        covers = (below <= 0) & (above >= 0)
        # Where an interval at this level holds zero, p is larger than one minus the level.
        low, high = np.where(covers, middle, low), np.where(covers, high, middle)
    p = np.exp((low + high) / 2)
    p = np.where(value == 0, 1.0, np.minimum(p, 1.0))
    return np.where(np.isnan(value), np.nan, p)


def q_values(p: Array) -> Array:
    """Benjamini and Hochberg's, over all that are not ``nan``: float64 [n]."""
    from scipy.stats import false_discovery_control

    q = np.full(p.shape, np.nan)
    known = ~np.isnan(p)
    if known.any():
        q[known] = false_discovery_control(p[known])
    return q
