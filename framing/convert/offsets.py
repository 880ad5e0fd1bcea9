"""Offsets in UTF-16 code units, as Java and JavaScript count, and in code points, as Python counts.

The two differ behind a character beyond U+FFFF (an emoji, say), which is one code point and two code units.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Literal

from framing.errors import InputError

#: What offsets can count.
Unit = Literal["utf16", "codepoints"]

_LAST_OF_ONE_UNIT = "\uffff"


def units_before(text: str) -> list[int]:
    """UTF-16 code units before each code point of a text, and before its end: ``len(text) + 1`` numbers."""
    return list(accumulate((1 + (character > _LAST_OF_ONE_UNIT) for character in text), initial=0))


def to_utf16(text: str, offset: int) -> int:
    """The code units before a code point of a text."""
    return offset + sum(character > _LAST_OF_ONE_UNIT for character in text[:offset])


class Places:
    """Offsets of one text, counted in some unit, as code points.

    Args:
        text: the text.
        unit: what the offsets count.
    """

    def __init__(self, text: str, unit: Unit) -> None:
        is_plain = unit == "codepoints" or not text or max(text) <= _LAST_OF_ONE_UNIT
        self._place = None if is_plain else {units: place for place, units in enumerate(units_before(text))}
        self._length = len(text)

    def __call__(self, offset: int) -> int:
        """The offset in code points.

        Raises:
            InputError: it lies within a character, or outside of the text.
        """
        place = offset if self._place is None else self._place.get(offset, -1)
        if 0 <= place <= self._length:
            return place
        within = self._place is not None and 0 <= offset <= max(self._place)
        raise InputError(
            f"the offset {offset} lies " + ("within a character" if within else "outside of the text"),
            expected=f"an offset in a text of {self._length} code points",
            hint="do the offsets count something else? say so with --offsets utf16 or --offsets codepoints",
        )
