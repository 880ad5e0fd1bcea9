"""A run of a job, whichever runner does it: what is swept before, and the one check after it that all is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from framing.batch.job import Job, UnitRecord
from framing.batch.units import Unit
from framing.errors import JobIncompleteError

#: Numbers of units that are named in a message.
_SHOWN_UNITS = 5


class Observer(Protocol):
    """Is told how a job goes."""

    def on_rows(self, rows: int, sentences: int, tokens: int) -> None:
        """So many more rows are labelled or set aside, and the model has read so many tokens meanwhile.

        Rows and sentences are negative where a process died over them: they are labelled again.
        """

    def on_done(self, record: UnitRecord) -> None:
        """A unit is done."""


#: Works through units of a job, tells an observer, and returns what went wrong without ending it, in words.
Runner = Callable[[Job, Sequence[Unit], Observer], Sequence[str]]


def complete(job: Job, units: Sequence[Unit], runner: Runner, observer: Observer) -> Sequence[str]:
    """Have units done, all of them. The folder must be locked.

    Args:
        job: whose units they are.
        units: to be done; what a process that was killed has left of them is removed first.
        runner: does them.
        observer: is told how it goes.

    Returns:
        What went wrong without ending the run, in words.

    Raises:
        JobIncompleteError: the runner ended, and units are not done.
        FramingError: what the runner ran into.
    """
    job.sweep(units)
    hearing = _Hearing(observer)
    troubles = runner(job, units, hearing)
    # What was not heard of may be done all the same, by a process that died before it could say so.
    left = [unit for unit in units if unit.number not in hearing.done and job.done(unit) is None]
    if left:
        numbers = [str(unit.number) for unit in left[:_SHOWN_UNITS]] + ["…"] * (len(left) > _SHOWN_UNITS)
        why = "; ".join(troubles) or "the processes ended without telling why"
        raise JobIncompleteError(
            f"{len(left):,} of {len(units):,} units are not done ({', '.join(numbers)}), "
            f"{sum(unit.rows for unit in left):,} rows: {why}",
            expected="every unit done",
            hint="see whether memory ran out (dmesg, nvidia-smi), and start the job again, with fewer processes where "
            "it did; the units that are done are kept",
        )
    return troubles


class _Hearing:
    """Passes on how it goes, and keeps the numbers of the units that are done."""

    def __init__(self, observer: Observer) -> None:
        self.done: set[int] = set()
        self._observer = observer

    def on_rows(self, rows: int, sentences: int, tokens: int) -> None:
        self._observer.on_rows(rows, sentences, tokens)

    def on_done(self, record: UnitRecord) -> None:
        self.done.add(record.unit)
        self._observer.on_done(record)
