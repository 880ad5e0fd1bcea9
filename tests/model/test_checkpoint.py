"""The checkpoint folder: found, verified, refused when it is not what was saved."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from framing.codebook import Codebook
from framing.errors import (
    CheckpointCorruptedError,
    CheckpointError,
    CheckpointNotFoundError,
    CodebookMismatchError,
)
from framing.model.checkpoint import CODEBOOK, CONFIG, SUMS, WEIGHTS, Checkpoint, locate, read_sums, write_sums


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_folder, tmp_path / "checkpoint")


def test_a_sound_folder(folder: Path) -> None:
    checkpoint = Checkpoint.load(folder)
    assert checkpoint.codebook.outputs == Codebook.default().outputs == checkpoint.calibration.outputs
    assert re.fullmatch("[0-9a-f]{64}", checkpoint.fingerprint)
    assert checkpoint.sentence_encoder().max_length == 32
    assert checkpoint.weights()["labels.weight"].shape == (len(checkpoint.codebook.outputs), 32)


def test_sums_are_those_of_sha256sum(folder: Path) -> None:
    result = subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
    assert set(read_sums(folder)) == {path.name for path in folder.iterdir()} - {SUMS}


def test_the_fingerprint_follows_what_the_labels_depend_on(folder: Path) -> None:
    before = Checkpoint.load(folder).fingerprint
    (folder / "README.md").write_text("a card")
    write_sums(folder)
    assert Checkpoint.load(folder).fingerprint == before
    calibration = json.loads((folder / "calibration.json").read_text())
    calibration["extension"] = 0.25
    (folder / "calibration.json").write_text(json.dumps(calibration))
    write_sums(folder)
    assert Checkpoint.load(folder).fingerprint != before


def test_one_changed_byte_is_found(folder: Path) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    with pytest.raises(CheckpointCorruptedError, match="is not what was saved") as error:
        Checkpoint.load(folder)
    assert WEIGHTS in error.value.message


@pytest.mark.parametrize("name", [WEIGHTS, SUMS, "tokenizer.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(CheckpointCorruptedError, match=re.escape(name)):
        Checkpoint.load(folder)


@pytest.mark.parametrize("line", ["nonsense", "0" * 64 + "  ../outside", "0" * 63 + "  config.json"])
def test_malformed_sums(folder: Path, line: str) -> None:
    with (folder / SUMS).open("a") as file:
        file.write(line + "\n")
    with pytest.raises(CheckpointCorruptedError, match="SHA256SUMS"):
        Checkpoint.load(folder)


def test_a_file_that_is_not_recorded_does_not_count_as_verified(folder: Path) -> None:
    lines = (folder / SUMS).read_text().splitlines(keepends=True)
    (folder / SUMS).write_text("".join(line for line in lines if WEIGHTS not in line))
    with pytest.raises(CheckpointCorruptedError, match="does not record"):
        Checkpoint.load(folder)


def test_another_codebook_version_is_refused(folder: Path) -> None:
    content = Codebook.default().to_dict() | {"version": "99"}
    with pytest.raises(CodebookMismatchError, match="was trained on") as error:
        Checkpoint.load(folder, codebook=Codebook.from_dict(content))
    assert "'99'" in (error.value.expected or "")


def test_parts_that_do_not_belong_together(folder: Path) -> None:
    content = Codebook.default().to_dict() | {"version": "99"}
    (folder / CODEBOOK).write_text(Codebook.from_dict(content).to_yaml())
    write_sums(folder)
    with pytest.raises(CodebookMismatchError, match="do not belong together"):
        Checkpoint.load(folder)


def test_a_model_of_another_kind(folder: Path) -> None:
    (folder / CONFIG).write_text('{"model_type": "bert"}')
    write_sums(folder)
    with pytest.raises(CheckpointError, match="'bert'"):
        Checkpoint.load(folder)


def test_where_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointNotFoundError, match="no checkpoint"):
        locate(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointNotFoundError, match="is a file"):
        locate(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointCorruptedError, match="lacks"):
        Checkpoint.load(tmp_path / "empty")


def test_both_shipped_checkpoints_label_and_share_their_codebook() -> None:
    import framing

    sentence = "The army liberated the town from terrorists, state TV claimed."
    with framing.load() as shipped, framing.load("fast") as fast:
        assert shipped.codebook == fast.codebook
        assert shipped.checkpoint.fingerprint != fast.checkpoint.fingerprint
        layers = [labeler.checkpoint.config["encoder"]["num_hidden_layers"] for labeler in (shipped, fast)]
        assert layers == [6, 4]
        assert list(shipped(sentence).frames) == list(fast(sentence).frames)
