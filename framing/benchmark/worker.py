"""One system in a process of its own: reads requests from standard input, answers on standard output.

``python -m framing.benchmark.worker`` serves the systems that come with the package; another module may serve more
with :func:`serve`. What libraries print goes to standard error, so that it cannot come between the answers.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

from framing.benchmark.protocol import Request, SystemSpec
from framing.benchmark.sentences import take
from framing.benchmark.systems import FramingSystem, LabellingSystem, Opener, System
from framing.errors import MissingExtraError, SettingError


def _open_limit(spec: SystemSpec, checkpoint: Path) -> System:
    from framing.benchmark.limits import GemmLimit

    return GemmLimit(spec, checkpoint)


#: Kind -> what opens it, of the systems that come with the package.
OWN_SYSTEMS: Mapping[str, Opener] = {"framing": FramingSystem, "gemm": _open_limit}


class Worker:
    """Does what it is asked with one system.

    Args:
        openers: kind -> what opens it.
    """

    def __init__(self, openers: Mapping[str, Opener]) -> None:
        self._openers = openers
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
            Request.MODULES: _loaded_modules,
            Request.CLOSE: lambda: None,
        }

    def answer(self, request: str, **arguments: Any) -> Any:
        """Do it, and say what came of it, JSON-ready."""
        return self._actions[Request(request)](**arguments)

    def _open(self, spec: dict[str, Any], checkpoint: str, sentences: list[str]) -> dict[str, Any]:
        wanted = SystemSpec(**spec)
        if wanted.kind not in self._openers:
            raise SettingError(f"the kind {wanted.kind!r} is unknown", expected=", ".join(self._openers))
        self._sentences = sentences
        self._system = self._openers[wanted.kind](wanted, Path(checkpoint))
        same_weights = isinstance(self._system, LabellingSystem) and self._system.same_weights
        return {"same_weights": same_weights, "description": self._system.describe()}

    def _round(self, first: int, count: int) -> dict[str, float]:
        sentences = take(self._sentences, first, count)
        system = self._opened()
        used = time.process_time()
        started = time.perf_counter()
        figures = system.round(sentences)
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "cpu_seconds": time.process_time() - used, **figures}

    def _label(self, first: int, count: int) -> list[dict[str, Any]]:
        outcomes = self._labelling().outcomes(take(self._sentences, first, count))
        return [{"probabilities": outcome.probabilities, "labels": outcome.labels} for outcome in outcomes]

    def _latency(self, first: int, count: int) -> list[float]:
        system = self._labelling()
        seconds = []
        for sentence in take(self._sentences, first, count):
            started = time.perf_counter()
            system.label([sentence])
            seconds.append(time.perf_counter() - started)
        return seconds

    def _split(self, first: int, count: int) -> dict[str, float]:
        return self._framing().split(take(self._sentences, first, count))

    def _stream(self, count: int) -> dict[str, float]:
        system = self._framing()
        started = time.perf_counter()
        labelled = system.stream(self._sentences, count)
        return {"seconds": time.perf_counter() - started, "sentences": labelled}

    def _opened(self) -> System:
        if self._system is None:
            raise SettingError("no system is open", expected=f"the request {Request.OPEN} first")
        return self._system

    def _labelling(self) -> LabellingSystem:
        system = self._opened()
        if not isinstance(system, LabellingSystem):
            raise SettingError(f"{type(system).__name__} labels no sentences", expected="a system that does")
        return system

    def _framing(self) -> FramingSystem:
        system = self._opened()
        if not isinstance(system, FramingSystem):
            raise SettingError(f"{type(system).__name__} cannot be seen into", expected="a system of kind 'framing'")
        return system


def serve(openers: Mapping[str, Opener]) -> None:
    """Answer requests from standard input until it ends or one says so."""
    answers = _claim_standard_output()
    worker = Worker(openers)
    for line in sys.stdin:
        message = json.loads(line)
        answers.write(json.dumps(_answered(worker, message)) + "\n")
        answers.flush()
        if message["request"] == Request.CLOSE:
            return


def _answered(worker: Worker, message: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"answer": worker.answer(**message)}
    except Exception as error:  # whatever a library raises, whoever asked must hear of it
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}", "missing": isinstance(error, MissingExtraError)}


def _claim_standard_output() -> TextIO:
    """Standard output for the answers alone; what else is printed to it, by C libraries too, goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def peak_memory(process: int | str = "self") -> int | None:
    """The most bytes of a process that were resident at a time; ``None`` where the system does not tell.

    Args:
        process: its number; this one's where none is given.
    """
    try:
        for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
            # Not ru_maxrss, which a process inherits from the one that started it.
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    if sys.platform != "darwin" or process != "self":
        return None
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _loaded_modules() -> list[str]:
    return sorted({name.partition(".")[0] for name in sys.modules})


if __name__ == "__main__":
    serve(OWN_SYSTEMS)
