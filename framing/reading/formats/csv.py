"""CSV and TSV. Python's CSV reader decides where a row ends, so a cell in quotation marks may hold line ends.

If a quotation mark is lost, the reader takes all lines up to the next mark for one cell. Then only the first line is
set aside, and reading goes on with the next line. Many tools write tables without quotation marks around cells. So a
line that the reader refuses is read with backslashes as escapes (Spark and MySQL write them), or else as it stands, if
it then has as many cells as the header: a text that begins with a quotation is not lost. Texts hold commas, so between
commas a line is read as it stands only if it is refused by itself.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from framing.errors import InputError, UnreadableFileError
from framing.reading import streams
from framing.reading.columns import guess
from framing.reading.encodings import mended
from framing.reading.formats.base import Check, Cutter, Format, Limits, Range, Row

#: The line that tells a spreadsheet the separator.
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\r?\n?', re.IGNORECASE)
_QUOTED = re.compile('"[^"]*"')
_QUOTED_CELL = re.compile(r'"((?:[^"]|"")*)"')
#: In the CSV reader's message about a cell that no mark closes.
_UNCLOSED = "end of data"
#: The most lines of a header; its cells may hold line ends.
_LONGEST_HEADER = 20


class Csv(Format):
    """CSV with a header. The separator is the one that the header has most often, unless a line ``sep=`` names it.

    Attributes:
        separators: the separators that are tried.
    """

    name = "csv"
    endings = (".csv",)
    separators: ClassVar[str] = "\t;|,"

    @classmethod
    def recognises(cls, beginning: bytes) -> bool:
        """No: any text might be CSV."""
        return False

    def cut(self, limits: Limits, check: Check | None) -> Iterator[Range]:
        """Ranges that end where the CSV reader has finished a row."""
        # In Latin-1 every byte is a character, and the characters of CSV's syntax are the same as in UTF-8.
        text = io.TextIOWrapper(self.source.text(), encoding="latin-1", newline="")
        lines = self._lines(text)
        try:
            header = self._read_header(lines, check)
            size = sum(map(len, header))
            cutter = Cutter(limits, start=self.source.start + size, first=1 + len(header))
            yield from cutter.through(self._cut_rows(lines, cutter, first=1 + len(header)))
        finally:
            text.detach()  # the source closes the stream

    def _lines(self, text: io.TextIOWrapper) -> Iterator[str]:
        while line := text.readline(streams.LONGEST + 1):
            self.source.check_line(len(line))
            yield line

    def _cut_rows(self, lines: Iterator[str], cutter: Cutter, first: int) -> Iterator[Range]:
        for row in _parsed(lines, self.layout.separator, first, width=len(self.layout.names)):
            pieces = [line.encode("latin-1") for line in row.lines]
            yield from cutter.add(pieces, numbers=len(pieces), rows=row.is_row)

    def _read_header(self, lines: Iterator[str], check: Check | None) -> list[str]:
        """Read the names of the columns; returns the lines up to the end of the header."""
        taken: list[str] = []
        separator = ""
        header = ""
        for line in lines:
            taken.append(line)
            if not header and not separator and (declared := _SEPARATOR_LINE.fullmatch(line.lstrip("\xef\xbb\xbf"))):
                separator = declared[1]
            elif header or line.strip():
                header += line
                if header.count('"') % 2 == 0 or len(taken) >= _LONGEST_HEADER:
                    break
        header = mended(header.encode("latin-1").decode("utf-8", "surrogateescape"), self.source.label)
        if not header.strip():
            raise UnreadableFileError(
                f"{self.source.label} has no header", expected="the names of the columns in the first line"
            )
        separator, names = _columns(header, separator or self.separators)
        self.layout = replace(self.layout, separator=separator, names=names)
        if check:
            check(names)
        return taken

    def rows(self, found: Range, needed: Collection[str] | None = None) -> Iterator[Row]:
        """Rows that are not blank lines."""
        text = io.TextIOWrapper(io.BytesIO(found.data), "utf-8", errors="surrogateescape", newline="")
        for row in _parsed(text, self.layout.separator, found.first, width=len(self.layout.names)):
            if row.is_row:
                try:
                    yield Row(row.number, self._values(row))
                except InputError as error:
                    yield Row.unusable(row.number, error.reason, "".join(row.lines).strip())

    def _values(self, row: _Parsed) -> dict[str, str]:
        names = self.layout.names
        if row.problem:
            raise InputError(f"the row is not CSV: {row.problem}")
        if len(row.cells) != len(names) and any(row.cells[len(names) :] or ["too few"]):
            raise InputError(f"the row has {len(row.cells)} cells", expected=f"{len(names)} as in the header")
        # A separator at the end of each line makes empty cells behind those of the header.
        cells = row.cells[: len(names)]
        return dict(zip(names, (mended(cell, self.source.label) for cell in cells), strict=True))


class Tsv(Csv):
    """CSV whose cells are separated by tabs."""

    name = "tsv"
    endings = (".tsv",)
    separators = "\t"


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A row as the CSV reader sees it: the number of its first line, its lines, its cells, and its problem if any."""

    number: int
    lines: list[str]
    cells: list[str]
    problem: str = ""

    @property
    def is_row(self) -> bool:
        """Whether it is a row, and not a blank line."""
        return bool(self.cells or self.problem)


