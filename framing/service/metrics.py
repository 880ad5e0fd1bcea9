"""Counts of what the service did, in the text format that Prometheus reads."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable

#: Of the answer of ``GET /metrics``.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Name -> what it counts. All of them only grow.
_COUNTERS = {
    "framing_requests_total": "Requests answered, by path and status.",
    "framing_request_seconds_total": "Seconds from a request to its answer, by path.",
    "framing_documents_total": "Documents labelled.",
    "framing_sentences_total": "Sentences labelled.",
    "framing_batches_total": "Calls of the labeler.",
    "framing_labelling_seconds_total": "Seconds in calls of the labeler.",
}
#: Name -> what it measures now.
_GAUGES = {
    "framing_queue": "Requests for labels in work: read, waiting, being labelled, being answered.",
    "framing_queue_limit": "How many of them there may be.",
}


class Metrics:
    """Counters. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: defaultdict[tuple[str, str], float] = defaultdict(float)

    def add(self, name: str, value: float = 1, **labels: str | int) -> None:
        """Add to a counter.

        Args:
            name: without ``framing_`` and ``_total``.
            value: not negative.
            labels: of the sample; their values are of the service's own making, so they need no escapes.
        """
        written = ",".join(f'{key}="{label}"' for key, label in labels.items())
        with self._lock:
            self._values[f"framing_{name}_total", written] += value

    def text(self, **gauges: float) -> str:
        """All counters in the text format.

        Args:
            gauges: name without ``framing_`` -> value.
        """
        with self._lock:
            known = sorted(self._values.items())
        lines: list[str] = []
        for name, told in _COUNTERS.items():
            samples = [(labels, value) for (of, labels), value in known if of == name]
            lines += _lines(name, told, "counter", samples or [("", 0)])
        for name, told in _GAUGES.items():
            lines += _lines(name, told, "gauge", [("", gauges[name.removeprefix("framing_")])])
        return "\n".join(lines) + "\n"


def _lines(name: str, told: str, kind: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    shown = (f"{name}{{{labels}}} {value:.12g}" if labels else f"{name} {value:.12g}" for labels, value in samples)
    return [f"# HELP {name} {told}", f"# TYPE {name} {kind}", *shown]
