"""What is to be told at the end: what was set aside, and what a format could not hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from framing.errors import FramingError, InputError
from framing.types import Rejected


@dataclass(slots=True)
class Notes:
    """Counts of a conversion, gathered while it runs.

    Attributes:
        on_reject: is told of every row that is set aside; if ``None``, the first one ends the conversion.
        lost: what the format that is written cannot hold, or what was not read -> how often.
        rejected: rows that were set aside.
        passages, spans, labels: that were written.
    """

    on_reject: Callable[[Rejected], None] | None = None
    lost: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    passages: int = 0
    spans: int = 0
    labels: int = 0

    def lose(self, what: str, count: int = 1) -> None:
        """Note that something is lost; nothing is noted of none."""
        if count:
            self.lost[what] += count

    def wrote(self, spans: int, labels: int) -> None:
        """Count a passage that is written."""
        self.passages += 1
        self.spans += spans
        self.labels += labels

    def check_written(self) -> None:
        """See that something is written, before the output gets its name.

        Raises:
            InputError: nothing is.
        """
        if not self.passages:
            raise InputError("nothing is left to be written", expected="at least one text that the format can hold")

    def set_aside(self, rejected: Rejected) -> None:
        """Note that a row is left out.

        Raises:
            InputError: there is no ``on_reject``.
        """
        self.rejected += 1
        if self.on_reject is None:
            raise InputError(
                f"{rejected.where}: {rejected.reason}",
                hint="mend the row, or have bad rows set aside (in Python: on_reject=...)",
            )
        self.on_reject(rejected)

    @contextmanager
    def setting_aside(self, where: str, value: object = "", row: int | None = None) -> Iterator[None]:
        """Set a row aside if what is done with it in the block raises an error of framing."""
        try:
            yield
        except FramingError as error:
            reason = "; ".join(filter(None, (error.reason, error.hint)))
            self.set_aside(Rejected(where, reason, str(value)[:200], row))
