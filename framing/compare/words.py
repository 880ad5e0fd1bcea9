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


def log_odds(counts: Array, *, prior: float = 500.0) -> tuple[Array, Array]:
    """Log-odds ratios against all other groups, and z: float64 [groups, words] each.

    Args:
        counts: int64 [groups, words].
        prior: ``a``, the words that the prior is worth.
    """
    counts = counts.astype(np.float64)
    overall = counts.sum(axis=0)
    a = prior * overall / overall.sum()
    n = counts.sum(axis=1, keepdims=True)
    others, others_n = overall - counts, n.sum() - n
    delta = np.log((counts + a) / (n + prior - counts - a)) - np.log((others + a) / (others_n + prior - others - a))
    return delta, delta / np.sqrt(1 / (counts + a) + 1 / (others + a))


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
    cells = own * len(words) + word
    size = groups * len(words)
    counts = np.bincount(cells, count, minlength=size).reshape(groups, len(words)).astype(np.int64)
    documents = np.bincount(cells, minlength=size).reshape(groups, len(words))
    used = counts.sum(axis=0) > 0
    places = np.flatnonzero(used)
    delta, z = log_odds(counts[:, used], prior=prior)
    found = []
    for number in range(groups):
        enough = documents[number, places] >= least_documents
        order = [i for i in np.argsort(-z[number], kind="stable") if enough[i] and z[number, i] > 0][:most]
        found += [
            TypicalWord(
                number,
                words[places[i]],
                int(counts[number, places[i]]),
                int(documents[number, places[i]]),
                float(delta[number, i]),
                float(z[number, i]),
            )
            for i in order
        ]
    return found


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
