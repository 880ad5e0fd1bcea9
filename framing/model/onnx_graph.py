"""The ONNX graph of a checkpoint: how its weights are used, without the weights.

``model.onnx`` is some tens of kB. Its initializers are references into ``model.safetensors`` (the ONNX format's
*external data*: file, offset, length), half precision as stored, with a Cast behind each. ONNX Runtime reads them
straight from that file and computes the casts, transpositions and concatenations once, at load time. So there is one
copy of the weights, and any ONNX tool can open the folder.

The graph is BERT's (Devlin et al. 2019) with framing's quotation embedding and heads, in ONNX Runtime's fused
operators of the domain ``com.microsoft`` (Attention, BiasGelu) where they are faster than ONNX's own. Encoders of other
architectures have no graph; they run in torch.

Writing needs the ``onnx`` package, reading does not. :func:`write` is called when a checkpoint is saved; for an older
or a hand-made folder::

    python -m framing.model.onnx_graph FOLDER && python -m framing.model.checkpoint FOLDER
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framing.codebook import Head, Heads
from framing.codebook.heads import Scope
from framing.errors import CheckpointError
from framing.model.checkpoint import CONFIG, GRAPH, WEIGHTS, sha256

#: Metadata key of the graph: SHA-256 of the weights file that its offsets belong to.
WEIGHTS_HASH = "framing.weights_sha256"

#: Names of the graph's inputs (int64 [batch, length]).
INPUTS = ("input_ids", "attention_mask", "quotation")
#: Scope of heads -> name of the graph's output with all their logits (float32): [batch, length, width] and
#: [batch, width]. A scope without heads has no output. Engines read outputs by their place.
OUTPUTS: dict[Scope, str] = {"token": "tokens", "sentence": "sentences"}

_FUSED = "com.microsoft"


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies in a safetensors file.

    Attributes:
        dtype: in the words of safetensors: ``F16``, ``F32``, ….
        shape: its dimensions.
        offset, length: in bytes, from the start of the file.
    """

    dtype: str
    shape: tuple[int, ...]
    offset: int
    length: int


def supports(config: dict[str, Any]) -> bool:
    """Whether a graph can be built for the encoder of this ``config.json``."""
    encoder = config["encoder"]
    return (
        encoder["model_type"] == "bert"
        and encoder.get("hidden_act", "gelu") == "gelu"
        and encoder.get("position_embedding_type", "absolute") == "absolute"
        and not encoder.get("is_decoder", False)
    )


def write(folder: Path) -> Path | None:
    """Write ``model.onnx`` beside the weights of a saved model; to be done before its SHA256SUMS are written.

    Args:
        folder: holds ``config.json`` and ``model.safetensors``.

    Returns:
        The file, or ``None`` where the encoder's architecture has no graph.
    """
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    if not supports(config):
        return None
    path = folder / GRAPH
    path.write_bytes(build(config, read_layout(folder / WEIGHTS), weights_hash=sha256(folder / WEIGHTS)))
    return path


def read_layout(path: Path) -> dict[str, StoredTensor]:
    """Where each tensor of a safetensors file lies, read from its header (8 bytes of length, then JSON)."""
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    return {
        name: StoredTensor(
            entry["dtype"],
            tuple(entry["shape"]),
            8 + size + entry["data_offsets"][0],
            entry["data_offsets"][1] - entry["data_offsets"][0],
        )
        for name, entry in header.items()
    }


def build(config: dict[str, Any], layout: dict[str, StoredTensor], *, weights_hash: str) -> bytes:
    """The serialized graph.

    Args:
        config: the checkpoint's ``config.json``; :func:`supports` holds.
        layout: of its weights file.
        weights_hash: SHA-256 (hex) of that file, kept in the graph's metadata.

    Raises:
        CheckpointError: a tensor that the architecture needs is missing or of an unexpected type.
    """
    from onnx import TensorProto, helper

    graph = _Graph(layout)
    heads = Heads.from_config(config)
    _add_model(graph, config, heads)
    shapes = {"token": ["batch", "length"], "sentence": ["batch"]}
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [*shapes[scope], heads.width(scope)])
        for scope, name in OUTPUTS.items()
        if heads.of_scope(scope)
    ]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "framing",
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in INPUTS],
            outputs,
            graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(_FUSED, 1)],
        ir_version=8,
        producer_name="framing",
    )
    helper.set_model_props(model, {WEIGHTS_HASH: weights_hash})
    return bytes(model.SerializeToString(deterministic=True))


