"""The ONNX graph of a checkpoint: how its weights are used, without the weights.

``model.onnx`` has some tens of kB. Its initializers are references into the weight files (ONNX's *external data*: file,
offset, length). After each comes a Cast if it is stored in half precision, or a Cast and a Mul by the scales of the
rows if it is stored in 8 bits. ONNX Runtime reads the weight files and computes the casts, products, transpositions and
concatenations once, at load time. So there is one copy of the weights, and any ONNX tool can open the folder.
(DequantizeLinear does the same as Cast and Mul, but ONNX Runtime leaves it in the graph by default.)

The graph is that of BERT (Devlin et al. 2019) with framing's quotation embedding and heads. It uses the fused operators
of ONNX Runtime's domain ``com.microsoft`` (Attention, BiasGelu) if they are faster than ONNX's own. :data:`FAMILIES`
lists the supported architectures. They may have other names for their weights, no token types, or a relative position
bias on the attention scores: MPNet (Song et al. 2020, "MPNet: masked and permuted pre-training for language
understanding") has that of T5 (Raffel et al. 2020). Encoders of other architectures have no graph and run in torch.

Writing needs the ``onnx`` package, reading does not. Training calls :func:`write` when it saves a checkpoint; for an
older folder, or one made by hand::

    python -m framing.model.onnx_graph FOLDER && python -m framing.model.checkpoint FOLDER
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framing.codebook import Head, Heads
from framing.codebook.heads import Scope
from framing.errors import CheckpointCorruptedError, CheckpointError
from framing.model.checkpoint import (
    CONFIG,
    GRAPH,
    SCALE,
    first_position,
    read_sums,
    sha256,
    weight_files,
    weights_hash,
)

#: Key in the graph's metadata: :func:`framing.model.checkpoint.weights_hash` of the weights that it was written for.
WEIGHTS_HASH = "framing.weights_sha256"

#: Names of the graph's inputs (int64 [batch, length]).
INPUTS = ("input_ids", "attention_mask", "quotation")
#: Scope of heads -> name of the graph's output with all their logits, float32: [batch, length, width] for tokens,
#: [batch, width] for sentences. A scope without heads has no output. Engines read outputs by their order.
OUTPUTS: dict[Scope, str] = {"token": "tokens", "sentence": "sentences"}

_FUSED = "com.microsoft"


@dataclass(frozen=True, slots=True)
class Family:
    """Architectures with one graph: the names of their modules, and how they differ from BERT.

    Attributes:
        model_types: their ``model_type`` in Hugging Face configurations.
        query, key, value: modules of a layer that compute queries, keys and values.
        attended, attended_norm: modules after the attention.
        wide, narrow, norm: modules of the feed-forward part.
        token_types: whether an embedding of the token's type is added; the type is always 0.
        relative_bias: module whose table [:data:`BUCKETS`, heads] is added to the attention scores by the distance of
            two tokens; empty if there is none.
    """

    model_types: tuple[str, ...]
    query: str = "attention.self.query"
    key: str = "attention.self.key"
    value: str = "attention.self.value"
    attended: str = "attention.output.dense"
    attended_norm: str = "attention.output.LayerNorm"
    wide: str = "intermediate.dense"
    narrow: str = "output.dense"
    norm: str = "output.LayerNorm"
    token_types: bool = True
    relative_bias: str = ""


FAMILIES = (
    # All except BERT count positions from the padding token's id (checkpoint.first_position).
    Family(("bert", "roberta", "xlm-roberta", "camembert")),
    Family(
        ("mpnet",),
        query="attention.attn.q",
        key="attention.attn.k",
        value="attention.attn.v",
        attended="attention.attn.o",
        attended_norm="attention.LayerNorm",
        token_types=False,
        relative_bias="encoder.encoder.relative_attention_bias",
    ),
)

#: Rows of the table of relative positions: one half for tokens before, one half for tokens after.
BUCKETS = 32
#: All tokens at this distance or farther share a bucket.
FARTHEST = 128


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """Where a tensor lies in a safetensors file.

    Attributes:
        file: name of the file.
        dtype: its type in safetensors: ``F16``, ``F32``, ….
        shape: its dimensions.
        offset, length: in bytes, from the start of the file.
    """

    file: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    length: int


def supports(config: dict[str, Any]) -> bool:
    """Whether a graph can be built for the encoder of this ``config.json``."""
    encoder = config["encoder"]
    return (
        _family_of(encoder) is not None
        and encoder.get("hidden_act", "gelu") == "gelu"
        and encoder.get("position_embedding_type", "absolute") == "absolute"
        and not encoder.get("is_decoder", False)
    )


def _family_of(encoder: dict[str, Any]) -> Family | None:
    return next((family for family in FAMILIES if encoder["model_type"] in family.model_types), None)


def write(folder: Path) -> Path | None:
    """Write ``model.onnx`` beside the weights of a saved model. Call it before its SHA256SUMS is written.

    Args:
        folder: holds ``config.json`` and the weight files.

    Returns:
        The path of the file, or ``None`` if the encoder's architecture has no graph.
    """
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    if not supports(config):
        return None
    path = folder / GRAPH
    files = weight_files(folder)
    layout = {name: tensor for file in files for name, tensor in read_layout(folder / file).items()}
    sums = {file: sha256(folder / file) for file in files}
    path.write_bytes(build(config, layout, weights_hash=weights_hash(folder, sums)))
    return path


def check(folder: Path, built_for: str | None) -> None:
    """Check that the graph of a checkpoint was written for its weights.

    Args:
        folder: the folder of a verified checkpoint.
        built_for: the value of :data:`WEIGHTS_HASH` in the graph's metadata; ``None`` if there is none.

    Raises:
        CheckpointCorruptedError: the graph was written for other weights.
    """
    found = weights_hash(folder, read_sums(folder))
    if built_for != found:
        raise CheckpointCorruptedError(
            f"{folder / GRAPH} was written for other weights than {', '.join(weight_files(folder))}",
            expected=f"a graph for the weights with SHA-256 {found}",
            hint="write it: "
            f"python -m framing.model.onnx_graph {folder} && python -m framing.model.checkpoint {folder}",
        )


def read_layout(path: Path) -> dict[str, StoredTensor]:
    """Where each tensor of a safetensors file lies, read from its header (8 bytes of length, then JSON)."""
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
    header.pop("__metadata__", None)
    return {
        name: StoredTensor(
            path.name,
            entry["dtype"],
            tuple(entry["shape"]),
            8 + size + entry["data_offsets"][0],
            entry["data_offsets"][1] - entry["data_offsets"][0],
        )
        for name, entry in header.items()
    }


def bucket_of(distance: int) -> int:
    """The row of the table of relative positions for the distance from one token to another.

    Each small distance has a bucket of its own; larger distances share buckets, whose size grows with the logarithm. As
    in transformers, this is computed in single precision, which decides at the edges of buckets.

    Args:
        distance: in tokens; positive if the other token stands after, negative if it stands before.
    """
    import numpy as np

    half = BUCKETS // 2
    exact = half // 2
    far = abs(distance)
    if far >= exact:
        share = np.log(np.float32(far) / np.float32(exact)) / np.float32(math.log(FARTHEST / exact))
        far = min(exact + int(share * np.float32(half - exact)), half - 1)
    return far + (half if distance > 0 else 0)


def build(config: dict[str, Any], layout: dict[str, StoredTensor], *, weights_hash: str) -> bytes:
    """The serialized graph.

    Args:
        config: the checkpoint's ``config.json``, which :func:`supports` accepts.
        layout: the tensors of all its weight files, by name.
        weights_hash: the hash of the weights, stored in the graph's metadata.

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
    """Collects nodes and initializers; methods that add a value return its name."""

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
        """A tensor of the weight files, in its stored type."""
        from onnx import TensorProto

        if name not in self.layout:
            raise CheckpointError(f"the weights lack {name!r}", expected="an encoder of its kind with framing's heads")
        tensor = self.layout[name]
        types = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT, "I8": TensorProto.INT8}
        if tensor.dtype not in types:
            raise CheckpointError(f"the weights hold {name!r} as {tensor.dtype}", expected=", ".join(types))
        proto = TensorProto(name=name, data_type=types[tensor.dtype], dims=tensor.shape)
        proto.data_location = TensorProto.EXTERNAL
        for key, value in (("location", tensor.file), ("offset", tensor.offset), ("length", tensor.length)):
            proto.external_data.add(key=key, value=str(value))
        self.initializers.append(proto)
        return name

    def single(self, value: str) -> str:
        """A value in single precision."""
        from onnx import TensorProto

        return self.node("Cast", [value], f"{value}.single", to=TensorProto.FLOAT)

    def vector(self, name: str) -> str:
        """A stored tensor in single precision."""
        value = self.single(self.stored(name))
        if not self.in_8_bits(name):
            return value
        return self.node("Mul", [value, self.scales(name)], f"{name}.scaled")

    def matrix(self, name: str) -> str:
        """A stored weight [out, in] in single precision, transposed to [in, out] for MatMul."""
        if not self.in_8_bits(name):
            return self.node("Transpose", [self.vector(name)], f"{name}.transposed", perm=[1, 0])
        # Results at load time are all in memory at once, so the transposition is done in 8 bits.
        numbers = self.node("Transpose", [self.stored(name)], f"{name}.transposed", perm=[1, 0])
        scales = self.node("Transpose", [self.scales(name)], f"{name}.transposed_scales", perm=[1, 0])
        return self.node("Mul", [self.single(numbers), scales], f"{name}.scaled")

    def rows(self, name: str, numbers: str, output: str) -> str:
        """Rows of a stored table in single precision. Only these rows are cast; the table keeps its stored type."""
        rows = self.single(self.node("Gather", [self.stored(name), numbers], output))
        if not self.in_8_bits(name):
            return rows
        scales = self.node("Gather", [self.scales(name), numbers], f"{output}.scales")
        return self.node("Mul", [rows, scales], f"{output}.scaled")

    def in_8_bits(self, name: str) -> bool:
        """Whether a stored tensor needs its scales."""
        return self.layout[name].dtype == "I8"

    def scales(self, name: str) -> str:
        """The scales of the rows of a matrix in 8 bits, [rows, 1]."""
        shape = self.layout[name].shape
        found = self.layout.get(name + SCALE)
        if found is None or found.shape != (shape[0], 1):
            raise CheckpointError(
                f"{name} is int8 {list(shape)}, and its scales are {found and list(found.shape)}",
                expected=f"{name}{SCALE} of [{shape[0]}, 1]",
            )
        return self.stored(name + SCALE)

    def joined(self, parts: list[str], output: str, *, axis: int) -> str:
        return self.node("Concat", parts, output, axis=axis)

    def skip_norm(self, value: str, residual: str, norm: str, output: str, epsilon: float, bias: str = "") -> str:
        """LayerNorm(value + bias + residual) with the weights of the module ``norm``.

        The nodes are separate: ONNX Runtime's fused SkipLayerNormalization takes three times as long on a CPU.
        """
        if bias:
            value = self.node("Add", [value, self.vector(bias)], f"{output}.biased")
        total = self.node("Add", [value, residual], f"{output}.sum")
        weights = [self.vector(f"{norm}.weight"), self.vector(f"{norm}.bias")]
        return self.node("LayerNormalization", [total, *weights], output, axis=-1, epsilon=epsilon)


