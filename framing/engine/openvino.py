"""The other CPU engine: OpenVINO, which computes in bfloat16 if the processor can.

An extra: ``pip install 'framing[openvino]'``. It runs the same graph as the onnx engine, with one thread per batch. In
single precision it is about as fast; in bfloat16, with the instructions ``avx512_bf16`` or ``amx_bf16``, much faster,
and probabilities change in the third digit (``benchmarks/RESULTS.md`` has both).

Needs neither torch nor transformers.
"""

from __future__ import annotations

import platform
from queue import SimpleQueue

import numpy as np
import openvino

from framing.engine.base import Batch, BatchLogits
from framing.engine.processor import instructions
from framing.engine.threaded import GraphEngine, cannot_open, graph_of, logits_of
from framing.errors import SettingError
from framing.model.checkpoint import Checkpoint
from framing.model.onnx_graph import INPUTS, WEIGHTS_HASH, check

#: Precision -> its name in OpenVINO.
_PRECISIONS = {"fp32": "f32", "bf16": "bf16"}


class OpenVinoEngine(GraphEngine):
    """Runs a checkpoint's ``model.onnx`` on the CPU.

    Args:
        checkpoint: has a graph (:mod:`framing.model.onnx_graph`).
        precision: ``"fp32"``, ``"bf16"``, or ``"auto"``, which is fp32, as in the onnx engine.
        threads: batches computed at the same time; if ``None``, one per core of this process.

    Raises:
        CheckpointError: the checkpoint has no graph, or it belongs to other weights.
        SettingError: ``threads`` is not positive, or the processor cannot compute in the precision.
    """

    name = "openvino"
    runtime = openvino
    # OpenVINO compiles kernels for each shape of batch; larger batches have fewer shapes.
    token_budget = 1024
    look_ahead = 1024

    def __init__(self, checkpoint: Checkpoint, *, precision: str = "auto", threads: int | None = None) -> None:
        super().__init__(checkpoint, threads)
        self.precision = "fp32" if precision == "auto" else precision
        self._model = _compile(checkpoint, self.precision, self.threads)
        self._idle: SimpleQueue[openvino.InferRequest] = SimpleQueue()
        for _ in range(self.threads):
            self._idle.put(self._model.create_infer_request())

    def run(self, batch: Batch) -> BatchLogits:
        """Run the model once; waits while all threads are computing batches."""
        feed = dict(zip(INPUTS, (batch.input_ids, batch.attention_mask, batch.quotation), strict=True))
        request = self._idle.get()
        try:
            request.infer(feed, share_inputs=True)
            # Copied, because the next batch is computed in the same memory.
            outputs = [np.array(tensor.data) for tensor in request.output_tensors]
        finally:
            self._idle.put(request)
        return logits_of(outputs, batch, self.heads)


def computes_in(precision: str) -> bool:
    """Whether this processor has instructions for a precision (``"fp32"``, ``"bf16"``), as OpenVINO finds them."""
    return precision.upper() in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _compile(checkpoint: Checkpoint, precision: str, threads: int) -> openvino.CompiledModel:
    if precision not in _PRECISIONS or not computes_in(precision):
        raise SettingError(
            f"engine 'openvino' does not compute in {precision!r} on this processor, which has "
            f"{', '.join(instructions()) or platform.machine()}",
            expected="precision 'fp32', or 'bf16' where there is avx512_bf16 or amx_bf16",
        )
    path = graph_of(checkpoint)
    settings = {
        "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],
        "NUM_STREAMS": str(threads),
        "INFERENCE_NUM_THREADS": str(threads),
        # With pinning, several processes on a machine would all use its first cores.
        "ENABLE_CPU_PINNING": "NO",
        # Else OpenVINO would compute in 8 bits with weights stored in 8 bits; these only make the files small.
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
    }
    core = openvino.Core()
    try:
        model = core.read_model(str(path))
        compiled = core.compile_model(model, "CPU", settings)
    except RuntimeError as error:
        raise cannot_open(checkpoint, "openvino", error) from error
    hash_at = ["framework", WEIGHTS_HASH]
    check(checkpoint.folder, model.get_rt_info(hash_at).value if model.has_rt_info(hash_at) else None)
    return compiled
