"""The rows of a unit, read as planned: documents, and what cannot be one with the reason."""

from __future__ import annotations

import hashlib
import io
import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields, replace
from itertools import accumulate
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from framing.batch.inputs import BLOCK, TABLES, open_raw, unpacked
from framing.batch.plan import Plan, Settings
from framing.batch.shards import RejectedRow
from framing.batch.units import PlannedFile, Unit, csv_rows, reason_of
from framing.errors import InputError, UnreadableFileError
from framing.text import html
from framing.text.columns import Columns, document_of_row, with_title
from framing.text.decoding import clean, decode
from framing.types import Document

if TYPE_CHECKING:
    import pyarrow

_SHOWN_VALUE = 80
_TABLE_BATCH_ROWS = 1024
# How Python shows a byte that it could not decode (PEP 383).
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class InputRow:
    """A row that can be labelled.

    Attributes:
        number: of the row in its file, from 1.
        document: made of it.
        carried: values of the columns to be carried along, in the order of the settings.
    """

    number: int
    document: Document
    carried: tuple[Any, ...]


@dataclass(slots=True)
class UnitRows:
    """What a unit holds.

    Attributes:
        unit: the unit.
        rows: those that can be labelled, in order.
        rejected: those that cannot, in order.
    """

    unit: Unit
    rows: list[InputRow] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)


class UnitReader:
    """Reads units of a plan, best in their order: what is packed can only be read forward.

    Not safe to use from several threads at once. Close it, or use it in a ``with`` block.

    Args:
        plan: whose units are read.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._open: _OpenText | _OpenTable | None = None
        self._open_file = -1

    def read(self, unit: Unit) -> UnitRows:
        """Read a unit into memory.

        Raises:
            InputError: its bytes are no longer those that were planned.
            UnreadableFileError: the file is gone.
        """
        planned = self._plan.file_of(unit)
        found = UnitRows(unit)
        if unit.start == unit.stop:
            found.rejected.append(RejectedRow(unit.first or None, planned.problem))
            return found
        reading = _Rows(planned, self._plan.settings, found)
        try:
            self._open_at(unit, planned).read(unit, reading)
        except OSError as error:
            raise UnreadableFileError(
                f"{planned.path} cannot be read: {error.strerror or error}",
                expected="the file as it was when the job was planned",
                hint="bring it back and start the job again; it goes on where it was",
            ) from error
        if (count := len(found.rows) + len(found.rejected)) != unit.rows:
            raise _changed(planned, f"it has {count} rows where {unit.rows} were planned")
        return found

    def close(self) -> None:
        """Close the file that is open."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _open_at(self, unit: Unit, planned: PlannedFile) -> _OpenText | _OpenTable:
        if self._open is not None and self._open_file == unit.file and self._open.can_reach(unit.start):
            return self._open
        self.close()
        self._open = (_OpenTable if planned.format in TABLES else _OpenText)(planned)
        self._open_file = unit.file
        return self._open

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _changed(planned: PlannedFile, what: str) -> InputError:
    return InputError(
        f"{planned.path} has changed since the job was planned: {what}",
        expected="the file as it was",
        hint="bring it back and start the job again, or plan a new job in a new folder (--fresh)",
    )


# --- rows to documents ------------------------------------------------------------------------------------------------


class _Rows:
    """Turns a unit's rows into documents, or into rejections."""

    def __init__(self, planned: PlannedFile, settings: Settings, found: UnitRows) -> None:
        self.planned = planned
        self.settings = settings
        self._found = found
        self._names: tuple[str, ...] | None = None
        self._resolved = settings.columns

    def add(self, number: int, row: dict[str, Any]) -> None:
        """Add a row."""
        row = row | self.planned.partition
        try:
            document = self._document(number, row)
        except InputError as error:
            self.reject(number, reason_of(error), row)
        else:
            carried = tuple(row.get(column) for column in self.settings.carry)
            self._found.rows.append(InputRow(number, document, carried))

    def reject(self, number: int, reason: str, value: object = "") -> None:
        """Set a row aside."""
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        self._found.rejected.append(RejectedRow(number, clean(reason), clean(shown[:_SHOWN_VALUE])))

    def _document(self, number: int, row: dict[str, Any]) -> Document:
        columns = self._columns(row)
        where = f"{self.planned.label}:{number}"
        document = document_of_row(row, columns, default_id=where)
        text, title, outlet, published = document.text, document.title, document.outlet, document.published
        if self.settings.sentences:
            text = text.strip()
        elif html.looks_like_html(text):
            page = html.extract(row[columns.text or ""], where)
            text = with_title(page.text, title)
            title, outlet, published = title or page.title, outlet or page.outlet, published or page.published
        return Document(text, document.id, outlet or self.settings.outlet, published or self.settings.published, title)

    def _columns(self, row: dict[str, Any]) -> Columns:
        """Which of this row's columns is what; rows of JSONL differ in the keys that they have."""
        names = tuple(row)
        if names != self._names:
            wanted = self.settings.columns
            missing = [name.name for name in fields(wanted) if getattr(wanted, name.name) not in row]
            wanted = replace(wanted, **{role: None for role in missing if role != "text"})
            resolved = wanted.resolve(names, self.planned.label)
            # Beside a sentence that is a row of its own, a title would be a second sentence.
            self._resolved = replace(resolved, title=None) if self.settings.sentences else resolved
            self._names = names
        return self._resolved


