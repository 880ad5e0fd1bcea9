"""Kappa and alpha: how much better than chance coders agree.

Alpha is a ratio of two disagreements, and both are made of sums over units. :class:`AlphaSums` keeps the sums, so that
a bootstrap over documents is one matrix product, and the estimate and all resamples go through the same code.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.errors import InputError

Array = npt.NDArray[Any]


def kappa_of_table(table: Array) -> float:
    """Cohen's kappa (1960) of two coders who each gave one category to every unit.

    Args:
        table: int64 [C, C], units by the category of the first coder (rows) and of the second.

    Returns:
        1 for full agreement, 0 for what chance would give, negative below it; ``nan`` where both coders used one and
        the same category throughout, or there is no unit.
    """
    return float(kappas(np.asarray(table)))


def kappas(tables: Array) -> Array:
    """Cohen's kappa of many tables: int64 or float64 [..., C, C] to float64 [...]. See :func:`kappa_of_table`."""
    tables = np.asarray(tables, dtype=np.float64)
    n = tables.sum(axis=(-2, -1))
    # All is multiplied by n squared, so that whole numbers stay whole and "expected is 1" can be told exactly.
    observed = n * np.trace(tables, axis1=-2, axis2=-1)
    expected = (tables.sum(axis=-1) * tables.sum(axis=-2)).sum(axis=-1)
    return _ratio(observed - expected, n * n - expected)


def krippendorff_alpha(codings: Sequence[Sequence[Hashable | None]]) -> float:
    """Krippendorff's alpha for nominal categories, any number of coders, with gaps (Krippendorff 2011).

    Args:
        codings: one sequence per coder, over the same units in the same order; ``None`` where a coder gave none.

    Returns:
        1 for full agreement, 0 for what chance would give; ``nan`` where only one category was used, or no unit was
        judged by two coders.

    Raises:
        InputError: the coders' sequences differ in length.
    """
    return float(AlphaSums.of_codings(codings).total().alpha()[0])


def masi_distance(first: Collection[str], second: Collection[str]) -> float:
    """One minus MASI, the agreement of two sets (Passonneau 2006), in [0, 1].

    MASI is the Jaccard index times 1 for equal sets, 2/3 where one holds the other, 1/3 where they overlap, and 0 where
    they share nothing. Two empty sets agree.
    """
    one, other = frozenset(first), frozenset(second)
    if one == other:
        return 0.0
    shared = len(one & other)
    monotonicity = 2 / 3 if one < other or other < one else 1 / 3
    return 1 - shared / len(one | other) * monotonicity


@dataclass(frozen=True, slots=True, eq=False)
class AlphaSums:
    """The sums of which Krippendorff's alpha is made.

    Attributes:
        values: float64 [n, ..., C], how often each value was given, of units that two coders or more judged.
        disagreement: float64 [n, ...], of each unit the distances of all ordered pairs of its values, over m - 1.
        distance: float64 [C, C], of every two values, 0 on the diagonal.
    """

    values: Array
    disagreement: Array
    distance: Array

    @classmethod
    def of_counts(cls, counts: Array, distance: Array | None = None) -> AlphaSums:
        """Sums of units, one a row.

        Args:
            counts: int64 [n, ..., C], how many coders gave each value to a unit.
            distance: float64 [C, C]; 1 for any two that differ (nominal) when ``None``.
        """
        counts = np.asarray(counts, dtype=np.float64)
        if distance is None:
            distance = 1 - np.eye(counts.shape[-1])
        m = counts.sum(axis=-1)
        counts = np.where((m >= 2)[..., None], counts, 0.0)  # a unit that one coder judged cannot agree or disagree
        apart = ((counts @ distance) * counts).sum(axis=-1)
        return cls(counts, apart / np.maximum(m - 1, 1), distance)

    @classmethod
    def of_codings(cls, codings: Sequence[Sequence[Hashable | None]], distance: Any = None) -> AlphaSums:
        """Sums of units, one a row.

        Args:
            codings: as of :func:`krippendorff_alpha`.
            distance: of two values, a function to float; nominal when ``None``.

        Raises:
            InputError: the coders' sequences differ in length.
        """
        if len({len(coding) for coding in codings}) > 1:
            raise InputError(
                f"the coders judged {[len(coding) for coding in codings]} units",
                expected="the same units in the same order, None for what a coder left out",
            )
        place: dict[Hashable, int] = {}
        for coding in codings:
            for value in coding:
                if value is not None:
                    place.setdefault(value, len(place))
        counts = np.zeros((len(codings[0]) if codings else 0, max(1, len(place))))
        for coding in codings:
            for unit, value in enumerate(coding):
                if value is not None:
                    counts[unit, place[value]] += 1
        if distance is None or not place:
            return cls.of_counts(counts)
        values = list(place)
        return cls.of_counts(counts, np.array([[distance(a, b) for b in values] for a in values]))

    def weighted(self, weights: Array) -> AlphaSums:
        """Sums over the leading axis, one for every row of ``weights`` (float64 [m, n])."""

        def product(values: Array) -> Array:
            return (weights @ values.reshape(len(values), -1)).reshape(len(weights), *values.shape[1:])

        return replace(self, values=product(self.values), disagreement=product(self.disagreement))

    def by_group(self, place: Array, groups: int) -> AlphaSums:
        """Sums per group; ``place`` (int64 [n]) says to which each row belongs."""

        def add_up(values: Array) -> Array:
            summed = np.zeros((groups, *values.shape[1:]))
            np.add.at(summed, place, values)
            return summed

        return replace(self, values=add_up(self.values), disagreement=add_up(self.disagreement))

    def total(self) -> AlphaSums:
        """Sums over the whole leading axis, which then has length 1."""
        return self.by_group(np.zeros(len(self.values), dtype=np.int64), 1)

    def alpha(self, *, pooled: bool = False) -> Array:
        """Alpha of every row: float64 [n, ...]; ``nan`` where chance could not disagree.

        Args:
            pooled: one alpha for the labels of the second axis, float64 [n]: one minus the sum of their observed
                disagreements over the sum of their expected ones.
        """
        n = self.values.sum(axis=-1)
        expected = ((self.values @ self.distance) * self.values).sum(axis=-1)
        if pooled:
            observed = _ratio(self.disagreement, n)
            by_chance = _ratio(expected, n * (n - 1))
            return 1 - _ratio(np.nansum(observed, axis=-1), np.nansum(by_chance, axis=-1))
        return 1 - _ratio((n - 1) * self.disagreement, expected)


