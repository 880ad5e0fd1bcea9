"""Weights in 8 bits with a scale for each row: near what they stand for, and read alike by every reader."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from transformers import AutoModel

from framing.engine import open_engine
from framing.errors import CheckpointCorruptedError, CheckpointError, SettingError
from framing.model import onnx_graph, rows8
from framing.model.checkpoint import (
    CALIBRATION,
    CONFIG,
    GRAPH,
    INDEX,
    SCALE,
    WEIGHTS,
    Checkpoint,
    read_sums,
    weight_files,
    write_sums,
)
from framing.model.network import FramingModel
from framing.model.rows8 import Rows8
from tests.conftest import write_tiny_checkpoint

INPUTS = (torch.tensor([[2, 50, 60, 70, 3]]), torch.ones(1, 5, dtype=torch.long), torch.zeros(1, 5, dtype=torch.long))


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("half"), model_type="mpnet")


@pytest.fixture
def folder(half: Path, tmp_path: Path) -> Path:
    """In 8 bits, in one file."""
    rows8.convert(half, tmp_path / "eight")
    return tmp_path / "eight"


@pytest.fixture
def spread(half: Path, tmp_path: Path) -> Path:
    """In 8 bits, in several files."""
    folder = shutil.copytree(half, tmp_path / "spread")
    names = rows8.write(load_file(half / WEIGHTS), folder, largest_file=9_000)
    assert len(names) > 2
    onnx_graph.write(folder)
    write_sums(folder)
    return folder


def by_torch(matrix: np.ndarray) -> np.ndarray:
    """8 bits by row with the whole range of each row, by torch's own quantization."""
    scales = torch.from_numpy(np.maximum(np.abs(matrix).max(axis=1), np.float32(1e-12)) / np.float32(127))
    zeros = torch.zeros(len(matrix), dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(torch.from_numpy(matrix), scales, zeros, 0, -128, 127).numpy()


@given(
    seed=st.integers(0, 1 << 20),
    rows=st.integers(1, 20),
    columns=st.integers(1, 80),
    size=st.floats(1e-4, 1e3),
    heavy=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_no_row_is_farther_off_than_with_its_whole_range(
    seed: int, rows: int, columns: int, size: float, heavy: bool
) -> None:
    random = np.random.default_rng(seed)
    drawn = random.standard_t(2, (rows, columns)) if heavy else random.normal(size=(rows, columns))
    matrix = (drawn * size).astype(np.float32)
    eight = Rows8.of(matrix)
    assert (eight.numbers.dtype, eight.scales.dtype, eight.scales.shape) == (np.int8, np.float32, (rows, 1))
    assert eight.numbers.min() >= -127
    ours, theirs = (((array - matrix) ** 2).sum(axis=1) for array in (eight.matrix(), by_torch(matrix)))
    assert (ours <= theirs * 1.001 + 1e-12 * size**2).all()
    inside = np.abs(matrix) <= 127 * eight.scales
    assert (np.abs(eight.matrix() - matrix) <= 0.5001 * eight.scales)[inside].all()


def test_a_row_with_one_large_number_gives_up_some_of_its_range() -> None:
    matrix = np.random.default_rng(0).normal(size=(1, 30_000)).astype(np.float32)
    matrix[0, 5] = 6
    assert Rows8.of(matrix).scales[0, 0] < 6 / 127 * 0.99
    assert ((Rows8.of(matrix).matrix() - matrix) ** 2).sum() < ((by_torch(matrix) - matrix) ** 2).sum()


def test_zeros_stay_zeros_and_large_matrices_are_cut_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Rows8.of(np.zeros((3, 40), np.float16)).matrix().any()
    matrix = np.random.default_rng(0).normal(size=(50, 40)).astype(np.float16)
    whole = Rows8.of(matrix)
    monkeypatch.setattr(rows8, "_AT_ONCE", 300)
    np.testing.assert_array_equal(Rows8.of(matrix).matrix(), whole.matrix())


def test_it_is_what_onnx_calls_dequantize_linear() -> None:
    eight = Rows8.of(np.random.default_rng(0).normal(size=(7, 40)).astype(np.float32))
    node = helper.make_node("DequantizeLinear", ["numbers", "scales"], ["matrix"], axis=0)
    graph = helper.make_graph(
        [node],
        "reference",
        [
            helper.make_tensor_value_info("numbers", TensorProto.INT8, [7, 40]),
            helper.make_tensor_value_info("scales", TensorProto.FLOAT, [7]),
        ],
        [helper.make_tensor_value_info("matrix", TensorProto.FLOAT, [7, 40])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)])
    (found,) = ReferenceEvaluator(model).run(None, {"numbers": eight.numbers, "scales": eight.scales[:, 0]})
    np.testing.assert_array_equal(eight.matrix(), found)


def test_matrices_of_the_encoder_are_stored_in_8_bits_and_the_rest_in_half_precision(half: Path, folder: Path) -> None:
    before, after = load_file(half / WEIGHTS), load_file(folder / WEIGHTS)
    eight = {name for name, array in after.items() if array.dtype == np.int8}
    assert {name for name, array in after.items() if array.dtype == np.float32} == {name + SCALE for name in eight}
    assert set(before) == {name for name in after if after[name].dtype != np.float32}
    bias = "encoder.encoder.relative_attention_bias.weight"  # 32 rows of two numbers, for two heads of attention
    matrices = {name for name, array in before.items() if name.startswith("encoder.") and array.ndim == 2}
    assert eight == matrices - {bias}
    for name in set(before) - eight:
        np.testing.assert_array_equal(after[name], before[name])
    for name in eight:
        assert np.abs(after[name] * after[name + SCALE] - before[name]).max() < 0.02
    assert json.loads((folder / CONFIG).read_text())["weights"] == "int8-rows"


@pytest.mark.slow
@pytest.mark.parametrize("form", ["folder", "spread"])
def test_every_reader_reads_the_same_weights(form: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(form)
    checkpoint = Checkpoint.load(folder)
    weights = checkpoint.weights()
    model = FramingModel.from_pretrained(folder).eval()
    by_name = AutoModel.from_pretrained(folder).state_dict()
    state = model.state_dict()
    assert set(weights) == set(state) == set(by_name)
    for name, array in weights.items():
        np.testing.assert_array_equal(state[name], array, err_msg=name)
        np.testing.assert_array_equal(by_name[name], array, err_msg=name)
    with torch.inference_mode():
        expected = model(*INPUTS)
    for name in ("onnx", "openvino", "torch"):
        if name == "openvino":
            pytest.importorskip("openvino", reason="the extra framing[openvino] is not installed")
        from framing.engine import Batch

        with open_engine(checkpoint, engine=name, device="cpu", threads=1) as engine:
            found = engine.run(Batch(*(tensor.numpy() for tensor in INPUTS)))
        np.testing.assert_allclose(found.tokens, expected.tokens.numpy(), atol=1e-4, err_msg=name)
        np.testing.assert_allclose(found.sentences, expected.sentences.numpy(), atol=1e-4, err_msg=name)


def test_several_files_have_the_index_of_transformers_and_the_numbers_of_one(folder: Path, spread: Path) -> None:
    assert not (spread / WEIGHTS).exists()
    index = json.loads((spread / INDEX).read_text())
    files = sorted(spread.glob("*.safetensors"))
    assert [path.name for path in files] == sorted(set(index["weight_map"].values()))
    assert files[0].name == f"model-00001-of-{len(files):05}.safetensors"
    assert (
        max(path.stat().st_size for path in files) < 9_000 + 6_000
    )  # a header has some kB, which counts in tiny files
    whole, found = load_file(folder / WEIGHTS), {}
    for path in files:
        with safe_open(path, "np") as file:
            for name in file.keys():  # noqa: SIM118 - not a dictionary
                assert index["weight_map"][name] == path.name
                found[name] = file.get_tensor(name)
    assert index["metadata"]["total_size"] == sum(array.nbytes for array in found.values())
    assert set(found) == set(whole)
    for name, array in whole.items():
        np.testing.assert_array_equal(found[name], array)


def test_bf16_is_made_of_it_as_of_half_precision(folder: Path) -> None:
    model = FramingModel.from_pretrained(folder, dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


def test_saved_again_it_is_in_half_precision(folder: Path, tmp_path: Path) -> None:
    model = FramingModel.from_pretrained(folder)
    model.save_pretrained(tmp_path / "again")
    assert "weights" not in json.loads((tmp_path / "again" / CONFIG).read_text())
    again = FramingModel.from_pretrained(tmp_path / "again").state_dict()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(again[name], tensor, rtol=1e-3, atol=1e-6)


# --- What is not as it was saved --------------------------------------------------------------------------------------


def test_a_missing_file_of_several_is_named(spread: Path) -> None:
    name = weight_files(spread)[1]
    (spread / name).unlink()
    with pytest.raises(CheckpointCorruptedError, match=f"lacks {name}"):
        Checkpoint.load(spread)


def test_a_changed_byte_in_one_of_several_is_found(spread: Path) -> None:
    path = spread / weight_files(spread)[-1]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointCorruptedError, match=path.name):
        Checkpoint.load(spread)


def test_the_fingerprint_follows_every_file_and_the_index(spread: Path) -> None:
    before = Checkpoint.load(spread).fingerprint
    lines = (spread / "SHA256SUMS").read_text().splitlines(keepends=True)
    for name in (*weight_files(spread), INDEX):
        (spread / "SHA256SUMS").write_text("".join(line for line in lines if name not in line))
        with pytest.raises(CheckpointCorruptedError, match=f"does not record {name}"):
            Checkpoint.load(spread)
    (spread / "SHA256SUMS").write_text("".join(lines))
    index = json.loads((spread / INDEX).read_text())
    (spread / INDEX).write_text(json.dumps(index | {"metadata": {}}))
    write_sums(spread)
    assert Checkpoint.load(spread).fingerprint != before


@pytest.mark.parametrize(
    "index",
    [
        "no JSON",
        "[]",
        '{"weight_map": {}}',
        '{"weight_map": {"a": "../outside.safetensors"}}',
        '{"weight_map": {"a": "/etc/passwd"}}',
        '{"weight_map": {"a": 1}}',
        '{"weight_map": {"a": 1, "b": "two"}}',
    ],
)
def test_an_index_that_is_none(spread: Path, index: str) -> None:
    (spread / INDEX).write_text(index)
    with pytest.raises(CheckpointCorruptedError, match=INDEX):
        Checkpoint.load(spread)


@pytest.mark.parametrize("change", ["missing", "short"])
def test_a_matrix_without_its_scales(folder: Path, change: str) -> None:
    weights = load_file(folder / WEIGHTS)
    name = "encoder.encoder.layer.0.output.dense.weight"
    scales = weights.pop(name + SCALE)
    if change == "short":
        weights[name + SCALE] = scales[1:].copy()
    save_file(weights, folder / WEIGHTS)
    write_sums(folder)
    with pytest.raises(CheckpointCorruptedError, match=f"{name} is int8"):
        FramingModel.from_pretrained(folder)
    with pytest.raises(CheckpointError, match=name):
        onnx_graph.write(folder)


def test_scales_that_are_no_numbers(folder: Path) -> None:
    weights = load_file(folder / WEIGHTS)
    name = "encoder.encoder.layer.0.output.dense.weight" + SCALE
    weights[name] = np.full_like(weights[name], np.nan)
    save_file(weights, folder / WEIGHTS)
    write_sums(folder)
    with pytest.raises(CheckpointCorruptedError, match=f"{name} holds NaN"):
        Checkpoint.load(folder)


def test_a_form_that_is_not_known(folder: Path) -> None:
    config = json.loads((folder / CONFIG).read_text()) | {"weights": "int3-blocks"}
    (folder / CONFIG).write_text(json.dumps(config))
    write_sums(folder)
    with pytest.raises(CheckpointError, match="int3-blocks") as error:
        Checkpoint.load(folder)
    assert "upgrade" in (error.value.hint or "")


def test_a_graph_for_other_weights_in_several_files_is_refused(spread: Path) -> None:
    graph = onnx.load(spread / GRAPH, load_external_data=False)
    helper.set_model_props(graph, {onnx_graph.WEIGHTS_HASH: "0" * 64})
    (spread / GRAPH).write_bytes(graph.SerializeToString())
    write_sums(spread)
    with pytest.raises(CheckpointCorruptedError, match="other weights"):
        open_engine(Checkpoint.load(spread), engine="onnx")


# --- The command ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_makes_a_sound_checkpoint(half: Path, tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    source = shutil.copytree(half, tmp_path / "from" / "half")
    (source / "README.md").write_text("a card")
    write_sums(source)
    command = [sys.executable, "-m", "framing.model.rows8", str(source), str(tmp_path / "to" / "eight")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    assert "model.safetensors" in result.stdout
    target = tmp_path / "to" / "eight"
    assert Checkpoint.load(target).codebook == Checkpoint.load(source).codebook
    assert (target / CALIBRATION).read_bytes() == (source / CALIBRATION).read_bytes()
    assert (target / "README.md").read_text() == "a card"
    assert set(read_sums(target)) == set(read_sums(source))


@pytest.mark.parametrize("umask", [0o077, 0o002])
def test_weights_have_the_mode_of_the_umask(half: Path, tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        rows8.convert(half, tmp_path / "eight")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "eight").glob("*.safetensors")}
    assert modes and set(modes.values()) == {0o666 & ~umask}


def test_what_the_command_refuses(half: Path, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="exists"):
        rows8.convert(half, folder)
    with pytest.raises(CheckpointError, match="in 8 bits already"):
        rows8.convert(folder, tmp_path / "twice")
    assert not (tmp_path / "twice").exists()
