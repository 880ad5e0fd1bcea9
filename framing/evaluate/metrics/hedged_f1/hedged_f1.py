"""F1 of "this sentence is hedged", over scikit-learn."""

import datasets
import evaluate
from sklearn.metrics import precision_recall_fscore_support

_DESCRIPTION = """Precision, recall and F1 of whether a sentence is hedged (an epistemic, hearsay or distancing cue)."""

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
        precision, recall, f1, _ = precision_recall_fscore_support(
            references, predictions, average="binary", zero_division=float("nan")
        )
        return {"precision": float(precision), "recall": float(recall), "f1": float(f1)}
