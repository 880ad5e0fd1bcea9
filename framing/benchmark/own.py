"""``framing benchmark``: how fast the installed package labels on this machine, beside what the machine could do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from framing.benchmark.limits import ModelShape
from framing.benchmark.process import SystemProcess
from framing.benchmark.protocol import Request, SystemSpec
from framing.benchmark.sentences import Corpus, find_texts
from framing.benchmark.throughput import (
    Bootstrap,
    Measured,
    Report,
    is_limit,
    limit_to_dict,
    measure,
    percentiles,
    to_dict,
)
from framing.errors import CheckpointError
from framing.model.checkpoint import Checkpoint

#: Seconds that a round should take where the user does not say how many sentences it has.
_ROUND_SECONDS = 1.5
_FEWEST, _MOST, _TRIAL = 64, 65536, 256
_LATENCIES = 200


@dataclass(frozen=True, slots=True)
class OwnSpeed:
    """What was measured.

    Attributes:
        corpus: origin, number and lengths of the sentences, see :meth:`Corpus.describe`.
        system: see :func:`framing.benchmark.throughput.to_dict`.
        split: seconds of each step, see :meth:`framing.benchmark.systems.FramingSystem.split`.
        latency: of single sentences, see :func:`framing.benchmark.throughput.percentiles`.
        limit: see :func:`framing.benchmark.throughput.limit_to_dict`; ``None`` where the model's sizes are not known.
    """

    corpus: Mapping[str, Any]
    system: Mapping[str, Any]
    split: Mapping[str, float]
    latency: Mapping[str, float]
    limit: Mapping[str, Any] | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "corpus": dict(self.corpus),
            "system": dict(self.system),
            "split": {step: round(seconds, 6) for step, seconds in self.split.items()},
            "latency": dict(self.latency),
            "limit": self.limit and dict(self.limit),
        }


def measure_own(
    checkpoint: str,
    spec: SystemSpec,
    *,
    sentences: int | None = None,
    texts: Path | None = None,
    rounds: int = 5,
    report: Report = lambda _: None,
) -> OwnSpeed:
    """Measure the package's labeler in a process of its own, in turn with the machine's limit.

    Args:
        checkpoint: a folder, a hub id, or ``"shipped"``.
        spec: engine, device, precision and threads.
        sentences: in a round; as many as take about a second and a half when ``None``.
        texts: a file with one sentence a line; see :func:`framing.benchmark.sentences.find_texts`.
        rounds: at least one.
        report: told what is being done.

    Raises:
        FramingError: a setting, the checkpoint or the file cannot be used, or a process failed.
    """
    opened = Checkpoint.load(checkpoint)
    corpus = Corpus.of(find_texts(texts, opened.codebook), opened.sentence_encoder())
    with ExitStack() as stack:
        report("loading")
        own = stack.enter_context(SystemProcess(spec, opened.folder, corpus)).ready()
        own.spec = replace(own.spec, sentences=sentences or _round_size(own))
        processes = [own]
        shape = _shape(opened)
        if shape:
            limit = SystemProcess(_limit_spec(own.description), opened.folder, corpus)
            processes.append(stack.enter_context(limit).ready())
        measured = measure(processes, shape or _UNKNOWN, rounds=rounds, report=report)
        report("steps and single sentences")
        split = own.ask(Request.SPLIT, first=0, count=own.spec.sentences)
        latency = percentiles(own.ask(Request.LATENCY, first=0, count=_LATENCIES))
    return _own_speed(corpus, measured, split, latency)


#: Stands for the shape of an encoder whose sizes are not known; nothing is divided by its operations then.
_UNKNOWN = ModelShape(0, 0, 0, 0)


def _own_speed(
    corpus: Corpus, measured: list[Measured], split: dict[str, float], latency: dict[str, float]
) -> OwnSpeed:
    bootstrap = Bootstrap()
    limit = next(filter(is_limit, measured), None)
    return OwnSpeed(
        corpus.describe(),
        to_dict(measured[0], bootstrap, limit=limit),
        split,
        latency,
        None if limit is None else limit_to_dict(limit, bootstrap),
    )


def _shape(checkpoint: Checkpoint) -> ModelShape | None:
    try:
        return ModelShape.of(checkpoint.config)
    except CheckpointError:
        return None


def _limit_spec(description: Mapping[str, Any]) -> SystemSpec:
    """The machine's limit where, and with as many threads as, the engine says that it computes."""
    return SystemSpec(
        "machine limit",
        kind="gemm",
        device=description["device"],
        precision=description["precision"],
        threads=description["threads"],
        sentences=1,
    )


def _round_size(process: SystemProcess) -> int:
    """How many sentences take about :data:`_ROUND_SECONDS`."""
    process.ask(Request.ROUND, first=0, count=_FEWEST)
    seconds = process.ask(Request.ROUND, first=0, count=_TRIAL)["seconds"]
    return min(_MOST, max(_FEWEST, int(_TRIAL * _ROUND_SECONDS / seconds)))
