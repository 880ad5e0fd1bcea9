"""Web pages: a file is one document; :mod:`framing.reading.documents` extracts its readable text."""

from __future__ import annotations

from collections.abc import Iterator

from framing.errors import UnreadableFileError
from framing.reading.formats.base import Check, Limits, Range
from framing.reading.formats.text import Text
from framing.reading.html import is_whole_page


class Html(Text):
    """HTML, one page per file."""

    name = "html"
    endings = (".html", ".htm", ".xhtml")
    is_page = True

    @classmethod
    def recognises(cls, beginning: bytes) -> bool:
        """Whether the first tag is one that only pages begin with."""
        return is_whole_page(beginning.decode("utf-8", "replace").removeprefix("\ufeff"))

    def cut(self, limits: Limits, check: Check | None) -> Iterator[Range]:
        """The whole file.

        Raises:
            UnreadableFileError: the user asked for one sentence per line.
        """
        if self.by_line:
            raise UnreadableFileError(f"{self.source.label} is a page of HTML", expected="one sentence per line")
        yield from super().cut(limits, check)
