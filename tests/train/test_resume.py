"""Runs that are killed: what they saved is gone on from, and the end is that of a run that nobody killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from framing.errors import CodebookMismatchError, SettingError
from framing.model import checkpoint
from framing.train.config import parse
from framing.train.loop import run as train
from tests.train.tiny_runs import CODEBOOK, arguments

pytestmark = pytest.mark.slow


def start(run: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "framing.cli.train", *run]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def kill_after_a_state(run: list[str], folder: Path) -> list[str]:
    """Start a run and kill it (SIGKILL) as soon as it has saved a state; the names of what is left."""
    process = start(run)
    try:
        deadline = time.monotonic() + 300
        while not list(folder.glob("checkpoint-*/trainer_state.json")):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    return sorted(path.name for path in folder.iterdir())


def assert_equal_weights(one: Path, other: Path) -> None:
    weights, others = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    assert weights.keys() == others.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(others[name], array, err_msg=name)


def trained(run: list[str]) -> str:
    process = start(run)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    return out


# States are saved in the midst of epochs (an epoch has 12 steps), of a run with every source of chance in it.
RANDOM = {"strip_punctuation": 0.5, "mask_evidence": 0.3, "num_train_epochs": 6}
MIDST = {**RANDOM, "save_strategy": "steps", "save_steps": 5, "eval_strategy": "steps", "eval_steps": 5}


@pytest.mark.parametrize("settings", [MIDST, {**RANDOM, "gradient_accumulation_steps": 2}], ids=["steps", "epochs"])
def test_a_killed_run_ends_as_an_uninterrupted_one(
    workspace: Path, tiny_base: Path, settings: dict[str, object]
) -> None:
    trained(arguments(workspace, tiny_base, "whole", **settings))
    run = arguments(workspace, tiny_base, "killed", **settings)
    left = kill_after_a_state(run, workspace / "killed")
    assert "SHA256SUMS" not in left and any(name.startswith("checkpoint-") for name in left)
    # Without being told to go on, it does not throw the work away.
    refused = start(run)
    _, said = refused.communicate(timeout=300)
    assert refused.returncode == 2
    assert "holds the state of a run that has not ended" in said and "--resume_from_checkpoint true" in said
    trained([*run, "--resume_from_checkpoint", "true"])
    assert checkpoint.verify(workspace / "killed") == checkpoint.verify(workspace / "whole")
    assert_equal_weights(workspace / "whole", workspace / "killed")
    logs = [list(map(json.loads, (workspace / n / "log.jsonl").read_text().splitlines())) for n in ("whole", "killed")]
    # The loss of a log line is a mean since the line before, of which a resumed run has seen a part alone.
    for name in ("step", "grad_norm", "learning_rate", "eval_score"):
        one, other = ([line.get(name) for line in log] for log in logs)
        assert one == other


def test_half_a_state_is_passed_over(workspace: Path, tiny_base: Path) -> None:
    """A kill while a state is saved leaves a folder without its last file, or with half of it."""
    train(parse(arguments(workspace, tiny_base, "whole", save_total_limit=10)))
    states = sorted((workspace / "whole").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    killed = workspace / "killed"
    for state in states[:3]:
        shutil.copytree(state, killed / state.name)
    (killed / states[1].name / "trainer_state.json").unlink()
    half = (killed / states[2].name / "trainer_state.json").read_text()[:100]
    (killed / states[2].name / "trainer_state.json").write_text(half)
    train(parse(arguments(workspace, tiny_base, "killed", resume_from_checkpoint="true")))
    assert_equal_weights(workspace / "whole", killed)
    for told in (str(workspace), str(workspace / "none")):
        with pytest.raises(SettingError, match="holds no whole state"):
            train(parse(arguments(workspace, tiny_base, "killed", resume_from_checkpoint=told)))


def test_a_finished_folder_is_trained_anew_and_its_old_states_are_gone(workspace: Path, tiny_base: Path) -> None:
    """Or a later --resume_from_checkpoint would take the end of the old run for the middle of the new one."""
    train(parse(arguments(workspace, tiny_base, "model", num_train_epochs=4)))
    old = {path.name for path in (workspace / "model").glob("checkpoint-*")}
    train(parse(arguments(workspace, tiny_base, "model", num_train_epochs=1, seed=14, split_seed=13)))
    new = {path.name for path in (workspace / "model").glob("checkpoint-*")}
    assert "checkpoint-48" in old
    assert new == {"checkpoint-12"}


def test_a_state_of_another_codebook_is_refused(workspace: Path, tiny_base: Path) -> None:
    run = arguments(workspace, tiny_base, "killed", num_train_epochs=6)
    kill_after_a_state(run, workspace / "killed")
    (workspace / "codebook.yaml").write_text(yaml.safe_dump({**CODEBOOK, "labels": ["rebels", "heroes"]}))
    with pytest.raises(CodebookMismatchError, match="another codebook than 'two_sides' as it is now"):
        train(parse([*run, "--resume_from_checkpoint", "true"]))


def test_a_resumed_run_stops_as_early_as_an_uninterrupted_one(workspace: Path, tiny_base: Path) -> None:
    settings = {"num_train_epochs": 12, "early_stopping_patience": 2, "save_total_limit": 20}
    train(parse(arguments(workspace, tiny_base, "whole", **settings)))
    states = sorted((workspace / "whole").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    assert 3 <= len(states) < 12, "it has stopped early"
    for state in states[:-1]:
        shutil.copytree(state, workspace / "killed" / state.name)
    train(parse(arguments(workspace, tiny_base, "killed", **settings, resume_from_checkpoint="true")))
    assert {p.name for p in (workspace / "killed").glob("checkpoint-*")} == {state.name for state in states}
    assert_equal_weights(workspace / "whole", workspace / "killed")
