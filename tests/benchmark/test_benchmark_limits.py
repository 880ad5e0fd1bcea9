"""Operations of a model, and the machine's limit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from framing.benchmark.limits import _CPU_ROWS, Chain, GemmLimit, ModelShape, _NumpyChain, _OnnxChain, _TorchChain
from framing.benchmark.protocol import SystemSpec
from framing.errors import CheckpointError
from framing.model.checkpoint import Checkpoint


def test_operations_are_those_that_torch_counts(tiny_folder: Path) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from framing.model.modeling import FramingModel

    # Attention as products that the counter knows on a CPU.
    model = FramingModel.from_pretrained(tiny_folder, attn_implementation="eager").eval()
    shape = ModelShape.of(Checkpoint.load(tiny_folder).config)
    ids = torch.full((3, 11), 5)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(ids, torch.ones_like(ids), torch.zeros_like(ids))
    kinds = 2 * 3 * 32 * 5  # the head of the kind reads the first token only, and is left out
    assert shape.flops(np.array([11, 11, 11])) + kinds == counter.get_total_flops()


def test_operations_grow_with_the_square_of_the_length_in_attention_only() -> None:
    shape = ModelShape(hidden=384, intermediate=1536, layers=6, outputs=31)
    assert shape.flops_per_token == 2 * (6 * 12 * 384**2 + 384 * 31)
    once, twice = shape.flops(np.array([30])), shape.flops(np.array([60]))
    assert twice - 2 * once == 4 * 384 * 6 * (60**2 - 2 * 30**2)


def test_an_encoder_of_unknown_sizes_is_told() -> None:
    with pytest.raises(CheckpointError, match="hidden_size"):
        ModelShape.of({"encoder": {"dim": 8}, "outputs": [], "voices": []})


@pytest.mark.parametrize("kind", [_NumpyChain, _TorchChain, _OnnxChain])
def test_chains_multiply_what_they_count(kind: type[Chain]) -> None:
    shape = ModelShape(hidden=8, intermediate=16, layers=2, outputs=3)
    chain = kind(shape, rows=5)
    chain.run()
    assert chain.flops == 2 * 5 * 2 * (8 * 24 + 8 * 8 + 2 * 8 * 16)


def test_the_limit_is_the_fastest_of_the_libraries(tiny_folder: Path) -> None:
    limit = GemmLimit(SystemSpec("limit", kind="gemm", threads=2), tiny_folder)
    described = limit.describe()
    trials = described["trials_gflops_per_second"]
    libraries = ("numpy", "onnxruntime", "torch")
    assert set(trials) == {f"{library}, {rows} rows" for library in libraries for rows in _CPU_ROWS}
    assert trials[described["fastest"]] == max(trials.values())
    assert limit.round([])["flops_per_second"] > 0
