"""What every annotation format can do: recognise its files, read passages from them, and write them."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from framing.convert.names import Names
from framing.convert.notes import Notes
from framing.convert.offsets import Unit
from framing.convert.passages import Passage
from framing.errors import InputError, OutputError, SettingError
from framing.files import WholeFile, reporting_write_errors
from framing.reading import read_rows
from framing.reading.formats import format_of

#: The name that stands for standard input and standard output.
STANDARD = "-"
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Options:
    """How a file is read and written, where its format leaves a choice.

    Attributes:
        text_column: column or key of the text; guessed if ``None``.
        labels_column: column of the labels in a table; guessed if ``None``.
        label_columns: columns that are a label each, with 0 or 1 in their cells; guessed if empty.
        wide: write a table with a column for each label, not with one for all.
        separator: between the labels of one cell.
        offsets: what offsets count; what the tool counts, if ``None``.
        annotator: whose annotations are read where a text has several people's; the first if ``None``.
    """

    text_column: str | None = None
    labels_column: str | None = None
    label_columns: tuple[str, ...] = ()
    wide: bool = False
    separator: str | None = None
    offsets: Unit | None = None
    annotator: str | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """What a format is recognised by.

    Attributes:
        path: of the file or folder.
        names: of the files in the folder; empty for a file.
        beginning: the first characters of the file; empty for a folder.
        row: the first row, where the file has rows of keys and values.
    """

    path: Path
    names: tuple[str, ...] = ()
    beginning: str = ""
    row: Mapping[str, Any] = field(default_factory=dict)


class Format(ABC):
    """A format of annotated text. An object of it reads one input or writes one output.

    Args:
        options: where the format leaves a choice.
        names: the codebook's, for formats that need them to write.
        notes: are told what is set aside and what is lost.

    Attributes:
        name: as ``--from`` and ``--to`` have it.
        endings: of its files, by which an output without ``--to`` is known.
        writes: what it writes: a file, a folder, either by the name that is given, or nothing.
    """

    name: ClassVar[str]
    endings: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[Literal["file", "folder", "either", "nothing"]] = "file"

    def __init__(self, options: Options, names: Names, notes: Notes) -> None:
        self.options = options
        self.names = names
        self.notes = notes

    @classmethod
    @abstractmethod
    def recognises(cls, sample: Sample) -> bool:
        """Whether a file or folder is of this format."""

    @abstractmethod
    def read(self, path: str) -> Iterator[Passage]:
        """The passages of a file or folder; rows that cannot be read are set aside.

        Raises:
            InputError: the file as a whole cannot be read.
        """

    @abstractmethod
    def write(self, passages: Iterable[Passage], path: str) -> None:
        """Write passages, and count them; the file or folder gets its name when it is complete.

        Args:
            passages: what is written. Those that the format cannot hold are set aside.
            path: the file or folder.

        Raises:
            OutputError: it cannot be written.
        """


class FileFormat(Format):
    """A format whose output is one text, piece by piece."""

    #: Between two pieces.
    between: ClassVar[str] = ""

    def begin(self) -> str:
        """What stands before the first piece."""
        return ""

    @abstractmethod
    def piece(self, passage: Passage) -> str:
        """A passage as it is written.

        Raises:
            FramingError: the format cannot hold it.
        """

    def end(self) -> str:
        """What stands behind the last piece."""
        return ""

    def write(self, passages: Iterable[Passage], path: str) -> None:
        """Write passages to a file or to standard output."""
        with Output(path) as output:
            output.write(self.begin())
            for passage in passages:
                with self.notes.setting_aside(passage.where, passage.text):
                    written = self.piece(passage)
                    output.write((self.between if self.notes.passages else "") + written)
                    self.notes.wrote(len(passage.spans), len(passage.labels))
            output.write(self.end())
            self.notes.check_written()


class Output:
    """A file that gets its name when it is complete, or standard output; takes text."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = None if path == STANDARD else WholeFile(path)

    def write(self, text: str) -> None:
        """Write text as UTF-8."""
        data = text.encode("utf-8", "replace")
        if self._file is None:
            sys.stdout.buffer.write(data)
        else:
            with reporting_write_errors(self._path):
                self._file.stream.write(data)

    def __enter__(self) -> Output:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if self._file is None:
            sys.stdout.buffer.flush()
        elif kind is None:
            self._file.keep()
        else:
            self._file.discard()


class WholeFolder:
    """A folder that is written under a hidden name and gets its own when it is complete.

    Args:
        path: the folder, which must not be there, or must be empty.

    Attributes:
        place: where to write.

    Raises:
        OutputError: there is something at that place, or it cannot be written.
    """

    def __init__(self, path: str) -> None:
        if path == STANDARD:
            raise SettingError("a folder cannot be written to standard output", expected="the name of a folder")
        self._target = Path(path)
        if self._target.exists() and (not self._target.is_dir() or any(self._target.iterdir())):
            raise OutputError(
                f"{path} is there already",
                expected="a new or an empty folder",
                hint="remove it, or choose another name",
            )
        self.place = self._target.with_name(f".{self._target.name}.{secrets.token_hex(6)}.partial")
        with reporting_write_errors(path):
            self.place.mkdir()

    def __enter__(self) -> Path:
        return self.place

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            if kind is None:
                with reporting_write_errors(self._target):
                    if self._target.exists():
                        self._target.rmdir()
                    os.replace(self.place, self._target)  # noqa: PTH105
        finally:
            shutil.rmtree(self.place, ignore_errors=True)


class RowsFormat(FileFormat):
    """A format whose files have rows of keys and values, which :mod:`framing.reading` reads."""

    #: The format of :mod:`framing.reading` for standard input and names that say nothing.
    rows: ClassVar[str] = "jsonl"

    @abstractmethod
    def passages(self, row: Mapping[str, Any], where: str) -> Iterable[Passage]:
        """The passages of one row.

        Raises:
            FramingError, KeyError, TypeError, ValueError: the row is not of the format.
        """

    def rows_of(self, path: str) -> str | None:
        """The format of :mod:`framing.reading` that a file is read as: what its name says, or :attr:`rows`."""
        return self.rows if path == STANDARD or format_of(path) in (None, "", "text", "html") else None

    def read(self, path: str) -> Iterator[Passage]:
        """The passages of a file."""
        for row in read_rows([path], format=self.rows_of(path), on_reject=self.notes.set_aside):
            where = f"{row.input}:{row.number}"
            found: Sequence[Passage] = ()
            with self.notes.setting_aside(where, row.values, row.number), explaining(self.name):
                found = list(self.passages(row.values, where))
            yield from found


@contextmanager
def explaining(name: str) -> Iterator[None]:
    """Turn what goes wrong with a row of another form than expected into an InputError."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(f"the row is not of the format {name}: {error!r}") from error


def as_json(value: Any) -> str:
    """JSON on one line; a lone surrogate is an escape."""
    written = json.dumps(value, ensure_ascii=False, default=str)
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", written)
