"""How long it takes until the first sentence is labelled, each time in a fresh process."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import ROOT
from benchmarks.harness.corpus import Corpus
from benchmarks.harness.process import SystemProcess
from benchmarks.harness.protocol import Request, SystemSpec


@dataclass(frozen=True, slots=True)
class ColdStart:
    """From the start of Python to the first label.

    Attributes:
        seconds: of each fresh process.
        loads_torch: whether torch was loaded by then.
    """

    seconds: tuple[float, ...]
    loads_torch: bool


@dataclass(frozen=True, slots=True)
class ImportTime:
    """``import framing`` in fresh processes.

    Attributes:
        bare: seconds of ``python -c pass``, one for each process.
        importing: seconds of ``python -c 'import framing'``, in turn with these.
    """

    bare: tuple[float, ...]
    importing: tuple[float, ...]

    @property
    def seconds(self) -> tuple[float, ...]:
        """What the import took, pair by pair."""
        return tuple(i - b for i, b in zip(self.importing, self.bare, strict=True))


def cold_start(spec: SystemSpec, checkpoint: Path, corpus: Corpus, times: int) -> ColdStart:
    """Start Python, open the system and label one sentence, in so many fresh processes one after the other."""
    first = replace(corpus, sentences=corpus.sentences[:1], tokens=corpus.tokens[:1])
    seconds = []
    loads_torch = False
    for _ in range(times):
        started = time.perf_counter()
        with SystemProcess(spec, checkpoint, first) as process:
            process.ready().ask(Request.ROUND, first=0, count=1)
            seconds.append(time.perf_counter() - started)
            loads_torch |= "torch" in process.ask(Request.MODULES)
    return ColdStart(tuple(seconds), loads_torch)


def import_time(times: int) -> ImportTime:
    """Time ``import framing`` and a bare Python in turn, in so many fresh processes each."""
    pairs = [(_seconds_of("pass"), _seconds_of("import framing")) for _ in range(times)]
    bare, importing = zip(*pairs, strict=True)
    return ImportTime(bare, importing)


def _seconds_of(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    return time.perf_counter() - started
