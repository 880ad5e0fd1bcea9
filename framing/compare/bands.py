"""What the model's own error rates allow a figure to be, where nothing is annotated.

Of each label is known, from sentences with known marks, how often it is found where it is (sensitivity) and left out
where it is not (specificity). A share ``q`` of sentences with the label then comes from a true share of

    (q + specificity - 1) / (sensitivity + specificity - 1)

(Rogan and Gladen 1978). The band lets both rates be anywhere in their 95 % intervals (Wilson). Where of a checkpoint
only F1 is known, the ratio of true to predicted is anywhere between ``F1 / (2 - F1)`` and its inverse, which is what
precision and recall with that F1 allow. A band is no interval: it supposes that the model errs in this corpus, and in
each group of it, as it did where it was measured. That is what annotated documents (``gold=``) need not suppose.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framing.compare.intervals import wilson
from framing.errors import InputError, UnreadableFileError
from framing.evaluate.front import Evaluation

_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class LabelRates:
    """What is known of one label.

    Attributes:
        f1: in (0, 1].
        right, missed, wrong, left: sentences: true positives, false negatives, false positives, true negatives;
            ``None`` where only F1 is known.
    """

    f1: float
    right: float | None = None
    missed: float | None = None
    wrong: float | None = None
    left: float | None = None

    def factor(self, share: float) -> tuple[float, float]:
        """By what a predicted number may have to be multiplied: least and most.

        Args:
            share: mentions of the label per sentence, by the model.
        """
        if self.right is None or self.missed is None or self.wrong is None or self.left is None:
            return self.f1 / (2 - self.f1), (2 - self.f1) / self.f1
        sensitivity = _wilson(self.right, self.right + self.missed)
        specificity = _wilson(self.left, self.left + self.wrong)
        q = min(share, 1.0)
        if q <= 0:
            return 1.0, 1.0
        ends = [
            min(max((q + sp - 1) / (se + sp - 1), 0.0), 1.0) / q if se + sp > 1 else float("inf")
            for se in sensitivity
            for sp in specificity
        ]
        return min(ends), max(ends)


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """Error rates of a checkpoint: label -> what is known of it. ``where`` says from where."""

    labels: Mapping[str, LabelRates]
    where: str


def read_error_rates(source: str | os.PathLike[str] | Evaluation) -> ErrorRates:
    """Read error rates.

    Args:
        source: what :func:`framing.evaluate` gives; a file that ``framing evaluate --json`` wrote; or a checkpoint's
            folder, whose ``metrics.json`` knows F1 alone.

    Raises:
        UnreadableFileError: there is no such file.
        InputError: it holds no scores of labels.
    """
    if isinstance(source, Evaluation):
        return _of_scores(source.to_dict(), "the evaluation")
    path = Path(source)
    file = path / "metrics.json" if path.is_dir() else path
    if not file.is_file():
        raise UnreadableFileError(
            f"there are no error rates at {os.fspath(source)!r}",
            expected="a checkpoint's folder, or what framing evaluate --json wrote",
        )
    try:
        return _of_scores(json.loads(file.read_text(encoding="utf-8")), str(file))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file} holds no scores of labels: {error!r}", expected="labels with their f1") from error


def _of_scores(scores: Mapping[str, Any], where: str) -> ErrorRates:
    rates = {}
    sentences = scores.get("sentences")
    for name, score in scores["labels"].items():
        f1, precision, recall = score["f1"], score.get("precision"), score.get("recall")
        if not f1:  # not measured, or never right: nothing is known
            continue
        if sentences and precision and recall:
            support = score["support"]
            right = recall * support
            wrong = right * (1 - precision) / precision
            rates[name] = LabelRates(f1, right, support - right, wrong, sentences - support - wrong)
        else:
            rates[name] = LabelRates(f1)
    return ErrorRates(rates, where)


def share_band(counts: Mapping[str, float], label: str, rates: ErrorRates, sentences: float) -> tuple[float, float]:
    """What the share of one label among rivals may be.

    Args:
        counts: mentions of each rival by the model, this one too.
        label: one of them.
        rates: of the model.
        sentences: in which they were counted.

    Returns:
        Low and high; ``nan`` where the rates of a label that was found are not known.
    """
    found = {name: count for name, count in counts.items() if count > 0 or name == label}
    if any(name not in rates.labels for name in found):
        return float("nan"), float("nan")
    ends = {name: rates.labels[name].factor(count / max(sentences, 1)) for name, count in found.items()}
    own = [counts[label] * end for end in ends[label]]
    others = [sum(c * ends[name][side] for name, c in found.items() if name != label) for side in (0, 1)]
    low = own[0] / (own[0] + others[1]) if own[0] + others[1] > 0 else float("nan")
    high = own[1] / (own[1] + others[0]) if own[1] + others[0] > 0 else float("nan")
    return low, high


def _wilson(right: float, n: float) -> tuple[float, float]:
    if n <= 0:
        return 0.0, 1.0
    centre, half = wilson(right / n, n, _Z)
    return max(float(centre - half), 0.0), min(float(centre + half), 1.0)
