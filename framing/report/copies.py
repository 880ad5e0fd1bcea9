"""Documents that are copies of one another: wire stories that several outlets run, and stories that come twice.

The likeness of two texts is that of their sets of five words in a row (Jaccard); texts are compared whose sets share
one of their smallest hashes, which near copies all but surely do (Broder 1997).
"""

from __future__ import annotations

import re
import zlib
from collections import defaultdict

import numpy as np
import numpy.typing as npt

from framing.compare.columns import Corpus

Array = npt.NDArray[np.int64]

#: Sets that are at least so alike are of copies.
LEAST_ALIKE = 0.8
_WORDS_IN_A_ROW = 5
_SMALLEST = 16
#: Words of a document that are looked at.
_MOST_WORDS = 3_000
#: Documents among which near copies are looked for; of more, those that are equal word by word.
_MOST_DOCUMENTS = 20_000
_WORD = re.compile(r"\w+")


def copies(corpus: Corpus) -> Array:
    """For each document the first one that it is a copy of, itself where it is none's: int64 [documents].

    Args:
        corpus: of whose sentences the words are compared; leave page debris out beforehand.
    """
    words: list[list[str]] = [[] for _ in range(len(corpus))]
    document = corpus.codes("sentences", "document").tolist()
    for place, text in zip(document, corpus.sentences.column("text").to_pylist(), strict=True):
        if len(words[place]) < _MOST_WORDS:
            words[place].extend(_WORD.findall(text.lower()[: 20 * _MOST_WORDS]))
    near = len(corpus) <= _MOST_DOCUMENTS
    original = np.arange(len(corpus), dtype=np.int64)
    sets: dict[int, frozenset[int]] = {}
    by_hash: dict[int, list[int]] = defaultdict(list)
    for number, own in enumerate(words):
        hashes = _hashes(own) if near else frozenset({zlib.crc32(" ".join(own).encode())})
        smallest = sorted(hashes)[:_SMALLEST]
        for other in dict.fromkeys(other for one in smallest for other in by_hash[one]):
            if _alike(hashes, sets[other]) >= LEAST_ALIKE:
                original[number] = other
                break
        else:
            sets[number] = hashes
            for one in smallest:
                by_hash[one].append(number)
    return original


def _hashes(words: list[str]) -> frozenset[int]:
    rows = range(max(1, len(words) - _WORDS_IN_A_ROW + 1))
    return frozenset(zlib.crc32(" ".join(words[row : row + _WORDS_IN_A_ROW]).encode()) for row in rows)


def _alike(one: frozenset[int], other: frozenset[int]) -> float:
    return len(one & other) / len(one | other)
