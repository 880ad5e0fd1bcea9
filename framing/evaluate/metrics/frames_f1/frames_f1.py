"""Macro and micro F1 of a sentence's frames (many labels at once), over scikit-learn."""

from collections.abc import Sequence

import datasets
import evaluate
import numpy as np
from sklearn.metrics import f1_score

_DESCRIPTION = """F1 of which frames a sentence carries. Macro F1 is the mean over the labels that occur in the
references; a label that never occurs has no recall, but its false positives count in micro F1."""

_INPUTS = """
Args:
    predictions: for each sentence a list of 0 and 1, one for each label.
    references: the same, the truth.
    labels: names of the labels, in the same order (optional).
Returns:
    macro_f1, micro_f1: in [0, 1].
    label_f1: F1 of each label that occurs in the references, by name (or position).
"""


class FramesF1(evaluate.Metric):
    """Multi-label F1."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features(
                {
                    "predictions": datasets.List(datasets.Value("int8")),
                    "references": datasets.List(datasets.Value("int8")),
                }
            ),
        )

    def _compute(
        self, predictions: list[list[int]], references: list[list[int]], labels: Sequence[str] | None = None
    ) -> dict[str, float | dict[str, float]]:
        predicted, truth = np.asarray(predictions), np.asarray(references)
        names = [str(k) for k in range(truth.shape[1])] if labels is None else list(labels)
        # One label at a time, and all cells as one for micro: a table with a single column would be taken for a binary
        # problem, whose macro F1 counts the absence of the label as a class of its own.
        label_f1 = {
            names[k]: float(f1_score(truth[:, k], predicted[:, k], zero_division=0.0))
            for k in np.flatnonzero(truth.any(axis=0))
        }
        return {
            "macro_f1": float(np.mean(list(label_f1.values()))) if label_f1 else float("nan"),
            "micro_f1": float(f1_score(truth.ravel(), predicted.ravel(), zero_division=float("nan"))),
            "label_f1": label_f1,
        }
