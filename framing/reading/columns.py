"""Which column of a table holds what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace

from framing.errors import ColumnError

#: Names that columns are recognised by, best first; compared without regard to case.
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
    """Which columns hold what. Those that are not named are guessed by their usual names (:data:`GUESSES`).

    Attributes:
        text: the document's text. Always needed.
        id, outlet, published, title: of the document; not needed. ``""`` says that no column holds it: nothing is
            guessed then.
    """

    text: str | None = None
    id: str | None = None
    outlet: str | None = None
    published: str | None = None
    title: str | None = None

    @property
    def names(self) -> list[str]:
        """The names of the columns that are known."""
        return [name for name in (getattr(self, role.name) for role in fields(self)) if name]

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
        """The same columns without those, apart from the text, that are not among ``names``.

        Rows of JSON differ in the keys that they have, and only the text is needed in every one.
        """
        present = set(names)
        names = {role.name: getattr(self, role.name) for role in fields(self)}
        missing = {role: None for role, name in names.items() if name != "" and name not in present}
        return replace(self, **(missing | {"text": self.text}))


def _guess(role: str, present: list[str], taken: set[str]) -> str | None:
    by_folded_name = {name.strip().casefold(): name for name in reversed(present) if name not in taken}
    return next((by_folded_name[name] for name in GUESSES[role] if name in by_folded_name), None)


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "") if shown else "none at all"
