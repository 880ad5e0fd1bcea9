"""Whole runs of framing-train on a tiny encoder: what it learns, what it leaves, and that a resumed run is the same."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

import framing
from framing.cli.train import run
from framing.codebook import Codebook
from framing.errors import SettingError
from framing.model import checkpoint
from framing.train.config import parse
from framing.train.loop import load_split
from framing.train.loop import run as train
from tests.train.tiny_runs import ENDS, SUBJECTS, arguments

pytestmark = pytest.mark.slow


def test_a_users_codebook_is_learned_and_the_folder_is_complete(
    workspace: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments(workspace, tiny_base, "model")) == 0
    folder = workspace / "model"
    assert checkpoint.verify(folder)
    assert {"README.md", "metrics.json", "training.yaml", "log.jsonl"} <= {path.name for path in folder.iterdir()}
    labeler = framing.load(folder)
    labels = labeler("The terrorists came at night")
    assert list(labels.frames) == ["terrorists"]
    assert labels.mentions[0].text == "terrorists"
    assert not labeler("The army fled").frames
    assert json.loads((folder / "metrics.json").read_text())["validation"]["frames_macro_f1"]["value"] > 0.9
    assert "frames_macro_f1" in capsys.readouterr().out


def test_weights_are_stored_in_half_precision(workspace: Path, tiny_base: Path) -> None:
    train(parse(arguments(workspace, tiny_base, "model", num_train_epochs=1)))
    assert {str(w.dtype) for w in load_file(workspace / "model" / "model.safetensors").values()} == {"float16"}


def test_sentence_labels_alone_teach_the_evidence(workspace: Path, tiny_base: Path) -> None:
    lines = ["text,labels,group"]
    for group, end in enumerate(ENDS * 6):
        lines += [f"The {word} {end},{label},g{group}" for label, word in SUBJECTS.items()]
    table = workspace / "train.csv"
    table.write_text("\n".join(lines) + "\n")
    train(parse(arguments(workspace, tiny_base, "model", train=table, num_train_epochs=10, sentence_weight=1.0)))
    labels = framing.load(workspace / "model")("The terrorists came at night")
    assert list(labels.frames) == ["terrorists"]
    # Nobody ever said which word it is; the largest token logit found it.
    assert "terrorists" in labels.mentions[0].text


def test_a_resumed_run_equals_an_uninterrupted_one(workspace: Path, tiny_base: Path) -> None:
    train(parse(arguments(workspace, tiny_base, "whole", save_total_limit=10)))
    # As if the second epoch were the last thing that was saved before the power went.
    broken = workspace / "broken"
    states = sorted((workspace / "whole").glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    shutil.copytree(states[1], broken / states[1].name)
    train(parse(arguments(workspace, tiny_base, "broken", resume_from_checkpoint="true")))
    whole, resumed = (load_file(workspace / name / "model.safetensors") for name in ("whole", "broken"))
    for name, weights in whole.items():
        np.testing.assert_array_equal(resumed[name], weights, err_msg=name)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_speed_counts_every_sentence_that_the_model_read(workspace: Path, tiny_base: Path, steps: int) -> None:
    """Issue 11, fault 7: with gradients of several batches a step, the speed was that of one of them."""
    chosen = arguments(workspace, tiny_base, "model", num_train_epochs=2, gradient_accumulation_steps=steps)
    config = parse(chosen)
    trained = len(load_split(config, Codebook.load(config.data.codebook)).train)
    result = train(config)
    assert result.sentences_per_second is not None
    assert result.sentences_per_second * result.seconds == pytest.approx(2 * trained)


def test_resuming_nothing_is_a_clear_error(workspace: Path, tiny_base: Path) -> None:
    with pytest.raises(SettingError, match="nothing to resume"):
        train(parse(arguments(workspace, tiny_base, "none", resume_from_checkpoint="true")))


def test_a_framing_checkpoint_as_base_gives_its_heads(workspace: Path, tiny_base: Path) -> None:
    train(parse(arguments(workspace, tiny_base, "first")))
    (workspace / "codebook.yaml").write_text(yaml.safe_dump({"name": "more", "labels": ["heroes", "terrorists"]}))
    (workspace / "train.tsv").write_text("g1\tbody\tThe [[heroes|heroes.author]] came\ng2\tbody\tThe army fled\n" * 3)
    from framing.train.base import load_base

    config = parse(arguments(workspace, workspace / "first", "second"))
    base = load_base(config.model, Codebook.load(config.data.codebook))
    assert "terrorists" in base.adopted
    assert "heroes" not in base.adopted
    assert {"source", "hedge.epistemic"} <= set(base.adopted)


def test_the_shipped_model_is_a_base_for_a_users_codebook_offline(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    result = train(parse(arguments(workspace, Path("shipped"), "model", max_steps=2, learning_rate="1e-4")))
    assert framing.load(result.folder).codebook.label_names == ("rebels", "terrorists")
    # Its heads for sources and hedges are the shipped ones, all but untouched by two steps.
    assert [source.text for source in framing.load(result.folder)("The rebels fled, the ministry said.").sources]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"train": "missing.tsv"}, "missing.tsv"),
        ({"codebook": "missing.yaml"}, "missing.yaml"),
        ({"base": "/nowhere/at/all"}, "/nowhere/at/all"),
    ],
)
def test_a_users_mistake_is_one_message_and_exit_code_2(
    workspace: Path, tiny_base: Path, settings: dict[str, str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments(workspace, tiny_base, "model", **settings)) == 2
    assert says in capsys.readouterr().err
    assert not (workspace / "model" / "SHA256SUMS").exists()


@pytest.mark.slow
def test_the_command_itself_answers_a_mistyped_flag() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "framing.cli.train", "--trian", "x.tsv"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "--trian" in result.stderr
    assert "Traceback" not in result.stderr
