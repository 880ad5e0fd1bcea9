"""The checkpoint folder: found, verified, refused when it is not what was saved."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import onnx
import pytest
import yaml

import framing
from framing.codebook import Codebook
from framing.errors import (
    CheckpointCorruptedError,
    CheckpointError,
    CheckpointNotFoundError,
    CodebookMismatchError,
)
from framing.model.checkpoint import (
    CALIBRATION,
    CODEBOOK,
    CONFIG,
    GRAPH,
    SUMS,
    WEIGHTS,
    Checkpoint,
    locate,
    read_sums,
    write_sums,
)
from tests.conftest import write_tiny_checkpoint
from tests.own_codebook import own_codebook, tasks_only


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_folder, tmp_path / "checkpoint")


def test_a_sound_folder(folder: Path) -> None:
    checkpoint = Checkpoint.load(folder)
    assert checkpoint.codebook == Codebook.default()
    assert checkpoint.heads == checkpoint.calibration.heads == Codebook.default().heads
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


@pytest.mark.parametrize(
    "changed",
    [
        {"heads": Codebook.default().heads.to_list()[:2]},
        {"heads": [*Codebook.default().heads.to_list(), *own_codebook().heads.to_list()[1:]]},
        {"codebook_fingerprint": "0" * 64},
    ],
)
def test_a_configuration_of_another_codebook(folder: Path, changed: dict[str, object]) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | changed))
    write_sums(folder)
    with pytest.raises(CodebookMismatchError, match="do not belong together"):
        Checkpoint.load(folder)


@pytest.mark.parametrize("codebook", [own_codebook(), tasks_only()], ids=["own", "tasks only"])
def test_a_checkpoint_of_a_users_codebook(codebook: Codebook, tmp_path: Path) -> None:
    checkpoint = Checkpoint.load(write_tiny_checkpoint(tmp_path, codebook=codebook))
    assert checkpoint.codebook == codebook
    assert checkpoint.heads == codebook.heads
    assert json.loads((tmp_path / CONFIG).read_text())["heads"] == codebook.heads.to_list()
    weights = checkpoint.weights()
    assert {head.module: len(head.names) for head in codebook.heads} == {
        head.module: len(weights[f"{head.module}.bias"]) for head in codebook.heads
    }


# --- checkpoints of framing 0.1 ---------------------------------------------------------------------------------------

#: Voices in the order in which framing 0.1 wrote them, which was not that of its models.
VOICES_OF_0_1 = ("distanced", "quoted", "attributed", "author")
SENTENCES = [
    'He said: "The heroes liberated the town, the rebels fled in the rain."',
    "The ministry reportedly called it a massacre, witnesses said.",
    "so-called heroes",
    "",
]


def as_in_0_1(folder: Path) -> None:
    """Make what framing 0.1 wrote of a folder of today."""
    config = json.loads((folder / CONFIG).read_text())
    heads = {head["name"]: head["names"] for head in config.pop("heads")}
    config |= {"outputs": heads["labels"], "voices": heads["voice"], "kinds": heads["kind"]}
    (folder / CONFIG).write_text(json.dumps(config))

    calibration = json.loads((folder / CALIBRATION).read_text())
    of = calibration["heads"]
    old = {"outputs": of["labels"], "extension": calibration["extension"]}
    old |= {f"{name}_temperature": of[name]["temperature"] for name in ("voice", "kind")}
    (folder / CALIBRATION).write_text(json.dumps(old))

    content = yaml.safe_load((folder / CODEBOOK).read_text())
    del content["kinds"]
    content["voices"] = {name: content["voices"][name] for name in VOICES_OF_0_1}
    for guide in (*content["voices"].values(), *content["hedges"].values()):
        guide.pop("role", None)
        guide.pop("hedged", None)
    (folder / CODEBOOK).write_text(yaml.safe_dump(content, sort_keys=False))

    graph = onnx.load(folder / GRAPH, load_external_data=False)
    for node in graph.graph.node:
        node.output[:] = ["kind" if name == "sentences" else name for name in node.output]
    graph.graph.output[1].name = "kind"
    (folder / GRAPH).write_bytes(graph.SerializeToString())
    write_sums(folder)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["onnx", "torch"])
@pytest.mark.parametrize("own", [False, True])
def test_a_checkpoint_of_framing_0_1_labels_as_it_did(tmp_path: Path, engine: str, own: bool) -> None:
    content = Codebook.default().to_dict()
    if own:
        content |= {"name": "mine", "labels": content["labels"][:7], "contrasts": {}}
        content["hedges"] = {name: content["hedges"][name] for name in ("hearsay", "approximation")}
    today = write_tiny_checkpoint(tmp_path / "today", codebook=Codebook.from_dict(content))
    calibration = json.loads((today / CALIBRATION).read_text())
    for number, entry in enumerate(calibration["heads"]["labels"].values()):
        entry |= {"temperature": 0.8 + 0.05 * number, "threshold": 0.2 + 0.02 * (number % 5)}
    calibration["heads"] |= {"voice": {"temperature": 1.7}, "kind": {"temperature": 0.6}}
    (today / CALIBRATION).write_text(json.dumps(calibration | {"extension": 0.4}))
    write_sums(today)
    old = shutil.copytree(today, tmp_path / "old")
    as_in_0_1(old)
    with (
        framing.load(today, engine=engine, device="cpu") as new,
        framing.load(old, engine=engine, device="cpu") as read,
    ):
        assert read.codebook == new.codebook
        assert read.codebook.fingerprint == new.codebook.fingerprint
        found, wanted = read.sentences(SENTENCES), new.sentences(SENTENCES)
        assert found.to_dict() == wanted.to_dict()
        assert len({mention.voice for sentence in found for mention in sentence.mentions}) > 1
        assert any(sentence.hedges for sentence in found)


def test_both_shipped_checkpoints_label_and_share_their_codebook() -> None:
    sentence = "The army liberated the town from terrorists, state TV claimed."
    with framing.load() as shipped, framing.load("fast") as fast:
        assert shipped.codebook == fast.codebook
        assert shipped.checkpoint.fingerprint != fast.checkpoint.fingerprint
        layers = [labeler.checkpoint.config["encoder"]["num_hidden_layers"] for labeler in (shipped, fast)]
        assert layers == [6, 4]
        assert list(shipped(sentence).frames) == list(fast(sentence).frames)
