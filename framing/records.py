"""Records on disk: one per sentence, the same in JSONL, Parquet and CSV.

A file gets its name when it is complete. Until then it is a temporary file beside it, which is removed when writing
breaks off; an older file of the name stays as it was.

In CSV the nested columns (frames, mentions, hedges, sources, probabilities) are JSON in their cells.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from framing.errors import OutputError, SettingError
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
_NESTED = frozenset({"frames", "mentions", "hedges", "sources", "probabilities"})
#: Records in a Parquet row group: large enough to compress well, small enough to read one at a time.
_ROW_GROUP = 16_384
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".csv": "csv"}


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that a file name stands for: ``"jsonl"``, ``"parquet"`` or ``"csv"``; ``-`` is JSONL.

    Raises:
        SettingError: the ending is unknown.
    """
    name = str(path)
    if name == "-":
        return "jsonl"
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    known = suffixes[-1:] if suffixes[-1:] != [".gz"] else suffixes[-2:-1]
    found = _SUFFIXES.get(known[0]) if known else None
    if found is None or (found == "parquet" and suffixes[-1] == ".gz"):
        raise SettingError(
            f"the output {name!r} has no known ending", expected=".jsonl, .jsonl.gz, .parquet, .csv, .csv.gz, or '-'"
        )
    return found


def schema() -> pyarrow.Schema:
    """The Arrow schema of a record. Offsets are int32, in code points; probabilities are float32."""
    import pyarrow as pa

    span = [("start", pa.int32()), ("end", pa.int32()), ("text", pa.string())]
    probability = ("probability", pa.float32())
    voice = [("voice", pa.string()), ("voice_probability", pa.float32())]
    by_label = pa.map_(pa.string(), pa.float32())
    return pa.schema(
        [
            ("document_id", pa.string()),
            ("outlet", pa.string()),
            ("published", pa.string()),
            ("index", pa.int32()),
            ("kind", pa.string()),
            ("start", pa.int32()),
            ("end", pa.int32()),
            ("text", pa.string()),
            ("frames", by_label),
            ("mentions", pa.list_(pa.struct([("label", pa.string()), *span, *voice, probability, ("source", pa.string())]))),
            ("hedges", pa.list_(pa.struct([("kind", pa.string()), *span, probability]))),
            ("sources", pa.list_(pa.struct([*span, probability]))),
            ("hedged", pa.bool_()),
            ("probabilities", by_label),
            ("truncated", pa.bool_()),
        ]
    )


class RecordWriter(ABC):
    """Writes records to one file; use it in a ``with`` block.

    Leaving the block normally gives the file its name; leaving it by an error or Ctrl-C removes what was written.
    """

    #: Records written so far.
    count: int = 0

    @abstractmethod
    def write(self, sentences: Iterable[SentenceLabels]) -> None:
        """Add records.

        Raises:
            OutputError: the disk is full, or the file cannot be written for another reason.
        """

    @abstractmethod
    def close(self, *, keep: bool) -> None:
        """Finish: with ``keep`` the file gets its name, without it what was written is removed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(keep=kind is None)


def open_writer(path: str | os.PathLike[str]) -> RecordWriter:
    """A writer for the format that the name's ending stands for; ``-`` writes JSONL to standard output.

    Raises:
        SettingError: the ending is unknown.
        OutputError: the folder does not exist or cannot be written to.
    """
    kind = format_of(path)
    if str(path) == "-":
        return _StandardOutput()
    target = Path(path)
    return {"jsonl": _JsonLines, "csv": _Csv, "parquet": _Parquet}[kind](target)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the operating system says of a file into an :class:`~framing.errors.OutputError`."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}",
            expected="a folder that exists, may be written to, and has room",
            hint="choose another place, or free some space; nothing was left under the final name",
        ) from error


class _StandardOutput(RecordWriter):
    def write(self, sentences: Iterable[SentenceLabels]) -> None:
        for sentence in sentences:
            sys.stdout.write(_json_line(sentence))
            self.count += 1

    def close(self, *, keep: bool) -> None:
        if keep:
            sys.stdout.flush()


class _FileWriter(RecordWriter):
    """Owns the temporary file and its renaming."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with writing(path):
            if path.is_dir():
                raise IsADirectoryError(None, "is a folder")
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
        self._temporary = Path(name)
        self._file: IO[bytes] = os.fdopen(handle, "wb")

    def close(self, *, keep: bool) -> None:
        try:
            with writing(self.path):
                self._finish()
                if not self._file.closed:
                    self._file.flush()
                    os.fsync(self._file.fileno())
                    self._file.close()
                if keep:
                    mode = self.path.stat().st_mode & 0o777 if self.path.exists() else 0o644
                    self._temporary.chmod(mode)
                    self._temporary.replace(self.path)
        except OutputError:
            if keep:
                raise
        finally:
            with_suppressed_close(self._file)
            self._temporary.unlink(missing_ok=True)

    def _finish(self) -> None:
        """Write what is still held back."""


