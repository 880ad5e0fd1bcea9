"""Words of a text, for formats that mark tokens and not characters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Token:
    """A token; offsets in code points, half-open."""

    start: int
    end: int
    text: str


def tokenize(text: str, borders: Iterable[int] = ()) -> Iterator[Token]:
    """Cut a text into words and single signs; white space belongs to none.

    Args:
        text: the text.
        borders: offsets at which tokens are cut too, so that spans begin and end with tokens.
    """
    cuts = sorted(set(borders))
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        for cut in (*(cut for cut in cuts if start < cut < end), end):
            yield Token(start, cut, text[start:cut])
            start = cut