def _add_model(graph: _Graph, config: dict[str, Any], heads: Heads) -> None:
    encoder = config["encoder"]
    family = _family_of(encoder)
    assert family is not None, "supports() holds"
    epsilon = float(encoder["layer_norm_eps"])
    first = graph.constant("first", 0)
    states = _add_embeddings(graph, family, first_position(encoder), epsilon, first)
    extra = [_add_mask(graph)]
    if family.relative_bias:
        extra += [
            "",
            _add_relative_bias(graph, f"{family.relative_bias}.weight"),
        ]  # the empty input between them is the past, which is not used
    for number in range(int(encoder["num_hidden_layers"])):
        states = _add_layer(graph, family, number, states, extra, int(encoder["num_attention_heads"]), epsilon)
    _add_heads(graph, states, heads.of_scope("token"), OUTPUTS["token"])
    opening = graph.node("Gather", [states, first], "opening", axis=1)
    _add_heads(graph, opening, heads.of_scope("sentence"), OUTPUTS["sentence"])


def _add_heads(graph: _Graph, states: str, heads: Sequence[Head], output: str) -> None:
    """Compute all heads of a scope in one product."""
    if not heads:
        return
    weights, biases = (
        [graph.matrix(f"{h.module}.weight") for h in heads],
        [graph.vector(f"{h.module}.bias") for h in heads],
    )
    weight = graph.joined(weights, f"{output}.weight", axis=1)
    bias = graph.joined(biases, f"{output}.bias", axis=0)
    graph.node("Add", [graph.node("MatMul", [states, weight], f"{output}.product"), bias], output)


