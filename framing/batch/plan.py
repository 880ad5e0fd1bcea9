"""What a job is to do, fixed before it begins: the input by its content, the model, the settings, the units of work.

The plan is written once and never changed. A job that is started again makes its plan anew, all but the hashes of
files that have not been touched, and goes on only if it is the same.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import count
from typing import Any

import framing
from framing.batch.inputs import CorpusFile, expand
from framing.batch.shards import carried_name, is_plain_type
from framing.batch.units import Limits, PlannedFile, Scan, Segment, Unit, scan
from framing.engine.cpu import usable_cores
from framing.errors import ColumnError, InputError, OutputError, SettingError
from framing.labeler import Labeler
from framing.model.checkpoint import CALIBRATION
from framing.text.columns import Columns

#: Raised when what a plan file says changes its meaning.
PLAN_VERSION = 1
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


@dataclass(frozen=True, slots=True)
class Model:
    """What labels, by content.

    Attributes:
        name: of the checkpoint's folder, for the reader's eye.
        checkpoint: fingerprint of the checkpoint's files.
        codebook: fingerprint of its codebook.
        thresholds: SHA-256 of its thresholds and temperatures.
        engine, precision: what runs it; another engine gives numbers that differ in the last digits.
        outputs: names of the probabilities, in order.
    """

    name: str
    checkpoint: str
    codebook: str
    thresholds: str
    engine: str
    precision: str
    outputs: tuple[str, ...]

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
            outputs=checkpoint.codebook.outputs,
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
        units: in order; :class:`~framing.batch.units.Unit` has their form.
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
        """The file that a unit is a piece of."""
        return self.files[unit.file]

    def differences(self, other: Plan) -> list[str]:
        """What another plan says differently, field by field, in words; this one's value first."""
        mine, others = dict(_flat(self._content())), dict(_flat(other._content()))
        return [
            f"{name} was {_shown(mine.get(name))} and is now {_shown(others.get(name))}"
            for name in dict.fromkeys([*mine, *others])
            if mine.get(name) != others.get(name)
        ]

    def _content(self) -> dict[str, Any]:
        content = {name: value for name, value in self.to_dict().items() if name not in ("files", "units")}
        # The name is for the reader's eye; the fingerprint says what the checkpoint is.
        content["model"] = {name: value for name, value in content["model"].items() if name != "name"}
        return content | {"input": {file.label: file.sha256 for file in self.files}}

    def to_dict(self) -> dict[str, Any]:
        """The plan as JSON-ready types; not those of ``asdict``, which would copy a million units one by one."""
        return {
            "version": self.version,
            "framing": self.framing,
            "model": asdict(self.model),
            "settings": asdict(self.settings),
            "carried": self.carried,
            "files": [asdict(file) for file in self.files],
            "units": [[unit.file, unit.start, unit.stop, unit.rows, unit.first, unit.sha256] for unit in self.units],
        }

    def to_json(self) -> str:
        """The text of a plan file: the units one a line, each ``[file, start, stop, rows, first, sha256]``."""
        content = self.to_dict()
        units = ",\n".join(json.dumps(unit) for unit in content.pop("units"))
        head = json.dumps(content, ensure_ascii=False, indent=1)
        return head.removesuffix("\n}") + f',\n "units": [\n{units}\n ]\n}}\n'

    @classmethod
    def from_json(cls, text: str, where: str) -> Plan:
        """Read a plan file.

        Raises:
            OutputError: it is none, or that of another version of framing that this one cannot read.
        """
        try:
            content = json.loads(text)
            if content["version"] != PLAN_VERSION:
                raise OutputError(
                    f"{where} has version {content['version']}",
                    expected=f"version {PLAN_VERSION}, that of framing {framing.__version__}",
                    hint=f"use framing {content['framing']}, or start over in a new folder",
                )
            settings = content["settings"]
            settings |= {
                "columns": Columns(**settings["columns"]),
                "carry": tuple(settings["carry"]),
                "limits": Limits(**settings["limits"]),
            }
            return cls(
                content["version"],
                content["framing"],
                Model(**(content["model"] | {"outputs": tuple(content["model"]["outputs"])})),
                Settings(**settings),
                content["carried"],
                tuple(map(_planned_file, content["files"])),
                tuple(Unit(number, *unit) for number, unit in enumerate(content["units"])),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"{where} is not a plan: {error!r}",
                expected="a plan.json written by framing batch",
                hint="start over in a new folder",
            ) from error


