"""Three findings, in sentences: the surest differences between groups, each of another contrast where there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from framing.compare.comparison import Comparison, figure_text

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
        referent: what the rivals name.
        more, less: the groups; of ``more`` the share is at least as large.
        difference, low, high: of the shares, with interval.
        q: of the comparison's whole table of differences.
        distinguishable, small, corrected: as the comparison says.
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
        return (
            f"{whose}{self.more.group} names {self.referent} “{self.label}” in {_of(self.more, 'mentions')}, "
            f"{self.less.group} in {_of(self.less, '')}. {self.verdict}"
        )

    @property
    def verdict(self) -> str:
        """Whether the difference is real, in words."""
        q = "" if self.q is None else f"q = {self.q:.2g}" if self.q >= 0.0001 else "q < 0.0001"
        ends = f"{100 * self.difference:.0f} points [{100 * self.low:.0f}, {100 * self.high:.0f}]"
        if self.distinguishable:
            return f"The difference is {ends}, {q}."
        if self.low <= 0 <= self.high:
            return f"The two are not distinguishable: a difference of {ends}, {q}."
        return f"Among all that is compared here, the two are not distinguishable: a difference of {ends}, {q}."


def _of(side: Side, what: str) -> str:
    share = figure_text(side.value, side.low, side.high, share=True)
    counted = f"{side.n:,} {what}".strip()
    documents = "1 document" if side.documents == 1 else f"{side.documents:,} documents"
    return f"{share} of {counted} ({documents})"


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
    )
