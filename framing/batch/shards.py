"""Shards: the records of a batch job in Parquet, and beside them rejected rows and flat tables of mentions.

The schema is that of :func:`framing.records.schema`, one row a sentence, with these differences:

- ``input`` and ``row`` come first: the file (as the plan names it) and the number of the row in it, from 1 (the line
  for JSONL and CSV). With ``index`` they are a key: unique by construction, whatever the ids of the input are.
- ``frames`` is a list of ``{label, probability}`` and not a map: Hugging Face ``datasets`` and others cannot read
  Arrow maps, and which frames a sentence has differs from one to the next.
- ``probabilities`` is a struct with one field an output of the model. Every sentence has all of them, so the names are
  said once in the schema: ``probabilities.terrorists`` is a column of its own in Parquet, and reading one label does
  not read the others. (A list with names in the metadata would lose its meaning in every tool that drops metadata.)
- probabilities are float32: the record has six decimals, and float32 holds them.
- carried columns come last, under their own names; one that is named as a column of the record is called
  ``input_<name>``.

The file's metadata say ``framing.schema_version`` (:data:`SCHEMA_VERSION`), ``framing.plan`` (the plan's
fingerprint) and ``framing.unit``. The version is raised by any change of a name or type.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from framing.files import WholeFile, reporting_write_errors
from framing.records import COLUMNS
from framing.types import SentenceLabels

if TYPE_CHECKING:
    import pyarrow

#: Raised by any change of a column's name or type.
SCHEMA_VERSION = 1
#: Rows of a shard that become one row group.
ROW_GROUP_ROWS = 32_768
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN_TYPE = re.compile(r"bool|u?int(8|16|32|64)|float|double|date32\[day\]|timestamp\[(s|ms|us|ns)\]|(large_)?string")


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A row of the input and what was found in it.

    Attributes:
        number: of the row in its file.
        carried: values of the carried columns.
        sentences: their labels, in order.
    """

    number: int
    carried: Sequence[Any]
    sentences: Sequence[SentenceLabels]


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row of the input that was set aside.

    Attributes:
        number: of the row in its file; ``None`` for what cannot be read as rows at all.
        reason: the value, what was expected.
        value: the beginning of the row, for the reader's eye.
    """

    number: int | None
    reason: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that is in its place.

    Attributes:
        name: relative to the job's folder.
        rows: in it.
        size: bytes.
        sha256: of the bytes.
    """

    name: str
    rows: int
    size: int
    sha256: str


def is_plain_type(name: str) -> bool:
    """Whether a carried column can keep an Arrow type (by its text); others become JSON."""
    return bool(_PLAIN_TYPE.fullmatch(name))


def carried_name(column: str) -> str:
    """The name in the output of a carried column."""
    return f"input_{column}" if column in (*COLUMNS, "input", "row") else column


def record_schema(outputs: Sequence[str], carried: dict[str, str]) -> pyarrow.Schema:
    """The schema of a shard. Offsets are int32, in code points; probabilities float32, in [0, 1].

    Args:
        outputs: the codebook's outputs, in order.
        carried: name of a carried column to its Arrow type.
    """
    import pyarrow as pa

    types = {
        **_position_types(),
        "start": pa.int32(),
        "end": pa.int32(),
        "text": pa.string(),
        "frames": pa.list_(pa.struct([("label", pa.string()), ("probability", pa.float32())])),
        "mentions": pa.list_(_mention_type()),
        "hedges": pa.list_(pa.struct([("kind", pa.string()), *_span(), ("probability", pa.float32())])),
        "sources": pa.list_(pa.struct([*_span(), ("probability", pa.float32())])),
        "hedged": pa.bool_(),
        "probabilities": pa.struct([(output, pa.float32()) for output in outputs]),
        "truncated": pa.bool_(),
    }
    types |= {name: pa.type_for_alias(kind) for name, kind in carried.items()}
    return pa.schema(list(types.items()))


def mention_schema() -> pyarrow.Schema:
    """The schema of a flat table of mentions: the sentence they stand in, and themselves, one a row."""
    import pyarrow as pa

    return pa.schema([*_position_types().items(), *((entry.name, entry.type) for entry in _mention_type())])


