"""The GPU engine, which also runs on a CPU: the FramingModel itself, in PyTorch.

On a GPU the encoder computes in half precision and the heads in single precision; the next batch is copied in while
the one before it computes, and results come back through page-locked memory. Attention is PyTorch's scaled dot product
(which picks flash or memory-efficient kernels). A batch that does not fit into memory is halved until it does, and the
engine keeps to the smaller size from then on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers.utils import logging

from framing.engine.base import Batch, Engine, Logits
from framing.errors import SettingError
from framing.model.checkpoint import Checkpoint
from framing.model.modeling import FramingModel, FramingOutput

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
#: Batches on their way through a GPU at a time: one computes while one is copied in and one out.
_IN_FLIGHT = 3


class TorchEngine(Engine):
    """Runs a checkpoint's model in PyTorch.

    Args:
        checkpoint: any; or a model in memory, which is used where and as it is (training validates so): then ``device``
            must be its own.
        device: ``"auto"`` (a GPU where there is one), or a device of torch's: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ….
        precision: ``"fp32"``, ``"bf16"``, ``"fp16"``, or ``"auto"``: fp32 on a CPU, bf16 on a GPU that has it, else
            fp16.
        threads: of torch's CPU kernels, process-wide; torch's own choice when ``None``.

    Raises:
        SettingError: the device does not exist, or the precision is unknown.
    """

    name = "torch"

    def __init__(
        self,
        checkpoint: Checkpoint | FramingModel,
        *,
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
    ) -> None:
        self._device = _resolve_device(device)
        self.device = str(self._device)
        self.precision = _resolve_precision(precision, self._device)
        self._on_cuda = self._device.type == "cuda"
        # 8k tokens fill a data-centre GPU; on a CPU small batches need less padding and fit the cache.
        self.token_budget = 8192 if self._on_cuda else 1024
        self.look_ahead = 16384 if self._on_cuda else 1024
        if threads is not None:
            if threads < 1:
                raise SettingError(f"threads is {threads}", expected="1 or more, or None for torch's choice")
            torch.set_num_threads(threads)
        if isinstance(checkpoint, FramingModel):
            self._model = checkpoint.eval()
        else:
            self._model = _load(checkpoint, self._device, _DTYPES[self.precision])

    def run(self, batch: Batch) -> Logits:
        """Run the model once. A batch that does not fit into memory is halved until it does.

        Raises:
            torch.OutOfMemoryError: a single window does not fit.
        """
        try:
            return self._start(batch).logits()
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
        # Outside the handler, whose traceback would keep the failed batch's memory alive.
        self._shrink_budget(batch)
        middle = len(batch) // 2
        return _joined(self.run(_rows(batch, slice(0, middle))), self.run(_rows(batch, slice(middle, None))))

    def run_all(self, batches: Sequence[Batch]) -> Iterator[Logits]:
        """Run the batches, on a GPU with copies and computing overlapped; results in the batches' order."""
        if not self._on_cuda:
            yield from map(self.run, batches)
            return
        started: deque[tuple[Batch, _Pending | None]] = deque()
        for batch in batches:
            started.append((batch, self._try_start(batch)))
            if len(started) == _IN_FLIGHT:
                yield self._finish(*started.popleft())
        while started:
            yield self._finish(*started.popleft())

    def describe(self) -> dict[str, Any]:
        """What runs where, JSON-ready."""
        return {
            "engine": self.name,
            "device": self.device,
            "device_name": torch.cuda.get_device_name(self._device) if self._on_cuda else "",
            "precision": self.precision,
            "threads": torch.get_num_threads(),
            "token_budget": self.token_budget,
            "attention": self._model.encoder.config._attn_implementation,
            "torch": torch.__version__,
        }

    def close(self) -> None:
        """Free the model and, on a GPU, the memory that torch keeps for it."""
        del self._model
        if self._on_cuda:
            torch.cuda.empty_cache()

    @torch.inference_mode()
    def _start(self, batch: Batch) -> _Pending:
        """Queue a batch on the device; on a GPU this returns before it is computed."""
        inputs = [self._to_device(array) for array in (batch.input_ids, batch.attention_mask, batch.quotation)]
        output = self._model(*inputs)
        return _Pending.of(output)

    def _to_device(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        return tensor.pin_memory().to(self._device, non_blocking=True) if self._on_cuda else tensor.to(self._device)

    def _try_start(self, batch: Batch) -> _Pending | None:
        """``None`` where the batch did not fit beside those that are in flight."""
        try:
            return self._start(batch)
        except torch.OutOfMemoryError:
            return None

    def _finish(self, batch: Batch, pending: _Pending | None) -> Logits:
        return self.run(batch) if pending is None else pending.logits()

    def _shrink_budget(self, batch: Batch) -> None:
        self.token_budget = max(1, min(self.token_budget, batch.input_ids.size) // 2)
        if self._on_cuda:
            torch.cuda.empty_cache()


@dataclass(frozen=True, slots=True)
class _Pending:
    """Logits on their way from the device.

    Attributes:
        labels, voice, kind: float32 tensors in the host's memory.
        ready: happens when they are all there; ``None`` if they are.
    """

    labels: torch.Tensor
    voice: torch.Tensor
    kind: torch.Tensor
    ready: torch.cuda.Event | None

    @classmethod
    def of(cls, output: FramingOutput) -> _Pending:
        """Begin to fetch a model's output."""
        labels, voice, kind = (getattr(output, name).float() for name in ("labels", "voice", "kind"))
        if not labels.is_cuda:
            return cls(labels.cpu(), voice.cpu(), kind.cpu(), None)
        stream = torch.cuda.current_stream(labels.device)
        labels, voice, kind = (
            torch.empty(t.shape, dtype=t.dtype, pin_memory=True).copy_(t, non_blocking=True)
            for t in (labels, voice, kind)
        )
        ready = torch.cuda.Event()
        ready.record(stream)
        return cls(labels, voice, kind, ready)

    def logits(self) -> Logits:
        """Wait for them."""
        if self.ready is not None:
            self.ready.synchronize()
        return Logits(self.labels.numpy(), self.voice.numpy(), self.kind.numpy())


def _resolve_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise SettingError(
            f"device {name!r} cannot be used: {str(error).splitlines()[0]}",
            expected="'auto', 'cpu', or a device that torch finds, e.g. 'cuda' or 'cuda:0'",
            hint="leave device out to use what is there",
        ) from error
    return torch.device("cuda", torch.cuda.current_device()) if name == "cuda" else device


def _resolve_precision(precision: str, device: torch.device) -> str:
    if precision == "auto":
        if device.type != "cuda":
            return "fp32"
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    if precision not in _DTYPES:
        raise SettingError(f"precision {precision!r} is unknown", expected="auto, " + ", ".join(_DTYPES))
    return precision


def _load(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> FramingModel:
    """The model with its encoder in ``dtype`` and its heads in float32."""
    showed_progress = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model = FramingModel.from_pretrained(checkpoint.folder)
    finally:
        if showed_progress:
            logging.enable_progress_bar()
    model.encoder.to(dtype)
    model.quotation_embeddings.to(dtype)
    for head in (model.labels, model.voice, model.kind):
        head.register_forward_pre_hook(_in_single_precision)
    return model.to(device).eval()


def _in_single_precision(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(tensor.float() for tensor in inputs)


def _rows(batch: Batch, rows: slice) -> Batch:
    return Batch(batch.input_ids[rows], batch.attention_mask[rows], batch.quotation[rows])


def _joined(first: Logits, second: Logits) -> Logits:
    return Logits(
        np.concatenate((first.labels, second.labels)),
        np.concatenate((first.voice, second.voice)),
        np.concatenate((first.kind, second.kind)),
    )
