"""Text that a tool before us decoded wrongly: HTML entities in plain text, and UTF-8 that was read as Windows-1252."""

from __future__ import annotations

import html
import re

from framing.text.characters import C1_AS_CP1252

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
#: Character that Windows-1252 has for a byte -> the byte; bytes that it leaves free stand for themselves.
_BYTES = {chr(byte): byte for byte in range(0x80, 0x100)} | {char: byte for byte, char in C1_AS_CP1252.items()}
_CONTINUATION = "[" + "".join(char for char, byte in _BYTES.items() if 0x80 <= byte < 0xC0) + "]"
_MOJIBAKE = re.compile(
    f"[\u00c2\u00c3]{_CONTINUATION}|\u00e2{_CONTINUATION}{{2}}|\u00f0{_CONTINUATION}{{3}}|\u00ef\u00bf\u00bd"
)
#: What is left of ``”`` where its last byte, which Windows-1252 does not have, was dropped or made a blank.
_CUT_MARK = re.compile("\u00e2\u20ac(?:[\x9d\ufffd]|(?=[\\s.,;:!?)]|$))")
#: What no text has but one that was decoded wrongly.
_SURE = re.compile(f"\u00e2\u20ac|\u00c3{_CONTINUATION}|\u00c2[\u00a0-\u00bf]|\u00ef\u00bf\u00bd")


def repaired(text: str) -> str:
    """The text with entities (``&#8220;``) and wrongly decoded marks (``â€œ``) as the characters that they stand for.

    Other text is given back as it is, the same object.
    """
    if "&" in text and _ENTITY.search(text):
        # Twice, for what was escaped twice: &amp;quot;
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
