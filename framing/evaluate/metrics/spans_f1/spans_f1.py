"""F1 of labelled spans, by overlap and by equal offsets."""

from typing import Any

import datasets
import evaluate

from framing.evaluate.scoring import f1, precision_recall_f1, summed_tallies

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
        found = summed_tallies(references, predictions)
        return {**precision_recall_f1(found.overlap), "exact_f1": float(f1(found.exact))}
