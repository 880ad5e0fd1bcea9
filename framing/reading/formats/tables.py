"""What Parquet and Arrow share: segments are read one by one; ranges of rows need not end where segments do."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, replace
from itertools import accumulate, islice
from typing import Any, ClassVar

from framing.errors import UnreadableFileError
from framing.reading.formats.base import Check, Format, Layout, Limits, Range, Row, Segment, changed
from framing.reading.streams import Source, pieces

#: How many rows become Python objects at a time.
BATCH_ROWS = 256
#: How Arrow's text for a value begins if the value has no text.
_NO_TEXT = "<value out of range"
#: A row's values by column; or why the row cannot be read.
Cells = dict[str, Any] | str


class Table(Format):
    """A table of segments. If a segment is damaged, only its own rows are lost.

    Attributes:
        title: the format's name in messages.
    """

    title: ClassVar[str]

    def __init__(self, source: Source, layout: Layout | None = None, *, by_line: bool = False) -> None:
        super().__init__(source, layout, by_line=by_line)
        #: Column -> size of its values in bytes.
        self.sizes: Counter[str] = Counter()
        self._running: Iterator[Row] = iter(())
        self._place = -1  # how many rows of the table come before the next row of _running

    @abstractmethod
    def segments(self) -> Iterator[Segment]:
        """Find the segments; also note the schema (:meth:`read_schema`) and the sizes of the columns."""

    def read_schema(self, schema: Any) -> None:
        """Note the types and the metadata of an Arrow schema."""
        self.layout = replace(self.layout, types={entry.name: str(entry.type) for entry in schema})
        metadata = (schema.metadata or {}).items()
        self.metadata = {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in metadata}

    @abstractmethod
    def batches(self, number: int, names: list[str]) -> Iterator[list[Cells]]:
        """The rows of a segment, :data:`BATCH_ROWS` at a time.

        Args:
            number: the segment's number, from 0.
            names: the wanted columns.
        """

    def cut(self, limits: Limits, check: Check | None) -> Iterator[Range]:
        """Ranges of rows; they do not depend on the sizes of the segments."""
        segments: list[Segment] = []
        problem: Exception | None = None
        try:
            for segment in self.segments():
                sha256 = self._sha256(segment) if self.source.hashing else ""
                segments.append(replace(segment, sha256=sha256))
        except _errors() as error:
            problem = error
        total = sum(segment.rows for segment in segments)
        self.layout = replace(self.layout, segments=tuple(segments))
        if check and self.layout.types:
            size = self.sizes[check(self.layout.types).text or ""]
            self.layout = replace(self.layout, row_size=size // max(1, total))
        step = max(1, min(limits.rows, limits.size // max(1, self.layout.row_size)))
        for start in range(0, total, step):
            stop = min(start + step, total)
            yield Range(start, stop, stop - start, first=start + 1, next=stop + 1)
        if problem:
            raise UnreadableFileError(
                f"{self.source.label} is not a whole {self.title} file: {problem}",
                expected=f"a {self.title} file",
                hint="fetch or write the file again",
            ) from problem

    def read_back(self, start: int, stop: int) -> bytes:
        """Nothing: rows are found by their numbers."""
        return b""

    def digest(self) -> str:
        """SHA-256, in hex, of the column types and of the segments with their hashes: all that the rows depend on."""
        segments = [asdict(segment) for segment in self.layout.segments]
        return hashlib.sha256(repr([self.layout.types, segments]).encode()).hexdigest()

    def rows(self, found: Range, needed: Collection[str] | None = None) -> Iterator[Row]:
        """The rows of a range; a row that a damaged segment does not give has the damage as its problem.

        Raises:
            InputError: a segment has changed since it was hashed.
        """
        # How many rows come before each segment.
        firsts = list(accumulate((segment.rows for segment in self.layout.segments), initial=0))
        segment = bisect_right(firsts, found.start) - 1
        if not firsts[segment] <= self._place <= found.start:
            names = [name for name in self.layout.types if needed is None or name in needed]
            self._running, self._place = self._rows_from(segment, firsts, names), firsts[segment]
        for _ in range(found.start - self._place):
            next(self._running)
        yield from islice(self._running, found.rows)

    def _rows_from(self, segment: int, firsts: list[int], names: list[str]) -> Iterator[Row]:
        """All rows of the table from the beginning of a segment on."""
        for number in range(segment, len(self.layout.segments)):
            self._check(self.layout.segments[number])
            self._place, after = firsts[number : number + 2]
            problem = "it has fewer rows than it says"
            try:
                for batch in self.batches(number, names):
                    for cells in batch[: after - self._place]:
                        self._place += 1
                        if isinstance(cells, str):
                            yield Row.unusable(self._place, cells)
                        else:
                            yield Row(self._place, cells)
            except _errors() as error:
                problem = str(error)
            while self._place < after:
                self._place += 1
                yield Row.unusable(self._place, f"this part of the file is damaged: {problem}")

    def _check(self, segment: Segment) -> None:
        self._place = -1  # after an error, the next call starts again at a segment
        if segment.sha256 and self._sha256(segment) != segment.sha256:
            raise changed(self.source.path, f"bytes {segment.start} to {segment.stop} no longer hash as planned")

    def _sha256(self, segment: Segment) -> str:
        hashed = hashlib.sha256()
        for data in self.bytes_of(segment.start, segment.stop):
            hashed.update(data)
        return hashed.hexdigest()

    def bytes_of(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes ``start`` to ``stop`` of the unpacked file, in pieces."""
        file = self.source.random_access()
        file.seek(start)
        return pieces(file, stop - start)


