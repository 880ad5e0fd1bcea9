"""Which column of a table holds what."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

from framing.errors import ColumnError

_SEPARATORS = re.compile(r"[\s._-]")
#: Usual names of columns for each role, best first; case, blanks, stops, hyphens and underscores do not matter.
#: A stop leads into an object: ``user.name``.
GUESSES: Mapping[str, tuple[str, ...]] = {
    role: tuple(names.split())
    for role, names in {
        "text": "full_text extended_tweet.full_text text content body article sentence maintext article_text "
        "article_body body_text plain_text story_text story tweet message selftext "
        "raw_content rendered_content content_text content_html fields fields.body_text fields.body document "
        "lead_paragraph summary abstract description short_description notes",
        "id": "id id_str document_id doc_id article_id stories_id story_id _id guid uuid uri url link",
        "outlet": "outlet site_name meta_site_name source_name source_hostname publisher newspaper publication "
        "publication_title pub_title media_name fields.publication page_name channel_title source source_title "
        "source_common_name source_domain thread.site domain clean_url hostname site media medium source_url user.name "
        "user.displayname user.username account.display_name account.username",
        "published": "published published_at date publication_date publish_date pub_date date_publish "
        "date_published web_publication_date published_date datetime datetime_pub seen_date created_at "
        "created_utc post_created event_date",
        "title": "title headline web_title fields.headline article_title heading",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold what. A column that is not named is guessed by its usual names (:data:`GUESSES`).

    Attributes:
        text: the column of the document's text. Every table needs one.
        id, outlet, published, title: columns that a table may lack. ``""`` says that no column holds this, and
            switches the guess off.
    """

    text: str | None = None
    id: str | None = None
    outlet: str | None = None
    published: str | None = None
    title: str | None = None

    @property
    def names(self) -> list[str]:
        """The names of the columns that were named."""
        return [name for name in (getattr(self, role.name) for role in fields(self)) if name]

    def resolve(self, names: Iterable[str], where: str) -> Columns:
        """Find the columns in a table.

        Args:
            names: the names of the table's columns.
            where: the file, for messages.

        Returns:
            Columns that are all among ``names``; ``None`` for what no column holds.

        Raises:
            ColumnError: a named column is not in the table, or no column holds the text.
        """
        present = list(names)
        taken = set(self.names)
        found: dict[str, str | None] = {}
        for role in fields(self):
            wanted = getattr(self, role.name)
            if wanted and wanted not in present:
                raise ColumnError(
                    f"{where} has no column {wanted!r} for the {role.name}",
                    expected=f"one of its columns: {_listed(present)}",
                    hint=f"name another with --{role.name}-column; leave it out for a guess, or name '' for none",
                )
            found[role.name] = wanted or (guess(role.name, present, taken) if wanted is None else None)
        if found["text"] is None:
            raise ColumnError(
                f"{where} has no column that looks like the text",
                expected=f"a column named text, content, body, article or full_text; there are: {_listed(present)}",
                hint="name the column with --text-column (in Python: columns=Columns(text=...))",
            )
        return Columns(**found)

    def among(self, names: Iterable[str]) -> Columns:
        """Drop the columns that are not among ``names``, except the text.

        Rows of JSON may have different keys, and only the text is needed in each of them.
        """
        kept = {*names, ""}
        missing = [role.name for role in fields(self) if role.name != "text" and getattr(self, role.name) not in kept]
        return replace(self, **dict.fromkeys(missing))


def guess(role: str, names: Iterable[str], taken: Container[str] = ()) -> str | None:
    """The first of some columns that is named as a role usually is; ``None`` if there is none.

    Args:
        role: a key of :data:`GUESSES`.
        names: the columns.
        taken: columns that hold something else.
    """
    return _guess(role, tuple(name for name in names if name not in taken))


@lru_cache(maxsize=512)  # rows of JSON have the same keys again and again
def _guess(role: str, names: tuple[str, ...]) -> str | None:
    by_folded_name = {_folded(name): name for name in reversed(names)}
    return next((by_folded_name[name] for name in map(_folded, GUESSES[role]) if name in by_folded_name), None)


def names_in(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns of a row, and behind them those in its objects: ``user.name``."""
    if dict not in map(type, values.values()):  # most rows
        return tuple(values)
    inner = [f"{name}.{key}" for name, value in values.items() if type(value) is dict for key in value]
    return (*values, *inner)


def cell(values: Mapping[str, Any], column: str) -> Any:
    """The value of a column, which may be in an object of the row (``user.name``); ``None`` if there is none."""
    if column in values:
        return values[column]
    outer, _, inner = column.partition(".")
    held = values.get(outer)
    return held.get(inner) if isinstance(held, Mapping) else None


def unwrapped(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row that has no text itself, but an object that has one (``_source``, ``tweet``), with the object's columns."""
    if dict not in map(type, values.values()):  # most rows
        return values
    objects = {name: value for name, value in values.items() if type(value) is dict}
    text = _guess("text", tuple(values)) or guess("text", names_in(values))
    if text is not None and text not in objects:
        return values
    within = [name for name in (objects if text is None else [text]) if guess("text", names_in(objects[name]))]
    if len(within) != 1:
        return values
    return {name: value for name, value in values.items() if name != within[0]} | objects[within[0]]


def _folded(name: str) -> str:
    return _SEPARATORS.sub("", name).casefold()


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "") if shown else "none at all"
