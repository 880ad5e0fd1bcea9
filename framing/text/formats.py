"""Files to documents: text, HTML, JSON, CSV, Parquet, folders of them, globs and standard input.

:func:`read` streams: rows of JSON Lines, CSV and Parquet are read one after the other, whatever the size of the file.
What cannot be used is set aside with its place and reason, and the reading goes on; only where the one file that was
named is unusable as a whole there is an error.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO, cast

from framing.errors import ColumnError, FramingError, InputError, SettingError, UnreadableFileError
from framing.text import html
from framing.text.columns import Columns, document_of_row, with_title
from framing.text.decoding import SAMPLE_SIZE, clean, decode, guess_encoding, refuse_binary
from framing.text.inputs import INDEX_COLUMNS, STANDARD_INPUT, InputFile, Reject, expand, open_bytes, read_index
from framing.types import Document, Rejected

#: File name ending to format. Each may be followed by ``.gz``.
FORMATS: Mapping[str, str] = {
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".markdown": "text",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_PARQUET_BATCH_ROWS = 256
#: A cell longer than this is a lost quotation mark that swallowed the rest of the file.
_LONGEST_CSV_CELL = 64 << 20
_SHOWN_VALUE = 80
# How Python shows a byte that it could not decode (PEP 383).
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")


def read(
    inputs: str | Path | Iterable[str | Path],
    *,
    columns: Columns | None = None,
    format: str | None = None,
    on_reject: Reject | None = None,
    index: str | Path | None = None,
    lines: bool = False,
    unique_ids: bool = True,
) -> Iterator[Document]:
    """Read documents from files.

    Args:
        inputs: a file, a folder (read with its subfolders, in the order of names), a glob pattern, ``"-"`` for
            standard input, or several of these. Endings are those of :data:`FORMATS`, also with ``.gz``.
        columns: names of the columns of tables and of the keys of JSON objects; those not named are guessed.
        format: ``text``, ``html``, ``jsonl``, ``json``, ``csv``, ``tsv`` or ``parquet``, whatever the names end in.
            Standard input without it is recognised by its first bytes.
        on_reject: is called with every row or file that is set aside; the reading goes on. Without it, the first
            one ends the reading with an error.
        index: a CSV file with a column ``file`` (relative to the index) and ``id``, ``outlet``, ``published``,
            ``title``: what is known of text and HTML files. In a folder, ``index.csv`` is used without being named.
        lines: each line of a text file is a document of its own, as the rows of a table are; HTML is refused.
        unique_ids: set aside the second document of an id; ``False`` for rows that share the id of their document.

    Yields:
        Documents, as they are read. Control characters and lone surrogates of their texts are replaced one for one
        (:func:`framing.text.decoding.clean`); line ends stay as they are. A row without an id gets
        ``<file>:<line>``, a text file its path. For ``unique_ids`` the digests of ids are kept: about 100 bytes a
        document.

    Raises:
        UnreadableFileError: a named file does not exist, or the only one that was named cannot be used.
        ColumnError: a column is not there, in the only file that was named.
        SettingError: the format is unknown.
        InputError: a row cannot be used, and ``on_reject`` is not given.
    """
    if format is not None and format not in FORMATS.values():
        raise SettingError(
            f"there is no format {format!r}", expected=f"one of {', '.join(sorted(set(FORMATS.values())))}"
        )
    named = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    settings = _Settings(columns or Columns(), format, on_reject or _raise_rejected, lines, unique_ids)
    known = {} if index is None else read_index(Path(index), settings.reject)
    files = expand([str(name) for name in named], known, settings.reject)
    if not files:
        raise InputError("there is nothing to read", expected="at least one file", hint="name a file, a folder or '-'")
    return _read_files(files, settings)


@dataclass(frozen=True, slots=True)
class _Settings:
    columns: Columns
    format: str | None
    reject: Reject
    lines: bool
    unique_ids: bool


def _read_files(files: Sequence[InputFile], settings: _Settings) -> Iterator[Document]:
    alone = len(files) == 1 and files[0].is_named
    ids = _Ids()
    for file in files:
        read_any = False
        try:
            for where, document in _read_file(file, settings):
                if not settings.unique_ids or ids.add(document.id):
                    read_any = True
                    yield document
                else:
                    reason = f"the id {document.id!r} was read before; expected a new one for each document"
                    settings.reject(Rejected(where, reason, document.id))
        except FramingError as error:
            if isinstance(error, _RejectedError) or (alone and not read_any):
                raise
            settings.reject(Rejected(file.path, _reason(error)))


def _read_file(file: InputFile, settings: _Settings) -> Iterator[tuple[str, Document]]:
    """The documents of one file, each with its place for messages."""
    with ExitStack() as stack:
        try:
            stream = open_bytes(file.path, stack)
            format_ = settings.format or _format_of(file.path, stream)
            yield from _READERS[format_](stream, file, settings)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UnreadableFileError(
                f"{file.path} is damaged or was cut off: {error}",
                expected="a whole gzip file",
                hint="fetch or compress the file again",
            ) from error
        except UnicodeDecodeError as error:
            raise UnreadableFileError(
                f"{file.path} is not {error.encoding} from byte {error.start} on", expected="one encoding throughout"
            ) from error
        except OSError as error:
            raise UnreadableFileError(f"{file.path} cannot be read: {error.strerror or error}") from error


def _format_of(path: str, stream: io.BufferedReader) -> str:
    if path == STANDARD_INPUT:
        beginning = stream.peek(SAMPLE_SIZE)[:SAMPLE_SIZE].removeprefix(b"\xef\xbb\xbf").lstrip()
        if beginning.startswith(b"PAR1"):
            return "parquet"
        if beginning.startswith((b"{", b"[{")):
            return "jsonl" if beginning.startswith(b"{") else "json"
        return "html" if html.looks_like_html(beginning.decode("utf-8", errors="replace")) else "text"
    endings = [ending.lower() for ending in Path(path).suffixes]
    if endings and endings[-1] == ".gz":
        endings.pop()
    if not endings or endings[-1] not in FORMATS:
        raise UnreadableFileError(
            f"the name of {path} tells no format",
            expected=f"a name that ends in {', '.join(FORMATS)}, also with .gz",
            hint="name the format with --format",
        )
    return FORMATS[endings[-1]]


# --- one document a file ----------------------------------------------------------------------------------------------


def _read_text(stream: io.BufferedReader, file: InputFile, settings: _Settings) -> Iterator[tuple[str, Document]]:
    if settings.lines:
        yield from _read_lines(stream, file)
        return
    text = clean(_whole(stream, file))
    if not text.strip():
        raise _empty(file)
    yield file.path, _described(Document(text, id=file.label), file)


def _read_lines(stream: io.BufferedReader, file: InputFile) -> Iterator[tuple[str, Document]]:
    """Each line that is not blank; its number is in its id. An index tells outlet and date, not the id and title."""
    any_line = False
    known = file.known or {}
    with _decoded(stream, file, newline=None) as lines:
        for number, line in enumerate(lines, start=1):
            text = clean(_mended(line, file)).strip().removeprefix("\ufeff")
            if text:
                any_line = True
                document = Document(
                    text, f"{file.label}:{number}", outlet=known.get("outlet"), published=known.get("published")
                )
                yield f"{file.path}:{number}", document
    if not any_line:
        raise _empty(file)


def _read_html(stream: io.BufferedReader, file: InputFile, settings: _Settings) -> Iterator[tuple[str, Document]]:
    if settings.lines:
        raise UnreadableFileError(f"{file.path} is a page of HTML", expected="one sentence per line")
    yield file.path, _described(_page_document(_whole(stream, file), Document("", id=file.label), file.path), file)


def _whole(stream: io.BufferedReader, file: InputFile) -> str:
    data = stream.read()
    if not data.strip():
        raise _empty(file)
    return decode(data, file.path)


def _page_document(source: str, document: Document, where: str) -> Document:
    """A document with the text of a page, and what the page says of itself where the document says nothing."""
    page = html.extract(source, where)
    return replace(
        document,
        text=with_title(page.text, document.title),
        title=document.title or page.title,
        outlet=document.outlet or page.outlet,
        published=document.published or page.published,
    )


def _described(document: Document, file: InputFile) -> Document:
    """The document with what an index knows of its file."""
    known = file.known or {}
    title = known.get("title") or document.title
    return replace(
        document,
        text=with_title(document.text, title),
        id=known.get("id", document.id),
        outlet=known.get("outlet", document.outlet),
        published=known.get("published", document.published),
        title=title,
        metadata={name: cell for name, cell in known.items() if name not in INDEX_COLUMNS},
    )


# --- one document a row -----------------------------------------------------------------------------------------------


class _Rows:
    """Turns the rows of one file into documents, and sets aside those that cannot be used."""

    def __init__(self, file: InputFile, settings: _Settings) -> None:
        self._file = file
        self._settings = settings
        self._names: tuple[str, ...] | None = None
        self._resolved = settings.columns

    def document(self, row: Mapping[str, Any], number: int) -> Iterator[tuple[str, Document]]:
        """The row's document, or nothing if it was set aside.

        Raises:
            ColumnError: the first row already lacks a column.
        """
        where = self.where(number)
        try:
            columns = self._columns(row)
            document = document_of_row(row, columns, default_id=f"{self._file.label}:{number}")
            if html.looks_like_html(document.text):
                assert columns.text is not None
                document = _page_document(row[columns.text], document, where)
        except InputError as error:
            if isinstance(error, ColumnError) and self._names is None:
                raise
            self.reject(number, _reason(error), row)
        else:
            yield where, document

    def reject(self, number: int, reason: str, value: object = "") -> None:
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        self._settings.reject(Rejected(self.where(number), reason, clean(shown[:_SHOWN_VALUE])))

    def where(self, number: int) -> str:
        return f"{self._file.path}:{number}"

    def _columns(self, row: Mapping[str, Any]) -> Columns:
        names = tuple(row)
        if names != self._names:
            columns = self._settings.columns
            if self._names is not None:  # later rows may lack keys that the first had, but for the text
                columns = replace(columns, **{role: None for role in _OPTIONAL if getattr(columns, role) not in row})
            self._resolved = columns.resolve(names, self._file.path)
            self._names = names
        return self._resolved


_OPTIONAL = ("id", "outlet", "published", "title")


def _read_jsonl(stream: io.BufferedReader, file: InputFile, settings: _Settings) -> Iterator[tuple[str, Document]]:
    rows = _Rows(file, settings)
    any_line = False
    with _decoded(stream, file, newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                any_line = True
                yield from _json_line(line, number, rows, file)
    if not any_line:
        raise _empty(file)


def _json_line(line: str, number: int, rows: _Rows, file: InputFile) -> Iterator[tuple[str, Document]]:
    try:
        row = json.loads(_mended(line, file))
    except (ValueError, RecursionError) as error:
        rows.reject(number, f"the line is not JSON: {error}", line)
    except UnreadableFileError as error:
        rows.reject(number, _reason(error), line)
    else:
        if isinstance(row, dict):
            yield from rows.document(row, number)
        else:
            rows.reject(number, f"the line is {_json_name(row)}; expected a JSON object", line)


def _read_json(stream: io.BufferedReader, file: InputFile, settings: _Settings) -> Iterator[tuple[str, Document]]:
    """A list of objects, or one object; also JSON Lines under the wrong name."""
    source = _whole(stream, file).removeprefix("\ufeff")
    try:
        content = json.loads(source)
    except (ValueError, RecursionError) as error:
        first_line = source.lstrip().split("\n", 1)[0]
        if _is_json_object(first_line):
            lines = cast(io.RawIOBase, io.BytesIO(source.encode("utf-8", "surrogatepass")))
            yield from _read_jsonl(io.BufferedReader(lines), file, settings)
            return
        raise UnreadableFileError(f"{file.path} is not JSON: {error}", expected="a list of JSON objects") from error
    rows = _Rows(file, settings)
    objects = content if isinstance(content, list) else [content]
    if not objects:
        raise _empty(file)
    for number, row in enumerate(objects, start=1):
        if isinstance(row, dict):
            yield from rows.document(row, number)
        else:
            rows.reject(number, f"the entry is {_json_name(row)}; expected a JSON object", repr(row))


def _read_csv(stream: io.BufferedReader, file: InputFile, settings: _Settings) -> Iterator[tuple[str, Document]]:
    csv.field_size_limit(_LONGEST_CSV_CELL)
    with _decoded(stream, file, newline="") as text:
        header_line = text.readline()
        if not header_line.strip():
            raise _empty(file)
        separator = "\t" if _ends_in_tsv(file, settings) else max(",;\t|", key=header_line.count)
        header = [name.strip().removeprefix("\ufeff") for name in next(csv.reader([header_line], delimiter=separator))]
        settings.columns.resolve(header, file.path)
        rows = _Rows(file, settings)
        any_row = False
        for number, cells in _csv_rows(text, separator, rows):
            any_row = True
            yield from _csv_row(header, cells, number, rows, file)
    if not any_row:
        raise _empty(file)


def _csv_rows(text: TextIO, separator: str, rows: _Rows) -> Iterator[tuple[int, list[str]]]:
    """The rows below the header, each with the line on which it begins."""
    # strict: a lost quotation mark is an error rather than a cell that holds the rest of the file
    reader = csv.reader(text, delimiter=separator, strict=True)
    while True:
        number = reader.line_num + 2
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            rows.reject(number, f"the row is not CSV: {error}")
        else:
            if cells:
                yield number, cells


def _csv_row(
    header: list[str], cells: list[str], number: int, rows: _Rows, file: InputFile
) -> Iterator[tuple[str, Document]]:
    shown = ",".join(cells)
    if len(cells) != len(header):
        rows.reject(number, f"the row has {len(cells)} cells; expected {len(header)} as in the header", shown)
        return
    try:
        mended = [_mended(cell, file) for cell in cells]
    except UnreadableFileError as error:
        rows.reject(number, _reason(error), shown)
        return
    yield from rows.document(dict(zip(header, mended, strict=True)), number)


def _ends_in_tsv(file: InputFile, settings: _Settings) -> bool:
    return settings.format == "tsv" or (settings.format is None and ".tsv" in file.path.lower()[-7:])


def _read_parquet(stream: io.BufferedReader, file: InputFile, settings: _Settings) -> Iterator[tuple[str, Document]]:
    import pyarrow
    import pyarrow.parquet

    seekable = stream if stream.seekable() else io.BytesIO(stream.read())
    rows = _Rows(file, settings)
    number = 0
    try:
        table = pyarrow.parquet.ParquetFile(seekable)
        settings.columns.resolve(table.schema_arrow.names, file.path)
        for batch in table.iter_batches(batch_size=_PARQUET_BATCH_ROWS):
            for row in batch.to_pylist():
                number += 1
                yield from rows.document(row, number)
    except (pyarrow.ArrowException, UnicodeDecodeError) as error:
        raise UnreadableFileError(
            f"{file.path} is not a whole Parquet file: {error}",
            expected="a Parquet file",
            hint="fetch or write the file again",
        ) from error
    if number == 0:
        raise _empty(file)


_READERS: Mapping[str, Callable[[io.BufferedReader, InputFile, _Settings], Iterator[tuple[str, Document]]]] = {
    "text": _read_text,
    "html": _read_html,
    "jsonl": _read_jsonl,
    "json": _read_json,
    "csv": _read_csv,
    "tsv": _read_csv,
    "parquet": _read_parquet,
}


# --- small things -----------------------------------------------------------------------------------------------------


@contextmanager
def _decoded(stream: io.BufferedReader, file: InputFile, *, newline: str | None) -> Iterator[TextIO]:
    """The decoded stream. Bytes that do not fit its encoding come as surrogates, for :func:`_mended` to deal with."""
    sample = stream.peek(SAMPLE_SIZE)[:SAMPLE_SIZE]
    if not sample:
        raise _empty(file)
    refuse_binary(sample, file.path)
    encoding = guess_encoding(sample, file.path)
    errors = "strict" if encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    text = io.TextIOWrapper(stream, encoding=encoding, errors=errors, newline=newline)
    try:
        yield text
    finally:
        text.detach()  # closing the stream is its opener's business


def _mended(text: str, file: InputFile) -> str:
    """A piece of a stream with its undecodable bytes decoded on their own (a cp1252 row among UTF-8 rows).

    Raises:
        UnreadableFileError: they are no text in any encoding.
    """
    if not _ESCAPED_BYTE.search(text):
        return text
    return decode(text.encode("utf-8", "surrogateescape"), file.path)


class _Ids:
    """The ids that were read, as digests to keep them small."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def add(self, id_: str) -> bool:
        """Whether the id is new."""
        digest = hashlib.blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=12).digest()
        if digest in self._digests:
            return False
        self._digests.add(digest)
        return True


class _RejectedError(InputError):
    """A row that cannot be used, where nobody listens for rejected rows."""


def _raise_rejected(rejected: Rejected) -> None:
    raise _RejectedError(
        f"{rejected.where}: {rejected.reason}",
        hint="mend the row, or have bad rows set aside (in Python: on_reject=...)",
    )


def _reason(error: FramingError) -> str:
    return error.message + (f"; expected {error.expected}" if error.expected else "")


def _empty(file: InputFile) -> UnreadableFileError:
    return UnreadableFileError(f"{file.path} is empty", expected="a file with text in it")


def _is_json_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _json_name(value: object) -> str:
    names = {list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}
    return names.get(type(value), "null")
