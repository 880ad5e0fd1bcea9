"""Records: one per sentence, written as JSONL, Parquet or CSV in one schema, and read back.

:data:`COLUMNS` names the columns; the codebook's tasks and the carried columns follow. A line of JSONL is what
:meth:`SentenceLabels.to_dict` gives, with the carried columns. In Parquet (:func:`schema`)

- ``frames`` is a list of ``{label, probability}``, because sentences have different frames, and Hugging Face
  ``datasets`` and others cannot read Arrow maps;
- ``probabilities`` is a struct with one field per name, such as ``probabilities.terrorists``, so that one label can be
  read without the others;
- probabilities are float32, which keeps the six decimals of a record.

In CSV the cells of nested columns are JSON, and an empty cell stands for ``None``. A file gets its name when it is
complete (:class:`framing.files.WholeFile`). Writing streams: at most one row group of Parquet is held in memory.
"""

from __future__ import annotations

import csv
import errno
import gzip
import json
import math
import os
import re
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import suppress
from itertools import accumulate, groupby
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, Self, cast

from framing.codebook import Codebook
from framing.errors import FramingWarning, InputError, OutputError, SettingError
from framing.files import WholeFile, reporting_write_errors
from framing.types import (
    COLUMNS,
    Document,
    DocumentLabels,
    Labels,
    Rejected,
    SentenceLabels,
    TaskAnswer,
    no_record,
    tasks_of,
)

if TYPE_CHECKING:
    import pyarrow

#: Goes up with every change of a column's name or type.
SCHEMA_VERSION = 2
#: The name that stands for standard output.
STANDARD_OUTPUT = "-"

_PLACE = ("input", "row", "document_id", "outlet", "published", "index", "kind")
_NESTED = ("frames", "mentions", "hedges", "sources", "probabilities")
_METADATA = "framing.codebook"
#: Sentences in one Arrow table; as Python objects they take ten times as much memory.
_BATCH = 1024
#: Arrow tables in a Parquet row group: large enough to compress well, small enough to hold in memory.
_ROW_GROUP_BATCHES = 16
_FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".csv": "csv"}
_ENDING = re.compile(r"(\.jsonl|\.ndjson|\.csv)(\.gz)?$|(\.parquet)$", re.IGNORECASE)
#: Beginnings of cells that a spreadsheet takes for formulas.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SURROGATE = re.compile("[\ud800-\udfff]")
#: Of some items and the names of their fields: the values of each field.
_Columns = Callable[[Sequence[Any], Sequence[str]], Iterator[Sequence[Any]]]


# --- the schema -------------------------------------------------------------------------------------------------------


def schema(codebook: Codebook, carried: Mapping[str, str] | None = None) -> pyarrow.Schema:
    """The Arrow schema of records. Offsets are int32, in code points; probabilities float32, in [0, 1].

    Args:
        codebook: names the probabilities and the tasks; its outline goes into the metadata.
        carried: name of a carried column in the output (:func:`carried_name`) -> its Arrow type.
    """
    import pyarrow as pa

    probability, text = ("probability", pa.float32()), pa.string()
    marked = pa.list_(pa.struct([("value", text), *_span(), probability]))
    one_of_many = pa.list_(pa.struct([("value", text), probability]))
    types = {
        **_place_types(),
        "start": pa.int32(),
        "end": pa.int32(),
        "text": text,
        "text_offset": pa.int32(),
        "frames": pa.list_(pa.struct([("label", text), probability])),
        "mentions": pa.list_(_mention_type(codebook)),
        "hedges": pa.list_(pa.struct([("kind", text), *_span(), probability])),
        "sources": pa.list_(pa.struct([*_span(), probability])),
        "hedged": pa.bool_(),
        "probabilities": pa.struct([(name, pa.float32()) for name in codebook.probability_names]),
    }
    for task in codebook.tasks:
        if task.scope != "mention":
            types[task.name] = marked if task.scope == "span" else one_of_many if task.choose == "many" else text
    types |= {name: pa.type_for_alias(kind) for name, kind in (carried or {}).items()}
    outline = json.dumps(codebook.outline(), ensure_ascii=False)
    return pa.schema(list(types.items()), metadata={_METADATA: outline, "framing.schema_version": str(SCHEMA_VERSION)})


