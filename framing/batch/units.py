"""A file cut into units of work: one pass over its bytes that hashes them and finds where rows begin.

A unit of JSONL or CSV is a range of (unpacked) bytes that begins and ends between rows: at line ends for JSONL, and
for CSV where the CSV reader itself has finished a row, so that a line end in quotation marks is none. Each has the
SHA-256 of its bytes. A unit of a table (Parquet, Arrow) is a range of rows, whatever the sizes of the row groups;
there the hashes are those of the row groups' bytes. What cannot be read is a unit of one row, which will be rejected
with the reason: a file as a whole, or the rest of one from where it breaks off.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from framing.batch.inputs import BLOCK, TABLES, CorpusFile, HashingStream, open_raw, packing_of, unpacked
from framing.errors import ColumnError, FramingError, UnreadableFileError
from framing.text.columns import Columns
from framing.text.decoding import SAMPLE_SIZE, guess_encoding, refuse_binary

#: A cell of CSV longer than this is a lost quotation mark that swallowed the rest of the file; a line, no line.
LONGEST = 64 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a unit may become. A row that is larger by itself is a unit of its own.

    Attributes:
        rows: at most so many.
        size: about so many bytes of text, unpacked.
    """

    rows: int = 50_000
    size: int = 8 << 20


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of work; from it comes one shard.

    Attributes:
        number: its place in the plan, from 0.
        file: the place of its file among the plan's files.
        start, stop: half-open; unpacked bytes of JSONL and CSV, rows of a table. Equal where this is what cannot be
            read of a file.
        rows: how many rows are in it; each is labelled or rejected in the end.
        first: its first row's number, from 1; the line of JSONL and CSV. 0 for a whole file that cannot be read.
        sha256: of its bytes; empty for tables.
    """

    number: int
    file: int
    start: int
    stop: int
    rows: int
    first: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A row group of Parquet, or a record batch of Arrow.

    Attributes:
        start, stop: its bytes in the file, half-open.
        rows: how many.
        sha256: of the bytes.
    """

    start: int
    stop: int
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file as it was when the job was planned.

    Attributes:
        path, label, format, partition, size, version: as of :class:`~framing.batch.inputs.CorpusFile`.
        sha256: of its bytes as they are stored.
        rows: those that can be reached.
        packing: ``"gzip"``, ``"zstd"`` or empty.
        encoding: of text.
        separator, names: of CSV, from its header.
        segments: of a table.
        types: of a table: column to Arrow type, as text.
        problem: why the file, or the rest of it, cannot be read; empty if it can.
    """

    path: str
    label: str
    format: str
    partition: dict[str, str | None]
    size: int
    version: str
    sha256: str
    rows: int = 0
    packing: str = ""
    encoding: str = ""
    separator: str = ""
    names: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass over a file found: the file, and its units (numbered from 0, as of file 0)."""

    file: PlannedFile
    units: tuple[Unit, ...]


def scan(file: CorpusFile, limits: Limits, columns: Columns, on_bytes: Callable[[int], None] | None = None) -> Scan:
    """Hash a file and cut it into units.

    Args:
        file: what to read.
        limits: of a unit.
        columns: as the user named them; that the file has them is checked.
        on_bytes: is called with the size of the file when it is done.

    Returns:
        The scan. A file that cannot be read, or that lacks a column, has that as its ``problem``.
    """
    stream = open_raw(file.path)
    try:
        scanned = _scan_table(file, stream, limits, columns) if file.format in TABLES else None
        scanned = scanned or _scan_text(file, stream, limits, columns)
    except OSError as error:
        raise UnreadableFileError(f"{file.path} cannot be read: {error.strerror or error}") from error
    finally:
        stream.close()
    if on_bytes:
        on_bytes(file.size)
    return scanned


def reason_of(error: FramingError) -> str:
    """An error in one line, for the list of rejected rows."""
    return error.message + (f"; expected {error.expected}" if error.expected else "")


def _planned(file: CorpusFile, sha256: str, **found: Any) -> PlannedFile:
    return PlannedFile(file.path, file.label, file.format, file.partition, file.size, file.version, sha256, **found)


