"""Who is cited for what: mentions that are not in the author's voice, linked to sources of their sentence.

A mention belongs to the source in its clause, to the nearest one where there are several; without one in its clause, to
the nearest of the sentence. What is inside a quotation was said by a source outside it, if the sentence has one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from framing.model.encoding import EncodedSentences
from framing.model.ragged import count_up, starts_of

# Where a clause ends: what one source says does not reach over these.
_CLAUSE_BREAK = re.compile(
    r";|(?:,|—|–|\s-)\s*(?=(?:but|while|whereas|although|though|however|yet|and)\b)|\s(?=(?:while|whereas|but)\b)", re.I
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where some words stand; ordered by sentence; one entry of each array for each, int64.

    Attributes:
        sentence: index.
        start, end: code points from the start of the sentence, half-open.
    """

    sentence: np.ndarray
    start: np.ndarray
    end: np.ndarray

    def __getitem__(self, wanted: np.ndarray) -> Places:
        return Places(self.sentence[wanted], self.start[wanted], self.end[wanted])

    def __len__(self) -> int:
        return len(self.sentence)


def cited(
    mentions: Places, sources: Places, quoted: np.ndarray, encoded: EncodedSentences, texts: Sequence[str]
) -> np.ndarray:
    """The source of each mention.

    Args:
        mentions: in other voices than the author's.
        sources: of all sentences.
        quoted: bool [mentions], which of them are quoted.
        encoded, texts: the sentences.

    Returns:
        int64 [mentions], indices of sources; -1 where the sentence has none.
    """
    first = np.searchsorted(sources.sentence, mentions.sentence)
    counts = np.searchsorted(sources.sentence, mentions.sentence, side="right") - first
    source = np.where(counts > 0, first, -1)
    several = np.flatnonzero(counts > 1)
    if len(several):
        pair = np.repeat(several, counts[several])
        rival = count_up(first[several], counts[several])
        order = np.lexsort((*_distance(mentions[pair], sources[rival], quoted[pair], encoded, texts), pair))
        source[several] = rival[order[starts_of(counts[several])[:-1]]]
    return source


def _distance(
    mentions: Places, sources: Places, quoted: np.ndarray, encoded: EncodedSentences, texts: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far each mention is from the source beside it, in three respects; the last decides first."""
    which, sentence = np.unique(mentions.sentence, return_inverse=True)
    low, high = np.minimum(mentions.start, sources.start), np.maximum(mentions.start, sources.start)
    gap = np.maximum(sources.start - mentions.end, mentions.start - sources.end)
    in_other_clause = _separated([texts[i] for i in which.tolist()], sentence, low, high)
    in_same_quotation = quoted & _begin_quoted(encoded, which, sentence, sources.start)
    return gap, in_other_clause, in_same_quotation


def _separated(texts: Sequence[str], text: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether a clause ends between two code points (after ``low``, up to ``high``) of the text of that number."""
    base = starts_of(np.array([len(text) + 1 for text in texts]))
    breaks = [
        start + match.start()
        for start, text in zip(base.tolist(), texts, strict=False)
        for match in _CLAUSE_BREAK.finditer(text)
    ]
    places = np.array(breaks, dtype=np.int64)
    low, high = base[text] + low, base[text] + high
    return np.searchsorted(places, high, side="right") > np.searchsorted(places, low, side="right")


def _begin_quoted(encoded: EncodedSentences, which: np.ndarray, number: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Whether a token inside a quotation begins at ``start`` of the sentence ``which[number]``."""
    counts = np.diff(encoded.starts)[which]
    tokens = count_up(encoded.starts[which], counts)
    # Sentence and code point in one number.
    keys = (np.repeat(np.arange(len(which)), counts) << 32) + encoded.offsets[tokens, 0]
    return np.isin((number << 32) + start, keys[encoded.quotation[tokens]])
