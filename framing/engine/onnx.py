"""The CPU engine: ONNX Runtime, one session, as many Python threads as there are cores.

Measured on shared cores, barriers between the threads of one matrix product cost most. So the session computes each
batch on the thread that asks for it (``intra_op_num_threads=1``; ONNX Runtime's ``run`` is thread-safe and releases
the GIL), and the engine's threads each take the next of many small batches. The weights are in memory once.

Imports onnxruntime and numpy only.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import onnxruntime

from framing.engine.base import Batch, Engine, Logits
from framing.engine.cpu import instructions, usable_cores
from framing.engine.onnx_graph import INPUTS, OUTPUTS, WEIGHTS_HASH
from framing.errors import CheckpointCorruptedError, CheckpointError, SettingError
from framing.model.checkpoint import GRAPH, WEIGHTS, Checkpoint, read_sums


class OnnxEngine(Engine):
    """Runs a checkpoint's ``model.onnx`` on the CPU in single precision.

    Args:
        checkpoint: with a graph (:mod:`framing.engine.onnx_graph`).
        threads: batches computed at the same time; as many as this process has cores when ``None``.

    Raises:
        CheckpointError: the checkpoint has no graph, or it belongs to other weights.
        SettingError: ``threads`` is not positive.
    """

    name = "onnx"
    device = "cpu"
    precision = "fp32"
    # Batches gain little on a CPU beyond a handful of sentences, and small ones need less padding and fit the cache.
    token_budget = 256
    look_ahead = 1024

    def __init__(self, checkpoint: Checkpoint, *, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise SettingError(f"threads is {threads}", expected="1 or more, or None for one per core")
        self.threads = threads or usable_cores()
        self._outputs = len(checkpoint.config["outputs"])
        self._session = _open_session(checkpoint)

    def run(self, batch: Batch) -> Logits:
        """Run the model once, on the calling thread."""
        feed = dict(zip(INPUTS, (batch.input_ids, batch.attention_mask, batch.quotation), strict=True))
        tokens, kind = self._session.run(OUTPUTS, feed)
        return Logits(tokens[..., : self._outputs], tokens[..., self._outputs :], kind)

    def run_all(self, batches: Sequence[Batch]) -> Iterator[Logits]:
        """Run the batches on all threads; results in the batches' order."""
        workers = min(self.threads, len(batches))
        if workers < 2:
            yield from map(self.run, batches)
            return
        # A pool for each call costs a fraction of one batch, and leaves no thread behind for a fork to lose.
        with ThreadPoolExecutor(workers, thread_name_prefix="framing-onnx") as pool:
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
            "onnxruntime": onnxruntime.__version__,
        }


def _open_session(checkpoint: Checkpoint) -> onnxruntime.InferenceSession:
    path = checkpoint.folder / GRAPH
    folder = checkpoint.folder
    hint = f"write it: python -m framing.engine.onnx_graph {folder} && python -m framing.model.checkpoint {folder}"
    sums = read_sums(checkpoint.folder)
    if GRAPH not in sums:
        raise CheckpointError(
            f"{checkpoint.folder} has no {GRAPH} on record, which the onnx engine runs",
            expected=f"{GRAPH}, which framing-train writes for BERT encoders",
            hint=f"use engine='torch', or {hint}",
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # The graph is fused as is best; the levels above would fuse what is slower fused (see onnx_graph.skip_norm).
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3  # what goes wrong is raised; warnings about the hardware are no news to the user
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own kinds, by the cause
        raise CheckpointCorruptedError(f"onnxruntime cannot open {path}: {error}", hint=hint) from error
    built_for = session.get_modelmeta().custom_metadata_map.get(WEIGHTS_HASH)
    if built_for != sums[WEIGHTS]:
        raise CheckpointCorruptedError(
            f"{path} was written for other weights than {WEIGHTS}",
            expected=f"a graph for the weights with SHA-256 {sums[WEIGHTS]}",
            hint=hint,
        )
    return session
