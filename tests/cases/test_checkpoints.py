"""Reliability cases, rows 1, 6, 10, 13: labelling is offline, and what is broken is an error of framing's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import framing
from framing.errors import CheckpointCorruptedError, CheckpointError, FramingError
from framing.files import write_whole
from framing.model.checkpoint import CALIBRATION, CONFIG, INDEX, SUMS, WEIGHTS, Checkpoint, locate, write_sums

GUARD = """
import os, socket, sys

def refuse(*args, **kwargs):
    raise AssertionError("the network was asked for")

socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
import framing

assert framing.load()("The rebels fled.").mentions
print(os.environ["ORT_DISABLE_TELEMETRY"])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped checkpoint."""
    return Path(shutil.copytree(locate(), tmp_path / "checkpoint"))


@pytest.mark.slow
@pytest.mark.parametrize(("given", "found"), [(None, "1"), ("0", "0")])
def test_nothing_is_told_to_anybody(tmp_path: Path, given: str | None, found: str) -> None:
    """Row 1: no telemetry unless the user asks for it, no connection, no new file in the cache folder."""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment |= {"ORT_DISABLE_TELEMETRY": given} if given else {}
    command = [sys.executable, "-c", GUARD]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert told.stdout.strip() == found
    if given is None:
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers(folder: Path, value: float) -> None:
    """Row 6."""
    weights = load_file(folder / WEIGHTS)
    name = sorted(weights)[len(weights) // 2]
    weights[name] = weights[name].copy()
    weights[name].reshape(-1)[-1] = value
    save_file(weights, folder / WEIGHTS)
    write_sums(folder)
    with pytest.raises(framing.CheckpointCorruptedError, match="NaN or infinite"):
        framing.load(folder)


def test_a_temperature_that_is_no_number(folder: Path) -> None:
    """Row 6."""
    text = (folder / CALIBRATION).read_text(encoding="utf-8")
    first = text.index('"temperature": ') + len('"temperature": ')
    end = min(text.index(mark, first) for mark in (",", "}"))
    (folder / CALIBRATION).write_text(f"{text[:first]}NaN{text[end:]}", encoding="utf-8")
    write_sums(folder)
    with pytest.raises(FramingError, match="temperature"):
        framing.load(folder)


@pytest.mark.parametrize("umask", [0o077, 0o002, 0o022])
def test_new_files_have_the_mode_of_the_umask(tmp_path: Path, umask: int) -> None:
    """Row 10; a file that was there keeps its mode."""
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "new.txt", "x")
        (tmp_path / "old.txt").touch()
        (tmp_path / "old.txt").chmod(0o640)
        write_whole(tmp_path / "old.txt", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "new.txt").stat().st_mode & 0o777 == 0o666 & ~umask
    assert (tmp_path / "old.txt").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "config",
    [
        [],
        {},
        "x",
        {"window_length": None},
        {"window_length": 0},
        {"window_length": 513},
        {"window_length": 10**9},
        {"window_length": "256"},
        {"encoder": None},
        {"encoder": {"num_hidden_layers": 10**6}},
        {"encoder": {"hidden_size": 0}},
        {"heads": [{"name": "labels"}]},
        {"heads": 5},
    ],
    ids=str,
)
def test_configurations_that_cannot_be(tiny: Path, config: Any) -> None:
    """Row 13: each is an error of framing's, at once."""
    own = json.loads((tiny / CONFIG).read_text(encoding="utf-8"))
    if isinstance(config, dict) and config:
        for name, value in config.items():
            own[name] = own[name] | value if isinstance(value, dict) else value
        config = own
    (tiny / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    write_sums(tiny)
    with pytest.raises(FramingError):
        Checkpoint.load(tiny)


@pytest.mark.parametrize("fault", ["no unknown token", "ids out of range"])
def test_tokenizers_that_do_not_fit(folder: Path, fault: str) -> None:
    """Row 13."""
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    if fault == "ids out of range":
        tokenizer["model"]["vocab"]["zzz"] = 10**6
    else:
        tokenizer["model"]["unk_token"] = "[NOWHERE]"
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    write_sums(folder)
    with pytest.raises(FramingError):
        framing.load(folder)


def test_a_closed_engine() -> None:
    """Row 13: closing twice is fine, and using it afterwards is an error of framing's."""
    labeler = framing.load(engine="torch", device="cpu")
    labeler.engine.close()
    labeler.engine.close()
    with pytest.raises(FramingError, match="closed"):
        labeler("The rebels fled.")


# --- variants, on a small checkpoint ----------------------------------------------------------------------------------


@pytest.fixture
def tiny(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint, without its graph: only the weights say what the model is."""
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "tiny"))
    (folder / "model.onnx").unlink()
    return folder


def set_weights(folder: Path, **changed: np.ndarray | None) -> None:
    """Replace weights by name, ``__`` standing for a dot; ``None`` removes one."""
    weights = load_file(folder / WEIGHTS) | {name.replace("__", "."): array for name, array in changed.items()}
    save_file({name: array for name, array in weights.items() if array is not None}, folder / WEIGHTS)
    write_sums(folder)


@pytest.mark.parametrize(
    "changed",
    [
        {"labels__weight": None},
        {"labels__weight": None, "labels__bias": None},
        {"encoder__embeddings__LayerNorm__bias": None},
        {"voice__weight": np.zeros((3, 3), np.float16)},
        {"encoder__embeddings__word_embeddings__weight": np.zeros((10, 32), np.float16)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_weights_that_are_missing_or_of_another_shape(tiny: Path, changed: dict[str, np.ndarray | None]) -> None:
    """Row 6, variant: transformers fills in random numbers, or raises an error of its own."""
    set_weights(tiny, **changed)
    with pytest.raises(CheckpointCorruptedError):
        framing.load(tiny, engine="torch", device="cpu")


def test_weights_in_double_precision(tiny: Path) -> None:
    """Row 6, variant: NaN is found in every type of number."""
    bias = load_file(tiny / WEIGHTS)["labels.bias"].astype(np.float64)
    set_weights(tiny, labels__bias=bias)
    Checkpoint.load(tiny)
    bias[0] = np.nan
    set_weights(tiny, labels__bias=bias)
    with pytest.raises(CheckpointCorruptedError, match="NaN or infinite"):
        Checkpoint.load(tiny)


def test_weights_that_compute_nan(tiny: Path) -> None:
    """Row 6, variant: each weight is a number, and their products are too large."""
    weight = load_file(tiny / WEIGHTS)["labels.weight"].astype(np.float32)
    set_weights(tiny, labels__weight=np.full_like(weight, 3e38) * np.sign(weight))
    with framing.load(tiny, engine="torch", device="cpu") as labeler, pytest.raises(CheckpointError, match="computes"):
        labeler("The rebels fled.")


@pytest.mark.parametrize(
    "entry",
    [
        {"data_offsets": [-4, 0]},
        {"data_offsets": [0, 10**18]},
        {"data_offsets": [1, 4]},
        {"dtype": "X9"},
        {"shape": [-1, -1]},
        {"shape": [2**62, 4]},
    ],
    ids=str,
)
def test_headers_of_weights_that_cannot_be(tiny: Path, entry: dict[str, Any]) -> None:
    """Row 6, variant."""
    content = (tiny / WEIGHTS).read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["labels.bias"] |= entry
    written = json.dumps(header).encode()
    (tiny / WEIGHTS).write_bytes(len(written).to_bytes(8, "little") + written + content[end:])
    write_sums(tiny)
    with pytest.raises(CheckpointCorruptedError):
        Checkpoint.load(tiny)


def test_a_header_longer_than_the_file(tiny: Path) -> None:
    """Row 6, variant."""
    (tiny / WEIGHTS).write_bytes((1 << 26).to_bytes(8, "little") + b"{}")
    write_sums(tiny)
    with pytest.raises(CheckpointCorruptedError):
        Checkpoint.load(tiny)


@pytest.mark.parametrize(
    "encoder",
    [
        {"vocab_size": "x"},
        {"vocab_size": 0},
        {"num_hidden_layers": True},
        {"num_attention_heads": 0},
        {"num_attention_heads": 7},
        {"intermediate_size": -5},
        {"hidden_act": "__import__('os')"},
        {"model_type": "nonsense"},
        {"model_type": []},
        {"pad_token_id": 10**6},
        {"hidden_size": 64},
    ],
    ids=str,
)
def test_encoders_that_cannot_be(tiny: Path, encoder: dict[str, Any]) -> None:
    """Row 13, variant: what transformers and torch say of them is an error of framing's too."""
    config = json.loads((tiny / CONFIG).read_text(encoding="utf-8"))
    config["encoder"] |= encoder
    (tiny / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    write_sums(tiny)
    with pytest.raises(FramingError):
        framing.load(tiny, engine="torch", device="cpu")


@pytest.mark.parametrize("temperature", ["1e-308", "1e308", "1" + "0" * 400])
def test_temperatures_that_make_nan(tiny: Path, temperature: str) -> None:
    """Row 6, variant: single precision has no such number."""
    calibration = json.loads((tiny / CALIBRATION).read_text(encoding="utf-8"))
    calibration["heads"]["voice"]["temperature"] = "HERE"
    text = json.dumps(calibration).replace('"HERE"', temperature)
    (tiny / CALIBRATION).write_text(text, encoding="utf-8")
    write_sums(tiny)
    with pytest.raises(CheckpointError, match=r"temperature|calibration"):
        Checkpoint.load(tiny)


def test_a_tokenizer_whose_special_tokens_do_not_fit(tiny: Path) -> None:
    """Row 13, variant: their numbers stand in the post-processor too."""
    path = tiny / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    tokenizer["post_processor"] |= {"sep": ["[SEP]", 10**6], "cls": ["[CLS]", 10**6]}
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    write_sums(tiny)
    with pytest.raises(CheckpointCorruptedError, match="1000000"):
        framing.load(tiny, engine="torch", device="cpu")


def test_a_tokenizer_that_panics(tiny: Path) -> None:
    """Row 13, variant: a pattern that backtracks too long ends in a panic, which is no Exception."""
    path = tiny / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    pattern = {"Regex": "(a|a)*$"}
    tokenizer["pre_tokenizer"] = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    write_sums(tiny)
    encoder = Checkpoint.load(tiny).sentence_encoder()
    with pytest.raises(CheckpointError, match="tokenizer fails"):
        encoder.encode(["a" * 40 + "b"])


def test_sums_and_indexes_that_cannot_be(tiny: Path) -> None:
    """Row 13, variant: a name that no file system has, and JSON that is nested too deep."""
    sums = (tiny / SUMS).read_text(encoding="utf-8")
    (tiny / SUMS).write_text(f"{sums}{'0' * 64}  {'a' * 5000}\n", encoding="utf-8")
    with pytest.raises(CheckpointCorruptedError):
        Checkpoint.load(tiny)
    (tiny / WEIGHTS).unlink()
    (tiny / INDEX).write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(CheckpointCorruptedError):
        Checkpoint.load(tiny)
