"""Intervals of ratios, documents being the clusters.

Sentences of one document resemble each other, so documents are what was drawn. The variance of ``R = Y / X`` is that of
its linearisation (Woodruff 1971; Cochran 1977, section 6): with residuals ``e_d = y_d - R x_d`` of the ``m`` documents
that have a denominator,

    var(R) = m / (m - 1) * sum e_d^2 / X^2.

From it comes the effective sample size, ``R (1 - R) / var(R)``: that of independent mentions with as wide an interval
(Kish 1965). It is never more than the mentions there are. Shares have Wilson's interval (1927) on the effective sample
size, with quantiles of Student's t with m - 1 degrees of freedom (Korn and Graubard 1998 do so for Clopper and
Pearson's); rates have an interval that is symmetric on the log scale.
Of a count of zero only the upper end is known: ``1 - (1 - level)^(1 / n)``, of which the rule of three is the
approximation, with the effective sample size ``n`` that the design effect of all groups together gives, and no fewer
than the documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.compare.estimands import Ratios
from framing.errors import SettingError

Array = npt.NDArray[Any]

#: Weights of a resample that are held at once.
_CHUNK = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """Ratios with what their intervals need; every attribute is [n], in the unit of the ratio (not scaled).

    Attributes:
        value: float64.
        variance: float64, by documents; 0 or ``nan`` where they cannot tell.
        effective: float64, effective sample size of a share; of a rate, the effective number of what is counted, and
            of a rate of zero that of what it is counted in.
        freedom: float64, degrees of freedom; 0 where there is one document.
        share: bool, whether the value is in [0, 1].
    """

    value: Array
    variance: Array
    effective: Array
    freedom: Array
    share: Array

    def take(self, rows: Array) -> Estimates:
        """Some of them; int64 or bool."""
        return Estimates(*(getattr(self, entry.name)[rows] for entry in fields(self)))

    @classmethod
    def concatenate(cls, parts: Sequence[Estimates]) -> Estimates:
        """All of several."""
        return cls(*(np.concatenate([getattr(p, entry.name) for p in parts]) for entry in fields(cls)))

    def where(self, wanted: Array, other: Estimates) -> Estimates:
        """The other's where ``wanted`` (bool [n]), else one's own."""
        return Estimates(*(np.where(wanted, getattr(other, e.name), getattr(self, e.name)) for e in fields(self)))

    def interval(self, level: float | Array = 0.95) -> tuple[Array, Array]:
        """Low and high ends, float64 [n] each; see the module's text.

        Args:
            level: one, or one for each.
        """
        from scipy.special import stdtrit

        level = np.broadcast_to(np.asarray(level, dtype=np.float64), self.value.shape)
        v, n = self.value, np.maximum(self.effective, 1e-9)
        known = self.freedom > 0
        with np.errstate(all="ignore"):
            q = np.where(known, stdtrit(np.where(known, self.freedom, 1.0), (1 + level) / 2), np.inf)
            error = np.where(known, q * np.sqrt(self.variance), np.inf)
            none = 1 - (1 - level) ** (1 / n)
            centre, half = wilson(v, n, q)
            # A corrected value may lie outside of what can be; its interval is what is left of the normal one.
            low = np.clip(v - error, 0, None)
            high = np.maximum(v + error, 0)
            ratio = np.exp(error / v)
            low, high = _choose(~self.share & (v > 0) & (error < v), v / ratio, v * ratio, low, high)
            low, high = _choose(~self.share & (v == 0), 0 * v, -np.log1p(-level) / n, low, high)
            low, high = _choose(self.share, np.clip(low, 0, 1), np.clip(high, 0, 1), low, high)
            inside = self.share & (v > 0) & (v < 1)
            low, high = _choose(inside, np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1), low, high)
            low, high = _choose(self.share & (v == 0) & (self.variance <= 0), 0 * v, none, low, high)
            low, high = _choose(self.share & (v == 1) & (self.variance <= 0), 1 - none, 1 + 0 * v, low, high)
            low, high = _choose(~known, 0 * v, np.where(self.share, 1.0, np.inf), low, high)
        empty = np.isnan(v)
        return np.where(empty, np.nan, low), np.where(empty, np.nan, high)


def wilson(v: Any, n: Any, q: Any) -> tuple[Any, Any]:
    """Centre and half width of Wilson's interval (1927); float64 arrays, or numbers.

    Args:
        v: shares.
        n: of how many.
        q: quantiles, such as 1.96.
    """
    square = q**2 / n
    centre = (v + square / 2) / (1 + square)
    half = q / (1 + square) * np.sqrt(v * (1 - v) / n + square / (4 * n))
    return np.where(np.isinf(q), 0.5, centre), np.where(np.isinf(q), 0.5, half)


def _choose(where: Array, low: Array, high: Array, else_low: Array, else_high: Array) -> tuple[Array, Array]:
    return np.where(where, low, else_low), np.where(where, high, else_high)


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums over the documents of groups, float64 [groups, K].

    Attributes:
        documents: how many have a denominator.
        y, x: numerator and denominator.
        yy, xy, xx: their products.
    """

    documents: Array
    y: Array
    x: Array
    yy: Array
    xy: Array
    xx: Array

    def total(self) -> Sums:
        """All groups together, [1, K]."""
        return Sums(*(getattr(self, entry.name).sum(axis=0, keepdims=True) for entry in fields(self)))

    @property
    def value(self) -> Array:
        """The ratios; ``nan`` where there is no denominator."""
        return _divided(self.y, self.x)

    @property
    def variance(self) -> Array:
        """By linearisation; ``nan`` where there are fewer than two documents."""
        r = self.value
        squares = np.maximum(self.yy - 2 * r * self.xy + r**2 * self.xx, 0)
        squares[squares < 1e-12 * np.maximum(self.yy, 1)] = 0  # what rounding leaves of a sum that is zero
        return _divided(self.documents, self.documents - 1) * _divided(squares, self.x**2)


