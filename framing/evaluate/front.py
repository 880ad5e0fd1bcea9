"""``framing.evaluate``: how well a checkpoint, or predictions of any origin, agree with marked sentences."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framing.codebook import Codebook
from framing.errors import SettingError
from framing.evaluate.gold import GoldSet
from framing.evaluate.scoring import Interval, Scores, bootstrap, none_if_nan
from framing.labeler import Labeler, load
from framing.types import SentenceLabels


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores with their intervals.

    Attributes:
        scores: see :class:`~framing.evaluate.scoring.Scores`; ``evaluation["frames_macro_f1"]`` is one of them.
        intervals: measure -> value and 95 % percentile interval over documents.
        documents: how many there are.
    """

    scores: Scores
    intervals: dict[str, Interval]
    documents: int

    def __getitem__(self, measure: str) -> float:
        return self.scores[measure]

    def to_dict(self) -> dict[str, Any]:
        """All scores and intervals as JSON-ready types."""
        bounds = {
            name: {"low": none_if_nan(interval.low), "high": none_if_nan(interval.high)}
            for name, interval in self.intervals.items()
        }
        return {**self.scores.to_dict(), "documents": self.documents, "intervals": bounds}


def evaluate(
    gold: str | os.PathLike[str],
    model: str | os.PathLike[str] | Labeler = "shipped",
    *,
    predictions: Sequence[SentenceLabels] | None = None,
    codebook: Codebook | None = None,
    resamples: int = 2000,
    **loading: Any,
) -> Evaluation:
    """Label a file of marked sentences and score the result, with 95 % intervals over documents.

    Args:
        gold: marked sentences, tab-separated, of three or five columns (:mod:`framing.markup`).
        model: a labeler, or what :func:`framing.load` takes.
        predictions: labels of the sentences in the order of the file, from anywhere; nothing is labelled then, and
            ``codebook`` is needed.
        codebook: by which the predictions were made.
        resamples: of the bootstrap.
        loading: further arguments of :func:`framing.load`, such as ``engine``.

    Raises:
        UnreadableFileError, MarkupError: the file cannot be read.
        InputError: predictions are not of these sentences.
        SettingError: predictions come without a codebook.
    """
    if predictions is not None:
        if codebook is None:
            raise SettingError(
                "predictions are given without a codebook", expected="codebook=, by which they were made"
            )
        marked = GoldSet.read(Path(gold), codebook)
        return _evaluation(marked, marked.score(predictions, codebook), resamples)
    if isinstance(model, Labeler):
        marked = GoldSet.read(Path(gold), model.codebook)
        return _evaluation(marked, marked.score(marked.predict(model.sentences), model.codebook), resamples)
    with load(model, **loading) as labeler:
        return evaluate(gold, labeler, resamples=resamples)


def _evaluation(marked: GoldSet, scores: Scores, resamples: int) -> Evaluation:
    return Evaluation(scores, bootstrap(scores.counts, marked.groups, n=resamples), len(set(marked.groups)))
