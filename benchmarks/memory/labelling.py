"""One labelling run in a process of its own: ``… benchmarks.memory.labelling CHECKPOINT INPUT OUTPUT SECONDS ENGINE``.

The real engine labels some hundred sentences a second, so a gigabyte takes it half a day. With the engine ``stand-in``
every batch gets the logits of the first batch of its shape: reading, cutting, encoding, decoding and writing are done
in full, with arrays of the real sizes, and only the model is left out.

Writes a JSON line to standard error every second: sentences so far, and resident memory.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import numpy as np

import framing
from framing.engine.base import Batch, BatchLogits, Engine
from framing.records import open_writer
from framing.types import Document


class StandIn(Engine):
    """Repeats the logits that another engine gave for a batch of the same shape; runs it once for each shape.

    Args:
        engine: whose settings and logits it takes.
    """

    name = "stand-in"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[tuple[int, ...], BatchLogits] = {}
        self.device, self.precision = engine.device, engine.precision
        self.token_budget, self.look_ahead = engine.token_budget, engine.look_ahead

    def run(self, batch: Batch) -> BatchLogits:
        """Fresh copies of the remembered logits, as an engine's would be."""
        shape = batch.input_ids.shape
        if shape not in self._known:
            self._known[shape] = self._engine.run(batch)
        known = self._known[shape]
        return BatchLogits(np.copy(known.tokens), np.copy(known.sentences))

    def describe(self) -> dict[str, object]:
        """The description of the engine that it replaces, under its own name."""
        return {**self._engine.describe(), "engine": self.name}


def resident_bytes() -> int:
    """Resident memory of this process now (Linux's ``VmRSS``)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status has no VmRSS")


class Watch:
    """Reports progress once a second, on a daemon thread."""

    def __init__(self) -> None:
        self.sentences = 0
        self.started = time.perf_counter()
        threading.Thread(target=self._report, daemon=True).start()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self.started

    def report(self) -> None:
        """One line."""
        line = {"seconds": round(self.seconds, 2), "sentences": self.sentences, "resident": resident_bytes()}
        print(json.dumps(line), file=sys.stderr, flush=True)

    def _report(self) -> None:
        while True:
            self.report()
            time.sleep(1)


def label(checkpoint: str, source: str, target: str, seconds: float, *, stand_in: bool) -> None:
    """Label a file as ``framing label`` does, for at most so many seconds."""
    labeler = framing.load(checkpoint, engine="onnx")
    if stand_in:
        labeler.engine = StandIn(labeler.engine)
    watch = Watch()
    documents: Iterator[Document] = takewhile(lambda _: watch.seconds < seconds, framing.read([source]))
    with open_writer(target) as writer:
        for labels in labeler.documents(documents):
            writer.write(labels)
            watch.sentences += len(labels)
    watch.report()


if __name__ == "__main__":
    label(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]), stand_in=sys.argv[5] == "stand-in")
