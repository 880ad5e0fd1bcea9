"""Texts to token ids and offsets, as arrays: with any fast tokenizer of Hugging Face, and much faster for BERT's.

BERT's tokenizer (Devlin et al. 2019) cuts a text into words at white space and punctuation, and then each word into
pieces, independently of the words around it. News repeats its words, so :class:`WordPiece` gives each *different* word
to Hugging Face's tokenizer once, remembers the pieces, and assembles texts from them with a few array operations. It
has no WordPiece algorithm of its own, so ids and offsets are those of Hugging Face:

- Words end at ASCII white space and ASCII punctuation. All steps of the normalizer (controls, Chinese characters,
  canonical decomposition, accents, case) work on one character, or on a base and the marks that follow it, and an ASCII
  character is not a mark. So no step crosses the end of a word, and a word alone gives the same pieces as in its text.
  Other white space and punctuation stays inside a "word", where the tokenizer itself cuts.
- If the tokenizer lower-cases, ASCII letters are lower-cased before words are compared.
- The tokenizer gets a text whole if an added token such as ``[SEP]`` may occur in it, or if it has a very long word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from string import punctuation

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from framing.errors import CheckpointError
from framing.model.ragged import count_up, starts_of

#: Fewer texts go to the tokenizer directly: the array operations take as long as it takes for some four texts.
FEWEST = 8
#: The most words remembered, some 20 MB. Beyond that all are forgotten; the frequent ones are soon back.
MOST_WORDS = 1 << 17
#: In bytes. Longer strings are hardly words, and remembering them would need unbounded memory.
LONGEST_WORD = 100

_WHITE_SPACE = b" \t\n\r"
_IN_WORD, _BETWEEN, _ALONE = 0, 1, 2
_ROLE = np.full(256, _IN_WORD, dtype=np.uint8)
_ROLE[list(_WHITE_SPACE)] = _BETWEEN
_ROLE[list(punctuation.encode())] = _ALONE
_ANY_CASE = bytes(range(256))
# Bytes of one piece: id, start, end.
_ROW = 3 * np.dtype(np.int32).itemsize


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of several texts, one text after the other.

    Attributes:
        ids: int64 [tokens].
        offsets: int64 [tokens, 2], code points of each token in its own text, half-open.
        starts: int64 [texts + 1]; text ``i`` has the tokens ``starts[i]:starts[i + 1]``.
    """

    ids: np.ndarray
    offsets: np.ndarray
    starts: np.ndarray


def tokenize(tokenizer: Tokenizer, texts: Sequence[str]) -> Tokens:
    """Tokenize texts with any fast tokenizer, without special tokens.

    Raises:
        CheckpointError: the tokenizer fails on them.
    """
    try:
        encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    except BaseException as error:
        # A panic of the tokenizer, which is written in Rust, is no Exception; its class cannot be imported.
        if isinstance(error, Exception) or type(error).__name__ != "PanicException":
            raise
        raise CheckpointError(
            f"the checkpoint's tokenizer fails: {error}", expected="a tokenizer that can read every text"
        ) from error
    starts = starts_of(np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded)))
    count = int(starts[-1])
    ids = np.fromiter(chain.from_iterable(e.ids for e in encoded), dtype=np.int64, count=count)
    ends = chain.from_iterable(chain.from_iterable(e.offsets for e in encoded))
    return Tokens(ids, np.fromiter(ends, dtype=np.int64, count=2 * count).reshape(-1, 2), starts)


class WordPiece:
    """A BERT tokenizer that remembers words. Safe to use from several threads.

    Args:
        tokenizer: a tokenizer for which :meth:`serves` is true.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._case = _ANY_CASE.lower() if tokenizer.normalizer.lowercase else _ANY_CASE
        added = (token.content.encode() for token in tokenizer.get_added_tokens_decoder().values())
        self._added = [content.translate(self._case) for content in added]
        # Word -> its pieces: int32 rows of id, start and end, as bytes.
        self._pieces: dict[bytes, bytes] = {}

    @staticmethod
    def serves(tokenizer: Tokenizer) -> bool:
        """Whether this class gives the same tokens as the tokenizer itself."""
        return (
            isinstance(tokenizer.model, models.WordPiece)
            and isinstance(tokenizer.normalizer, normalizers.BertNormalizer)
            and isinstance(tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer)
            # Normalizing could produce an added token that is searched in normalized text, and words learned side by
            # side could produce one with a blank in it.
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
        """The indices of texts that must be tokenized whole, ascending."""
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
        """Tokenize words side by side in one text, which is several times as fast as one by one."""
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
        row: the texts in UTF-8, with a line end between two texts.
        start, end: int64 [words], half-open, in bytes of ``row``.
        offset: int64 [words], code points from the start of the word's own text.
        first: int64 [texts + 1]; text ``i`` has the words ``first[i]:first[i + 1]``.
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
        if not row.isascii():  # count code points: skip all bytes of a character except the first
            place = start - np.cumsum(data & 0xC0 == 0x80)[start]
        text = starts_of(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1)
        first = np.searchsorted(place, text)
        return cls(row, start, end, place - np.repeat(text[:-1], np.diff(first)), first)

    def different(self, case: bytes) -> tuple[list[bytes], np.ndarray]:
        """The different words, each once, and for each word the index of its own; int32 [words].

        Args:
            case: a table that translates bytes, so that words that differ only in case are the same.
        """
        import pyarrow

        # Arrow needs the words without gaps, so white space is deleted.
        letters = self.row.translate(case, delete=_WHITE_SPACE)
        bounds = starts_of(self.end - self.start)
        buffers = [None, pyarrow.py_buffer(bounds), pyarrow.py_buffer(letters)]
        words = pyarrow.Array.from_buffers(pyarrow.large_binary(), len(self.start), buffers).dictionary_encode()
        # Not `to_numpy()`, which imports pandas.
        which = np.frombuffer(words.indices.buffers()[1], dtype=np.int32, count=len(self.start))
        return words.dictionary.to_pylist(), which


def _interleaved(ordinary: Tokens, others: Tokens, places: Sequence[int]) -> Tokens:
    """Merge tokens: ``others`` belong to the texts at ``places``, which have no tokens in ``ordinary``."""
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
