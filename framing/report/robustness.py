"""Whether the findings hold if something is decided otherwise: threshold, copies, headlines only, a month less."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.compare.columns import Corpus
from framing.compare.comparison import Comparison
from framing.report.findings import Finding, Side
from framing.types import Kind

Array = npt.NDArray[Any]

#: By how much thresholds are moved.
STEP = 0.1
# Probabilities are float32, which is a little off the decimals of the thresholds.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Shares:
    """The two shares of a finding under one decision, with their numbers of mentions; ``None`` where there are none."""

    more: float | None
    less: float | None
    more_n: float
    less_n: float

    @property
    def holds(self) -> bool | None:
        """Whether the first is still the larger; ``None`` where it cannot be told."""
        return None if self.more is None or self.less is None else self.more > self.less


@dataclass(frozen=True, slots=True)
class Check:
    """A finding's shares under one decision.

    Attributes:
        name: what was decided otherwise.
        shares: of each finding; ``None`` where it cannot be computed.
        note: why, or what to know of it.
    """

    name: str
    shares: tuple[Shares | None, ...]
    note: str = ""


class _Mentions:
    """The mentions that were compared, as arrays: each decision keeps some of them."""

    def __init__(self, comparison: Comparison) -> None:
        corpus = self.corpus = comparison.corpus
        self.document, self.sentence = corpus.document_of_mention, corpus.codes("mentions", "sentence")
        self.label, self.voice = corpus.codes("mentions", "label"), corpus.codes("mentions", "voice")
        self.group_of_document = comparison.group_of_document
        self._number = {group.name: number for number, group in enumerate(comparison.groups)}

    def shares(self, finding: Finding, kept: Array | None = None) -> Shares:
        """The shares of a finding among some mentions; bool [mentions]."""
        found = [self.counts(finding, side, kept) for side in (finding.more, finding.less)]
        return self.of_counts(finding, found[0], found[1])

    def counts(self, finding: Finding, side: Side, kept: Array | None = None) -> Array:
        """Mentions of a group in the finding's voice by label: float64 [labels].

        Args:
            finding: whose voice counts.
            side: whose group.
            kept: bool [mentions].
        """
        wanted = self.wanted(finding, side)
        if kept is not None:
            wanted &= kept
        labels = len(self.corpus.codebook.label_names)
        return np.bincount(self.label[wanted], minlength=labels).astype(np.float64)

    def wanted(self, finding: Finding, side: Side) -> Array:
        """The mentions of a group in the finding's voice: bool [mentions]."""
        book = self.corpus.codebook
        wanted = self.members(side)[self.document]
        if finding.voice is not None:
            wanted &= self.voice == book.voices.index(finding.voice)
        return wanted

    def members(self, side: Side) -> Array:
        """The documents of a group: bool [documents]."""
        return self.group_of_document == self._number[side.group]

    def of_counts(self, finding: Finding, more: Array, less: Array) -> Shares:
        """Shares of counts by label, float64 [labels] each."""
        book = self.corpus.codebook
        own = book.label_names.index(finding.label)
        rivals = [book.label_names.index(one) for one in book.contrast(finding.contrast).labels]
        (a, n), (b, m) = ((counts[own], float(counts[rivals].sum())) for counts in (more, less))
        return Shares(float(a / n) if n else None, float(b / m) if m else None, n, m)


def check_findings(
    comparison: Comparison,
    findings: Sequence[Finding],
    original: Array,
    *,
    thresholds: Mapping[str, float] | None,
    probabilities: Array | None,
) -> list[Check]:
    """Compute the findings' shares again, one decision changed at a time.

    Args:
        comparison: that they were found in.
        findings: whose shares are computed.
        original: int64 [documents], what each is a copy of (:func:`framing.compare.copies.copies`).
        thresholds: label -> threshold of the checkpoint; where ``None``, the least probability that a label has.
        probabilities: float64 [sentences, labels], of the whole sentence; needed for lower thresholds.
    """
    mentions = _Mentions(comparison)

    def again(name: str, kept: Array | None = None, note: str = "") -> Check:
        return Check(name, tuple(mentions.shares(finding, kept) for finding in findings), note)

    limit = _limits(mentions.corpus, thresholds)
    known = "" if thresholds else "The thresholds are taken to be the least probability that each label has here."
    probability = np.asarray(mentions.corpus.mentions.column("probability"))
    no_copy = original == np.arange(len(original))
    return [
        again("as the model counts"),
        again(f"thresholds + {STEP}", probability >= limit[mentions.label] + STEP - _ROUNDING, known),
        _lower(mentions, findings, limit, probabilities),
        again("copies counted once", no_copy[mentions.document], f"Copies left out: {int((~no_copy).sum()):,}."),
        _headlines(mentions, again),
        _months(mentions, findings),
    ]


