"""The GPU engine, which also runs on a CPU: the FramingModel itself, in PyTorch.

On a GPU the encoder computes in half precision by default, and the heads in single precision. Batches are cut into few
shapes, which are replayed as CUDA graphs (:mod:`framing.engine.cuda`); input and output are copied while other chunks
are computed (:mod:`framing.engine.pipeline`). Attention is PyTorch's scaled dot product, which chooses its kernel. A
chunk that does not fit into memory is halved until it does, and the engine keeps the smaller size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from transformers.utils import logging

from framing.engine.base import Batch, BatchLogits, Engine
from framing.engine.cuda import TOLERANCE, CudaDevice
from framing.engine.pipeline import Cells, Device, Pipeline, Shape, Shapes, Slot, Widths
from framing.errors import SettingError
from framing.model.checkpoint import Checkpoint
from framing.model.network import FramingModel

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
#: Lengths to which rows are padded on a GPU. News sentences have 29 tokens on average, so steps of 4 add some 6%.
_LENGTHS = (*range(8, 65, 4), *range(72, 129, 8), *range(144, 257, 16), *range(288, 513, 32))
#: Added to the attention scores of padding, as in BERT's own code (Devlin et al. 2019): its softmax is 0 in any
#: precision, and unlike infinity it gives no NaN in a row of only padding.
_MASKED = -1e4


class TorchEngine(Engine):
    """Runs a checkpoint's model in PyTorch.

    Args:
        checkpoint: any checkpoint; or a model in memory, which is used as it is, as validation in training does. Then
            ``device`` must be the model's own, and no CUDA graphs are made, because its weights may move.
        device: ``"auto"`` (a GPU if there is one), or a torch device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ….
        precision: ``"fp32"``, ``"bf16"``, ``"fp16"``, or ``"auto"``: fp32 on a CPU, bf16 on a GPU that has it, else
            fp16.
        threads: threads of torch's CPU kernels, for the whole process; torch's own choice if ``None``.

    Raises:
        SettingError: the device does not exist, the precision is unknown, or ``threads`` is not positive.
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
        self._torch_device = _resolve_device(device)
        self.device = str(self._torch_device)
        self.precision = _resolve_precision(precision, self._torch_device)
        if threads is not None:
            if threads < 1:
                raise SettingError(f"threads is {threads}", expected="1 or more, or None for torch's choice")
            torch.set_num_threads(threads)
        graphs = isinstance(checkpoint, Checkpoint)
        if isinstance(checkpoint, FramingModel):
            model = checkpoint.eval()
        else:
            model = _load(checkpoint, self._torch_device, _DTYPES[self.precision])
        self._network = Network(model)
        on_cuda = self._torch_device.type == "cuda"
        self._device: Device[Any] = (
            CudaDevice(self._network, self._torch_device, graphs=graphs)
            if on_cuda
            else HostDevice(self._network, self._torch_device)
        )
        # On a GPU, 16k tokens fill the matrix units several times; on a CPU, small batches fit the cache.
        shapes = Shapes(16384, _lengths_for(model)) if on_cuda else Shapes(1024)
        self._pipeline: Pipeline[Any] = Pipeline(self._device, shapes)
        self.look_ahead = 16384 if on_cuda else 1024

    @property
    def _open_pipeline(self) -> Pipeline[Any]:
        if "_pipeline" not in self.__dict__:
            raise SettingError("this engine is closed", hint="open another: framing.load(...)")
        return self._pipeline

    @property
    def token_budget(self) -> int:
        """Tokens in a batch, padding included; can be set, and shrinks if the memory is too small for it."""
        return self._open_pipeline.shapes.token_budget

    @token_budget.setter
    def token_budget(self, tokens: int) -> None:
        self._pipeline.shapes = replace(self._pipeline.shapes, token_budget=tokens)

    def run(self, batch: Batch) -> BatchLogits:
        """Run the model once. A batch that does not fit into memory is halved until it does.

        Raises:
            torch.OutOfMemoryError: a single window does not fit.
        """
        (logits,) = self.run_all([batch])
        return logits

    def run_all(self, batches: Sequence[Batch]) -> Iterator[BatchLogits]:
        """Run the batches; on a GPU, copying and computing overlap. Results in the order of the batches.

        Raises:
            SettingError: the engine is closed.
        """
        return self._open_pipeline.run_all(batches)

    def describe(self) -> dict[str, Any]:
        """What runs where, JSON-ready."""
        return {
            "engine": self.name,
            "device": self.device,
            "precision": self.precision,
            "threads": torch.get_num_threads(),
            "token_budget": self.token_budget,
            "attention": self._network.model.encoder.config._attn_implementation,
            "mask": self._network.mask,
            "torch": torch.__version__,
            **self._device.describe(),
        }

    def close(self) -> None:
        """Free the model and, on a GPU, the memory that torch caches."""
        if "_pipeline" not in self.__dict__:
            return
        self._pipeline.close()
        self._device.release_memory()
        del self._pipeline, self._device, self._network
        if self._torch_device.type == "cuda":
            torch.cuda.empty_cache()