def make_plan(
    inputs: Sequence[str],
    settings: Settings,
    model: Model,
    *,
    earlier: Plan | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> Plan:
    """Look at the input and plan the job.

    Args:
        inputs: as of :func:`framing.batch.inputs.expand`.
        settings: what the user chose.
        model: what labels.
        earlier: the plan of the job that is to go on: files that have since been neither moved nor touched are not
            read again.
        on_bytes: is called with the size of each file that is done.

    Raises:
        UnreadableFileError: a named file is not there, or none can be read.
        ColumnError: a column that was asked for is in none of the files.
        InputError: there are no rows.
    """
    found = expand(inputs, settings.format)
    known = _known_scans(found, earlier) if earlier is not None and earlier.settings == settings else {}
    fresh = _scans([file for position, file in enumerate(found) if position not in known], settings, on_bytes)
    files: list[PlannedFile] = []
    units: list[Unit] = []
    numbers = count()
    for position in range(len(found)):
        scanned = known[position] if position in known else next(fresh)
        files.append(scanned.file)
        units += [replace(unit, file=position, number=next(numbers)) for unit in scanned.units]
    _check_usable(files)
    carried = carried_types(settings.carry, files)
    return Plan(PLAN_VERSION, framing.__version__, model, settings, carried, tuple(files), tuple(units))


def _scans(files: Sequence[CorpusFile], settings: Settings, on_bytes: Callable[[int], None] | None) -> Iterator[Scan]:
    """The scan of each file, in order; of large inputs as many files at a time as there are cores."""
    one = partial(scan, limits=settings.limits, columns=settings.columns)
    if len(files) < 2 or sum(file.size for file in files) < _LARGE:
        yield from (one(file, on_bytes=on_bytes) for file in files)
        return
    # Processes, because rows are found in Python; not forked, because the model's threads may be running.
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(usable_cores(), len(files)), spawning) as processes:
        for file, scanned in zip(files, processes.map(one, files), strict=True):
            if on_bytes:
                on_bytes(file.size)
            yield scanned


def _known_scans(files: Sequence[CorpusFile], earlier: Plan) -> dict[int, Scan]:
    """Place of a file -> its scan, of those that have not been touched since they were planned."""
    units: dict[int, list[Unit]] = {}
    for unit in earlier.units:
        units.setdefault(unit.file, []).append(unit)
    planned = ((position, _known(file, position, earlier)) for position, file in enumerate(files))
    return {place: Scan(file, tuple(units.get(place, ()))) for place, file in planned if file is not None}


def _known(file: CorpusFile, position: int, earlier: Plan) -> PlannedFile | None:
    """The file as planned earlier, if it has not been touched since."""
    if position >= len(earlier.files):
        return None
    planned = earlier.files[position]
    now = (file.path, file.label, file.size, file.version)
    return planned if file.version and now == (planned.path, planned.label, planned.size, planned.version) else None


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


def carried_types(carry: Sequence[str], files: Sequence[PlannedFile]) -> dict[str, str]:
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
            raise ColumnError(
                f"no file has the column {column!r} to carry along",
                expected=f"a column such as {', '.join(_some_names(usable)) or 'those of the input'}",
            )
        kind = found.pop() if len(found) == 1 else "string"
        types[carried_name(column)] = kind if kind and is_plain_type(kind) else "string"
    return types


def _type_in(column: str, file: PlannedFile) -> str | None:
    if column in file.types:
        return file.types[column]
    # What keys the lines of JSONL have is not known before all are read.
    is_there = column in file.names or column in file.partition or file.format == "jsonl"
    return "string" if is_there else None


def _some_names(files: Sequence[PlannedFile]) -> list[str]:
    return list(dict.fromkeys(name for file in files for name in (*file.types, *file.names, *file.partition)))[:20]


def _planned_file(content: dict[str, Any]) -> PlannedFile:
    return PlannedFile(
        **content
        | {
            "names": tuple(content["names"]),
            "segments": tuple(Segment(**segment) for segment in content["segments"]),
        }
    )


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
