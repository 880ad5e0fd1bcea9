"""F1 of mentions with their voice: right label, overlapping span, right voice."""

from typing import Any

import datasets
import evaluate

from framing.evaluate.scoring import precision_recall_f1, summed_tallies

_DESCRIPTION = """F1 of mentions. Within a sentence, predicted and reference mentions with the same label and the same
voice are paired one to one where they share a code point, by a maximum matching. Voice accuracy is that of mentions
paired whatever their voice."""

_INPUTS = """
Args:
    predictions: for each sentence a list of {"label", "start", "end", "voice"}; offsets in code points, half-open.
    references: the same, the truth.
Returns:
    precision, recall, f1, voice_accuracy: in [0, 1]; nan where there is nothing to count.
"""

_MENTION = {
    "label": datasets.Value("string"),
    "start": datasets.Value("int32"),
    "end": datasets.Value("int32"),
    "voice": datasets.Value("string"),
}


class MentionVoiceF1(evaluate.Metric):
    """Mention F1 with voice."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": datasets.List(_MENTION), "references": datasets.List(_MENTION)}),
        )

    def _compute(self, predictions: list[Any], references: list[Any]) -> dict[str, float]:
        found = summed_tallies(references, predictions)
        return {**precision_recall_f1(found.voiced), "voice_accuracy": found.voice_accuracy}
