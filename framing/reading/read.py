"""Files to documents, one after the other, whatever their size and format."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any, Protocol, TypeVar

from framing.errors import EmptyFileError, FramingError, InputError, OutputError, UnreadableFileError
from framing.reading.columns import Columns
from framing.reading.documents import DocumentMaker, DocumentSettings, Ids, rejected_row
from framing.reading.encodings import visible
from framing.reading.files import InputFile, expand
from framing.reading.formats import open_format
from framing.reading.formats.base import Format, Limits, Row
from framing.types import Document, Rejected

#: How much is read before its rows are given: little, so that rows from a pipe come soon.
_LIMITS = Limits(rows=1024, size=1 << 16)

Inputs = str | PathLike[str] | Iterable[str | PathLike[str]]
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


def read(
    inputs: Inputs,
    *,
    columns: Columns | None = None,
    format: str | None = None,
    on_reject: Callable[[Rejected], None] | None = None,
    index: str | PathLike[str] | None = None,
    sentences: bool = False,
    unique_ids: bool = True,
    outlet: str | None = None,
    published: str | None = None,
    carry: Sequence[str] | None = None,
    archives: bool = True,
) -> Iterator[Document]:
    """Read documents from files.

    Args:
        inputs: a file, a folder (read with its subfolders, in the order of names), a glob pattern, an address of
            fsspec (``s3://…``), ``"-"`` for standard input, or several of these. Endings are those of
            :data:`~framing.reading.formats.FORMATS`, also with ``.gz``, ``.zst``, ``.bz2`` or ``.xz``.
        columns: names of the columns of tables and of the keys of JSON objects; those not named are guessed.
        format: the format of all files, whatever their names end in: ``text``, ``html``, ``archive``, ``jsonl``,
            ``json``, ``csv``, ``tsv``, ``parquet`` or ``arrow``. Without it, the first bytes decide for standard input
            and files without an ending.
        on_reject: is called with every row or file that is set aside, and reading goes on. Without it, the first one
            raises an error.
        index: a CSV file with the columns ``file`` (relative to the index), ``id``, ``outlet``, ``published`` and
            ``title``, for files that are one document each. For other files only outlet and date are used. A folder's
            ``index.csv`` is used without being named.
        sentences: each row, or line of a text file, is one sentence: it is stripped and has no title. Pages of HTML
            are refused.
        unique_ids: set aside a document whose id was read before; ``False`` for rows that share their document's id.
        outlet, published: for documents that name none themselves.
        carry: columns that become the documents' metadata; if ``None``, all that framing gives no meaning.
        archives: each article of a news archive's export (LexisNexis, Nexis Uni, Factiva) is a document; ``False`` to
            take the file as one text.

    Yields:
        Documents, as they are read. Control characters and lone surrogates in their texts are replaced one for one
        (:func:`framing.reading.encodings.clean`); line ends stay as they are. A row without an id gets
        ``<file>:<row>``, a text file its path. ``unique_ids`` keeps digests of ids in memory, about 100 bytes each.

    Raises:
        UnreadableFileError: a named file does not exist, or the only named file cannot be used.
        ColumnError: the only named file lacks a column.
        SettingError: the format is unknown.
        InputError: a folder is empty; or a row or file cannot be used, and ``on_reject`` is not given.
        MissingExtraError: the driver of an address is not installed.
    """
    settings = DocumentSettings(
        columns or Columns(), sentences, None if carry is None else tuple(carry), outlet, published, archives
    )
    ids = Ids() if unique_ids else None

    def maker(file: InputFile, opened: Format, is_alone: bool) -> DocumentMaker:
        return DocumentMaker(file, opened, settings, ids=ids, is_alone=is_alone)

    return _read_all(_expanded(inputs, format, index), maker, on_reject, by_line=sentences, archives=archives)


def read_rows(
    inputs: Inputs,
    *,
    format: str | None = None,
    on_reject: Callable[[Rejected], None] | None = None,
    skip_empty: bool = False,
) -> Iterator[FileRow]:
    """Read rows as they are; a text file is one row with the column ``text``.

    Args:
        inputs, format, on_reject: see :func:`read`.
        skip_empty: a file with nothing in it has no rows, and is no error.

    Raises:
        UnreadableFileError, SettingError, InputError, MissingExtraError: see :func:`read`.
    """
    return _read_all(_expanded(inputs, format), _RowMaker, on_reject, skip_empty=skip_empty)


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row of a file.

    Attributes:
        input: the file's label (:class:`~framing.reading.files.InputFile`).
        number: the row's number in the file, from 1; in JSON Lines and CSV, the number of its line.
        values: its values by column.
        metadata: the metadata of a Parquet or Arrow file; empty for other files.
    """

    input: str
    number: int
    values: Mapping[str, Any]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _RowMaker:
    file: InputFile
    opened: Format
    is_alone: bool

    def check(self, names: Iterable[str]) -> Columns:
        return Columns()

    def needed(self) -> Collection[str] | None:
        return None

    def make(self, row: Row) -> FileRow:
        if row.values is None:
            raise InputError(row.problem)
        return FileRow(self.file.label, row.number, {**row.values, **self.file.partition}, self.opened.metadata)


# --- through files ----------------------------------------------------------------------------------------------------


class _Maker(Protocol[T_co]):
    """Makes documents, or :class:`FileRow` objects, of the rows of one file."""

    def check(self, names: Iterable[str]) -> Columns: ...

    def needed(self) -> Collection[str] | None: ...

    def make(self, row: Row) -> T_co: ...


def _expanded(
    inputs: Inputs,
    format: str | None,
    index: str | PathLike[str] | None = None,
) -> list[InputFile]:
    names = [inputs] if isinstance(inputs, str | PathLike) else list(inputs)
    files = expand([fspath(name) for name in names], format=format, index=index)
    if not files:
        raise InputError("there is nothing to read", expected="at least one file", hint="name a file, a folder or '-'")
    return files


def _read_all(
    files: Sequence[InputFile],
    maker: Callable[[InputFile, Format, bool], _Maker[T]],
    reject: Callable[[Rejected], None] | None,
    *,
    by_line: bool = False,
    archives: bool = True,
    skip_empty: bool = False,
) -> Iterator[T]:
    is_alone = len(files) == 1 and files[0].is_named
    for file in files:
        for item in _read_file(
            file, maker, is_alone=is_alone, by_line=by_line, archives=archives, skip_empty=skip_empty
        ):
            if not isinstance(item, Rejected):
                yield item
            elif reject is not None:
                reject(item)
            else:
                raise InputError(
                    f"{item.where}: {item.reason}",
                    hint="mend the row, or have bad rows set aside (in Python: on_reject=...)",
                )


def _read_file(
    file: InputFile,
    maker: Callable[[InputFile, Format, bool], _Maker[T]],
    *,
    is_alone: bool,
    by_line: bool,
    archives: bool,
    skip_empty: bool,
) -> Iterator[T | Rejected]:
    """What is made of each row, or its rejection; last, a rejection for the rest of the file if that cannot be read.

    Raises:
        FramingError: this is the only file, it cannot be read, and none of its rows could be used.
    """
    place = file.path
    any_used = False
    try:
        if file.problem:
            raise UnreadableFileError(file.problem)
        with open_format(file.path, file.label, file.format, by_line=by_line, archives=archives) as opened:
            making = maker(file, opened, is_alone)
            for found in opened.ranges(_LIMITS, making.check):
                for row in opened.rows(found, making.needed()):
                    try:
                        made = making.make(row)
                    except InputError as error:
                        if opened.is_document:
                            raise
                        yield rejected_row(file, row, error)
                    else:
                        any_used = True
                        yield made
                place = f"{file.path}:{found.next}"
    except OutputError:  # no room to unpack a file is no fault of the file
        raise
    except FramingError as error:
        if skip_empty and isinstance(error, EmptyFileError):
            return
        if is_alone and not any_used:
            raise
        yield Rejected(visible(place), visible(error.reason))
