"""Documents that are copies of one another: wire stories that several outlets run, and stories that come twice.

The likeness of two texts is the Jaccard index of their sets of five words in a row (shingles). Candidates are texts
whose minimal hashes agree in one band at least (MinHash: Broder 1997; banding: Leskovec, Rajaraman and Ullman, Mining
of Massive Datasets, section 3.4); their likeness is then computed exactly. With 30 bands of three hashes, two texts of
a likeness of 0.6 become candidates with a probability of 0.999.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from framing.compare.columns import Corpus
from framing.errors import SettingError

Array = npt.NDArray[Any]

#: Texts that are at least so alike are copies. Reworked wire stories come to 0.7, two reports of one event to 0.05.
LEAST_ALIKE = 0.6

_WORDS_IN_A_ROW = 5
_BANDS, _HASHES_OF_BAND = 30, 3
#: Texts of one band that are compared with each other; beyond, with the first one.
_NEIGHBOURS = 32
#: Sentences that are cut into words at once.
_CHUNK = 100_000
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def copies(corpus: Corpus, *, least_alike: float = LEAST_ALIKE) -> Array:
    """For each document the earliest one that it copies, itself where it copies none: int64 [documents].

    Copies of copies are copies. Of documents of one day, and of those without a date, which come last, the first in
    the corpus is the earliest.

    Args:
        corpus: of whose sentences the words are compared; leave page debris out beforehand.
        least_alike: Jaccard index from which texts are copies, in (0, 1].

    Raises:
        SettingError: it is out of range.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not 0 < least_alike <= 1:
        raise SettingError(f"copies from a likeness of {least_alike}", expected="a number in (0, 1]")
    shingles, starts, documents = _shingles(corpus)
    pairs = documents[_alike(shingles, starts, _candidates(shingles, starts), least_alike)]
    count = len(corpus)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, part = connected_components(graph, directed=False)
    order = by_day(corpus)
    _, first = np.unique(part[order], return_index=True)
    return np.asarray(order[first][part], dtype=np.int64)


def counted_once(corpus: Corpus, original: Array, group: Array) -> Array:
    """Which documents are counted where copies count once per group: bool [documents].

    Args:
        corpus: of the documents.
        original: int64 [documents], as of :func:`copies`.
        group: int64 [documents]; the earliest copy of a group is counted.
    """
    order = by_day(corpus)
    _, first = np.unique((group * len(corpus) + original)[order], return_index=True)
    kept = np.zeros(len(corpus), dtype=bool)
    kept[order[first]] = True
    return kept | (group < 0)


def by_day(corpus: Corpus) -> Array:
    """Documents in the order of their days, those without one last; else as they stand in the corpus: int64."""
    days = np.asarray(corpus.documents.column("day").cast(pa.int32()).fill_null(2**31 - 1))
    return np.argsort(days, kind="stable")


def _shingles(corpus: Corpus) -> tuple[Array, Array, Array]:
    """Hashes of shingles, uint64, ascending and different in each document; where each begins; the documents."""
    words, document = _words(corpus)
    documents, first, count = np.unique(document, return_index=True, return_counts=True)
    owner = np.repeat(np.arange(len(documents)), count)
    # A text of fewer words is one shingle; what lies behind its end counts as nothing.
    place = np.arange(len(words)) - first[owner]
    hashes = np.zeros(len(words), dtype=np.uint64)
    for step in range(_WORDS_IN_A_ROW):
        rest = words[step:]
        following = np.zeros(len(words), dtype=np.uint64)
        following[: len(rest)] = rest
        following[place + step >= count[owner]] = 0
        hashes = (hashes ^ following) * _FACTOR
        hashes ^= hashes >> np.uint64(29)
    whole = place <= np.maximum(count[owner] - _WORDS_IN_A_ROW, 0)
    hashes, owner = hashes[whole], owner[whole]
    order = np.lexsort((hashes, owner))
    hashes, owner = hashes[order], owner[order]
    new = np.ones(len(hashes), dtype=bool)
    new[1:] = (hashes[1:] != hashes[:-1]) | (owner[1:] != owner[:-1])
    starts = np.searchsorted(owner[new], np.arange(len(documents) + 1))
    return hashes[new], starts, documents


def _words(corpus: Corpus) -> tuple[Array, Array]:
    """Hashes of all words in their order, uint64, and the document of each."""
    texts = corpus.sentences.column("text")
    of_sentence = corpus.codes("sentences", "document")
    words, documents = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.int64)]
    for first in range(0, len(texts), _CHUNK):
        part = pa.chunked_array([texts.slice(first, _CHUNK).combine_chunks()])
        pieces = pc.split_pattern_regex(pc.utf8_lower(part), r"[^\p{L}\p{N}]+").combine_chunks()
        pieces = pieces.combine_chunks() if isinstance(pieces, pa.ChunkedArray) else pieces
        encoded = pc.list_flatten(pieces).dictionary_encode()
        known = np.array([zlib.crc32(word.encode()) if word else 0 for word in encoded.dictionary.to_pylist()])
        made = known.astype(np.uint64)[np.asarray(encoded.indices).astype(np.int64)]
        words.append(made[made > 0])
        documents.append(of_sentence[np.asarray(pc.list_parent_indices(pieces)) + first][made > 0])
    return np.concatenate(words), np.concatenate(documents)


def _candidates(shingles: Array, starts: Array) -> Array:
    """Pairs of texts that agree in a band, the lower number first: int64 [pairs, 2]."""
    texts = len(starts) - 1
    found = [np.empty(0, dtype=np.int64)]
    generator = np.random.default_rng(0)
    for _ in range(_BANDS if texts > 1 else 0):
        key = np.zeros(texts, dtype=np.uint64)
        for factor, added in generator.integers(0, 2**63, size=(_HASHES_OF_BAND, 2)).astype(np.uint64):
            # The upper half of a product is spread well (multiply-shift: Dietzfelbinger et al. 1997).
            smallest = np.minimum.reduceat((shingles * (factor | np.uint64(1)) + added) >> np.uint64(32), starts[:-1])
            key = (key ^ smallest) * _FACTOR
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        run = np.searchsorted(ordered, ordered)
        lags = np.arange(texts) - run
        for lag in range(1, min(int(lags.max()), _NEIGHBOURS) + 1):
            later = np.flatnonzero(lags >= lag)
            found.append(_pair_numbers(order[later], order[later - lag], texts))
        later = np.flatnonzero(lags > _NEIGHBOURS)
        found.append(_pair_numbers(order[later], order[run[later]], texts))
    pairs = np.unique(np.concatenate(found))
    return np.stack([pairs // max(texts, 1), pairs % max(texts, 1)], axis=1)


def _pair_numbers(one: Array, other: Array, texts: int) -> Array:
    return np.minimum(one, other) * texts + np.maximum(one, other)


def _alike(shingles: Array, starts: Array, pairs: Array, least: float) -> Array:
    """Those of the pairs whose likeness is high enough."""
    size = np.diff(starts)
    # The index is at most that of the sizes: most pairs are dismissed by it.
    a, b = size[pairs[:, 0]], size[pairs[:, 1]]
    pairs = pairs[np.minimum(a, b) >= least * np.maximum(a, b)]
    kept = np.zeros(len(pairs), dtype=bool)
    for number, (one, other) in enumerate(pairs.tolist()):
        first, second = shingles[starts[one] : starts[one + 1]], shingles[starts[other] : starts[other + 1]]
        common = len(np.intersect1d(first, second, assume_unique=True))
        kept[number] = common >= least * (len(first) + len(second) - common)
    return pairs[kept]
