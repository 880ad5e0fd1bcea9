"""Engines compute logits from a batch of token ids; they know neither text nor labels.

:func:`open_engine` chooses and opens one. Importing this package loads none of their runtimes.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from framing.engine.base import Batch, BatchLogits, Engine
from framing.engine.processor import instructions
from framing.errors import MissingExtraError, SettingError
from framing.model.checkpoint import GRAPH, Checkpoint

__all__ = ["CPU_ENGINES", "ENGINES", "PRECISIONS", "Batch", "BatchLogits", "Engine", "open_engine"]

ENGINES = ("auto", "onnx", "openvino", "torch")
#: Engines that run on a CPU only.
CPU_ENGINES = ("onnx", "openvino")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")


def open_engine(
    checkpoint: Checkpoint,
    *,
    engine: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    token_budget: int | None = None,
) -> Engine:
    """Open an engine for a checkpoint.

    Args:
        checkpoint: the checkpoint to run.
        engine: ``"onnx"`` (CPU), ``"openvino"`` (CPU, also in bf16; an extra), ``"torch"`` (GPU or CPU), or ``"auto"``.
            Auto chooses torch on a GPU. On a CPU it chooses onnx for fp32; for bf16 openvino, if it is installed and
            the processor has the instructions; otherwise torch. It also chooses torch for a checkpoint without an ONNX
            graph (its encoder's architecture is not in ``framing.model.onnx_graph.FAMILIES``).
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ….
        precision: ``"auto"``, ``"fp32"``, ``"bf16"``, ``"fp16"``.
        threads: threads on a CPU; if ``None``, one per core, or torch's own choice.
        token_budget: tokens in a batch, padding included; if ``None``, the engine's own value.

    Raises:
        SettingError: a value is unknown or out of range, or two values do not go together.
        CheckpointError: the engine cannot run the checkpoint.
        MissingExtraError: the engine's runtime is not installed.
    """
    if token_budget is not None and token_budget < 1:
        raise SettingError(f"token_budget is {token_budget}", expected="1 or more, or None for the engine's own")
    if engine not in ENGINES:
        raise SettingError(f"engine {engine!r} is unknown", expected=", ".join(ENGINES))
    if precision not in PRECISIONS:
        raise SettingError(f"precision {precision!r} is unknown", expected=", ".join(PRECISIONS))
    if engine == "auto":
        engine = _chosen(checkpoint, device, precision)
    if engine in CPU_ENGINES:
        _check_on_cpu(engine, device, precision)
    opened: Engine
    if engine == "onnx":
        from framing.engine.onnx import OnnxEngine

        opened = OnnxEngine(checkpoint, threads=threads)
    elif engine == "openvino":
        _check_installed("openvino")
        from framing.engine.openvino import OpenVinoEngine

        opened = OpenVinoEngine(checkpoint, precision=precision, threads=threads)
    else:
        from framing.engine.torch import TorchEngine

        opened = TorchEngine(checkpoint, device=device, precision=precision, threads=threads)
    opened.token_budget = token_budget or opened.token_budget
    return opened


def _check_on_cpu(engine: str, device: str, precision: str) -> None:
    if device not in ("auto", "cpu"):
        raise SettingError(
            f"engine {engine!r} does not run on device {device!r}", expected="device 'cpu', or engine 'torch'"
        )
    if engine == "onnx" and precision not in ("auto", "fp32"):
        raise SettingError(
            f"engine 'onnx' does not compute in {precision!r}",
            expected="precision 'fp32', or engine 'openvino' or 'torch'",
        )


def _check_installed(engine: str) -> None:
    if find_spec(engine) is None:
        raise MissingExtraError(
            f"engine {engine!r} needs {engine}, which is not installed",
            expected=f"the extra {engine}",
            hint=f"pip install 'framing[{engine}]'",
        )


def _chosen(checkpoint: Checkpoint, device: str, precision: str) -> str:
    """The name of the engine that ``"auto"`` stands for."""
    on_cpu = device == "cpu" or (device == "auto" and not _has_gpu())
    if not on_cpu or not (checkpoint.folder / GRAPH).is_file():
        return "torch"
    if precision in ("auto", "fp32"):
        return "onnx"
    has_bf16 = precision == "bf16" and not {"avx512_bf16", "amx_bf16"}.isdisjoint(instructions())
    return "openvino" if has_bf16 and find_spec("openvino") is not None else "torch"


def _has_gpu() -> bool:
    """Whether torch finds a GPU. Torch takes seconds to import, so it is imported only if a driver is installed."""
    if not _has_gpu_driver():
        return False
    import torch

    return torch.cuda.is_available()


def _has_gpu_driver() -> bool:
    if sys.platform == "win32":
        return Path(r"C:\Windows\System32\nvcuda.dll").exists()
    # NVIDIA's driver; the GPU of the Windows Subsystem for Linux; AMD's driver.
    return any(Path(node).exists() for node in ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd"))
