"""Three findings, in sentences: the surest differences between groups, each of another contrast where there are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from framing.compare.comparison import Comparison

#: How many are told.
MOST = 3


@dataclass(frozen=True, slots=True)
class Side:
    """A group's figure in a finding: share with its interval at the comparison's level, mentions, documents."""

    group: str
    value: float
    low: float
    high: float
    n: int
    documents: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Two groups that name the same thing differently, or are not known to.

    Attributes:
        contrast, label, voice: which name, among which rivals, in whose voice; ``None`` where there are no voices.
        referent: what the rivals name; the contrast's name where the codebook does not say.
        more, less: the groups; of ``more`` the share is at least as large.
        difference, low, high: of the shares, with interval.
        q: of the comparison's whole table of differences.
        distinguishable, small, corrected: as the comparison says.
        level: of all intervals, in (0, 1).
    """

    contrast: str
    label: str
    voice: str | None
    referent: str
    more: Side
    less: Side
    difference: float
    low: float
    high: float
    q: float | None
    distinguishable: bool
    small: bool
    corrected: bool
    level: float

    def sentence(self, own: Sequence[str]) -> str:
        """The finding in words.

        Args:
            own: voices that are the outlet's own word.
        """
        whose = (
            ""
            if self.voice is None
            else "In its own words, "
            if self.voice in own
            else f"In the voice “{self.voice}”, "
        )
        does = (
            f"names {self.referent} as “{self.label}”"
            if self.referent != self.contrast
            else f"takes “{self.label}” among the names of “{self.contrast}”"
        )
        return (
            f"{whose}{self.more.group} {does} in {self._figure(self.more, self._interval + ' ')}; "
            f"{self.less.group} does so in {self._figure(self.less, '')}. {self.verdict}"
        )

    def _figure(self, side: Side, interval: str) -> str:
        """The share of a side with interval and base; a corrected one is not of the mentions that the model counts."""
        share = f"{100 * side.value:.{_digits(side.low, side.high)}f}%"
        ends = f"{interval}{percentages(side.low, side.high)}"
        mentions = "1 mention" if side.n == 1 else f"{side.n:,} mentions"
        if self.corrected:
            return f"{share} of its mentions ({ends}; the model counts {mentions} in {_documents(side)})"
        return f"{share} of {mentions} ({ends}; {_documents(side)})"

    @property
    def verdict(self) -> str:
        """Whether the difference is real, in words."""
        q = "" if self.q is None else f"; q = {self.q:.2g}" if self.q >= 0.0001 else "; q < 0.0001"
        ends = f"{_points(self.low)} to {_points(self.high)}"
        size = f"{_points(self.difference)} percentage points ({self._interval} {ends}{q})"
        if self.distinguishable:
            return f"The difference is {size}."
        if self.low <= 0 <= self.high:
            return f"The two are not distinguishable: the difference is {size}."
        return (
            f"The difference is {size}. Alone it would count; among all the differences that are compared here it may "
            "be chance, and the two are not distinguishable."
        )

    @property
    def _interval(self) -> str:
        return f"{100 * self.level:g}% interval"


def percentages(low: float, high: float) -> str:
    """Two shares as an interval: ``63–100%``, with a decimal where they are less than five points apart."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return "not known"
    digits = _digits(low, high)
    return f"{100 * low:.{digits}f}–{100 * high:.{digits}f}%"


def _digits(low: float, high: float) -> int:
    return int(high - low < 0.05)


def _documents(side: Side) -> str:
    return "1 document" if side.documents == 1 else f"{side.documents:,} documents"


def _points(value: float) -> str:
    return f"{100 * value:.0f}".replace("-0", "0").replace("-", "−") if math.isfinite(value) else "–"


def find(comparison: Comparison) -> list[Finding]:
    """The surest differences in how contrasts are named in the outlet's own voice; fewer than three where there are.

    Groups that are not small come first, then differences that are distinguishable, then small q and large
    differences.
    """
    book = comparison.corpus.codebook
    voices = book.voices_of_role("own") or (None,)
    rows = [
        row
        for row in comparison.table("differences").to_pylist()
        if row["estimand"] == "contrast_share" and row["voice"] in voices and row["difference"] is not None
    ]
    rows.sort(
        key=lambda row: (
            row["small"],
            not row["distinguishable"],
            1.0 if row["q"] is None else row["q"],
            -abs(row["difference"]),
        )
    )
    first: dict[str, dict[str, Any]] = {}
    for row in rows:
        first.setdefault(row["contrast"], row)
    best = list(first.values())
    if len(best) < MOST:
        best += [row for row in rows if not any(row is other for other in best)]
    return [_finding(comparison, row) for row in best[:MOST]]


def _finding(comparison: Comparison, row: Mapping[str, Any]) -> Finding:
    cell = {key: row[key] for key in ("estimand", "contrast", "label", "voice", "hedge", "source", "period")}
    sides = []
    for group in (row["first"], row["second"]):
        figure = comparison.table(**cell, group=group).to_pylist()[0]
        value, low, high = figure["value"], figure["low"], figure["high"]
        if figure["corrected"] and not row["corrected"]:
            value, low, high = figure["naive_value"], figure["naive_low"], figure["naive_high"]
        sides.append(Side(group, value, low, high, round(figure["denominator"]), figure["documents"]))
    turned = row["difference"] < 0
    return Finding(
        row["contrast"],
        row["label"],
        row["voice"],
        comparison.corpus.codebook.contrast(row["contrast"]).referent or row["contrast"],
        sides[1] if turned else sides[0],
        sides[0] if turned else sides[1],
        abs(row["difference"]),
        -row["high"] if turned else row["low"],
        -row["low"] if turned else row["high"],
        row["q"],
        bool(row["distinguishable"]),
        bool(row["small"]),
        bool(row["corrected"]),
        comparison.settings["level"],
    )