@dataclass(frozen=True, slots=True)
class Unitizing:
    """Alpha for units on a continuum (Krippendorff 1995; 2004, section 11.6): who marks what from where to where.

    Attributes:
        observed, expected: the two disagreements.
    """

    observed: float
    expected: float

    @property
    def alpha(self) -> float:
        """One minus their ratio; ``nan`` where nobody marked anything."""
        return float("nan") if not self.expected else 1 - self.observed / self.expected


def unitizing(coders: Sequence[Sequence[tuple[int, int]]], length: int) -> Unitizing:
    """The disagreements of coders who marked units of one category on a continuum.

    What two coders marked alike costs nothing; units that overlap cost the squared distances of their ends; a unit that
    lies wholly in what the other left unmarked costs its squared length. What chance would give is the mean over all
    places that the units could have. Cohen's and nominal alpha see no difference between a missed end and a missed
    unit; this one does.

    Args:
        coders: of each, start and end of its units, half-open, within the continuum. Units of one coder that overlap
            are taken together.
        length: of the continuum.

    Raises:
        InputError: there are not two coders, or a unit is not within the continuum.
    """
    if len(coders) < 2:
        raise InputError(f"{len(coders)} coders", expected="two or more")
    merged = [_merged(units) for units in coders]
    for units in merged:
        if len(units) and not (units[0, 0] >= 0 and units[-1, 1] <= length):
            raise InputError(
                f"a unit ends at {units[-1, 1]} or begins at {units[0, 0]}", expected=f"units in [0, {length}]"
            )
    m = len(coders)
    total = float(m * length)
    if not any(map(len, merged)):
        return Unitizing(0.0, 0.0)
    gaps = [_gaps(units, length) for units in merged]
    observed = sum(
        _squared_ends(merged[i], merged[j]) + _squared_inside(merged[i], gaps[j]) + _squared_inside(merged[j], gaps[i])
        for i in range(m)
        for j in range(i)
    )
    sizes = np.concatenate([units[:, 1] - units[:, 0] for units in merged]).astype(np.float64)
    spaces = np.sort(np.concatenate([own[:, 1] - own[:, 0] for own in gaps]).astype(np.float64))
    first = np.searchsorted(spaces, sizes)  # of the gaps, sorted, from here on a unit has room
    sums = np.concatenate([np.cumsum(spaces[::-1])[::-1], [0.0]])
    room = sums[first] - (len(spaces) - first) * (sizes - 1)
    by_chance = (len(sizes) - 1) / 3 * (2 * sizes**3 - 3 * sizes**2 + sizes) + sizes**2 * room
    pairs = total * (total - 1) - (sizes * (sizes - 1)).sum()
    expected = 2 / length * by_chance.sum() / pairs if pairs else 0.0
    return Unitizing(2 * observed / (m * (m - 1) * float(length) ** 2), float(expected))


def _merged(units: Sequence[tuple[int, int]]) -> Array:
    """Start and end of units, in order, those that overlap taken together: int64 [units, 2]."""
    found: list[list[int]] = []
    for start, end in sorted(units):
        if found and start < found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _gaps(units: Array, length: int) -> Array:
    """What lies between units, and before and behind them: int64 [gaps, 2]."""
    edges = np.concatenate([[0], units.ravel(), [length]]).reshape(-1, 2)
    return edges[edges[:, 1] > edges[:, 0]]


def _squared_ends(first: Array, second: Array) -> float:
    """The squared distances of the starts and of the ends of all pairs of units that overlap, summed."""
    low = np.searchsorted(second[:, 1], first[:, 0], side="right")
    high = np.searchsorted(second[:, 0], first[:, 1], side="left")
    return float(
        sum(
            ((second[a:b].astype(np.float64) - unit) ** 2).sum()
            for unit, a, b in zip(first, low, high, strict=True)
            if b > a
        )
    )


def _squared_inside(units: Array, gaps: Array) -> float:
    """The squared lengths, summed, of the units that lie wholly within a gap."""
    if not len(gaps):
        return 0.0
    place = np.searchsorted(gaps[:, 0], units[:, 0], side="right") - 1
    inside = (place >= 0) & (units[:, 1] <= gaps[place, 1])
    return float(((units[inside, 1] - units[inside, 0]).astype(np.float64) ** 2).sum())


def _ratio(numerator: Array, denominator: Array) -> Array:
    numerator, denominator = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator != 0)
