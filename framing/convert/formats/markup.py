"""Inline markup in tab-separated files: what the package trains and evaluates on."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from framing.convert.formats.base import STANDARD, FileFormat, Sample
from framing.convert.passages import Passage
from framing.errors import MarkupError, UnreadableFileError
from framing.markup import MarkedRow, read_rows

_HEADINGS = frozenset(("text", "label", "labels", "token", "tag"))


class Markup(FileFormat):
    """Files of :mod:`framing.markup`, of three or five columns. It holds spans that do not overlap, on one line."""

    name = "markup"
    endings = (".tsv",)

    @classmethod
    def recognises(cls, sample: Sample) -> bool:
        """Whether all lines have three or five columns, and the first does not name them."""
        lines = [line for line in sample.beginning.split("\n") if line.strip()]
        whole = lines[:-1] or lines
        is_table = bool(lines) and bool(_HEADINGS & set(lines[0].lower().split("\t")))
        return bool(lines) and not is_table and all(line.count("\t") in (2, 4) for line in whole)

    def read(self, path: str) -> Iterator[Passage]:
        """The rows of a file."""
        rows = self._standard_input() if path == STANDARD else self._rows(path)
        for row in rows:
            yield Passage.of_row(row)

    def _rows(self, path: str) -> Iterator[MarkedRow]:
        return read_rows(path, self.names.codebook, on_reject=self.notes.set_aside)

    def _standard_input(self) -> Iterator[MarkedRow]:
        try:
            text = sys.stdin.buffer.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UnreadableFileError("standard input is not UTF-8", expected="marked sentences in UTF-8") from error
        for number, line in enumerate(text.split("\n"), 1):
            line = line.removesuffix("\r")
            if line.strip():
                with self.notes.setting_aside(f"standard input:{number}", line, number):
                    row = MarkedRow.parse(line, self.names.codebook)
                    yield row

    def piece(self, passage: Passage) -> str:
        """The line of a passage, once it is sure that it can be read again."""
        row = passage.to_row(self.names, self.notes)
        line = row.to_line()
        if self.names.codebook:
            again = MarkedRow.parse(line, self.names.codebook)
            if again.sentence != row.sentence:
                raise MarkupError(f"the line {line[:60]!r} reads otherwise than it is written")
        return line + "\n"
