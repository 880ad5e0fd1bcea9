"""Text to model input: tokens, their offsets, their quotation state, and windows over long sentences.

Training, labelling and all engines use it, so a model gets the same input in training and in use. Sentences are kept in
columns, with one array for the tokens of all of them, so that engines and decoders need no Python code per sentence; an
object for a single sentence is made on request. Needs only ``tokenizers``, numpy and pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
from tokenizers import Tokenizer

from framing.errors import CheckpointError
from framing.model.ragged import count_up, starts_of
from framing.model.wordpiece import Tokens, WordPiece, tokenize
from framing.text.characters import letters_of, model_view
from framing.text.quotations import OUTSIDE, QuotationState, may_quote, scan

#: The most tokens of a sentence that are read. An hour and a half of speech without a full stop has as many; more are
#: no sentence, and would take minutes.
LONGEST_SENTENCE = 1 << 14


@dataclass(frozen=True, slots=True)
class Window:
    """A run of a sentence's tokens that the model reads at once.

    Attributes:
        first: index of its first token among the sentence's tokens.
        ids: int64 [n + 2], with the tokenizer's special tokens at both ends.
        quotation: int64 [n + 2], 1 on tokens inside a quotation.
    """

    first: int
    ids: np.ndarray
    quotation: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of several sentences, in columns: int64 [windows], sentence after sentence.

    Attributes:
        sentence: index of the sentence.
        first: index of the window's first token among the sentence's tokens.
        length: how many tokens it has, without special tokens.
        owned_first, owned_end: the tokens of the sentence whose logits come from this window, half-open. Each token
            belongs to the window where it is farthest from an edge.
    """

    sentence: np.ndarray
    first: np.ndarray
    length: np.ndarray
    owned_first: np.ndarray
    owned_end: np.ndarray

    def __len__(self) -> int:
        return len(self.sentence)

    def __getitem__(self, wanted: np.ndarray) -> Windows:
        """The windows with the given indices."""
        columns = (self.sentence, self.first, self.length, self.owned_first, self.owned_end)
        return Windows(*(column[wanted] for column in columns))


