"""What the model marks in sentences, in columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, slots=True)
class Choices:
    """What a softmax head says of spans.

    Attributes:
        value: int64 [spans], the place of the chosen name; -1 where it is not asked.
        probability: float64 [spans], calibrated; NaN where it is not asked.
    """

    value: np.ndarray
    probability: np.ndarray

    @classmethod
    def none(cls, spans: int) -> Self:
        """Of spans of which nothing is asked."""
        return cls(np.full(spans, -1), np.full(spans, np.nan))


@dataclass(frozen=True, slots=True)
class Spans:
    """Marked words of several sentences, ordered by sentence, start, end, mark; one entry of each array per span.

    Attributes:
        sentence, mark: int64, indices.
        start, end: int64, code points from the start of the sentence, half-open.
        probability: float64, calibrated, of the mark on this span.
        choices: name of a softmax head that is read on tokens -> what it says of the spans that carry a label.
        source: int64, index of the span that names who is cited for a label, -1 where there is none.
    """

    sentence: np.ndarray
    mark: np.ndarray
    start: np.ndarray
    end: np.ndarray
    probability: np.ndarray
    choices: Mapping[str, Choices]
    source: np.ndarray

    @classmethod
    def none(cls) -> Self:
        """No span at all."""
        index, number = np.empty(0, dtype=np.int64), np.empty(0)
        return cls(index, index, index, index, number, {}, index)

    def __len__(self) -> int:
        return len(self.sentence)
