"""The contract between the labeler and whatever runs the model: a batch of token ids in, logits out."""

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
class BatchLogits:
    """What the model says of a :class:`Batch`, in columns of all heads. Values on padding mean nothing.

    Attributes:
        tokens: float32 [batch, length, token width].
        sentences: float32 [batch, sentence width].
    """

    tokens: np.ndarray
    sentences: np.ndarray

    def __post_init__(self) -> None:
        shapes_fit = self.tokens.ndim == 3 and self.sentences.ndim == 2 and len(self.tokens) == len(self.sentences)
        if not shapes_fit or {self.tokens.dtype, self.sentences.dtype} != {np.dtype(np.float32)}:
            raise ValueError(
                f"logits are tokens {self.tokens.dtype} {list(self.tokens.shape)}, sentences {self.sentences.dtype} "
                f"{list(self.sentences.shape)}; expected float32 [batch, length, width] and [batch, width]"
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
    def run(self, batch: Batch) -> BatchLogits:
        """Run the model once. Safe to call from several threads."""

    def run_all(self, batches: Sequence[Batch]) -> Iterator[BatchLogits]:
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
