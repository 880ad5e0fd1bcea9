"""The files of a corpus: local ones and URLs, folders with Hive partitions, packed ones, each opened as bytes."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

import fsspec  # type: ignore[import-untyped]
from fsspec.core import url_to_fs  # type: ignore[import-untyped]

from framing.errors import InputError, MissingExtraError, UnreadableFileError

#: File name ending to format; each may be followed by ``.gz`` or ``.zst`` where the content is text.
FORMATS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
}
#: Formats whose rows are found by their place in the table, not by a place in a text.
TABLES = frozenset({"parquet", "arrow"})

_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_PACKED_ENDINGS = (".gz", ".zst", ".zstd")
_PARTITION = re.compile(r"([^=/]+)=(.*)")
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
#: Bytes that are read at a time.
BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class CorpusFile:
    """One file of the corpus.

    Attributes:
        path: where it is: an absolute path or a URL.
        label: how ids and messages name it: relative to the folder it was found in, with ``/``.
        format: a value of :data:`FORMATS`.
        partition: Hive partition columns from the names of its folders, ``None`` for Hive's null.
        size: bytes.
        version: changes when the file is written anew: its time, or what a store calls its state.
    """

    path: str
    label: str
    format: str
    partition: dict[str, str | None] = field(default_factory=dict)
    size: int = 0
    version: str = ""


def expand(inputs: Sequence[str], format: str | None = None) -> list[CorpusFile]:
    """The files that the user named, those of a folder by their names; hidden ones and those of no format left out.

    Args:
        inputs: files, folders (also of Parquet in Hive partitions, and of datasets written by ``save_to_disk``), glob
            patterns; local or URLs of fsspec (``s3://``, ``gs://``, ``hdfs://``, with their driver installed).
        format: ``jsonl``, ``csv``, ``tsv``, ``parquet`` or ``arrow``, whatever the names end in.

    Raises:
        UnreadableFileError: a name stands for no file, or tells no format.
        InputError: two files have the same name in their folders, or there is no file at all.
        MissingExtraError: a URL's driver is not installed.
    """
    files = [file for name in inputs for file in _expand_one(name, format, alone=len(inputs) == 1)]
    if not files:
        raise InputError("there is nothing to read", expected=f"files that end in {', '.join(FORMATS)}")
    seen: set[str] = set()
    for file in files:
        if file.label in seen:
            raise InputError(
                f"{file.label} was named twice", expected="every file once", hint="name its folder instead"
            )
        seen.add(file.label)
    return files


def _expand_one(name: str, format: str | None, *, alone: bool) -> Iterator[CorpusFile]:
    filesystem, root = _resolve(name)
    try:
        if filesystem.isdir(root):
            found = [path for path in sorted(filesystem.find(root)) if _is_visible(path, root, format)]
        elif filesystem.exists(root):
            found, root = [root], str(PurePosixPath(root).parent)
        else:
            found = [path for path in sorted(filesystem.glob(root)) if not filesystem.isdir(path)]
            root = os.path.commonpath([str(PurePosixPath(path).parent) for path in found]) if found else root
    except OSError as error:
        raise UnreadableFileError(f"{name} cannot be read: {error.strerror or error}") from error
    if not found:
        raise UnreadableFileError(
            f"there is no file {name!r} that can be read",
            expected=f"a file, a folder or a glob pattern with files that end in {', '.join(FORMATS)}",
            hint="check the path, or name the format with --format",
        )
    for path in found:
        relative = str(PurePosixPath(path).relative_to(root))
        # Ids are made of labels; with several inputs, the same name may come from several folders.
        label = relative if alone else path
        yield _described(filesystem, path, label, relative, format)


def _resolve(name: str) -> tuple[Any, str]:
    try:
        filesystem, root = url_to_fs(name)
    except (ImportError, ValueError) as error:
        raise MissingExtraError(
            f"{name} cannot be reached: {error}",
            expected="a local path, or a URL whose fsspec driver is installed",
            hint="install the driver (s3fs, gcsfs, …)",
        ) from error
    return filesystem, root


def _is_visible(path: str, root: str, format: str | None) -> bool:
    parts = PurePosixPath(path).relative_to(root).parts
    if any(part.startswith((".", "_")) for part in parts):
        return False
    return _format_of(path) is not None or format is not None


def _format_of(path: str) -> str | None:
    endings = [ending.lower() for ending in PurePosixPath(path).suffixes]
    if endings and endings[-1] in _PACKED_ENDINGS:
        endings.pop()
    return FORMATS.get(endings[-1]) if endings else None


def _described(filesystem: Any, path: str, label: str, relative: str, format: str | None) -> CorpusFile:
    known = format or _format_of(path)
    if known is None:
        raise UnreadableFileError(
            f"the name of {path} tells no format",
            expected=f"a name that ends in {', '.join(FORMATS)}, text also with .gz or .zst",
            hint="name the format with --format",
        )
    info = filesystem.info(path)
    version = next((str(info[key]) for key in ("mtime", "ETag", "etag", "md5Hash", "created") if info.get(key)), "")
    return CorpusFile(
        path=filesystem.unstrip_protocol(path) if "file" not in filesystem.protocol else path,
        label=os.fsencode(label).decode("utf-8", "replace"),
        format=known,
        partition=_partition(relative),
        size=int(info["size"]),
        version=version,
    )


def _partition(relative: str) -> dict[str, str | None]:
    found = (_PARTITION.fullmatch(part) for part in PurePosixPath(relative).parts[:-1])
    pairs = ((match[1], unquote(match[2])) for match in found if match)
    return {name: None if value == _HIVE_NULL else value for name, value in pairs}


# --- bytes ------------------------------------------------------------------------------------------------------------


def open_raw(path: str) -> BinaryIO:
    """A file's bytes as they are stored; seekable. Close it.

    Raises:
        UnreadableFileError: it is not there, or cannot be read.
    """
    try:
        return cast(BinaryIO, fsspec.open(path, "rb").open())
    except OSError as error:
        raise UnreadableFileError(f"{path} cannot be read: {error.strerror or error}") from error


class HashingStream(io.RawIOBase):
    """Passes bytes on and hashes them; not seekable.

    Args:
        stream: where the bytes come from. It stays open.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes; 0 at the end."""
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        self._hash.update(data)
        return len(data)

    def hexdigest(self) -> str:
        """SHA-256 of the whole: what was not asked for is read first."""
        while self.read(1 << 20):
            pass
        return self._hash.hexdigest()


def packing_of(stream: BinaryIO) -> str:
    """How a stream is packed, by its first bytes: ``"gzip"``, ``"zstd"`` or ``""``. It is left at its beginning."""
    start = stream.read(4)
    stream.seek(0)
    return next((packing for magic, packing in _PACKED.items() if start.startswith(magic)), "")


@contextmanager
def unpacked(stream: Any, packing: str) -> Iterator[Any]:
    """The stream's content, readable by ``read(n)`` and ``readinto``; packed streams cannot be sought.

    Raises:
        OSError: (while reading) what is packed is damaged or was cut off.
    """
    if not packing:
        yield stream
        return
    import pyarrow

    source = pyarrow.CompressedInputStream(pyarrow.PythonFile(stream, mode="r"), packing)
    try:
        yield source
    finally:
        # Closing goes down to what lies under it, whose opener closes it, too; that does no harm.
        source.close()
