"""The local runner: one process for one device, a process of its own for each of several.

A thread reads two units ahead of labelling, and another writes a few pieces behind it. Memory is bounded by three units
of input and some thousand labelled sentences.
"""

from __future__ import annotations

import pickle
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from framing.batch.job import Job, UnitRecord
from framing.batch.processes import Child, end_with_parent
from framing.batch.reader import UnitReader, UnitRows
from framing.batch.runs import Observer
from framing.batch.units import Unit
from framing.batch.work import DEATHS, Worker
from framing.errors import FramingWarning, WorkerDiedError
from framing.labeler import Labeler, load

#: Units that are read before they are needed.
_READ_AHEAD = 2
#: Processes that may die over a unit before the job gives up; the last of them has looked for rows that kill.
LAST_DEATH = DEATHS + 1
#: Processes in a row that may die on a device before they ask for a unit, while they load.
STARTS = 3


def run(job: Job, labeler: Labeler, units: Iterator[Unit], observer: Observer) -> None:
    """Work through units in this process.

    Args:
        job: whose units they are.
        labeler: what labels them.
        units: are asked for as they are needed.
        observer: is told how it goes, in this thread.

    Raises:
        InputError: the input has changed since the job was planned.
        OutputError: the disk is full, or the output cannot be written for another reason.
    """
    with closing(UnitReader(job.plan)) as reader, closing(Worker(job, labeler, observer.on_rows)) as worker:
        reading = ThreadPoolExecutor(1, "framing-reading")
        try:
            _work_through(units, lambda unit: reading.submit(reader.read, unit), worker, observer)
        finally:
            reading.shutdown(cancel_futures=True)


def _work_through(
    units: Iterator[Unit], read: Callable[[Unit], Future[UnitRows]], worker: Worker, observer: Observer
) -> None:
    ahead = deque(map(read, islice(units, _READ_AHEAD)))
    writing: deque[Future[UnitRecord]] = deque()
    while ahead:
        found = ahead.popleft().result()
        worker.job.begin(found.unit)
        ahead.extend(map(read, islice(units, 1)))
        writing.append(worker.work(found))
        # The unit before this one was written while this one was labelled. One over which a process has died is alone
        # in hand to its end, so that it is not blamed for what comes after it.
        in_hand = 1 if worker.job.attempts(found.unit) <= 1 else 0
        while len(writing) > in_hand:
            observer.on_done(writing.popleft().result())
    for last in writing:
        observer.on_done(last.result())


# --- several devices --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Process:
    """A process that labels on one device."""

    device: str
    child: Child
    #: Units that it was given and has not finished; it works on the first.
    units: list[Unit] = field(default_factory=list)
    #: Whether it has loaded the model and asked for a unit.
    is_ready: bool = False
    #: Rows and sentences that it has told of, of units that are not done.
    rows: int = 0
    sentences: int = 0


def run_on_devices(
    job: Job, units: Sequence[Unit], devices: Sequence[str], loading: dict[str, Any], observer: Observer
) -> list[str]:
    """Work through units in one process a device; each asks for the next unit when it can read it.

    A process that dies (killed for memory, a crash of a driver) is replaced, and what it had not finished is given to
    another; the third that is given a unit sets the rows aside that kill (:mod:`framing.batch.trial`). Where
    :data:`STARTS` in a row die while they load, the device is given up, and the others do the rest.

    Args:
        job: whose units they are.
        units: to be done.
        devices: one process each.
        loading: arguments of :func:`framing.load`, but for the device.
        observer: is told how it goes.

    Returns:
        Which devices were given up, in words; where none is left, units remain (:mod:`framing.batch.runs` tells).

    Raises:
        WorkerDiedError: the same unit was in the hands of three processes that died.
        FramingError: what a process ran into.
    """
    return _Devices(job, units, loading, observer).run(devices)


