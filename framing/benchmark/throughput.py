"""Systems measured in turn: round 1 of each, round 2 of each, and so on, so that a machine that drifts, drifts for all.

All processes are started before the first round and stay until the last. A pause before each turn lets the thread
pools of the one before fall asleep. Each round labels sentences that no round before it had (as long as there are
enough), with lengths as the whole has them; a slower system may be given the first part of them only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from framing.benchmark.limits import ModelShape
from framing.benchmark.process import SystemProcess
from framing.benchmark.protocol import Request, SystemSpec
from framing.benchmark.statistics import Estimate, median_interval, paired_ratio

#: Seconds before a turn. OpenMP's threads look busily for work for up to 0.2 s after their last.
SETTLING = 0.3

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Round:
    """One turn of one system.

    Attributes:
        seconds: by the clock.
        cpu_seconds: of all its threads; where they fall short of ``seconds`` times the threads, it waited.
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


@dataclass(frozen=True, slots=True)
class Measured:
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
    def sentence_rates(self) -> np.ndarray:
        """Sentences a second, float [rounds]."""
        return np.array([r.sentences / r.seconds for r in self.rounds])

    @property
    def token_rates(self) -> np.ndarray:
        """Tokens a second, float [rounds]."""
        return np.array([r.tokens / r.seconds for r in self.rounds])

    @property
    def flop_rates(self) -> np.ndarray:
        """Floating-point operations a second that the model needs, float [rounds]."""
        return np.array([r.flops / r.seconds for r in self.rounds])

    def figure(self, name: str) -> np.ndarray:
        """One of the system's own figures, float [rounds]."""
        return np.array([r.figures[name] for r in self.rounds])


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are drawn; see :func:`framing.benchmark.statistics.median_interval`."""

    resamples: int = 2000
    level: float = 0.95
    seed: int = 0

    def median(self, values: np.ndarray) -> Estimate:
        """The median over rounds."""
        return median_interval(values, **asdict(self))

    def ratio(self, values: np.ndarray, others: np.ndarray) -> Estimate:
        """The median of the ratios of paired rounds."""
        return paired_ratio(values, others, **asdict(self))


def measure(
    processes: Sequence[SystemProcess],
    shape: ModelShape,
    *,
    rounds: int,
    warm_up: int = 64,
    report: Report = lambda _: None,
    shapes: Mapping[str, ModelShape] | None = None,
) -> list[Measured]:
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
            own_shape = (shapes or {}).get(process.spec.name, shape)
            own.append(_take_turn(process, own_shape, first=number * stride))
    return [
        Measured(process.spec, process.same_weights, process.description, tuple(own), process.ask(Request.MEMORY))
        for process, own in zip(processes, taken, strict=True)
    ]


def _take_turn(process: SystemProcess, shape: ModelShape, *, first: int) -> Round:
    count = process.spec.sentences
    figures = process.ask(Request.ROUND, first=first, count=count)
    tokens = process.corpus.tokens_of(first, count)
    seconds, cpu_seconds = figures.pop("seconds"), figures.pop("cpu_seconds")
    return Round(seconds, cpu_seconds, count, int(tokens.sum()), shape.flops(tokens), figures)


def is_limit(measured: Measured) -> bool:
    """Whether this is the machine's own limit, which labels nothing."""
    return measured.spec.kind == "gemm"


def to_dict(
    measured: Measured,
    bootstrap: Bootstrap,
    *,
    limit: Measured | None = None,
    baselines: Mapping[str, Measured] | None = None,
) -> dict[str, Any]:
    """A system's figures, JSON-ready.

    Args:
        measured: a system that labels.
        bootstrap: for the intervals.
        limit: the machine's own, of the same rounds.
        baselines: others of the same rounds, to be compared with.

    Returns:
        ``name``, ``title``, ``kind``, ``spec`` (as declared), ``description`` (the system's own), ``rounds`` (a list of
        ``seconds``, ``cpu_seconds``, ``sentences``, ``tokens``), ``peak_memory`` (bytes), and as ``{median, low,
        high}``: ``sentences_per_second``, ``tokens_per_second``, ``ratios`` (baseline -> times its sentences per
        second) and ``share_of_limit`` (of a system that runs the model).
    """
    ratios = {
        name: bootstrap.ratio(measured.sentence_rates, other.sentence_rates).to_dict()
        for name, other in (baselines or {}).items()
    }
    share = None
    if limit is not None and measured.same_weights:
        share = bootstrap.ratio(measured.flop_rates, limit.figure("flops_per_second")).to_dict()
    return {
        "name": measured.spec.name,
        "title": measured.spec.shown,
        "kind": measured.spec.kind,
        "spec": measured.spec.to_dict(),
        "description": dict(measured.description),
        "sentences_per_second": bootstrap.median(measured.sentence_rates).to_dict(),
        "tokens_per_second": bootstrap.median(measured.token_rates).to_dict(),
        "ratios": ratios,
        "share_of_limit": share,
        "peak_memory": measured.peak_memory,
        "rounds": [_round_to_dict(r) for r in measured.rounds],
    }


def limit_to_dict(limit: Measured, bootstrap: Bootstrap) -> dict[str, Any]:
    """The machine's limit, JSON-ready: the median of each of its figures over the rounds, and what was run."""
    names = limit.rounds[0].figures
    return {
        "description": dict(limit.description),
        **{name: bootstrap.median(limit.figure(name)).to_dict() for name in names},
        "rounds": [{name: r.figures[name] for name in names} for r in limit.rounds],
    }


def _round_to_dict(r: Round) -> dict[str, float]:
    return {
        "seconds": round(r.seconds, 6),
        "cpu_seconds": round(r.cpu_seconds, 6),
        "sentences": r.sentences,
        "tokens": r.tokens,
    }


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Of single times: ``n``, and ``p50``, ``p90``, ``p99`` in seconds."""
    percentile = partial(np.percentile, np.asarray(seconds))
    return {"n": len(seconds), **{f"p{q}": round(float(percentile(q)), 6) for q in (50, 90, 99)}}