def check_memory(column: Any) -> None:
    """See that a column of an Arrow file points nowhere outside of its own memory: reading it would end the process.

    That a text is not UTF-8 is no such damage; :func:`cells_of` finds it.

    Raises:
        ArrowInvalid: it does.
    """
    import pyarrow
    from pyarrow import types

    try:
        column.validate(full=True)
    except pyarrow.ArrowInvalid:
        kind = column.type
        if types.is_string(kind):
            column.view(pyarrow.binary()).validate(full=True)
        elif types.is_large_string(kind):
            column.view(pyarrow.large_binary()).validate(full=True)
        elif types.is_dictionary(kind):
            column.indices.validate(full=True)
            check_memory(column.dictionary)
            places = column.indices.drop_null()
            if any(not 0 <= place < len(column.dictionary) for place in places.to_pylist()):
                raise
        else:
            raise


def cells_of(batch: Any) -> list[Cells]:
    """The rows of an Arrow record batch; for a row with a cell that is not UTF-8, why it cannot be read.

    A value that Python cannot hold is given as text (nanoseconds) or, if it has none, as ``None`` (the year 33658).
    """
    try:
        rows: list[Cells] = batch.to_pylist()
    except (ArithmeticError, ValueError, LookupError, OSError):  # one of the cells raises it
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        return [_cells(columns, row) for row in range(batch.num_rows)]
    return rows


def _cells(columns: Mapping[str, Any], row: int) -> Cells:
    values = {}
    for name, column in columns.items():
        try:
            values[name] = column[row].as_py()
        except UnicodeDecodeError as error:
            return f"column {name!r} holds bytes that are no text: {error}; expected UTF-8"
        except (ArithmeticError, ValueError, LookupError, OSError):
            values[name] = _as_text(column[row])
    return values


def _as_text(value: Any) -> str | None:
    import pyarrow

    if pyarrow.types.is_timestamp(value.type) and value.type.tz:  # a zone that Python does not know
        value = value.cast(pyarrow.timestamp(value.type.unit, "UTC"))
    try:
        text = str(value.cast(pyarrow.string()).as_py())
    except (pyarrow.ArrowException, ValueError, LookupError, OSError):
        return None
    return None if text.startswith(_NO_TEXT) else text


def _errors() -> tuple[type[Exception], ...]:
    """What pyarrow raises for a damaged file; a damaged length asks for more memory than there is."""
    import pyarrow

    return (pyarrow.ArrowException, OSError, EOFError, ValueError, MemoryError)