class Network:
    """A FramingModel as one function from packed cells to logits, all on the model's device.

    For a mask of ones and zeros, transformers checks whether anything is masked, and the CPU must wait for the GPU. A
    mask that can be added to the attention scores needs no check. One trial shows whether an encoder accepts it;
    otherwise the mask of ones and zeros is used.

    Args:
        model: a model in evaluation mode.

    Attributes:
        model: as given.
        mask: ``"added"`` to the attention scores, or ``"ones and zeros"``.
    """

    def __init__(self, model: FramingModel) -> None:
        self.model = model
        self.widths = Widths(model.heads.width("token"), model.heads.width("sentence"))
        self.dtype = next(model.encoder.parameters()).dtype
        self.mask = "added" if self._takes_added_mask() else "ones and zeros"

    @torch.inference_mode()
    def __call__(self, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Run the model.

        Args:
            cells: int32 [rows, length], packed by :func:`framing.engine.pipeline.pack`.

        Returns:
            float32 [rows, length, widths.token] and [rows, widths.sentence]; finite also in rows of only padding.
        """
        return self._forward(cells, added_mask=self.mask == "added")

    def _forward(self, cells: torch.Tensor, *, added_mask: bool) -> tuple[torch.Tensor, torch.Tensor]:
        unpacked = Cells.unpack(cells)
        mask = _added_mask(unpacked.mask, self.dtype) if added_mask else unpacked.mask.long()
        with full_single_precision():
            output = self.model(unpacked.input_ids, mask, unpacked.quotation)
        return output.tokens.float(), output.sentences.float()

    @torch.inference_mode()
    def _takes_added_mask(self) -> bool:
        # Rows of three, one and five tokens, each with id 1, outside a quotation (5 = 1 * 4 + 1, see pack).
        cells = torch.tensor([[5, 5, 5, 0, 0], [5, 0, 0, 0, 0], [5, 5, 5, 5, 5]], dtype=torch.int32)
        cells = cells.to(next(self.model.parameters()).device)
        real = Cells.unpack(cells).mask.bool()
        try:
            expected, found = (self._forward(cells, added_mask=added) for added in (False, True))
        except (RuntimeError, ValueError, TypeError, IndexError):  # an encoder that does not accept the mask
            return False
        pairs = ((found[0][real], expected[0][real]), (found[1], expected[1]))
        return all(torch.allclose(one, other, atol=TOLERANCE[self.dtype]) for one, other in pairs)


class HostDevice:
    """A torch device that is used without streams: the CPU, or any device that is not CUDA.

    Args:
        network: the model, on the device.
        device: the device.
    """

    def __init__(self, network: Network, device: torch.device) -> None:
        self.widths = network.widths
        self._network = network
        self._device = device

    def new_slot(self, cells: int) -> Slot:
        """Allocate a slot."""
        return Slot(self.widths, cells)

    def start(self, slot: Slot, shape: Shape) -> None:
        """Compute the slot's chunk at once."""
        tokens, sentences = self._network(slot.cells_of(shape).to(self._device))
        slot.tokens_of(shape).copy_(tokens)
        slot.sentences_of(shape).copy_(sentences)

    def finish(self, slot: Slot) -> None:
        """Nothing to wait for."""

    def release_memory(self) -> None:
        """Nothing to free."""

    def describe(self) -> dict[str, Any]:
        """Nothing to add to the engine's description."""
        return {}


@contextmanager
def full_single_precision() -> Iterator[None]:
    """Compute products of float32 matrices in float32, even if the process allows TF32 or bfloat16 for them."""
    allowed = torch.get_float32_matmul_precision()
    if allowed == "highest":
        yield
        return
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(allowed)


def _added_mask(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A mask of ones and zeros [rows, length] as one to add, [rows, 1, length, length], the same for every query.

    Its rows start at multiples of 8 in memory; otherwise the attention kernels would copy it in every layer.
    """
    rows, length = mask.shape
    spaced = torch.zeros((rows, 1, 1, -(-length // 8) * 8), dtype=dtype, device=mask.device)
    added = spaced[..., :length]
    added.copy_((1 - mask)[:, None, None, :] * _MASKED)
    return added.expand(rows, 1, length, length)


def _lengths_for(model: FramingModel) -> tuple[int, ...]:
    """The lengths of :data:`_LENGTHS` up to the model's window, and the window."""
    window = int(model.config.window_length)
    return (*(length for length in _LENGTHS if length < window), window)


def _resolve_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise SettingError(
            f"device {name!r} cannot be used: {str(error).splitlines()[0].partition('. ')[0]}",
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
    """Load the model, with its encoder in ``dtype`` and its heads in float32."""
    showed_progress = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model = FramingModel.from_pretrained(checkpoint.folder)
    finally:
        if showed_progress:
            logging.enable_progress_bar()
    model.encoder.to(dtype)
    model.quotation_embeddings.to(dtype)
    for head in model.heads:
        model.layer(head).register_forward_pre_hook(_in_single_precision)
    return model.to(device).eval()


def _in_single_precision(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return tuple(tensor.float() for tensor in inputs)
