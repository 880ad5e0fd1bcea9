"""A checkpoint's calibration: the numbers that turn logits into probabilities, and probabilities into decisions.

A *logit* is what the model computes. A *probability* is the sigmoid (or softmax) of a logit divided by a *temperature*.
A *threshold* is the lowest probability at which a label is reported. :mod:`framing.evaluate.calibration` fits
temperatures and thresholds on validation sentences.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from framing.codebook import KIND, LABELS, VOICE, Head, Heads
from framing.errors import CheckpointError, CodebookMismatchError

#: The lowest and the highest temperature; in single precision, logits divided by any of them are numbers.
TEMPERATURES = (1e-6, 1e6)


@dataclass(frozen=True, slots=True)
class HeadCalibration:
    """Temperatures and thresholds of one head.

    Attributes:
        temperatures: float64, within :data:`TEMPERATURES`: [names] for a sigmoid, [1] for a softmax; probability =
            activation(logit / temperature) (Guo et al. 2017, "On calibration of modern neural networks").
        thresholds: float64 [names], in (0, 1), of calibrated probabilities; empty for a softmax, of which the most
            probable name is taken.
    """

    temperatures: np.ndarray
    thresholds: np.ndarray

    @classmethod
    def identity(cls, head: Head) -> HeadCalibration:
        """Temperature 1 and threshold 0.5."""
        count = len(head.names)
        return (
            cls(np.ones(count), np.full(count, 0.5)) if head.activation == "sigmoid" else cls(np.ones(1), np.empty(0))
        )

    def check(self, head: Head) -> None:
        """Check that the numbers fit a head.

        Raises:
            CheckpointError: there are more or fewer numbers than the head needs, or one is out of range.
        """
        sizes = (len(head.names), len(head.names)) if head.activation == "sigmoid" else (1, 0)
        if (self.temperatures.shape, self.thresholds.shape) != ((sizes[0],), (sizes[1],)):
            raise CheckpointError(
                f"head {head.name!r} has {len(self.temperatures)} temperatures, {len(self.thresholds)} thresholds",
                expected=f"{sizes[0]} and {sizes[1]} numbers",
            )
        low, high = TEMPERATURES
        if not ((self.temperatures >= low) & (self.temperatures <= high)).all():
            raise CheckpointError(
                f"calibration of {head.name!r}: temperatures {self.temperatures.tolist()}",
                expected=f"{low:g} <= temperature <= {high:g}",
            )
        if not ((self.thresholds > 0) & (self.thresholds < 1)).all():
            raise CheckpointError(
                f"calibration of {head.name!r}: thresholds {self.thresholds.tolist()} leave (0, 1)",
                expected="0 < threshold < 1",
            )

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """The calibrated probabilities for the head's logits; float [..., names] -> float [..., names]."""
        if len(self.thresholds):
            return sigmoid(logits / self.temperatures.astype(logits.dtype))
        return softmax(logits / float(self.temperatures[0]))

    @property
    def cuts(self) -> np.ndarray:
        """The thresholds as logits; float64 [names]."""
        return _logit(self.thresholds) * self.temperatures

    def extended_cuts(self, extension: float) -> np.ndarray:
        """The thresholds times ``extension``, as logits; float64 [names]."""
        if extension == 0:
            return np.full(len(self.thresholds), -np.inf)
        return _logit(self.thresholds * extension) * self.temperatures

    def to_dict(self, head: Head) -> dict[str, Any]:
        """JSON-ready: an entry for each name of a sigmoid, one temperature for a softmax."""
        if head.activation == "softmax":
            return {"temperature": round(float(self.temperatures[0]), 5)}
        return {
            name: {"temperature": round(float(t), 5), "threshold": round(float(p), 5)}
            for name, t, p in zip(head.names, self.temperatures, self.thresholds, strict=True)
        }

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any], head: Head) -> HeadCalibration:
        """Inverse of :meth:`to_dict`.

        Raises:
            CodebookMismatchError: the entries have other names than the head.
        """
        if head.activation == "softmax":
            return cls(np.array([entries["temperature"]], dtype=np.float64), np.empty(0))
        if tuple(entries) != head.names:
            raise CodebookMismatchError(
                f"the calibration of {head.name!r} is of {', '.join(entries)}", expected=", ".join(head.names)
            )
        columns = ([float(entry[key]) for entry in entries.values()] for key in ("temperature", "threshold"))
        return cls(*(np.array(column, dtype=np.float64) for column in columns))


@dataclass(frozen=True, slots=True)
class Calibration:
    """Temperatures and thresholds of one checkpoint.

    Attributes:
        heads: the heads of the model.
        of: name of a head -> its numbers.
        extension: in [0, 1]; a span that reaches its threshold is extended over neighbouring tokens whose
            probability is at least ``extension`` times the threshold. 1 switches this off.
    """

    heads: Heads
    of: Mapping[str, HeadCalibration]
    extension: float = 1.0

    def __post_init__(self) -> None:
        if set(self.of) != {head.name for head in self.heads}:
            raise CodebookMismatchError(
                f"calibration: numbers for {', '.join(self.of)}",
                expected="numbers for " + ", ".join(head.name for head in self.heads),
            )
        for head in self.heads:
            self.of[head.name].check(head)
        if not 0 <= self.extension <= 1:
            raise CheckpointError(f"calibration: extension is {self.extension}", expected="a number in [0, 1]")

    @classmethod
    def identity(cls, heads: Heads, *, extension: float = 1.0) -> Calibration:
        """Temperature 1 and threshold 0.5 for all heads."""
        return cls(heads, {head.name: HeadCalibration.identity(head) for head in heads}, extension)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        by_head = {head.name: self.of[head.name].to_dict(head) for head in self.heads}
        return {"heads": by_head, "extension": round(self.extension, 5)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], heads: Heads) -> Calibration:
        """Inverse of :meth:`to_dict`; also reads the form of framing 0.1.

        Raises:
            CheckpointError: a key is missing or a value is out of range.
            CodebookMismatchError: the calibration belongs to other heads.
        """
        try:
            by_head = data["heads"] if "heads" in data else _heads_of_0_1(data)
            of = {head.name: HeadCalibration.from_dict(by_head[head.name], head) for head in heads}
            return cls(heads, of, float(data["extension"]))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise CheckpointError(
                f"calibration is not of the expected form: {error!r}",
                expected="the calibration.json that framing-train writes",
            ) from error

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path, heads: Heads) -> Calibration:
        """Read what :meth:`save` wrote.

        Raises:
            CheckpointError: the file cannot be read, or is not a calibration.
            CodebookMismatchError: the calibration belongs to other heads.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path} cannot be read: {error}") from error
        return cls.from_dict(data, heads)


def _heads_of_0_1(data: Mapping[str, Any]) -> dict[str, Any]:
    temperatures = {VOICE: data["voice_temperature"], KIND: data["kind_temperature"]}
    return {LABELS: data["outputs"], **{name: {"temperature": value} for name, value in temperatures.items()}}


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Logistic function without overflow, elementwise; keeps the dtype."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def softmax(x: np.ndarray) -> np.ndarray:
    """Softmax over the last axis without overflow; keeps the dtype."""
    shifted = np.exp(x - x.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def _logit(probability: np.ndarray) -> np.ndarray:
    return np.log(probability) - np.log1p(-probability)
