"""``framing.evaluate``: how well a checkpoint, or predictions of any origin, agree with marked sentences."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from framing.codebook import Codebook
from framing.errors import CodebookMismatchError, InputError, SettingError
from framing.evaluate.details import Bin, WorstError, reliability_of, rivals_of, worst_errors
from framing.evaluate.gold import GoldSet
from framing.evaluate.matching import RivalConfusion
from framing.evaluate.scoring import Difference, Interval, Scores, bootstrap, none_if_nan, paired_bootstrap
from framing.labeler import Labeler, load
from framing.types import SentenceLabels


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores with their intervals.

    Attributes:
        scores: see :class:`~framing.evaluate.scoring.Scores`; ``evaluation["frames_macro_f1"]`` is one of them.
        intervals: measure -> value and 95 % percentile interval over documents.
        documents: how many there are.
        gold: what was scored against.
        predictions: of its sentences.
        codebook: by which.
    """

    scores: Scores
    intervals: dict[str, Interval]
    documents: int
    gold: GoldSet = field(repr=False)
    predictions: tuple[SentenceLabels, ...] = field(repr=False)
    codebook: Codebook = field(repr=False)

    def __getitem__(self, measure: str) -> float:
        return self.scores[measure]

    def reliability(self) -> dict[str, tuple[Bin, ...]]:
        """Mark -> its reliability table; empty where the predictions carry no probabilities."""
        return reliability_of(self.gold, self.predictions, self.codebook)

    def rivals(self) -> tuple[RivalConfusion, ...]:
        """Of each contrast, which rivals gold (rows) and the model give to the same words."""
        return rivals_of(self.gold, self.predictions, self.codebook)

    def errors(self, most: int = 50) -> tuple[WorstError, ...]:
        """The errors of which the model was surest, the surest first; ``most`` at most."""
        return worst_errors(self.gold, self.predictions, self.codebook, most)

    def compare(self, other: Evaluation, *, resamples: int = 2000) -> dict[str, Difference]:
        """This one's measures minus the other's, by a paired bootstrap over documents.

        Raises:
            InputError: the other is of other sentences.
            CodebookMismatchError: the other is of another codebook.
        """
        if (self.gold.sentences, self.gold.labels) != (other.gold.sentences, other.gold.labels):
            raise InputError("the evaluations are of other sentences", expected="two of the same file")
        if self.codebook.fingerprint != other.codebook.fingerprint:
            raise CodebookMismatchError(
                f"one model labels by {self.codebook.name}, the other by {other.codebook.name}",
                expected="two models of one codebook",
            )
        return paired_bootstrap(self.scores.counts, other.scores.counts, self.gold.groups, n=resamples)

    def to_dict(self, *, errors: int = 50) -> dict[str, Any]:
        """Scores, intervals, reliability, rivals and the worst errors, as JSON-ready types."""
        bounds = {
            name: {"low": none_if_nan(interval.low), "high": none_if_nan(interval.high)}
            for name, interval in self.intervals.items()
        }
        return {
            **self.scores.to_dict(),
            "documents": self.documents,
            "intervals": bounds,
            "reliability": {name: [asdict(one) for one in bins] for name, bins in self.reliability().items()},
            "rivals": {one.contrast: {"labels": one.labels, "table": one.table} for one in self.rivals()},
            "errors": [error.to_dict() for error in self.errors(errors)],
        }


def evaluate(
    gold: str | os.PathLike[str],
    model: str | os.PathLike[str] | Labeler = "shipped",
    *,
    predictions: Sequence[SentenceLabels] | None = None,
    codebook: Codebook | None = None,
    resamples: int = 2000,
    text_column: str = "text",
    labels_column: str = "labels",
    group_column: str = "group",
    **loading: Any,
) -> Evaluation:
    """Label a file of marked sentences and score the result, with 95 % intervals over documents.

    Args:
        gold: what training reads: marked sentences, tab-separated, of three or five columns (:mod:`framing.markup`);
            or a table of sentences with their labels (:mod:`framing.tables`), against which labels alone are scored.
        model: a labeler, or what :func:`framing.load` takes.
        predictions: labels of the sentences in the order of the file, from anywhere; nothing is labelled then, and
            ``codebook`` is needed.
        codebook: by which the predictions were made.
        resamples: of the bootstrap.
        text_column, labels_column, group_column: of a table. The last says which sentences are of one document.
        loading: further arguments of :func:`framing.load`, such as ``engine``.

    Raises:
        UnreadableFileError, MarkupError, ColumnError: the file cannot be read.
        InputError: the file has no sentence, or a label that the codebook lacks; or predictions are not of its
            sentences.
        SettingError: predictions come without a codebook.
    """
    columns: dict[str, Any] = {"text_column": text_column, "labels_column": labels_column, "group_column": group_column}
    if predictions is not None:
        if codebook is None:
            raise SettingError(
                "predictions are given without a codebook", expected="codebook=, by which they were made"
            )
        marked = GoldSet.read(Path(gold), codebook, **columns)
        return _evaluation(marked, predictions, codebook, resamples)
    if isinstance(model, Labeler):
        marked = GoldSet.read(Path(gold), model.codebook, **columns)
        # Rows of a table are read by themselves, as they were in training.
        found = model([s.text for s in marked.sentences]) if marked.labels else marked.predict(model.sentences)
        return _evaluation(marked, list(found), model.codebook, resamples)
    with load(model, **loading) as labeler:
        return evaluate(gold, labeler, resamples=resamples, **columns)


def _evaluation(
    marked: GoldSet, predictions: Sequence[SentenceLabels], codebook: Codebook, resamples: int
) -> Evaluation:
    scores = marked.score(predictions, codebook)
    intervals = bootstrap(scores.counts, marked.groups, n=resamples)
    return Evaluation(scores, intervals, len(set(marked.groups)), marked, tuple(predictions), codebook)
