"""Where a model errs: its reliability, which rivals it confuses, and its worst sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.codebook import Codebook
from framing.evaluate.gold import GoldSet
from framing.evaluate.matching import LabelledSpan, RivalConfusion, confuse_rivals, tally_spans
from framing.evaluate.scoring import equal_mass_bins, gold_spans, marks_of, predicted_spans
from framing.types import SentenceLabels

Array = npt.NDArray[Any]
#: What an error is: a label that was not found, one that nobody marked, or the right one in another voice.
MISSED, INVENTED, VOICE = "missed", "invented", "voice"


@dataclass(frozen=True, slots=True)
class Bin:
    """Probabilities of about the same size.

    Attributes:
        low, high: the least and the largest of them.
        count: how many.
        said: their mean.
        true: share of them whose label is marked.
    """

    low: float
    high: float
    count: int
    said: float
    true: float


@dataclass(frozen=True, slots=True)
class WorstError:
    """A label that a model has wrong in a sentence.

    Attributes:
        place: of the sentence in the file, from 0.
        document: it is of.
        text: of the sentence.
        what: ``missed``, ``invented`` or ``voice``.
        name: of the mark.
        loss: how sure the model was of what is wrong, in [0, 1].
        gold, predicted: the marks of that name.
    """

    place: int
    document: str
    text: str
    what: str
    name: str
    loss: float
    gold: tuple[LabelledSpan, ...]
    predicted: tuple[LabelledSpan, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready types; the words of marks are written out."""
        return {
            "place": self.place,
            "document": self.document,
            "text": self.text,
            "what": self.what,
            "name": self.name,
            "loss": self.loss,
            "gold": [self._words(span) for span in self.gold],
            "predicted": [self._words(span) for span in self.predicted],
        }

    def _words(self, span: LabelledSpan) -> dict[str, Any]:
        text = self.text[span.start : span.end]
        return {"start": span.start, "end": span.end, "text": text, "voice": span.voice}


def reliability(probabilities: Array, truth: Array) -> tuple[Bin, ...]:
    """A reliability table, in the equal-mass bins of the calibration error.

    Args:
        probabilities: float [n].
        truth: bool [n].
    """
    place = equal_mass_bins(probabilities) if len(probabilities) else np.empty(0, dtype=np.int64)
    found = []
    for number in np.unique(place):
        p, is_true = probabilities[place == number], truth[place == number]
        found.append(Bin(float(p.min()), float(p.max()), len(p), float(p.mean()), float(is_true.mean())))
    return tuple(found)


def reliability_of(
    gold: GoldSet, predictions: Sequence[SentenceLabels], codebook: Codebook
) -> dict[str, tuple[Bin, ...]]:
    """The reliability table of every mark, by name; empty where the predictions carry no probabilities."""
    if not any(labels.probabilities for labels in predictions):
        return {}
    marks, carried = _carried(gold, codebook)
    return {
        name: reliability(
            np.array([labels.probabilities.get(name, 0.0) for labels in predictions]),
            np.array([name in names for names in carried], dtype=bool),
        )
        for name in marks
    }


def _carried(gold: GoldSet, codebook: Codebook) -> tuple[tuple[str, ...], list[frozenset[str]]]:
    """The marks of which gold speaks, and which of them each sentence carries."""
    if gold.labels:
        return codebook.label_names, list(gold.labels)
    marks = marks_of(codebook)
    return marks, [frozenset(span.label for span in gold_spans(one, marks)) for one in gold.sentences]


def rivals_of(gold: GoldSet, predictions: Sequence[SentenceLabels], codebook: Codebook) -> tuple[RivalConfusion, ...]:
    """Which rivals of each contrast gold (rows) and the model give to the same words."""
    marks = marks_of(codebook)
    pairs = [
        (gold_spans(one, marks), predicted_spans(labels, marks))
        for one, labels in zip(gold.sentences, predictions, strict=True)
    ]
    return tuple(confuse_rivals(contrast.name, contrast.labels, pairs) for contrast in codebook.contrasts)


def worst_errors(
    gold: GoldSet, predictions: Sequence[SentenceLabels], codebook: Codebook, most: int
) -> tuple[WorstError, ...]:
    """The errors of which the model was surest, the surest first; of equals, in the order of the file.

    A missed label costs one minus its probability, an invented one its probability, a wrong voice the probability of
    that voice.
    """
    every = marks_of(codebook)
    marks, known = _carried(gold, codebook)
    found = []
    for place, (marked, labels) in enumerate(zip(gold.sentences, predictions, strict=True)):
        right, said = gold_spans(marked, every), predicted_spans(labels, every)
        voices = {(m.label, m.start, m.end): m.voice_probability for m in labels.mentions}
        carried = known[place]
        given = {*labels.frames, *(span.label for span in said)}
        for name in (name for name in marks if name in carried | given):
            own = tuple(span for span in right if span.label == name)
            theirs = tuple(span for span in said if span.label == name)
            probability = labels.probabilities.get(name, float(name in given))
            if name not in given:
                what, loss = MISSED, 1 - probability
            elif name not in carried:
                what, loss = INVENTED, probability
            else:
                pairs = tally_spans(own, theirs).pairs
                wrong = [two for one, two in pairs if one.voice and two.voice and one.voice != two.voice]
                if not wrong:
                    continue
                what, loss = VOICE, max(voices[span.label, span.start, span.end] or 0.0 for span in wrong)
            found.append(WorstError(place, gold.groups[place], marked.text, what, name, loss, own, theirs))
    return tuple(sorted(found, key=lambda error: -error.loss)[:most])