def rejected_schema() -> pyarrow.Schema:
    """The schema of rejected rows."""
    import pyarrow as pa

    return pa.schema([("input", pa.string()), ("row", pa.int64()), ("reason", pa.string()), ("value", pa.string())])


def _position_types() -> dict[str, pyarrow.DataType]:
    import pyarrow as pa

    names = {"input": pa.string(), "row": pa.int64(), "document_id": pa.string(), "outlet": pa.string()}
    return names | {"published": pa.string(), "index": pa.int32(), "kind": pa.string()}


def _span() -> list[tuple[str, pyarrow.DataType]]:
    import pyarrow as pa

    return [("start", pa.int32()), ("end", pa.int32()), ("text", pa.string())]


def _mention_type() -> pyarrow.StructType:
    import pyarrow as pa

    voice = [("voice", pa.string()), ("voice_probability", pa.float32())]
    return pa.struct([("label", pa.string()), *_span(), *voice, ("probability", pa.float32()), ("source", pa.string())])


# --- rows to Arrow ----------------------------------------------------------------------------------------------------


def record_table(rows: Sequence[LabelledRow], label: str, schema: pyarrow.Schema) -> pyarrow.Table:
    """The records of some rows.

    Args:
        rows: in order.
        label: the file that they come from.
        schema: as of :func:`record_schema`.
    """
    import pyarrow as pa

    sentences = [sentence for row in rows for sentence in row.sentences]
    columns: dict[str, Any] = _positions(rows, label)
    for name in ("start", "end", "text", "hedged", "truncated"):
        columns[name] = [getattr(sentence, name) for sentence in sentences]
    frames = [sentence.frames for sentence in sentences]
    labels = [label for found in frames for label in found]
    probabilities = [probability for found in frames for probability in found.values()]
    columns["frames"] = _list_array(map(len, frames), (labels, probabilities), schema.field("frames").type)
    for name in ("mentions", "hedges", "sources"):
        columns[name] = _attribute_lists(sentences, name, schema.field(name).type)
    outputs = schema.field("probabilities").type
    columns["probabilities"] = pa.StructArray.from_arrays(
        [
            pa.array([sentence.probabilities.get(entry.name) for sentence in sentences], pa.float32())
            for entry in outputs
        ],
        fields=list(outputs),
    )
    for position, name in enumerate(schema.names[schema.get_field_index("truncated") + 1 :]):
        kind = schema.field(name).type
        columns[name] = [
            value for row in rows for value in [_carried(row.carried[position], kind)] * len(row.sentences)
        ]
    return _table(columns, schema)


def mention_table(rows: Sequence[LabelledRow], label: str, schema: pyarrow.Schema) -> pyarrow.Table:
    """The mentions of some rows, one a row; the arguments are those of :func:`record_table`."""
    found = [
        (row.number, sentence, mention) for row in rows for sentence in row.sentences for mention in sentence.mentions
    ]
    columns: dict[str, Any] = {"input": [label] * len(found), "row": [number for number, _, _ in found]}
    for name in ("document_id", "outlet", "published", "index", "kind"):
        columns[name] = [getattr(sentence, name) for _, sentence, _ in found]
    for entry in _mention_type():
        columns[entry.name] = [getattr(mention, entry.name) for _, _, mention in found]
    return _table(columns, schema)


def rejected_table(rows: Sequence[RejectedRow], label: str) -> pyarrow.Table:
    """Rejected rows of one file."""
    columns = {
        "input": [label] * len(rows),
        "row": [row.number for row in rows],
        "reason": [_sound(row.reason) for row in rows],
        "value": [_sound(row.value) for row in rows],
    }
    return _table(columns, rejected_schema())


def _positions(rows: Sequence[LabelledRow], label: str) -> dict[str, Any]:
    sentences = [sentence for row in rows for sentence in row.sentences]
    columns: dict[str, Any] = {
        "input": [label] * len(sentences),
        "row": [row.number for row in rows for _ in row.sentences],
    }
    for name in ("document_id", "outlet", "published", "index", "kind"):
        columns[name] = [getattr(sentence, name) for sentence in sentences]
    return columns


