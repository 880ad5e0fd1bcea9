"""Exports of news archives: text files in which each article is a document."""

from __future__ import annotations

import codecs
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import ClassVar

from framing.errors import UnreadableFileError
from framing.reading.archives import articles_of, is_export
from framing.reading.encodings import decode
from framing.reading.formats.base import Check, Limits, Range, Row
from framing.reading.formats.text import Text


class Archive(Text):
    """An export of LexisNexis, Nexis Uni, Factiva, ProQuest or NewsBank. Its rows are articles, numbered from 1."""

    name = "archive"
    endings: ClassVar[tuple[str, ...]] = ()

    @property
    def is_document(self) -> bool:
        """No: it holds several documents."""
        return False

    @classmethod
    def recognises(cls, beginning: bytes) -> bool:
        """Whether the beginning of a file has the marks of such an export."""
        encoding = "utf-16" if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
        return is_export(beginning.decode(encoding, "replace").removeprefix("\ufeff"))

    def cut(self, limits: Limits, check: Check | None) -> Iterator[Range]:
        """The whole file.

        Raises:
            UnreadableFileError: it holds no article of an archive.
        """
        for found in super().cut(limits, check):
            articles = len(articles_of(decode(found.data, self.source.label)))
            if not articles:
                raise UnreadableFileError(
                    f"{self.source.label} is no export of LexisNexis, Nexis Uni, Factiva, ProQuest or NewsBank",
                    expected="a text with the field names of one of them",
                    hint="leave out --format archive: exports are recognised by themselves",
                )
            yield replace(found, rows=articles, next=articles + 1)

    def rows(self, found: Range, needed: Collection[str] | None = None) -> Iterator[Row]:
        """The articles; each text begins with its title."""
        text = decode(found.data, self.source.label)
        for number, article in enumerate(articles_of(text), start=1):
            named = {"title": article.title, "outlet": article.outlet, "published": article.published}
            values = {"text": text[article.start : article.end].strip()}
            yield Row(number, values | {name: value for name, value in named.items() if value})