@dataclass(frozen=True, slots=True)
class Windowing:
    """How sentences are cut into windows.

    Attributes:
        size: tokens in a window, without special tokens.
        overlap: the least number of tokens that neighbouring windows share.
        before, after: ids of the special tokens at the ends of a window.
    """

    size: int
    overlap: int
    before: int
    after: int

    def cut(self, counts: np.ndarray) -> Windows:
        """The windows of sentences, at least one for each.

        Args:
            counts: int64 [sentences], tokens of each sentence, without special tokens.
        """
        step = self.size - self.overlap
        beyond = np.maximum(counts - self.size, 0)
        windows = 1 + -(-beyond // step)
        sentence = np.repeat(np.arange(len(counts)), windows)
        number = count_up(0, windows)
        first = np.minimum(number * step, beyond[sentence])
        length = np.minimum(counts, self.size)[sentence]
        # The middle of the shared tokens divides them between two neighbours.
        handover = (first[1:] + first[:-1] + length[:-1]) // 2
        follows = number[1:] > 0
        owned_first, owned_end = np.zeros(len(first), dtype=np.int64), counts[sentence]
        owned_first[1:][follows] = handover[follows]
        owned_end[:-1][follows] = handover[follows]
        return Windows(sentence, first, length, owned_first, owned_end)


@dataclass(frozen=True, slots=True)
class EncodedSentence:
    """One sentence as model input.

    Attributes:
        ids: int64 [tokens], without special tokens, here and below.
        offsets: int64 [tokens, 2], code points of each token in the sentence, half-open.
        quotation: bool [tokens], whether a token stands inside a quotation.
        windowing: how the sentence is cut into windows.
    """

    ids: np.ndarray
    offsets: np.ndarray
    quotation: np.ndarray
    windowing: Windowing

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def windows(self) -> tuple[Window, ...]:
        """The sentence's windows, at least one. Together they cover all tokens."""
        rule = self.windowing
        cut = self._cut()
        ends = (cut.first + cut.length).tolist()
        return tuple(
            Window(
                first,
                np.concatenate(([rule.before], self.ids[first:end], [rule.after])).astype(np.int64),
                np.concatenate(([False], self.quotation[first:end], [False])).astype(np.int64),
            )
            for first, end in zip(cut.first.tolist(), ends, strict=True)
        )

    def merge(self, per_window: Sequence[np.ndarray]) -> np.ndarray:
        """Merge the values of tokens: each token's come from the window where it is farthest from an edge.

        Args:
            per_window: for each window, float [len(window), k], special tokens included.

        Returns:
            float [tokens, k].
        """
        cut = self._cut()
        rows = zip(
            per_window, (cut.owned_first - cut.first).tolist(), (cut.owned_end - cut.first).tolist(), strict=True
        )
        return np.concatenate([values[1 + low : 1 + high] for values, low, high in rows])

    def _cut(self) -> Windows:
        return self.windowing.cut(np.array([len(self)]))


@dataclass(frozen=True, slots=True, eq=False)
class EncodedSentences(Sequence[EncodedSentence]):
    """Sentences as model input, in columns: the tokens of all sentences, one after the other, without special tokens.

    Attributes:
        ids: int64 [tokens].
        offsets: int64 [tokens, 2], code points of each token in its sentence, half-open.
        quotation: bool [tokens], whether a token stands inside a quotation.
        starts: int64 [sentences + 1]; sentence ``i`` has the tokens ``starts[i]:starts[i + 1]``.
        windowing: how sentences are cut into windows.
    """

    ids: np.ndarray
    offsets: np.ndarray
    quotation: np.ndarray
    starts: np.ndarray
    windowing: Windowing

    @classmethod
    def of(cls, sentences: Sequence[EncodedSentence]) -> EncodedSentences:
        """Put sentences into columns: one or more, all from one encoder."""
        if isinstance(sentences, EncodedSentences):
            return sentences
        return cls(
            np.concatenate([sentence.ids for sentence in sentences]),
            np.concatenate([sentence.offsets for sentence in sentences]),
            np.concatenate([sentence.quotation for sentence in sentences]),
            starts_of(np.array([len(sentence) for sentence in sentences])),
            sentences[0].windowing,
        )

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, index: int) -> EncodedSentence: ...
    @overload
    def __getitem__(self, index: slice) -> list[EncodedSentence]: ...
    def __getitem__(self, index: int | slice) -> EncodedSentence | list[EncodedSentence]:
        numbers = range(len(self))[index]
        return self._sentence(numbers) if isinstance(numbers, int) else [self._sentence(i) for i in numbers]

    def __iter__(self) -> Iterator[EncodedSentence]:
        return map(self._sentence, range(len(self)))

    def _sentence(self, number: int) -> EncodedSentence:
        tokens = slice(self.starts[number], self.starts[number + 1])
        return EncodedSentence(self.ids[tokens], self.offsets[tokens], self.quotation[tokens], self.windowing)

    def cut_short(self, texts: Sequence[str]) -> dict[int, int]:
        """The sentences of which only the beginning was taken: index -> code points that were taken.

        Args:
            texts: the sentences.
        """
        full = np.flatnonzero(np.diff(self.starts) >= LONGEST_SENTENCE).tolist()
        ends = {i: int(self.offsets[self.starts[i + 1] - 1, 1]) for i in full}
        return {i: end for i, end in ends.items() if texts[i][end:].strip()}

    def windows(self) -> Windows:
        """The windows of all sentences; at least one for each, which may have no tokens."""
        return self.windowing.cut(np.diff(self.starts))


