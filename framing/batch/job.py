"""The folder of a job: its plan, who works in it, and which units are done."""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

import framing
from framing.batch.plan import Model, Plan, Settings, make_plan
from framing.batch.shards import WrittenFile
from framing.batch.units import Unit
from framing.errors import OutputError, SettingError
from framing.files import reporting_write_errors, write_whole

PLAN = "plan.json"
SHARDS, REJECTED, MENTIONS, DONE = "shards", "rejected", "mentions", "done"
#: Holds a file for each unit that was begun and is not done, with a byte for each process that began it.
ATTEMPTS = "attempts"
LOCK = "lock"
_FOLDERS = (SHARDS, REJECTED, MENTIONS, DONE)
_TASK = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True, slots=True)
class Task:
    """Which part of a job an array task does: the units whose number leaves ``number`` when divided by ``count``."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Task:
        """Read ``K/N``, K from 0.

        Raises:
            SettingError: it is not of this form.
        """
        match = _TASK.fullmatch(text)
        if match is None or not 0 <= int(match[1]) < int(match[2]):
            raise SettingError(
                f"--shard-of is {text!r}",
                expected="K/N with K from 0 to N-1, such as 0/16",
                hint="in a SLURM array: --shard-of $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT with --array=0-15",
            )
        return cls(int(match[1]), int(match[2]))

    def has(self, unit: Unit) -> bool:
        """Whether the unit is one of the task's."""
        return unit.number % self.count == self.number


#: The whole job.
WHOLE = Task(0, 1)


