"""Times systems in turn: round 1 of each, round 2 of each, and so on, so that a slower minute affects all of them.

All processes start before the first round and stay until the last. A pause before each turn lets the thread pools of
the system before fall asleep. Each round labels sentences that no round before it labelled (as long as there are
enough), with lengths as the whole corpus has them; a slower system may label only the first part of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.harness.process import SystemProcess
from benchmarks.harness.protocol import Request, SystemSpec
from benchmarks.suites import Bootstrap
from framing.speed import SETTLING, ModelShape


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of one system.

    Attributes:
        seconds: by the clock.
        cpu_seconds: of all its threads. Fewer than ``seconds`` times the threads mean that some of them waited.
        sentences, tokens: labelled, special tokens included and padding not.
        flops: that the model needs for these, padding not counted.
        figures: what the system measured beside the time.
    """

    seconds: float
    cpu_seconds: float
    sentences: int
    tokens: int
    flops: float
    figures: Mapping[str, float]

    def to_dict(self) -> dict[str, float]:
        """JSON-ready: the time, and what was labelled."""
        return {
            "seconds": round(self.seconds, 6),
            "cpu_seconds": round(self.cpu_seconds, 6),
            "sentences": self.sentences,
            "tokens": self.tokens,
        }


@dataclass(frozen=True, slots=True)
class TimedSystem:
    """A system and its rounds.

    Attributes:
        spec: the system.
        same_weights: whether it runs the checkpoint's weights.
        description: what it says of itself.
        rounds: at least one.
        peak_memory: bytes, resident, up to the last round; ``None`` where the operating system does not tell.
    """

    spec: SystemSpec
    same_weights: bool
    description: Mapping[str, Any]
    rounds: tuple[Round, ...]
    peak_memory: int | None

    @property
    def is_limit(self) -> bool:
        """Whether this is the machine's own limit, which labels nothing."""
        return self.spec.kind == "gemm"

    def rates(self, what: str) -> np.ndarray:
        """``sentences``, ``tokens`` or ``flops`` a second: float [rounds]."""
        return np.array([getattr(r, what) / r.seconds for r in self.rounds])

    def figure(self, name: str) -> np.ndarray:
        """One of the system's own figures: float [rounds]."""
        return np.array([r.figures[name] for r in self.rounds])

    def to_dict(
        self,
        bootstrap: Bootstrap,
        *,
        limit: TimedSystem | None = None,
        baselines: Mapping[str, TimedSystem] | None = None,
    ) -> dict[str, Any]:
        """The figures of a system that labels, JSON-ready.

        Args:
            bootstrap: for the intervals.
            limit: the machine's own, of the same rounds.
            baselines: others of the same rounds, to be compared with.

        Returns:
            ``name``, ``title``, ``kind``, ``spec`` (as declared), ``description`` (the system's own), ``rounds`` (a
            list of ``seconds``, ``cpu_seconds``, ``sentences``, ``tokens``), ``peak_memory`` (bytes), and as ``{median,
            low, high}``: ``sentences_per_second``, ``tokens_per_second``, ``ratios`` (baseline -> times its sentences
            per second) and ``share_of_limit`` (of a system that runs the model).
        """
        sentences, share = self.rates("sentences"), None
        if limit is not None and self.same_weights:
            share = bootstrap.ratio(self.rates("flops"), limit.figure("flops_per_second")).to_dict()
        return {
            "name": self.spec.name,
            "title": self.spec.shown,
            "kind": self.spec.kind,
            "spec": self.spec.to_dict(),
            "description": dict(self.description),
            "sentences_per_second": bootstrap.median(sentences).to_dict(),
            "tokens_per_second": bootstrap.median(self.rates("tokens")).to_dict(),
            "ratios": {
                name: bootstrap.ratio(sentences, other.rates("sentences")).to_dict()
                for name, other in (baselines or {}).items()
            },
            "share_of_limit": share,
            "peak_memory": self.peak_memory,
            "rounds": [r.to_dict() for r in self.rounds],
        }

    def figures_to_dict(self, bootstrap: Bootstrap) -> dict[str, Any]:
        """The machine's limit, JSON-ready: the median of each of its figures over the rounds, and what was run."""
        names = self.rounds[0].figures
        return {
            "description": dict(self.description),
            **{name: bootstrap.median(self.figure(name)).to_dict() for name in names},
            "rounds": [dict(r.figures) for r in self.rounds],
        }


def time_in_turn(
    processes: Sequence[SystemProcess],
    shape: ModelShape,
    *,
    rounds: int,
    warm_up: int = 64,
    report: Callable[[str], object] = lambda _: None,
    shapes: Mapping[str, ModelShape] | None = None,
) -> list[TimedSystem]:
    """Warm every system up, then time them in turn.

    Args:
        processes: ready.
        shape: of the model, for its operations.
        rounds: turns of each, at least one.
        warm_up: sentences that each labels before the first round.
        report: told before each round.
        shapes: of systems that run another model, by their names.

    Raises:
        FramingError: a system failed; the message names it.
    """
    stride = max(process.spec.sentences for process in processes)
    taken: list[list[Round]] = [[] for _ in processes]
    for process in processes:
        # From where the last round ends, so that no round meets these sentences again.
        process.ask(Request.ROUND, first=rounds * stride, count=min(warm_up, process.spec.sentences))
    for number in range(rounds):
        report(f"round {number + 1} of {rounds}")
        for process, own in zip(processes, taken, strict=True):
            time.sleep(SETTLING)
            own.append(_take_turn(process, (shapes or {}).get(process.spec.name, shape), first=number * stride))
    return [
        TimedSystem(process.spec, process.same_weights, process.description, tuple(own), process.ask(Request.MEMORY))
        for process, own in zip(processes, taken, strict=True)
    ]


def _take_turn(process: SystemProcess, shape: ModelShape, *, first: int) -> Round:
    count = process.spec.sentences
    figures = process.ask(Request.ROUND, first=first, count=count)
    tokens = process.corpus.tokens_of(first, count)
    seconds, cpu_seconds = figures.pop("seconds"), figures.pop("cpu_seconds")
    return Round(seconds, cpu_seconds, count, int(tokens.sum()), shape.flops(tokens), figures)
