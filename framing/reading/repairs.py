"""Repair text that another tool decoded wrongly: HTML entities left in it, and UTF-8 that was read as Windows-1252."""

from __future__ import annotations

import html
import re

from framing.text.characters import C1_AS_CP1252

_ENTITY = re.compile(r"&(?:#\d{2,7};?|#[xX][0-9a-fA-F]{1,6};|[a-zA-Z][a-zA-Z0-9]{1,30};)")
#: A character of Windows-1252 -> its byte; a byte without a character there stands for itself.
_BYTES = {chr(byte): byte for byte in range(0x80, 0x100)} | {char: byte for byte, char in C1_AS_CP1252.items()}
_CONTINUATION = "[" + "".join(char for char, byte in _BYTES.items() if 0x80 <= byte < 0xC0) + "]"
_MOJIBAKE = re.compile(
    f"[\u00c2\u00c3]{_CONTINUATION}|\u00e2{_CONTINUATION}{{2}}|\u00f0{_CONTINUATION}{{3}}|\u00ef\u00bf\u00bd"
)
#: What is left of ``”`` if its last byte, which has no character in Windows-1252, was dropped or became a blank.
_CUT_MARK = re.compile("\u00e2\u20ac(?:[\x9d\ufffd]|(?=[\\s.,;:!?)]|$))")
#: Only a wrongly decoded text has these.
_SURE = re.compile(f"\u00e2\u20ac|\u00c3{_CONTINUATION}|\u00c2[\u00a0-\u00bf]|\u00ef\u00bf\u00bd")


def repaired(text: str) -> str:
    """Replace entities (``&#8220;``) and wrongly decoded marks (``â€œ``) by the characters that they stand for.

    If there are none, the same object is returned.
    """
    if "&" in text and _ENTITY.search(text):
        # Twice, because some text was escaped twice: &amp;quot;
        text = _ENTITY.sub(_entity, _ENTITY.sub(_entity, text))
    if not text.isascii() and _SURE.search(text):
        text = _CUT_MARK.sub("”", _MOJIBAKE.sub(_as_utf8, text))
    return text


def _entity(match: re.Match[str]) -> str:
    char = html.unescape(match[0])
    return " " if char == "\xa0" else char


def _as_utf8(match: re.Match[str]) -> str:
    try:
        return bytes(_BYTES[char] for char in match[0]).decode("utf-8")
    except UnicodeDecodeError:
        return match[0]
