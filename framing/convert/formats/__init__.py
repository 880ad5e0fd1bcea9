"""The annotation formats. Each is a class in a module of its own; a new one has its line in :data:`CLASSES`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from framing.convert.formats.base import STANDARD, Format, Options, Sample
from framing.convert.formats.brat import Brat
from framing.convert.formats.cas import UimaCas
from framing.convert.formats.conll import Conll
from framing.convert.formats.csv import Csv
from framing.convert.formats.dataset import Dataset
from framing.convert.formats.doccano import Doccano
from framing.convert.formats.jsonl import JsonLines
from framing.convert.formats.labelstudio import LabelStudio
from framing.convert.formats.markup import Markup
from framing.convert.formats.prodigy import Prodigy
from framing.convert.formats.records import Records
from framing.errors import FramingError, InputError, SettingError, UnreadableFileError, did_you_mean
from framing.reading import read_rows
from framing.reading.formats import format_of as reading_format_of

#: Those that recognise a file by more come before those that recognise it by less.
CLASSES: tuple[type[Format], ...] = (
    Dataset,
    Records,
    UimaCas,
    Brat,
    LabelStudio,
    Prodigy,
    Doccano,
    JsonLines,
    Markup,
    Conll,
    Csv,
)
#: Name -> format.
FORMATS: Mapping[str, type[Format]] = {format_.name: format_ for format_ in CLASSES}
#: Characters of a file that is recognised.
_BEGINNING = 20_000
_WITH_ROWS = frozenset(("jsonl", "json", "csv", "parquet", "arrow"))

__all__ = ["CLASSES", "FORMATS", "STANDARD", "Format", "Options", "format_named", "format_of_input", "format_of_output"]


def format_named(name: str) -> type[Format]:
    """The format of a name.

    Raises:
        SettingError: there is none.
    """
    if name not in FORMATS:
        raise SettingError(
            f"there is no format {name!r}",
            expected="one of " + ", ".join(sorted(FORMATS)),
            hint=did_you_mean(name, FORMATS),
        )
    return FORMATS[name]


def format_of_input(path: str) -> type[Format]:
    """The format of a file or folder, by its content.

    Raises:
        UnreadableFileError: there is none.
        InputError: it is of no known format.
    """
    hint = "say it with --from: " + ", ".join(sorted(FORMATS))
    if path == STANDARD:
        raise InputError("the format of standard input is not known", expected="--from FORMAT", hint=hint)
    sample = _sample(path)
    for format_ in CLASSES:
        if format_.recognises(sample):
            return format_
    raise InputError(f"{path} is of no known format", expected="annotated text", hint=hint)


def format_of_output(path: str) -> type[Format]:
    """The format that the ending of a name stands for.

    Raises:
        SettingError: it stands for none.
    """
    for format_ in CLASSES:
        if path.lower().endswith(format_.endings or "\0"):
            return format_
    endings = ", ".join(f"{ending} ({f.name})" for f in CLASSES for ending in f.endings if f.writes == "file")
    raise SettingError(
        f"the output {path!r} does not say its format",
        expected=f"--to FORMAT, or a name that ends in one of {endings}",
        hint="formats are " + ", ".join(sorted(name for name, f in FORMATS.items() if f.writes != "nothing")),
    )


def _sample(path: str) -> Sample:
    place = Path(path)
    if place.is_dir():
        return Sample(place, tuple(sorted(p.relative_to(place).as_posix() for p in place.rglob("*") if p.is_file())))
    if not place.is_file():
        raise UnreadableFileError(f"there is no file or folder {path!r}", expected="annotated text")
    try:
        with place.open("rb") as file:
            beginning = file.read(_BEGINNING).decode("utf-8", "replace")
    except OSError as error:
        raise UnreadableFileError(f"{path} cannot be read: {error.strerror}") from error
    row = {}
    if reading_format_of(path) in _WITH_ROWS and "%FEATURE_STRUCTURES" not in beginning:
        try:
            row = dict(next(iter(read_rows([path]))).values)
        except (FramingError, StopIteration):
            row = {}
    return Sample(place, (), beginning, row)
