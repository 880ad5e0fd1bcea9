"""JSON files with a checksum of their own text in their first line, so that one that was damaged is never believed."""

from __future__ import annotations

import hashlib
import re

_BEGINNING = "{\n"
_SEAL = re.compile(r'\{\n "sha256": "([0-9a-f]{64})",\n')


def sealed(text: str) -> str:
    """The text of a JSON object that begins with a line of its own, with a checksum as its first entry."""
    rest = text.removeprefix(_BEGINNING)
    return f'{_BEGINNING} "sha256": "{_hash(rest)}",\n{rest}'


def unsealed(text: str) -> str:
    """The text that was sealed, if it is still the same.

    Raises:
        ValueError: it has changed since, or was never sealed.
    """
    seal = _SEAL.match(text)
    if seal is None:
        raise ValueError("it does not begin with a checksum")
    rest = text[seal.end() :]
    if (found := _hash(rest)) != seal[1]:
        raise ValueError(f"its SHA-256 is {found}, and {seal[1]} was written: it was damaged or edited")
    return _BEGINNING + rest


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
