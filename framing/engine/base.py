"""The interface between the labeler and the engines: a batch of token ids in, logits out."""

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
    """The model's logits for a :class:`Batch`, one column per name of each head. Values on padding mean nothing.

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
        name: ``"onnx"``, ``"openvino"`` or ``"torch"``.
        device: where it computes, as torch names devices: ``"cpu"``, ``"cuda:0"``, ….
        precision: the precision of the encoder's arithmetic: ``"fp32"``, ``"bf16"`` or ``"fp16"``. Logits are always
            float32.
        token_budget: the most tokens in a batch, padding included; a window longer than that is a batch of its own.
        look_ahead: how many sentences to collect before they are put into batches.
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
        """Run the model on several batches, some at a time if that is faster; results in the order of the batches."""
        return map(self.run, batches)

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What runs where, JSON-ready, for records of a run."""

    def close(self) -> None:  # noqa: B027 - an engine may have nothing to free
        """Free the engine's memory; it cannot be used afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
