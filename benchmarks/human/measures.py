"""How what a system finds compares with what people marked: sentences by label, spans by offsets.

Spans of one label, in the three ways of CofeNet (Wang et al. 2022, "CofeNet: Context and Former-Label Enhanced Net for
Complicated Quotation Extraction", COLING, and the authors' published evaluation), all over tokens:

exact
    F1 of spans; one is right if a span of the other side has the same first and last token.
begin
    F1 of spans; one is right if a span of the other side has the same first token.
Jaccard
    The mean over all marked spans, and over those found spans that touch none of them. A marked span counts its largest
    overlap with a found one, in tokens shared over tokens in either; a found one that touches none counts 0.

Tokens are words and single signs of punctuation. *By words* the same are measured with punctuation at the ends of spans
left out, on both sides: whether a full stop belongs to what was said is a habit of the annotators.

Every measure is a ratio of sums over sentences, so that documents can be drawn again and again for its interval.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.suites import Bootstrap
from framing.evaluate.scoring import Difference, Interval
from framing.markup import MarkedSentence

Array = npt.NDArray[np.float64]
TOKEN = re.compile(r"\w+|[^\w\s]")
_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open offsets in code points, or in tokens."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a system says of one sentence.

    Attributes:
        labels: that the sentence carries.
        spans: label -> where it stands; offsets in code points.
    """

    labels: frozenset[str]
    spans: Mapping[str, tuple[Span, ...]]


@dataclass(frozen=True, slots=True)
class Sums:
    """One measure: the ratio of two sums.

    Attributes:
        above, below: float64 [sentences].
    """

    above: Array
    below: Array

    def by_document(self, groups: Sequence[str]) -> Sums:
        """Summed up over the sentences of each document: float64 [documents]."""
        _, which = np.unique(np.asarray(groups), return_inverse=True)
        above, below = (np.bincount(which, weights=part).astype(np.float64) for part in (self.above, self.below))
        return Sums(above, below)

    def ratio(self, weights: Array) -> Array:
        """The measure, float64 [n], where the documents count as often as ``weights`` says, [n, documents]."""
        above, below = weights @ self.above, weights @ self.below
        return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)


def marked_as_found(sentence: MarkedSentence) -> Found:
    """The gold in the form of an answer."""
    spans: dict[str, list[Span]] = {}
    for span in sentence.spans:
        for tag in span.tags:
            spans.setdefault(tag.output, []).append(Span(span.start, span.end))
    return Found(frozenset(spans), {label: tuple(places) for label, places in spans.items()})


def measure(
    gold: Sequence[MarkedSentence], found: Sequence[Found], sentences: Sequence[str], spans: Sequence[str]
) -> dict[str, Sums]:
    """All measures of a system.

    Args:
        gold: marked sentences.
        found: what the system says of each.
        sentences: labels of which it is measured whether sentences carry them.
        spans: labels whose spans are measured.

    Returns:
        ``sentence/<label>/f1``, ``…/precision`` and ``…/recall``; for each way of ``exact``, ``begin`` and ``jaccard``
        ``<way>/<label>`` and ``<way>, words/<label>``.
    """
    told = [marked_as_found(sentence) for sentence in gold]
    measured: dict[str, Sums] = {}
    for label in sentences:
        truth, said = (np.array([label in one.labels for one in side], dtype=np.float64) for side in (told, found))
        measured[f"sentence/{label}/f1"] = Sums(2 * truth * said, truth + said)
        measured[f"sentence/{label}/precision"] = Sums(truth * said, said)
        measured[f"sentence/{label}/recall"] = Sums(truth * said, truth)
    for by_words in (False, True):
        for label in spans:
            pairs = [
                tuple(in_tokens(sentence.text, one.spans.get(label, ()), by_words=by_words) for one in sides)
                for sentence, *sides in zip(gold, told, found, strict=True)
            ]
            for way, count in (("exact", _exact), ("begin", _begin), ("jaccard", _jaccard)):
                table = np.array([count(*pair) for pair in pairs], dtype=np.float64).reshape(-1, 2)
                measured[f"{way}{', words' if by_words else ''}/{label}"] = Sums(table[:, 0], table[:, 1])
    return measured


def in_tokens(text: str, spans: Sequence[Span], *, by_words: bool) -> tuple[Span, ...]:
    """Spans as numbers of the tokens that they touch, in order, each once.

    Args:
        text: the sentence.
        spans: offsets in code points.
        by_words: without punctuation at their ends; a span of nothing else is left out.
    """
    tokens = list(TOKEN.finditer(text))
    places = set()
    for span in spans:
        touched = [
            i
            for i, token in enumerate(tokens)
            if token.start() < span.end and span.start < token.end() and (not by_words or _WORD.match(token[0]))
        ]
        if touched:
            places.add(Span(touched[0], touched[-1] + 1))
    return tuple(sorted(places))


def _exact(gold: Sequence[Span], found: Sequence[Span]) -> tuple[float, float]:
    return 2 * len(set(gold) & set(found)), len(gold) + len(found)


def _begin(gold: Sequence[Span], found: Sequence[Span]) -> tuple[float, float]:
    starts, others = ({span.start for span in side} for side in (gold, found))
    return 2 * len(starts & others), len(starts) + len(others)


def _jaccard(gold: Sequence[Span], found: Sequence[Span]) -> tuple[float, float]:
    best = sum(max((overlap(span, other) for other in found), default=0.0) for span in gold)
    alone = sum(all(overlap(span, other) == 0 for span in gold) for other in found)
    return best, len(gold) + alone


def overlap(span: Span, other: Span) -> float:
    """Tokens shared over tokens in either, in [0, 1]."""
    shared = min(span.end, other.end) - max(span.start, other.start)
    return max(0, shared) / (max(span.end, other.end) - min(span.start, other.start))


def intervals(measured: Mapping[str, Sums], groups: Sequence[str], drawn: Bootstrap) -> dict[str, Interval]:
    """Each measure with its percentile interval over documents drawn with replacement."""
    weights = _weights(groups, drawn)
    estimates = {}
    for name, sums in measured.items():
        documents = sums.by_document(groups)
        values = documents.ratio(weights)
        estimates[name] = Interval(float(values[0]), *_bounds(values[1:], drawn.level))
    return estimates


def differences(
    first: Mapping[str, Sums], second: Mapping[str, Sums], groups: Sequence[str], drawn: Bootstrap
) -> dict[str, Difference]:
    """One system minus another, both on the same resamples."""
    weights = _weights(groups, drawn)
    gaps = {
        n: sums.by_document(groups).ratio(weights) - second[n].by_document(groups).ratio(weights)
        for n, sums in first.items()
    }
    return {
        name: Difference(float(gap[0]), *_bounds(gap[1:], drawn.level), float((np.sign(gap[1:]) + 1).mean() / 2))
        for name, gap in gaps.items()
    }


def _weights(groups: Sequence[str], drawn: Bootstrap) -> Array:
    """How often each document counts: once in the first row, then as the resamples draw them."""
    documents = len(set(groups))
    resampled = np.random.default_rng(drawn.seed).multinomial(
        documents, np.full(documents, 1 / documents), size=drawn.resamples
    )
    return np.vstack([np.ones(documents), resampled])


def _bounds(values: Array, level: float) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
