"""Which column of a table holds what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace

from framing.errors import ColumnError

#: Usual names of columns for each role, best first; case and white space at the ends do not matter.
GUESSES: Mapping[str, tuple[str, ...]] = {
    role: tuple(names.split())
    for role, names in {
        "text": "text content body article full_text sentence fulltext maintext article_text article_body articlebody "
        "body_text bodytext story_text story tweet",
        "id": "id document_id doc_id article_id stories_id story_id _id uri url link",
        "outlet": "outlet sitename site_name source_name source-hostname publisher newspaper publication media_name "
        "source sourcecommonname source_domain domain hostname media source_url",
        "published": "published published_at publishedat date publication_date publish_date pub_date date_publish "
        "date_published datepublished webpublicationdate published_date datetime datetimepub",
        "title": "title headline webtitle article_title heading",
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
            found[role.name] = wanted or (_guess(role.name, present, taken) if wanted is None else None)
        if found["text"] is None:
            raise ColumnError(
                f"{where} has no column that looks like the text",
                expected=f"a column named {' or '.join(GUESSES['text'][:6])}; there are: {_listed(present)}",
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


def _guess(role: str, present: list[str], taken: set[str]) -> str | None:
    by_folded_name = {name.strip().casefold(): name for name in reversed(present) if name not in taken}
    return next((by_folded_name[name] for name in GUESSES[role] if name in by_folded_name), None)


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "") if shown else "none at all"
