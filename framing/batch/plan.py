"""What a job is to do, fixed before it begins: the input by its content, the model, the settings, the units of work.

The plan is written once and never changed. A job that is started again makes its plan anew, all but the hashes of
files that have not been touched, and goes on only if it is the same.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import framing
from framing.batch.processes import end_with_parent
from framing.batch.seal import sealed, unsealed
from framing.batch.units import Piece, PlannedFile, Scan, Unit, scan, units_of
from framing.codebook import Codebook
from framing.engine.processor import usable_cores
from framing.errors import ColumnError, InputError, OutputError, SettingError
from framing.labeler import Labeler
from framing.model.checkpoint import CALIBRATION
from framing.reading.columns import Columns
from framing.reading.documents import DocumentSettings
from framing.reading.files import InputFile, expand
from framing.reading.formats.base import Layout, Limits, Segment
from framing.reading.streams import STANDARD_INPUT, is_address
from framing.records import carried_name

#: Raised when what a plan file says changes its meaning.
PLAN_VERSION = 2
#: Arrow types that a carried column can keep, by their text; others become JSON.
_PLAIN_TYPE = re.compile(r"bool|u?int(8|16|32|64)|float|double|date32\[day\]|timestamp\[(s|ms|us|ns)\]|(large_)?string")
DEDUP = ("none", "exact")
#: Bytes of input from which on several processes read it; they take a second to start.
_LARGE = 256 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user chose; another choice makes another plan.

    Attributes:
        columns: as named by the user; the others are guessed, file by file.
        sentences: each row is one sentence.
        carry: columns of the input that are written into the output too.
        outlet, published: of rows that name none themselves.
        archives: each article of a news archive's export is a row.
        format: of the input, whatever the names end in.
        limits: of a unit of work.
        dedup: ``"exact"``: texts that are equal are scored once.
        mentions: flat tables of the mentions are written as well.
    """

    columns: Columns = field(default_factory=Columns)
    sentences: bool = False
    carry: tuple[str, ...] = ()
    outlet: str | None = None
    published: str | None = None
    archives: bool = True
    format: str | None = None
    limits: Limits = field(default_factory=Limits)
    dedup: str = "none"
    mentions: bool = False

    def __post_init__(self) -> None:
        if self.dedup not in DEDUP:
            raise SettingError(f"dedup is {self.dedup!r}", expected=" or ".join(DEDUP))
        if self.limits.rows < 1 or self.limits.size < 1:
            raise SettingError(f"a unit of {self.limits.rows} rows and {self.limits.size} bytes", expected="1 or more")
        if len(set(self.carry)) < len(self.carry):
            raise SettingError(f"a column is carried twice: {', '.join(self.carry)}", expected="every column once")

    @property
    def documents(self) -> DocumentSettings:
        """How rows become documents."""
        return DocumentSettings(self.columns, self.sentences, self.carry, self.outlet, self.published, self.archives)


