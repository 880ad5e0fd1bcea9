"""The machine's own limit: how fast it multiplies matrices of the model's shapes, in the same run.

A share of that limit means something on any machine, which sentences per second alone do not.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from framing.benchmark.protocol import SystemSpec
from framing.benchmark.systems import System
from framing.engine.cpu import usable_cores
from framing.errors import CheckpointError
from framing.model.checkpoint import Checkpoint

#: Rows of the products that are tried, tokens of a batch: the fastest counts.
_CPU_ROWS = (128, 512)
_GPU_ROWS = (8192, 16384)
#: Seconds for which a library is tried before the fastest is chosen, and for which a round measures it.
_TRIAL, _ROUND = 0.3, 1.0
#: Chains that a GPU is given before it is waited for: enough to keep it busy, and no endless queue.
_QUEUED = 16
#: Bytes that are copied to measure a GPU's link.
_COPIED = 2**28


@dataclass(frozen=True, slots=True)
class ModelShape:
    """Sizes of an encoder with its heads.

    Attributes:
        hidden: width of a token's state.
        intermediate: width inside the feed-forward part.
        layers: how many.
        outputs: of the heads, for each token.
    """

    hidden: int
    intermediate: int
    layers: int
    outputs: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Self:
        """From a checkpoint's ``config.json``.

        Raises:
            CheckpointError: the encoder's configuration does not name its sizes as BERT's does.
        """
        try:
            encoder = config["encoder"]
            hidden, intermediate, layers = (
                int(encoder[name]) for name in ("hidden_size", "intermediate_size", "num_hidden_layers")
            )
        except KeyError as error:
            raise CheckpointError(
                f"the encoder's configuration has no {error}",
                expected="hidden_size, intermediate_size and num_hidden_layers, as BERT's has",
            ) from error
        return cls(hidden, intermediate, layers, len(config["outputs"]) + len(config["voices"]))

    @property
    def products(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of a layer's weights: queries, keys and values in one; output; feed-forward up; down."""
        h, i = self.hidden, self.intermediate
        return ((h, 3 * h), (h, h), (h, i), (i, h))

    @property
    def flops_per_token(self) -> int:
        """Of the products with weights: two for each weight, attention's own products left out."""
        layer = sum(inputs * outputs for inputs, outputs in self.products)
        return 2 * (self.layers * layer + self.hidden * self.outputs)

    def flops(self, tokens: np.ndarray) -> float:
        """Floating-point operations that the model needs for sentences, padding not counted.

        Args:
            tokens: int [sentences], of each.
        """
        lengths = tokens.astype(np.float64)
        # Queries with keys, and weights with values: 2 · length² · hidden each.
        attention = 4.0 * self.hidden * self.layers * float(np.square(lengths).sum())
        return self.flops_per_token * float(lengths.sum()) + attention


class Chain(ABC):
    """The products of all layers with one library, each layer with weights of its own, as in a model.

    Args:
        shape: of the model.
        rows: tokens of a batch.
    """

    library: ClassVar[str]

    def __init__(self, shape: ModelShape, rows: int) -> None:
        self.rows = rows
        self.flops = 2.0 * rows * shape.layers * sum(inputs * outputs for inputs, outputs in shape.products)

    @abstractmethod
    def run(self) -> None:
        """Once through all layers."""


class _NumpyChain(Chain):
    """NumPy's BLAS."""

    library = "numpy"

    def __init__(self, shape: ModelShape, rows: int) -> None:
        super().__init__(shape, rows)
        self._layers = [[_product(rows, *sizes) for sizes in shape.products] for _ in range(shape.layers)]

    def run(self) -> None:
        for layer in self._layers:
            for left, weights, result in layer:
                np.matmul(left, weights, out=result)


class _TorchChain(Chain):
    """Torch's matrix product, on a CPU or a GPU."""

    library = "torch"

    def __init__(self, shape: ModelShape, rows: int, *, device: str = "cpu", precision: str = "fp32") -> None:
        import torch

        super().__init__(shape, rows)
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
        self._layers = [
            [tuple(torch.from_numpy(a).to(device, dtype) for a in _product(rows, *sizes)) for sizes in shape.products]
            for _ in range(shape.layers)
        ]

    def run(self) -> None:
        import torch

        with torch.inference_mode():
            for layer in self._layers:
                for left, weights, result in layer:
                    torch.mm(left, weights, out=result)


class _OnnxChain(Chain):
    """ONNX Runtime's matrix product, on one thread."""

    library = "onnxruntime"

    def __init__(self, shape: ModelShape, rows: int) -> None:
        import onnxruntime

        super().__init__(shape, rows)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(_product_graph(shape), options, providers=["CPUExecutionProvider"])
        random = np.random.default_rng(0)
        self._feed = {
            f"input_{width}": random.standard_normal((rows, width), dtype=np.float32)
            for width in {inputs for inputs, _ in shape.products}
        }

    def run(self) -> None:
        self._session.run(None, self._feed)


