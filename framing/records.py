"""Records on disk: one per sentence, the same in JSONL, Parquet and CSV.

A file gets its name when it is complete (:class:`framing.files.WholeFile`); writing streams, and holds no more than
one row group of Parquet.

In CSV the nested columns (frames, mentions, hedges, sources, probabilities) are JSON in their cells, and an empty
cell of outlet or published stands for ``None``.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

from framing.errors import OutputError, SettingError
from framing.files import WholeFile, reporting_write_errors
from framing.types import Rejected, SentenceLabels

if TYPE_CHECKING:
    import pyarrow

#: Keys of a record, in the order of columns.
COLUMNS = (
    "document_id",
    "outlet",
    "published",
    "index",
    "kind",
    "start",
    "end",
    "text",
    "frames",
    "mentions",
    "hedges",
    "sources",
    "hedged",
    "probabilities",
    "truncated",
)
#: The name that stands for standard output.
STANDARD_OUTPUT = "-"

_NESTED = frozenset({"frames", "mentions", "hedges", "sources", "probabilities"})
#: Records that become one Arrow batch: as Python objects they take ten times the room.
_BATCH = 1024
#: Batches in a Parquet row group: large enough to compress well, small enough to read one at a time.
_ROW_GROUP_BATCHES = 16
_FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".csv": "csv"}
_ENDING = re.compile(r"(\.jsonl|\.ndjson|\.csv)(\.gz)?$|(\.parquet)$", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")


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


def schema() -> pyarrow.Schema:
    """The Arrow schema of a record. Offsets are int32, in code points; probabilities are float64, in [0, 1]."""
    import pyarrow as pa

    text, number, probability = pa.string(), pa.int32(), ("probability", pa.float64())
    span = [("start", number), ("end", number), ("text", text)]
    voice = [("voice", text), ("voice_probability", pa.float64())]
    by_label = pa.map_(text, pa.float64())
    types = {
        "document_id": text,
        "outlet": text,
        "published": text,
        "index": number,
        "kind": text,
        "start": number,
        "end": number,
        "text": text,
        "frames": by_label,
        "mentions": pa.list_(pa.struct([("label", text), *span, *voice, probability, ("source", text)])),
        "hedges": pa.list_(pa.struct([("kind", text), *span, probability])),
        "sources": pa.list_(pa.struct([*span, probability])),
        "hedged": pa.bool_(),
        "probabilities": by_label,
        "truncated": pa.bool_(),
    }
    return pa.schema([(name, types[name]) for name in COLUMNS])


class RecordWriter(ABC):
    """Writes records to one place; use it in a ``with`` block.

    Leaving the block normally gives the file its name; leaving it by an error or Ctrl-C removes what was written.

    Attributes:
        count: records written so far.
    """

    count: int = 0

    def write(self, sentences: Iterable[SentenceLabels]) -> None:
        """Add records.

        Raises:
            OutputError: the disk is full, or the file cannot be written for another reason.
        """
        for sentence in sentences:
            self._add(sentence)
            self.count += 1

    @abstractmethod
    def _add(self, sentence: SentenceLabels) -> None: ...

    @abstractmethod
    def keep(self) -> None:
        """Finish; the file gets its name.

        Raises:
            OutputError: what was held back cannot be written; nothing is then left over.
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


def open_writer(path: str | os.PathLike[str]) -> RecordWriter:
    """A writer for the format that the name's ending stands for; ``-`` writes JSONL to standard output.

    Raises:
        SettingError: the ending is unknown.
        OutputError: the folder does not exist or cannot be written to.
    """
    kind = format_of(path)
    if os.fspath(path) == STANDARD_OUTPUT:
        return _StandardOutput()
    writers: dict[str, type[_FileWriter]] = {"jsonl": _JsonLines, "csv": _Csv, "parquet": _Parquet}
    return writers[kind](Path(path))


class _StandardOutput(RecordWriter):
    def write(self, sentences: Iterable[SentenceLabels]) -> None:
        with reporting_write_errors("standard output"):
            super().write(sentences)
            sys.stdout.buffer.flush()  # what reads the pipe has each document as soon as it is labelled

    def _add(self, sentence: SentenceLabels) -> None:
        # As bytes: JSON is UTF-8, whatever the terminal's encoding is.
        sys.stdout.buffer.write(_json_line(sentence))

    def keep(self) -> None:
        pass

    def discard(self) -> None:
        pass


