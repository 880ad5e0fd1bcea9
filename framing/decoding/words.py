"""Where the words of texts begin and end, for all texts at once.

A word is a run of letters, digits, combining marks and underscores of any script. Hyphens between word characters join
(``terrorist-held``), and so do the dots of abbreviations in single letters (``U.S.-backed``) and apostrophes
(``O'Brien``) unless they begin a genitive ``'s``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np

from framing.model.ragged import starts_of

# What a code point can be; some are more than one thing.
_WORD, _HYPHEN, _APOSTROPHE, _DOT, _S = 1, 2, 4, 8, 16
_ROLES = {"-‐‑": _HYPHEN, "'’ʼ": _APOSTROPHE, ".": _DOT, "sS": _S}
#: The scripts that have combining marks end here; beyond are Chinese, Korean, symbols.
_TABLE_END = 0x3100
#: Blanks at both ends of the row: as many code points as are looked at on either side of one that may join.
_MARGIN = "  "


class Words:
    """The words of several texts.

    Args:
        texts: of any content. They are laid in one row with a blank after each, so that no word crosses over.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        row = f"{_MARGIN}{' '.join(texts)}{_MARGIN}"
        role = _roles(np.frombuffer(row.encode("utf-32-le", "surrogatepass"), dtype=np.uint32))
        is_word = (role & _WORD).astype(bool)
        # Code points that do not belong to the word of the one before them.
        is_cut = ~_joined(role, is_word)
        # Where these are, and how many of them stand before each place: the way from a place to its neighbours.
        self._word_characters, self._words_before = np.flatnonzero(is_word), starts_of(is_word)
        self._is_genitive = _genitives(role, is_word)[self._word_characters]
        self._cuts, self._cuts_before = np.flatnonzero(is_cut), starts_of(is_cut)
        self._base = starts_of(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1) + len(_MARGIN)

    def whole(self, text: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Grow spans to whole words; shed what is no word at their ends, and the ``s`` of a genitive before a word.

        Args:
            text: int64 [spans], which text.
            start, end: int64 [spans], in code points of it; ``start < end``.

        Returns:
            The new start and end. A span without any word character stays as it is.
        """
        base = self._base[text]
        low, high = base + start, base + np.maximum(end, start + 1)
        first, last = self._words_before[low], self._words_before[high] - 1
        new_start, new_end = start.copy(), end.copy()
        wordy = np.flatnonzero(first <= last)
        first[wordy] += self._is_genitive[first[wordy]] & (first[wordy] < last[wordy])  # "nation's [s battle]"
        first, last = self._word_characters[first[wordy]], self._word_characters[last[wordy]]
        new_start[wordy] = self._cuts[self._cuts_before[first + 1] - 1] - base[wordy]
        new_end[wordy] = self._cuts[self._cuts_before[last + 1]] - base[wordy]
        return new_start, new_end


def _roles(characters: np.ndarray) -> np.ndarray:
    """What each code point can be; uint8 [code points]."""
    role = _role_table()[np.minimum(characters, _TABLE_END)]
    beyond = np.flatnonzero(characters >= _TABLE_END)
    if len(beyond):
        role[beyond] = np.where(np.strings.isalnum(characters[beyond].view("<U1")), _WORD, 0)
    return role


@cache
def _role_table() -> np.ndarray:
    """What each code point before ``_TABLE_END`` can be; uint8, the last entry stands for none."""
    table = np.zeros(_TABLE_END + 1, dtype=np.uint8)
    table[:-1] = [c.isalnum() or c == "_" or unicodedata.category(c)[0] == "M" for c in map(chr, range(_TABLE_END))]
    for characters, role in _ROLES.items():
        table[[ord(c) for c in characters]] |= role
    return table


def _joined(role: np.ndarray, is_word: np.ndarray) -> np.ndarray:
    """Whether each code point belongs to the word of the one before it; bool [code points]."""
    joins = _joins(role, is_word)
    joined = joins | is_word
    joined[1:] &= is_word[:-1] | joins[1:] | joins[:-1]
    return joined


def _genitives(role: np.ndarray, is_word: np.ndarray) -> np.ndarray:
    """Which code points are the ``s`` of a genitive ``'s``; bool [code points]."""
    found = (role & _S > 0) & ~np.roll(is_word, -1)
    return found & np.roll(role & _APOSTROPHE > 0, 1) & np.roll(is_word, 2)


def _joins(role: np.ndarray, is_word: np.ndarray) -> np.ndarray:
    """Which hyphens, apostrophes and dots make one word of what stands around them; bool [code points]."""
    at = np.flatnonzero(role & (_HYPHEN | _APOSTROPHE | _DOT))
    here, after = role[at], role[at + 1]
    letter_before, letter_after, letter_beyond = is_word[at - 1], is_word[at + 1], is_word[at + 2]

    joins = np.zeros(len(role), dtype=bool)
    abbreviates = letter_before & ~is_word[at - 2] & (letter_after | (after & _HYPHEN > 0) & letter_beyond)
    joins[at] = (here & _DOT > 0) & abbreviates
    genitive = (after & _S > 0) & ~letter_beyond
    apostrophe = (here & _APOSTROPHE > 0) & letter_before & letter_after & ~genitive
    # A hyphen also joins after the dot of an abbreviation.
    hyphen = (here & _HYPHEN > 0) & letter_after & (letter_before | joins[at - 1])
    joins[at] |= apostrophe | hyphen
    return joins
