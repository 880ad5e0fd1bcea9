"""What a suite and its workers say to each other: JSON, one message a line.

A request is ``{"request": NAME, …}``, its answer ``{"answer": VALUE}``, or ``{"error": TEXT, "missing": BOOL}`` where
``missing`` says that a package which the system needs is not installed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from framing.errors import SettingError


class Request(StrEnum):
    """What a worker is asked to do."""

    OPEN = "open"  # load the system; {"spec", "checkpoint", "sentences"} -> what it says of itself
    ROUND = "round"  # label {"count"} sentences from {"first"} on -> {"seconds", "cpu_seconds", …}
    LABEL = "label"  # the same -> [what is said of each sentence], see Outcome
    LATENCY = "latency"  # label them one by one -> [seconds]
    SPLIT = "split"  # the same in steps -> {step: seconds}
    STREAM = "stream"  # label documents made of the sentences, over and over -> {"seconds", "sentences"}
    MEMORY = "memory"  # -> the most bytes of memory that were in use so far
    MODULES = "modules"  # -> the top-level modules that are loaded


@dataclass(frozen=True, slots=True)
class SystemSpec:
    """One system of a suite, as its file declares it.

    Attributes:
        name: unique in the suite, in lower case.
        title: for people; the name when empty. It says where a system computes less than the others.
        kind: what opens it: a key of :data:`benchmarks.harness.worker.KINDS`.
        engine, device, precision: in the words of :func:`framing.engine.open_engine`.
        threads: on a CPU; one for each core when ``None``. All thread pools of the process are held to it.
        batch: sentences in a batch, for systems that count in these.
        token_budget: tokens in a batch, for framing's engines; the engine's own when ``None``.
        sentences: how many it labels in a round.
        train_sentences: how many marked sentences a system learns from that cannot use the checkpoint's weights.
        checkpoint: another one than the suite's, as :func:`framing.load` takes it; empty for none.
    """

    name: str
    title: str = ""
    kind: str = "framing"
    engine: str = "auto"
    device: str = "cpu"
    precision: str = "auto"
    threads: int | None = None
    batch: int = 32
    token_budget: int | None = None
    sentences: int = 1024
    train_sentences: int = 1000
    checkpoint: str = ""

    def __post_init__(self) -> None:
        for name in ("threads", "batch", "token_budget", "sentences", "train_sentences"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingError(f"system {self.name!r}: {name} is {value}", expected="1 or more")

    @property
    def shown(self) -> str:
        """The title, or else the name."""
        return self.title or self.name

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a system says of one sentence, as far as systems are compared by it.

    Attributes:
        probabilities: one for each output of the codebook, in its order.
        labels: frames and hedges that are over their threshold, as names, and the kind.
    """

    probabilities: tuple[float, ...]
    labels: tuple[str, ...]