class _FileWriter(RecordWriter):
    """Owns the file and what compresses it."""

    def __init__(self, path: Path) -> None:
        self._file = WholeFile(path)
        self._stream = self._file.stream
        if path.suffix.lower() == ".gz":
            # Neither time nor name in the header: equal records make equal files.
            self._stream = cast(BinaryIO, gzip.GzipFile("", "wb", fileobj=self._file.stream, mtime=0))

    def write(self, sentences: Iterable[SentenceLabels]) -> None:
        with reporting_write_errors(self._file.path):
            super().write(sentences)

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
        # Closed one by one, from the top: left to the garbage collector, each would write into a closed file.
        with suppress(OSError, ValueError):
            self._abandon()
        with suppress(OSError, ValueError):
            self._stream.close()
        self._file.discard()

    def _finish(self) -> None:
        """Write what is still held back."""

    def _abandon(self) -> None:
        """Close what lies over the stream."""


class _JsonLines(_FileWriter):
    def _add(self, sentence: SentenceLabels) -> None:
        self._stream.write(_json_line(sentence))


class _Csv(_FileWriter):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._rows = csv.writer(_Utf8(self._stream))
        with reporting_write_errors(path):
            self._rows.writerow(COLUMNS)

    def _add(self, sentence: SentenceLabels) -> None:
        record = sentence.to_dict()
        self._rows.writerow(_json(record[name]) if name in _NESTED else record[name] for name in COLUMNS)


class _Utf8:
    """What the csv module writes to: text in, bytes out. CSV has no escape for a lone surrogate; it becomes ``?``."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        self._stream.write(text.encode("utf-8", "replace"))


class _Parquet(_FileWriter):
    def __init__(self, path: Path) -> None:
        import pyarrow.parquet

        super().__init__(path)
        self._schema = schema()
        self._held: list[dict[str, Any]] = []
        self._batches: list[pyarrow.RecordBatch] = []
        with reporting_write_errors(path):
            self._parquet = pyarrow.parquet.ParquetWriter(self._stream, self._schema, compression="zstd")

    def _add(self, sentence: SentenceLabels) -> None:
        self._held.append(_for_arrow(sentence.to_dict()))
        if len(self._held) == _BATCH:
            self._make_batch()
        if len(self._batches) == _ROW_GROUP_BATCHES:
            self._write_row_group()

    def _make_batch(self) -> None:
        import pyarrow

        self._batches.append(pyarrow.RecordBatch.from_pylist(self._held, schema=self._schema))
        self._held = []

    def _write_row_group(self) -> None:
        import pyarrow

        self._parquet.write_table(pyarrow.Table.from_batches(self._batches, schema=self._schema))
        self._batches = []

    def _finish(self) -> None:
        if self._held:
            self._make_batch()
        if self._batches:
            self._write_row_group()
        self._parquet.close()

    def _abandon(self) -> None:
        self._parquet.close()


def _json_line(sentence: SentenceLabels) -> bytes:
    return (_json(sentence.to_dict()) + "\n").encode("utf-8")


def _json(value: Any) -> str:
    """JSON that can be encoded: a lone surrogate has no UTF-8, but an escape in JSON."""
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


def _for_arrow(record: dict[str, Any]) -> dict[str, Any]:
    """The record as Arrow takes it: maps as lists of pairs, and U+FFFD for lone surrogates, which it cannot hold."""
    if _SURROGATE.search(record["text"]):
        record = json.loads(_SURROGATE.sub("\ufffd", json.dumps(record, ensure_ascii=False)))
    for name in ("frames", "probabilities"):
        record[name] = list(record[name].items())
    return record


class RejectedWriter:
    """Writes what was set aside to ``<output>.rejected.jsonl``; the file is begun with the first rejection.

    Use it in a ``with`` block. Leaving it normally gives the file its name, or removes one that an earlier run left
    if nothing was set aside; leaving it by an error or Ctrl-C removes what was written.

    Args:
        output: the output it belongs to; for ``-`` the rejections are counted only.

    Attributes:
        path: the file, or ``None`` for standard output.
        count: rejections so far.
        first: the first of them.
    """

    def __init__(self, output: str | os.PathLike[str]) -> None:
        name = os.fspath(output)
        self.path: Path | None = None if name == STANDARD_OUTPUT else _rejected_path(Path(name))
        self.count = 0
        self.first: Rejected | None = None
        self._file: WholeFile | None = None

    def __call__(self, rejected: Rejected) -> None:
        """Note a rejection; an ``on_reject`` of :func:`framing.text.formats.read`.

        Raises:
            OutputError: it cannot be written.
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
        """Give the file its name, or remove an earlier run's where nothing was set aside.

        Raises:
            OutputError: it cannot be written.
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.keep()
        else:
            self.discard()


def _rejected_path(output: Path) -> Path:
    return output.with_name(_ENDING.sub("", output.name) + ".rejected.jsonl")