def mention_schema(codebook: Codebook) -> pyarrow.Schema:
    """The schema of a flat table with one mention per row: the place of its sentence, then the mention."""
    import pyarrow as pa

    return pa.schema([*_place_types().items(), *((entry.name, entry.type) for entry in _mention_type(codebook))])


def carried_name(column: str, codebook: Codebook | None = None) -> str:
    """The output name of a carried column: its own, or ``input_<name>`` if records already have such a column."""
    tasks = codebook.tasks if codebook else ()
    taken = column in COLUMNS or any(task.name == column and task.scope != "mention" for task in tasks)
    return f"input_{column}" if taken else column


def _place_types() -> dict[str, pyarrow.DataType]:
    import pyarrow as pa

    return dict.fromkeys(_PLACE, pa.string()) | {"row": pa.int64(), "index": pa.int32()}


def _span() -> list[tuple[str, pyarrow.DataType]]:
    import pyarrow as pa

    return [("start", pa.int32()), ("end", pa.int32()), ("text", pa.string())]


def _mention_type(codebook: Codebook) -> pyarrow.StructType:
    import pyarrow as pa

    voice = [("voice", pa.string()), ("voice_probability", pa.float32())]
    source = pa.struct([*_span(), ("probability", pa.float32())])
    asked = [(task.name, pa.string()) for task in codebook.tasks_of("mention")]
    label, probability = ("label", pa.string()), ("probability", pa.float32())
    return pa.struct([label, *_span(), *voice, probability, ("source", source), *asked])


# --- records to Arrow -------------------------------------------------------------------------------------------------


def table(labelled: Sequence[Labels], schema: pyarrow.Schema) -> pyarrow.Table:
    """The records of some documents, in order.

    Args:
        labelled: the labels of the documents.
        schema: from :func:`schema`. The values of carried columns come from the metadata of the documents.
    """
    import pyarrow as pa

    sentences = [sentence for labels in labelled for sentence in labels.sentences]
    columns: dict[str, Any] = {}
    for entry in schema:
        name = entry.name
        if name == "frames":
            columns[name] = _list_array([list(s.frames.items()) for s in sentences], entry.type, _pair_fields)
        elif name in ("mentions", "hedges", "sources"):
            columns[name] = _list_array([getattr(s, name) for s in sentences], entry.type, _fields)
        elif name == "probabilities":
            columns[name] = _struct_array([s.probabilities for s in sentences], entry.type, _named_fields)
        elif name in COLUMNS:
            columns[name] = array([getattr(s, name) for s in sentences], entry.type)
        elif any(name in s.tasks for s in sentences):
            columns[name] = _task_array([s.tasks.get(name) for s in sentences], entry.type)
        else:
            columns[name] = array(carried(labelled, name, entry.type), entry.type)
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def mention_table(records: pyarrow.Table, schema: pyarrow.Schema) -> pyarrow.Table:
    """The mentions of records, one per row.

    Args:
        records: from :func:`table`.
        schema: from :func:`mention_schema`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    mentions = records["mentions"].combine_chunks()
    fields = dict(zip([field.name for field in mentions.type.value_type], mentions.flatten().flatten(), strict=True))
    places = records.select(_PLACE).take(pc.list_parent_indices(mentions))
    columns = [places[entry.name] if entry.name in _PLACE else fields[entry.name] for entry in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _fields(spans: Sequence[Any], names: Sequence[str]) -> Iterator[list[Any]]:
    """Columns of spans: attributes, or the answers to tasks for mentions; ``None`` where there is no span."""
    asked = any(getattr(span, "tasks", None) for span in spans)
    for name in names:
        if asked:
            yield [_field(span, name) for span in spans]
        else:
            yield [getattr(span, name, None) for span in spans]


def _field(item: Any, name: str) -> Any:
    """A field of a span: an attribute, or the answer to a task for mentions."""
    answers = getattr(item, "tasks", {})
    return answers[name] if name in answers else getattr(item, name, None)


def _pair_fields(pairs: Sequence[tuple[str, float]], names: Sequence[str]) -> Iterator[list[Any]]:
    """Columns of pairs of a name and a probability."""
    for name in names:
        yield [pair[name == "probability"] for pair in pairs]


def _named_fields(items: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterator[Sequence[Any]]:
    """Columns of mappings; ``None`` where one lacks the name. Row by row, which is where the time goes."""
    rows = [tuple(map(item.get, names)) for item in items]
    yield from zip(*rows, strict=True) if rows else ([] for _ in names)


def array(values: Sequence[Any], kind: pyarrow.DataType) -> pyarrow.Array:
    """A column of plain values, or of spans as structs. A lone surrogate, which Arrow cannot hold, becomes U+FFFD."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return _struct_array(values, kind, _fields)
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        return pa.array([_SURROGATE.sub("\ufffd", v) if isinstance(v, str) else v for v in values], kind)


