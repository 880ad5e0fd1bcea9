"""Whether the findings hold if something is decided otherwise: threshold, copies, headlines only, a month less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.compare.columns import Corpus
from framing.report.findings import Finding
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


def group_names(corpus: Corpus, columns: Sequence[str]) -> Array:
    """The group of each document, as comparisons name it; ``None`` for none: object [documents]."""
    values = [corpus.values(column).to_pylist() for column in columns]
    rows = zip(*values, strict=True)
    return np.array([None if None in row else " / ".join(row) for row in rows] + [None], dtype=object)[:-1]


def share_of(corpus: Corpus, columns: Sequence[str], finding: Finding, extra: Array | None = None) -> Shares:
    """The shares of a finding in another corpus.

    Args:
        corpus: of the mentions that count.
        columns: whose values are the groups.
        finding: which contrast, label, voice and groups.
        extra: float64 [documents, labels], mentions to add.
    """
    book = corpus.codebook
    names = group_names(corpus, columns)
    label = corpus.codes("mentions", "label")
    wanted = np.ones(len(label), dtype=bool)
    if finding.voice is not None:
        wanted = corpus.codes("mentions", "voice") == book.voices.index(finding.voice)
    document = corpus.document_of_mention
    rivals = [book.label_names.index(one) for one in book.contrast(finding.contrast).labels]
    own = book.label_names.index(finding.label)
    found = []
    for side in (finding.more, finding.less):
        members = names == side.group
        counts = np.bincount(label[wanted & members[document]], minlength=len(book.label_names)).astype(np.float64)
        if extra is not None:
            counts += extra[members].sum(axis=0)
        n = counts[rivals].sum()
        found.append((float(counts[own] / n) if n else None, float(n)))
    return Shares(found[0][0], found[1][0], found[0][1], found[1][1])


def check_findings(
    corpus: Corpus,
    columns: Sequence[str],
    findings: Sequence[Finding],
    original: Array,
    *,
    thresholds: Mapping[str, float] | None,
    probabilities: Array | None,
) -> list[Check]:
    """Compute the findings' shares again, one decision changed at a time.

    Args:
        corpus: as it was compared, after the filters.
        columns: whose values are the groups.
        findings: whose shares are computed.
        original: int64 [documents], what each is a copy of (:func:`framing.compare.copies.copies`).
        thresholds: label -> threshold of the checkpoint; where ``None``, the least probability that a label has.
        probabilities: float64 [sentences, labels], of the whole sentence; needed for lower thresholds.
    """

    def again(part: Corpus, extra: Array | None = None, of: Sequence[Finding] = tuple(findings)) -> tuple[Shares, ...]:
        return tuple(share_of(part, columns, finding, extra) for finding in of)

    checks = [Check("as reported", again(corpus))]
    limit = _limits(corpus, thresholds)
    known = "" if thresholds else "The thresholds are taken to be the least probability that each label has here."
    higher = (
        np.asarray(corpus.mentions.column("probability")) >= limit[corpus.codes("mentions", "label")] + STEP - _ROUNDING
    )
    checks.append(Check(f"thresholds + {STEP}", again(corpus.keep_mentions(higher)), known))
    checks.append(_lower(corpus, columns, findings, limit, probabilities))
    kept = original == np.arange(len(original))
    checks.append(
        Check("copies counted once", again(corpus.keep_documents(kept)), f"Copies left out: {int((~kept).sum()):,}.")
    )
    checks.append(_headlines(corpus, again))
    checks.append(_months(corpus, columns, findings))
    return checks


def _limits(corpus: Corpus, thresholds: Mapping[str, float] | None) -> Array:
    names = corpus.codebook.label_names
    if thresholds is not None:
        return np.array([thresholds[name] for name in names])
    limit = np.ones(len(names))
    np.minimum.at(limit, corpus.codes("mentions", "label"), np.asarray(corpus.mentions.column("probability")))
    return limit


def _lower(
    corpus: Corpus, columns: Sequence[str], findings: Sequence[Finding], limit: Array, probabilities: Array | None
) -> Check:
    """Records have no mention under the threshold, but the sentence's probability: one mention is added for it."""
    name = f"thresholds − {STEP}"
    if probabilities is None:
        return Check(name, (None,) * len(findings), "Not computed: the probabilities of sentences were not read.")
    found = np.zeros(probabilities.shape, dtype=bool)
    found[corpus.codes("mentions", "sentence"), corpus.codes("mentions", "label")] = True
    added = ~found & (probabilities >= limit - STEP - _ROUNDING)
    extra = np.zeros((len(corpus), probabilities.shape[1]))
    np.add.at(extra, corpus.codes("sentences", "document"), added.astype(np.float64))
    shares = tuple(share_of(corpus, columns, replace(finding, voice=None), extra) for finding in findings)
    voiced = any(finding.voice is not None for finding in findings)
    note = f"Mentions added: {int(added.sum()):,}."
    return Check(name, shares, note + " In all voices: records do not say in whose voice such words are." * voiced)


def _headlines(corpus: Corpus, again: Any) -> Check:
    names = corpus.codebook.kinds or tuple(map(str, Kind))
    if Kind.HEADLINE not in names:
        return Check("headlines only", (), "The codebook has no headlines.")
    wanted = corpus.codes("sentences", "kind") == names.index(Kind.HEADLINE)
    if not wanted.any():
        return Check("headlines only", (), "There are no headlines.")
    return Check("headlines only", again(corpus.keep_sentences(wanted)), f"Headlines: {int(wanted.sum()):,}.")


def _months(corpus: Corpus, columns: Sequence[str], findings: Sequence[Finding]) -> Check:
    """Of all months, the one without which the two shares are closest to each other, or most turned around."""
    name = "one month left out"
    months = np.array([*corpus.periods("month").to_pylist(), None], dtype=object)[:-1]
    known = sorted({month for month in months if month is not None})
    if len(known) < 2:
        return Check(name, (), "There are fewer than two months.")
    parts = {month: corpus.keep_documents(months != month) for month in known}
    worst, told = [], []
    for number, finding in enumerate(findings, start=1):
        shares = {month: share_of(part, columns, finding) for month, part in parts.items()}
        least = min(known, key=lambda month: _gap(shares[month]))
        worst.append(shares[least])
        told.append(f"{number}: {least}")
    return Check(name, tuple(worst), f"Shown is the month that matters most, of {len(known)}; {', '.join(told)}.")


def _gap(shares: Shares) -> float:
    return float("-inf") if shares.more is None or shares.less is None else shares.more - shares.less