def _attribute_lists(sentences: Sequence[SentenceLabels], name: str, kind: pyarrow.ListType) -> pyarrow.ListArray:
    """A column of lists of what the sentences hold under a name."""
    lists = [getattr(sentence, name) for sentence in sentences]
    items = [item for found in lists for item in found]
    flat = [[getattr(item, entry.name) for item in items] for entry in kind.value_type]
    return _list_array(map(len, lists), flat, kind)


def _list_array(lengths: Iterable[int], flat: Iterable[Sequence[Any]], kind: pyarrow.ListType) -> pyarrow.ListArray:
    """A column of lists of structs: how long each list is, and the values of each field one after the other."""
    import pyarrow as pa

    fields = list(kind.value_type)
    arrays = [pa.array(values, entry.type) for values, entry in zip(flat, fields, strict=True)]
    offsets = pa.array(accumulate(lengths, initial=0), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(arrays, fields=fields), type=kind)


def _table(columns: dict[str, Any], schema: pyarrow.Schema) -> pyarrow.Table:
    import pyarrow as pa

    arrays = [
        pa.array(columns[entry.name], entry.type) if isinstance(columns[entry.name], list) else columns[entry.name]
        for entry in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _carried(value: Any, kind: pyarrow.DataType) -> Any:
    """A value of a carried column: as it is, or as text where the column is one of strings."""
    import pyarrow as pa

    if value is None or not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return value
    return _sound(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def _sound(text: str) -> str:
    """Arrow cannot hold lone surrogates."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


# --- Arrow to files ---------------------------------------------------------------------------------------------------


class ShardFile:
    """A Parquet file that is written piece by piece, hashed meanwhile, and gets its name when it is complete.

    Use it in a ``with`` block, which discards it on the way out unless :meth:`keep` was called.

    Args:
        folder: of the job.
        name: relative to it.
        schema: of the file.
        metadata: of the file.

    Raises:
        OutputError: (all methods) the disk is full, or the file cannot be written for another reason.
    """

    def __init__(self, folder: Path, name: str, schema: pyarrow.Schema, metadata: dict[str, str]) -> None:
        import pyarrow.parquet

        self._name = name
        self._path = folder / name
        self._rows = 0
        self._held: list[pyarrow.Table] = []
        self._held_rows = 0
        self._file = WholeFile(self._path)
        self._stream = _HashingWriter(self._file)
        self._schema = schema.with_metadata({f"framing.{key}": value for key, value in metadata.items()})
        try:
            with reporting_write_errors(self._path):
                self._parquet = pyarrow.parquet.ParquetWriter(self._stream, self._schema, compression="zstd")
        except BaseException:
            self._file.discard()
            raise

    def add(self, table: pyarrow.Table) -> None:
        """Write a piece; those of a row group are held together."""
        self._held.append(table.replace_schema_metadata(self._schema.metadata))
        self._held_rows += table.num_rows
        self._rows += table.num_rows
        if self._held_rows >= ROW_GROUP_ROWS:
            self._write_row_group()

    def keep(self) -> WrittenFile:
        """Finish: the file is synced and gets its name."""
        with reporting_write_errors(self._path):
            if self._held:
                self._write_row_group()
            self._parquet.close()
        self._file.keep()
        return WrittenFile(self._name, self._rows, self._stream.size, self._stream.hexdigest())

    def discard(self) -> None:
        """Remove what was written; after :meth:`keep` there is nothing to remove."""
        self._stream.is_open = False
        self._parquet.close()
        self._file.discard()

    def _write_row_group(self) -> None:
        import pyarrow

        with reporting_write_errors(self._path):
            self._parquet.write_table(pyarrow.concat_tables(self._held), row_group_size=ROW_GROUP_ROWS)
        self._held, self._held_rows = [], 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class _HashingWriter:
    """What Parquet is written to: counts and hashes the bytes on their way into the file."""

    closed = False

    def __init__(self, file: WholeFile) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0
        #: A writer that is given up still writes its footer when it is closed; that goes nowhere.
        self.is_open = True

    def write(self, data: Any) -> int:
        view = memoryview(data)
        if self.is_open:
            self._file.stream.write(view)
            self._hash.update(view)
            self.size += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        if self.is_open:
            self._file.stream.flush()

    def close(self) -> None:
        """The file is closed by its owner."""

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
