"""A job in a process of its own, which can be killed; imported by that process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from framing.batch import local, trial
from framing.batch.job import WHOLE, UnitRecord, create_folder, locked, open_job
from framing.batch.local import run
from framing.batch.plan import Model, Settings
from framing.batch.progress import Tally
from framing.labeler import Labeler, load

#: A sentence that begins so ends the process that labels it, where rows are let kill.
DEADLY = "Poison"


def work(
    connection: Connection, corpus: Path, folder: Path, settings: Settings, model: Model, checkpoint: Path
) -> None:
    """Do a job as the command does it, and tell when labelling begins, and when a unit is done."""
    create_folder(folder, fresh=False)
    with locked(folder, WHOLE), load(checkpoint, engine="onnx", threads=1) as labeler:
        job = open_job([str(corpus)], folder, settings, model)
        todo = [unit for unit in job.plan.units if job.done(unit) is None]
        connection.send("begins")
        run(job, labeler, iter(todo), Telling(connection))


class Telling(Tally):
    """Tells of each unit, so that a killer can go by the work and not by the clock."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(0, 0)
        self._connection = connection

    def on_done(self, record: UnitRecord) -> None:
        self._connection.send("done")


def die(connection: Connection, folder: Path, loading: dict[str, Any]) -> None:
    """Take a unit and crash, as a process does of which a driver breaks."""
    connection.send("next")
    connection.recv()
    os._exit(11)


# --- rows that kill ---------------------------------------------------------------------------------------------------

_process_of_runner, _process_of_trial = local._process, trial._process


def let_rows_kill() -> None:
    """In this process some sentences end it, as a crash of native code does: nothing is raised, nothing cleaned up."""
    encoded = Labeler._encoded

    def deadly(self: Labeler, items: Any) -> Any:
        if any(sentence.text.startswith(DEADLY) for _, sentence, _ in items):
            os.kill(os.getpid(), signal.SIGSEGV)
        return encoded(self, items)

    Labeler._encoded = deadly  # type: ignore[method-assign]
    trial._process = deadly_trial


def deadly_work(*arguments: Any) -> None:
    """As :func:`work`, where rows kill."""
    let_rows_kill()
    work(*arguments)


def deadly_process(*arguments: Any) -> None:
    """As a process of the local runner on several devices, where rows kill."""
    let_rows_kill()
    _process_of_runner(*arguments)


def deadly_trial(*arguments: Any) -> None:
    """As the process in which rows are tried, where rows kill."""
    let_rows_kill()
    _process_of_trial(*arguments)


def die_at_once(*arguments: Any) -> None:
    """As a process in which rows are tried, of which nothing can be loaded."""
    os._exit(3)


def deadly_runner() -> Any:
    """The class of the Ray runner's actors, where rows kill."""
    from framing.batch.ray import UnitRunner

    class DeadlyRunner(UnitRunner):
        def __init__(self, *arguments: Any) -> None:
            let_rows_kill()
            super().__init__(*arguments)

    return DeadlyRunner


def die_at_first_start(*arguments: Any) -> None:
    """As a process of the local runner, of which the first dies while it loads."""
    mark = Path(os.environ["FRAMING_TEST_DIES_ONCE"])
    if not mark.exists():
        mark.touch()
        os._exit(3)
    _process_of_runner(*arguments)


def alive(session: int) -> list[int]:
    """The processes of a session that live, but for Python's own tracker of shared memory."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, its_session = (path / "stat").read_text().rpartition(")")[2].split()[:4]
            is_tracker = b"resource_tracker" in (path / "cmdline").read_bytes()
        except OSError:
            continue
        if int(its_session) == session and state != "Z" and not is_tracker:
            found.append(int(path.name))
    return found


def start_stuck(name: str) -> None:
    """Start a process of a job, and wait for it; it says its number, and then loads for a minute."""
    process = multiprocessing.get_context("spawn").Process(target=_stuck, args=(name,))
    process.start()
    process.join()


def _stuck(name: str) -> None:
    def load(**loading: Any) -> Any:
        print(os.getpid(), flush=True)
        time.sleep(60)

    here, _ = multiprocessing.Pipe()
    if name == "local":
        vars(local).update(load=load, Job=SimpleNamespace(load=lambda folder: None))
        _process_of_runner(here, Path(), {})
    else:
        vars(trial).update(load=load)
        _process_of_trial(here, {}, False)
