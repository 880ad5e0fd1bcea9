"""Texts to token ids and offsets, as arrays: any fast tokenizer by Hugging Face, BERT's on a much shorter way.

BERT's tokenizer (Devlin et al. 2019) cuts a text into words at white space and punctuation and then each word into
pieces, whatever stands around it. News repeats its words, so :class:`WordPiece` has Hugging Face's tokenizer cut each
*different* word once, remembers the pieces, and puts a text together from them with a handful of array operations.
It holds no WordPiece algorithm of its own, so that ids and offsets are Hugging Face's by construction:

- Words end at ASCII white space and ASCII punctuation. All of the normalizer's steps (controls, Chinese characters,
  canonical decomposition, accents, case) work on one character, or on a base and the marks that follow it, and an ASCII
  character is no mark. So they never reach over such an end, and a word alone gives the pieces that it gives in its
  text. Other white space and punctuation stays inside a "word", and the tokenizer cuts there as ever.
- Where the tokenizer lower-cases, ASCII letters are lowered before words are compared.
- A text in which an added token such as ``[SEP]`` may occur, or with a very long word, is given to the tokenizer whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from string import punctuation

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from framing.model.ragged import count_up, starts_of

#: Fewer texts are not worth the short way: its array operations cost what some four texts cost on the long one.
FEWEST = 8
#: Words remembered at most; some 20 MB. With more, all are forgotten: the frequent ones are back at once.
MOST_WORDS = 1 << 17
#: In bytes. Longer ones are hardly words, and would make the memory of words unbounded.
LONGEST_WORD = 100

_WHITE_SPACE = b" \t\n\r"
_IN_WORD, _BETWEEN, _ALONE = 0, 1, 2
_ROLE = np.full(256, _IN_WORD, dtype=np.uint8)
_ROLE[list(_WHITE_SPACE)] = _BETWEEN
_ROLE[list(punctuation.encode())] = _ALONE
_ANY_CASE = bytes(range(256))
# Bytes that one piece takes: id, start, end.
_ROW = 3 * np.dtype(np.int32).itemsize


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of several texts, one text after the other.

    Attributes:
        ids: int64 [tokens].
        offsets: int64 [tokens, 2], code points of each in its own text, half-open.
        starts: int64 [texts + 1]; tokens ``starts[i]:starts[i + 1]`` are those of text ``i``.
    """

    ids: np.ndarray
    offsets: np.ndarray
    starts: np.ndarray


def tokenize(tokenizer: Tokenizer, texts: Sequence[str]) -> Tokens:
    """Tokenize texts with any fast tokenizer, special tokens left out."""
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    starts = starts_of(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)))
    count = int(starts[-1])
    ids = np.fromiter(chain.from_iterable(e.ids for e in encoded), dtype=np.int64, count=count)
    ends = chain.from_iterable(chain.from_iterable(e.offsets for e in encoded))
    return Tokens(ids, np.fromiter(ends, dtype=np.int64, count=2 * count).reshape(-1, 2), starts)


