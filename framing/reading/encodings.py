"""Bytes to text: encodings, binary files, and characters that no text should hold."""

from __future__ import annotations

import codecs
import re

from framing.errors import UnreadableFileError
from framing.text.characters import C1_AS_CP1252

#: How many bytes at the beginning of a stream decide its encoding.
SAMPLE_SIZE = 1 << 16

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BINARY_FORMATS = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a ZIP archive or an office document",
    b"\x89PNG": "a PNG image",
    b"GIF8": "a GIF image",
    b"\xff\xd8\xff": "a JPEG image",
    b"\x7fELF": "a program",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "gzip-compressed data",
    b"\xd0\xcf\x11\xe0": "an old office document",
    b"SQLite format 3": "a database",
}
# Control bytes that text files do not use. A few are cleaned away; with more than this share of them, and at least this
# many, a file is binary.
_CONTROL_BYTES = bytes(set(range(32)) - {9, 10, 11, 12, 13, 26, 27, 28, 29, 30, 31})
_MOST_CONTROL_BYTES = 0.05
_FEWEST_CONTROL_BYTES = 8
#: Text that is not UTF-8 is read as cp1252 if its share of high bytes (quotation marks, accents) is at most this.
_MOST_WESTERN_HIGH_BYTES = 0.08
#: Other scripts have words of such bytes; in Western text, accents and quotation marks stand among letters.
_WORD_OF_HIGH_BYTES = re.compile(rb"[\x80-\xff]{4}")

# C0 and C1 control characters and DEL, except those that separate words and lines.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f]")
#: Without NEL (U+0085), which ends lines in some old texts and stays.
_C1 = {code: char for code, char in C1_AS_CP1252.items() if code != 0x85}
_SURROGATE = re.compile("[\ud800-\udfff]")
# How Python shows a byte that it could not decode (PEP 383).
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
#: What a terminal obeys instead of showing: control characters except tabs and line ends, marks that change the
#: direction of writing, and lone surrogates.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """A text from outside (a name, a title, a row), safe to print: control characters become escapes (``\\u001b``).

    Marks that change the direction of writing and lone surrogates become escapes too, and bytes of a file's name that
    are not UTF-8 become ``\\xff``. The result can be encoded. Tabs and line ends stay.
    """
    return UNSEEN.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def clean(text: str) -> str:
    """Replace NUL and other control characters by a blank, and lone surrogates by U+FFFD.

    C1 controls become the characters that Windows-1252 has for the same bytes, since such text was decoded as Latin-1.
    One code point replaces one, so offsets in the cleaned text are also offsets in the original. Tabs and line ends of
    all kinds stay.
    """
    if text.isprintable():  # most lines and cells; only a text that is not has controls or surrogates
        return text
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text.translate(_C1))
    return _CONTROL.sub(" ", text)


def decode(data: bytes, where: str) -> str:
    """Decode a whole text file.

    Known are UTF-8 with or without byte order mark, UTF-16 and UTF-32 with one, UTF-16 without one where its NULs show
    it, cp1252, and what charset-normalizer finds. In a file that is UTF-8 except for a few bytes, U+FFFD replaces
    those.

    Args:
        data: the bytes.
        where: the file's name, for messages.

    Raises:
        UnreadableFileError: the bytes are binary, or no encoding fits.
    """
    refuse_binary(data[:SAMPLE_SIZE], where)
    encoding = guess_encoding(data, where)
    try:
        return data.decode(encoding, errors="replace" if encoding.startswith("utf-8") else "strict")
    except UnicodeDecodeError as error:
        raise _undecodable(where, encoding, error.start) from error


def mended(text: str, where: str) -> str:
    """Decode a piece of text again, by itself, if some of its bytes were not UTF-8.

    This repairs a cell or line in cp1252 in a file that is otherwise UTF-8.

    Args:
        text: decoded with the error handler ``surrogateescape``.
        where: the file's name, for messages.

    Returns:
        The same text if all its bytes were UTF-8.

    Raises:
        UnreadableFileError: the piece is binary, or no encoding fits.
    """
    return decode(text.encode("utf-8", "surrogateescape"), where) if _ESCAPED_BYTE.search(text) else text


def guess_encoding(data: bytes, where: str) -> str:
    """The name of the encoding of some bytes (a whole file, or the beginning of a stream).

    Raises:
        UnreadableFileError: no encoding fits.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return encoding
    if wide := _utf16_without_mark(data):
        return wide
    if _is_mostly_utf8(data):
        return "utf-8"
    if _is_mostly_utf8(data, least=1) and not _decodes(data, "cp1252"):  # some of its lines are in another encoding
        return "utf-8"
    high_bytes = len(data.translate(None, bytes(range(128))))
    is_western = high_bytes <= _MOST_WESTERN_HIGH_BYTES * len(data) or not _WORD_OF_HIGH_BYTES.search(data)
    if is_western and _decodes(data, "cp1252"):
        return "cp1252"
    if found := _by_statistics(data):
        return found
    if _decodes(data, "cp1252"):
        return "cp1252"
    raise _undecodable(where, "UTF-8", None)


