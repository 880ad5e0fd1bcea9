"""A training that publishes what it made, and the card that goes with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from framing.codebook import Codebook
from framing.model import checkpoint
from tests.hub_server import LOAD, Hub, python, running_hub, sums_of
from tests.train.tiny_runs import arguments

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[Hub]:
    with running_hub() as running:
        yield running


def test_a_training_publishes_its_finished_folder(server: Hub, workspace: Path, tiny_base: Path) -> None:
    run = arguments(workspace, tiny_base, "model", num_train_epochs=2, push_to_hub="true", hub_model_id="someone/own")
    said = python(server, workspace / "home", "framing.cli.train", *run, "--hub_private_repo", "true").stdout
    repository = server.repositories["someone/own"]
    commit, files = repository.branches["main"]
    assert f"published:  {server.endpoint}/someone/own/commit/{commit}" in said
    assert repository.private
    folder = workspace / "model"
    assert list(folder.glob("checkpoint-*/optimizer.pt"))
    assert {name: hashlib.sha256(content).hexdigest() for name, content in files.items()} == sums_of(folder)
    assert {"README.md", "codebook.yaml", "calibration.json", "metrics.json", "model.onnx"} <= set(files)
    card = ModelCard(files["README.md"].decode())
    assert (card.data.language, card.data.library_name) == ("en", "framing")
    told = {result.metric_type: result.metric_value for result in card.data.eval_results}
    measured = json.loads(files["metrics.json"])["validation"]
    assert told == {name: entry["value"] for name, entry in measured.items() if entry["value"] is not None}
    assert "frames_macro_f1" in told
    assert "hub" not in files["training.yaml"].decode()  # running the recipe again must not publish again
    assert len(repository.messages) == 1
    loaded = python(server, workspace / "there", LOAD, "someone/own", "None").stdout.splitlines()
    assert json.loads(loaded[0])[1] == checkpoint.verify(folder)
    # And as what a later training starts from.
    then = arguments(workspace, Path("someone/own"), "later", num_train_epochs=1)
    python(server, workspace / "there", "framing.cli.train", *then)
    assert Codebook.load(workspace / "later" / "codebook.yaml").label_names == ("rebels", "terrorists")


def test_a_training_that_cannot_publish_says_so_before_it_trains(server: Hub, workspace: Path, tiny_base: Path) -> None:
    run = arguments(workspace, tiny_base, "model", push_to_hub="true", hub_model_id="someone/own")
    refused = python(server, workspace / "home", "framing.cli.train", *run, token="hf_wrong", ok=False)
    assert refused.returncode == 2
    assert "the hub does not take 'someone/own'" in refused.stderr
    assert not (workspace / "model").exists()
