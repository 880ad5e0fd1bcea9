"""JSON Lines: a row is a line with a JSON object."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, ClassVar

from framing.errors import UnreadableFileError
from framing.reading.encodings import mended
from framing.reading.formats.base import Check, Cutter, Format, Limits, Range, Row

_BEGINS_AS_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{")
#: The most levels of nested lists and objects; deeper values can be read here, but later steps fail on them.
_DEEPEST = 200
_TYPES = {list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


class JsonLines(Format):
    """JSON Lines. Blank lines count as lines, but are not rows."""

    name = "jsonl"
    endings: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")

    @classmethod
    def recognises(cls, beginning: bytes) -> bool:
        """Whether the first line is an object, or begins like one and goes on beyond what was read."""
        if not _BEGINS_AS_OBJECT.match(beginning):
            return False
        first, end, _ = beginning.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
        return not end or is_object(_decoded(first))

    def cut(self, limits: Limits, check: Check | None) -> Iterator[Range]:
        """Ranges that end at line ends."""
        self.source.text()
        cutter = Cutter(limits, start=self.source.start, first=1)
        yield from cutter.through(cut_lines(self.source.blocks(), cutter, check))

    def rows(self, found: Range, needed: Collection[str] | None = None) -> Iterator[Row]:
        """Lines that are not blank."""
        # Not splitlines, which also takes a lone carriage return for a line end.
        for number, line in enumerate(io.BytesIO(found.data), start=found.first):
            if not line.isspace():
                yield self._row(number, _decoded(line))

    def _row(self, number: int, line: str) -> Row:
        try:
            values = json.loads(mended(line, self.source.label), strict=False)  # a tab in a text does no harm
        except UnreadableFileError as error:
            return Row.unusable(number, error.reason, line)
        except (ValueError, RecursionError) as error:
            return Row.unusable(number, f"the line is not JSON: {error}", line)
        if _is_deeper(values, line):
            return Row.unusable(number, f"the line is nested too deep; expected at most {_DEEPEST} levels", line)
        if isinstance(values, dict):
            return Row(number, values)
        return Row.unusable(number, f"the line is {type_name(values)}; expected a JSON object", line)


def cut_lines(blocks: Iterable[bytes], cutter: Cutter, check: Check | None) -> Iterator[Range]:
    """Add lines to a cutter.

    Args:
        blocks: blocks of whole lines.
        cutter: makes ranges of the lines.
        check: is called with the keys of the first object.

    Yields:
        The full ranges.
    """
    for block in blocks:
        # A block is counted as a whole if each of its lines begins like an object and no range ends in it: that gives
        # the same ranges in half the time.
        count = block.count(b"\n")
        are_objects = block.endswith(b"\n") and block.startswith(b"{") + block.count(b"\n{") == count
        if not check and are_objects and cutter.has_room(count, len(block)):
            yield from cutter.add([block], numbers=count, rows=count)
            continue
        for line in io.BytesIO(block):
            is_row = not line.isspace()
            if check and is_row and is_object(_decoded(line)):
                check(json.loads(_decoded(line), strict=False))
                check = None
            yield from cutter.add([line], numbers=1, rows=is_row)


def _is_deeper(value: Any, written: str) -> bool:
    """Whether a JSON value is nested deeper than :data:`_DEEPEST`."""
    if written.count("[") + written.count("{") <= _DEEPEST:
        return False
    level = [value]
    for _ in range(_DEEPEST):
        inner = [list(one.values()) if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [one for values in inner for one in values]
    return any(isinstance(one, dict | list) for one in level)


def is_object(text: str) -> bool:
    """Whether a text is a JSON object."""
    try:
        return isinstance(json.loads(text, strict=False), dict)
    except (ValueError, RecursionError):
        return False


def type_name(value: Any) -> str:
    """The type of a JSON value other than an object, in words."""
    return _TYPES.get(type(value), "null")


def _decoded(source: bytes) -> str:
    # Files that were joined may have a byte order mark at any line.
    return source.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
