"""How a job goes: counts, rates, what is left, what it costs; as lines of JSON for schedulers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TextIO

from framing.batch.job import UnitRecord

#: What the records of units are added up to.
_OF_UNITS = ("rows", "labelled", "rejected", "copies", "sentences", "mentions")


@dataclass(slots=True)
class Tally:
    """Counts of a run.

    Attributes:
        units_total, rows_total: of the whole job, or of the array task.
        units, rows, labelled, rejected, copies, sentences, mentions: of the units that are done, those of earlier runs
            included. Copies are among the labelled rows.
        rows_earlier: of them, what this run found done.
        rows_now, sentences_now: labelled by this run; of units that are not done yet, too.
        tokens_now: that the model has read in this run; copies need none.
        clock: seconds, ever increasing.
        started: the clock when labelling began.
    """

    units_total: int
    rows_total: int
    units: int = 0
    rows: int = 0
    labelled: int = 0
    rejected: int = 0
    copies: int = 0
    sentences: int = 0
    mentions: int = 0
    rows_earlier: int = 0
    rows_now: int = 0
    sentences_now: int = 0
    tokens_now: int = 0
    clock: Callable[[], float] = time.perf_counter
    started: float = 0.0

    def begin(self, earlier: Iterable[UnitRecord]) -> None:
        """Count what earlier runs have done, and start the clock."""
        for record in earlier:
            self.on_done(record)
        self.rows_earlier = self.rows
        self.started = self.clock()

    def on_rows(self, rows: int, sentences: int, tokens: int) -> None:
        """Count rows as they are labelled, and tokens as they are read; less, where a process died over rows."""
        self.rows_now += rows
        self.sentences_now += sentences
        self.tokens_now += tokens

    def on_done(self, record: UnitRecord) -> None:
        """Count a unit that is done."""
        self.units += 1
        for name in _OF_UNITS:
            setattr(self, name, getattr(self, name) + getattr(record, name))

    @property
    def adds_up(self) -> bool:
        """Whether every row that was planned is labelled or set aside; to be asked at the end."""
        return self.rows_total == self.rows == self.labelled + self.rejected

    @property
    def seconds(self) -> float:
        """Since labelling began."""
        return self.clock() - self.started

    @property
    def rows_per_second(self) -> float:
        """Of this run."""
        return self.rows_now / max(self.seconds, 1e-9)

    @property
    def sentences_per_second(self) -> float:
        """Of this run; copies count, as they are written out."""
        return self.sentences_now / max(self.seconds, 1e-9)

    @property
    def tokens_per_second(self) -> float:
        """Of this run."""
        return self.tokens_now / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """At the rate of this run; ``None`` before there is one."""
        left = self.rows_total - self.rows_earlier - self.rows_now
        return max(0, left) / self.rows_per_second if self.rows_now else None

    def cost_per_million(self, price_per_hour: float) -> float | None:
        """What a million sentences cost in this run, in the currency of the price; ``None`` if it labelled none."""
        if not self.sentences_now:
            return None
        return price_per_hour * self.seconds / 3600 / self.sentences_now * 1_000_000

    def to_dict(self) -> dict[str, Any]:
        """The counts and rates, JSON-ready."""
        left = self.seconds_left
        return {
            "units": self.units,
            "units_total": self.units_total,
            "rows": self.rows,
            "rows_total": self.rows_total,
            **{name: getattr(self, name) for name in _OF_UNITS[1:]},
            "seconds": round(self.seconds, 3),
            "rows_per_second": round(self.rows_per_second, 1),
            "sentences_per_second": round(self.sentences_per_second, 1),
            "tokens_per_second": round(self.tokens_per_second, 1),
            "seconds_left": None if left is None else round(left, 1),
        }


class JsonProgress:
    """Writes a line of JSON whenever a unit is done, and at the end.

    Args:
        tally: what is counted.
        stream: takes the lines.
    """

    def __init__(self, tally: Tally, stream: TextIO) -> None:
        self._tally = tally
        self._stream = stream

    def on_rows(self, rows: int, sentences: int, tokens: int) -> None:
        """Count rows."""
        self._tally.on_rows(rows, sentences, tokens)

    def on_done(self, record: UnitRecord) -> None:
        """Count a unit and write a line."""
        self._tally.on_done(record)
        self.say("progress", unit=record.unit)

    def say(self, event: str, **more: Any) -> None:
        """Write a line: the event and the tally."""
        self._stream.write(json.dumps({"event": event, **more, **self._tally.to_dict()}) + "\n")
        self._stream.flush()