def _product(rows: int, inputs: int, outputs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    left = random.standard_normal((rows, inputs), dtype=np.float32)
    weights = random.standard_normal((inputs, outputs), dtype=np.float32)
    return left, weights, np.empty((rows, outputs), dtype=np.float32)


def _product_graph(shape: ModelShape) -> bytes:
    """An ONNX graph that multiplies inputs by the weights of every layer."""
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    nodes, weights, outputs = [], [], []
    for layer in range(shape.layers):
        for number, sizes in enumerate(shape.products):
            name = f"{layer}.{number}"
            matrix = random.standard_normal(sizes, dtype=np.float32)
            weights.append(numpy_helper.from_array(matrix, f"weight_{name}"))
            nodes.append(helper.make_node("MatMul", [f"input_{sizes[0]}", f"weight_{name}"], [f"output_{name}"]))
            outputs.append(helper.make_tensor_value_info(f"output_{name}", TensorProto.FLOAT, ["rows", sizes[1]]))
    widths = sorted({inputs for inputs, _ in shape.products})
    graph = helper.make_graph(
        nodes,
        "products",
        [helper.make_tensor_value_info(f"input_{width}", TensorProto.FLOAT, ["rows", width]) for width in widths],
        outputs,
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


class GemmLimit(System):
    """Multiplies matrices of the model's shapes as fast as a library that is installed can.

    On a CPU as many threads as the engine has each run single-threaded products of their own, as framing's CPU engine
    does: no barriers, and the highest rate. On a GPU torch multiplies in the engine's precision, and the copy rate of
    the link is measured both ways.

    Args:
        spec: gives device, precision and threads; the worker's thread pools must be held to one (see :mod:`.process`).
        checkpoint: its folder, for the shapes.
    """

    def __init__(self, spec: SystemSpec, checkpoint: Path) -> None:
        shape = ModelShape.of(Checkpoint.load(checkpoint).config)
        self.on_gpu = spec.device.startswith("cuda")
        self.device, self.precision = spec.device, "fp32" if spec.precision == "auto" else spec.precision
        self.threads = 1 if self.on_gpu else spec.threads or usable_cores()
        candidates = self._gpu_chains(shape) if self.on_gpu else self._cpu_chains(shape)
        self._trials = {_name(chains): self._rate(chains, _TRIAL) for chains in candidates}
        fastest = max(self._trials, key=self._trials.__getitem__)
        self._chains = next(chains for chains in candidates if _name(chains) == fastest)

    def round(self, sentences: Sequence[str]) -> dict[str, float]:
        """Multiply for about a second; ``flops_per_second``, and on a GPU ``bytes_per_second`` of copies each way."""
        figures = {"flops_per_second": self._rate(self._chains, _ROUND)}
        return {**figures, **(_copy_rates(self.device) if self.on_gpu else {})}

    def describe(self) -> dict[str, Any]:
        """Library and rows that were fastest, and what the others reached."""
        return {
            "fastest": _name(self._chains),
            "threads": self.threads,
            "device": self.device,
            "precision": self.precision,
            "trials_gflops_per_second": {name: round(rate / 1e9, 1) for name, rate in self._trials.items()},
        }

    def _cpu_chains(self, shape: ModelShape) -> list[list[Chain]]:
        kinds: list[type[Chain]] = [_NumpyChain, _OnnxChain]
        if find_spec("torch") is not None:
            import torch

            torch.set_num_threads(1)
            kinds.append(_TorchChain)
        return [[kind(shape, rows) for _ in range(self.threads)] for kind in kinds for rows in _CPU_ROWS]

    def _gpu_chains(self, shape: ModelShape) -> list[list[Chain]]:
        return [[_TorchChain(shape, rows, device=self.device, precision=self.precision)] for rows in _GPU_ROWS]

    def _rate(self, chains: Sequence[Chain], seconds: float) -> float:
        """Floating-point operations a second of all chains at the same time."""
        for chain in chains:
            chain.run()  # loads what is loaded lazily
        self._wait()
        with ThreadPoolExecutor(len(chains)) as pool:
            return sum(pool.map(lambda chain: self._rate_of_one(chain, seconds), chains))

    def _rate_of_one(self, chain: Chain, seconds: float) -> float:
        started = time.perf_counter()
        count = 0
        while time.perf_counter() < started + seconds:
            chain.run()
            count += 1
            if count % _QUEUED == 0:
                self._wait()
        self._wait()
        return chain.flops * count / (time.perf_counter() - started)

    def _wait(self) -> None:
        if self.on_gpu:
            import torch

            torch.cuda.synchronize(self.device)


def _name(chains: Sequence[Chain]) -> str:
    return f"{chains[0].library}, {chains[0].rows} rows"


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