class WordPiece:
    """A BERT tokenizer that remembers words. Safe to use from several threads.

    Args:
        tokenizer: one that :meth:`serves`.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._case = _ANY_CASE.lower() if tokenizer.normalizer.lowercase else _ANY_CASE
        added = (token.content.encode() for token in tokenizer.get_added_tokens_decoder().values())
        self._added = [content.translate(self._case) for content in added]
        # Of each word its pieces: rows of id, start and end, int32, as bytes.
        self._pieces: dict[bytes, bytes] = {}

    @staticmethod
    def serves(tokenizer: Tokenizer) -> bool:
        """Whether a tokenizer is of the kind on which the short way gives the same."""
        return (
            isinstance(tokenizer.model, models.WordPiece)
            and isinstance(tokenizer.normalizer, normalizers.BertNormalizer)
            and isinstance(tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer)
            # Added tokens that are looked for in the normalized text could come about by normalizing, and one with a
            # blank inside by words that are learned side by side.
            and not any(t.normalized or " " in t.content for t in tokenizer.get_added_tokens_decoder().values())
        )

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Tokenize texts, exactly as :func:`tokenize` does.

        Args:
            texts: without lone surrogates.
        """
        if len(texts) < FEWEST:
            return tokenize(self._tokenizer, texts)
        words = _Words.of(texts)
        odd = self._odd(texts, words)
        if not odd:
            return self._put_together(words)
        ordinary = list(texts)
        for number in odd:
            ordinary[number] = ""
        return _interleaved(
            self._put_together(_Words.of(ordinary)), tokenize(self._tokenizer, [texts[i] for i in odd]), odd
        )

    def _odd(self, texts: Sequence[str], words: _Words) -> list[int]:
        """Which texts must be tokenized whole."""
        long = np.flatnonzero(words.end - words.start > LONGEST_WORD)
        odd = set((np.searchsorted(words.first, long, side="right") - 1).tolist())
        row = words.row.translate(self._case)
        added = [content for content in self._added if content in row]
        if added:
            folded = (text.encode().translate(self._case) for text in texts)
            odd.update(i for i, text in enumerate(folded) if any(content in text for content in added))
        return sorted(odd)

    def _put_together(self, words: _Words) -> Tokens:
        different, which = words.different(self._case)
        known = self._known(different)
        pieces = np.frombuffer(b"".join(known), dtype=np.int32).reshape(-1, 3)
        first = starts_of(np.fromiter(map(len, known), dtype=np.int64, count=len(known)) // _ROW)
        counts = np.diff(first)[which]
        piece = count_up(first[which], counts)
        offsets = pieces[piece, 1:].astype(np.int64)
        offsets += np.repeat(words.offset, counts)[:, None]
        return Tokens(pieces[piece, 0].astype(np.int64), offsets, starts_of(counts)[words.first])

    def _known(self, words: Sequence[bytes]) -> list[bytes]:
        """The pieces of each word."""
        known = list(map(self._pieces.get, words))
        new = [i for i, pieces in enumerate(known) if pieces is None]
        if new:
            learned = self._learn([words[i] for i in new])
            for i, pieces in zip(new, learned, strict=True):
                known[i] = pieces
        return known  # type: ignore[return-value]  # no None is left

    def _learn(self, words: Sequence[bytes]) -> list[bytes]:
        """Tokenize words, side by side in one text: one by one they take several times as long."""
        row = b" ".join(words).decode()
        tokens = tokenize(self._tokenizer, [row])
        lengths = np.fromiter((len(word.decode()) for word in words), dtype=np.int64, count=len(words))
        place = starts_of(lengths + 1)
        first = np.searchsorted(tokens.offsets[:, 0], place)
        offsets = tokens.offsets - np.repeat(place[:-1], np.diff(first))[:, None]
        rows = np.column_stack((tokens.ids, offsets)).astype(np.int32).tobytes()
        learned = [rows[start:end] for start, end in pairwise((first * _ROW).tolist())]
        if len(self._pieces) + len(words) > MOST_WORDS:
            self._pieces.clear()
        self._pieces.update(zip(words[:MOST_WORDS], learned, strict=False))
        return learned


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of several texts.

    Attributes:
        row: the texts in UTF-8, one after the other, a line end between them.
        start, end: int64 [words], bytes of the row.
        offset: int64 [words], code points from the start of the word's own text.
        first: int64 [texts + 1]; words ``first[i]:first[i + 1]`` are those of text ``i``.
    """

    row: bytes
    start: np.ndarray
    end: np.ndarray
    offset: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[str]) -> _Words:
        """Cut texts into words."""
        row = "\n".join(texts).encode()
        data = np.frombuffer(row, dtype=np.uint8)
        role = _ROLE[data]
        alone = role == _ALONE
        inside = np.zeros(len(row) + 2, dtype=bool)
        np.equal(role, _IN_WORD, out=inside[1:-1])
        start = np.flatnonzero(inside[1:-1] & ~inside[:-2] | alone)
        end = np.flatnonzero(inside[1:-1] & ~inside[2:] | alone) + 1
        place = start
        if not row.isascii():  # in code points: all but the second and further bytes of each
            place = start - np.cumsum(data & 0xC0 == 0x80)[start]
        text = starts_of(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1)
        first = np.searchsorted(place, text)
        return cls(row, start, end, place - np.repeat(text[:-1], np.diff(first)), first)

    def different(self, case: bytes) -> tuple[list[bytes], np.ndarray]:
        """The words that differ, each once, and which of them each word is; int [words].

        Args:
            case: translates bytes, so that words that differ in nothing else are the same.
        """
        import pyarrow

        # Without the white space the words stand wall to wall, which is how Arrow wants them.
        letters = self.row.translate(case, delete=_WHITE_SPACE)
        bounds = starts_of(self.end - self.start)
        buffers = [None, pyarrow.py_buffer(bounds), pyarrow.py_buffer(letters)]
        words = pyarrow.Array.from_buffers(pyarrow.large_binary(), len(self.start), buffers).dictionary_encode()
        # Not `to_numpy()`, which imports pandas.
        which = np.frombuffer(words.indices.buffers()[1], dtype=np.int32, count=len(self.start))
        return words.dictionary.to_pylist(), which


def _interleaved(ordinary: Tokens, others: Tokens, places: Sequence[int]) -> Tokens:
    """Tokens of all texts: ``others`` belong to the texts at ``places``, which have none among the ``ordinary``."""
    counts = np.diff(ordinary.starts)
    other_counts = np.diff(others.starts)
    text = np.concatenate((np.repeat(np.arange(len(counts)), counts), np.repeat(places, other_counts)))
    order = np.argsort(text, kind="stable")
    counts[places] = other_counts
    return Tokens(
        np.concatenate((ordinary.ids, others.ids))[order],
        np.concatenate((ordinary.offsets, others.offsets))[order],
        starts_of(counts),
    )
