"""The CPU engine: ONNX Runtime, one session, as many Python threads as there are cores.

The session computes each batch on the thread that asks for it (``intra_op_num_threads=1``; ONNX Runtime's ``run`` is
thread-safe and releases the GIL).

Needs neither torch nor transformers.
"""

from __future__ import annotations

import os

# ONNX Runtime may send telemetry from its import on, unless this is set; framing works offline.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

from framing.engine.base import Batch, BatchLogits
from framing.engine.threaded import GraphEngine, cannot_open, graph_of, logits_of
from framing.model.checkpoint import Checkpoint
from framing.model.onnx_graph import INPUTS, WEIGHTS_HASH, check


class OnnxEngine(GraphEngine):
    """Runs a checkpoint's ``model.onnx`` on the CPU in single precision.

    Args:
        checkpoint: has a graph (:mod:`framing.model.onnx_graph`).
        threads: batches computed at the same time; if ``None``, one per core of this process.

    Raises:
        CheckpointError: the checkpoint has no graph, or it belongs to other weights.
        SettingError: ``threads`` is not positive.
    """

    name = "onnx"
    runtime = onnxruntime
    precision = "fp32"
    # On a CPU, batches of more than a few sentences gain little; small ones need less padding and fit the cache.
    token_budget = 256
    look_ahead = 1024

    def __init__(self, checkpoint: Checkpoint, *, threads: int | None = None) -> None:
        super().__init__(checkpoint, threads)
        self._session = _open_session(checkpoint)

    def run(self, batch: Batch) -> BatchLogits:
        """Run the model once, on the calling thread."""
        feed = dict(zip(INPUTS, (batch.input_ids, batch.attention_mask, batch.quotation), strict=True))
        return logits_of(self._session.run(None, feed), batch, self.heads)


def _open_session(checkpoint: Checkpoint) -> onnxruntime.InferenceSession:
    path = graph_of(checkpoint)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # The graph has the useful fusions; higher levels add slower ones (see skip_norm in framing.model.onnx_graph).
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3  # errors are raised anyway; warnings about the hardware do not help the user
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises many kinds of its own
        raise cannot_open(checkpoint, "onnxruntime", error) from error
    check(checkpoint.folder, session.get_modelmeta().custom_metadata_map.get(WEIGHTS_HASH))
    return session
