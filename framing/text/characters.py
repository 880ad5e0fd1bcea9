"""Views of a text for the quotation rules and the tokenizer, with one code point for each, so that offsets stay.

The text itself keeps its characters; only these two readers see the views.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

#: C1 control (U+0080 to U+009F) -> the character of Windows-1252 that was decoded wrongly, as Latin-1.
C1_AS_CP1252 = {
    code: bytes([code]).decode("cp1252") for code in range(0x80, 0xA0) if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
_BACKTICK_QUOTATION = re.compile(r"(?<![\w`])`(?=\w[^`']{0,300}')")
_BACKTICKS = re.compile(r"(?<![\w`])`(\w[^`'\n]{0,300}[\w.,;:!?…])`(?![\w`])")
_LOW_SINGLE_QUOTATION = re.compile("‚([^‚‘’]{1,300})(?:‘|’(?!\\w))")
#: Two commas, and two signs of comparison, stand for a mark where a keyboard has none.
_COMMAS = re.compile(r"(?<![^\s([]),,(?=\w)")
_COMPARISONS = re.compile(r"<<(?=\w)([^<>]{1,300})>>")
_JOINER_BESIDE_BLANK = re.compile("(?<= )\u200d|\u200d(?= )")
_DOUBLE_MARKS = dict.fromkeys("ʺˮ״″", '"') | dict(zip("❝〝‟❞〞〟‹《〈›》〉", "“““”””«««»»»", strict=True))
_SINGLE_MARKS = dict.fromkeys("´＇′", "'") | {"❛": "‘", "‛": "‘", "❜": "’"}
_MARKS = {ord(rare): common for rare, common in (_DOUBLE_MARKS | _SINGLE_MARKS).items()} | {
    code: char for code, char in C1_AS_CP1252.items() if char in "“”‘’„‚‹›"
}


def quotation_view(text: str) -> str:
    """The text with common quotation marks in place of rare ones, of the same length.

    Rare ones are single guillemets, primes and acute accents used as marks, ornamental and East Asian marks,
    Windows-1252 marks decoded as Latin-1, ```so'``, ```so```, ``‚so‘``, ``,,so"`` and ``<<so>>``.
    """
    if ",," in text:
        text = _COMMAS.sub(" „", text)
    if "<<" in text:
        text = _COMPARISONS.sub(r" «\1» ", text)
    if not text.isascii():
        text = _LOW_SINGLE_QUOTATION.sub("„\\1“", text.translate(_MARKS))
    if "`" in text:
        text = _BACKTICKS.sub("‘\\1’", _BACKTICK_QUOTATION.sub("‘", text))
    return text


class _ModelCharacters(dict[int, int | str]):
    """Code point -> what the tokenizer reads for it, computed when it first occurs."""

    def __missing__(self, code: int) -> int | str:
        self[code] = read_as = self._read_as(code)
        return read_as

    @staticmethod
    def _read_as(code: int) -> int | str:
        char = C1_AS_CP1252.get(code, chr(code))
        if char in "“”„«»" or char in _DOUBLE_MARKS:
            return '"'
        if char in "‘’‚" or char in _SINGLE_MARKS:
            return "'"
        if 0xD800 <= code < 0xE000:  # a lone surrogate cannot be tokenized
            return "\ufffd"
        if 0xFF01 <= code <= 0xFF5E:  # full-width forms
            return code - 0xFEE0
        category = unicodedata.category(char)
        if code > 0x7F and category in ("Lu", "Ll", "Nd"):  # letters in bold or script, as on social media
            plain = unicodedata.normalize("NFKC", char)
            return plain if plain.isascii() and len(plain) == 1 else char
        # Few symbols are in the vocabulary, and a symbol glued to a word makes the word unknown.
        if code == 0xFE0F or (code > 0x7F and category in ("So", "Sm", "No", "Nl", "Sk", "Me")):
            return " "
        return char


_MODEL_CHARACTERS = _ModelCharacters()


def model_view(text: str) -> str:
    """The text as the tokenizer reads it, of the same length.

    Typographic quotation marks are plain, symbols (pictographs, arrows, superscripts) are blanks, full-width and
    bold letters are ASCII, lone surrogates are U+FFFD. The model learns from the quotation state where quotations begin
    and end.
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
# A ligature, or the place where a line end divides a word.
_JOINED = re.compile("[\ufb00-\ufb06]|(?<=[^\\W\\d_][^\\W\\d_])[-\u00ad\u2010]\r?\n[ \\t]{0,40}(?=[a-z])")


@dataclass(frozen=True, slots=True)
class Letters:
    """A text without ligatures and divided words.

    Attributes:
        text: with ligatures written as letters, and words divided by a line end joined.
        origins: for each code point of ``text``, its place in the original text.
    """

    text: str
    origins: list[int]


def letters_of(text: str) -> Letters | None:
    """Expand ligatures (``ﬁ``, common in text from PDF files) and join divided words; ``None`` if there are none."""
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
