"""The sentences that a benchmark labels, in an order of which every stretch has lengths as the whole has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np

from framing.codebook import Codebook
from framing.errors import InputError, UnreadableFileError
from framing.markup import parse, read_rows
from framing.model.encoding import SentenceEncoder, model_text

#: Where a checkout keeps its seeds; an installed package has none.
SEEDS = Path(__file__).parents[2] / "seeds"


@dataclass(frozen=True, slots=True)
class Texts:
    """Sentences and where they come from.

    Attributes:
        origin: for people and records.
        sentences: in the order of their source.
    """

    origin: str
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LengthDistribution:
    """Tokens of a sentence, the special ones at its ends included, over a set of sentences.

    Attributes:
        p5, p50, p95: percentiles.
        mean: of all.
    """

    p5: float
    p50: float
    p95: float
    mean: float

    @classmethod
    def of(cls, tokens: np.ndarray) -> Self:
        """Of sentences with these numbers of tokens, int [sentences], at least one."""
        p5, p50, p95 = (round(float(value), 1) for value in np.percentile(tokens, (5, 50, 95)))
        return cls(p5, p50, p95, round(float(tokens.mean()), 1))


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
    def of(cls, texts: Texts, encoder: SentenceEncoder, *, seed: int = 13, longest: int | None = None) -> Self:
        """Count tokens and order the sentences so that every stretch of them has lengths as the whole has them.

        Sentences are drawn by the rank of their length along Halton's sequence in base 2 (van der Corput 1935), which
        fills an interval evenly from its first points on; among equals the order is random.

        Args:
            texts: at least one.
            encoder: of the model.
            seed: of the order among sentences of the same length.
            longest: sentences of more tokens are left out.

        Raises:
            InputError: no sentence is left.
        """
        encoded = encoder.tokenizer.encode_batch([model_text(sentence) for sentence in texts.sentences])
        tokens = np.array([len(e.ids) for e in encoded], dtype=np.int64)
        kept = np.flatnonzero(tokens <= (tokens.max(initial=0) if longest is None else longest))
        if not len(kept):
            raise InputError(
                f"{texts.origin}: no sentence to measure on",
                expected="at least one sentence" + (f" of at most {longest} tokens" if longest else ""),
            )
        order = kept[_even_order(tokens[kept], seed)]
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
        lengths = LengthDistribution.of(self.tokens)
        return {
            "origin": self.origin,
            "sentences": len(self),
            "tokens_p5": lengths.p5,
            "tokens_p50": lengths.p50,
            "tokens_p95": lengths.p95,
            "tokens_mean": lengths.mean,
        }


def take(sentences: Sequence[str], first: int, count: int) -> list[str]:
    """``count`` sentences from place ``first`` on; after the last comes the first again, as another sentence.

    The labeler computes sentences that repeat once, which is not to be measured here. So in the second turn through
    the sentences their words stand rotated by one, in the third by two: other sentences of the same tokens.
    """
    return [
        _rotated(sentences[place % len(sentences)], place // len(sentences)) for place in range(first, first + count)
    ]


def find_texts(file: Path | None, codebook: Codebook, seeds: Path = SEEDS) -> Texts:
    """The user's sentences; without any, the seeds of the checkout; in an installed package, the codebook's examples.

    Args:
        file: UTF-8, one sentence a line; empty lines do not count.
        codebook: whose examples serve where nothing else does.
        seeds: folder of marked sentences, which need not be there.

    Raises:
        UnreadableFileError: the file is missing or is not UTF-8.
        InputError: it has no sentence.
    """
    if file is not None:
        return Texts(file.name, _read_lines(file))
    files = sorted(seeds.glob("*.tsv"))
    if files:
        return Texts("seeds", tuple(row.sentence.text for row in chain.from_iterable(map(read_rows, files))))
    examples = chain.from_iterable(label.examples for label in codebook.labels)
    return Texts(f"examples of the codebook {codebook.name}", tuple(parse(example).text for example in examples))


def _rotated(sentence: str, by: int) -> str:
    if by == 0:
        return sentence
    words = sentence.split()
    start = by % max(1, len(words))
    return " ".join(words[start:] + words[:start])


def _read_lines(file: Path) -> tuple[str, ...]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"{file} cannot be read: {error}", expected="UTF-8, one sentence a line") from error
    sentences = tuple(line.strip() for line in lines if line.strip())
    if not sentences:
        raise InputError(f"{file} has no sentence", expected="one sentence a line")
    return sentences


def _even_order(lengths: np.ndarray, seed: int) -> np.ndarray:
    """Places of the lengths in an order of which every stretch is spread evenly over them; int64 [lengths]."""
    from scipy.stats.qmc import Halton

    shuffled = np.random.default_rng(seed).permutation(len(lengths))
    by_length = shuffled[np.argsort(lengths[shuffled], kind="stable")]
    points = Halton(d=1, scramble=False).random(len(lengths))[:, 0]
    ranks = np.argsort(np.argsort(points))
    return np.asarray(by_length[ranks])
