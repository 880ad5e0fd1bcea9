"""Every engine gives what the model gives, whatever else is in the batch."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from framing.codebook import Codebook
from framing.engine import Batch, BatchLogits, Engine, _chosen, open_engine
from framing.engine.batching import SHORTEST_SHARE, compute_logits, plan
from framing.engine.onnx import OnnxEngine
from framing.errors import CheckpointCorruptedError, CheckpointError, FramingError, MissingExtraError, SettingError
from framing.model.checkpoint import GRAPH, WEIGHTS, Checkpoint, write_sums
from framing.model.network import FramingModel
from tests.conftest import write_tiny_checkpoint
from tests.model.window_owners import owners
from tests.own_codebook import own_codebook, tasks_only

SENTENCES = [
    "Rebels fled the city.",
    "",
    "The ministry said the army retook the town and 12 civilians may have fled in the rain.",
    '"The heroes liberated the market," he said.',
    "rain " * 150,
    "Massacre.",
] * 3


@pytest.fixture(scope="module", params=["onnx", "openvino", "torch"])
def engine(request: pytest.FixtureRequest, tiny_checkpoint: Checkpoint) -> Iterator[Engine]:
    need_runtime(request.param)
    with open_engine(tiny_checkpoint, engine=request.param, device="cpu", threads=2) as opened:
        yield opened


def need_runtime(engine: str) -> None:
    if engine == "openvino":
        pytest.importorskip("openvino", reason="the extra framing[openvino] is not installed")


@pytest.fixture(params=["onnx", "openvino"])
def graph_engine(request: pytest.FixtureRequest) -> str:
    """The name of an engine that runs the checkpoint's graph."""
    need_runtime(request.param)
    return str(request.param)


@pytest.fixture(scope="module")
def model(tiny_folder: Path) -> FramingModel:
    return FramingModel.from_pretrained(tiny_folder).eval()


def batch_of(*rows: list[int]) -> Batch:
    length = max(map(len, rows))
    ids = np.array([row + [0] * (length - len(row)) for row in rows], dtype=np.int64)
    return Batch(ids, (ids > 0).astype(np.int64), ids % 2)