# --- JSONL and CSV ----------------------------------------------------------------------------------------------------


class _OpenText:
    """A file of JSONL or CSV, read forward."""

    def __init__(self, planned: PlannedFile) -> None:
        self._planned = planned
        self._stack = ExitStack()
        self._raw = self._stack.enter_context(open_raw(planned.path))
        self._content = self._stack.enter_context(unpacked(self._raw, planned.packing))
        self._position = 0

    def can_reach(self, start: int) -> bool:
        """Whether the place lies ahead; what is not packed can be reached everywhere."""
        return not self._planned.packing or start >= self._position

    def read(self, unit: Unit, rows: _Rows) -> None:
        """Read the unit's rows."""
        data = self._range(unit)
        if hashlib.sha256(data).hexdigest() != unit.sha256:
            raise _changed(self._planned, f"bytes {unit.start} to {unit.stop} no longer hash as planned")
        if self._planned.format == "jsonl":
            _read_jsonl(data, unit, rows)
        else:
            _read_csv(data, unit, rows)

    def close(self) -> None:
        """Close the file."""
        self._stack.close()

    def _range(self, unit: Unit) -> bytes:
        if self._planned.packing:
            self._skip(unit.start - self._position)
        else:
            self._content.seek(unit.start)
        data = b"".join(self._pieces(unit.stop - unit.start))
        self._position = unit.stop
        return data

    def _skip(self, size: int) -> None:
        for _ in self._pieces(size):
            pass

    def _pieces(self, size: int) -> Iterator[bytes]:
        """So many bytes; not one more is asked for, because behind them the file may be damaged."""
        while size > 0 and (data := self._content.read(min(size, BLOCK))):
            size -= len(data)
            yield data


def _read_jsonl(data: bytes, unit: Unit, rows: _Rows) -> None:
    # Not splitlines, which takes other characters for line ends, too.
    lines = data.split(b"\n")
    for number, line in enumerate(lines, start=unit.first):
        if line and not line.isspace():
            _read_json_line(line, number, rows)


def _read_json_line(line: bytes, number: int, rows: _Rows) -> None:
    shown = line[: 4 * _SHOWN_VALUE].decode("utf-8", "replace")
    try:
        text = line.decode(rows.planned.encoding, "surrogateescape")
        row = json.loads(_mended(text, rows))
    except (ValueError, RecursionError) as error:
        rows.reject(number, f"the line is not JSON: {error}", shown)
    except UnreadableFileError as error:
        rows.reject(number, reason_of(error), shown)
    else:
        if isinstance(row, dict):
            rows.add(number, row)
        else:
            rows.reject(number, f"the line holds a {type(row).__name__}; expected a JSON object", shown)


def _read_csv(data: bytes, unit: Unit, rows: _Rows) -> None:
    names = rows.planned.names
    text = io.TextIOWrapper(io.BytesIO(data), rows.planned.encoding, errors="surrogateescape", newline="")
    for row in csv_rows(text, rows.planned.separator, unit.first):
        if row.problem:
            rows.reject(row.number, row.problem)
        elif row.cells and len(row.cells) != len(names):
            reason = f"the row has {len(row.cells)} cells; expected {len(names)} as in the header"
            rows.reject(row.number, reason, ",".join(row.cells))
        elif row.cells:
            _read_cells(row.number, row.cells, rows)


def _read_cells(number: int, cells: Sequence[str], rows: _Rows) -> None:
    try:
        mended = [_mended(cell, rows) for cell in cells]
    except UnreadableFileError as error:
        rows.reject(number, reason_of(error), ",".join(cells))
    else:
        rows.add(number, dict(zip(rows.planned.names, mended, strict=True)))


def _mended(text: str, rows: _Rows) -> str:
    """Text with its undecodable bytes decoded on their own (a cp1252 row among UTF-8 rows)."""
    if not _ESCAPED_BYTE.search(text):
        return text
    return decode(text.encode(rows.planned.encoding, "surrogateescape"), rows.planned.label)


# --- tables -----------------------------------------------------------------------------------------------------------


