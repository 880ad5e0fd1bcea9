"""Tags of tokens, as CoNLL has them, and spans."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from framing.errors import InputError

_TAG = re.compile(r"([BIESLUMW])(?:[-_](.+))?", re.DOTALL)
#: A tag that begins a span, whatever stands before it: of BIO, BIOES and BILOU.
_BEGINS, _ENDS = frozenset("BSUW"), frozenset("ESLUW")


def spans_of_tags(tags: Sequence[str], places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, str]]:
    """Start, end and name of what tags mark.

    Args:
        tags: ``O``, ``B-name``, ``I-name`` (of IOB1 too, where a span begins with ``I`` unless one of the same name is
            right before it), and ``E L S U`` of BIOES and BILOU.
        places: start and end of each token.

    Raises:
        InputError: a tag is none of these.
    """
    name: str | None = None
    start = end = 0
    for tag, (token_start, token_end) in zip(tags, places, strict=True):
        if tag in ("O", "_", ""):
            position, own = "O", None
        else:
            match = _TAG.fullmatch(tag)
            if match is None:
                raise InputError(f"the tag {tag!r}", expected="O, or B- or I- and a name")
            position, own = match[1], match[2] or "span"
        if name is not None and (own != name or position in _BEGINS):
            yield start, end, name
            name = None
        if own is not None:
            start = token_start if name is None else start
            name, end = own, token_end
            if position in _ENDS:
                yield start, end, name
                name = None
    if name is not None:
        yield start, end, name