def _finished(planned: PlannedFile, units: list[Unit], next_first: int) -> Scan:
    """The scan, with a last unit for what cannot be read."""
    planned = replace(planned, rows=sum(unit.rows for unit in units))
    if planned.problem:
        place = units[-1].stop if units else 0
        units = [*units, Unit(len(units), 0, place, place, 1, next_first if units else 0)]
    return Scan(planned, tuple(replace(unit, number=number) for number, unit in enumerate(units)))


# --- JSONL and CSV ----------------------------------------------------------------------------------------------------


class _Cutter:
    """Gathers rows' bytes and closes a unit when it is large enough."""

    def __init__(self, limits: Limits, *, start: int, first: int) -> None:
        self.units: list[Unit] = []
        self.line = first
        self._limits = limits
        self._held: list[bytes] = []
        self._start = self._stop = start
        self._first = first
        self._rows = 0

    def has_room(self, rows: int, size: int) -> bool:
        """Whether a unit would still be open after so many rows and bytes more."""
        return self._rows + rows < self._limits.rows and self._stop + size - self._start < self._limits.size

    def add(self, lines: list[bytes], *, line_count: int, rows: int) -> None:
        """Add the bytes of a row, or of several; of a blank line, bytes that are no row."""
        self._held += lines
        self._stop += sum(map(len, lines))
        self.line += line_count
        self._rows += rows
        if self._rows >= self._limits.rows or self._stop - self._start >= self._limits.size:
            self.close()

    def close(self) -> None:
        """Make a unit of what is held; of blank lines alone there is none."""
        if self._rows:
            sha256 = hashlib.sha256(b"".join(self._held)).hexdigest()
            self.units.append(Unit(0, 0, self._start, self._stop, self._rows, self._first, sha256))
        self._held, self._rows = [], 0
        self._start, self._first = self._stop, self.line


def _scan_text(file: CorpusFile, stream: BinaryIO, limits: Limits, columns: Columns) -> Scan:
    packing = packing_of(stream)
    hashing = HashingStream(stream)
    known: dict[str, Any] = {"packing": packing}
    cutter = _Cutter(limits, start=0, first=1)
    with unpacked(hashing, packing) as content:
        lines = io.BufferedReader(content, BLOCK)
        try:
            encoding = _encoding(lines, file)
            start = len(_BYTE_ORDER_MARK) if encoding == "utf-8-sig" else 0
            lines.read(start)
            known["encoding"] = encoding = encoding.removesuffix("-sig")
            if file.format == "jsonl":
                cutter = _Cutter(limits, start=start, first=1)
                _cut_jsonl(lines, cutter, columns, encoding, file)
            else:
                header = _header(lines, encoding, file, columns)
                known |= {"separator": header.separator, "names": header.names}
                cutter = _Cutter(limits, start=start + header.size, first=1 + header.lines)
                _cut_csv(lines, cutter, header.separator, file)
        except FramingError as error:
            known["problem"] = reason_of(error)
        except (OSError, EOFError) as error:
            known["problem"] = f"the file is damaged or was cut off here: {error}"
        cutter.close()
        sha256 = hashing.hexdigest()
    return _finished(_planned(file, sha256, **known), cutter.units, cutter.line)


def _encoding(lines: io.BufferedReader, file: CorpusFile) -> str:
    sample = lines.peek(SAMPLE_SIZE)[:SAMPLE_SIZE]
    if not sample:
        raise UnreadableFileError(f"{file.label} is empty", expected="a file with rows in it")
    refuse_binary(sample, file.label)
    encoding = guess_encoding(sample, file.label)
    if encoding.startswith(("utf-16", "utf-32", "utf_16", "utf_32")):
        raise UnreadableFileError(f"{file.label} is {encoding.upper()}", expected="UTF-8 (see iconv) or cp1252")
    return encoding


def _check_length(length: int, file: CorpusFile) -> None:
    """Memory must hold a line, and there are files of gigabytes that are one."""
    if length > LONGEST:
        raise UnreadableFileError(
            f"{file.label} has a line of more than {LONGEST >> 20} MiB here", expected="one row a line"
        )


