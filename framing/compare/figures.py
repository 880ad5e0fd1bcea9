"""Figures of all groups, put into the tables that :mod:`framing.compare.comparison` describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from framing.compare.bands import ErrorRates, share_band
from framing.compare.correction import Corrected, correct_ratios, documents_to_halve
from framing.compare.differences import Differences, differ, q_values
from framing.compare.estimands import Cell, Estimand, Ratios
from framing.compare.events import Events, compare_within
from framing.compare.groups import Group, Grouping
from framing.compare.intervals import Estimates, Sums, bootstrap, estimate, group_sums
from framing.errors import SettingError

Array = npt.NDArray[Any]

_CELL = tuple(entry.name for entry in fields(Cell))


@dataclass(frozen=True, slots=True)
class Settings:
    """How figures are made.

    Attributes:
        level, inner_level: of the nested intervals.
        small: groups with fewer documents are small.
        check: bootstrap every group.
        resamples, seed: of the bootstrap.
        false_discovery: the highest q that is distinguishable.
    """

    level: float = 0.95
    inner_level: float = 0.5
    small: int = 20
    check: bool = False
    resamples: int = 2000
    seed: int = 0
    false_discovery: float = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Annotated:
    """Figures of the annotated documents.

    Attributes:
        ratios: by estimand and cells.
        place: int64 [annotated], which document of the corpus each is.
        probability: float64 [annotated], with which it was drawn.
    """

    ratios: Mapping[tuple[str, tuple[Cell, ...]], Ratios]
    place: Array
    probability: Array


class _Block:
    """Figures that share a denominator; arrays are [groups, K]."""

    def __init__(self, estimand: Estimand, cells: tuple[Cell, ...], naive: Estimates, sums: Sums) -> None:
        self.estimand, self.cells, self.naive, self.best, self.sums = estimand, cells, naive, naive, sums
        self.shown = (sums.x > 0) & (sums.y.sum(axis=0) > 0)
        shape = sums.y.shape
        self.corrected = np.zeros(shape, dtype=bool)
        self.annotated = np.zeros(shape, dtype=np.int64)
        self.weight, self.to_halve = np.full(shape, np.nan), np.full(shape, np.nan)
        self.band_low, self.band_high = np.full(shape, np.nan), np.full(shape, np.nan)
        self.boot_low, self.boot_high = np.full(shape, np.nan), np.full(shape, np.nan)

    def put_corrected(self, found: Sequence[Corrected | None]) -> None:
        """Take the corrected figures of the groups that have some."""
        nothing = np.full(len(self.cells), np.nan)
        parts = []
        for number, one in enumerate(found):
            if one is None:
                parts.append(Estimates(nothing, nothing, nothing, nothing, np.zeros(len(self.cells), dtype=bool)))
                continue
            known = np.isfinite(one.estimates.value) & np.isfinite(one.estimates.variance)
            self.corrected[number] = known
            self.annotated[number] = one.annotated
            self.weight[number] = one.weight
            self.to_halve[number] = documents_to_halve(one)
            parts.append(one.estimates)
        self.best = self.naive.where(self.corrected.ravel(), Estimates.concatenate(parts))


class Figures:
    """Collects figures and makes tables of them.

    Args:
        grouping: of the documents.
        settings: see :class:`Settings`.
        sentences: float64 [groups].
        annotated: where there is gold.
        rates: error rates of the model, where they are known.
    """

    def __init__(
        self,
        grouping: Grouping,
        settings: Settings,
        sentences: Array,
        *,
        annotated: Annotated | None = None,
        rates: ErrorRates | None = None,
    ) -> None:
        self._grouping, self._settings, self._sentences = grouping, settings, sentences
        self._annotated, self._rates = annotated, rates
        self._blocks: list[_Block] = []
        self._within: list[dict[str, Any]] = []

    def add(self, ratios: Ratios) -> None:
        """Estimate some figures of every group."""
        grouping, count = self._grouping, len(self._grouping)
        naive, sums = estimate(ratios, grouping.of_document, count)
        block = _Block(ratios.estimand, ratios.cells, naive, sums)
        annotated = self._annotated
        gold = None if annotated is None else annotated.ratios.get((ratios.estimand.name, ratios.cells))
        if annotated is not None and gold is not None:
            block.shown |= (sums.x > 0) & (_column_sums(gold) > 0)
            if block.shown.any():
                block.put_corrected(
                    correct_ratios(ratios, gold, grouping.of_document, count, annotated.place, annotated.probability)
                )
        if not block.shown.any():
            return
        if self._rates is not None:
            self._put_bands(block, self._rates)
        self._put_bootstrap(block, ratios)
        self._blocks.append(block)

    def add_within(self, ratios: Ratios, events: Events, against: str | None = None) -> None:
        """Compare some figures within events, by the model's labels.

        Raises:
            SettingError: there is no group ``against``.
        """
        grouping, groups = self._grouping, self._grouping.groups
        pairs = self._pairs(against)
        sums = group_sums(ratios, grouping.of_document, len(grouping))
        overall, scale = sums.value, ratios.estimand.scale
        found = compare_within(ratios, grouping.of_document, len(grouping), events, pairs, level=self._settings.level)
        for (a, b), one in zip(pairs, found, strict=True):
            for k in np.flatnonzero((one.events > 0) & ((sums.y[a] > 0) | (sums.y[b] > 0))).tolist():
                self._within.append(
                    {
                        "estimand": ratios.estimand.name,
                        **{name: getattr(ratios.cells[k], name) for name in _CELL},
                        "period": groups[a].period,
                        "first": groups[a].name,
                        "second": groups[b].name,
                        "events": int(one.events[k]),
                        "difference": float(one.value[k]) * scale,
                        "low": float(one.low[k]) * scale,
                        "high": float(one.high[k]) * scale,
                        "p": float(one.p[k]),
                        "overall": float(overall[a, k] - overall[b, k]) * scale,
                    }
                )

    def _put_bands(self, block: _Block, rates: ErrorRates) -> None:
        for g, k in np.argwhere(block.shown).tolist():
            cell, sentences = block.cells[k], float(self._sentences[g])
            if cell.label is None or cell.voice is not None or cell.source is not None:
                continue
            y = float(block.sums.y[g, k])
            if block.estimand.name == "contrast_share":
                counts = {str(other.label): float(block.sums.y[g, j]) for j, other in enumerate(block.cells)}
                block.band_low[g, k], block.band_high[g, k] = share_band(counts, cell.label, rates, sentences)
            elif block.estimand.unit == "rate" and cell.label in rates.labels:
                low, high = rates.labels[cell.label].factor(y / sentences)
                value = float(block.sums.value[g, k])
                block.band_low[g, k], block.band_high[g, k] = value * low, value * high

    def _put_bootstrap(self, block: _Block, ratios: Ratios) -> None:
        settings = self._settings
        documents = block.sums.documents[:, 0]
        for g in np.flatnonzero((documents > 0) & ((documents < settings.small) | settings.check)):
            members = np.flatnonzero(self._grouping.of_document == g)
            block.boot_low[g], block.boot_high[g] = bootstrap(
                ratios, members, level=settings.level, resamples=settings.resamples, seed=settings.seed
            )

    # --- tables -------------------------------------------------------------------------------------------------------

    def _flat(self, name: str) -> Array:
        """An attribute of all figures, those that are shown and those that are not."""
        return np.concatenate([np.asarray(getattr(block, name)).ravel() for block in self._blocks])

    def _sums(self, name: str) -> Array:
        return np.concatenate([getattr(block.sums, name).ravel() for block in self._blocks])

    def _scales(self) -> Array:
        return np.concatenate([np.full(block.shown.size, block.estimand.scale) for block in self._blocks])

    def _ends(self, which: str, level: float) -> tuple[Array, Array]:
        """Intervals of all figures; those of small groups reach to the wider of both ends."""
        estimates = Estimates.concatenate([getattr(block, which) for block in self._blocks])
        low, high = estimates.interval(level)
        if level != self._settings.level:
            return low, high
        wider = (self._sums("documents") < self._settings.small) & ((which == "naive") | ~self._flat("corrected"))
        low = np.where(wider, np.fmin(low, self._flat("boot_low")), low)
        high = np.where(wider, np.fmax(high, self._flat("boot_high")), high)
        return low, high

    def estimates(self, columns: Sequence[str]) -> pa.Table:
        """The table of estimates; ``columns`` are those that are compared by."""
        if not self._blocks:
            return pa.table({name: pa.array([], pa.string()) for name in ("estimand", *_CELL, "group", "period")})
        settings, scale, shown = self._settings, self._scales(), self._flat("shown")
        best = Estimates.concatenate([block.best for block in self._blocks])
        naive = Estimates.concatenate([block.naive for block in self._blocks])
        low, high = self._ends("best", settings.level)
        naive_low, naive_high = self._ends("naive", settings.level)
        inner_low, inner_high = self._ends("best", settings.inner_level)
        documents = self._sums("documents")
        numbers = {
            "value": best.value * scale,
            "low": low * scale,
            "high": high * scale,
            "inner_low": inner_low * scale,
            "inner_high": inner_high * scale,
            "numerator": self._sums("y"),
            "denominator": self._sums("x"),
            "documents": documents.astype(np.int64),
            "n_effective": naive.effective,
            "small": documents < settings.small,
            "corrected": self._flat("corrected"),
            "naive_value": naive.value * scale,
            "naive_low": naive_low * scale,
            "naive_high": naive_high * scale,
            "annotated": self._flat("annotated"),
            "weight": self._flat("weight"),
            "to_halve": self._flat("to_halve"),
            "band_low": self._flat("band_low") * scale,
            "band_high": self._flat("band_high") * scale,
            "bootstrap_low": self._flat("boot_low") * scale,
            "bootstrap_high": self._flat("boot_high") * scale,
        }
        texts = self._texts(columns)
        return pa.table(
            {name: pa.array(values, pa.string()) for name, values in texts.items()}
            | {name: _column(values) for name, values in numbers.items()}
        ).filter(pa.array(shown))

    def _texts(self, columns: Sequence[str]) -> dict[str, list[str | None]]:
        groups = self._grouping.groups
        figures = [(block.estimand, cell, group) for block in self._blocks for group in groups for cell in block.cells]
        return {
            "estimand": [estimand.name for estimand, _, _ in figures],
            **{name: [getattr(cell, name) for _, cell, _ in figures] for name in _CELL},
            "group": [group.name for _, _, group in figures],
            **{f"by_{c}": [group.values[n] for _, _, group in figures] for n, c in enumerate(columns)},
            "period": [group.period for _, _, group in figures],
        }

    def differences(self, against: str | None = None) -> pa.Table:
        """The table of differences: every pair of groups of a period, or those with one group.

        Raises:
            SettingError: there is no such group.
        """
        groups, pairs = self._grouping.groups, self._pairs(against)
        texts: dict[str, list[str | None]] = {name: [] for name in ("estimand", *_CELL, "period", "first", "second")}
        places: list[tuple[int, int]] = []
        offset = 0
        for block in self._blocks:
            k = len(block.cells)
            for a, b in pairs:
                for j in np.flatnonzero(block.shown[a] & block.shown[b]).tolist():
                    texts["estimand"].append(block.estimand.name)
                    for name in _CELL:
                        texts[name].append(getattr(block.cells[j], name))
                    texts["period"].append(groups[a].period)
                    texts["first"].append(groups[a].name)
                    texts["second"].append(groups[b].name)
                    places.append((offset + a * k + j, offset + b * k + j))
            offset += block.shown.size
        columns: dict[str, Any] = {name: pa.array(values, pa.string()) for name, values in texts.items()}
        if not places:
            return pa.table(columns)
        first, second = np.array(places, dtype=np.int64).T
        naive = Estimates.concatenate([block.naive for block in self._blocks])
        best = Estimates.concatenate([block.best for block in self._blocks])
        corrected, small = self._flat("corrected"), self._sums("documents") < self._settings.small
        # A corrected figure is not compared with one that is not.
        both = corrected[first] & corrected[second]
        one = naive.take(first).where(both, best.take(first))
        other = naive.take(second).where(both, best.take(second))
        by_model = differ(naive.take(first), naive.take(second), level=self._settings.level)
        found = differ(one, other, level=self._settings.level) if both.any() else by_model
        scale = self._scales()[first]
        q = q_values(found.p)
        distinguishable = np.nan_to_num(q, nan=1.0) <= self._settings.false_discovery
        numbers = {
            "first_value": one.value * scale,
            "second_value": other.value * scale,
            **_numbers(found, scale),
            "ratio": found.ratio,
            "p": found.p,
            "q": q,
            "distinguishable": distinguishable,
            "small": small[first] | small[second],
            "corrected": both,
            **{f"naive_{name}": values for name, values in _numbers(by_model, scale).items()},
            "naive_p": by_model.p,
            "naive_q": q_values(by_model.p),
        }
        columns |= {name: _column(values) for name, values in numbers.items()}
        columns["verdict"] = pa.array(
            [
                _verdict(a, b, value, told)
                for a, b, value, told in zip(texts["first"], texts["second"], found.value, distinguishable, strict=True)
            ],
            pa.string(),
        )
        return pa.table(columns)

    def within_events(self) -> pa.Table:
        """The table of events."""
        rows = self._within
        texts = ("estimand", *_CELL, "period", "first", "second")
        columns: dict[str, Any] = {name: pa.array([row[name] for row in rows], pa.string()) for name in texts}
        columns["events"] = pa.array([row["events"] for row in rows], pa.int64())
        for name in ("difference", "low", "high", "p", "overall"):
            columns[name] = _column(np.array([row[name] for row in rows], dtype=np.float64))
        q = q_values(np.array([row["p"] for row in rows], dtype=np.float64))
        told = np.nan_to_num(q, nan=1.0) <= self._settings.false_discovery
        columns |= {"q": _column(q), "distinguishable": pa.array(told)}
        columns["verdict"] = pa.array(
            [
                _verdict(row["first"], row["second"], row["difference"], known)
                for row, known in zip(rows, told, strict=True)
            ],
            pa.string(),
        )
        order = [*texts, "events", "difference", "low", "high", "p", "q", "distinguishable", "verdict", "overall"]
        return pa.table({name: columns[name] for name in order})

    def _pairs(self, against: str | None) -> list[tuple[int, int]]:
        groups: tuple[Group, ...] = self._grouping.groups
        names = [group.name for group in groups]
        if against is not None and against not in names:
            raise SettingError(f"there is no group {against!r}", expected=", ".join(dict.fromkeys(names)))
        of_period: dict[str | None, list[int]] = {}
        for number, group in enumerate(groups):
            of_period.setdefault(group.period, []).append(number)
        pairs = sorted(pair for members in of_period.values() for pair in combinations(members, 2))
        if against is None:
            return pairs
        return [(b, a) if names[a] == against else (a, b) for a, b in pairs if against in (names[a], names[b])]


def power_table(estimates: pa.Table, groups: pa.Table) -> pa.Table:
    """The table of power, from those of estimates and groups."""
    keys = ("estimand", *_CELL, "group", "period")
    if "corrected" not in estimates.column_names:
        return pa.table({name: pa.array([], pa.string()) for name in keys})
    rows = estimates.filter(estimates.column("corrected"))
    size = {(row["group"], row["period"]): row["documents"] for row in groups.to_pylist()}
    own = zip(rows.column("group").to_pylist(), rows.column("period").to_pylist(), strict=True)
    columns = {name: rows.column(name) for name in (*keys, "value", "low", "high")}
    columns["documents"] = pa.array([size[key] for key in own], pa.int64())
    columns |= {name: rows.column(name) for name in ("annotated", "to_halve")}
    columns["more"] = pc.subtract(rows.column("to_halve"), rows.column("annotated").cast(pa.float64()))
    return pa.table(columns)


def _numbers(found: Differences, scale: Array) -> dict[str, Array]:
    return {"difference": found.value * scale, "low": found.low * scale, "high": found.high * scale}


def _verdict(first: str | None, second: str | None, value: float, distinguishable: bool) -> str:
    if not distinguishable:
        return "not distinguishable"
    return f"{first} more than {second}" if value > 0 else f"{second} more than {first}"


def _column(values: Array) -> pa.Array:
    """A column in which what is not known is null."""
    missing = np.isnan(values) if values.dtype.kind == "f" else None
    return pa.array(values, mask=missing)


def _column_sums(ratios: Ratios) -> Array:
    return np.asarray(ratios.numerators.sum(axis=0), dtype=np.float64).ravel()