def test_logits_are_those_of_the_model(engine: Engine, model: FramingModel) -> None:
    batch = batch_of([2, 50, 60, 70, 80, 3], [2, 90, 91, 3], [2, 55, 3])
    logits = engine.run(batch)
    with torch.inference_mode():
        expected = model(*(torch.from_numpy(a) for a in (batch.input_ids, batch.attention_mask, batch.quotation)))
    real = batch.attention_mask.astype(bool)
    np.testing.assert_allclose(logits.tokens[real], expected.tokens.numpy()[real], atol=1e-4)
    np.testing.assert_allclose(logits.sentences, expected.sentences.numpy(), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("codebook", [own_codebook(), tasks_only()], ids=["own", "tasks only"])
@pytest.mark.parametrize("name", ["onnx", "openvino", "torch"])
def test_logits_of_other_heads_are_those_of_the_model(tmp_path: Path, name: str, codebook: Codebook) -> None:
    need_runtime(name)
    checkpoint = Checkpoint.load(write_tiny_checkpoint(tmp_path, codebook=codebook))
    model = FramingModel.from_pretrained(tmp_path).eval()
    batch = batch_of([2, 50, 60, 70, 80, 3], [2, 90, 91, 3], [2, 55, 3])
    with torch.inference_mode():
        expected = model(*(torch.from_numpy(a) for a in (batch.input_ids, batch.attention_mask, batch.quotation)))
    with open_engine(checkpoint, engine=name, device="cpu", threads=1) as engine:
        logits = engine.run(batch)
        encoded = checkpoint.sentence_encoder().encode(SENTENCES)
        together = compute_logits(engine, encoded)
    real = batch.attention_mask.astype(bool)
    assert logits.tokens.shape == (3, 6, codebook.heads.width("token"))
    np.testing.assert_allclose(logits.tokens[real], expected.tokens.numpy()[real], atol=1e-4)
    np.testing.assert_allclose(logits.sentences, expected.sentences.numpy(), atol=1e-4)
    assert together.tokens.shape == (len(encoded.ids), codebook.heads.width("token"))
    assert together.sentences.shape == (len(SENTENCES), codebook.heads.width("sentence"))


def test_quotation_changes_the_logits(engine: Engine) -> None:
    batch = batch_of([2, 50, 60, 70, 3])
    inside = Batch(batch.input_ids, batch.attention_mask, np.ones_like(batch.quotation))
    assert np.abs(engine.run(batch).tokens - engine.run(inside).tokens).max() > 0.01


def test_scores_come_in_input_order_and_do_not_depend_on_company(engine: Engine, tiny_checkpoint: Checkpoint) -> None:
    encoded = tiny_checkpoint.sentence_encoder().encode(SENTENCES)
    together = compute_logits(engine, encoded)
    assert np.diff(together.starts).tolist() == [len(sentence) for sentence in encoded]
    for number, sentence in enumerate(encoded):
        alone = compute_logits(engine, [sentence])
        tokens = slice(together.starts[number], together.starts[number + 1])
        if len(sentence):
            np.testing.assert_allclose(together.tokens[tokens], alone.tokens, atol=1e-4)
            np.testing.assert_allclose(together.sentences[number], alone.sentences[0], atol=1e-4)
        else:
            assert not together.sentences[number].any()


def test_tokens_of_a_long_sentence_are_read_where_they_are_far_from_an_edge(
    engine: Engine, tiny_checkpoint: Checkpoint
) -> None:
    (sentence,) = tiny_checkpoint.sentence_encoder().encode(["rebels fled the rain " * 30])
    windows = sentence.windows
    assert len(windows) > 2
    each = [engine.run(Batch(w.ids[None], np.ones_like(w.ids)[None], w.quotation[None])).tokens[0] for w in windows]
    read_in = owners([(w.first, len(w) - 2) for w in windows], len(sentence))
    expected = [each[w][1 + token - windows[w].first] for token, w in enumerate(read_in)]
    np.testing.assert_allclose(compute_logits(engine, [sentence]).tokens, expected, atol=1e-4)


def test_nothing_to_score(engine: Engine, tiny_checkpoint: Checkpoint) -> None:
    assert len(compute_logits(engine, []).sentences) == 0
    blank = compute_logits(engine, tiny_checkpoint.sentence_encoder().encode(["", "  "]))
    assert blank.starts.tolist() == [0, 0, 0] and len(blank.sentences) == 2


@pytest.mark.slow
@given(
    lengths=st.lists(st.integers(1, 300), min_size=0, max_size=200),
    budget=st.integers(1, 600),
)
@settings(max_examples=200, deadline=None)
def test_a_plan_holds_every_window_once_within_the_budget(lengths: list[int], budget: int) -> None:
    array = np.array(lengths, dtype=np.int64)
    batches = plan(array, budget)
    assert sorted(np.concatenate(batches).tolist() if batches else []) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * array[batch].max() <= budget
        assert array[batch].min() >= SHORTEST_SHARE * array[batch].max()


@pytest.mark.parametrize(
    "options",
    [
        {"engine": "tensorflow"},
        {"precision": "int3"},
        {"engine": "onnx", "device": "cuda"},
        {"engine": "onnx", "precision": "bf16"},
        {"engine": "torch", "device": "abacus"},
        {"engine": "onnx", "threads": 0},
        {"engine": "openvino", "device": "cuda"},
        {"engine": "openvino", "precision": "fp16"},
        {"engine": "openvino", "threads": 0},
        {"engine": "torch", "device": "cpu", "threads": -1},
    ],
)
def test_settings_that_cannot_be(tiny_checkpoint: Checkpoint, options: dict[str, object]) -> None:
    need_runtime(str(options.get("engine")))
    with pytest.raises(SettingError) as error:
        open_engine(tiny_checkpoint, **options)  # type: ignore[arg-type]
    assert error.value.expected


@pytest.mark.parametrize(
    ("precision", "instructions", "installed", "chosen"),
    [
        ("auto", ("avx2", "avx512_bf16"), True, "onnx"),
        ("fp32", ("avx2", "avx512_bf16"), True, "onnx"),
        ("bf16", ("avx2", "avx512_bf16"), True, "openvino"),
        ("bf16", ("avx2", "amx_bf16"), True, "openvino"),
        ("bf16", ("avx2", "avx512_bf16"), False, "torch"),
        ("bf16", ("avx2", "avx512f"), True, "torch"),
        ("fp16", ("avx2", "avx512_bf16"), True, "torch"),
    ],
)
def test_auto_takes_what_serves_best_on_a_cpu(
    tiny_checkpoint: Checkpoint,
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    instructions: tuple[str, ...],
    installed: bool,
    chosen: str,
) -> None:
    monkeypatch.setattr("framing.engine.instructions", lambda: instructions)
    monkeypatch.setattr("framing.engine.find_spec", lambda name: object() if installed else None)
    assert _chosen(tiny_checkpoint, "cpu", precision) == chosen


def test_an_engine_that_is_not_installed(tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framing.engine.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="engine 'openvino' needs openvino") as error:
        open_engine(tiny_checkpoint, engine="openvino")
    assert error.value.hint == "pip install 'framing[openvino]'"


@pytest.mark.slow
def test_bfloat16_on_a_cpu_is_near_single_precision_or_refused(tiny_checkpoint: Checkpoint) -> None:
    need_runtime("openvino")
    from framing.engine.openvino import computes_in

    batch = batch_of([2, 50, 60, 70, 80, 3], [2, 90, 91, 3])
    exact = open_engine(tiny_checkpoint, engine="openvino").run(batch)
    if not computes_in("bf16"):
        with pytest.raises(SettingError, match="does not compute in 'bf16' on this processor"):
            open_engine(tiny_checkpoint, engine="openvino", precision="bf16")
        return
    with open_engine(tiny_checkpoint, engine="openvino", precision="bf16") as engine:
        assert engine.describe()["precision"] == "bf16"
        rounded = engine.run(batch)
    real = batch.attention_mask.astype(bool)
    gap = np.abs(rounded.tokens - exact.tokens)[real].max()
    assert 1e-5 < gap < 0.1


@pytest.mark.slow
def test_batches_from_several_threads(engine: Engine) -> None:
    """More of them than an engine has threads; each gets the logits of its own batch."""
    batches = [batch_of([2, *range(first, first + 2 + first % 5), 3]) for first in range(40, 90)]
    expected = [engine.run(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        for found, alone in zip(pool.map(engine.run, batches), expected, strict=True):
            np.testing.assert_allclose(found.tokens, alone.tokens, atol=1e-5)
            np.testing.assert_allclose(found.sentences, alone.sentences, atol=1e-5)


def test_an_encoder_without_a_graph_runs_in_torch(tmp_path: Path, graph_engine: str) -> None:
    checkpoint = Checkpoint.load(write_tiny_checkpoint(tmp_path, model_type="electra"))
    assert not (tmp_path / GRAPH).exists()
    assert open_engine(checkpoint, device="cpu").name == "torch"
    with pytest.raises(CheckpointError, match="has no model"):
        open_engine(checkpoint, engine=graph_engine)


def test_a_graph_for_other_weights_is_refused(tiny_folder: Path, tmp_path: Path, graph_engine: str) -> None:
    folder = write_tiny_checkpoint(tmp_path / "other", seed=1)
    shutil.copy(tiny_folder / GRAPH, folder / GRAPH)
    write_sums(folder)
    with pytest.raises(CheckpointCorruptedError, match="other weights"):
        open_engine(Checkpoint.load(folder), engine=graph_engine)


def test_a_broken_graph_is_a_clear_error(tiny_folder: Path, tmp_path: Path, graph_engine: str) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "broken")
    (folder / GRAPH).write_bytes(b"this is no graph")
    write_sums(folder)
    with pytest.raises(FramingError, match="cannot open"):
        open_engine(Checkpoint.load(folder), engine=graph_engine)


def test_a_folder_of_links_as_in_the_hub_cache(tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot").mkdir()
    for number, path in enumerate(sorted(tiny_folder.iterdir())):
        shutil.copy(path, tmp_path / "blobs" / str(number))
        (tmp_path / "snapshot" / path.name).symlink_to(f"../blobs/{number}")
    engine = OnnxEngine(Checkpoint.load(tmp_path / "snapshot"))
    batch = batch_of([2, 50, 3])
    wanted = OnnxEngine(Checkpoint.load(tiny_folder)).run(batch)
    np.testing.assert_array_equal(engine.run(batch).tokens, wanted.tokens)


def test_the_graph_holds_no_weights(tiny_folder: Path) -> None:
    graph = onnx.load(tiny_folder / GRAPH, load_external_data=False).graph
    assert sum(len(tensor.raw_data) for tensor in graph.initializer) < 100
    # What it refers to are the weights, all of them, as they are in their file.
    stored = [tensor for tensor in graph.initializer if tensor.data_location == onnx.TensorProto.EXTERNAL]
    weights = load_file(tiny_folder / WEIGHTS)
    assert {tensor.name for tensor in stored} == set(weights)
    by_onnx = onnx.load(tiny_folder / GRAPH).graph.initializer
    found = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in by_onnx if tensor.name in weights}
    for name, array in weights.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_batches_and_logits_check_their_form() -> None:
    ids = np.zeros((2, 3), dtype=np.int64)
    with pytest.raises(ValueError, match="quotation is int32"):
        Batch(ids, ids, ids.astype(np.int32))
    with pytest.raises(ValueError, match="attention_mask"):
        Batch(ids, ids[:1], ids)
    with pytest.raises(ValueError, match="float64"):
        BatchLogits(np.zeros((2, 3, 4)), np.zeros((2, 5), np.float32))
    with pytest.raises(ValueError, match=r"sentences float32 \[3, 5\]"):
        BatchLogits(np.zeros((2, 3, 4), np.float32), np.zeros((3, 5), np.float32))
    with pytest.raises(ValueError, match=r"tokens float32 \[2, 4\]"):
        BatchLogits(np.zeros((2, 4), np.float32), np.zeros((2, 5), np.float32))


def test_describe_says_what_runs_where(engine: Engine) -> None:
    described = engine.describe()
    assert described["engine"] == engine.name
    assert described["device"] == "cpu"
    assert described["precision"] == "fp32"