@dataclass(frozen=True, slots=True)
class Model:
    """What labels, by content.

    Attributes:
        name: of the checkpoint's folder, for the reader's eye.
        checkpoint: fingerprint of the checkpoint's files.
        codebook: fingerprint of its codebook.
        thresholds: SHA-256 of its thresholds and temperatures.
        engine, precision: what runs it; another engine gives numbers that differ in the last digits.
        outline: of the codebook, as :meth:`framing.Codebook.outline` gives it: the output's schema is made of it.
    """

    name: str
    checkpoint: str
    codebook: str
    thresholds: str
    engine: str
    precision: str
    outline: dict[str, Any]

    @property
    def words(self) -> Codebook:
        """The codebook without its definitions."""
        return Codebook.from_dict(self.outline, where="the plan's codebook")

    @classmethod
    def of(cls, labeler: Labeler) -> Model:
        """What a labeler runs."""
        checkpoint = labeler.checkpoint
        return cls(
            name=checkpoint.folder.name,
            checkpoint=checkpoint.fingerprint,
            codebook=checkpoint.codebook.fingerprint,
            thresholds=hashlib.sha256((checkpoint.folder / CALIBRATION).read_bytes()).hexdigest(),
            engine=labeler.engine.name,
            precision=labeler.engine.precision,
            outline=checkpoint.codebook.outline(),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """A job.

    Attributes:
        version: :data:`PLAN_VERSION`.
        framing: the package's version.
        model, settings: as above.
        carried: name of a carried column in the output to its Arrow type (``string`` where the inputs do not agree).
        files: in order.
        units: in order.
    """

    version: int
    framing: str
    model: Model
    settings: Settings
    carried: dict[str, str]
    files: tuple[PlannedFile, ...]
    units: tuple[Unit, ...]

    @property
    def rows(self) -> int:
        """Rows of all units."""
        return sum(unit.rows for unit in self.units)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over what the output depends on; where the input lies and when it was written does not count."""
        canonical = json.dumps(self._content(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("utf-8")).hexdigest()

    def file_of(self, unit: Unit) -> PlannedFile:
        """The file that a unit begins in."""
        return self.files[unit.pieces[0].file]

    def differences(self, other: Plan) -> list[str]:
        """What another plan says differently, field by field, in words; this one's value first."""
        mine, others = dict(_flat(self._content())), dict(_flat(other._content()))
        return [
            f"{name} was {_shown(mine.get(name))} and is now {_shown(others.get(name))}"
            for name in dict.fromkeys([*mine, *others])
            if mine.get(name) != others.get(name)
        ]

    def _content(self) -> dict[str, Any]:
        # The model's name is for the reader's eye, and fingerprints say what checkpoint and codebook are.
        model = {name: value for name, value in asdict(self.model).items() if name not in ("name", "outline")}
        described = {file.label: file.input.known for file in self.files if file.input.known}
        hashes = {file.label: file.sha256 for file in self.files}
        return self._head() | {"model": model, "index": described, "input": hashes}

    def _head(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "framing": self.framing,
            "model": asdict(self.model),
            "settings": asdict(self.settings),
            "carried": self.carried,
        }

    def to_json(self) -> str:
        """The text of a plan file: a checksum over all that follows it, and files and units one a line.

        A file says what is not empty of it; a unit is a list of its pieces, each
        ``[file, start, stop, rows, first, sha256]``.
        """
        head = json.dumps(self._head(), indent=1).removesuffix("\n}")
        files = ",\n".join(json.dumps(_compact(asdict(file))) for file in self.files)
        units = ",\n".join(
            json.dumps([[p.file, p.start, p.stop, p.rows, p.first, p.sha256] for p in unit.pieces])
            for unit in self.units
        )
        return sealed(f'{head},\n "files": [\n{files}\n ],\n "units": [\n{units}\n ]\n}}\n')

    @classmethod
    def from_json(cls, text: str, where: str) -> Plan:
        """Read a plan file.

        Raises:
            OutputError: it is none, or damaged, or that of another version of framing that this one cannot read.
        """
        try:
            _refuse_other_versions(text, where)
            content = json.loads(unsealed(text))
            settings = content["settings"]
            settings |= {
                "columns": Columns(**settings["columns"]),
                "carry": tuple(settings["carry"]),
                "limits": Limits(**settings["limits"]),
            }
            return cls(
                content["version"],
                content["framing"],
                Model(**content["model"]),
                Settings(**settings),
                content["carried"],
                tuple(map(_planned_file, content["files"])),
                tuple(
                    Unit(number, tuple(Piece(*piece) for piece in unit)) for number, unit in enumerate(content["units"])
                ),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"{where} is not a plan, or a damaged one: {error}",
                expected="a plan.json as framing batch wrote it; it never changes",
                hint="put a copy of it back, or start over in a new folder",
            ) from error


def _refuse_other_versions(text: str, where: str) -> None:
    """Refuse a plan of another version by its head alone: the rest may have another form, and the checksum, too."""
    head = text.partition('\n "files": [')
    content = json.loads(f"{head[0].rstrip().removesuffix(',')}}}" if head[1] else text)
    if content["version"] != PLAN_VERSION:
        raise OutputError(
            f"{where} has version {content['version']}",
            expected=f"version {PLAN_VERSION}, that of framing {framing.__version__}",
            hint=f"use framing {content['framing']}, or start over in a new folder",
        )


def make_plan(
    inputs: Sequence[str],
    settings: Settings,
    model: Model,
    *,
    index: str | os.PathLike[str] | None = None,
    earlier: Plan | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> Plan:
    """Look at the input and plan the job.

    Args:
        inputs, index: as of :func:`framing.reading.files.expand`.
        settings: what the user chose.
        model: what labels.
        earlier: the plan of the job that is to go on: files that have since been neither moved nor touched are not
            read again.
        on_bytes: is called with the size of each file that is done.

    Raises:
        UnreadableFileError: a named file is not there, or none can be read.
        ColumnError: a column that was asked for is in none of the files.
        SettingError: an input can be read only once.
        InputError: there are no rows.
    """
    found = expand(inputs, format=settings.format, index=index)
    _refuse_streams(found)
    known = _known_scans(found, earlier) if earlier is not None and earlier.settings == settings else {}
    fresh = _scans([file for place, file in enumerate(found) if place not in known], settings, on_bytes)
    scans = [known[place] if place in known else next(fresh) for place in range(len(found))]
    files = tuple(scanned.file for scanned in scans)
    _check_usable(files)
    units = tuple(units_of(scans, settings.limits))
    carried = carried_types(settings.carry, files, model.words) if settings.carry else {}
    return Plan(PLAN_VERSION, framing.__version__, model, settings, carried, files, units)


def _refuse_streams(files: Sequence[InputFile]) -> None:
    for file in files:
        if file.path == STANDARD_INPUT or (not is_address(file.path) and Path(file.path).is_fifo()):
            raise SettingError(
                f"the input {file.path!r} is a stream, which can be read only once",
                expected="files, which a job that is started again can read again",
                hint="write it to a file first, or use framing label",
            )


def _scans(files: Sequence[InputFile], settings: Settings, on_bytes: Callable[[int], None] | None) -> Iterator[Scan]:
    """The scan of each file, in order; of large inputs as many files at a time as there are cores."""
    one = partial(scan, limits=settings.limits, settings=settings.documents)
    with ExitStack() as stack:
        scans: Iterator[Scan] = map(one, files)
        if len(files) > 1 and sum(file.size for file in files) >= _LARGE:
            # Processes, because rows are found in Python; not forked, because the model's threads may be running.
            context = multiprocessing.get_context("spawn")
            pool = ProcessPoolExecutor(min(usable_cores(), len(files)), context, initializer=end_with_parent)
            scans = stack.enter_context(pool).map(one, files)
        for file, scanned in zip(files, scans, strict=True):
            if on_bytes:
                on_bytes(file.size)
            yield scanned


def _known_scans(files: Sequence[InputFile], earlier: Plan) -> dict[int, Scan]:
    """Place of a file -> its scan, of those that have not been touched since they were planned."""
    pieces: dict[int, list[Piece]] = {}
    for unit in earlier.units:
        for piece in unit.pieces:
            pieces.setdefault(piece.file, []).append(piece)
    return {
        place: Scan(replace(planned, input=file), tuple(pieces.get(place, ())))
        for place, (file, planned) in enumerate(zip(files, earlier.files, strict=False))
        # What an index says of a file is no part of the scan.
        if file.version and replace(file, known={}) == replace(planned.input, known={})
    }


def _check_usable(files: Sequence[PlannedFile]) -> None:
    if any(file.rows for file in files):
        return
    first = next((file for file in files if file.problem), None)
    if first is None:
        raise InputError("there are no rows in the input", expected="at least one row")
    among = f" ({len(files)} files, none of them usable)" if len(files) > 1 else ""
    raise InputError(
        first.problem + among, hint="check the path, the format (--format) and the columns (--text-column, …)"
    )


def carried_types(carry: Sequence[str], files: Sequence[PlannedFile], codebook: Codebook) -> dict[str, str]:
    """Name in the output and Arrow type of the carried columns.

    A column keeps a plain type (numbers, truth values, dates) that all inputs give it, which only tables do;
    otherwise it is a string, and what is no string in the input is written as JSON.

    Raises:
        ColumnError: no file can have the column.
    """
    usable = [file for file in files if file.rows]
    types = {}
    for column in carry:
        found = {_type_in(column, file) for file in usable}
        if found == {None}:
            names = list(dict.fromkeys(name for file in usable for name in _names(file)))[:20]
            raise ColumnError(
                f"no file has the column {column!r} to carry along",
                expected=f"a column such as {', '.join(names) or 'those of the input'}",
            )
        kind = found.pop() if len(found) == 1 else "string"
        types[carried_name(column, codebook)] = kind if kind and _PLAIN_TYPE.fullmatch(kind) else "string"
    return types


def _type_in(column: str, file: PlannedFile) -> str | None:
    layout = file.layout
    if column in layout.types:
        return layout.types[column]
    # The keys of JSON's objects are not known before all of them are read.
    is_there = column in _names(file) or layout.format in ("json", "jsonl")
    return "string" if is_there else None


def _names(file: PlannedFile) -> list[str]:
    return [*file.layout.types, *file.layout.names, *file.input.partition, *file.input.known]


def _planned_file(content: dict[str, Any]) -> PlannedFile:
    layout = content.get("layout", {})
    segments = tuple(Segment(**segment) for segment in layout.get("segments", ()))
    layout |= {"names": tuple(layout.get("names", ())), "segments": segments}
    return PlannedFile(**content | {"input": InputFile(**content["input"]), "layout": Layout(**layout)})


def _compact(content: dict[str, Any]) -> dict[str, Any]:
    """What is not empty: a plan may have a million files."""
    nested = {name: _compact(content[name]) for name in ("input", "layout") if name in content}
    return {name: value for name, value in (content | nested).items() if value or name in ("path", "label")}


def _flat(content: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested names joined by dots."""
    for name, value in content.items():
        if isinstance(value, dict) and prefix != "input.":
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _shown(value: Any) -> str:
    shown = "not there" if value is None else repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"
