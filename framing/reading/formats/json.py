"""JSON: a list of objects, one object, an object with a whole column under each name, or an answer of an API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from framing.errors import UnreadableFileError
from framing.reading.columns import guess
from framing.reading.encodings import decode
from framing.reading.formats.base import Check, Cutter, Limits, Range
from framing.reading.formats.jsonl import JsonLines, cut_lines, is_object, type_name
from framing.reading.streams import empty

#: The most bytes read into memory.
_LARGEST = 2 << 30
#: A file that is not JSON is JSON Lines if one of so many lines is an object; the first one may be broken.
_FIRST_LINES = 2
#: APIs put their list under a name, or under a name of an object.
_DEEPEST_ROWS = 3
_BEGINS_AS_LIST = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[\s*\{")
_BEGINS_AS_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{|\[\s*\{)")


class Json(JsonLines):
    """JSON, which is converted to JSON Lines in memory; a row's number is its place in the list, from 1.

    A file that holds JSON Lines in spite of its name is read as such.
    """

    name = "json"
    endings = (".json",)

    @classmethod
    def recognises(cls, beginning: bytes) -> bool:
        """Whether the file begins with an object, or with a list of objects."""
        return _BEGINS_AS_JSON.match(beginning) is not None

    @classmethod
    def is_list(cls, beginning: bytes) -> bool:
        """Whether the file begins with a list of objects that is the whole file, as far as the beginning tells.

        Some tools give such a file the name of JSON Lines. A list in a line before other lines is a wrong row of those.
        """
        if not _BEGINS_AS_LIST.match(beginning):
            return False
        first, _, rest = beginning.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
        if not rest.strip():
            return True
        try:
            json.loads(first)
        except (ValueError, RecursionError):
            return True
        return False

    def cut(self, limits: Limits, check: Check | None) -> Iterator[Range]:
        """Ranges of the lines."""
        cutter = Cutter(limits, start=0, first=1)
        yield from cutter.through(cut_lines([self._lines], cutter, check))

    def read_back(self, start: int, stop: int) -> bytes:
        """Bytes of the lines."""
        return self._lines[start:stop]

    @cached_property
    def _lines(self) -> bytes:
        data = self.source.read_all(_LARGEST)
        if not data.strip():
            raise empty(self.source.label)
        text = decode(data, self.source.label).removeprefix("\ufeff")
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            if any(map(is_object, text.lstrip().split("\n", _FIRST_LINES)[:_FIRST_LINES])):
                return text.encode("utf-8", "surrogatepass")
            raise self._no_json(error) from error
        if not isinstance(content, list | dict):
            raise self._no_json(f"it is {type_name(content)}")
        rows = content if isinstance(content, list) else _rows_of(content)
        try:
            return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        except RecursionError as error:
            raise self._no_json(error) from error

    def _no_json(self, problem: object) -> UnreadableFileError:
        return UnreadableFileError(f"{self.source.label} is not JSON: {problem}", expected="a list of JSON objects")


def _rows_of(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows in an answer, or of columns (lists of one length, or objects as pandas has them); else the object."""
    if rows := _rows_within(content):
        return rows
    columns = [list(column.values()) if isinstance(column, dict) else column for column in content.values()]
    if all(isinstance(column, list) for column in columns) and len({len(column) for column in columns}) == 1:
        return [dict(zip(content, cells, strict=True)) for cells in zip(*columns, strict=True)]
    return [content]


def _rows_within(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The list of texts in an answer such as ``{"status": "ok", "articles": [...]}``; empty if it holds none."""
    level: list[Any] = [content]
    for _ in range(_DEEPEST_ROWS):
        if any(guess("text", item) for item in level):  # a document, and its lists belong to it
            return []
        inner = [value for item in level for value in item.values()]
        for rows in inner:
            if _are_objects(rows) and any(guess("text", row) for row in rows):
                return rows
        level = [value for value in inner if isinstance(value, dict)]
    return []


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)
