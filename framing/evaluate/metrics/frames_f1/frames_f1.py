"""Macro and micro F1 of a sentence's frames (many labels at once)."""

from collections.abc import Sequence

import datasets
import evaluate
import numpy as np

from framing.evaluate.scoring import f1, macro_f1, tallies

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
        flags = datasets.List(datasets.Value("int8"))
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": flags, "references": flags}),
        )

    def _compute(
        self, predictions: list[list[int]], references: list[list[int]], labels: Sequence[str] | None = None
    ) -> dict[str, float | dict[str, float]]:
        truth = np.asarray(references, dtype=bool)
        found = tallies(np.asarray(predictions, dtype=bool), truth)
        names = [str(k) for k in range(truth.shape[1])] if labels is None else list(labels)
        label_f1 = {names[k]: float(f1(found[k])) for k in np.flatnonzero(truth.any(axis=0))}
        return {
            "macro_f1": float(macro_f1(found)),
            "micro_f1": float(f1(found.sum(axis=0))),
            "label_f1": label_f1,
        }