def _add_embeddings(graph: _Graph, family: Family, first_row: int, epsilon: float, first: str) -> str:
    prefix = "encoder.embeddings"
    words = graph.rows(f"{prefix}.word_embeddings.weight", "input_ids", "words")
    length = graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    from_row, to_row = graph.constant("zero", [first_row]), length
    if first_row:
        to_row = graph.node("Add", [length, from_row], "end_row")
    axis = graph.constant("positions_axis", [0]) if first_row else from_row
    positions = graph.node(
        "Slice", [graph.vector(f"{prefix}.position_embeddings.weight"), from_row, to_row, axis], "positions"
    )
    table = "quotation_embeddings.weight"
    if family.token_types:
        # Every token has type 0, so its embedding is added to the two quotation embeddings at load time.
        types = graph.vector(f"{prefix}.token_type_embeddings.weight")
        token_type = graph.node("Gather", [types, first], "token_type")
        table = graph.node("Add", [graph.vector(table), token_type], "quotation_table")
    else:
        table = graph.vector(table)
    quotation = graph.node("Gather", [table, "quotation"], "quotation_embedding")
    placed = graph.node("Add", [words, positions], "placed_words")
    return graph.skip_norm(placed, quotation, f"{prefix}.LayerNorm", "embeddings", epsilon)


