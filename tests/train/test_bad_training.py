"""Trainings that go wrong: what is said, and what stays as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from framing.cli.train import run
from framing.codebook import Codebook
from framing.errors import CheckpointCorruptedError, DivergenceError, FramingWarning, InputError, UnreadableFileError
from framing.model import checkpoint, onnx_graph
from framing.train.config import parse
from framing.train.examples import read_attribution
from framing.train.loop import load_split
from framing.train.loop import run as train
from tests.train.tiny_runs import arguments


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"learning_rate": "1e9"},
        {"head_learning_rate": "1e30", "max_steps": 30},
        {"bf16": "true", "learning_rate": "1e9"},
    ],
    ids=["encoder", "heads", "bf16"],
)
def test_a_rate_that_is_too_high_is_said_and_the_good_folder_stays(
    workspace: Path, tiny_base: Path, settings: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments(workspace, tiny_base, "model", num_train_epochs=1)) == 0
    good = files_of(workspace / "model")
    capsys.readouterr()
    assert run(arguments(workspace, tiny_base, "model", **settings)) == 2
    said = capsys.readouterr().err
    assert "the loss is nan in step" in said or "beyond half precision" in said
    assert "lower --learning_rate (" in said and "--warmup_steps" in said
    assert "Traceback" not in said
    assert files_of(workspace / "model") == good
    assert checkpoint.verify(workspace / "model")


@pytest.mark.slow
def test_weights_that_half_precision_cannot_hold_are_not_written(
    workspace: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """float16 ends at 65504; a greater weight would become infinite, and the folder could not be opened."""
    from framing.train.loop import FramingTrainer

    def inflated(self: FramingTrainer, **_: object) -> None:
        with torch.no_grad():
            self.model.encoder.embeddings.word_embeddings.weight[7, 3] = 70000.0

    monkeypatch.setattr(FramingTrainer, "train", inflated)
    with pytest.raises(DivergenceError, match=r"word_embeddings.* the largest is 70000"):
        train(parse(arguments(workspace, tiny_base, "model")))
    assert not list((workspace / "model").iterdir())


@pytest.mark.slow
def test_an_error_while_the_folder_is_written_leaves_the_one_before(
    workspace: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(parse(arguments(workspace, tiny_base, "model", num_train_epochs=1)))
    good = files_of(workspace / "model")

    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(onnx_graph, "write", full)
    with pytest.raises(OSError, match="No space"):
        train(parse(arguments(workspace, tiny_base, "model", num_train_epochs=2)))
    assert files_of(workspace / "model") == good
    assert not (workspace / "model" / ".unfinished").exists()


@pytest.mark.slow
def test_what_was_there_in_another_form_does_not_stay(workspace: Path, tiny_base: Path) -> None:
    folder = workspace / "model"
    folder.mkdir()
    part = "model-00001-of-00001.safetensors"
    (folder / part).write_bytes(b"old")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": part}}))
    (folder / "notes.txt").write_text("my own")
    train(parse(arguments(workspace, tiny_base, "model", num_train_epochs=1)))
    assert not (folder / part).exists() and not (folder / "model.safetensors.index.json").exists()
    assert (folder / "notes.txt").read_text() == "my own"
    assert "notes.txt" not in checkpoint.read_sums(folder)


@pytest.mark.slow
def test_a_base_whose_codebook_was_edited_is_refused(workspace: Path, tiny_base: Path) -> None:
    train(parse(arguments(workspace, tiny_base, "first", num_train_epochs=1)))
    edited = workspace / "first" / "codebook.yaml"
    edited.write_text(edited.read_text().replace("terrorists", "heroes"))
    with pytest.raises(CheckpointCorruptedError, match=r"codebook\.yaml is not what was saved"):
        train(parse(arguments(workspace, workspace / "first", "second")))


# --- data --------------------------------------------------------------------------------------------------------


def table(workspace: Path, rows: list[str]) -> str:
    (workspace / "table.csv").write_text("\n".join(["text,labels,group", *rows]) + "\n")
    return str(workspace / "table.csv")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["rebels"] * 40, ["carries 'terrorists': never learned", "every training sentence carries 'rebels'"]),
        (["rebels", ""] * 20, ["no training sentence carries 'terrorists': never learned"]),
    ],
    ids=["one class", "an empty class"],
)
def test_classes_of_which_nothing_is_learned_are_said(
    workspace: Path, tiny_base: Path, labels: list[str], says: list[str]
) -> None:
    path = table(workspace, [f"The men came on day {i},{label},g{i}" for i, label in enumerate(labels)])
    with pytest.warns(FramingWarning) as told:
        train(parse(arguments(workspace, tiny_base, "model", train=path, max_steps=2)))
    messages = [str(warning.message) for warning in told if warning.category is FramingWarning]
    assert len(messages) == len(says)
    assert all(part in message for part, message in zip(says, messages, strict=True))
    assert checkpoint.verify(workspace / "model")


@pytest.mark.slow
def test_a_sentence_on_both_sides_of_the_split_is_said(workspace: Path, tiny_base: Path) -> None:
    rows = [f"The men came on day {i},{'rebels' if i % 2 else 'terrorists'},g{i}" for i in range(40)]
    (workspace / "held_out.csv").write_text("text,labels\nthe men  came on day 3,rebels\nIt is over,\n")
    told = arguments(workspace, tiny_base, "m", train=table(workspace, rows), max_steps=1)
    with pytest.warns(FramingWarning, match="1 validation sentences are training sentences too"):
        train(parse([*told, "--validation", str(workspace / "held_out.csv")]))


@pytest.mark.slow
def test_validation_without_labels_is_said_and_the_last_state_is_taken(workspace: Path, tiny_base: Path) -> None:
    rows = [f"The men came on day {i},{'rebels' if i % 2 else 'terrorists'},g{i}" for i in range(40)]
    (workspace / "held_out.csv").write_text("text,labels\nIt is over,\n")
    config = parse(arguments(workspace, tiny_base, "m", train=table(workspace, rows), num_train_epochs=2))
    config.data.validation = [str(workspace / "held_out.csv")]
    with pytest.warns(FramingWarning, match="none of the 1 validation sentences carries a label"):
        train(config)
    states = sorted((workspace / "m").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    from safetensors.torch import load_file

    last, end = load_file(states[-1] / "model.safetensors"), load_file(workspace / "m" / "model.safetensors")
    assert all(torch.equal(last[name].half(), weight) for name, weight in end.items())


def test_data_without_any_label_is_an_error(workspace: Path) -> None:
    config = parse(
        arguments(workspace, Path("none"), "m", train=table(workspace, [f"Men came {i},,g{i}" for i in range(40)]))
    )
    with pytest.raises(InputError, match=r"none of the \d+ training sentences .* carries a label"):
        load_split(config, Codebook.load(config.data.codebook))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("Men came,bandits,g1", "table.csv:2: the codebook has no label 'bandits'"),
        (",rebels,g1", "table.csv:2: the text"),
    ],
)
def test_rows_that_cannot_be_used_are_named(workspace: Path, row: str, says: str) -> None:
    config = parse(arguments(workspace, Path("none"), "m", train=table(workspace, [row])))
    with pytest.raises(InputError, match=says):
        load_split(config, Codebook.load(config.data.codebook))


def test_spans_in_a_table_are_said_not_to_be_read(workspace: Path) -> None:
    rows = [{"text": f"Rebels {i}", "labels": ["rebels"], "spans": [[0, 900, "rebels"]]} for i in range(20)]
    (workspace / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = parse(arguments(workspace, Path("none"), "m", train=workspace / "rows.jsonl"))
    with pytest.warns(FramingWarning, match="'spans' is not read.*framing convert"):
        load_split(config, Codebook.load(config.data.codebook))


@pytest.mark.parametrize(
    "span",
    [
        [0, 400, "Content", 0],
        [-3, 4, "Source", 0],
        [5, 2, "Source", 0],
        [3, 3, "Source", 0],
        [0, 4, "Source"],
        ["a", 4, "Source", 0],
        [0.0, 4, "Source", 0],
        "Source",
    ],
    ids=str,
)
def test_spans_outside_the_text_are_an_error(tmp_path: Path, span: object) -> None:
    text = "The ministry said that rebels fled the town"
    good = {"text": text, "spans": [[0, 12, "Source", 0], [23, len(text), "Content", 0]]}
    path = tmp_path / "attribution.jsonl"
    path.write_text(json.dumps(good) + "\n" + json.dumps({"text": text, "spans": [span]}) + "\n")
    with pytest.raises(UnreadableFileError, match=r"attribution\.jsonl:2: the span .* of a text of 43 characters"):
        read_attribution([str(path)], 10, 0, Codebook.default())
    path.write_text(json.dumps(good) + "\n")
    assert len(read_attribution([str(path)], 10, 0, Codebook.default())) == 1


# --- bfloat16 ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(torch.accelerator.is_available(), reason="on an accelerator bfloat16 needs no CPU")
def test_bf16_without_an_accelerator_trains_on_the_cpu(workspace: Path, tiny_base: Path) -> None:
    told = arguments(workspace, tiny_base, "model", bf16="true", num_train_epochs=1)
    place = told.index("--use_cpu")
    command = [sys.executable, "-m", "framing.cli.train", *told[:place], *told[place + 2 :]]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert result.returncode == 0, result.stderr
    recipe = yaml.safe_load((workspace / "model" / "training.yaml").read_text())
    # Another machine that runs the recipe may have an accelerator, and uses it.
    assert recipe["bf16"] is True and "use_cpu" not in recipe
