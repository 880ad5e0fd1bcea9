"""The formats that can be read. Each is a class in a module of its own, listed in :data:`CLASSES`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePosixPath

from framing.errors import SettingError, UnreadableFileError, did_you_mean
from framing.reading.formats.archive import Archive
from framing.reading.formats.arrow import Arrow
from framing.reading.formats.base import Format, Layout
from framing.reading.formats.csv import Csv, Tsv
from framing.reading.formats.html import Html
from framing.reading.formats.json import Json
from framing.reading.formats.jsonl import JsonLines
from framing.reading.formats.parquet import Parquet
from framing.reading.formats.text import Text
from framing.reading.streams import PACKINGS, Source

#: In the order in which they are tried on a file's first bytes: the most specific first.
CLASSES: tuple[type[Format], ...] = (Parquet, Arrow, JsonLines, Json, Html, Archive, Csv, Tsv, Text)
#: File name ending to format. Each may be followed by one of :data:`~framing.reading.streams.PACKINGS`.
FORMATS: Mapping[str, str] = {ending: format_.name for format_ in reversed(CLASSES) for ending in format_.endings}
_BY_NAME = {format_.name: format_ for format_ in CLASSES}


def check_format(name: str | None) -> None:
    """Check that a format of this name exists; ``None`` passes.

    Raises:
        SettingError: it does not.
    """
    if name is not None and name not in _BY_NAME:
        raise SettingError(
            f"there is no format {name!r}",
            expected=f"one of {', '.join(sorted(_BY_NAME))}",
            hint=did_you_mean(name, _BY_NAME),
        )


def format_of(path: str) -> str | None:
    """The format that a file name's ending stands for; ``""`` if it has no ending, ``None`` if it is unknown."""
    endings = [ending.lower() for ending in PurePosixPath(path).suffixes]
    if endings and endings[-1] in PACKINGS:
        endings.pop()
    return FORMATS.get(endings[-1]) if endings else ""


def open_format(
    path: str,
    label: str,
    format: str = "",
    *,
    layout: Layout | None = None,
    by_line: bool = False,
    archives: bool = True,
    hashing: bool = False,
) -> Format:
    """Open a file. Close the result, or use it in a ``with`` block.

    Args:
        path: a local path, an address, or ``-`` for standard input.
        label: the file's name in messages.
        format: the name of a format in :data:`CLASSES`; if empty, the first bytes decide.
        layout: what an earlier pass found out about the file.
        by_line: each line of a text file is a row.
        archives: if a text file is a news archive's export, each article in it is a row.
        hashing: hash the stored bytes as they are read.

    Raises:
        UnreadableFileError: the file does not exist or cannot be read.
        MissingExtraError: the driver of an address is not installed.
    """
    if layout is not None:
        source = Source(path, label, packing=layout.packing, encoding=layout.encoding)
        return _BY_NAME[layout.format](source, layout, by_line=by_line)
    source = Source(path, label, hashing=hashing)
    try:
        class_ = _BY_NAME[format] if format else _recognised(source.beginning())
        if class_ is JsonLines:
            with suppress(UnreadableFileError):  # a file that is cut off is told of when its rows are read
                class_ = Json if Json.is_list(source.beginning()) else JsonLines
        if class_ is Text and archives and not by_line and Archive.recognises(source.beginning()):
            class_ = Archive
        elif class_ is Archive and (by_line or not archives):
            class_ = Text
    except BaseException:
        source.close()
        raise
    return class_(source, by_line=by_line)


def _recognised(beginning: bytes) -> type[Format]:
    return next(format_ for format_ in CLASSES if format_.recognises(beginning))
