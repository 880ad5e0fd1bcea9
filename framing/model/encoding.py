"""Text to model input: tokens, their offsets, their quotation state, and windows over long sentences.

Used alike by training, labelling and every engine, so that a model never sees at work what it did not see at school.
Needs ``tokenizers`` and numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from framing.errors import CheckpointError
from framing.text.quotations import QuotationState, scan

# Curly and straight marks mean the same to the model (their direction is in the quotation state). Lone surrogates
# cannot be tokenized. One code point for one, so that offsets stay.
_MODEL_CHARACTERS = {ord(c): '"' for c in "“”„‟«»"} | {ord(c): "'" for c in "‘’‚‛"}
_SURROGATES = range(0xD800, 0xE000)


def model_text(text: str) -> str:
    """The text as the tokenizer reads it: typographic quotes made plain, lone surrogates replaced; same length."""
    plain = text.translate(_MODEL_CHARACTERS)
    try:
        plain.encode("utf-8")
    except UnicodeEncodeError:
        plain = "".join("\ufffd" if ord(c) in _SURROGATES else c for c in plain)
    return plain


@dataclass(frozen=True, slots=True)
class Window:
    """A run of a sentence's tokens that goes through the model at once.

    Attributes:
        first: index, among the sentence's tokens, of the window's first one.
        ids: int64 [n + 2], with the tokenizer's special tokens at both ends.
        quotation: int64 [n + 2], 1 on tokens inside a quotation.
    """

    first: int
    ids: np.ndarray
    quotation: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class EncodedSentence:
    """One sentence as model input.

    Attributes:
        offsets: int64 [tokens, 2], code points of each token in the sentence, half-open; special tokens left out.
        windows: at least one; together they cover all tokens, each overlapping the next.
    """

    offsets: np.ndarray
    windows: tuple[Window, ...]

    def __len__(self) -> int:
        return len(self.offsets)

    def merge(self, per_window: Sequence[np.ndarray]) -> np.ndarray:
        """Put per-token values of the windows together, each token's from the window where it is farthest from an edge.

        Args:
            per_window: for each window, float [len(window), k], special tokens included.

        Returns:
            float [tokens, k].
        """
        inner = [values[1 : len(window) - 1] for window, values in zip(self.windows, per_window, strict=True)]
        if len(inner) == 1:
            return inner[0]
        merged = np.empty((len(self.offsets), inner[0].shape[1]), dtype=inner[0].dtype)
        ends = [window.first + len(values) for window, values in zip(self.windows, inner, strict=True)]
        # Neighbours hand over in the middle of what they share.
        cuts = [0, *((b.first + end) // 2 for end, b in zip(ends, self.windows[1:], strict=False)), len(merged)]
        for window, values, (low, high) in zip(self.windows, inner, pairwise(cuts), strict=True):
            merged[low:high] = values[low - window.first : high - window.first]
        return merged


class SentenceEncoder:
    """Turns sentences into model input.

    Args:
        tokenizer: a fast tokenizer that adds one special token at each end.
        max_length: tokens in a window, special tokens included.
        overlap: tokens that neighbouring windows share; a quarter of a window when ``None``.
    """

    def __init__(self, tokenizer: Tokenizer, *, max_length: int = 256, overlap: int | None = None) -> None:
        overlap = max_length // 4 if overlap is None else overlap
        if not 0 <= overlap < max_length - 2:
            raise ValueError(f"overlap is {overlap}; expected 0 <= overlap < max_length - 2 = {max_length - 2}")
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.overlap = overlap

    @classmethod
    def from_file(cls, path: Path, *, max_length: int = 256, overlap: int | None = None) -> SentenceEncoder:
        """Read a ``tokenizer.json``.

        Raises:
            CheckpointError: the file is missing or not a tokenizer.
        """
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises bare Exception
            raise CheckpointError(
                f"{path} cannot be read as a tokenizer: {error}", expected="a tokenizer.json of a fast tokenizer"
            ) from error
        return cls(tokenizer, max_length=max_length, overlap=overlap)

    @cached_property
    def special_ids(self) -> tuple[int, int]:
        """Ids of the special tokens before and after a sentence (BERT: [CLS] and [SEP])."""
        ids = self.tokenizer.encode("").ids
        if len(ids) != 2:
            raise CheckpointError(
                f"the tokenizer adds {len(ids)} special tokens to a sentence",
                expected="one before and one after (BERT, RoBERTa, XLM-R, DeBERTa, … do so)",
            )
        return ids[0], ids[1]

    def encode(self, texts: Sequence[str], states: Sequence[QuotationState] | None = None) -> list[EncodedSentence]:
        """Tokenize sentences.

        Args:
            texts: sentences of any length; an empty one has no tokens and one window of special tokens only.
            states: the quotation state in which each sentence starts; outside any quotation when ``None``.
        """
        states = [QuotationState()] * len(texts) if states is None else states
        encoded = self.tokenizer.encode_batch([model_text(text) for text in texts], add_special_tokens=False)
        return [
            self._windowed(
                np.asarray(e.ids, dtype=np.int64),
                np.asarray(e.offsets, dtype=np.int64).reshape(-1, 2),
                quotation_mask(text, state),
            )
            for e, text, state in zip(encoded, texts, states, strict=True)
        ]

    def _windowed(self, ids: np.ndarray, offsets: np.ndarray, inside: np.ndarray) -> EncodedSentence:
        """Cut the tokens of one sentence into windows; ``inside`` is bool [code points]."""
        if len(ids):
            # A token of no width (some tokenizers make them) reads the state of the code point it stands before.
            starts = np.minimum(offsets[:, 0], len(inside) - 1)
            quotation = inside[starts] | inside[np.clip(offsets[:, 1] - 1, 0, len(inside) - 1)]
        else:
            quotation = np.zeros(0, dtype=bool)
        size = self.max_length - 2
        firsts = [0]
        while firsts[-1] + size < len(ids):
            firsts.append(min(firsts[-1] + size - self.overlap, len(ids) - size))
        before, after = self.special_ids
        windows = tuple(
            Window(
                first,
                np.concatenate(([before], ids[first : first + size], [after])).astype(np.int64),
                np.concatenate(([False], quotation[first : first + size], [False])).astype(np.int64),
            )
            for first in firsts
        )
        return EncodedSentence(offsets, windows)


def quotation_mask(text: str, state: QuotationState) -> np.ndarray:
    """Which code points of a sentence stand inside a quotation: bool [max(1, len(text))]."""
    if not text:
        return np.zeros(1, dtype=bool)
    return np.asarray(scan(text, state).mask, dtype=bool)
