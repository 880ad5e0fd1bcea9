"""Characters as the quotation rules and the tokenizer read them, one code point for one, so that offsets stay.

Texts keep the characters that they came with. Only what reads them sees these views.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

#: Windows-1252 text that was decoded as Latin-1 holds its typographic marks as C1 controls (U+0080 to U+009F).
C1_AS_CP1252 = {
    code: bytes([code]).decode("cp1252") for code in range(0x80, 0xA0) if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_BACKTICK_QUOTATION = re.compile(r"(?<![\w`])`(?=\w[^`']{0,300}')")
_LOW_SINGLE_QUOTATION = re.compile("‚([^‚‘]{1,300})‘")
_JOINER_BESIDE_BLANK = re.compile("(?<= )\u200d|\u200d(?= )")
_MARKS = {ord("‹"): "«", ord("›"): "»", ord("″"): '"', ord("´"): "'", ord("＇"): "'"} | {
    code: char for code, char in C1_AS_CP1252.items() if char in "“”‘’„‚‹›"
}


def quotation_view(text: str) -> str:
    """The text with common quotation marks in the place of rare ones: same length.

    Single guillemets, primes and acute accents used as marks, Windows-1252 marks read as Latin-1, ```so'`` and
    ``‚so‘``.
    """
    if not text.isascii():
        text = _LOW_SINGLE_QUOTATION.sub("„\\1“", text.translate(_MARKS))
    if "`" in text:
        text = _BACKTICK_QUOTATION.sub("‘", text)
    return text


class _ModelCharacters(dict[int, int | str]):
    """What the tokenizer reads for a code point; looked up once for each that occurs."""

    def __missing__(self, code: int) -> int | str:
        self[code] = read_as = self._read_as(code)
        return read_as

    @staticmethod
    def _read_as(code: int) -> int | str:
        char = C1_AS_CP1252.get(code, chr(code))
        if char in "“”‟„«»‹›″":
            return '"'
        if char in "‘’‚‛´":
            return "'"
        if 0xD800 <= code < 0xE000:  # a lone surrogate cannot be tokenized
            return "\ufffd"
        if 0xFF01 <= code <= 0xFF5E:  # full-width forms
            return code - 0xFEE0
        # Word pieces know few symbols, and one that is glued to a word hides the word.
        if code == 0xFE0F or (code > 0x7F and unicodedata.category(char) in ("So", "Sm", "No", "Sk")):
            return " "
        return char


_MODEL_CHARACTERS = _ModelCharacters()


def model_view(text: str) -> str:
    """The text as the tokenizer reads it: same length.

    Typographic quotation marks are plain, symbols (pictographs, arrows, superscripts) are blanks, full-width letters
    are ASCII, lone surrogates are U+FFFD. The direction of a mark is in the quotation state.
    """
    if text.isascii():
        return text
    plain = text.translate(_MODEL_CHARACTERS)
    if "\u200d" in plain:
        plain = _JOINER_BESIDE_BLANK.sub(" ", plain)
    if "\u200b" in plain and " " not in plain.strip():
        plain = plain.replace("\u200b", " ")
    return plain


_LIGATURES = {
    "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st", "\ufb06": "st"
}  # fmt: skip
# A ligature, or where a word is divided at the end of a line.
_JOINED = re.compile("[\ufb00-\ufb06]|(?<=[^\\W\\d_][^\\W\\d_])[-\u00ad\u2010]\r?\n[ \\t]{0,40}(?=[a-z])")


@dataclass(frozen=True, slots=True)
class Letters:
    """A text in which every letter stands for itself.

    Attributes:
        text: with ligatures as letters, and words that a line end divides as one.
        origins: for each of its code points, the place of the original one.
    """

    text: str
    origins: list[int]


def letters_of(text: str) -> Letters | None:
    """The text with ligatures (``ﬁ``, which PDF files keep) expanded and divided words joined; ``None`` without any."""
    if (text.isascii() and "\n" not in text) or not (found := list(_JOINED.finditer(text))):
        return None
    pieces: list[str] = []
    origins: list[int] = []
    at = 0
    for match in found:
        letters = _LIGATURES.get(match[0], "")
        pieces += (text[at : match.start()], letters)
        origins += (*range(at, match.start()), *([match.start()] * len(letters)))
        at = match.end()
    return Letters("".join([*pieces, text[at:]]), [*origins, *range(at, len(text))])