@dataclass(frozen=True, slots=True)
class UnitRecord:
    """What is known of a unit that is done; the content of ``done/N.json``.

    Attributes:
        unit: its number.
        plan: the plan's fingerprint.
        rows: in the input; ``labelled + rejected``.
        labelled: rows that have records.
        rejected: rows that were set aside.
        copies: of the labelled rows, those whose labels were taken from a row with the same text.
        sentences, mentions: in the records.
        files: what was written, with hashes.
    """

    unit: int
    plan: str
    rows: int
    labelled: int
    rejected: int
    copies: int
    sentences: int
    mentions: int
    files: tuple[WrittenFile, ...]

    @classmethod
    def from_json(cls, text: str) -> UnitRecord:
        """Read a record.

        Raises:
            ValueError: it is none.
        """
        try:
            content = json.loads(text)
            return cls(**content | {"files": tuple(WrittenFile(**file) for file in content["files"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not the record of a unit: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Job:
    """A job in its folder.

    Attributes:
        folder: where it is.
        plan: what is to be done.
    """

    folder: Path
    plan: Plan
    fingerprint: str = field(default="", repr=False)

    @classmethod
    def of(cls, folder: Path, plan: Plan) -> Self:
        """A job with the plan's fingerprint, which takes a while to compute."""
        return cls(folder, plan, plan.fingerprint)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open the job that is in a folder.

        Raises:
            OutputError: there is none, or its plan cannot be read.
        """
        path = folder / PLAN
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise OutputError(
                f"there is no job in {folder}: {error.strerror}",
                expected="the output folder of a framing batch job",
                hint="check the path",
            ) from error
        return cls.of(folder, Plan.from_json(text, str(path)))

    def path(self, kind: str, unit: int, ending: str = "parquet") -> Path:
        """The file of a unit in one of the job's folders."""
        return self.folder / file_name(kind, unit, ending)

    def done(self, unit: Unit) -> UnitRecord | None:
        """The record of a unit if it is done and its files are there, by their sizes; ``None`` if it is to be done."""
        try:
            record = UnitRecord.from_json(self.path(DONE, unit.number, "json").read_text(encoding="utf-8"))
            sizes_fit = all((self.folder / file.name).stat().st_size == file.size for file in record.files)
        except (OSError, ValueError):
            return None
        return record if sizes_fit and record.plan == self.fingerprint else None

    def begin(self, unit: Unit) -> None:
        """Write down that a process begins a unit, before it reads or labels it: it may die over it.

        Raises:
            OutputError: it cannot be written.
        """
        path = self.path(ATTEMPTS, unit.number, "txt")
        with reporting_write_errors(path), path.open("ab") as stream:
            stream.write(b".")

    def attempts(self, unit: Unit) -> int:
        """How many processes have begun a unit that is not done; with :meth:`begin`, the present one too."""
        try:
            return self.path(ATTEMPTS, unit.number, "txt").stat().st_size
        except FileNotFoundError:
            return 0

    def forget_attempts(self, unit: Unit) -> None:
        """Count anew how many processes begin a unit."""
        self.path(ATTEMPTS, unit.number, "txt").unlink(missing_ok=True)

    def finish(self, record: UnitRecord) -> None:
        """Write down that a unit is done, after its files are known to be on the disk under their names.

        Raises:
            OutputError: it cannot be written.
        """
        with reporting_write_errors(self.folder):
            for kind in {file.name.partition("/")[0] for file in record.files}:
                _sync_folder(self.folder / kind)
        path = self.path(DONE, record.unit, "json")
        write_whole(path, json.dumps(asdict(record), indent=1) + "\n")
        with reporting_write_errors(path):
            _sync_folder(path.parent)
        self.forget_attempts(self.plan.units[record.unit])

    def clear(self, unit: Unit) -> None:
        """Remove what a process that was killed left of a unit: half-written files, and those of no record."""
        for kind in _FOLDERS:
            folder = self.folder / kind
            for path in folder.glob(f".{unit.number:06d}.*.partial"):
                path.unlink(missing_ok=True)
            for path in folder.glob(f"{unit.number:06d}.*"):
                path.unlink(missing_ok=True)


def file_name(kind: str, unit: int, ending: str = "parquet") -> str:
    """The name of a unit's file, relative to the job's folder."""
    return f"{kind}/{unit:06d}.{ending}"


def open_job(
    inputs: Sequence[str],
    folder: Path,
    settings: Settings,
    model: Model,
    on_bytes: Callable[[int], None] | None = None,
    *,
    index: str | os.PathLike[str] | None = None,
) -> Job:
    """Plan a job in a folder, or go on with the one that is there. The folder must be locked (:func:`locked`).

    Args:
        inputs, index: as of :func:`framing.reading.files.expand`.
        folder: the output.
        settings, model, on_bytes: as of :func:`framing.batch.plan.make_plan`.

    Raises:
        SettingError: the job that is there has another plan; the message names what differs.
        InputError: as of :func:`framing.batch.plan.make_plan`.
        OutputError: the plan cannot be written or read.
    """
    with _planning(folder):
        is_new = not (folder / PLAN).exists()
        if is_new:
            _clear_half_plans(folder)
            plan = make_plan(inputs, settings, model, index=index, on_bytes=on_bytes)
            write_whole(folder / PLAN, plan.to_json())
        job = Job.load(folder)
        # After the plan, by which the folder is known for a job's; each time, as the last run may have died here.
        with reporting_write_errors(folder):
            for name in (SHARDS, REJECTED, DONE, ATTEMPTS, *([MENTIONS] if job.plan.settings.mentions else [])):
                (folder / name).mkdir(exist_ok=True)
    if not is_new:
        # First what is told at once; reading the input again may take an hour.
        now = replace(job.plan, model=model, settings=settings, framing=framing.__version__)
        _refuse_differences(job, now)
        again = make_plan(inputs, settings, model, index=index, earlier=job.plan, on_bytes=on_bytes)
        _refuse_differences(job, again)
    return job


def _clear_half_plans(folder: Path) -> None:
    """Remove what a process left that was killed while it wrote the plan."""
    for path in folder.glob(f".{PLAN}.*.partial"):
        path.unlink(missing_ok=True)


def _refuse_differences(job: Job, now: Plan) -> None:
    differences = job.plan.differences(now)
    if not differences:
        return
    shown = "; ".join(differences[:5]) + (f"; and {len(differences) - 5} more" if len(differences) > 5 else "")
    raise SettingError(
        f"the job in {job.folder} has another plan: {shown}",
        expected="the input, model and settings that it was begun with",
        hint="go on with those, or begin a new job in a new folder",
    )


# --- the folder and its locks -----------------------------------------------------------------------------------------


def create_folder(folder: Path, *, fresh: bool) -> None:
    """Make the folder of a job, or see that the one that is there can be used.

    Args:
        folder: the output.
        fresh: it must be new or empty.

    Raises:
        OutputError: it holds something else than a job, or anything at all though it is to be fresh.
    """
    with reporting_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        names = sorted(path.name for path in folder.iterdir() if not path.name.startswith((LOCK, f".{PLAN}.")))
    if names and fresh:
        raise OutputError(
            f"{folder} is not empty: it holds {names[0]}",
            expected="a new folder, with --fresh",
            hint="name another one; nothing is ever removed",
        )
    if names and PLAN not in names:
        raise OutputError(
            f"{folder} holds {names[0]}, and no job", expected="a new folder, or that of a job", hint="name another one"
        )


@contextmanager
def locked(folder: Path, task: Task) -> Iterator[None]:
    """Keep others from working in the folder; the system lifts the lock when the process ends, however it ends.

    A whole job has the folder to itself. Array tasks share it, but each task is done by one process only.

    Raises:
        OutputError: another process has it.
    """
    with ExitStack() as stack:
        if task == WHOLE:
            stack.enter_context(_lock(folder / LOCK, fcntl.LOCK_EX))
        else:
            stack.enter_context(_lock(folder / LOCK, fcntl.LOCK_SH))
            stack.enter_context(_lock(folder / f"{LOCK}.{task.number}-of-{task.count}", fcntl.LOCK_EX))
        yield


@contextmanager
def _planning(folder: Path) -> Iterator[None]:
    """One plans; tasks of an array that begin at the same moment wait for it."""
    with _lock(folder / f"{LOCK}.plan", fcntl.LOCK_EX, wait=True):
        yield


@contextmanager
def _lock(path: Path, kind: int, *, wait: bool = False) -> Iterator[None]:
    with reporting_write_errors(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(handle, kind if wait else kind | fcntl.LOCK_NB, path)
        who = "" if kind == fcntl.LOCK_EX else "array tasks, the last of them "
        os.ftruncate(handle, 0)
        os.write(handle, f"{who}process {os.getpid()} on {socket.gethostname()}\n".encode())
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, operation: int, path: Path) -> None:
    try:
        fcntl.flock(handle, operation)
    except BlockingIOError as error:
        owner = ""
        with suppress(OSError):
            owner = path.read_text(encoding="utf-8", errors="replace").strip()
        raise OutputError(
            f"another job works in {path.parent}" + (f": {owner}" if owner else ""),
            expected="one job at a time in a folder, or array tasks with --shard-of K/N, each once",
            hint="wait for it to end, or stop it; what it has done is kept",
        ) from error
    except OSError as error:
        raise OutputError(
            f"{path} cannot be locked: {error.strerror}",
            expected="a file system with locks (flock)",
            hint="on a cluster, ask for it to be mounted with flock, or write to another file system",
        ) from error


def _sync_folder(folder: Path) -> None:
    """See to it that the names of a folder's files are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
