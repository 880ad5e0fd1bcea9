"""Pairing gold spans with predicted ones, within one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class LabelledSpan:
    """One label on its span.

    Attributes:
        label: a frame, ``hedge.<kind>`` or ``source``.
        start, end: code points from the start of the sentence, half-open.
        voice: of a frame; ``None`` for what has none.
    """

    label: str
    start: int
    end: int
    voice: str | None = None


def shared_code_points(gold: Sequence[LabelledSpan], predicted: Sequence[LabelledSpan]) -> Array:
    """Code points that every pair of spans shares: int64 [gold, predicted]; 0 where the labels differ."""
    shared = [[_shared(g, p) if g.label == p.label else 0 for p in predicted] for g in gold]
    return np.array(shared, dtype=np.int64).reshape(len(gold), len(predicted))


def same_voice(gold: Sequence[LabelledSpan], predicted: Sequence[LabelledSpan]) -> Array:
    """1 where the voices of a pair agree, else 0: int64 [gold, predicted]."""
    same = [[g.voice == p.voice for p in predicted] for g in gold]
    return np.array(same, dtype=np.int64).reshape(len(gold), len(predicted))


def maximum_matching(shared: Array) -> list[tuple[int, int]]:
    """Pairs rows and columns one to one: as many pairs as can be, and among those the most shared code points.

    By the Hungarian method, so that no order of comparison can cost a pair, as it can for a greedy one.

    Args:
        shared: int64 [gold, predicted], shared code points; 0 where a pair is not allowed.

    Returns:
        (row, column) of every pair.
    """
    if not shared.any():
        return []
    if shared.size == 1:
        return [(0, 0)]
    from scipy.optimize import linear_sum_assignment

    # Any one pair outweighs all that could be gained by sharing more code points.
    worth = shared + (shared > 0) * (int(shared.sum()) + 1)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if shared[r, c] > 0]


def _shared(gold: LabelledSpan, predicted: LabelledSpan) -> int:
    return max(0, min(gold.end, predicted.end) - max(gold.start, predicted.start))
