"""The torch engine on CPU tensors: the plain model's logits, whatever the shapes, the precision and the memory."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from framing.engine.base import Batch, BatchLogits
from framing.engine.cuda import PLAIN_RUNS, Graphs
from framing.engine.pipeline import Buffers, Pipeline, Shape, Shapes, pack
from framing.engine.torch import Network, TorchEngine, _lengths_for, full_single_precision
from framing.model.checkpoint import Checkpoint
from framing.model.network import FramingModel
from tests.conftest import write_tiny_checkpoint

#: bf16 keeps 8 bits: of logits that reach 10 here, and are sums of many, 0.2 is what rounding leaves.
BF16_TOLERANCE = 0.2


def random_batch(rows: int, length: int, seed: int = 0) -> Batch:
    random = np.random.default_rng(seed)
    mask = (np.arange(length) < random.integers(1, length + 1, size=(rows, 1))).astype(np.int64)
    return Batch(random.integers(4, 100, size=(rows, length)) * mask, mask, mask * random.integers(0, 2, mask.shape))


BATCHES = [
    random_batch(rows, length, seed=rows) for rows, length in [(3, 30), (20, 29), (7, 17), (40, 9), (41, 9), (1, 2)]
]


def plain_logits(model: FramingModel, batch: Batch) -> BatchLogits:
    """By the model alone, row by row and without padding."""
    tokens = np.zeros((*batch.input_ids.shape, model.heads.width("token")), dtype=np.float32)
    sentences = np.zeros((len(batch), model.heads.width("sentence")), dtype=np.float32)
    for row, length in enumerate(batch.attention_mask.sum(axis=1)):
        arrays = (batch.input_ids, batch.attention_mask, batch.quotation)
        with torch.inference_mode():
            output = model(*(torch.from_numpy(array[row : row + 1, :length]) for array in arrays))
        tokens[row, :length], sentences[row] = output.tokens[0], output.sentences[0]
    return BatchLogits(tokens, sentences)


def assert_close(found: BatchLogits, expected: BatchLogits, batch: Batch, tolerance: float) -> None:
    real = batch.attention_mask.astype(bool)
    np.testing.assert_allclose(found.tokens[real], expected.tokens[real], rtol=0, atol=tolerance)
    np.testing.assert_allclose(found.sentences, expected.sentences, rtol=0, atol=tolerance)


@pytest.fixture(scope="module")
def model(tiny_folder: Path) -> FramingModel:
    return FramingModel.from_pretrained(tiny_folder).eval()


@pytest.fixture(scope="module")
def expected(model: FramingModel) -> list[BatchLogits]:
    return [plain_logits(model, batch) for batch in BATCHES]


@pytest.fixture
def engine(tiny_checkpoint: Checkpoint) -> Iterator[TorchEngine]:
    with TorchEngine(tiny_checkpoint, device="cpu") as opened:
        yield opened


def with_shapes_of_a_gpu(engine: TorchEngine, model: FramingModel, budget: int) -> TorchEngine:
    engine._pipeline = Pipeline(engine._device, Shapes(budget, _lengths_for(model)))
    return engine


def test_logits_are_the_plain_models(engine: TorchEngine, expected: list[BatchLogits]) -> None:
    for batch, found, wanted in zip(BATCHES, engine.run_all(BATCHES), expected, strict=True):
        assert_close(found, wanted, batch, 1e-4)


@pytest.mark.parametrize("budget", [64, 512, 16384])
def test_padding_to_few_shapes_changes_nothing(
    engine: TorchEngine, model: FramingModel, expected: list[BatchLogits], budget: int
) -> None:
    results = list(with_shapes_of_a_gpu(engine, model, budget).run_all(BATCHES))
    for batch, found, wanted in zip(BATCHES, results, expected, strict=True):
        assert_close(found, wanted, batch, 1e-4)


def test_lengths_go_up_to_the_window_and_no_farther(model: FramingModel) -> None:
    lengths = _lengths_for(model)
    assert list(lengths) == sorted(set(lengths))
    assert lengths[-1] == model.config.window_length <= model.config.encoder.max_position_embeddings


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_rows_of_padding_alone_give_numbers(tiny_checkpoint: Checkpoint, precision: str) -> None:
    network = TorchEngine(tiny_checkpoint, device="cpu", precision=precision)._network
    tokens, sentences = network(torch.zeros((4, 8), dtype=torch.int32))
    assert tokens.isfinite().all() and sentences.isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize("model_type", ["bert", "roberta"])
def test_both_ways_to_mask_agree(tmp_path: Path, model_type: str) -> None:
    folder = write_tiny_checkpoint(tmp_path, model_type=model_type)
    network = Network(FramingModel.from_pretrained(folder).eval())
    assert network.mask == "added"
    batch = random_batch(9, 13)
    cells = torch.from_numpy(pack(batch, slice(None))).to(torch.int32)
    found, _ = network(cells)
    network.mask = "ones and zeros"
    wanted, _ = network(cells)
    real = torch.from_numpy(batch.attention_mask).bool()
    assert torch.allclose(found[real], wanted[real], atol=1e-4)


@pytest.mark.slow
def test_an_encoder_that_takes_no_added_mask_gets_ones_and_zeros(
    model: FramingModel, monkeypatch: pytest.MonkeyPatch, expected: list[BatchLogits]
) -> None:
    forward = model.encoder.forward

    def refusing(*args: Any, attention_mask: torch.Tensor, **kwargs: Any) -> Any:
        if attention_mask.dim() != 2:
            raise ValueError("wrong shape for attention_mask")
        return forward(*args, attention_mask=attention_mask, **kwargs)

    monkeypatch.setattr(model.encoder, "forward", refusing)
    engine = TorchEngine(model, device="cpu")
    assert engine.describe()["mask"] == "ones and zeros"
    for batch, found, wanted in zip(BATCHES, engine.run_all(BATCHES), expected, strict=True):
        assert_close(found, wanted, batch, 1e-4)


@pytest.mark.slow
def test_bf16_stays_close_returns_float32_and_flips_few_labels(
    tiny_checkpoint: Checkpoint, expected: list[BatchLogits]
) -> None:
    engine = TorchEngine(tiny_checkpoint, device="cpu", precision="bf16")
    flips = decisions = 0
    for batch, found, wanted in zip(BATCHES, engine.run_all(BATCHES), expected, strict=True):
        assert found.tokens.dtype == np.float32
        assert_close(found, wanted, batch, BF16_TOLERANCE)
        real, labels = batch.attention_mask.astype(bool), slice(0, len(tiny_checkpoint.codebook.outputs))
        flipped = (found.tokens[..., labels] > 0) != (wanted.tokens[..., labels] > 0)
        flips += int(flipped[real].sum())
        decisions += flipped[real].size
    assert flips / decisions < 0.01


def running_out_of_memory(engine: TorchEngine, most_cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    start = engine._device.start

    def start_small(slot: Any, shape: Shape) -> None:
        if shape.cells > most_cells:
            raise torch.OutOfMemoryError("out of memory")
        start(slot, shape)

    monkeypatch.setattr(engine._device, "start", start_small)


@pytest.mark.slow
def test_what_does_not_fit_is_halved(
    engine: TorchEngine, expected: list[BatchLogits], monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = engine.token_budget
    running_out_of_memory(engine, 100, monkeypatch)
    results = list(engine.run_all(BATCHES))
    for batch, found, wanted in zip(BATCHES, results, expected, strict=True):
        assert_close(found, wanted, batch, 1e-4)
        assert_close(engine.run(batch), wanted, batch, 1e-4)
    assert engine.token_budget < budget


def test_one_window_that_does_not_fit_is_an_error(engine: TorchEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    running_out_of_memory(engine, 20, monkeypatch)
    with pytest.raises(torch.OutOfMemoryError):
        engine.run(random_batch(2, 25))


def test_tf32_is_off_while_the_model_runs_and_as_before_after(model: FramingModel) -> None:
    allowed: list[str] = []
    engine = TorchEngine(model, device="cpu")
    hook = model.encoder.register_forward_pre_hook(lambda *_: allowed.append(torch.get_float32_matmul_precision()))
    torch.set_float32_matmul_precision("high")
    try:
        engine.run(random_batch(2, 5))
        assert torch.get_float32_matmul_precision() == "high"
        with pytest.raises(ZeroDivisionError), full_single_precision():
            raise ZeroDivisionError
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
        hook.remove()
    assert allowed == ["highest"]


# --- records: the policy of CUDA graphs, on a recorder that runs on a CPU ---------------------------------------------


class FakeRecorder:
    """Replays by calling; ``spoil`` stands for what can go wrong."""

    def __init__(self, spoil: Callable[[], None] | None = None) -> None:
        self.records = self.replays = 0
        self._spoil = spoil

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        self.records += 1
        if self._spoil:
            self._spoil()

        def replay() -> None:
            self.replays += 1
            work()

        return replay


def buffers_with(network: Network, batch: Batch, shape: Shape) -> Buffers:
    buffers = Buffers(network.widths, 256)
    buffers.cells_of(shape).copy_(torch.from_numpy(pack(batch, slice(None))))
    return buffers


def graphs_of(network: Network, recorder: FakeRecorder | None) -> Graphs:
    return Graphs(network, recorder, lambda cells: Buffers(network.widths, cells))


@pytest.mark.slow
def test_a_shape_that_comes_again_is_replayed_with_equal_logits(model: FramingModel) -> None:
    network, recorder, shape = Network(model), FakeRecorder(), Shape(6, 11)
    graphs = graphs_of(network, recorder)
    for seed in range(PLAIN_RUNS + 3):
        batch = random_batch(6, 11, seed)
        buffers = buffers_with(network, batch, shape)
        graphs.compute(buffers, shape)
        wanted, _ = network(buffers.cells_of(shape))
        assert torch.allclose(buffers.tokens_of(shape), wanted, atol=1e-5)
    # Once to compare it, then for each run after the plain ones.
    assert (recorder.records, recorder.replays, len(graphs)) == (1, 4, 1)
    assert graphs.off is None


def failing(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def run_often(graphs: Graphs, network: Network) -> None:
    shape = Shape(6, 11)
    for seed in range(PLAIN_RUNS + 2):
        buffers = buffers_with(network, random_batch(6, 11, seed), shape)
        graphs.compute(buffers, shape)
        wanted, _ = network(buffers.cells_of(shape))
        assert torch.allclose(buffers.tokens_of(shape), wanted, atol=1e-5)


def test_where_recording_fails_the_plain_model_goes_on(model: FramingModel) -> None:
    network, recorder = Network(model), FakeRecorder(failing(RuntimeError("operation not permitted when capturing")))
    graphs = graphs_of(network, recorder)
    run_often(graphs, network)
    assert (recorder.records, len(graphs)) == (1, 0)
    assert graphs.off == "RuntimeError: operation not permitted when capturing"


def test_a_record_that_differs_is_not_used(model: FramingModel) -> None:
    network = Network(model)

    class WrongRecorder(FakeRecorder):
        def record(self, work: Callable[[], None]) -> Callable[[], None]:
            return lambda: None

    graphs = graphs_of(network, WrongRecorder())
    run_often(graphs, network)
    assert len(graphs) == 0 and graphs.off is not None and "6 x 11 differs" in graphs.off


@pytest.mark.parametrize("hidden", [False, True])
def test_a_lack_of_memory_while_recording_is_passed_on(model: FramingModel, hidden: bool) -> None:
    def run_out() -> None:
        try:
            raise torch.OutOfMemoryError("out of memory")
        except torch.OutOfMemoryError as error:
            if hidden:  # as when the capture that it broke off cannot be ended
                raise RuntimeError("capture was invalidated")  # noqa: B904
            raise error

    network = Network(model)
    graphs = graphs_of(network, FakeRecorder(run_out))
    with pytest.raises(torch.OutOfMemoryError):
        run_often(graphs, network)
    assert graphs.off is None


def test_without_a_recorder_nothing_is_recorded(model: FramingModel) -> None:
    network = Network(model)
    graphs = graphs_of(network, None)
    run_often(graphs, network)
    assert len(graphs) == 0 and graphs.off