def group_sums(ratios: Ratios, group: Array, groups: int) -> Sums:
    """Sum by group.

    Args:
        ratios: by document.
        group: int64 [documents], from 0; -1 for documents of none.
        groups: how many there are.
    """
    from scipy.sparse import csr_array

    members = np.flatnonzero(group >= 0)
    matrix = csr_array((np.ones(len(members)), (group[members], members)), shape=(groups, len(group)))
    y, x = ratios.numerators, ratios.denominator
    shape = (groups, len(ratios.cells))

    def of_documents(values: Array) -> Array:
        return np.broadcast_to((matrix @ values)[:, None], shape)

    return Sums(
        of_documents((x > 0).astype(np.float64)),
        (matrix @ y).toarray(),
        of_documents(x),
        (matrix @ y.power(2)).toarray(),
        (matrix @ y.multiply(x[:, None]).tocsr()).toarray(),
        of_documents(x**2),
    )


def estimate(ratios: Ratios, group: Array, groups: int) -> tuple[Estimates, Sums]:
    """The ratios of all groups, flattened [groups * K], and their sums. Arguments as of :func:`group_sums`."""
    sums = group_sums(ratios, group, groups)
    share = ratios.estimand.unit == "share"
    value, variance = sums.value, sums.variance
    with np.errstate(all="ignore"):
        effective = _divided(value * (1 - value) if share else value**2, variance)
    effective = np.minimum(effective, sums.x if share else sums.y)
    effective = np.where(np.isnan(effective) | np.isinf(effective), sums.x, effective)
    at_end = (sums.y == 0) | (share & (sums.y == sums.x))
    effective = np.where(at_end, np.maximum(sums.documents, sums.x / _design_effect(sums, share)), effective)
    made = Estimates(
        value,
        np.where(at_end, 0.0, variance),
        effective,
        np.maximum(sums.documents - 1, 0),
        np.full(value.shape, share),
    )
    return Estimates(*(getattr(made, entry.name).ravel() for entry in fields(made))), sums


def _design_effect(sums: Sums, share: bool) -> Array:
    """How many times the variance is that of independent mentions, over all groups: float64 [1, K], 1 or more."""
    total = sums.total()
    value = total.value
    alone = _divided(value * (1 - value) if share else value, total.x)
    effect = _divided(total.variance, alone)
    # Where no group has any, nothing tells how documents clump: then each counts as one.
    return np.maximum(np.where(np.isnan(effect), np.inf, effect), 1)


def bootstrap(ratios: Ratios, documents: Array, *, level: float, resamples: int, seed: int) -> tuple[Array, Array]:
    """Percentile intervals over documents drawn with replacement: low and high, float64 [K] each, of one group.

    Args:
        ratios: by document.
        documents: int64, those of the group.
        level: of the interval.
        resamples, seed: of the bootstrap.

    Raises:
        SettingError: there is less than one resample.
    """
    if resamples < 1:
        raise SettingError(f"{resamples} resamples", expected="at least 1")
    documents = documents[ratios.denominator[documents] > 0]
    m, k = len(documents), len(ratios.cells)
    if m < 2:
        return np.full(k, np.nan), np.full(k, np.nan)
    y, x = ratios.numerators[documents], ratios.denominator[documents]
    generator = np.random.default_rng(seed)
    drawn = []
    for first in range(0, resamples, size := max(1, _CHUNK // m)):
        weights = generator.multinomial(m, np.full(m, 1 / m), size=min(size, resamples - first)).astype(np.float64)
        drawn.append((y.T @ weights.T).T / (weights @ x)[:, None])
    low, high = np.quantile(np.concatenate(drawn), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def _divided(above: Array, below: Array) -> Array:
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=np.asarray(below) != 0)
