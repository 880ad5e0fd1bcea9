"""A checkpoint whose ONNX graph computes in 8-bit integers: for measuring what that costs, not for use.

ONNX Runtime's dynamic quantisation (``onnxruntime.quantization.quantize_dynamic``): weights are rounded once, the
activations of every batch anew, by the largest value in the batch. So, unlike with the engines that framing has, what
is said of a sentence depends a little on what else is in its batch. The heads stay in single precision.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from framing.errors import CheckpointError
from framing.model.checkpoint import GRAPH, Checkpoint, write_sums
from framing.model.onnx_graph import OUTPUTS

_QUANTIZED = ("MatMul", "Attention")
#: Nodes that stay as they are: the products of the heads, also where ONNX Runtime joins product and sum to a Gemm that
#: its quantiser takes apart again.
_HEADS = [name for output in OUTPUTS.values() for name in (f"{output}.product", f"{output}_MatMul")]


def write_int8(checkpoint: Checkpoint, folder: Path, *, per_channel: bool, reduce_range: bool) -> Path:
    """Write a copy of a checkpoint whose graph is quantised.

    Args:
        checkpoint: with a graph.
        folder: to be made; gets the copy.
        per_channel: a scale for every output channel of a weight, not one for the whole.
        reduce_range: use 7 bits of weights, so that sums of two products fit 16 bits (AVX2 without VNNI saturates).

    Returns:
        The folder, which loads as any checkpoint does.

    Raises:
        CheckpointError: the checkpoint has no graph.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    if not (checkpoint.folder / GRAPH).is_file():
        raise CheckpointError(
            f"{checkpoint.folder} has no {GRAPH} to quantise", expected="a checkpoint of a BERT encoder"
        )
    shutil.copytree(checkpoint.folder, folder)
    folded = folder / "folded.onnx"
    _fold(folder / GRAPH, folded)
    quantize_dynamic(
        folded,
        folder / GRAPH,
        op_types_to_quantize=list(_QUANTIZED),
        nodes_to_exclude=_HEADS,
        per_channel=per_channel,
        reduce_range=reduce_range,
        weight_type=QuantType.QInt8,
        # The outputs of ONNX Runtime's own operators have no inferred type.
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    folded.unlink()
    write_sums(folder)
    return folder


def _fold(graph: Path, folded: Path) -> None:
    """Write the graph as ONNX Runtime has it once its weights are cast and joined: only constants can be quantised.

    Nodes are named after their first output, as the graph has no names for them.
    """
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folded)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    model = onnx.load(folded)
    for node in model.graph.node:
        node.name = node.output[0]
    onnx.save(model, folded)
