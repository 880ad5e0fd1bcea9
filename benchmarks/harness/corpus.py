"""The sentences that systems label, in an order in which every stretch has the same mix of lengths as the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from framing.errors import InputError
from framing.model.encoding import SentenceEncoder
from framing.speed import Texts, count_tokens, percentiles


@dataclass(frozen=True, slots=True)
class Corpus:
    """Sentences to be labelled round by round.

    Attributes:
        origin: where they come from.
        sentences: in their order.
        tokens: int64 [sentences], tokens of each as the model reads it, the special ones at its ends included.
    """

    origin: str
    sentences: tuple[str, ...]
    tokens: np.ndarray

    @classmethod
    def of(cls, texts: Texts, encoder: SentenceEncoder, *, seed: int = 13) -> Self:
        """Count tokens and put the sentences in order.

        They are drawn by the rank of their length along van der Corput's sequence in base 2 (1935), which fills an
        interval evenly from its first points on; among equals the order is random.

        Args:
            texts: at least one sentence.
            encoder: of the model.
            seed: of the order among sentences of the same length.
        """
        tokens = count_tokens(encoder, texts.sentences)
        shuffled = np.random.default_rng(seed).permutation(len(tokens))
        by_length = shuffled[np.argsort(tokens[shuffled], kind="stable")]
        places = np.arange(len(tokens))
        points = sum((places >> bit & 1) / 2 ** (bit + 1) for bit in range(len(tokens).bit_length()))
        order = by_length[np.argsort(np.argsort(points))]
        return cls(texts.origin, tuple(texts.sentences[i] for i in order), tokens[order])

    def __len__(self) -> int:
        return len(self.sentences)

    def tokens_of(self, first: int, count: int) -> np.ndarray:
        """Tokens of ``count`` sentences from place ``first`` on; after the last comes the first again."""
        return self.tokens[np.arange(first, first + count) % len(self)]

    def select(self, shortest: int, longest: int) -> Corpus:
        """Those of at least ``shortest`` and at most ``longest`` tokens, in the same order.

        Raises:
            InputError: there is none.
        """
        places = np.flatnonzero((self.tokens >= shortest) & (self.tokens <= longest))
        if not len(places):
            raise InputError(
                f"{self.origin}: no sentence of {shortest} to {longest} tokens",
                expected=f"lengths between {self.tokens.min()} and {self.tokens.max()}",
            )
        return Corpus(self.origin, tuple(self.sentences[i] for i in places), self.tokens[places])

    def describe(self) -> dict[str, Any]:
        """Origin, number and length distribution, JSON-ready."""
        lengths = {**percentiles(self.tokens, (5, 50, 95)), "mean": float(self.tokens.mean())}
        rounded = {f"tokens_{name}": round(value, 1) for name, value in lengths.items()}
        return {"origin": self.origin, "sentences": len(self), **rounded}
