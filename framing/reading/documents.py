"""Rows to documents: the one place that interprets columns, titles, dates, missing values and pages of HTML."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from numbers import Number
from typing import Any
from urllib.parse import urlsplit

from framing.errors import ColumnError, FramingWarning, InputError, did_you_mean
from framing.reading.columns import Columns, cell, guess, names_in, unwrapped
from framing.reading.dates import iso_moment
from framing.reading.encodings import clean, visible
from framing.reading.files import INDEX_COLUMNS, InputFile
from framing.reading.formats.base import SHOWN_VALUE, Format, Row
from framing.reading.html import extract, looks_like_html
from framing.reading.repairs import repaired
from framing.reading.streams import LARGEST_DOCUMENT
from framing.text.kinds import title_length
from framing.types import Document, Rejected

#: Keys of a mapping that framing gives a meaning.
_KEYS = ("text", "id", "outlet", "published", "title")
#: Where a cell holds an object instead of a name, the name is under one of these keys; the last are MongoDB's.
_NAMING_KEYS = ("name", "title", "main", "rendered", "domain", "id", "$date", "$oid")
#: The same for a text: so do WordPress and the Guardian.
_TEXT_KEYS = ("rendered", "bodyText", "body", "text", "content", "value")
#: What tools write into the cells of a table that have no value.
_NO_VALUE = frozenset(("nan", "nat", "none", "null", "<na>", "n/a", "na", "#n/a", "\\n", "(null)", "undefined"))
_ADDRESS = re.compile(r"https?://")


@dataclass(frozen=True, slots=True)
class DocumentSettings:
    """How the user wants rows to be read.

    Attributes:
        columns: the columns that the user named; the others are guessed, file by file.
        sentences: each row is one sentence: it is stripped, has no title, and is not read as HTML.
        carry: columns that become the document's metadata; if ``None``, all that framing gives no meaning.
        outlet, published: for documents that name none themselves.
        archives: each article of a news archive's export is a document.
    """

    columns: Columns = field(default_factory=Columns)
    sentences: bool = False
    carry: tuple[str, ...] | None = None
    outlet: str | None = None
    published: str | None = None
    archives: bool = True


class Ids:
    """The ids read so far, kept as digests to save memory."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def add(self, id_: str) -> None:
        """Add an id.

        Raises:
            InputError: it was added before.
        """
        digest = hashlib.blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=12).digest()
        if digest in self._digests:
            raise InputError(f"the id {id_!r} was read before", expected="a new one for each document")
        self._digests.add(digest)