def _add_relative_bias(graph: _Graph, name: str) -> str:
    """The bias that all layers add to their attention scores: float [1, heads, length, length].

    At load time the table of buckets becomes a table of distances, [heads, distances]; all distances from
    :data:`FARTHEST` on have one bucket.
    """
    buckets = [bucket_of(distance) for distance in range(-FARTHEST, FARTHEST + 1)]
    by_distance = graph.node("Gather", [graph.vector(name), graph.constant("buckets", buckets)], "bias.by_distance")
    by_head = graph.node("Transpose", [by_distance], "bias.by_head", perm=[1, 0])

    end = graph.node("Squeeze", ["length"], "bias.end")
    places = graph.node("Range", ["first", end, graph.constant("bias.step", 1)], "bias.places")
    asking = graph.node("Unsqueeze", [places, graph.constant("bias.column", [1])], "bias.asking")
    distances = graph.node("Sub", [places, asking], "bias.distances")
    near = graph.node(
        "Clip",
        [distances, graph.constant("bias.farthest_before", -FARTHEST), graph.constant("bias.farthest", FARTHEST)],
        "bias.near",
    )
    columns = graph.node("Add", [near, "bias.farthest"], "bias.columns")
    bias = graph.node("Gather", [by_head, columns], "bias.gathered", axis=1)
    return graph.node("Unsqueeze", [bias, graph.constant("bias.batch", [0])], "bias")


def _add_mask(graph: _Graph) -> str:
    from onnx import TensorProto

    return graph.node("Cast", ["attention_mask"], "mask", to=TensorProto.INT32)


def _add_layer(
    graph: _Graph, family: Family, number: int, states: str, extra: list[str], heads: int, epsilon: float
) -> str:
    layer = f"encoder.encoder.layer.{number}"
    parts = [f"{layer}.{part}" for part in (family.query, family.key, family.value)]
    attention = parts[0].rpartition(".")[0]
    weight = graph.joined([graph.matrix(f"{part}.weight") for part in parts], f"{attention}.weight", axis=1)
    bias = graph.joined([graph.vector(f"{part}.bias") for part in parts], f"{attention}.bias", axis=0)
    mixed = graph.node("Attention", [states, weight, bias, *extra], attention, domain=_FUSED, num_heads=heads)

    dense, norm = f"{layer}.{family.attended}", f"{layer}.{family.attended_norm}"
    projected = graph.node("MatMul", [mixed, graph.matrix(f"{dense}.weight")], dense)
    attended = graph.skip_norm(projected, states, norm, norm.rpartition(".")[0], epsilon, bias=f"{dense}.bias")

    wide = f"{layer}.{family.wide}"
    widened = graph.node("MatMul", [attended, graph.matrix(f"{wide}.weight")], wide)
    active = graph.node("BiasGelu", [widened, graph.vector(f"{wide}.bias")], wide.rpartition(".")[0], domain=_FUSED)
    narrow, norm = f"{layer}.{family.narrow}", f"{layer}.{family.norm}"
    narrowed = graph.node("MatMul", [active, graph.matrix(f"{narrow}.weight")], narrow)
    return graph.skip_norm(narrowed, attended, norm, norm.rpartition(".")[0], epsilon, bias=f"{narrow}.bias")


if __name__ == "__main__":
    import sys

    for argument in sys.argv[1:]:
        written = write(Path(argument))
        print(f"{argument}: {written.name if written else 'this encoder architecture has no ONNX graph'}")
