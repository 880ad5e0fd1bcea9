"""From logits to probabilities, and from probabilities to decisions: the numbers that travel with a checkpoint.

Three different words for three different things: a *logit* is what the model computes; a *probability* is the logit
through a temperature and a sigmoid (or softmax); a *threshold* is the probability from which a label is reported.
They are fitted on validation sentences by :mod:`framing.evaluate.calibration`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from framing.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Calibration:
    """Temperatures and thresholds of one checkpoint.

    Attributes:
        outputs: names of the label logits in order.
        temperatures: float64 [outputs], > 0; probability = sigmoid(logit / temperature) (Guo et al. 2017,
            "On calibration of modern neural networks").
        thresholds: float64 [outputs], in (0, 1), on the calibrated probability.
        voice_temperature, kind_temperature: > 0, for the softmax of the voice and the kind logits.
        extension: in [0, 1]; a span that reaches its threshold is extended over neighbouring tokens whose
            probability is at least ``extension`` times the threshold. 1 switches it off.
    """

    outputs: tuple[str, ...]
    temperatures: np.ndarray
    thresholds: np.ndarray
    voice_temperature: float = 1.0
    kind_temperature: float = 1.0
    extension: float = 1.0

    def __post_init__(self) -> None:
        for name, values in (("temperatures", self.temperatures), ("thresholds", self.thresholds)):
            if values.shape != (len(self.outputs),):
                raise CheckpointError(
                    f"calibration: {name} has shape {values.shape}", expected=f"one number for each of {self.outputs}"
                )
        if (self.temperatures <= 0).any() or self.voice_temperature <= 0 or self.kind_temperature <= 0:
            raise CheckpointError("calibration: a temperature is not positive", expected="temperatures > 0")
        if ((self.thresholds <= 0) | (self.thresholds >= 1)).any():
            raise CheckpointError(
                f"calibration: thresholds {self.thresholds.tolist()} leave (0, 1)", expected="0 < threshold < 1"
            )
        if not 0 <= self.extension <= 1:
            raise CheckpointError(f"calibration: extension is {self.extension}", expected="a number in [0, 1]")

    @classmethod
    def identity(cls, outputs: tuple[str, ...]) -> Calibration:
        """Temperature 1 and threshold 0.5 for everything."""
        return cls(outputs, np.ones(len(outputs)), np.full(len(outputs), 0.5))

    def label_probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of label logits, float [..., outputs] -> float [..., outputs]."""
        return sigmoid(logits / self.temperatures.astype(logits.dtype))

    def voice_probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of voice logits, float [..., voices], summing to 1 over the last axis."""
        return softmax(logits / self.voice_temperature)

    def kind_probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of kind logits, float [..., kinds], summing to 1 over the last axis."""
        return softmax(logits / self.kind_temperature)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, one entry per output."""
        return {
            "outputs": {
                name: {"temperature": round(float(t), 5), "threshold": round(float(p), 5)}
                for name, t, p in zip(self.outputs, self.temperatures, self.thresholds, strict=True)
            },
            "voice_temperature": round(self.voice_temperature, 5),
            "kind_temperature": round(self.kind_temperature, 5),
            "extension": round(self.extension, 5),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Calibration:
        """Inverse of :meth:`to_dict`.

        Raises:
            CheckpointError: a key is missing or a value is out of range.
        """
        try:
            entries = data["outputs"]
            return cls(
                tuple(entries),
                np.array([entry["temperature"] for entry in entries.values()], dtype=np.float64),
                np.array([entry["threshold"] for entry in entries.values()], dtype=np.float64),
                float(data["voice_temperature"]),
                float(data["kind_temperature"]),
                float(data["extension"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"calibration is not of the expected form: {error!r}",
                expected="the calibration.json that framing-train writes",
            ) from error

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read what :meth:`save` wrote.

        Raises:
            CheckpointError: not JSON, or not of the form.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path} cannot be read: {error}") from error
        return cls.from_dict(data)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Logistic function without overflow, elementwise, dtype kept."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def softmax(x: np.ndarray) -> np.ndarray:
    """Softmax over the last axis without overflow, dtype kept."""
    shifted = np.exp(x - x.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