def _cut_jsonl(lines: io.BufferedReader, cutter: _Cutter, columns: Columns, encoding: str, file: CorpusFile) -> None:
    is_checked = False
    for block in _blocks_of_lines(lines, file):
        # A block of which every line begins as an object does, and in which no unit ends, is told as a whole: the same
        # units, in half the time.
        count = block.count(b"\n")
        are_objects = block.endswith(b"\n") and block.startswith(b"{") + block.count(b"\n{") == count
        if is_checked and are_objects and cutter.has_room(count, len(block)):
            cutter.add([block], line_count=count, rows=count)
            continue
        for line in io.BytesIO(block):
            is_row = not line.isspace()
            if is_row and not is_checked:
                is_checked = _checks_columns(line, columns, encoding, file)
            cutter.add([line], line_count=1, rows=int(is_row))


def _blocks_of_lines(stream: io.BufferedReader, file: CorpusFile) -> Iterator[bytes]:
    """The stream in blocks of whole lines; only its last line may lack an end."""
    begun: list[bytes] = []
    length = 0
    while data := stream.read1(BLOCK):
        end = data.rfind(b"\n") + 1
        _check_length(length + (data.find(b"\n") + 1 or len(data)), file)
        if end:
            yield b"".join((*begun, data[:end]))
            begun, length = [], 0
        begun.append(data[end:])
        length += len(data) - end
    if length:
        yield b"".join(begun)


def _checks_columns(line: bytes, columns: Columns, encoding: str, file: CorpusFile) -> bool:
    """Whether this line is an object, by which the columns could be checked."""
    try:
        row = json.loads(line.decode(encoding, "replace"))
    except (ValueError, RecursionError):
        return False
    if not isinstance(row, dict):
        return False
    columns.resolve([*row, *file.partition], file.label)
    return True


@dataclass(frozen=True, slots=True)
class _Header:
    separator: str
    names: tuple[str, ...]
    size: int
    lines: int


def _header(lines: io.BufferedReader, encoding: str, file: CorpusFile, columns: Columns) -> _Header:
    line = lines.readline(LONGEST + 1)
    _check_length(len(line), file)
    text = line.decode(encoding, "replace")
    if not text.strip():
        raise UnreadableFileError(f"{file.label} has no header", expected="the names of the columns in the first line")
    separator = "\t" if file.format == "tsv" else max(",;\t|", key=text.count)
    names = tuple(name.strip().removeprefix("\ufeff") for name in next(csv.reader([text], delimiter=separator)))
    columns.resolve([*names, *file.partition], file.label)
    return _Header(separator, names, len(line), 1)


def _cut_csv(lines: io.BufferedReader, cutter: _Cutter, separator: str, file: CorpusFile) -> None:
    # As Latin-1 every byte is a character, and the bytes that CSV is made of are what they are in UTF-8 and cp1252.
    text = io.TextIOWrapper(lines, encoding="latin-1", newline="")
    kept = _KeptLines(text, file)
    try:
        for row in csv_rows(kept, separator, first=cutter.line):
            held = kept.take()
            cutter.add([line.encode("latin-1") for line in held], line_count=len(held), rows=int(row.is_row))
    finally:
        text.detach()


class _KeptLines:
    """Passes lines on and keeps those that were asked for."""

    def __init__(self, text: io.TextIOWrapper, file: CorpusFile) -> None:
        self._text = text
        self._file = file
        self._kept: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._text.readline(LONGEST + 1)
        if not line:
            raise StopIteration
        _check_length(len(line), self._file)
        self._kept.append(line)
        return line

    def take(self) -> list[str]:
        """The lines since the last call."""
        kept, self._kept = self._kept, []
        return kept


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row as the CSV reader sees it: its first line's number, and its cells or what is wrong with it."""

    number: int
    cells: list[str]
    problem: str = ""

    @property
    def is_row(self) -> bool:
        """Whether it is one: a blank line is none."""
        return bool(self.cells or self.problem)


def csv_rows(lines: Iterable[str], separator: str, first: int) -> Iterator[CsvRow]:
    """Read CSV; after a row that is none, the reading goes on with the next line.

    Args:
        lines: with their ends, as of a text stream opened with ``newline=""``.
        separator: of cells.
        first: the number of the first line.
    """
    csv.field_size_limit(LONGEST)
    # strict: a lost quotation mark is an error rather than a cell that holds the rest of the file
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        number = first + reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield CsvRow(number, [], f"the row is not CSV: {error}")
        else:
            yield CsvRow(number, cells)


# --- tables -----------------------------------------------------------------------------------------------------------