def refuse_binary(sample: bytes, where: str) -> None:
    """Raise UnreadableFileError if the first bytes of a file are not text."""
    for magic, name in _BINARY_FORMATS.items():
        if sample.startswith(magic):
            raise _binary(where, name)
    if sample.startswith(tuple(mark for mark, _ in _BYTE_ORDER_MARKS)) or _utf16_without_mark(sample):
        return
    controls = len(sample) - len(sample.translate(None, _CONTROL_BYTES))
    if controls >= _FEWEST_CONTROL_BYTES and controls > _MOST_CONTROL_BYTES * len(sample):
        raise _binary(where, f"binary data ({controls} control bytes in the first {len(sample)})")


def _utf16_without_mark(data: bytes) -> str | None:
    """UTF-16 of mostly Latin text has a NUL in every other byte, always on the same side."""
    sample = data[: SAMPLE_SIZE & ~1]
    if len(sample) < 8:
        return None
    pairs = len(sample) // 2
    even, odd = sample[0::2].count(0) / pairs, sample[1::2].count(0) / pairs
    if odd > 0.7 and even < 0.1:
        return "utf-16-le"
    return "utf-16-be" if even > 0.7 and odd < 0.1 else None


def _is_mostly_utf8(data: bytes, least: int = 10) -> bool:
    """Whether the bytes are UTF-8, apart from a cut last character and a few broken ones.

    Args:
        data: the bytes.
        least: so many characters of several bytes must be whole for each broken byte.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        begun = decoder.decode(data)
    except UnicodeDecodeError:
        text = data.decode("utf-8", errors="surrogateescape")
        broken = len(_SURROGATE.findall(text))
        whole = sum(character > "\x7f" for character in text) - broken
        return whole >= least * broken
    # A cut character at the end of a whole file ("Caf\xe9") shows nothing by itself.
    is_cut = bool(decoder.getstate()[0]) and len(data) < SAMPLE_SIZE
    return not (is_cut and begun.isascii())


def _by_statistics(data: bytes) -> str | None:
    """The encoding that charset-normalizer finds, if all bytes can be decoded with it."""
    import charset_normalizer

    match = charset_normalizer.from_bytes(data[:SAMPLE_SIZE]).best()
    return match.encoding if match is not None and _decodes(data, match.encoding) else None


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return False
    return True


def _binary(where: str, what: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"{where} is {what}, not text",
        expected="a text file in UTF-8, UTF-16 or cp1252",
        hint="convert it to text first, or leave it out",
    )


def _undecodable(where: str, encoding: str, position: int | None) -> UnreadableFileError:
    at = "" if position is None else f" (as {encoding} it breaks at byte {position})"
    return UnreadableFileError(
        f"the encoding of {where} cannot be told{at}",
        expected="UTF-8, UTF-16 with a byte order mark, or cp1252",
        hint="convert the file to UTF-8, for example with iconv",
    )
