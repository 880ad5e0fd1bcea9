"""The folder of a job: its plan, who works in it, and which units are done."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

import filelock

import framing
from framing.batch.plan import Model, Plan, Settings, make_plan
from framing.batch.seal import sealed, unsealed
from framing.batch.shards import WrittenFile
from framing.batch.units import Unit
from framing.errors import OutputError, SettingError
from framing.files import reporting_write_errors, write_whole

PLAN = "plan.json"
SHARDS, REJECTED, MENTIONS, DONE = "shards", "rejected", "mentions", "done"
#: Holds a file for each unit that was begun and is not done, with a byte for each process that began it.
ATTEMPTS = "attempts"
LOCK = "lock"
#: Ends the names of files that say who holds a lock.
_OWNER = ".owner"
_FOLDERS = (SHARDS, REJECTED, MENTIONS, DONE)
_TASK = re.compile(r"(\d+)/(\d+)")
#: How the names of a unit's files begin: with its number, after a dot while they are being written.
_UNIT = re.compile(r"\.?(\d{6,})\.")


@dataclass(frozen=True, slots=True)
class Task:
    """The part of a job that an array task does: the units whose numbers divided by ``count`` leave ``number``."""

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
            ValueError: it is none, or has changed since it was written.
        """
        try:
            content = json.loads(unsealed(text))
            return cls(**content | {"files": tuple(WrittenFile(**file) for file in content["files"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not the record of a unit: {error!r}") from error

    def to_json(self) -> str:
        """The record as it is written, with a checksum."""
        return sealed(json.dumps(asdict(self), indent=1) + "\n")


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
        """A job and its plan's fingerprint, which takes a while to compute."""
        return cls(folder, plan, plan.fingerprint)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open the job that is in a folder.

        Raises:
            OutputError: there is none, or its plan cannot be read.
        """
        path = folder / PLAN
        try:
            # What is not UTF-8 is damaged, and the plan's checksum tells so.
            text = path.read_text(encoding="utf-8", errors="replace")
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

    def record(self, unit: Unit) -> UnitRecord | None:
        """What is written of a unit that is done; ``None`` if nothing is.

        Raises:
            ValueError: what is written is damaged, or belongs to another plan or unit; says which of them.
        """
        try:
            found = UnitRecord.from_json(self.path(DONE, unit.number, "json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise ValueError(f"the record of unit {unit.number} cannot be read: {error}") from error
        if found.plan != self.fingerprint or found.unit != unit.number:
            raise ValueError(f"the record of unit {unit.number} belongs to another plan or unit")
        return found

    def done(self, unit: Unit) -> UnitRecord | None:
        """The record of a unit if it is done and its files are there, by their sizes; ``None`` if it is to be done."""
        try:
            return self._sound(unit)
        except ValueError:
            return None

    def _sound(self, unit: Unit) -> UnitRecord | None:
        record = self.record(unit)
        for file in record.files if record else ():
            try:
                size = (self.folder / file.name).stat().st_size
            except OSError as error:
                raise ValueError(f"{file.name} of unit {unit.number} is not there: {error.strerror}") from error
            if size != file.size:
                raise ValueError(f"{file.name} of unit {unit.number} has {size} bytes where {file.size} were written")
        return record

    def standing(self, units: Iterable[Unit]) -> Standing:
        """Which units are done, and which are to be done, or done again because a file or a record is damaged."""
        found = Standing()
        for unit in units:
            record = None
            try:
                record = self._sound(unit)
            except ValueError as error:
                found.problems.append(str(error))
            if record is None:
                found.todo.append(unit)
            else:
                found.done.append(record)
        return found

    def forget(self, unit: Unit) -> None:
        """Let whoever works on the job next do a unit again.

        Raises:
            OutputError: its record cannot be removed.
        """
        path = self.path(DONE, unit.number, "json")
        with reporting_write_errors(path):
            path.unlink(missing_ok=True)
            _sync_folder(path.parent)

    def begin(self, unit: Unit) -> None:
        """Write down that a process begins a unit, before it reads or labels it: it may die over it.

        Raises:
            OutputError: it cannot be written.
        """
        path = self.path(ATTEMPTS, unit.number, "txt")
        with reporting_write_errors(path), path.open("ab") as stream:
            stream.write(b".")

    def attempts(self, unit: Unit) -> int:
        """How many processes have begun a unit that is not done; this one counts once it has called :meth:`begin`."""
        try:
            return self.path(ATTEMPTS, unit.number, "txt").stat().st_size
        except FileNotFoundError:
            return 0

    def forget_attempts(self, unit: Unit) -> None:
        """Begin to count again how many processes begin a unit."""
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
        write_whole(path, record.to_json())
        with reporting_write_errors(path):
            _sync_folder(path.parent)
        self.forget_attempts(self.plan.units[record.unit])

    def clear(self, unit: Unit) -> None:
        """Remove what there is of a unit that is begun: the files of an earlier time, and half-written ones.

        Half-written ones are looked for only if a process has died over the unit: that lists folders, which grow with
        the job.
        """
        if self.attempts(unit) > 1:
            self.sweep([unit])
            return
        for kind in _FOLDERS:
            self.path(kind, unit.number, "json" if kind == DONE else "parquet").unlink(missing_ok=True)

    def sweep(self, units: Iterable[Unit]) -> None:
        """Remove every file of units that are not done; each folder is listed once, however many they are.

        Nobody else may be working on them.

        Raises:
            OutputError: a file cannot be removed.
        """
        numbers = {unit.number for unit in units}
        with reporting_write_errors(self.folder):
            for folder in (self.folder / kind for kind in _FOLDERS if numbers):
                for path in list(folder.iterdir()) if folder.is_dir() else ():
                    unit = _UNIT.match(path.name)
                    if unit is not None and int(unit[1]) in numbers:
                        path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a job is.

    Attributes:
        done: the records of units that are done.
        todo: the other units, in order.
        problems: what is damaged of units that were done before, in words.
    """

    done: list[UnitRecord] = field(default_factory=list)
    todo: list[Unit] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


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
    # One plans; tasks of an array that begin at the same moment wait for it.
    with _lock(folder / f"{LOCK}.plan", wait=True):
        is_new = not (folder / PLAN).exists()
        if is_new:
            for half in folder.glob(f".{PLAN}.*.partial"):  # of a process that was killed while it wrote the plan
                half.unlink(missing_ok=True)
            plan = make_plan(inputs, settings, model, index=index, on_bytes=on_bytes)
            write_whole(folder / PLAN, plan.to_json())
        job = Job.load(folder)
        # After the plan, which marks the folder as a job's; on every start, because the last one may have died here.
        with reporting_write_errors(folder):
            for name in (SHARDS, REJECTED, DONE, ATTEMPTS, *([MENTIONS] if job.plan.settings.mentions else [])):
                (folder / name).mkdir(exist_ok=True)
    if not is_new:
        # What can be told at once comes first: reading the input again may take an hour.
        now = replace(job.plan, model=model, settings=settings, framing=framing.__version__)
        _refuse_differences(job, now)
        again = make_plan(inputs, settings, model, index=index, earlier=job.plan, on_bytes=on_bytes)
        _refuse_differences(job, again)
    return job


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

    A whole job has the folder to itself. Array tasks share it, but each task is done by one process only, and all of
    them cut the job into the same number of parts: that number is kept in the folder until a whole job has it again.

    Raises:
        OutputError: another process has it.
        SettingError: the tasks that were here before cut the job into another number of parts.
    """
    whole = folder / LOCK
    with ExitStack() as stack:
        # One at a time looks at the locks of others and takes its own.
        with _lock(folder / f"{LOCK}.gate", wait=True):
            tasks = [path for path in sorted(folder.glob(f"{LOCK}.*-of-*")) if path.suffix != _OWNER]
            for other in [whole, *tasks] if task == WHOLE else [whole]:
                with _lock(other):
                    pass
            _agree_on_count(folder, task)
            own = whole if task == WHOLE else folder / f"{LOCK}.{task.number}-of-{task.count}"
            stack.enter_context(_lock(own))
        yield


def _agree_on_count(folder: Path, task: Task) -> None:
    path = folder / f"{LOCK}.count"
    with reporting_write_errors(path):
        if task == WHOLE:
            path.unlink(missing_ok=True)
            return
        known = path.read_text(encoding="utf-8", errors="replace").strip() if path.exists() else ""
        if not known:
            write_whole(path, f"{task.count}\n")
    if known and known != str(task.count):
        raise SettingError(
            f"--shard-of {task.number}/{task.count}: the tasks of {folder} are {known} in number, and not {task.count}",
            expected=f"K/{known}, as the tasks before",
            hint="go on with that number; or run the job once without --shard-of, which does what is left of it",
        )


@contextmanager
def _lock(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a file's lock. A file beside it says who does, as Windows lets nobody read a file that is locked."""
    lock = filelock.FileLock(path, thread_local=False)
    owner = path.with_name(path.name + _OWNER)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except filelock.Timeout as error:
        who = ""
        with suppress(OSError):
            who = owner.read_text(encoding="utf-8", errors="replace").strip()
        raise OutputError(
            f"another job works in {path.parent}" + (f": {who}" if who else ""),
            expected="one job at a time in a folder, or array tasks with --shard-of K/N, each once",
            hint="wait for it to end, or stop it; what it has done is kept",
        ) from error
    except (OSError, NotImplementedError) as error:
        raise OutputError(
            f"{path} cannot be locked: {getattr(error, 'strerror', None) or error}",
            expected="a folder that may be written to, on a file system with locks (flock)",
            hint="on a cluster, ask for it to be mounted with flock, or write to another file system",
        ) from error
    try:
        if not wait:
            with reporting_write_errors(owner):
                owner.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        lock.release()


def _sync_folder(folder: Path) -> None:
    """Write the names of a folder's files to the disk. Windows opens no folder, and does so by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