class _Devices:
    def __init__(self, job: Job, units: Sequence[Unit], loading: dict[str, Any], observer: Observer) -> None:
        self._job = job
        self._todo = deque(units)
        self._loading = loading
        self._observer = observer
        self._deaths: Counter[int] = Counter()
        self._failed_starts: Counter[str] = Counter()
        self._given_up: list[str] = []
        self._running: dict[Connection, _Process] = {}

    def run(self, devices: Sequence[str]) -> list[str]:
        try:
            for device in devices:
                self._start(device)
            while self._running:
                for ready in wait(list(self._running)):
                    assert isinstance(ready, Connection)
                    self._hear(self._running[ready])
        finally:
            for process in self._running.values():
                process.child.process.kill()
                process.child.process.join()
        return self._given_up

    def _start(self, device: str) -> None:
        child = Child.start(_process, self._job.folder, self._loading | {"device": device})
        self._running[child.connection] = _Process(device, child)

    def _hear(self, process: _Process) -> None:
        try:
            message = process.child.connection.recv()
        except (EOFError, ConnectionResetError):
            self._bury(process)
            return
        match message:
            case "next":
                process.is_ready = True
                self._failed_starts[process.device] = 0
                self._give(process)
            case ("rows", rows, sentences, tokens):
                process.rows += rows
                process.sentences += sentences
                self._observer.on_rows(rows, sentences, tokens)
            case ("done", record):
                process.rows -= record.rows
                process.sentences -= record.sentences
                process.units = [unit for unit in process.units if unit.number != record.unit]
                self._observer.on_done(record)
            case ("warning", warning):
                warnings.warn(warning, stacklevel=2)
            case ("failed", error):
                raise error

    def _give(self, process: _Process) -> None:
        unit = self._todo.popleft() if self._todo else None
        if unit is not None:
            process.units.append(unit)
        with suppress(OSError):  # it has died meanwhile, which is heard next
            process.child.connection.send(unit.number if unit is not None else None)

    def _bury(self, process: _Process) -> None:
        """A process has ended: well if it has finished all it was given."""
        del self._running[process.child.connection]
        exit_code = process.child.exit_code()
        if not process.is_ready:
            self._start_again(process.device, exit_code)
            return
        if not process.units:
            return
        # Whoever does its units next counts their rows again.
        self._observer.on_rows(-process.rows, -process.sentences, 0)
        # It worked on the first; those after it were only being read.
        first = process.units[0]
        self._deaths[first.number] += 1
        if self._deaths[first.number] == LAST_DEATH:
            planned = self._job.plan.file_of(first)
            raise WorkerDiedError(
                f"the process on {process.device} died (exit code {exit_code}) over unit "
                f"{first.number}, rows {first.first} and on of {planned.label}, as {DEATHS} others did before it; "
                "no row was found that kills by itself",
                expected="a process that ends by itself",
                hint="see whether the machine ran out of memory (dmesg); the units that are done are kept",
            )
        self._todo.extendleft(reversed(process.units))
        self._start(process.device)

    def _start_again(self, device: str, exit_code: int) -> None:
        """A process has died before it asked for a unit; give the device up where that happens again and again."""
        self._failed_starts[device] += 1
        if self._failed_starts[device] >= STARTS:
            self._given_up.append(
                f"{STARTS} processes in a row died while they loaded the model on {device} (exit code {exit_code})"
            )
        elif self._todo:
            self._start(device)


def _process(connection: Connection, folder: Path, loading: dict[str, Any]) -> None:
    """What runs in each process: works on the units that it is given, one after the other."""
    end_with_parent()
    try:
        job = Job.load(folder)
        telling = _Telling(connection)
        with telling.of_warnings(), load(**loading) as labeler:
            run(job, labeler, _given(connection, job), telling)
    except KeyboardInterrupt:
        return  # the parent has heard it as well, and says so
    except Exception as error:
        with suppress(OSError):  # nobody hears it if the parent has ended
            connection.send(("failed", _sendable(error)))
    connection.close()


def _given(connection: Connection, job: Job) -> Iterator[Unit]:
    while True:
        connection.send("next")
        number = connection.recv()
        if number is None:
            return
        yield job.plan.units[number]


class _Telling:
    """Tells the parent how it goes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows = self._sentences = self._tokens = 0
        self._warnings: deque[Warning | str] = deque()

    @contextmanager
    def of_warnings(self) -> Iterator[None]:
        """Within, warnings of framing go to the parent, which tells each once for all processes."""
        with warnings.catch_warnings():
            as_python_does = warnings.showwarning

            def tell(message: Warning | str, category: type[Warning], *rest: Any, **named: Any) -> None:
                if issubclass(category, FramingWarning):
                    self._warnings.append(message)  # a reading thread may come here, and only one thread may send
                else:
                    as_python_does(message, category, *rest, **named)

            warnings.showwarning = tell
            try:
                yield
            finally:
                with suppress(OSError):  # nobody hears it if the parent has ended
                    self._tell_warnings()

    def on_rows(self, rows: int, sentences: int, tokens: int) -> None:
        self._rows += rows
        self._sentences += sentences
        self._tokens += tokens
        if self._rows >= 256:
            self._tell()

    def on_done(self, record: UnitRecord) -> None:
        self._tell()
        self._connection.send(("done", record))

    def _tell_warnings(self) -> None:
        while self._warnings:
            self._connection.send(("warning", self._warnings.popleft()))

    def _tell(self) -> None:
        self._tell_warnings()
        self._connection.send(("rows", self._rows, self._sentences, self._tokens))
        self._rows = self._sentences = self._tokens = 0


def _sendable(error: Exception) -> Exception:
    """The error, or one that says the same where it cannot be passed on."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