def _struct_array(items: Sequence[Any], kind: pyarrow.StructType, columns: _Columns) -> pyarrow.StructArray:
    """A column of structs. ``columns`` gives the values of their fields, by the names of the fields."""
    import pyarrow as pa

    fields = list(kind)
    values = columns(items, [field.name for field in fields])
    arrays = [array(column, field.type) for column, field in zip(values, fields, strict=True)]
    missing = pa.array([item is None for item in items], pa.bool_()) if any(item is None for item in items) else None
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=missing)


def _list_array(lists: Sequence[Sequence[Any]], kind: pyarrow.ListType, columns: _Columns) -> pyarrow.ListArray:
    """A column of lists of structs."""
    import pyarrow as pa

    flat = [item for items in lists for item in items]
    offsets = pa.array(accumulate(map(len, lists), initial=0), pa.int32())
    return pa.ListArray.from_arrays(offsets, _struct_array(flat, kind.value_type, columns), type=kind)


def _task_array(answers: list[TaskAnswer | None], kind: pyarrow.DataType) -> pyarrow.Array:
    import pyarrow as pa

    if not pa.types.is_list(kind):
        return array(answers, kind)
    pairs = any(isinstance(answer, Mapping) for answer in answers)
    lists = [list(a.items()) if isinstance(a, Mapping) else a or () for a in answers]
    return _list_array(cast(list[Sequence[Any]], lists), kind, _pair_fields if pairs else _fields)


class Labelled(Sized, Protocol):
    """Labels of sentences, in whatever form."""

    @property
    def codebook(self) -> Codebook | None:
        """By which they were labelled."""


def carried(labelled: Sequence[Labelled], name: str, kind: pyarrow.DataType) -> list[Any]:
    """The values of a carried column, one per sentence; in a column of strings, other values become JSON.

    Args:
        labelled: in order; those that have a ``document`` carry what its metadata hold.
        name: of the column in the output.
        kind: its type.
    """
    import pyarrow as pa

    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    values = []
    for labels in labelled:
        value = carried_values(labels, (name,))[name]
        if is_text and value is not None and not isinstance(value, str):
            value = _json(value)
        values += [value] * len(labels)
    return values


def carried_values(labels: Labelled, names: Iterable[str]) -> dict[str, Any]:
    """The values of carried columns in a document's metadata, by output name; ``None`` where there is none."""
    document: Document | None = getattr(labels, "document", None)
    own = (
        {carried_name(column, labels.codebook): value for column, value in document.metadata.items()}
        if document
        else {}
    )
    return {name: own.get(name) for name in names}


# --- writing ----------------------------------------------------------------------------------------------------------