def with_suppressed_close(file: IO[bytes]) -> None:
    """Close a file whose content no longer matters; a full disk would complain once more."""
    try:
        file.close()
    except OSError:
        pass


class _JsonLines(_FileWriter):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._text = _text_layer(self._file, path)

    def write(self, sentences: Iterable[SentenceLabels]) -> None:
        with writing(self.path):
            for sentence in sentences:
                self._text.write(_json_line(sentence))
                self.count += 1

    def _finish(self) -> None:
        self._text.flush()
        _close_compression(self._text, self._file)


class _Csv(_FileWriter):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._text = _text_layer(self._file, path)
        self._rows = csv.DictWriter(self._text, COLUMNS)
        self._rows.writeheader()

    def write(self, sentences: Iterable[SentenceLabels]) -> None:
        with writing(self.path):
            for sentence in sentences:
                record = sentence.to_dict()
                self._rows.writerow(
                    {k: json.dumps(v, ensure_ascii=False) if k in _NESTED else _savable(v) for k, v in record.items()}
                )
                self.count += 1

    def _finish(self) -> None:
        self._text.flush()
        _close_compression(self._text, self._file)


class _Parquet(_FileWriter):
    def __init__(self, path: Path) -> None:
        import pyarrow.parquet as pq

        super().__init__(path)
        self._schema = schema()
        with writing(path):
            self._parquet = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        self._held: list[dict[str, Any]] = []

    def write(self, sentences: Iterable[SentenceLabels]) -> None:
        for sentence in sentences:
            self._held.append(_for_arrow(sentence.to_dict()))
            self.count += 1
            if len(self._held) == _ROW_GROUP:
                self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        with writing(self.path):
            self._parquet.write_table(pa.Table.from_pylist(self._held, schema=self._schema))
        self._held = []

    def _finish(self) -> None:
        if self._held:
            self._flush()
        self._parquet.close()


def _json_line(sentence: SentenceLabels) -> str:
    line = json.dumps(sentence.to_dict(), ensure_ascii=False)
    # A lone surrogate has no UTF-8; JSON's own escape keeps it.
    return (line if line.isascii() or _has_utf8(line) else json.dumps(sentence.to_dict())) + "\n"


def _has_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _savable(value: Any) -> Any:
    """The value with lone surrogates replaced, where a format has no escape for them."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) and not _has_utf8(value) else value


def _for_arrow(record: dict[str, Any]) -> dict[str, Any]:
    """The record as Arrow takes it: maps as lists of pairs, every string valid UTF-8."""
    if not _has_utf8(record["text"]):
        record = _all_savable(record)
    for name in ("frames", "probabilities"):
        record[name] = list(record[name].items())
    return record


def _all_savable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _all_savable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_all_savable(item) for item in value]
    return _savable(value)


def _text_layer(file: IO[bytes], path: Path) -> io.TextIOWrapper:
    """UTF-8 text over a file, through gzip where the name ends in ``.gz``."""
    # No time stamp in the gzip header: equal records make equal files.
    layer = gzip.GzipFile(fileobj=file, mode="wb", mtime=0) if path.suffix == ".gz" else file
    return io.TextIOWrapper(layer, encoding="utf-8", newline="", write_through=False)  # type: ignore[type-var]


def _close_compression(text: io.TextIOWrapper, file: IO[bytes]) -> None:
    """Write gzip's trailer without closing the file under it, which is still to be synced."""
    layer = text.detach()
    if layer is not file:
        layer.close()


class RejectedWriter:
    """Collects what was set aside in ``<output>.rejected.jsonl``; the file appears with the first rejection.

    Args:
        output: the output it belongs to; for ``-`` the rejections are counted only.
    """

    def __init__(self, output: str | os.PathLike[str]) -> None:
        name = str(output)
        self.path = None if name == "-" else Path(name).with_name(_stem(Path(name)) + ".rejected.jsonl")
        self.count = 0
        self._rejections: list[Rejected] = []

    def __call__(self, rejected: Rejected) -> None:
        """Note a rejection; an ``on_reject`` of :func:`framing.text.formats.read`."""
        self.count += 1
        if self.path is not None:
            self._rejections.append(rejected)

    def close(self) -> None:
        """Write the file, or remove one that an earlier run left if there is nothing to say now.

        Raises:
            OutputError: it cannot be written.
        """
        from framing.files import write_whole

        if self.path is None:
            return
        if not self._rejections:
            self.path.unlink(missing_ok=True)
            return
        lines = (json.dumps(rejected.to_dict()) + "\n" for rejected in self._rejections)
        write_whole(self.path, "".join(lines))


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").rsplit(".", 1)[0]