def _scan_table(file: CorpusFile, stream: BinaryIO, limits: Limits, columns: Columns) -> Scan:
    import pyarrow

    try:
        found = _parquet_layout(stream) if file.format == "parquet" else _arrow_layout(stream)
        resolved = columns.resolve([*found.types, *file.partition], file.label)
    except (pyarrow.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        problem = f"the file is not whole: {error}; expected {'Parquet' if file.format == 'parquet' else 'Arrow'}"
        return _finished(_planned(file, _sha256(stream), problem=problem), [], 0)
    except ColumnError as error:
        return _finished(_planned(file, _sha256(stream), problem=reason_of(error)), [], 0)
    hashed = _hash_ranges(stream, [(start, stop) for start, stop, _ in found.segments])
    rows = [rows for _, _, rows in found.segments]
    segments = tuple(
        Segment(start, stop, count, sha256)
        for (start, stop, count), sha256 in zip(found.segments, hashed.ranges, strict=True)
    )
    text_size = found.text_sizes.get(resolved.text or "", 0)
    per_unit = max(1, min(limits.rows, limits.size * sum(rows) // max(1, text_size))) if sum(rows) else 1
    units = [
        Unit(0, 0, start, min(start + per_unit, sum(rows)), min(per_unit, sum(rows) - start), start + 1)
        for start in range(0, sum(rows), per_unit)
    ]
    planned = _planned(file, hashed.whole, segments=segments, types=found.types)
    return _finished(planned, units, sum(rows) + 1)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a table's segments are ``(start, stop, rows)``, its columns' types, and how much text the columns hold."""

    segments: list[tuple[int, int, int]]
    types: dict[str, str]
    text_sizes: dict[str, int]


def _parquet_layout(stream: BinaryIO) -> _Layout:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(stream) as table:
        types = {entry.name: str(entry.type) for entry in table.schema_arrow}
        metadata = table.metadata
        segments = []
        sizes: dict[str, int] = {}
        for index in range(metadata.num_row_groups):
            group = metadata.row_group(index)
            chunks = [group.column(i) for i in range(group.num_columns)]
            starts = [min(filter(None, (c.dictionary_page_offset, c.data_page_offset)), default=0) for c in chunks]
            stops = [start + c.total_compressed_size for start, c in zip(starts, chunks, strict=True)]
            segments.append((min(starts, default=0), max(stops, default=0), group.num_rows))
            for chunk in chunks:
                sizes[chunk.path_in_schema] = sizes.get(chunk.path_in_schema, 0) + chunk.total_uncompressed_size
    return _Layout(segments, types, sizes)


def _arrow_layout(stream: BinaryIO) -> _Layout:
    """Of the streaming format, in which ``save_to_disk`` of Hugging Face datasets writes."""
    import pyarrow

    segments = []
    sizes: dict[str, int] = {}
    with pyarrow.ipc.open_stream(pyarrow.PythonFile(stream, mode="r")) as reader:
        types = {entry.name: str(entry.type) for entry in reader.schema}
        while True:
            start = stream.tell()
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                break
            segments.append((start, stream.tell(), batch.num_rows))
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                sizes[name] = sizes.get(name, 0) + column.nbytes
    return _Layout(segments, types, sizes)


@dataclass(frozen=True, slots=True)
class _Hashed:
    whole: str
    ranges: list[str]


def _hash_ranges(stream: BinaryIO, ranges: list[tuple[int, int]]) -> _Hashed:
    """The hash of a stream and those of ranges of it, in one pass."""
    whole = hashlib.sha256()
    parts = [hashlib.sha256() for _ in ranges]
    # Those that the pass has not yet left behind, by their beginning; they do not overlap.
    ahead = deque(sorted(range(len(ranges)), key=lambda i: ranges[i]))
    stream.seek(0)
    position = 0
    while data := stream.read(1 << 20):
        whole.update(data)
        for i in ahead:
            start, stop = ranges[i]
            if start >= position + len(data):
                break
            parts[i].update(data[max(0, start - position) : max(0, stop - position)])
        position += len(data)
        while ahead and ranges[ahead[0]][1] <= position:
            ahead.popleft()
    return _Hashed(whole.hexdigest(), [part.hexdigest() for part in parts])


def _sha256(stream: BinaryIO) -> str:
    return _hash_ranges(stream, []).whole
