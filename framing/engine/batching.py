"""Sentences to batches and back: sorted by length, filled up to a token budget, results in the order of the input.

The batches of a call lie one after the other in one row of cells, a cell for each token, special token and padding.
Where everything stands in it is computed for all batches at once; a batch is a view of its cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from framing.engine.base import Batch, Engine
from framing.model.encoding import EncodedSentence, EncodedSentences, Windows
from framing.model.logits import Logits
from framing.model.ragged import count_up, starts_of

#: A batch's shortest window has at least this share of its longest one's tokens, so that padding stays below it.
SHORTEST_SHARE = 0.75


def compute_logits(engine: Engine, sentences: Sequence[EncodedSentence]) -> Logits:
    """Run the model on sentences of any number and length.

    Args:
        engine: what runs it.
        sentences: as :class:`~framing.model.encoding.SentenceEncoder` makes them. One without tokens never reaches
            the model; its sentence logits are zero.

    Returns:
        The logits of all tokens, sentence after sentence in the given order. Those of windowed sentences are merged;
        their sentence logits are those of the first window. Up to rounding they do not depend on what else was in the
        call.
    """
    if not any(map(len, sentences)):
        return Logits.empty(len(sentences))
    encoded = EncodedSentences.of(sentences)
    layout = _Layout.of(encoded, engine.token_budget)
    tokens = of_sentences = np.empty((0, 0), dtype=np.float32)
    for read, logits in zip(layout.reads(encoded), engine.run_all(layout.batches(encoded)), strict=True):
        if not len(of_sentences):
            tokens = np.empty((len(encoded.ids), logits.tokens.shape[2]), dtype=np.float32)
            of_sentences = np.zeros((len(encoded), logits.sentences.shape[1]), dtype=np.float32)
        cells, width = logits.tokens.shape[0] * logits.tokens.shape[1], logits.tokens.shape[2]
        tokens[read.tokens] = logits.tokens.reshape(cells, width)[read.cells]
        of_sentences[read.sentences] = logits.sentences[read.begins]
    return Logits(tokens, of_sentences, encoded.starts)


def plan(lengths: np.ndarray, token_budget: int) -> list[np.ndarray]:
    """Group windows into batches of similar length, the longest first.

    Args:
        lengths: int64 [windows], tokens of each.
        token_budget: tokens in a batch, padding included.

    Returns:
        For each batch the indices of its windows; every window is in one of them.
    """
    order = np.argsort(-lengths, kind="stable")
    # Negated, so that they ascend and can be searched in.
    negated = -lengths[order]
    batches = []
    first = 0
    while first < len(order):
        longest = -int(negated[first])
        long_enough = int(np.searchsorted(negated, -longest * SHORTEST_SHARE, side="right"))
        end = max(first + 1, min(first + token_budget // longest, long_enough))
        batches.append(order[first:end])
        first = end
    return batches


@dataclass(frozen=True, slots=True)
class _Read:
    """What of a batch's logits is the sentences'.

    Attributes:
        cells, tokens: int64 [n], cells of the batch, and which token of all sentences each of them holds.
        begins: bool [batch], the rows that are the first windows of their sentences.
        sentences: int64 [m], whose these are.
    """

    cells: np.ndarray
    tokens: np.ndarray
    begins: np.ndarray
    sentences: np.ndarray


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the windows of sentences stand in the cells of all batches.

    Attributes:
        windows: those that have tokens, batch after batch.
        rows: int64 [batches + 1]; windows ``rows[i]:rows[i + 1]`` are those of batch ``i``.
        widths: int64 [batches], cells of each window.
        bounds: int64 [batches + 1]; cells ``bounds[i]:bounds[i + 1]`` are those of batch ``i``.
        cells, tokens: int64, where each token of each window stands, special tokens left out, and which token of all
            sentences it is.
    """

    windows: Windows
    rows: np.ndarray
    widths: np.ndarray
    bounds: np.ndarray
    cells: np.ndarray
    tokens: np.ndarray

    @classmethod
    def of(cls, encoded: EncodedSentences, token_budget: int) -> _Layout:
        """Lay out sentences, some of which have tokens."""
        windows = encoded.windows()
        windows = windows[np.flatnonzero(windows.length)]
        groups = plan(windows.length + 2, token_budget)
        sizes = np.array([len(group) for group in groups])
        rows = starts_of(sizes)
        windows = windows[np.concatenate(groups)]
        widths = windows.length[rows[:-1]] + 2  # the longest window of a batch comes first
        first_cell = starts_of(np.repeat(widths, sizes))[:-1]
        return cls(
            windows=windows,
            rows=rows,
            widths=widths,
            bounds=starts_of(sizes * widths),
            cells=count_up(first_cell + 1, windows.length),
            tokens=count_up(encoded.starts[windows.sentence] + windows.first, windows.length),
        )

    def batches(self, encoded: EncodedSentences) -> list[Batch]:
        """The batches to run. Padding is masked, so which token stands there makes no difference: 0 does."""
        ids, mask, quotation = (np.zeros(self.bounds[-1], dtype=np.int64) for _ in range(3))
        ends = np.cumsum(self.windows.length)
        before, after = self.cells[ends - self.windows.length] - 1, self.cells[ends - 1] + 1
        ids[self.cells] = encoded.ids[self.tokens]
        ids[before], ids[after] = encoded.windowing.before, encoded.windowing.after
        mask[self.cells], mask[before], mask[after] = 1, 1, 1
        quotation[self.cells] = encoded.quotation[self.tokens]
        return [
            Batch(*(column[begin:end].reshape(-1, width) for column in (ids, mask, quotation)))
            for (begin, end), width in zip(pairwise(self.bounds.tolist()), self.widths.tolist(), strict=True)
        ]

    def reads(self, encoded: EncodedSentences) -> list[_Read]:
        """What to read in the logits of each batch."""
        cells, tokens, windows = self.cells, self.tokens, self.windows
        if len(tokens) > len(encoded.ids):  # neighbouring windows share some, and each is read in one of them
            place = count_up(windows.first, windows.length)
            owned = place >= np.repeat(windows.owned_first, windows.length)
            owned &= place < np.repeat(windows.owned_end, windows.length)
            cells, tokens = cells[owned], tokens[owned]
        bounds = self.bounds.tolist()
        reads = []
        for bound, (low, high), (first, end) in zip(
            bounds, pairwise(np.searchsorted(cells, bounds).tolist()), pairwise(self.rows.tolist()), strict=False
        ):
            begins = windows.first[first:end] == 0
            reads.append(_Read(cells[low:high] - bound, tokens[low:high], begins, windows.sentence[first:end][begins]))
        return reads