class _Kept(ABC):
    """A file that is kept if its ``with`` block ends normally, and discarded after an error or Ctrl-C."""

    @abstractmethod
    def keep(self) -> None:
        """Finish writing; the file gets its name.

        Raises:
            OutputError: the rest cannot be written; the file is then discarded.
        """

    @abstractmethod
    def discard(self) -> None:
        """Remove what was written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.keep()
        else:
            self.discard()


class RecordWriter(_Kept):
    """Writes records to one place; use it in a ``with`` block.

    If the block ends normally, the file gets its name; after an error or Ctrl-C, what was written is removed.

    Attributes:
        count: records written so far.
    """

    count: int = 0

    def write(self, labels: Labels) -> None:
        """Add the records of a document, or of sentences without one.

        Raises:
            OutputError: the disk is full, or the file cannot be written for another reason.
            SettingError: a sentence answers a task for which the CSV or Parquet file has no column.
        """
        self._add(labels)
        self.count += len(labels)

    @abstractmethod
    def _add(self, labels: Labels) -> None: ...


def open_writer(
    path: str | os.PathLike[str],
    *,
    codebook: Codebook | None = None,
    carry: Sequence[str] = (),
    escape_formulas: bool = False,
) -> RecordWriter:
    """Open a writer for the format that the name's ending stands for; ``-`` writes JSONL to standard output.

    Args:
        path: the file.
        codebook: the codebook of the labels. If ``None``, that of the first labels written.
        carry: columns of the input to write too: keys of :attr:`Document.metadata`.
        escape_formulas: in CSV, put ``'`` before cells that a spreadsheet would take for a formula (they begin with
            ``=``, ``+``, ``-``, ``@``, a tab or a carriage return). Such a cell then differs from the text.

    Raises:
        SettingError: the ending is unknown.
        OutputError: the folder does not exist or cannot be written to.
    """
    kind = format_of(path)
    if os.fspath(path) == STANDARD_OUTPUT:
        return _StandardOutput(carry)
    if kind == "csv":
        return _Csv(Path(path), codebook, carry, escape_formulas=escape_formulas)
    writers: dict[str, type[_FileWriter]] = {"jsonl": _JsonLines, "parquet": _Parquet}
    return writers[kind](Path(path), codebook, carry)


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that a file name stands for: ``"jsonl"``, ``"parquet"`` or ``"csv"``; ``-`` is JSONL.

    Raises:
        SettingError: the ending is unknown.
    """
    name = os.fspath(path)
    if name == STANDARD_OUTPUT:
        return "jsonl"
    ending = _ENDING.search(name)
    if ending is None:
        raise SettingError(
            f"the output {name!r} has no known ending",
            expected=".jsonl, .jsonl.gz, .csv, .csv.gz, .parquet, or '-' for JSONL on standard output",
            hint="choose the format by the ending of the name",
        )
    return _FORMATS[(ending[1] or ending[3]).lower()]


class _StandardOutput(RecordWriter):
    def __init__(self, carry: Sequence[str]) -> None:
        self._carry = carry

    def _add(self, labels: Labels) -> None:
        with reporting_write_errors("standard output"):
            if sys.stdout is None:
                raise OSError(errno.EBADF, "it is closed")
            # As bytes: JSON is UTF-8, whatever the terminal's encoding is.
            sys.stdout.buffer.writelines(_json_lines(labels, self._carry))
            sys.stdout.buffer.flush()  # a reader of the pipe gets each document as soon as it is labelled

    def keep(self) -> None:
        pass

    def discard(self) -> None:
        pass


class _FileWriter(RecordWriter):
    """Owns the file, and the stream that compresses it."""

    def __init__(self, path: Path, codebook: Codebook | None, carry: Sequence[str]) -> None:
        self._codebook = codebook
        self._carry = carry
        self._file = WholeFile(path)
        self._stream = self._file.stream
        if path.suffix.lower() == ".gz":
            # No time and no name in the header, so equal records make equal files.
            self._stream = cast(BinaryIO, gzip.GzipFile("", "wb", fileobj=self._file.stream, mtime=0))

    def write(self, labels: Labels) -> None:
        with reporting_write_errors(self._file.path):
            super().write(labels)

    def keep(self) -> None:
        try:
            with reporting_write_errors(self._file.path):
                self._finish()
                if self._stream is not self._file.stream:
                    self._stream.close()  # writes the check sum; the file under it stays open
        except OutputError:
            self.discard()
            raise
        self._file.keep()

    def discard(self) -> None:
        # Close one by one, from the top. The garbage collector could close the file before what writes into it.
        with suppress(OSError, ValueError):
            self._abandon()
        with suppress(OSError, ValueError):
            self._stream.close()
        self._file.discard()

    def _finish(self) -> None:
        """Write the records that are still in memory."""

    def _abandon(self) -> None:
        """Close a writer that writes into the stream."""


