"""Pairing gold spans with predicted ones, and a coder's with another's, within one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class LabelledSpan:
    """One label on its span.

    Attributes:
        label: a frame, ``hedge.<kind>``, ``source`` or ``<task>.<value>``.
        start, end: code points from the start of the sentence, half-open.
        voice: of a frame; ``None`` for what has none.
        answers: of a frame, task -> value.
    """

    label: str
    start: int
    end: int
    voice: str | None = None
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RivalConfusion:
    """Which of the rival names of a contrast two coders, or gold and a model, gave to the same words.

    Attributes:
        contrast: of the codebook.
        labels: its rivals; one more row and column count words that the other coder did not mark with any of them.
        table: first coder, or gold (rows), by second.
    """

    contrast: str
    labels: tuple[str, ...]
    table: tuple[tuple[int, ...], ...]

    def confused(self) -> list[tuple[str, str, int]]:
        """(first's rival, second's rival, count) of all words to which the two gave different rivals."""
        cells = ((a, b, self.table[i][j]) for i, a in enumerate(self.labels) for j, b in enumerate(self.labels))
        return [cell for cell in cells if cell[0] != cell[1] and cell[2]]


@dataclass(frozen=True, slots=True)
class SpanTally:
    """How gold and predicted spans of one sentence compare; true positives, false positives, false negatives each.

    Attributes:
        overlap: pairs that share a code point.
        exact: pairs with the same offsets.
        voiced: pairs that share a code point and have the same voice.
        pairs: (gold, predicted) of every pair that overlaps, whatever the voices.
    """

    overlap: tuple[int, int, int]
    exact: tuple[int, int, int]
    voiced: tuple[int, int, int]
    pairs: tuple[tuple[LabelledSpan, LabelledSpan], ...]


def tally_spans(gold: Sequence[LabelledSpan], predicted: Sequence[LabelledSpan]) -> SpanTally:
    """Compare the spans of one sentence; spans of different labels are never paired."""
    shared = shared_code_points(gold, predicted)
    pairs = maximum_matching(shared)
    places = [Counter((s.label, s.start, s.end) for s in spans) for spans in (gold, predicted)]
    voiced = maximum_matching(shared * same_voice(gold, predicted))

    def tally(matched: int) -> tuple[int, int, int]:
        return matched, len(predicted) - matched, len(gold) - matched

    return SpanTally(
        tally(len(pairs)),
        tally((places[0] & places[1]).total()),
        tally(len(voiced)),
        tuple((gold[row], predicted[column]) for row, column in pairs),
    )


def confuse_rivals(
    contrast: str, labels: Sequence[str], pairs: Iterable[tuple[Sequence[LabelledSpan], Sequence[LabelledSpan]]]
) -> RivalConfusion:
    """Pair the marks of rivals by the words that they share, whatever their labels.

    Args:
        contrast: its name.
        labels: its rivals; spans of other labels are left out.
        pairs: of each sentence, the spans of both.
    """
    place = {name: k for k, name in enumerate(labels)}
    table = np.zeros((len(labels) + 1, len(labels) + 1), dtype=np.int64)
    for both in pairs:
        first, second = ([span for span in spans if span.label in place] for spans in both)
        shared = np.array(
            [[2 * max(0, min(a.end, b.end) - max(a.start, b.start)) for b in second] for a in first],
            dtype=np.int64,
        ).reshape(len(first), len(second))
        # One more for the same label, so that of marks on the same words those go together that agree.
        same = np.array([[a.label == b.label for b in second] for a in first], dtype=bool).reshape(shared.shape)
        matched = maximum_matching(shared + (same & (shared > 0)))
        for a, b in matched:
            table[place[first[a].label], place[second[b].label]] += 1
        for a in set(range(len(first))) - {a for a, _ in matched}:
            table[place[first[a].label], -1] += 1
        for b in set(range(len(second))) - {b for _, b in matched}:
            table[-1, place[second[b].label]] += 1
    return RivalConfusion(contrast, tuple(labels), tuple(map(tuple, table.tolist())))


def shared_code_points(gold: Sequence[LabelledSpan], predicted: Sequence[LabelledSpan]) -> Array:
    """Code points that every pair of spans shares: int64 [gold, predicted]; 0 where the labels differ."""
    shared = [
        [max(0, min(g.end, p.end) - max(g.start, p.start)) if g.label == p.label else 0 for p in predicted]
        for g in gold
    ]
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