class _Graph:
    """Collects nodes and initializers; every method returns the name of the value that it adds."""

    def __init__(self, layout: dict[str, StoredTensor]) -> None:
        self.layout = layout
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []

    def node(self, operator: str, inputs: list[str], output: str, *, domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def constant(self, name: str, value: int | list[int]) -> str:
        import numpy as np
        from onnx import numpy_helper

        self.initializers.append(numpy_helper.from_array(np.array(value, dtype=np.int64), name))
        return name

    def stored(self, name: str) -> str:
        """A tensor of the weights file in the precision it has there."""
        from onnx import TensorProto

        if name not in self.layout:
            raise CheckpointError(f"the weights lack {name!r}", expected="a BERT encoder with framing's heads")
        tensor = self.layout[name]
        types = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT}
        if tensor.dtype not in types:
            raise CheckpointError(f"the weights hold {name!r} as {tensor.dtype}", expected="F16 or F32")
        proto = TensorProto(name=name, data_type=types[tensor.dtype], dims=tensor.shape)
        proto.data_location = TensorProto.EXTERNAL
        for key, value in (("location", WEIGHTS), ("offset", tensor.offset), ("length", tensor.length)):
            proto.external_data.add(key=key, value=str(value))
        self.initializers.append(proto)
        return name

    def single(self, value: str) -> str:
        """A value in single precision."""
        from onnx import TensorProto

        return self.node("Cast", [value], f"{value}.single", to=TensorProto.FLOAT)

    def vector(self, name: str) -> str:
        """A stored tensor in single precision."""
        return self.single(self.stored(name))

    def matrix(self, name: str) -> str:
        """A stored weight [out, in] in single precision as MatMul wants it, [in, out]."""
        return self.node("Transpose", [self.vector(name)], f"{name}.transposed", perm=[1, 0])

    def joined(self, parts: list[str], output: str, *, axis: int) -> str:
        return self.node("Concat", parts, output, axis=axis)

    def skip_norm(self, value: str, residual: str, norm: str, output: str, epsilon: float, bias: str = "") -> str:
        """LayerNorm(value + bias + residual) with the weights of the module ``norm``.

        As three nodes: ONNX Runtime's fused SkipLayerNormalization takes three times as long on a CPU.
        """
        if bias:
            value = self.node("Add", [value, self.vector(bias)], f"{output}.biased")
        total = self.node("Add", [value, residual], f"{output}.sum")
        weights = [self.vector(f"{norm}.weight"), self.vector(f"{norm}.bias")]
        return self.node("LayerNormalization", [total, *weights], output, axis=-1, epsilon=epsilon)


def _add_model(graph: _Graph, config: dict[str, Any], heads: Heads) -> None:
    encoder = config["encoder"]
    epsilon = float(encoder["layer_norm_eps"])
    first = graph.constant("first", 0)
    states = _add_embeddings(graph, epsilon, first)
    mask = _add_mask(graph)
    for number in range(int(encoder["num_hidden_layers"])):
        states = _add_layer(graph, number, states, mask, int(encoder["num_attention_heads"]), epsilon)
    _add_heads(graph, states, heads.of_scope("token"), OUTPUTS["token"])
    opening = graph.node("Gather", [states, first], "opening", axis=1)
    _add_heads(graph, opening, heads.of_scope("sentence"), OUTPUTS["sentence"])


def _add_heads(graph: _Graph, states: str, heads: Sequence[Head], output: str) -> None:
    """All heads of a scope as one product."""
    if not heads:
        return
    weights, biases = (
        [graph.matrix(f"{h.module}.weight") for h in heads],
        [graph.vector(f"{h.module}.bias") for h in heads],
    )
    weight = graph.joined(weights, f"{output}.weight", axis=1)
    bias = graph.joined(biases, f"{output}.bias", axis=0)
    graph.node("Add", [graph.node("MatMul", [states, weight], f"{output}.product"), bias], output)


def _add_embeddings(graph: _Graph, epsilon: float, first: str) -> str:
    prefix = "encoder.embeddings"
    # The table of words stays in half precision; only the rows in use are cast.
    rows = graph.node("Gather", [graph.stored(f"{prefix}.word_embeddings.weight"), "input_ids"], "words")
    length = graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    positions = graph.node(
        "Slice",
        [graph.vector(f"{prefix}.position_embeddings.weight"), graph.constant("zero", [0]), length, "zero"],
        "positions",
    )
    # Every token is of type 0, so its embedding joins the two quotation embeddings at load time.
    token_type = graph.node("Gather", [graph.vector(f"{prefix}.token_type_embeddings.weight"), first], "token_type")
    table = graph.node("Add", [graph.vector("quotation_embeddings.weight"), token_type], "quotation_table")
    quotation = graph.node("Gather", [table, "quotation"], "quotation_embedding")
    placed = graph.node("Add", [graph.single(rows), positions], "placed_words")
    return graph.skip_norm(placed, quotation, f"{prefix}.LayerNorm", "embeddings", epsilon)


def _add_mask(graph: _Graph) -> str:
    from onnx import TensorProto

    return graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.INT32)


def _add_layer(graph: _Graph, number: int, states: str, mask: str, heads: int, epsilon: float) -> str:
    layer = f"encoder.encoder.layer.{number}"
    attention = f"{layer}.attention.self"
    parts = ("query", "key", "value")
    weight = graph.joined([graph.matrix(f"{attention}.{p}.weight") for p in parts], f"{attention}.weight", axis=1)
    bias = graph.joined([graph.vector(f"{attention}.{p}.bias") for p in parts], f"{attention}.bias", axis=0)
    mixed = graph.node("Attention", [states, weight, bias, mask], attention, domain=_FUSED, num_heads=heads)

    dense = f"{layer}.attention.output"
    projected = graph.node("MatMul", [mixed, graph.matrix(f"{dense}.dense.weight")], f"{dense}.dense")
    attended = graph.skip_norm(projected, states, f"{dense}.LayerNorm", dense, epsilon, bias=f"{dense}.dense.bias")

    inner = f"{layer}.intermediate"
    widened = graph.node("MatMul", [attended, graph.matrix(f"{inner}.dense.weight")], f"{inner}.dense")
    active = graph.node("BiasGelu", [widened, graph.vector(f"{inner}.dense.bias")], inner, domain=_FUSED)
    outer = f"{layer}.output"
    narrowed = graph.node("MatMul", [active, graph.matrix(f"{outer}.dense.weight")], f"{outer}.dense")
    return graph.skip_norm(narrowed, attended, f"{outer}.LayerNorm", outer, epsilon, bias=f"{outer}.dense.bias")


if __name__ == "__main__":
    import sys

    for argument in sys.argv[1:]:
        written = write(Path(argument))
        print(f"{argument}: {written.name if written else 'this encoder architecture has no ONNX graph'}")