class SentenceEncoder:
    """Turns sentences into model input.

    Args:
        tokenizer: a fast tokenizer that adds one special token at each end; truncation and padding are switched off.
        max_length: tokens in a window, special tokens included.
        overlap: the least number of tokens that neighbouring windows share; a quarter of ``max_length`` if ``None``.

    Raises:
        ValueError: ``overlap`` is too large.
    """

    def __init__(self, tokenizer: Tokenizer, *, max_length: int = 256, overlap: int | None = None) -> None:
        overlap = max_length // 4 if overlap is None else overlap
        if not 0 <= overlap < max_length - 2:
            raise ValueError(f"overlap is {overlap}; expected 0 <= overlap < max_length - 2 = {max_length - 2}")
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer = tokenizer
        self._word_piece = WordPiece(tokenizer) if WordPiece.serves(tokenizer) else None
        self.max_length = max_length
        self.overlap = overlap

    @classmethod
    def from_file(cls, path: Path, *, max_length: int = 256, overlap: int | None = None) -> SentenceEncoder:
        """Read a ``tokenizer.json``.

        Raises:
            CheckpointError: the file is missing, or is not a usable tokenizer.
        """
        try:
            tokenizer = Tokenizer.from_file(str(path))
            tokenizer.encode("\U00010380")  # a tokenizer without a token for unknown characters fails now
        except Exception as error:  # tokenizers raises bare Exception
            raise CheckpointError(
                f"{path} cannot be read as a tokenizer: {error}", expected="a tokenizer.json of a fast tokenizer"
            ) from error
        return cls(tokenizer, max_length=max_length, overlap=overlap)

    @cached_property
    def special_ids(self) -> tuple[int, int]:
        """Ids of the special tokens before and after a sentence (BERT: [CLS] and [SEP]).

        Raises:
            CheckpointError: the tokenizer does not add one token at each end.
        """
        ids = self.tokenizer.encode("").ids
        if len(ids) != 2:
            raise CheckpointError(
                f"the tokenizer adds {len(ids)} special tokens to a sentence",
                expected="one before and one after (BERT, RoBERTa, XLM-R, DeBERTa, … do so)",
            )
        return ids[0], ids[1]

    @cached_property
    def _windowing(self) -> Windowing:
        return Windowing(self.max_length - 2, self.overlap, *self.special_ids)

    def encode(self, texts: Sequence[str], states: Sequence[QuotationState] | None = None) -> EncodedSentences:
        """Tokenize sentences.

        Args:
            texts: sentences; an empty one has no tokens, and one window of only special tokens. Of one with more than
                :data:`LONGEST_SENTENCE` tokens, these are taken (:meth:`EncodedSentences.cut_short`).
            states: the quotation state in which each sentence starts; outside any quotation if ``None``.

        Raises:
            ValueError: there are more or fewer states than texts.
        """
        if states is not None and len(states) != len(texts):
            raise ValueError(f"{len(states)} states for {len(texts)} sentences; expected one for each")
        plain = [model_view(text) for text in texts]
        joined = {i: letters for i, text in enumerate(plain) if (letters := letters_of(text)) is not None}
        for i, letters in joined.items():
            plain[i] = letters.text
        tokens = self._word_piece.tokenize(plain) if self._word_piece else tokenize(self.tokenizer, plain)
        if np.diff(tokens.starts).max(initial=0) > LONGEST_SENTENCE:
            tokens = _shortened(tokens)
        for i, letters in joined.items():
            offsets = tokens.offsets[tokens.starts[i] : tokens.starts[i + 1]]
            at = np.array([*letters.origins, len(texts[i])])
            ends = np.where(offsets[:, 1] > offsets[:, 0], at[offsets[:, 1] - 1] + 1, at[offsets[:, 0]])
            offsets[:] = np.stack([at[offsets[:, 0]], ends], axis=1)
        quotation = _quotation(tokens, texts, states or [OUTSIDE] * len(texts))
        return EncodedSentences(tokens.ids, tokens.offsets, quotation, tokens.starts, self._windowing)


def _shortened(tokens: Tokens) -> Tokens:
    """The first tokens of each text, :data:`LONGEST_SENTENCE` at most."""
    counts = np.minimum(np.diff(tokens.starts), LONGEST_SENTENCE)
    kept = count_up(tokens.starts[:-1], counts)
    return Tokens(tokens.ids[kept], tokens.offsets[kept], starts_of(counts))


def _quotation(tokens: Tokens, texts: Sequence[str], states: Sequence[QuotationState]) -> np.ndarray:
    """Whether the first or the last code point of each token stands inside a quotation; bool [tokens]."""
    quotation = np.zeros(len(tokens.ids), dtype=bool)
    begun = zip(texts, states, strict=True)
    # All tokens of the other sentences stand outside.
    asked = [i for i, (text, state) in enumerate(begun) if state.inside or may_quote(text)]
    mask = np.frombuffer(b"".join(bytes(scan(texts[i], states[i]).mask) for i in asked), dtype=bool)
    if not mask.any():
        return quotation
    lengths = np.array([len(texts[i]) for i in asked])
    counts = np.diff(tokens.starts)[asked]
    token = count_up(tokens.starts[asked], counts)
    base, final = np.repeat(starts_of(lengths)[:-1], counts), np.repeat(lengths - 1, counts)
    # An empty token (some tokenizers make them) has the state of the code point after it.
    first = np.minimum(tokens.offsets[token, 0], final)
    last = np.clip(tokens.offsets[token, 1] - 1, 0, final)
    quotation[token] = mask[base + first] | mask[base + last]
    return quotation
