"""The contract between the labeler and whatever runs the model: a batch of token ids in, named logits out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Self

import numpy as np


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows of tokens, padded on the right to one length.

    Attributes:
        input_ids: int64 [batch, length].
        attention_mask: int64 [batch, length], 1 on tokens and 0 on padding.
        quotation: int64 [batch, length], 1 on tokens inside a quotation.
    """

    input_ids: np.ndarray
    attention_mask: np.ndarray
    quotation: np.ndarray

    def __post_init__(self) -> None:
        for name in ("input_ids", "attention_mask", "quotation"):
            array = getattr(self, name)
            if array.dtype != np.int64 or array.ndim != 2 or array.shape != self.input_ids.shape:
                raise ValueError(
                    f"{name} is {array.dtype} {list(array.shape)}; "
                    f"expected int64 [batch, length], here {list(self.input_ids.shape)}"
                )

    def __len__(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True, slots=True)
class Logits:
    """What the model says of a :class:`Batch`. Values on padding mean nothing.

    Attributes:
        labels: float32 [batch, length, outputs].
        voice: float32 [batch, length, voices].
        kind: float32 [batch, kinds].
    """

    labels: np.ndarray
    voice: np.ndarray
    kind: np.ndarray

    def __post_init__(self) -> None:
        fits = (
            self.labels.ndim == self.voice.ndim == 3
            and self.labels.shape[:2] == self.voice.shape[:2]
            and self.kind.ndim == 2
            and len(self.kind) == len(self.labels)
        )
        if not fits or {self.labels.dtype, self.voice.dtype, self.kind.dtype} != {np.dtype(np.float32)}:
            raise ValueError(
                f"logits are labels {self.labels.dtype} {list(self.labels.shape)}, voice {self.voice.dtype} "
                f"{list(self.voice.shape)}, kind {self.kind.dtype} {list(self.kind.shape)}; expected float32 "
                "[batch, length, outputs], [batch, length, voices], [batch, kinds]"
            )


class Engine(ABC):
    """Runs one checkpoint's model on one device.

    Attributes:
        name: ``"onnx"`` or ``"torch"``.
        device: where it computes, in torch's words: ``"cpu"``, ``"cuda:0"``, ….
        precision: of the encoder's arithmetic: ``"fp32"``, ``"bf16"`` or ``"fp16"``. Logits are float32 always.
        token_budget: tokens, padding included, that a batch should not exceed; a window longer than that is a batch
            of its own.
        look_ahead: how many sentences to collect before batches are made of them.
    """

    name: ClassVar[str]
    device: str
    precision: str
    token_budget: int
    look_ahead: int

    @abstractmethod
    def run(self, batch: Batch) -> Logits:
        """Run the model once. Safe to call from several threads."""

    def run_all(self, batches: Sequence[Batch]) -> Iterator[Logits]:
        """Run the model on several batches, as much at a time as serves the device; results in the batches' order."""
        return map(self.run, batches)

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What runs where and why, JSON-ready, for records of a run."""

    def close(self) -> None:  # noqa: B027 - an engine that holds nothing has nothing to do
        """Free what the engine holds; it cannot be used afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
