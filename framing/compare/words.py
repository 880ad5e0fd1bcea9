"""The words that are most typical of a group.

Log-odds with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008, "Fightin' Words"). With ``y_w`` the
count of word w among the n words of the group, ``y'_w`` and ``n'`` those of all other groups, and ``a_w`` the prior,
the share of the word in the whole corpus times ``a``,

    delta_w = log((y_w + a_w) / (n + a - y_w - a_w)) - log((y'_w + a_w) / (n' + a - y'_w - a_w))
    z_w     = delta_w / sqrt(1 / (y_w + a_w) + 1 / (y'_w + a_w)).

The variance takes words as independent, which those of one document are not: z ranks words and tests nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from framing.compare.columns import Corpus

Array = npt.NDArray[Any]

#: Sentences whose words are counted at once.
_CHUNK = 100_000


@dataclass(frozen=True, slots=True)
class TypicalWord:
    """A word of a group.

    Attributes:
        group: its number.
        word: in lower case.
        count: in the group.
        documents: of the group that have it.
        log_odds, z: against all other groups; positive for more than theirs.
    """

    group: int
    word: str
    count: int
    documents: int
    log_odds: float
    z: float


def log_odds(count: Array, overall: Array, size: Array, total: float, *, prior: float = 500.0) -> tuple[Array, Array]:
    """Log-odds ratios of words of groups against all other groups, and z: float64, of the shape of ``count``.

    Args:
        count: of a word in a group.
        overall: of the word in all groups.
        size: words of the group.
        total: words of all groups.
        prior: ``a``, the words that the prior is worth.
    """
    a = prior * overall / total
    others, others_size = overall - count, total - size
    with np.errstate(all="ignore"):  # of one word in all nothing can be told: nan
        own = np.log((count + a) / (size + prior - count - a))
        delta = own - np.log((others + a) / (others_size + prior - others - a))
    return delta, delta / np.sqrt(1 / (count + a) + 1 / (others + a))


def typical_words(
    corpus: Corpus, group: Array, groups: int, *, most: int = 20, least_documents: int = 3, prior: float = 500.0
) -> list[TypicalWord]:
    """The words with the highest z of each group.

    Args:
        corpus: whose sentences are read.
        group: int64 [documents], from 0; -1 for none.
        groups: how many there are.
        most: words of a group.
        least_documents: of a group that must have a word: one article's names are typical of the article.
        prior: see :func:`log_odds`.
    """
    words, document, word, count = _document_words(corpus)
    own = group[document]
    inside = own >= 0
    own, word, count = own[inside], word[inside], count[inside]
    if groups < 2 or not len(word):
        return []
    # Words that come in a group, and no others: groups by periods have few words each.
    cells, place, documents = np.unique(own * len(words) + word, return_inverse=True, return_counts=True)
    counts = np.bincount(place, count)
    cell_group, cell_word = np.divmod(cells, len(words))
    overall, size = np.bincount(word, count), np.bincount(own, count)
    delta, z = log_odds(counts, overall[cell_word], size[cell_group], float(size.sum()), prior=prior)
    typical = np.flatnonzero((documents >= least_documents) & (z > 0))
    order = typical[np.lexsort((-z[typical], cell_group[typical]))]
    rank = np.arange(len(order)) - np.searchsorted(cell_group[order], cell_group[order])
    return [
        TypicalWord(
            int(cell_group[i]), words[cell_word[i]], int(counts[i]), int(documents[i]), float(delta[i]), float(z[i])
        )
        for i in order[rank < most]
    ]


def _document_words(corpus: Corpus) -> tuple[list[str], Array, Array, Array]:
    """The vocabulary, and document, word and count of every pair that comes: int64 each."""
    place: dict[str, int] = {}
    parts = []
    sentence_document = corpus.codes("sentences", "document")
    for first, texts in _chunks(corpus):
        pieces = pc.split_pattern_regex(pc.utf8_lower(texts), r"[^\p{L}'’-]+")
        encoded = pc.list_flatten(pieces).combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        parents = np.asarray(pc.list_parent_indices(pieces)) + first
        local = [word.strip("'’-") for word in encoded.dictionary.to_pylist()]
        known = np.array([place.setdefault(w, len(place)) if len(w) > 1 else -1 for w in local], dtype=np.int64)
        word = known[np.asarray(encoded.indices).astype(np.int64)]
        kept = word >= 0
        pairs = (sentence_document[parents[kept]] << 32) | word[kept]
        parts.append(np.unique(pairs, return_counts=True))
    # A document may lie on both sides of a cut.
    pairs, inverse = np.unique(np.concatenate([pair for pair, _ in parts]), return_inverse=True)
    count = np.bincount(inverse, np.concatenate([number for _, number in parts])).astype(np.int64)
    return list(place), pairs >> 32, pairs & 0xFFFFFFFF, count


def _chunks(corpus: Corpus) -> Iterator[tuple[int, Any]]:
    texts = corpus.sentences.column("text")
    for first in range(0, len(texts), _CHUNK):
        yield first, pa.chunked_array([texts.slice(first, _CHUNK).combine_chunks()])