def _columns(header: str, separators: str) -> tuple[str, tuple[str, ...]]:
    """The separator of a header and the names of its columns.

    Args:
        header: its line or lines.
        separators: those that are tried. The most frequent one counts, unless only another one gives a column of text.
    """
    bare = _QUOTED.sub("", header)
    tried = sorted((sep for sep in separators if sep in bare), key=bare.count, reverse=True) or [","]  # a single column
    found = {}
    for separator in tried:
        cells = next(csv.reader(io.StringIO(header, newline=""), delimiter=separator))
        found[separator] = tuple(" ".join(name.split()).removeprefix("\ufeff") for name in cells)
    return next(((sep, names) for sep, names in found.items() if guess("text", names)), (tried[0], found[tried[0]]))


class _Lines:
    """An iterator of lines that can take lines back, to give them again.

    Attributes:
        taken: the lines given since :meth:`rest` was called last.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._waiting: deque[str] = deque()
        self.taken: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else next(self._lines)
        self.taken.append(line)
        return line

    def rest(self, keep: int | None = None) -> list[str]:
        """Return the taken lines, or the first ``keep`` of them; the others will be given again."""
        taken, self.taken = self.taken, []
        if keep is None:
            return taken
        self._waiting.extendleft(reversed(taken[keep:]))
        return taken[:keep]


def _parsed(lines: Iterable[str], separator: str, first: int, width: int) -> Iterator[_Parsed]:
    """Read CSV. After a row that cannot be read, reading goes on with the line after its first line.

    Args:
        lines: with their ends, as a text stream opened with ``newline=""`` gives them.
        separator: the separator of cells.
        first: the number of the first line.
        width: how many columns the header has.
    """
    csv.field_size_limit(streams.LONGEST)
    source = _Lines(lines)
    number = first
    while True:
        # strict: a lost quotation mark raises an error, and does not make the rest of the file one cell
        reader = csv.reader(source, delimiter=separator, strict=True)
        problem = ""
        while not problem:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                cells, problem = [], str(error)
            if width > 1 and (literal := _literal(source.taken, separator, problem, width)):
                yield _Parsed(number, source.rest(keep=1), literal)
                number += 1
                break
            if (len(source.taken) > 1 and len(cells) != width) or _UNCLOSED in problem:
                problem = "a quotation mark opens a cell, and none closes it"
            row = _Parsed(number, source.rest(keep=1 if problem else None), [] if problem else cells, problem)
            number += len(row.lines)
            yield row


def _literal(lines: Sequence[str], separator: str, problem: str, width: int) -> list[str]:
    """The cells of the first line if its quotation marks are plain text, and else none.

    Args:
        lines: what the CSV reader took for the row.
        separator: the separator of cells.
        problem: why the reader refused them; empty if it did not.
        width: how many columns the header has.
    """
    if problem and (escaped := _with_backslashes(lines[0], separator, width)):
        return escaped
    if problem:
        if separator == "," and (len(lines) > 1 or _UNCLOSED in problem):
            return []
        lines = lines[:1]
    elif separator != "\t" or len(lines) == 1:  # tabs are rare in texts: lines that all have the cells are rows
        return []
    rows = [line.rstrip("\r\n").split(separator) for line in lines]
    if any(len(row) != width for row in rows):
        return []
    quoted = [_QUOTED_CELL.fullmatch(cell) for cell in rows[0]]
    return [mark[1].replace('""', '"') if mark else cell for mark, cell in zip(quoted, rows[0], strict=True)]


def _with_backslashes(line: str, separator: str, width: int) -> list[str]:
    """The cells of a line in which a backslash stands before the marks within cells; none if it is no such line."""
    if '\\"' not in line:
        return []
    try:
        cells = next(csv.reader([line], delimiter=separator, escapechar="\\", strict=True))
    except (csv.Error, StopIteration):
        return []
    return cells if len(cells) == width else []