class DocumentMaker:
    """Makes documents of the rows of one file.

    Args:
        file: the file, with what an index and the names of its folders say about it.
        opened: the same file, open.
        settings: how the user wants rows to be read.
        ids: ids of earlier documents, which may not come again; if ``None``, ids may repeat.
        is_alone: no other file is read, so this one must have every column to carry along.
    """

    def __init__(
        self,
        file: InputFile,
        opened: Format,
        settings: DocumentSettings,
        *,
        ids: Ids | None = None,
        is_alone: bool = False,
    ) -> None:
        self._file = file
        self._opened = opened
        self._settings = settings
        self._ids = ids
        self._is_alone = is_alone
        self._wanted = settings.columns
        if not opened.has_columns:  # the user's names are meant for tables; here, only folders can be columns
            self._wanted = replace(settings.columns.among(file.partition), text="text")
        self._names: tuple[str, ...] | None = None
        self._resolved = self._wanted
        self._used: set[str] = set()
        self._left_out: set[str] = set()

    def check(self, names: Iterable[str]) -> Columns:
        """Check that the file has the columns that the user named, and one for the text.

        Args:
            names: the file's columns.

        Returns:
            Which of them holds what.

        Raises:
            ColumnError: a column is missing.
        """
        if isinstance(names, Mapping):  # the first row of a file without a header
            names = names_in(self._opened_up(names))
        found = self._wanted.resolve([*names, *self._file.partition], self._file.label)
        known = {*(self._opened.names or ()), *self._file.partition, *self._file.known}
        for name in self._settings.carry or ():
            if self._is_alone and self._opened.names and name not in known:
                raise ColumnError(
                    f"{self._file.label} has no column {name!r} to carry along",
                    expected=f"one of its columns: {', '.join(sorted(known))}",
                    hint=did_you_mean(name, known),
                )
        return found

    def needed(self) -> Collection[str] | None:
        """The columns to read; all if ``None``."""
        if self._settings.carry is None or self._opened.names is None:
            return None
        return {*self.check(self._opened.names).names, *self._settings.carry}

    def make(self, row: Row) -> Document:
        """Make a document of a row.

        Raises:
            InputError: the row cannot be used; the error's ``reason`` says why.
        """
        if row.values is None:
            raise InputError(row.problem)
        values = self._opened_up(row.values)
        if self._file.partition:
            values = {**values, **self._file.partition}
        columns, known, settings = self._columns(values), self._file.known, self._settings
        document = Document(
            self._text(values, columns.text or ""),
            id=self._line(values, "id") or self._default_id(row),
            outlet=self._line(values, "outlet"),
            published=self._line(values, "published"),
            title=None if settings.sentences else self._line(values, "title"),
            metadata=self._metadata(values),
            input=self._file.label,
            row=row.number,
        )
        if self._opened.is_document:  # then what an index says is about this document
            described: Any = {name: known[name] for name in _KEYS[1:] if name in known}
            document = replace(document, **described)
        if settings.sentences:
            document = _as_sentence(document)
        else:
            document = _readable(document, self._default_id(row), is_page=self._opened.is_page)
        outlet = document.outlet or known.get("outlet") or settings.outlet
        published = document.published or known.get("published") or settings.published
        if (outlet, published) != (document.outlet, document.published):
            document = replace(document, outlet=outlet, published=published)
        if self._ids is not None:
            self._ids.add(document.id)
        return document

    def _columns(self, values: Mapping[str, Any]) -> Columns:
        """Which of this row's columns holds what: rows of JSON may have different keys."""
        names = names_in(values)
        if names != self._names:
            self._resolved = self._wanted.among(names).resolve(names, self._file.label)
            self._used = set(self._resolved.names)
            self._names = names
        return self._resolved

    def _opened_up(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        return values if self._wanted.text else unwrapped(values)

    def _text(self, values: Mapping[str, Any], column: str) -> str:
        """The text of a row; where a guessed column is empty in it, that of the next best column."""
        if self._wanted.text is None and is_missing(values.get(column, "")):
            others = [name for name in names_in(values) if not is_missing(cell(values, name))]
            column = guess("text", others, self._used) or column
        return _text(values, column)

    def _line(self, values: Mapping[str, Any], role: str) -> str | None:
        """The cell of a role (outlet, title, …) as one line; a guessed column that does not fit is left out.

        Raises:
            InputError: the user named the column, and the cell does not fit.
        """
        column = getattr(self._resolved, role)
        if column is None:
            return None
        try:
            return _line(values, column, role)
        except InputError as error:
            if getattr(self._wanted, role) is not None:
                raise
            if role in self._left_out:  # warned about once per file
                return None
            self._left_out.add(role)
            warnings.warn(
                f"{self._file.label}: {error.reason}; it looked like the {role} and is left out "
                f"(name another with --{role}-column, or '' for none)",
                FramingWarning,
                stacklevel=2,
            )
            return None

    def _default_id(self, row: Row) -> str:
        return self._file.label if self._opened.is_document else f"{self._file.label}:{row.number}"

    def _metadata(self, values: Mapping[str, Any]) -> dict[str, Any]:
        known = self._file.known
        if self._settings.carry is not None:
            everything = {**known, **values}
            return {name: everything[name] for name in self._settings.carry if name in everything}
        further = {name: cell for name, cell in known.items() if name not in INDEX_COLUMNS}
        return further | {name: cell for name, cell in values.items() if name not in self._used}


def rejected_row(file: InputFile, row: Row, error: InputError) -> Rejected:
    """The record of a row that was set aside because of an error."""
    shown = row.shown if row.values is None else json.dumps(row.values, ensure_ascii=False, default=str)
    return Rejected(f"{visible(file.path)}:{row.number}", clean(error.reason), clean(shown[:SHOWN_VALUE]), row.number)


def document_of(item: Document | str | Mapping[str, Any], position: int) -> Document:
    """Make a document of what a user hands in as one.

    Args:
        item: a document, which is returned as it is; a string (plain text, or the HTML of a page); or a mapping with
            the key ``text`` and any of ``id``, ``outlet``, ``published``, ``title``. Other keys become metadata.
        position: its place among the items, from 0; it becomes the id of an item without one.

    Raises:
        InputError: the item is none of these, or HTML without readable text.
        MissingExtraError: the item is HTML, and trafilatura is not installed.
    """
    if isinstance(item, Document):
        return item
    if isinstance(item, str):
        item = {"text": item}
    if not isinstance(item, Mapping):
        raise InputError(
            f"document {position} is a {type(item).__name__}: {item!r:.80}",
            expected="a framing.Document, a string, or a mapping with the key 'text'",
            hint=type_hint(item),
        )
    text = item.get("text")
    if not isinstance(text, str):
        found = f"is a {type(text).__name__}" if "text" in item else "is missing"
        raise InputError(
            f"the text of document {position} {found}",
            expected="a string under the key 'text'",
            hint=type_hint(text) or f"its keys are {', '.join(map(repr, item))}",
        )
    given = {key: None if is_missing(item.get(key)) else _as_text(item[key]) for key in _KEYS[1:]}
    document = Document(
        text,
        id=str(position) if given["id"] is None else given["id"],
        outlet=given["outlet"],
        published=given["published"],
        title=given["title"],
        metadata={key: value for key, value in item.items() if key not in _KEYS},
    )
    return _readable(document, f"document {document.id!r}")


def type_hint(value: Any) -> str | None:
    """What to do about a value that should be a text; ``None`` where there is no advice."""
    if isinstance(value, bytes | bytearray):
        return "decode it first: value.decode('utf-8')"
    if value is not None and is_missing(value):
        return "a missing value of pandas; leave it out, or use .fillna('')"
    return None


def is_missing(value: Any) -> bool:
    """Whether a cell is missing: ``None``, or what pandas and NumPy put in its place (NaN, NaT, NA)."""
    if value is None or isinstance(value, str):
        return value is None
    try:
        return bool(value != value)  # true for NaN and NaT only
    except TypeError:  # pandas.NA does not say whether it equals itself
        return True
    except ValueError:  # an array compares element by element; it is not a missing value
        return False


# --- what a document is made of ---------------------------------------------------------------------------------------


def _readable(document: Document, where: str, is_page: bool | None = None) -> Document:
    """The document with the text that readers see: without HTML, and with the title at its beginning.

    Args:
        document: with its text as given.
        where: its place, for messages.
        is_page: whether the text is HTML; if ``None``, the text itself tells.
    """
    source = document.text
    if is_page is None and not (is_page := looks_like_html(source)):
        source = repaired(source)
        # Feeds escape the tags of their texts: &lt;p&gt;
        is_page = source is not document.text and looks_like_html(source)
    if is_page:
        page = extract(source, where)
        document = replace(
            document,
            text=page.text,
            text_offset=None,
            title=document.title or page.title,
            outlet=document.outlet or page.outlet,
            published=document.published or page.published,
        )
    elif source is not document.text:
        document = replace(document, text=source, text_offset=None)
    text, title = document.text, document.title
    if not title or title_length(text, title):
        return document
    offset = None if document.text_offset is None else document.text_offset + len(title) + 2
    return replace(document, text=f"{title}\n\n{text}", text_offset=offset)


def _as_sentence(document: Document) -> Document:
    """The document without the white space around its text."""
    text = document.text
    stripped = text.strip()
    if len(stripped) == len(text):
        return document
    return replace(document, text=stripped, text_offset=len(text.lstrip()) - len(text))


def _text(values: Mapping[str, Any], column: str) -> str:
    value = _joined(cell(values, column))
    if not isinstance(value, str):
        raise InputError(f"column {column!r} holds {_shown(value)}", expected="a text")
    if len(value) > LARGEST_DOCUMENT:
        raise InputError(
            f"column {column!r} holds a text of {len(value):,} characters", expected=f"at most {LARGEST_DOCUMENT:,}"
        )
    text = clean(value)
    if not text.strip():
        raise InputError(f"column {column!r} holds an empty text", expected="a text with words in it")
    if len(text) < 12 and text.strip().casefold() in _NO_VALUE:
        raise InputError(f"column {column!r} holds {text.strip()!r}, which stands for no value", expected="a text")
    return text


def _joined(value: Any) -> Any:
    """The text of an object that holds it, or of a list of texts and such objects, as Telegram exports it."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return next((value[key] for key in _TEXT_KEYS if isinstance(value.get(key), str)), value)
    if isinstance(value, list) and any(isinstance(piece, Mapping) for piece in value):
        pieces = [_joined(piece) for piece in value]
        if all(isinstance(piece, str) for piece in pieces):
            return "".join(pieces)
    return value


def _line(values: Mapping[str, Any], column: str, role: str) -> str | None:
    """A cell as one line of text; ``None`` where it is missing or empty."""
    value = cell(values, column) if column else None
    if not isinstance(value, str):
        if isinstance(value, Mapping):  # so do NewsAPI, Event Registry and the New York Times
            value = next((value[key] for key in _NAMING_KEYS if isinstance(value.get(key), str)), value)
        if is_missing(value):
            return None
        if not isinstance(value, str | Number | date):
            raise InputError(f"column {column!r} holds {_shown(value)}", expected="a text, a number or a date")
    line = " ".join(repaired(clean(_as_text(value))).split())
    if line.casefold() in _NO_VALUE:
        return None
    if role == "published" and line[4:5] != "-":  # most dates are ISO 8601
        line = iso_moment(line) or line
    if role == "outlet" and _ADDRESS.match(line):
        line = urlsplit(line).netloc
    return (line.removeprefix("www.") if role == "outlet" else line) or None


def _as_text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():  # pandas turns whole numbers into floats where some are missing
        return str(int(value))
    return value.isoformat() if isinstance(value, date) else str(value)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    shown = repr(value)
    return f"{type(value).__name__} {shown if len(shown) <= 40 else shown[:40] + '…'}"
