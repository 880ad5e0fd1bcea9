"""A finished job read back: nothing missing, nothing doubled, every byte as it was written."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from framing.batch.job import DONE, MENTIONS, REJECTED, SHARDS, Job, UnitRecord
from framing.batch.shards import WrittenFile, rejected_schema
from framing.batch.units import Unit
from framing.files import reporting_write_errors
from framing.records import SCHEMA_VERSION, mention_schema, schema

if TYPE_CHECKING:
    import pyarrow

#: Problems that are kept word for word.
_SHOWN_PROBLEMS = 100
#: Ids that are shown where the input repeats many.
_SHOWN_IDS = 5
#: More than any file has.
_ROWS_OF_A_FILE = 1 << 40


@dataclass(slots=True)
class Verification:
    """What was found.

    Attributes:
        units, units_total: read back, and planned.
        rows, labelled, rejected, sentences: counted in the files.
        damaged: numbers of the units that must be done anew.
        problem_count: how many things are wrong.
        problems: the first of them, in words.
        notes: what is as the input has it, and may surprise.
    """

    units_total: int
    units: int = 0
    rows: int = 0
    labelled: int = 0
    rejected: int = 0
    sentences: int = 0
    damaged: set[int] = field(default_factory=set)
    problem_count: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add_problem(self, problem: str, unit: int | None = None) -> None:
        """Note what is wrong, and with which unit."""
        if unit is not None:
            self.damaged.add(unit)
        self.problem_count += 1
        if len(self.problems) < _SHOWN_PROBLEMS:
            self.problems.append(problem)


def verify(job: Job, on_unit: Callable[[Unit], None] | None = None) -> Verification:
    """Read a job's output back.

    Checked for each unit: it is done; its record is of this plan; its files are there with the SHA-256 that was
    recorded, and have the schema of this version; every row of the input is labelled or rejected, once; the sentences
    of a row are all there in order, once, so that ``input``, ``row`` and ``index`` are a key. At the end: no file
    belongs to no unit. Document ids that stand for several rows are noted, as the input has them so.

    Args:
        job: what to read.
        on_unit: is called after each unit.

    Returns:
        What was found. Memory is bounded by a shard; a temporary file takes 8 bytes a row.
    """
    found = Verification(len(job.plan.units))
    with tempfile.TemporaryFile() as hashes:
        for unit in job.plan.units:
            ids = _verify_unit(job, unit, found)
            with reporting_write_errors("a temporary file (TMPDIR says where it lies)"):
                hashes.write(np.fromiter(map(_hash, ids), np.uint64).tobytes())
            if on_unit:
                on_unit(unit)
        _find_strangers(job, found)
        _find_repeated_ids(job, hashes, found)
    return found


def _verify_unit(job: Job, unit: Unit, found: Verification) -> list[str]:
    """Verify one unit; the ids of its rows."""
    try:
        record = job.record(unit)
    except ValueError as error:
        found.add_problem(str(error), unit.number)
        return []
    if record is None:
        found.add_problem(f"unit {unit.number} is not done", unit.number)
        return []
    try:
        tables = {file.name.partition("/")[0]: _read(job, file) for file in record.files}
    except _UnsoundError as error:
        found.add_problem(f"unit {unit.number}: {error}", unit.number)
        return []
    for problem in _problems_of(job, unit, record, tables):
        found.add_problem(f"unit {unit.number}: {problem}", unit.number)
    found.units += 1
    found.rows += unit.rows
    found.labelled += record.labelled
    found.rejected += record.rejected
    found.sentences += record.sentences
    return _first_ids(tables[SHARDS]) if SHARDS in tables else []


class _UnsoundError(Exception):
    """A file that is not as it was written; says why."""


def _read(job: Job, file: WrittenFile) -> pyarrow.Table:
    """The columns of a file that are needed for checking, once its bytes are known to be right."""
    import pyarrow
    import pyarrow.parquet

    path = job.folder / file.name
    try:
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        if sha256 != file.sha256:
            raise _UnsoundError(f"{file.name} is not what was written: its SHA-256 is {sha256}, not {file.sha256}")
        # By pyarrow a file is opened only under a name that is UTF-8.
        with path.open("rb") as stream, pyarrow.parquet.ParquetFile(stream) as table:
            if not table.schema_arrow.equals(_schema(job, file)):
                raise _UnsoundError(f"{file.name} has another schema than that of version {SCHEMA_VERSION}")
            names = [name for name in ("input", "row", "index", "document_id") if name in table.schema_arrow.names]
            return table.read(columns=names)
    except (OSError, pyarrow.ArrowException) as error:
        raise _UnsoundError(f"{file.name} cannot be read: {error}") from error


def _schema(job: Job, file: WrittenFile) -> pyarrow.Schema:
    kind = file.name.partition("/")[0]
    if kind == REJECTED:
        return rejected_schema()
    if kind == MENTIONS:
        return mention_schema(job.plan.model.words)
    return schema(job.plan.model.words, job.plan.carried)


def _problems_of(job: Job, unit: Unit, record: UnitRecord, tables: dict[str, Any]) -> Iterator[str]:
    expected = {SHARDS} | ({MENTIONS} if job.plan.settings.mentions else set())
    if missing := expected - tables.keys():
        yield f"it has no file in {', '.join(sorted(missing))}"
        return
    firsts = {job.plan.files[piece.file].label: piece.first for piece in reversed(unit.pieces)}
    for table in tables.values():
        if strangers := set(table["input"].unique().to_pylist()) - firsts.keys():
            yield f"it has rows of another input: {', '.join(sorted(strangers))}"
            return
    labels = list(reversed(firsts))
    places = {name: _places(table, labels) for name, table in tables.items()}
    labelled = np.unique(places[SHARDS])
    rejected = places[REJECTED] if REJECTED in places else np.array([], dtype=np.int64)
    index = tables[SHARDS]["index"].to_numpy()
    if len(labelled) + len(rejected) != unit.rows:
        yield f"{unit.rows} rows went in, and {len(labelled)} labelled and {len(rejected)} rejected ones came out"
    counted = (len(labelled), len(rejected), len(index), unit.rows)
    recorded = (record.labelled, record.rejected, record.sentences, record.rows)
    if counted != recorded:
        yield f"labelled rows, rejected rows, sentences, rows are {counted} and were recorded as {recorded}"
    if len(np.unique(rejected)) < len(rejected) or len(np.intersect1d(rejected, labelled)):
        yield "a row is rejected twice, or both labelled and rejected"
    for number, label in enumerate(labels):
        rows = np.concatenate([labelled, rejected]) - number * _ROWS_OF_A_FILE
        if ((rows > 0) & (rows < firsts[label])).any():
            yield f"it has rows before its first, {firsts[label]}"
    if not _is_sentence_order(places[SHARDS], index):
        yield "sentences are missing, doubled or out of order"
    if MENTIONS in tables and tables[MENTIONS].num_rows != record.mentions:
        yield f"there are {tables[MENTIONS].num_rows} mentions where {record.mentions} were recorded"


def _places(table: pyarrow.Table, labels: list[str]) -> np.ndarray:
    """The row of each record as one number that grows from file to file: int64 [records].

    Args:
        table: with the columns ``input`` and ``row``. What is no row of its file counts as the place before the first.
        labels: of the unit's files, in order.
    """
    numbers = {label: number for number, label in enumerate(labels)}
    files = np.array([numbers[label] for label in table["input"].to_pylist()], dtype=np.int64)
    return files * _ROWS_OF_A_FILE + table["row"].fill_null(0).to_numpy()


def _is_sentence_order(rows: np.ndarray, index: np.ndarray) -> bool:
    """Whether rows ascend, and the sentences of each are numbered 0, 1, 2, ….

    Args:
        rows: int64 [sentences], as of :func:`_places`.
        index: int32 [sentences].
    """
    if not len(rows):
        return True
    begins = np.concatenate(([True], rows[1:] != rows[:-1]))
    ascending = bool((rows[1:] >= rows[:-1]).all())
    return ascending and bool((index[begins] == 0).all() and (np.diff(index)[~begins[1:]] == 1).all())


def _find_strangers(job: Job, found: Verification) -> None:
    """Files that no unit has."""
    numbers = {f"{unit.number:06d}": unit for unit in job.plan.units}
    for kind in (SHARDS, REJECTED, MENTIONS, DONE):
        for path in sorted((job.folder / kind).glob("*")):
            if path.name.startswith("."):
                continue
            if path.stem not in numbers:
                found.add_problem(f"{kind}/{path.name} belongs to no unit")
            elif kind != DONE and not _is_recorded(job, numbers[path.stem], f"{kind}/{path.name}"):
                found.add_problem(f"{kind}/{path.name} is in no record", int(path.stem))


def _is_recorded(job: Job, unit: Unit, name: str) -> bool:
    try:
        record = job.record(unit)
    except ValueError:
        record = None
    # That a unit is not done was told already.
    return record is None or name in {file.name for file in record.files}


def repair(job: Job, found: Verification) -> None:
    """Have the units that are damaged done anew by the next start of the job, whose folder must be locked.

    Raises:
        OutputError: a record cannot be removed.
    """
    for unit in job.plan.units:
        if unit.number in found.damaged:
            job.forget(unit)


def _hash(id_: str) -> int:
    return int.from_bytes(hashlib.blake2b(id_.encode("utf-8"), digest_size=8).digest(), "little")


def _first_ids(shard: pyarrow.Table) -> list[str]:
    """The id of each row that the shard has sentences of."""
    import pyarrow

    ids: list[str] = shard["document_id"].filter(pyarrow.array(shard["index"].to_numpy() == 0)).to_pylist()
    return ids


def _find_repeated_ids(job: Job, hashes: IO[bytes], found: Verification) -> None:
    """Note the ids that several rows have.

    Args:
        hashes: a file of the ids' hashes, uint64, which is sorted in its place.
    """
    import pyarrow.parquet

    hashes.flush()
    if not hashes.tell():
        return
    ordered = np.memmap(hashes, np.uint64)
    ordered.sort()
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(repeated):
        return
    examples = set(repeated[:_SHOWN_IDS].tolist())
    counts: Counter[str] = Counter()
    for unit in job.plan.units:
        if unit.number not in found.damaged:
            with job.path(SHARDS, unit.number).open("rb") as stream:
                shard = pyarrow.parquet.read_table(stream, columns=["index", "document_id"])
            counts.update(id_ for id_ in _first_ids(shard) if _hash(id_) in examples)
    shown = ", ".join(f"{id_!r} ({count} rows)" for id_, count in counts.most_common(_SHOWN_IDS) if count > 1)
    found.notes.append(
        f"{len(repeated):,} document ids stand for more than one row, because the input repeats them: {shown}; "
        "the columns input and row tell the rows apart"
    )