class _OpenTable:
    """A file of Parquet or Arrow, read segment by segment."""

    def __init__(self, planned: PlannedFile) -> None:
        self._planned = planned
        self._raw = open_raw(planned.path)
        self._cursor: _Cursor | None = None
        self._cursor_segment = -1
        # The first row of each segment.
        self._firsts = list(accumulate((segment.rows for segment in planned.segments), initial=0))

    def can_reach(self, start: int) -> bool:
        """Everywhere."""
        return True

    def read(self, unit: Unit, rows: _Rows) -> None:
        """Read the unit's rows; those that the file does not give are set aside."""
        begun, ended = bisect_right(self._firsts, unit.start) - 1, bisect_left(self._firsts, unit.stop)
        for number in range(begun, ended):
            first, after = self._firsts[number : number + 2]
            self._read_segment(number, first, max(unit.start, first), min(unit.stop, after), rows)

    def close(self) -> None:
        """Close the file."""
        self._raw.close()

    def _read_segment(self, number: int, first: int, start: int, stop: int, rows: _Rows) -> None:
        """Read rows [start, stop) of the file, all of which lie in a segment that begins with row ``first``."""
        if self._cursor_segment != number or self._cursor is None or self._cursor.position > start - first:
            self._check(number)
            self._cursor = _Cursor(_batches(self._raw, self._planned, number, rows.settings))
            self._cursor_segment = number
        for position in range(start - first, stop - first):
            row = self._cursor.row(position)
            if row is None:
                reason = f"this part of the file is damaged: {self._cursor.problem}"
                rows.reject(first + position + 1, reason)
            else:
                rows.add(first + position + 1, row)

    def _check(self, number: int) -> None:
        segment = self._planned.segments[number]
        self._raw.seek(segment.start)
        found = hashlib.sha256()
        left = segment.stop - segment.start
        while left > 0 and (data := self._raw.read(min(left, 1 << 20))):
            found.update(data)
            left -= len(data)
        if found.hexdigest() != segment.sha256:
            raise _changed(self._planned, f"bytes {segment.start} to {segment.stop} no longer hash as planned")


class _Cursor:
    """The rows of a segment, read forward, until its end or until it cannot be read any further."""

    def __init__(self, batches: Iterator[list[dict[str, Any]]]) -> None:
        self.position = 0
        self.problem = ""
        self._batches = batches
        self._batch: list[dict[str, Any]] = []
        self._batch_start = 0

    def row(self, position: int) -> dict[str, Any] | None:
        """The row at a place that is not behind; ``None`` where it cannot be read."""
        import pyarrow

        while not self.problem and position >= self._batch_start + len(self._batch):
            self._batch_start += len(self._batch)
            try:
                self._batch = next(self._batches)
            except StopIteration:
                self.problem = "it has fewer rows than it says"
            except (pyarrow.ArrowException, OSError, ValueError) as error:
                self.problem = str(error)
            if self.problem:
                self._batch = []
        self.position = position + 1
        return None if self.problem else self._batch[position - self._batch_start]


def _batches(raw: BinaryIO, planned: PlannedFile, segment: int, settings: Settings) -> Iterator[list[dict[str, Any]]]:
    import pyarrow
    import pyarrow.parquet

    names = _needed_columns(planned, settings)
    if planned.format == "arrow":
        for batch in _slices(_arrow_batch(raw, planned, segment)):
            yield batch.select(names).to_pylist()
        return
    raw.seek(0)
    with pyarrow.parquet.ParquetFile(raw, buffer_size=1 << 20, page_checksum_verification=True) as table:
        # A name with a dot would be taken for a path into a struct.
        chosen = None if any("." in name for name in names) else names
        for batch in table.iter_batches(_TABLE_BATCH_ROWS, [segment], columns=chosen, use_threads=False):
            yield batch.to_pylist()


def _arrow_batch(raw: BinaryIO, planned: PlannedFile, segment: int) -> pyarrow.RecordBatch:
    import pyarrow

    raw.seek(0)
    schema = pyarrow.ipc.read_schema(pyarrow.PythonFile(raw, mode="r"))
    place = planned.segments[segment]
    raw.seek(place.start)
    return pyarrow.ipc.read_record_batch(pyarrow.py_buffer(raw.read(place.stop - place.start)), schema)


def _slices(batch: pyarrow.RecordBatch) -> Iterator[pyarrow.RecordBatch]:
    for start in range(0, batch.num_rows, _TABLE_BATCH_ROWS):
        yield batch.slice(start, _TABLE_BATCH_ROWS)


def _needed_columns(planned: PlannedFile, settings: Settings) -> list[str]:
    columns = settings.columns.resolve([*planned.types, *planned.partition], planned.label)
    roles = [getattr(columns, entry.name) for entry in fields(columns)]
    return [name for name in planned.types if name in roles or name in settings.carry]
