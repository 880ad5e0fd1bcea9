"""Documents of many requests, labelled together by one thread.

Each document has a turn: when it came, and the time that the documents before it in its request and itself will take.
The thread takes those whose turn is first. So a request of a hundred articles does not stand before one of a single
sentence that comes a moment later, and no document waits for ever. What a document cannot be labelled for is its own:
the others of its batch are then labelled one by one.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from queue import Empty, PriorityQueue

from framing.errors import ServiceError
from framing.labeler import Labeler
from framing.service.metrics import Metrics
from framing.types import Document, DocumentLabels

#: What became of a document: its labels, or why there are none.
Outcome = DocumentLabels | Exception

#: Code points of a batch: enough for windows of like length to be found, and not so many that small requests wait long.
_MOST_CHARACTERS = 32_000
#: Code points a second, before any were labelled.
_FIRST_GUESS = 20_000.0
_LONGEST_RETRY = 60

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Request:
    """Documents that came together.

    Attributes:
        outcomes: of each document, once it is known.
        left: documents without an outcome.
        future: of all outcomes.
    """

    outcomes: list[Outcome | None]
    left: int
    future: Future[list[Outcome]] = field(default_factory=Future)

    def finish(self, place: int, outcome: Outcome) -> None:
        """Set the outcome of a document; the last one completes the request."""
        self.outcomes[place] = outcome
        self.left -= 1
        if not self.left and self.future.set_running_or_notify_cancel():
            self.future.set_result([one for one in self.outcomes if one is not None])


@dataclass(order=True, slots=True)
class _Entry:
    """A document in the queue, ordered by its turn.

    Attributes:
        turn: seconds of the monotonic clock; infinite for the end of the queue.
        number: entries with the same turn go in the order of their numbers.
        arrived: seconds of the monotonic clock.
        document, request, place: which document it is; ``None`` for the end of the queue.
    """

    turn: float
    number: int
    arrived: float = field(compare=False)
    document: Document | None = field(default=None, compare=False)
    request: _Request | None = field(default=None, compare=False)
    place: int = field(default=0, compare=False)


class Batcher:
    """Labels documents on a thread of its own, between :meth:`start` and :meth:`close`.

    Args:
        labeler: what labels.
        metrics: where batches, documents, sentences and seconds are counted.
        wait: seconds that a document waits for others.
    """

    def __init__(self, labeler: Labeler, metrics: Metrics, *, wait: float) -> None:
        self._labeler = labeler
        self._metrics = metrics
        self._wait = wait
        self._entries: PriorityQueue[_Entry] = PriorityQueue()
        self._numbers = count()
        self._lock = threading.Lock()
        self._waiting = 0  # code points
        self._rate = _FIRST_GUESS  # code points a second
        self._thread: threading.Thread | None = None

    @property
    def is_ready(self) -> bool:
        """Whether documents are taken."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def seconds_waiting(self) -> int:
        """How long the documents in the queue will take, in whole seconds, from 1 to 60."""
        return max(1, min(_LONGEST_RETRY, math.ceil(self._waiting / self._rate)))

    def start(self) -> None:
        """Begin to take documents.

        Raises:
            RuntimeError: it has begun already.
        """
        if self.is_ready:
            raise RuntimeError("the batcher runs already; an application has one lifespan at a time")
        self._thread = threading.Thread(target=self._work, name="framing-batcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more documents, label those that are there, and return when that is done."""
        with self._lock:  # so that no document comes after the end of the queue
            thread, self._thread = self._thread, None
            if thread is not None:
                self._entries.put(_Entry(math.inf, next(self._numbers), time.monotonic()))
        if thread is not None:
            thread.join()

    def submit(self, documents: Sequence[Document]) -> Future[list[Outcome]]:
        """Have documents labelled.

        Args:
            documents: of one request; at least one.

        Returns:
            What becomes of each, in order. Cancelled, those not yet labelled are left out.

        Raises:
            ServiceError: the service has not begun or is about to end.
        """
        request = _Request([None] * len(documents), len(documents))
        now = turn = time.monotonic()
        with self._lock:
            if not self.is_ready:
                raise ServiceError("the service is not ready", status=503, retry_after=5, hint="ask again in a moment")
            for place, document in enumerate(documents):
                self._waiting += len(document.text)
                turn += len(document.text) / self._rate
                self._entries.put(_Entry(turn, next(self._numbers), now, document, request, place))
        return request.future

    def _work(self) -> None:
        while (first := self._entries.get()).document is not None:
            self._label(self._gathered(first))

    def _gathered(self, first: _Entry) -> list[_Entry]:
        """The documents that are labelled with one: those in the queue, and those that come while it waits."""
        group, size = [first], _length(first)
        until = first.arrived + self._wait
        while size < _MOST_CHARACTERS:
            try:
                entry = self._entries.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                break
            if entry.document is None or size + _length(entry) > _MOST_CHARACTERS:
                self._entries.put(entry)  # its turn comes again
                break
            group.append(entry)
            size += _length(entry)
        with self._lock:
            self._waiting -= size
        return [entry for entry in group if entry.request and not entry.request.future.cancelled()]

    def _label(self, group: Sequence[_Entry]) -> None:
        if not group:
            return
        started = time.perf_counter()
        try:
            found = list(self._labeler.documents(entry.document for entry in group if entry.document))
        except Exception as error:
            if len(group) > 1:
                for entry in group:
                    self._label([entry])
                return
            _log.exception("a document of %d code points cannot be labelled", _length(group[0]))
            _finish(group, [error])
            return
        seconds = time.perf_counter() - started
        self._rate = 0.8 * self._rate + 0.2 * sum(map(_length, group)) / max(seconds, 1e-6)
        self._metrics.add("batches")
        self._metrics.add("documents", len(group))
        self._metrics.add("sentences", sum(map(len, found)))
        self._metrics.add("labelling_seconds", seconds)
        _finish(group, found)


def _finish(group: Sequence[_Entry], outcomes: Sequence[Outcome]) -> None:
    for entry, outcome in zip(group, outcomes, strict=True):
        if entry.request:
            entry.request.finish(entry.place, outcome)


def _length(entry: _Entry) -> int:
    return 0 if entry.document is None else len(entry.document.text)
