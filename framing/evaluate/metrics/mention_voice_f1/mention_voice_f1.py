"""F1 of mentions with their voice: right label, overlapping span, right voice."""

from typing import Any

import datasets
import evaluate
from sklearn.metrics import accuracy_score

from framing.evaluate.matching import LabelledSpan, maximum_matching, same_voice, shared_code_points

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
        right = predicted_count = gold_count = 0
        gold_voices: list[str | None] = []
        predicted_voices: list[str | None] = []
        for prediction, reference in zip(predictions, references, strict=True):
            predicted = [LabelledSpan(**mention) for mention in prediction]
            gold = [LabelledSpan(**mention) for mention in reference]
            shared = shared_code_points(gold, predicted)
            right += len(maximum_matching(shared * same_voice(gold, predicted)))
            pairs = maximum_matching(shared)
            gold_voices += [gold[row].voice for row, _ in pairs]
            predicted_voices += [predicted[column].voice for _, column in pairs]
            predicted_count, gold_count = predicted_count + len(predicted), gold_count + len(gold)
        return {
            "precision": _ratio(right, predicted_count),
            "recall": _ratio(right, gold_count),
            "f1": _ratio(2 * right, predicted_count + gold_count),
            "voice_accuracy": float(accuracy_score(gold_voices, predicted_voices)) if gold_voices else float("nan"),
        }


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else float("nan")
