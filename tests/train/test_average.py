"""The mean of two runs: exact weights, thresholds of its own, and refusal where a mean would mislead."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

import framing
from framing.cli.train import run
from framing.errors import CheckpointError, SettingError
from framing.model import checkpoint
from framing.train.average import average
from framing.train.config import parse
from framing.train.loop import run as train
from tests.train.tiny_runs import arguments

pytestmark = pytest.mark.slow


def averaged(workspace: Path, base: Path, **settings: object) -> list[str]:
    flags = arguments(workspace, base, "mean", **settings)
    return [*flags, "--average", str(workspace / "one"), str(workspace / "two")]


def test_weights_are_the_mean_and_the_folder_is_complete(
    workspace: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, epochs in (("one", 3), ("two", 4)):
        train(parse(arguments(workspace, tiny_base, name, num_train_epochs=epochs)))
    assert run(averaged(workspace, tiny_base)) == 0
    one, two, mean = (load_file(workspace / name / "model.safetensors") for name in ("one", "two", "mean"))
    for name, weights in mean.items():
        expected = (one[name].astype(np.float32) + two[name].astype(np.float32)) / 2
        np.testing.assert_allclose(weights, expected, rtol=1e-3, atol=1e-7, err_msg=name)  # float16 on disk
    assert checkpoint.verify(workspace / "mean")
    assert list(framing.load(workspace / "mean")("The terrorists came at night").frames) == ["terrorists"]
    assert "sentences/s" not in capsys.readouterr().out  # nothing was trained
    assert "the mean of the runs" in (workspace / "mean" / "README.md").read_text()


def test_runs_that_held_out_other_groups_are_refused(workspace: Path, tiny_base: Path) -> None:
    train(parse(arguments(workspace, tiny_base, "one", num_train_epochs=1)))
    train(parse(arguments(workspace, tiny_base, "two", num_train_epochs=1, validation_share=0.3)))
    with pytest.raises(SettingError, match=r"two was trained with validation_share = 0\.3"):
        average(parse(averaged(workspace, tiny_base)))
    assert not (workspace / "mean").exists()


def test_checkpoints_of_another_codebook_are_refused(workspace: Path, tiny_base: Path) -> None:
    for name in ("one", "two"):
        train(parse(arguments(workspace, tiny_base, name, num_train_epochs=1)))
    codebook = workspace / "codebook.yaml"
    codebook.write_text(yaml.safe_dump({"name": "more", "labels": ["rebels", "terrorists", "heroes"]}))
    with pytest.raises(CheckpointError, match="another codebook"):
        average(parse(averaged(workspace, tiny_base)))
