"""Sentences to batches and back: sorted by length, filled up to a token budget, results in the order of the input."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from framing.engine.base import Batch, Engine
from framing.model.decoding import TokenLogits
from framing.model.encoding import EncodedSentence, Window

#: A batch's shortest window has at least this share of its longest one's tokens, so that padding stays below it.
SHORTEST_SHARE = 0.75


def score(engine: Engine, sentences: Sequence[EncodedSentence]) -> TokenLogits:
    """Run the model on sentences of any number and length.

    Args:
        engine: what runs it.
        sentences: as :class:`~framing.model.encoding.SentenceEncoder` makes them. One without tokens never reaches
            the model; its kind logits are zero.

    Returns:
        The logits of all tokens, sentence after sentence in the given order. Those of windowed sentences are merged;
        their kind is read on the first window. Up to rounding they do not depend on what else was in the call.
    """
    read = [i for i, sentence in enumerate(sentences) if len(sentence)]
    windows = [window for i in read for window in sentences[i].windows]
    if not windows:
        return TokenLogits.empty(len(sentences))
    ids = np.concatenate([window.ids for window in windows])
    quotation = np.concatenate([window.quotation for window in windows])
    lengths = np.fromiter(map(len, windows), dtype=np.int64, count=len(windows))
    starts = _starts(lengths)
    batches = plan(lengths, engine.token_budget)
    positions = [_positions(starts, lengths, batch) for batch in batches]
    padded = [_pad(ids, quotation, rows) for rows in positions]

    labels = voice = kind = np.empty((0, 0), dtype=np.float32)
    for batch, rows, logits in zip(batches, positions, engine.run_all(padded), strict=True):
        if not len(labels):
            labels = np.empty((len(ids), logits.labels.shape[2]), dtype=np.float32)
            voice = np.empty((len(ids), logits.voice.shape[2]), dtype=np.float32)
            kind = np.empty((len(windows), logits.kind.shape[1]), dtype=np.float32)
        real = rows >= 0
        labels[rows[real]] = logits.labels[real]
        voice[rows[real]] = logits.voice[real]
        kind[batch] = logits.kind

    window_counts = np.array([len(sentences[i].windows) for i in read])
    rows = _token_rows([sentences[i] for i in read], windows, starts, window_counts)
    kinds = np.zeros((len(sentences), kind.shape[1]), dtype=np.float32)
    kinds[read] = kind[_starts(window_counts)[:-1]]
    return TokenLogits(labels[rows], voice[rows], kinds, _starts(np.array([len(s) for s in sentences])))


def plan(lengths: np.ndarray, token_budget: int) -> list[np.ndarray]:
    """Group windows into batches of similar length, the longest first.

    Args:
        lengths: int64 [windows], tokens of each.
        token_budget: tokens in a batch, padding included.

    Returns:
        For each batch the indices of its windows; every window is in one of them.
    """
    order = np.argsort(-lengths, kind="stable")
    descending = lengths[order]
    batches = []
    first = 0
    while first < len(order):
        longest = int(descending[first])
        # Descending order: the count of those long enough is where the negated lengths pass the limit.
        long_enough = int(np.searchsorted(-descending, -longest * SHORTEST_SHARE, side="right"))
        end = max(first + 1, min(first + token_budget // longest, long_enough))
        batches.append(order[first:end])
        first = end
    return batches


def _starts(lengths: np.ndarray) -> np.ndarray:
    """Where runs of these lengths begin when they stand one after the other; int64 [n + 1]."""
    return np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)


def _positions(starts: np.ndarray, lengths: np.ndarray, batch: np.ndarray) -> np.ndarray:
    """Where each token of a batch stands in the row of all tokens, -1 for padding; int64 [batch, length]."""
    steps = np.arange(lengths[batch].max())
    return np.where(steps < lengths[batch][:, None], starts[batch][:, None] + steps, -1)


def _pad(ids: np.ndarray, quotation: np.ndarray, rows: np.ndarray) -> Batch:
    """The batch at these positions. Padding is masked, so which token stands there makes no difference: 0 does."""
    real = rows >= 0
    return Batch(np.where(real, ids[rows], 0), real.astype(np.int64), np.where(real, quotation[rows], 0))


def _token_rows(
    sentences: Sequence[EncodedSentence], windows: Sequence[Window], starts: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Of the rows of all windows, those that stand for the sentences' tokens: no special tokens, no overlaps twice."""
    if len(windows) == len(sentences):
        inner = np.ones(int(starts[-1]), dtype=bool)
        inner[starts[:-1]] = False
        inner[starts[1:] - 1] = False
        return np.flatnonzero(inner)
    numbered = [np.arange(first, end)[:, None] for first, end in pairwise(starts.tolist())]
    return np.concatenate(
        [
            sentence.merge(numbered[first:end])[:, 0]
            for sentence, (first, end) in zip(sentences, pairwise(_starts(counts).tolist()), strict=True)
        ]
    )
