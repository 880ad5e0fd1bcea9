"""One system in a process of its own: reads requests from standard input, answers on standard output.

``python -m benchmarks.harness.worker`` serves all kinds of systems; another module may serve others with :func:`serve`.
What libraries print goes to standard error, so that it cannot come between the answers.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from benchmarks.harness.limit import Limit
from benchmarks.harness.protocol import Request, SystemSpec
from benchmarks.harness.systems import FramingSystem, LabellingSystem, Opener, System
from benchmarks.throughput.peers import PEERS
from framing.errors import MissingExtraError, SettingError
from framing.speed import peak_memory, take, time_each, time_steps

#: Kind of a system -> what opens it.
KINDS: Mapping[str, Opener] = {"framing": FramingSystem, "gemm": Limit, **PEERS}


class Worker:
    """Holds one system and answers requests about it.

    Args:
        kinds: kind -> what opens it.
    """

    def __init__(self, kinds: Mapping[str, Opener]) -> None:
        self._kinds = kinds
        self._system: System | None = None
        self._sentences: list[str] = []
        self._actions: dict[Request, Callable[..., Any]] = {
            Request.OPEN: self._open,
            Request.ROUND: self._round,
            Request.LABEL: self._label,
            Request.LATENCY: self._latency,
            Request.SPLIT: self._split,
            Request.STREAM: self._stream,
            Request.MEMORY: peak_memory,
            Request.MODULES: lambda: sorted({name.partition(".")[0] for name in sys.modules}),
        }

    def answer(self, request: str, **arguments: Any) -> Any:
        """Do what is asked and return the result, JSON-ready."""
        return self._actions[Request(request)](**arguments)

    def _open(self, spec: dict[str, Any], checkpoint: str, sentences: list[str]) -> dict[str, Any]:
        wanted = SystemSpec(**spec)
        if wanted.kind not in self._kinds:
            raise SettingError(f"the kind {wanted.kind!r} is unknown", expected=", ".join(self._kinds))
        self._sentences = sentences
        self._system = self._kinds[wanted.kind](wanted, Path(checkpoint))
        same_weights = isinstance(self._system, LabellingSystem) and self._system.same_weights
        return {"same_weights": same_weights, "description": self._system.describe()}

    def _round(self, first: int, count: int) -> dict[str, float]:
        sentences, system = take(self._sentences, first, count), self._opened(System)
        used, started = time.process_time(), time.perf_counter()
        figures = system.round(sentences)
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "cpu_seconds": time.process_time() - used, **figures}

    def _label(self, first: int, count: int) -> list[dict[str, Any]]:
        outcomes = self._opened(LabellingSystem).outcomes(take(self._sentences, first, count))
        return [asdict(outcome) for outcome in outcomes]

    def _latency(self, first: int, count: int) -> list[float]:
        system: LabellingSystem = self._opened(LabellingSystem)
        return time_each(system.label, take(self._sentences, first, count))

    def _split(self, first: int, count: int) -> dict[str, float]:
        return time_steps(self._opened(FramingSystem).labeler, take(self._sentences, first, count))

    def _stream(self, count: int) -> dict[str, float]:
        system, started = self._opened(FramingSystem), time.perf_counter()
        labelled = system.stream(self._sentences, count)
        return {"seconds": time.perf_counter() - started, "sentences": labelled}

    def _opened(self, kind: type[Any]) -> Any:
        if not isinstance(self._system, kind):
            raise SettingError(f"the system is {self._system!r}", expected=f"an open {kind.__name__}")
        return self._system


def serve(kinds: Mapping[str, Opener]) -> None:
    """Answer requests from standard input until it ends."""
    answers = claim_standard_output()
    worker = Worker(kinds)
    for line in sys.stdin:
        answers.write(json.dumps(_answered(worker, json.loads(line))) + "\n")
        answers.flush()


def _answered(worker: Worker, message: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"answer": worker.answer(**message)}
    except Exception as error:  # whatever a library raises, whoever asked must hear of it
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}", "missing": isinstance(error, MissingExtraError)}


def claim_standard_output() -> TextIO:
    """Standard output for the answers alone; what else is printed to it, by C libraries too, goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


if __name__ == "__main__":
    serve(KINDS)
