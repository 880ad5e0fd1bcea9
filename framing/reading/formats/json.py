"""JSON: a list of objects, one object, an object with a whole column under each name, or an answer of an API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from framing.errors import UnreadableFileError
from framing.reading.columns import GUESSES, guess, names_in, unwrapped
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
_BLANKS = re.compile(r"[\s\x1e]*")
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

        Some tools give such a file the name of JSON Lines, or one whose objects have several lines. A list in a line
        before other lines is a wrong row of JSON Lines.
        """
        first, end, rest = beginning.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
        if end and first.strip() == b"{":
            return True
        if not _BEGINS_AS_LIST.match(beginning):
            return False
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
            content = json.loads(text, strict=False)
        except (ValueError, RecursionError) as error:
            if rows := _one_after_another(text):
                return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
            if any(map(is_object, text.lstrip().split("\n", _FIRST_LINES)[:_FIRST_LINES])):
                return text.encode("utf-8", "surrogatepass")
            raise self._no_json(error) from error
        if not isinstance(content, list | dict):
            raise self._no_json(f"it is {type_name(content)}")
        rows = _with_header(content) if isinstance(content, list) else _rows_of(content)
        try:
            return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        except RecursionError as error:
            raise self._no_json(error) from error

    def _no_json(self, problem: object) -> UnreadableFileError:
        return UnreadableFileError(f"{self.source.label} is not JSON: {problem}", expected="a list of JSON objects")


def _one_after_another(text: str) -> list[Any]:
    """The objects of a file that holds nothing else, each on several lines, as ``jq`` writes them; else none."""
    decoder, rows, at = json.JSONDecoder(strict=False), [], 0
    try:
        while at < len(text):
            begin = _BLANKS.match(text, at).end()  # type: ignore[union-attr]  # it matches everywhere
            if begin < len(text):
                row, begin = decoder.raw_decode(text, begin)
                rows.append(row)
            at = begin
    except (ValueError, RecursionError):
        return []
    return rows if _are_objects(rows) else []


def _with_header(rows: list[Any]) -> list[Any]:
    """The rows of a list of lists whose first one is a header; other lists as they are."""
    header = rows[0] if rows else None
    if not isinstance(header, list) or not all(isinstance(name, str) for name in header) or not guess("text", header):
        return rows
    return [dict(zip(header, row, strict=True)) if _has_length(row, len(header)) else row for row in rows[1:]]


def _has_length(row: Any, length: int) -> bool:
    return isinstance(row, list) and len(row) == length


def _rows_of(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows of an object: those in an answer, of a table of pandas, of columns of one length; else the object."""
    if rows := _rows_within(content):
        return rows
    header, table = content.get("columns"), content.get("data")
    if isinstance(header, list) and isinstance(table, list):
        return _with_header([header, *table])
    if content and not _has_text(content) and all(isinstance(row, dict) and _has_text(row) for row in content.values()):
        # pandas numbers the rows where they have no names.
        named = {name: row for name, row in content.items() if not (name.isdigit() or guess("id", row))}
        return [{"id": name, **row} if name in named else row for name, row in content.items()]
    columns = [list(column.values()) if isinstance(column, dict) else column for column in content.values()]
    if all(isinstance(column, list) for column in columns) and len({len(column) for column in columns}) == 1:
        return [dict(zip(content, cells, strict=True)) for cells in zip(*columns, strict=True)]
    return [content]


def _rows_within(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The list of texts in an answer such as ``{"status": "ok", "articles": [...]}``; empty if it holds none."""
    level: list[Any] = [content]
    for _ in range(_DEEPEST_ROWS):
        if found := [item for item in level if _has_text(item)]:  # a document, and its lists belong to it
            return found if len(found) == len(level) == 1 and level[0] is not content else []
        inner = [value for item in level for value in item.values()]
        for rows in inner:
            if _are_objects(rows) and any(guess("text", names_in(unwrapped(row))) for row in rows):
                return rows
        level = [value for value in inner if isinstance(value, dict)]
    return []


def _has_text(item: Mapping[str, Any]) -> bool:
    """Whether an object is a document: it has a text, or, beside its title or date, an object with one."""
    name = guess("text", item)
    if name is None or not (isinstance(item[name], dict) and guess("text", item[name])):
        return name is not None
    return any(guess(role, item) for role in GUESSES if role != "text")


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)
