"""Shards: the records of a batch job in Parquet, and beside them rejected rows and flat tables of mentions.

The schema is :func:`framing.records.schema`, one row a sentence. ``input`` and ``row`` are the file (as the plan names
it) and the number of the row in it; with ``index`` they are a key: unique by construction, whatever the ids of the
input are. Carried columns come last, in the type that all inputs give them.

The file's metadata say ``framing.schema_version``, ``framing.plan`` (the plan's fingerprint) and ``framing.unit``,
beside what :func:`framing.records.schema` puts there.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from framing.files import WholeFile, reporting_write_errors
from framing.reading.encodings import clean

if TYPE_CHECKING:
    import pyarrow

#: Rows of a shard that become one row group.
ROW_GROUP_ROWS = 32_768


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row of the input that was set aside.

    Attributes:
        input: the file, as the plan names it.
        row: its number there; ``None`` for what cannot be read as rows at all.
        reason: the value, what was expected.
        value: the beginning of the row, for the reader's eye.
    """

    input: str
    row: int | None
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


def rejected_schema() -> pyarrow.Schema:
    """The schema of rejected rows."""
    import pyarrow as pa

    return pa.schema([("input", pa.string()), ("row", pa.int64()), ("reason", pa.string()), ("value", pa.string())])


def rejected_table(rows: Sequence[RejectedRow]) -> pyarrow.Table:
    """Rejected rows, in order."""
    import pyarrow as pa

    records = [{**asdict(row), "reason": clean(row.reason), "value": clean(row.value)} for row in rows]
    return pa.Table.from_pylist(records, rejected_schema())


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
        own = {f"framing.{key}": value for key, value in metadata.items()}
        self._schema = schema.with_metadata((schema.metadata or {}) | own)
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
        return WrittenFile(self._name, self._rows, self._stream.size, self._stream.hash.hexdigest())

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

    def __exit__(self, *error: object) -> None:
        self.discard()


class _HashingWriter(io.RawIOBase):
    """What Parquet is written to: counts and hashes the bytes on their way into the file."""

    def __init__(self, file: WholeFile) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.size = 0
        #: A writer that is given up still writes its footer when it is closed; that goes nowhere.
        self.is_open = True

    def write(self, data: Any) -> int:
        view = memoryview(data)
        if self.is_open:
            self._file.stream.write(view)
            self.hash.update(view)
            self.size += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self.size

    def writable(self) -> bool:
        return True
