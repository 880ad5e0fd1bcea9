"""The torch engine on a GPU: graphs give what the plain model gives, in order, within bounded memory."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from framing.engine import open_engine
from framing.engine.base import Batch, BatchLogits
from framing.engine.cuda import PLAIN_RUNS
from framing.engine.torch import TorchEngine
from framing.labeler import load
from framing.model.checkpoint import Checkpoint
from framing.model.network import FramingModel

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
#: By precision, of the shipped model's logits, which reach 17; on a CPU, bf16 moves them by 0.18 and fp16 by 0.03.
TOLERANCE = {"fp32": 1e-3, "bf16": 0.5, "fp16": 0.1}


def random_batch(rows: int, length: int, seed: int) -> Batch:
    random = np.random.default_rng(seed)
    mask = (np.arange(length) < random.integers(1, length + 1, size=(rows, 1))).astype(np.int64)
    return Batch(random.integers(1000, 30000, mask.shape) * mask, mask, mask * random.integers(0, 2, mask.shape))


BATCHES = [
    random_batch(rows, length, rows + length) for rows, length in [(9, 200), (300, 30), (301, 29), (64, 7), (1, 3)]
]


@pytest.fixture(scope="module")
def shipped() -> Checkpoint:
    return Checkpoint.load()


@pytest.fixture(scope="module")
def expected(shipped: Checkpoint) -> list[BatchLogits]:
    with TorchEngine(shipped, device="cpu", precision="fp32") as engine:
        return list(engine.run_all(BATCHES))


@pytest.fixture(autouse=True)
def memory_is_returned() -> Iterator[None]:
    yield
    torch.cuda.synchronize()
    torch.cuda.empty_cache()


def assert_close(found: BatchLogits, expected: BatchLogits, batch: Batch, tolerance: float) -> None:
    real = batch.attention_mask.astype(bool)
    np.testing.assert_allclose(found.tokens[real], expected.tokens[real], rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.sentences, expected.sentences, rtol=0, atol=tolerance)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_plain_and_replayed_logits_are_the_cpus(
    shipped: Checkpoint, expected: list[BatchLogits], precision: str
) -> None:
    with TorchEngine(shipped, device="cuda", precision=precision) as engine:
        for _ in range(PLAIN_RUNS + 2):
            for batch, found, wanted in zip(BATCHES, engine.run_all(BATCHES), expected, strict=True):
                assert_close(found, wanted, batch, TOLERANCE[precision])
        described = engine.describe()
    assert described["cuda_graphs_off"] is None
    assert described["cuda_graphs"] > 0
    assert described["mask"] == "added"


def test_half_precision_flips_few_labels(shipped: Checkpoint, expected: list[BatchLogits]) -> None:
    with TorchEngine(shipped, device="cuda") as engine:
        results = list(engine.run_all(BATCHES))
    labels = slice(0, len(shipped.codebook.outputs))
    flips = [
        ((found.tokens > 0) != (wanted.tokens > 0))[batch.attention_mask.astype(bool), labels].mean()
        for batch, found, wanted in zip(BATCHES, results, expected, strict=True)
    ]
    assert max(flips) < 0.01


def test_auto_takes_the_gpu_in_half_precision(shipped: Checkpoint) -> None:
    with open_engine(shipped) as engine:
        assert (engine.name, engine.device) == ("torch", f"cuda:{torch.cuda.current_device()}")
        assert engine.precision == ("bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16")


def test_results_come_in_order_over_many_batches(shipped: Checkpoint) -> None:
    batches = [random_batch(1 + seed % 90, 5 + seed % 60, seed) for seed in range(200)]
    with TorchEngine(shipped, device="cuda", precision="fp32") as engine:
        first = list(engine.run_all(batches))
        for batch, found, again in zip(batches, first, engine.run_all(batches), strict=True):
            assert_close(again, found, batch, 1e-3)
        for position in (0, 77, 199):
            assert_close(engine.run(batches[position]), first[position], batches[position], 1e-3)


def test_memory_is_bounded(shipped: Checkpoint) -> None:
    batches = [random_batch(500, 32, seed) for seed in range(20)]
    torch.cuda.reset_peak_memory_stats()
    with TorchEngine(shipped, device="cuda") as engine:
        for _ in range(PLAIN_RUNS + 1):
            for _ in engine.run_all(batches):
                pass
        torch.cuda.synchronize()
        before = torch.cuda.memory_reserved()
        for _ in range(10):
            for _ in engine.run_all(batches):
                pass
        assert torch.cuda.memory_reserved() <= before
        assert torch.cuda.max_memory_allocated() < 4 << 30


def test_too_little_memory_halves_the_batch_and_goes_on(shipped: Checkpoint, expected: list[BatchLogits]) -> None:
    total = torch.cuda.get_device_properties(0).total_memory
    with TorchEngine(shipped, device="cuda", precision="fp32") as engine:
        budget = engine.token_budget
        big = [random_batch(2048, 200, seed) for seed in range(2)]
        engine.token_budget = 2048 * 200
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(min(1.0, (torch.cuda.memory_reserved() + (1 << 30)) / total))
        try:
            halved = list(engine.run_all(big))
            assert engine.token_budget < 2048 * 200
            for batch, found, wanted in zip(BATCHES, engine.run_all(BATCHES), expected, strict=True):
                assert_close(found, wanted, batch, TOLERANCE["fp32"])
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
        engine.token_budget = budget
        for batch, found in zip(big, halved, strict=True):
            assert_close(engine.run(batch), found, batch, TOLERANCE["fp32"])


def test_new_weights_of_a_model_in_memory_are_used(tiny_folder: Path) -> None:
    model = FramingModel.from_pretrained(tiny_folder).to("cuda")
    engine = TorchEngine(model, device="cuda", precision="fp32")
    batch = Batch(*(np.ones((3, 5), dtype=np.int64) for _ in range(3)))
    engine.run(batch)
    with torch.no_grad():
        model.kind.bias.fill_(7.0)
        model.kind.weight.zero_()
    np.testing.assert_allclose(engine.run(batch).sentences, 7.0)


def test_sentences_get_the_labels_that_they_get_on_a_cpu() -> None:
    sentences = ["The army liberated the town from terrorists, state TV claimed.", "Rebels reportedly left.", ""] * 50
    with load(engine="torch", device="cuda") as on_gpu, load(engine="torch", device="cpu") as on_cpu:
        for found, wanted in zip(on_gpu(sentences), on_cpu(sentences), strict=True):
            assert set(found.frames) == set(wanted.frames)
            for label, probability in wanted.frames.items():
                assert found.frames[label] == pytest.approx(probability, abs=0.05)