class _JsonLines(_FileWriter):
    def _add(self, labels: Labels) -> None:
        self._stream.writelines(_json_lines(labels, self._carry))


class _TableWriter(_FileWriter):
    """Writes columns that depend on the codebook: the given one, or that of the first labels."""

    _tasks: frozenset[str] | None = None  # before the columns are known

    def _add(self, labels: Labels) -> None:
        if self._tasks is None:
            self._begin_once(labels.codebook)
        if unknown := {name for sentence in labels for name in sentence.tasks} - (self._tasks or set()):
            raise SettingError(
                f"{self._file.path} has no column for the task {min(unknown)!r}",
                expected="the codebook that declares it, before the first record is written",
                hint="open_writer(path, codebook=labeler.codebook)",
            )
        self._add_rows(labels)

    def _finish(self) -> None:
        if self._tasks is None:
            self._begin_once(None)

    def _begin_once(self, found: Codebook | None) -> None:
        codebook = self._codebook or found or Codebook.default()
        tasks = [task.name for task in codebook.tasks if task.scope != "mention"]
        self._tasks = frozenset(tasks)
        self._begin(codebook, tasks, [carried_name(column, codebook) for column in self._carry])

    @abstractmethod
    def _begin(self, codebook: Codebook, tasks: Sequence[str], carried: Sequence[str]) -> None:
        """Write the header, or open what writes it."""

    @abstractmethod
    def _add_rows(self, labels: Labels) -> None: ...


class _Csv(_TableWriter):
    def __init__(self, path: Path, codebook: Codebook | None, carry: Sequence[str], *, escape_formulas: bool) -> None:
        super().__init__(path, codebook, carry)
        self._escape_formulas = escape_formulas
        self._rows = csv.writer(_Utf8(self._stream))

    def _begin(self, codebook: Codebook, tasks: Sequence[str], carried: Sequence[str]) -> None:
        self._columns = (*COLUMNS, *tasks, *carried)
        self._rows.writerow(map(self._cell, self._columns))

    def _add_rows(self, labels: Labels) -> None:
        for record in _records(labels, self._carry):
            self._rows.writerow(self._cell(record.get(name)) for name in self._columns)

    def _cell(self, value: Any) -> Any:
        if isinstance(value, list | dict):
            return _json(value)
        is_formula = self._escape_formulas and isinstance(value, str) and value.startswith(_FORMULA)
        return f"'{value}" if is_formula else value


class _Utf8:
    """Encodes the text of the csv module as UTF-8. CSV has no escape for a lone surrogate, which becomes ``?``."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        self._stream.write(text.encode("utf-8", "replace"))


class _Parquet(_TableWriter):
    def __init__(self, path: Path, codebook: Codebook | None, carry: Sequence[str]) -> None:
        super().__init__(path, codebook, carry)
        self._held: list[Labels] = []
        self._held_sentences = 0
        self._tables: list[pyarrow.Table] = []
        self._parquet: Any = None

    def _begin(self, codebook: Codebook, tasks: Sequence[str], carried: Sequence[str]) -> None:
        import pyarrow.parquet

        self._schema = schema(codebook, dict.fromkeys(carried, "string"))
        self._parquet = pyarrow.parquet.ParquetWriter(self._stream, self._schema, compression="zstd")

    def _add_rows(self, labels: Labels) -> None:
        self._held.append(labels)
        self._held_sentences += len(labels)
        if self._held_sentences >= _BATCH:
            self._make_table()
        if len(self._tables) >= _ROW_GROUP_BATCHES:
            self._write_row_group()

    def _make_table(self) -> None:
        self._tables.append(table(self._held, self._schema))
        self._held, self._held_sentences = [], 0

    def _write_row_group(self) -> None:
        import pyarrow

        self._parquet.write_table(pyarrow.concat_tables(self._tables))
        self._tables = []

    def _finish(self) -> None:
        super()._finish()
        if self._held_sentences:
            self._make_table()
        if self._tables:
            self._write_row_group()
        self._parquet.close()

    def _abandon(self) -> None:
        if self._parquet is not None:
            self._parquet.close()


def _records(labels: Labels, carry: Sequence[str]) -> Iterator[dict[str, Any]]:
    more = carried_values(labels, (carried_name(column, labels.codebook) for column in carry)) if carry else {}
    return (sentence.to_dict() | more for sentence in labels)


def _json_lines(labels: Labels, carry: Sequence[str]) -> Iterator[bytes]:
    return ((_json(record) + "\n").encode("utf-8") for record in _records(labels, carry))


def _json(value: Any) -> str:
    """Write JSON that can be encoded as UTF-8: lone surrogates become escapes, NaN and infinity null, dates text."""
    try:
        written = json.dumps(value, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:
        written = json.dumps(_finite(value), ensure_ascii=False, default=str, allow_nan=False)
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", written)


def _finite(value: Any) -> Any:
    """A value in which the numbers that JSON cannot hold are ``None``."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key) if isinstance(key, float) else key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


