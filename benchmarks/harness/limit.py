"""The machine's limit as a system that takes its turn: matrix products, and on a GPU copies to it and back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness.protocol import SystemSpec
from benchmarks.harness.systems import System
from framing.model.checkpoint import Checkpoint
from framing.speed import MatrixProducts, ModelShape

#: Bytes that are copied to measure a GPU's link.
_COPIED = 2**28


class Limit(System):
    """Multiplies matrices of the model's shapes.

    Args:
        spec: gives device, precision and threads.
        checkpoint: folder of the model, for the shapes.
    """

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        shape = ModelShape.of(Checkpoint.load(checkpoint).config)
        precision = "fp32" if spec.precision == "auto" else spec.precision
        self.products = MatrixProducts(shape, device=spec.device, precision=precision, threads=spec.threads)

    def round(self, sentences: Sequence[str]) -> dict[str, float]:
        """Multiply for about a second; ``flops_per_second``, and on a GPU ``bytes_per_second`` of copies each way."""
        device = self.products.device
        return {"flops_per_second": self.products.rate(), **({} if device == "cpu" else _copy_rates(device))}

    def describe(self) -> dict[str, Any]:
        """What multiplies, and where."""
        return self.products.describe()


def _copy_rates(device: str) -> dict[str, float]:
    """Bytes a second from page-locked memory to a GPU and back."""
    import torch

    host = torch.empty(_COPIED, dtype=torch.uint8, pin_memory=True)
    there = torch.empty(_COPIED, dtype=torch.uint8, device=device)
    rates = {}
    for name, target, source in (("to_device", there, host), ("to_host", host, there)):
        target.copy_(source, non_blocking=True)
        torch.cuda.synchronize(device)
        started = time.perf_counter()
        target.copy_(source, non_blocking=True)
        torch.cuda.synchronize(device)
        rates[f"bytes_per_second_{name}"] = _COPIED / (time.perf_counter() - started)
    return rates
