"""What the model marks in sentences, in columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, slots=True)
class Spans:
    """Marked words of several sentences, ordered by sentence, start, end, output; one entry of each array per span.

    Attributes:
        sentence, output: int64, indices.
        start, end: int64, code points from the start of the sentence, half-open.
        probability: float64, calibrated, of the output on this span.
        voice: int64, place in :class:`~framing.types.Voice` where the output is a label, else -1.
        voice_probability: float64, calibrated, of that voice; NaN where there is none.
        source: int64, index of the span that names who is cited for a label, -1 where there is none.
    """

    sentence: np.ndarray
    output: np.ndarray
    start: np.ndarray
    end: np.ndarray
    probability: np.ndarray
    voice: np.ndarray
    voice_probability: np.ndarray
    source: np.ndarray

    @classmethod
    def none(cls) -> Self:
        """No span at all."""
        index, number = np.empty(0, dtype=np.int64), np.empty(0)
        return cls(index, index, index, index, number, index, number, index)

    def __len__(self) -> int:
        return len(self.sentence)