class RejectedWriter(_Kept):
    """Writes rejected rows to ``<output without ending>.rejected.jsonl``; the first rejection creates the file.

    Use it in a ``with`` block. If the block ends normally, the file gets its name; if nothing was rejected, the file of
    an earlier run is removed. After an error or Ctrl-C, what was written is removed.

    Args:
        output: the output that the rejections belong to; for ``-`` they are only counted.

    Attributes:
        path: the file, or ``None`` for standard output.
        count: rejections so far.
        first: the first rejection, or ``None``.

    Raises:
        OutputError: at the block's beginning: a file of that name is there, and no earlier run has written it.
    """

    def __init__(self, output: str | os.PathLike[str]) -> None:
        name = os.fspath(output)
        self.path: Path | None = None if name == STANDARD_OUTPUT else _rejected_path(Path(name))
        self.count = 0
        self.first: Rejected | None = None
        self._file: WholeFile | None = None

    def __enter__(self) -> Self:
        if self.path is not None and not _holds_rejections(self.path):
            raise OutputError(
                f"{self.path} is there, and holds no rows that an earlier run has set aside",
                expected="a name that is free for the rows that are set aside from this output",
                hint="rename that file, or choose another output",
            )
        return super().__enter__()

    def __call__(self, rejected: Rejected) -> None:
        """Write a rejection; serves as ``on_reject`` of :func:`framing.reading.read`.

        Raises:
            OutputError: the file cannot be written.
        """
        self.count += 1
        self.first = self.first or rejected
        if self.path is None:
            return
        if self._file is None:
            self._file = WholeFile(self.path)
        with reporting_write_errors(self.path):
            self._file.stream.write((_json(rejected.to_dict()) + "\n").encode("utf-8"))

    def keep(self) -> None:
        """Give the file its name; if nothing was rejected, remove the file of an earlier run.

        Raises:
            OutputError: the file cannot be written or removed.
        """
        if self._file is not None:
            self._file.keep()
        elif self.path is not None:
            with reporting_write_errors(self.path):
                self.path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove what was written."""
        if self._file is not None:
            self._file.discard()


def _holds_rejections(path: Path) -> bool:
    """Whether a file is one of rejected rows, or not there."""
    try:
        with path.open("rb") as stream:
            line = stream.readline(1 << 20)
    except OSError:  # it is not there, or writing to it will say why not
        return True
    with suppress(ValueError):
        first = json.loads(line or b"{}")
        return isinstance(first, dict) and (not line or {"where", "reason", "value"} <= first.keys())
    return False


def _rejected_path(output: Path) -> Path:
    return output.with_name(_ENDING.sub("", output.name) + ".rejected.jsonl")


# --- reading back -----------------------------------------------------------------------------------------------------

#: The most code points between two sentences.
_WIDEST_GAP = 10_000_000


def read_labels(path: str | os.PathLike[str], *, codebook: Codebook | None = None) -> Iterator[DocumentLabels]:
    """Read records back, document by document, as they stream from the file.

    Args:
        path: a file by ``framing label`` or :func:`open_writer` (JSONL, CSV, Parquet), a folder or glob pattern of such
            files, or the folder of a batch job.
        codebook: the codebook of the labels. If ``None``, the one stored in a Parquet file; other files have none.

    Yields:
        The labels of each document. Its text is put together from the sentences; white space replaces whatever stood
        between them, so that offsets stay. Columns that do not belong to a record become its metadata.

    Raises:
        UnreadableFileError: the file does not exist or cannot be read.
        InputError: a row is not a record; the message names the file and the row.
    """
    from framing.reading import read_rows

    name = shards_of(path) or path
    rows = read_rows([os.fspath(name)], skip_empty=True)
    for (label, _, _), group in groupby(rows, key=lambda row: (row.input, *_document_key(row.values))):
        own = list(group)
        known = codebook or _codebook_of(own[0].metadata)
        try:
            yield _document_labels([row.values for row in own], known)
        except InputError as error:
            raise InputError(
                f"{label}, rows {own[0].number} and on: {error.message}", expected=error.expected, hint=error.hint
            ) from error


def shards_of(path: str | os.PathLike[str]) -> Path | None:
    """The folder with the records of a batch job, or ``None`` where a path is not the folder of one.

    Warns with a :class:`~framing.FramingWarning` where units are missing: the job goes on, or was stopped.
    """
    folder = Path(path)
    try:
        plan = (folder / "plan.json").read_bytes()
    except OSError:
        return None
    shards = folder / "shards"
    with suppress(OSError, ValueError, KeyError, TypeError):  # what is damaged is told by framing batch --verify
        planned = len(json.loads(plan)["units"])
        done = {file.stem for file in (folder / "done").iterdir() if file.suffix == ".json"}
        done &= {file.stem for file in shards.iterdir() if file.suffix == ".parquet"}
        if len(done) < planned:
            warnings.warn(
                f"the job in {folder} is not finished: {len(done):,} of {planned:,} units are done, and the labels of "
                "the others are missing; start it again, and it goes on",
                FramingWarning,
                stacklevel=3,
            )
    return shards


def _document_key(record: Mapping[str, Any]) -> tuple[Any, Any]:
    return record.get("document_id"), (record.get("input"), record.get("row"))


def _codebook_of(metadata: Mapping[str, str]) -> Codebook | None:
    outline = metadata.get(_METADATA)
    return None if outline is None else Codebook.from_dict(json.loads(outline), where="the file's codebook")


def _document_labels(records: Sequence[Mapping[str, Any]], codebook: Codebook | None) -> DocumentLabels:
    many = (
        [task.name for task in codebook.tasks if task.choose == "many" and task.scope == "sentence"] if codebook else ()
    )
    sentences = tuple(SentenceLabels.from_dict(_typed(record, many)) for record in records)
    first = sentences[0]
    text = ""
    for sentence in sentences:
        gap = sentence.start - len(text)
        if gap > _WIDEST_GAP:
            raise InputError(f"a sentence begins at {sentence.start}, and the one before ends at {len(text)}")
        text += (" " if gap == 1 else "\n" * gap) + sentence.text
    tasks = tasks_of(first.probabilities)
    document = Document(
        text,
        id=first.document_id,
        outlet=first.outlet,
        published=first.published,
        metadata={name: value for name, value in records[0].items() if name not in COLUMNS and name not in tasks},
        input=first.input,
        row=first.row,
        text_offset=first.text_offset,
    )
    return DocumentLabels(sentences, codebook=codebook, document=document)


def _typed(record: Mapping[str, Any], many: Collection[str]) -> dict[str, Any]:
    """Convert the cells of a CSV row, which are all texts, to the types of a record; other rows stay as they are.

    Args:
        record: the row.
        many: tasks that choose many: a missing or empty answer becomes an empty mapping.

    Raises:
        InputError: the row is not a record.
    """
    if not isinstance(record.get("index"), str):
        return {name: value or {} if name in many else value for name, value in record.items()}
    typed: dict[str, Any] = {name: cell for name, cell in record.items() if cell != ""}
    try:
        nested = {*_NESTED, *tasks_of(json.loads(typed["probabilities"]))}
        for name, cell in typed.items():
            if name in nested and cell[:1] in ("{", "["):
                typed[name] = json.loads(cell)
            elif name in ("row", "index", "start", "end", "text_offset"):
                typed[name] = int(cell)
        return dict.fromkeys(COLUMNS) | typed | {"text": record["text"], "hedged": record["hedged"] == "True"}
    except (KeyError, ValueError) as error:
        raise no_record(error) from error
