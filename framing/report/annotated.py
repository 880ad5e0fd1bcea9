"""What annotated documents tell of the model: what it finds, which names it confuses, and how far it can be believed.

The model's marks are those of the records, people's those of the file of gold. Two marks are of the same words where
they share a code point; they are paired one to one, as :mod:`framing.evaluate` does. Counts are of the annotated
sentences as they are, not weighted by how their documents were drawn.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.compare.columns import Corpus
from framing.compare.gold import Gold
from framing.evaluate.matching import LabelledSpan, confuse_rivals, tally_spans

Array = npt.NDArray[Any]

#: Where probabilities are parted; the last end is included.
_ENDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
#: A file of marked sentences cannot hold these; :mod:`framing.compare.annotation` makes each a space.
_BREAKS = re.compile(r"[\t\n\r]")


@dataclass(frozen=True, slots=True)
class LabelTrial:
    """A label in the annotated sentences.

    Attributes:
        marked: mentions that people marked.
        said: mentions that the model marked.
        both: pairs of them, which share words.
    """

    marked: int
    said: int
    both: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """Words that people gave one name and the model its rival.

    Attributes:
        contrast: that both are of.
        gold, model: the names.
        count: how many such words there are.
        of: words that people gave the first name.
    """

    contrast: str
    gold: str
    model: str
    count: int
    of: int


@dataclass(frozen=True, slots=True)
class Band:
    """Mentions of the model whose probability is in [low, high), or [low, high] of the last band.

    Attributes:
        low, high: ends, in [0, 1].
        said: their mean probability.
        count: how many there are.
        right: how many of them people marked too.
    """

    low: float
    high: float
    said: float
    count: int
    right: int


@dataclass(frozen=True, slots=True)
class Trial:
    """The model beside annotated documents.

    Attributes:
        documents, sentences: that both have.
        apart: sentences of the gold that the comparison has not, because its text is another or it is not counted.
        labels: of those that either marked, in the order of the codebook.
        confusions: the most frequent first.
        bands: those that have a mention.
    """

    documents: int
    sentences: int
    apart: int
    labels: Mapping[str, LabelTrial]
    confusions: tuple[Confusion, ...]
    bands: tuple[Band, ...]


def try_model(corpus: Corpus, gold: Gold) -> Trial:
    """Set the model's mentions beside people's.

    Args:
        corpus: what is compared, with keys.
        gold: of documents of it, or of others too.
    """
    pairs = _pairs(corpus, gold)
    marks, probabilities = _spans(corpus, [own for own, _ in pairs])
    marked, _ = _spans(gold.corpus, [other for _, other in pairs])
    both = [(marked[other], marks[own]) for own, other in pairs]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    sure: list[tuple[float, bool]] = []
    for (own, _), (people, model) in zip(pairs, both, strict=True):
        matched = [(said.label, said.start, said.end) for _, said in tally_spans(people, model).pairs]
        counts["marked"].update(span.label for span in people)
        counts["said"].update(span.label for span in model)
        counts["both"].update(label for label, _, _ in matched)
        left = Counter(matched)
        for span, probability in zip(model, probabilities[own], strict=True):
            place = (span.label, span.start, span.end)
            sure.append((probability, left[place] > 0))
            left[place] -= 1
    document = corpus.codes("sentences", "document")
    return Trial(
        len({int(document[own]) for own, _ in pairs}),
        len(pairs),
        gold.corpus.sentences.num_rows - len(pairs),
        {
            name: LabelTrial(counts["marked"][name], counts["said"][name], counts["both"][name])
            for name in corpus.codebook.label_names
            if counts["marked"][name] or counts["said"][name]
        },
        _confusions(corpus, both),
        _bands(sure),
    )


def _pairs(corpus: Corpus, gold: Gold) -> list[tuple[int, int]]:
    """Rows of sentences that both have: of the same document and text, in order."""
    number = {key: place for place, key in enumerate(corpus.keys)}
    document = corpus.codes("sentences", "document")
    annotated = np.array([number[key] for key in gold.keys if key in number], dtype=np.int64)
    waiting: dict[tuple[int, str], deque[int]] = defaultdict(deque)
    for row in np.flatnonzero(np.isin(document, annotated)).tolist():
        waiting[int(document[row]), _BREAKS.sub(" ", corpus.text(row))].append(row)
    found = []
    for row, place in enumerate(gold.corpus.codes("sentences", "document").tolist()):
        rows = waiting.get((number.get(gold.keys[place], -1), gold.corpus.text(row)))
        if rows:
            found.append((rows.popleft(), row))
    return found


def _spans(corpus: Corpus, rows: list[int]) -> tuple[dict[int, list[LabelledSpan]], dict[int, list[float]]]:
    """Mentions of some sentences, by the sentence's row, and their probabilities."""
    spans: dict[int, list[LabelledSpan]] = {row: [] for row in rows}
    probabilities: dict[int, list[float]] = {row: [] for row in rows}
    wanted = np.isin(corpus.codes("mentions", "sentence"), np.array(rows, dtype=np.int64))
    for mention in corpus.mentions.filter(wanted).to_pylist():
        row = mention["sentence"]
        spans[row].append(LabelledSpan(mention["label"], mention["start"], mention["end"], mention["voice"]))
        probabilities[row].append(float(mention["probability"]))
    return spans, probabilities


def _confusions(corpus: Corpus, both: list[tuple[list[LabelledSpan], list[LabelledSpan]]]) -> tuple[Confusion, ...]:
    found = []
    for contrast in corpus.codebook.contrasts:
        rivals = confuse_rivals(contrast.name, contrast.labels, both)
        total = {label: sum(row) for label, row in zip(rivals.labels, rivals.table, strict=False)}
        found += [Confusion(contrast.name, gold, model, n, total[gold]) for gold, model, n in rivals.confused()]
    return tuple(sorted(found, key=lambda one: (-one.count, one.contrast, one.gold, one.model)))


def _bands(sure: list[tuple[float, bool]]) -> tuple[Band, ...]:
    probability = np.array([p for p, _ in sure], dtype=np.float64)
    right = np.array([r for _, r in sure], dtype=bool)
    place = np.clip(np.searchsorted(_ENDS, probability, side="right") - 1, 0, len(_ENDS) - 2)
    return tuple(
        Band(low, high, float(probability[here].mean()), int(here.sum()), int(right[here].sum()))
        for number, (low, high) in enumerate(pairwise(_ENDS))
        if (here := place == number).any()
    )
