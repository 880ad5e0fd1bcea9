"""The common part of the engines that run a checkpoint's ``model.onnx`` on the CPU.

If several threads share one matrix product, they wait for each other, which measurements on shared cores showed to cost
most. So one thread computes each batch, and as many threads as there are cores each take the next of many small
batches. The weights are in memory once.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from framing.codebook import Heads
from framing.engine.base import Batch, BatchLogits, Engine
from framing.engine.processor import instructions, usable_cores
from framing.errors import CheckpointCorruptedError, CheckpointError, SettingError
from framing.model.checkpoint import GRAPH, Checkpoint, read_sums


class GraphEngine(Engine):
    """Runs ``model.onnx`` on the CPU, with several batches at the same time.

    Args:
        checkpoint: has a graph (:mod:`framing.model.onnx_graph`).
        threads: batches computed at the same time; if ``None``, one per core of this process.

    Raises:
        SettingError: ``threads`` is not positive.

    Attributes:
        runtime: the module of the runtime; its distribution may have another name (``onnxruntime-gpu``).
        threads: as given, or the number of cores.
        heads: the heads of the model.
    """

    device = "cpu"
    runtime: ClassVar[ModuleType]

    def __init__(self, checkpoint: Checkpoint, threads: int | None) -> None:
        if threads is not None and threads < 1:
            raise SettingError(f"threads is {threads}", expected="1 or more, or None for one per core")
        self.threads = threads or usable_cores()
        self.heads = checkpoint.heads

    def run_all(self, batches: Sequence[Batch]) -> Iterator[BatchLogits]:
        """Run the batches on all threads; results in the batches' order."""
        workers = min(self.threads, len(batches))
        if workers < 2:
            yield from map(self.run, batches)
            return
        # A pool per call costs a fraction of one batch, and leaves no threads, which a fork would lose.
        with ThreadPoolExecutor(workers, thread_name_prefix=f"framing-{self.name}") as pool:
            yield from pool.map(self.run, batches)

    def describe(self) -> dict[str, Any]:
        """What runs where, JSON-ready."""
        return {
            "engine": self.name,
            "device": self.device,
            "precision": self.precision,
            "threads": self.threads,
            "token_budget": self.token_budget,
            "machine": platform.machine(),
            "instructions": list(instructions()),
            self.runtime.__name__: self.runtime.__version__,
        }


def logits_of(outputs: Sequence[np.ndarray], batch: Batch, heads: Heads) -> BatchLogits:
    """The graph's outputs as logits; a scope without heads has no output.

    Args:
        outputs: float32 arrays, in the order of the graph's outputs.
        batch: the batch that was run.
        heads: the heads of the model.

    Raises:
        CheckpointCorruptedError: the outputs do not have the shapes that the heads need.
    """
    rows, length = batch.input_ids.shape
    token, sentence = heads.width("token"), heads.width("sentence")
    expected: list[tuple[int, ...]] = [(rows, length, token)] * bool(token) + [(rows, sentence)] * bool(sentence)
    if [output.shape for output in outputs] != expected:
        raise CheckpointCorruptedError(
            f"the graph gives {[output.shape for output in outputs]} for {rows} windows of {length} tokens",
            expected=f"{expected}, as the heads of the checkpoint need",
            hint="write the graph again: python -m framing.model.onnx_graph FOLDER",
        )
    left = iter(outputs)
    tokens = next(left) if token else np.empty((rows, length, 0), np.float32)
    sentences = next(left) if sentence else np.empty((rows, 0), np.float32)
    return BatchLogits(tokens, sentences)


def graph_of(checkpoint: Checkpoint) -> Path:
    """The path of the checkpoint's graph.

    Raises:
        CheckpointError: the checkpoint has no graph.
    """
    if GRAPH not in read_sums(checkpoint.folder):
        raise CheckpointError(
            f"{checkpoint.folder} has no {GRAPH} on record, which the engines 'onnx' and 'openvino' run",
            expected=f"{GRAPH}, which framing-train writes for BERT, RoBERTa and MPNet encoders",
            hint=f"use engine='torch', or {_how_to_write(checkpoint)}",
        )
    return checkpoint.folder / GRAPH


def cannot_open(checkpoint: Checkpoint, runtime: str, error: Exception) -> CheckpointCorruptedError:
    """The error for a graph that a runtime cannot open."""
    return CheckpointCorruptedError(
        f"{runtime} cannot open {checkpoint.folder / GRAPH}: {error}", hint=_how_to_write(checkpoint)
    )


def _how_to_write(checkpoint: Checkpoint) -> str:
    folder = checkpoint.folder
    return f"write it: python -m framing.model.onnx_graph {folder} && python -m framing.model.checkpoint {folder}"
