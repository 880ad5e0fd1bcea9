"""Sentences to batches and back: windows are sorted by length, batches filled up to a token budget.

All batches of a call lie one after the other in one array of cells, with a cell for each token, special token and
padding. The places of all tokens in it are computed at once; a batch is a view of its cells.
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

#: The shortest window of a batch has at least this share of the tokens of the longest, which limits padding.
SHORTEST_SHARE = 0.75


def compute_logits(engine: Engine, sentences: Sequence[EncodedSentence]) -> Logits:
    """Run the model on sentences of any number and length.

    Args:
        engine: runs the model.
        sentences: made by :class:`~framing.model.encoding.SentenceEncoder`. A sentence without tokens does not reach
            the model; its sentence logits are zero.

    Returns:
        The logits of all tokens, sentence after sentence in the given order. The windows of a long sentence are merged,
        and its sentence logits are those of its first window. Apart from rounding, the logits of a sentence do not
        depend on the other sentences of the call.
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
        lengths: int64 [windows], tokens of each window.
        token_budget: the most tokens in a batch, padding included.

    Returns:
        For each batch the indices of its windows; every window is in one batch.
    """
    order = np.argsort(-lengths, kind="stable")
    # Negated, so that they ascend, as searchsorted needs it.
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
    """Which logits of a batch to read, and where they belong.

    Attributes:
        cells, tokens: int64 [n], cells of the batch, and the index of each cell's token among those of all sentences.
        begins: bool [batch], whether a row is the first window of its sentence.
        sentences: int64 [m], the indices of the sentences of these rows.
    """

    cells: np.ndarray
    tokens: np.ndarray
    begins: np.ndarray
    sentences: np.ndarray


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the windows of sentences stand in the cells of all batches.

    Attributes:
        windows: the windows with tokens, batch after batch.
        rows: int64 [batches + 1]; batch ``i`` has the windows ``rows[i]:rows[i + 1]``.
        widths: int64 [batches], cells in a row of each batch.
        bounds: int64 [batches + 1]; batch ``i`` has the cells ``bounds[i]:bounds[i + 1]``.
        cells, tokens: int64 [n], for each token of each window, without special tokens, its cell, and its index among
            the tokens of all sentences.
    """

    windows: Windows
    rows: np.ndarray
    widths: np.ndarray
    bounds: np.ndarray
    cells: np.ndarray
    tokens: np.ndarray

    @classmethod
    def of(cls, encoded: EncodedSentences, token_budget: int) -> _Layout:
        """Lay out sentences, of which at least one has tokens."""
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
        """The batches to run. Padding is masked, so its token id does not matter; it is 0."""
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
        """What to read from the logits of each batch."""
        cells, tokens, windows = self.cells, self.tokens, self.windows
        if len(tokens) > len(encoded.ids):  # neighbouring windows share tokens, and each token is read in one window
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
