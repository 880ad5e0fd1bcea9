"""The base of all formats: each cuts a file into ranges that end between rows, and reads the rows of a range."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from framing.errors import FramingError, InputError
from framing.reading.columns import Columns
from framing.reading.encodings import clean
from framing.reading.streams import Source, empty

#: Code points of a row shown in its rejection.
SHOWN_VALUE = 80

#: Takes the names of a file's columns and says which of them holds what; raises ColumnError if one is missing.
Check = Callable[[Iterable[str]], Columns]


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a range may become. A row larger than this is a range by itself.

    Attributes:
        rows: the most rows.
        size: about this many bytes of text, unpacked.
    """

    rows: int = 50_000
    size: int = 8 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """A row group of Parquet, or a record batch of Arrow.

    Attributes:
        start, stop: its bytes in the (unpacked) file, half-open.
        rows: how many rows it has.
        sha256: the hash of the bytes, in hex; empty if they were not hashed.
    """

    start: int
    stop: int
    rows: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a reader must know to read one range of a file without reading what comes before it.

    Attributes:
        format: the name of the format.
        packing, encoding: see :class:`~framing.reading.streams.Source`.
        separator, names: for CSV, the separator and the columns of the header.
        segments, types: for tables, the segments, and the Arrow type of each column as text.
        row_size: for tables, bytes of text in a row, on average.
    """

    format: str = ""
    packing: str = ""
    encoding: str = ""
    separator: str = ""
    names: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    row_size: int = 0


@dataclass(frozen=True, slots=True)
class Range:
    """A piece of a file that begins and ends between rows.

    Attributes:
        start, stop: half-open; bytes of unpacked UTF-8 text, or rows of a table.
        rows: how many rows it holds.
        first: the number of its first row, from 1; in JSON Lines, CSV and text read by line, the number of a line.
        next: the number of the row after it.
        data: its bytes; empty for tables.
    """

    start: int
    stop: int
    rows: int
    first: int
    next: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is in the file.

    Attributes:
        number: its number in the file, from 1.
        values: its values by column; ``None`` if the row cannot be read.
        problem: why it cannot be read.
        shown: its beginning, for messages.
    """

    number: int
    values: Mapping[str, Any] | None
    problem: str = ""
    shown: str = ""

    @classmethod
    def unusable(cls, number: int, problem: str, shown: str = "") -> Row:
        """A row that cannot be read."""
        return cls(number, None, problem, clean(shown[:SHOWN_VALUE]))


class Format(ABC):
    """A file of some format, open for reading. Close it, or use it in a ``with`` block.

    Args:
        source: the file's bytes. :meth:`close` closes it.
        layout: what an earlier pass found out; ``None`` for the first pass (:meth:`ranges`).
        by_line: each line of a text file is a row.

    Attributes:
        name: the name of the format.
        endings: the endings of its files' names.
        has_columns: its rows have columns that the user can name.
        is_page: whether the texts are pages of HTML; if ``None``, each text itself tells.
        source, by_line: as given.
        layout: complete after the first range.
        metadata: the metadata of a Parquet or Arrow file; empty for other formats.
    """

    name: ClassVar[str]
    endings: ClassVar[tuple[str, ...]]
    has_columns: ClassVar[bool] = True
    is_page: ClassVar[bool | None] = None

    def __init__(self, source: Source, layout: Layout | None = None, *, by_line: bool = False) -> None:
        self.source = source
        self.layout = layout or Layout(self.name)
        self.by_line = by_line
        self.metadata: Mapping[str, str] = {}

    @classmethod
    @abstractmethod
    def recognises(cls, beginning: bytes) -> bool:
        """Whether a file that begins like this (unpacked) has this format."""

    @property
    def is_document(self) -> bool:
        """Whether the file as a whole is one document, and its only row."""
        return False

    @property
    def names(self) -> tuple[str, ...] | None:
        """The columns that every row has; ``None`` before they are known, and if rows differ."""
        return tuple(self.layout.types) or self.layout.names or None

    def ranges(self, limits: Limits, check: Check | None = None) -> Iterator[Range]:
        """Cut the file into ranges, in one pass from its beginning to its end; every row is in one range.

        Args:
            limits: how large a range may become.
            check: is called once, with the names of the columns; a ColumnError that it raises ends the pass.

        Raises:
            UnreadableFileError: the file has no rows, or the rest of it cannot be read; the ranges before that have
                been given.
        """
        is_empty = True
        for found in self.cut(limits, check):
            is_empty = False
            self.layout = replace(self.layout, packing=self.source.packing or "", encoding=self.source.encoding or "")
            yield found
        if is_empty:
            raise empty(self.source.label)

    @abstractmethod
    def cut(self, limits: Limits, check: Check | None) -> Iterator[Range]:
        """Cut the file for :meth:`ranges`, as the format needs it."""

    def read_back(self, start: int, stop: int) -> bytes:
        """The bytes of a range that an earlier pass found."""
        return self.source.read_range(start, stop)

    @abstractmethod
    def rows(self, found: Range, needed: Collection[str] | None = None) -> Iterator[Row]:
        """The rows of a range.

        Args:
            found: the range, with its bytes.
            needed: the wanted columns; all if ``None``. Only tables leave out the others.
        """

    def digest(self) -> str:
        """SHA-256 of the file in hex; the file must have been opened with ``hashing``."""
        return self.source.hexdigest()

    def close(self) -> None:
        """Close the file."""
        self.source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def changed(path: str, what: str) -> InputError:
    """The error for a file that has changed since a batch job was planned."""
    return InputError(
        f"{path} has changed since the job was planned: {what}",
        expected="the file as it was",
        hint="bring it back and start the job again, or plan a new job in a new folder (--fresh)",
    )


class Cutter:
    """Collects the bytes of rows, and makes a range of them when they are enough.

    Args:
        limits: how large a range may become.
        start: the byte at which the first row begins.
        first: the number of the first row.
    """

    def __init__(self, limits: Limits, *, start: int, first: int) -> None:
        self._limits = limits
        self._start = self._stop = start
        self._first = self._next = first
        self._rows = 0
        self._held: list[bytes] = []

    def has_room(self, rows: int, size: int) -> bool:
        """Whether the range would still be open with this many more rows and bytes."""
        return self._rows + rows < self._limits.rows and self._stop + size - self._start < self._limits.size

    def add(self, pieces: Sequence[bytes], *, numbers: int, rows: int) -> Iterator[Range]:
        """Add bytes of whole rows, or of blank lines, which are not rows.

        Args:
            pieces: the bytes.
            numbers: how much to add to the number of the next row.
            rows: how many rows the bytes hold.

        Yields:
            The range, if it is full now.
        """
        self._held += pieces
        self._stop += sum(map(len, pieces))
        self._next += numbers
        self._rows += rows
        if self._rows >= self._limits.rows or self._stop - self._start >= self._limits.size:
            yield from self._full()

    def through(self, ranges: Iterator[Range]) -> Iterator[Range]:
        """The ranges of a pass that adds to this cutter, and the last range, also if the pass ends with an error."""
        try:
            yield from ranges
        except FramingError:
            yield from self._full()
            raise
        yield from self._full()

    def _full(self) -> Iterator[Range]:
        if self._rows:
            data = b"".join(self._held)
            yield Range(self._start, self._stop, self._rows, self._first, self._next, data)
        self._held, self._rows = [], 0
        self._start, self._first = self._stop, self._next
