"""Plain text: a file is one document, or each of its lines is a sentence."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import ClassVar

from framing.reading.encodings import decode, mended
from framing.reading.formats.base import Check, Cutter, Format, Limits, Range, Row
from framing.reading.streams import LARGEST_DOCUMENT, LONGEST, empty


class Text(Format):
    """Plain text, or Markdown. Its rows have one column, ``text``."""

    name = "text"
    endings: ClassVar[tuple[str, ...]] = (".txt", ".text", ".md", ".markdown")
    has_columns = False

    @classmethod
    def recognises(cls, beginning: bytes) -> bool:
        """Anything may be text."""
        return True

    @property
    def is_document(self) -> bool:
        """Yes, unless each line is a row."""
        return not self.by_line

    def cut(self, limits: Limits, check: Check | None) -> Iterator[Range]:
        """Ranges of lines, or the whole file."""
        if self.by_line:
            self.source.text()
            cutter = Cutter(limits, start=self.source.start, first=1)
            yield from cutter.through(self._lines(cutter))
            return
        data = self.source.read_all(LARGEST_DOCUMENT if self.is_document else LONGEST)
        if not data.strip():
            raise empty(self.source.label)
        decode(data, self.source.label)  # refuse a file that is not text now, not when a job comes to it
        yield Range(0, len(data), rows=1, first=1, next=2, data=data)

    def _lines(self, cutter: Cutter) -> Iterator[Range]:
        for block in self.source.blocks():
            for line in block.splitlines(keepends=True):
                yield from cutter.add([line], numbers=1, rows=not _is_blank(line))

    def rows(self, found: Range, needed: Collection[str] | None = None) -> Iterator[Row]:
        """Lines that are not blank, or the one row of the file."""
        label = self.source.label
        if not self.by_line:
            yield Row(1, {"text": decode(found.data, label)})
            return
        for number, line in enumerate(found.data.splitlines(), start=found.first):
            if not _is_blank(line):
                yield Row(number, {"text": mended(line.decode("utf-8", "surrogateescape"), label)})


def _is_blank(line: bytes) -> bool:
    return not line.decode("utf-8", "replace").strip()
