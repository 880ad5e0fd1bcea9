"""F1 of labelled spans, by overlap and by equal offsets."""

from collections import Counter
from typing import Any

import datasets
import evaluate

from framing.evaluate.matching import LabelledSpan, maximum_matching, shared_code_points

_DESCRIPTION = """F1 of labelled spans. Within a sentence, predicted and reference spans of one label are paired one
to one where they share a code point, by a maximum matching; exact F1 asks for the same offsets."""

_INPUTS = """
Args:
    predictions: for each sentence a list of {"label", "start", "end"}; offsets in code points, half-open.
    references: the same, the truth.
Returns:
    precision, recall, f1: by overlap. exact_f1: by equal offsets. All in [0, 1]; nan where there is nothing to count.
"""

_SPAN = {"label": datasets.Value("string"), "start": datasets.Value("int32"), "end": datasets.Value("int32")}


class SpansF1(evaluate.Metric):
    """Span F1 with one-to-one pairing."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": datasets.List(_SPAN), "references": datasets.List(_SPAN)}),
        )

    def _compute(self, predictions: list[Any], references: list[Any]) -> dict[str, float]:
        paired = exact = predicted_count = gold_count = 0
        for prediction, reference in zip(predictions, references, strict=True):
            predicted = [LabelledSpan(**span) for span in prediction]
            gold = [LabelledSpan(**span) for span in reference]
            paired += len(maximum_matching(shared_code_points(gold, predicted)))
            exact += (Counter(gold) & Counter(predicted)).total()
            predicted_count, gold_count = predicted_count + len(predicted), gold_count + len(gold)
        return {
            "precision": _ratio(paired, predicted_count),
            "recall": _ratio(paired, gold_count),
            "f1": _ratio(2 * paired, predicted_count + gold_count),
            "exact_f1": _ratio(2 * exact, predicted_count + gold_count),
        }


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else float("nan")
