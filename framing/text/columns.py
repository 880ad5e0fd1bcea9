"""Rows of tables and JSON objects to documents: which column is what, and what is wrong with a row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from framing.errors import ColumnError, InputError
from framing.text.decoding import clean
from framing.types import Document

#: Names that columns are recognised by, best first; compared without regard to case.
GUESSES: Mapping[str, tuple[str, ...]] = {
    "text": ("text", "content", "body", "article", "full_text", "sentence"),
    "id": ("id", "document_id", "doc_id", "article_id", "url"),
    "outlet": ("outlet", "source", "publisher", "newspaper", "sitename"),
    "published": ("published", "published_at", "date", "publication_date", "pub_date", "datetime"),
    "title": ("title", "headline"),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold what. Those that are not named are guessed by their usual names (:data:`GUESSES`).

    Attributes:
        text: the document's text. Always needed.
        id, outlet, published, title: of the document; not needed.
    """

    text: str | None = None
    id: str | None = None
    outlet: str | None = None
    published: str | None = None
    title: str | None = None

    def resolve(self, names: Iterable[str], where: str) -> Columns:
        """The columns of a table with these names.

        Args:
            names: the names of the table's columns.
            where: the file, for messages.

        Returns:
            Columns that are all among ``names``, or ``None`` where there is none.

        Raises:
            ColumnError: a column that was named is not there, or there is none for the text.
        """
        present = list(names)
        taken = {wanted for field in fields(self) if (wanted := getattr(self, field.name))}
        found: dict[str, str | None] = {}
        for field in fields(self):
            wanted = getattr(self, field.name)
            if wanted is not None and wanted not in present:
                raise ColumnError(
                    f"{where} has no column {wanted!r} for the {field.name}",
                    expected=f"one of its columns: {_listed(present)}",
                    hint=f"name another with --{field.name}-column, or leave it out to have it guessed",
                )
            found[field.name] = wanted or _guess(field.name, present, taken)
        if found["text"] is None:
            raise ColumnError(
                f"{where} has no column that looks like the text",
                expected=f"a column named {' or '.join(GUESSES['text'])}; there are: {_listed(present)}",
                hint="name the column with --text-column (in Python: columns=Columns(text=...))",
            )
        return Columns(**found)


def document_of_row(row: Mapping[str, Any], columns: Columns, *, default_id: str) -> Document:
    """Make a document of one row.

    Args:
        row: column name to value.
        columns: as :meth:`Columns.resolve` gave them.
        default_id: the id of a row that has none.

    Returns:
        The document: its text cleaned (:func:`framing.text.decoding.clean`), its title as the first line, columns
        that mean nothing to framing in ``metadata``.

    Raises:
        InputError: the row cannot be used; the message says why, in words for the list of rejected rows.
    """
    assert columns.text is not None
    value = row.get(columns.text)
    if not isinstance(value, str):
        raise InputError(f"column {columns.text!r} holds {_described(value)}", expected="a text")
    text = clean(value)
    if not text.strip():
        raise InputError(f"column {columns.text!r} holds an empty text", expected="a text with words in it")
    title = _scalar(row, columns.title)
    used = {getattr(columns, field.name) for field in fields(columns)}
    return Document(
        text=with_title(text, title),
        id=_scalar(row, columns.id) or default_id,
        outlet=_scalar(row, columns.outlet),
        published=_scalar(row, columns.published),
        title=title,
        metadata={name: cell for name, cell in row.items() if name not in used},
    )


def with_title(text: str, title: str | None) -> str:
    """The text with its title as the first line, unless it begins with it already."""
    if not title or _folded(text[: 4 * len(title) + 200]).startswith(_folded(title)):
        return text
    return f"{title}\n\n{text}"


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _scalar(row: Mapping[str, Any], column: str | None) -> str | None:
    """A cell as one line of text; ``None`` where it is missing or empty."""
    value = row.get(column) if column else None
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, str | int | float):
        raise InputError(f"column {column!r} holds {_described(value)}", expected="a text, a number or a date")
    return " ".join(clean(str(value)).split()) or None


def _guess(role: str, present: list[str], taken: set[str]) -> str | None:
    by_folded_name = {name.strip().casefold(): name for name in reversed(present) if name not in taken}
    return next((by_folded_name[name] for name in GUESSES[role] if name in by_folded_name), None)


def _described(value: Any) -> str:
    if value is None:
        return "nothing"
    shown = repr(value)
    return f"{type(value).__name__} {shown if len(shown) <= 40 else shown[:40] + '…'}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "") if shown else "none at all"
