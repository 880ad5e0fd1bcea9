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
from framing.errors import FramingError
from framing.files import write_whole
from framing.model.checkpoint import CALIBRATION, CONFIG, WEIGHTS, Checkpoint, locate, write_sums

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
def test_configurations_that_cannot_be(folder: Path, config: Any) -> None:
    """Row 13: each is an error of framing's, at once."""
    own = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    if isinstance(config, dict) and config:
        for name, value in config.items():
            own[name] = own[name] | value if isinstance(value, dict) else value
        config = own
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    write_sums(folder)
    with pytest.raises(FramingError):
        Checkpoint.load(folder)


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