def _limits(corpus: Corpus, thresholds: Mapping[str, float] | None) -> Array:
    names = corpus.codebook.label_names
    if thresholds is not None:
        return np.array([thresholds[name] for name in names])
    limit = np.ones(len(names))
    np.minimum.at(limit, corpus.codes("mentions", "label"), np.asarray(corpus.mentions.column("probability")))
    return limit


def _lower(mentions: _Mentions, findings: Sequence[Finding], limit: Array, probabilities: Array | None) -> Check:
    """Records have no mention under the threshold, but the sentence's probability: one mention is added for it."""
    name = f"thresholds − {STEP}"
    if probabilities is None:
        return Check(name, (None,) * len(findings), "Not computed: the probabilities of sentences were not read.")
    added = probabilities >= limit - STEP - _ROUNDING
    added[mentions.sentence, mentions.label] = False
    document = mentions.corpus.codes("sentences", "document")
    shares = []
    for finding in findings:
        unvoiced = replace(finding, voice=None)
        more, less = (
            mentions.counts(unvoiced, side) + added[mentions.members(side)[document]].sum(axis=0)
            for side in (finding.more, finding.less)
        )
        shares.append(mentions.of_counts(finding, more, less))
    voiced = any(finding.voice is not None for finding in findings)
    note = f"Mentions added: {int(added.sum()):,}."
    return Check(
        name, tuple(shares), note + " In all voices: records do not say in whose voice such words are." * voiced
    )


def _headlines(mentions: _Mentions, again: Callable[..., Check]) -> Check:
    corpus = mentions.corpus
    names = corpus.codebook.kinds or tuple(map(str, Kind))
    if Kind.HEADLINE not in names:
        return Check("headlines only", (), "The codebook has no headlines.")
    wanted = corpus.codes("sentences", "kind") == names.index(Kind.HEADLINE)
    if not wanted.any():
        return Check("headlines only", (), "There are no headlines.")
    return again("headlines only", wanted[mentions.sentence], f"Headlines: {int(wanted.sum()):,}.")


def _months(mentions: _Mentions, findings: Sequence[Finding]) -> Check:
    """Of all months, the one without which the two shares are closest to each other, or most turned around."""
    name = "one month left out"
    encoded = mentions.corpus.periods("month").dictionary_encode()
    known = encoded.dictionary.to_pylist()
    if len(known) < 2:
        return Check(name, (), "There are fewer than two months.")
    # Documents without a date are never left out: they are behind the last month.
    month = np.asarray(encoded.indices.fill_null(len(known))).astype(np.int64)[mentions.document]
    labels = len(mentions.corpus.codebook.label_names)
    cell, size = month * labels + mentions.label, (len(known) + 1) * labels
    worst, told = [], []
    for number, finding in enumerate(findings, start=1):
        rest = []
        for side in (finding.more, finding.less):
            counts = np.bincount(cell[mentions.wanted(finding, side)], minlength=size).reshape(-1, labels)
            rest.append(counts.sum(axis=0) - counts)
        shares = {one: mentions.of_counts(finding, rest[0][n], rest[1][n]) for n, one in enumerate(known)}
        least = min(sorted(known), key=lambda one: _gap(shares[one]))
        worst.append(shares[least])
        told.append(f"{number}: {least}")
    return Check(name, tuple(worst), f"Shown is the month that matters most, of {len(known)}; {', '.join(told)}.")


def _gap(shares: Shares) -> float:
    return float("-inf") if shares.more is None or shares.less is None else shares.more - shares.less
