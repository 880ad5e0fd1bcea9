"""Two processes on one machine (``torchrun``, gloo) train what one process trains with the same batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from framing.model import checkpoint
from tests.train.tiny_runs import ENDS, SUBJECTS, arguments

pytestmark = pytest.mark.slow


def launch(processes: int, run: list[str]) -> subprocess.CompletedProcess[str]:
    module = ["framing.cli.train", *run]
    if processes > 1:
        module = ["torch.distributed.run", "--standalone", "--nproc_per_node", str(processes), "-m", *module]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", *module], capture_output=True, text=True, env=environment, timeout=600)


@pytest.fixture
def tables(workspace: Path) -> dict[str, str]:
    """A table to train on, of whole batches of 8, and another to validate on."""
    rows = [f"The {w} {end},{label},g{g}" for g, end in enumerate(ENDS * 8) for label, w in SUBJECTS.items()]
    for name, part in (("train", rows[:96]), ("validation", rows[96:])):
        (workspace / f"{name}.csv").write_text("\n".join(["text,labels,group", *part]) + "\n")
    return {name: str(workspace / f"{name}.csv") for name in ("train", "validation")}


def test_two_processes_train_what_one_trains(workspace: Path, tiny_base: Path, tables: dict[str, str]) -> None:
    # Dropout is drawn in each process; without it, the mean of two halves of a batch is the mean of the batch.
    exact = {"encoder_dropout": 0, "head_dropout": 0, "num_train_epochs": 3, **tables}
    one = launch(1, arguments(workspace, tiny_base, "one", per_device_train_batch_size=8, **exact))
    two = launch(2, arguments(workspace, tiny_base, "two", per_device_train_batch_size=4, **exact))
    assert (one.returncode, two.returncode) == (0, 0), one.stderr + two.stderr
    folders = [workspace / name for name in ("one", "two")]
    assert all(checkpoint.verify(folder) for folder in folders)
    assert sorted(p.name for p in folders[0].iterdir()) == sorted(p.name for p in folders[1].iterdir())
    # The first process alone speaks and writes.
    assert two.stdout.count("checkpoint:") == two.stdout.count("frames_micro_f1 ") == 1
    logs = [[json.loads(line) for line in (f / "log.jsonl").read_text().splitlines()] for f in folders]
    assert [entry.keys() for entry in logs[0]] == [entry.keys() for entry in logs[1]]
    for name in ("step", "eval_frames_macro_f1"):
        assert [entry.get(name) for entry in logs[0]] == pytest.approx([entry.get(name) for entry in logs[1]])
    metrics = [json.loads((folder / "metrics.json").read_text()) for folder in folders]
    counted = ("validation_sentences", "validation_groups", "training_sentences")
    assert [metrics[0][name] for name in counted] == [metrics[1][name] for name in counted] == [48, 16, 96]
    weights = [load_file(folder / "model.safetensors") for folder in folders]
    start = load_file(tiny_base / "model.safetensors")
    for name, array in weights[0].items():
        np.testing.assert_allclose(weights[1][name], array, atol=1e-3, err_msg=name)
    moved = [np.abs(a - weights[0][f"encoder.{n}"]).max() for n, a in start.items() if f"encoder.{n}" in weights[0]]
    assert max(moved) > 0.01  # ten times the tolerance
