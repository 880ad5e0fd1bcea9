"""What the user named, to files: folders, glob patterns, standard input, and indexes that describe files."""

from __future__ import annotations

import csv
import glob
import gzip
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from framing.errors import ColumnError, InputError, UnreadableFileError
from framing.text.decoding import SAMPLE_SIZE, decode
from framing.types import Rejected

STANDARD_INPUT = "-"
INDEX_NAME = "index.csv"
INDEX_COLUMNS = ("file", "id", "outlet", "published", "title")

_GZIP_MAGIC = b"\x1f\x8b"

Reject = Callable[[Rejected], None]
Index = Mapping[Path, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to be read.

    Attributes:
        path: ``-`` for standard input.
        label: what the ids of its documents begin with.
        is_named: the user named the file itself, not a folder or a pattern that it was found by.
        known: what an index says of it: column to value.
    """

    path: str
    label: str
    is_named: bool
    known: Mapping[str, str] | None = None


def expand(names: Sequence[str], index: Index, reject: Reject) -> list[InputFile]:
    """The files that the user named, in order; those of a folder by their names, hidden ones and the index left out.

    Args:
        names: files, folders, glob patterns, ``-``.
        index: what is known of files, over what their folder's own index says.
        reject: takes the entries of a folder's index whose file is not there.

    Raises:
        UnreadableFileError: a name stands for no file.
        InputError: a folder is empty.
    """
    # Ids are made of file names; with several inputs, the same name may come from several folders.
    files: list[InputFile] = []
    for name in names:
        path = Path(name)
        if name == STANDARD_INPUT:
            files.append(InputFile(name, "stdin", is_named=True))
        elif path.is_dir():
            files.extend(_folder(path, index, reject, with_parents=len(names) > 1))
        elif path.exists():
            label = path.as_posix() if len(names) > 1 else path.name
            files.append(InputFile(name, label, is_named=True, known=index.get(path.resolve())))
        else:
            files.extend(_pattern(name, index))
    return files


def _pattern(pattern: str, index: Index) -> Iterator[InputFile]:
    # Not Path.glob, which takes no absolute patterns.
    matches = [path for path in sorted(map(Path, glob.glob(pattern, recursive=True))) if path.is_file()]  # noqa: PTH207
    if not matches:
        raise UnreadableFileError(
            f"there is no file {pattern!r}",
            expected="a file, a folder, a glob pattern that matches something, or '-' for standard input",
            hint="check the path",
        )
    for path in matches:
        yield InputFile(str(path), path.as_posix(), is_named=False, known=index.get(path.resolve()))


def _folder(folder: Path, index: Index, reject: Reject, *, with_parents: bool) -> Iterator[InputFile]:
    own_index = folder / INDEX_NAME
    if _is_index(own_index):
        index = {**read_index(own_index, reject), **index}
        skipped = own_index
    else:
        skipped = None
    visible = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != skipped and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    ]
    if not visible:
        raise InputError(f"the folder {folder} holds no files", expected="files with texts in it")
    for path in visible:
        label = path.as_posix() if with_parents else path.relative_to(folder).as_posix()
        yield InputFile(str(path), label, is_named=False, known=index.get(path.resolve()))


def _is_index(path: Path) -> bool:
    """Whether a folder's ``index.csv`` is an index of its files, rather than a table of texts."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            header = next(csv.reader(stream), [])
    except (OSError, csv.Error):
        return False
    return "file" in [name.strip().casefold() for name in header]


def read_index(path: Path, reject: Reject) -> dict[Path, Mapping[str, str]]:
    """Read a table that describes files.

    Args:
        path: a CSV file with the columns of :data:`INDEX_COLUMNS` (``file`` is needed and relative to the table);
            further columns become metadata.
        reject: takes the entries whose file is not there.

    Returns:
        Resolved path of a file to its row.

    Raises:
        UnreadableFileError: the table cannot be read.
        ColumnError: it has no column ``file``.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(decode(path.read_bytes(), str(path)), newline="")))
    except OSError as error:
        raise UnreadableFileError(f"the index {path} cannot be read: {error.strerror}") from error
    known: dict[Path, Mapping[str, str]] = {}
    for number, row in enumerate(rows, start=2):
        cells = {name.strip().casefold(): cell.strip() for name, cell in row.items() if name and isinstance(cell, str)}
        if "file" not in cells:
            raise ColumnError(
                f"the index {path} has no column 'file'", expected=f"the columns {', '.join(INDEX_COLUMNS)}"
            )
        file = (path.parent / cells["file"]).resolve()
        if not file.is_file():
            reason = f"the index names the file {cells['file']!r}, which is not there"
            reject(Rejected(f"{path}:{number}", reason, cells["file"]))
        known[file] = {name: cell for name, cell in cells.items() if cell}
    return known


def open_bytes(path: str, stack: ExitStack) -> io.BufferedReader:
    """A buffered stream of a file's bytes (or of standard input), unpacked if they are gzip.

    Args:
        path: the file, or ``-``.
        stack: closes what was opened.
    """
    raw = _standard_input() if path == STANDARD_INPUT else io.FileIO(path)
    stream: io.BufferedReader = stack.enter_context(io.BufferedReader(raw, SAMPLE_SIZE))
    if stream.peek(2)[:2] == _GZIP_MAGIC:
        unpacked = gzip.GzipFile(fileobj=cast(BinaryIO, stream), mode="rb")
        return stack.enter_context(io.BufferedReader(cast(io.RawIOBase, unpacked), SAMPLE_SIZE))
    return stream


def _standard_input() -> io.RawIOBase:
    """Standard input as bytes; closing it leaves the process's own standard input open."""
    try:
        return io.FileIO(sys.stdin.fileno(), closefd=False)
    except (OSError, ValueError):  # it was replaced by an object in memory
        return cast(io.RawIOBase, io.BytesIO(sys.stdin.buffer.read()))
