"""F1 of "this sentence is hedged"."""

import datasets
import evaluate
import numpy as np

from framing.evaluate.scoring import precision_recall_f1, tallies

_DESCRIPTION = """Precision, recall and F1 of whether a sentence is hedged."""

_INPUTS = """
Args:
    predictions: for each sentence 0 or 1.
    references: the same, the truth.
Returns:
    precision, recall, f1: of hedged sentences, in [0, 1]; nan where there is nothing to count.
"""


class HedgedF1(evaluate.Metric):
    """Binary F1."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": datasets.Value("int8"), "references": datasets.Value("int8")}),
        )

    def _compute(self, predictions: list[int], references: list[int]) -> dict[str, float]:
        return precision_recall_f1(tallies(np.array(predictions, dtype=bool), np.array(references, dtype=bool)))
