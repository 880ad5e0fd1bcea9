"""Publishing a checkpoint and loading it again, through the real client and a stand-in for the hub (hub_server.py)."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from framing.errors import CheckpointCorruptedError
from framing.labeler import Labeler
from framing.model import checkpoint, hub
from tests.hub_server import LOAD, TOKEN, Hub, python, running_hub, sums_of

pytestmark = pytest.mark.slow

PUSH = """
import sys, framing
with framing.load(sys.argv[1], engine="onnx", threads=1) as labeler:
    print(labeler.push_to_hub(sys.argv[2], **eval(sys.argv[3])))
"""


@pytest.fixture
def server() -> Iterator[Hub]:
    with running_hub() as running:
        yield running


def test_what_is_pushed_is_loaded_with_equal_bytes_and_labels(
    server: Hub, tiny_folder: Path, tiny_labeler: Labeler, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    # What a training leaves in the same folder, and what is nobody's business.
    (folder / "checkpoint-7").mkdir()
    (folder / "checkpoint-7" / "optimizer.pt").write_bytes(b"states")
    (folder / "notes.txt").write_text("my own")
    said = python(server, tmp_path / "here", PUSH, str(folder), "someone/model", "{}").stdout
    repository = server.repositories["someone/model"]
    assert not repository.private
    assert said.strip() == f"{server.endpoint}/someone/model/commit/{repository.branches['main'][0]}"
    pushed = {name: hashlib.sha256(content).hexdigest() for name, content in repository.branches["main"][1].items()}
    assert pushed == sums_of(tiny_folder)
    assert server.large, "the weights go by the large-file protocol"

    loaded = python(server, tmp_path / "there", LOAD, "someone/model", "None", token="").stdout.splitlines()
    place, fingerprint = json.loads(loaded[0])
    assert sums_of(Path(place)) == pushed
    assert Path(place).is_relative_to(tmp_path / "there")
    assert fingerprint == checkpoint.verify(tiny_folder)
    assert json.loads(loaded[1]) == json.loads(
        json.dumps(tiny_labeler("The rebels fled, the ministry said.").to_dict())
    )

    # Later, without a network, the cached copy serves.
    again = python(server, tmp_path / "there", LOAD, "someone/model", "None", token="", HF_HUB_OFFLINE="1")
    assert again.stdout.splitlines() == loaded


def test_a_branch_of_a_private_repository(server: Hub, tiny_folder: Path, tmp_path: Path) -> None:
    options = {"private": True, "revision": "v1", "commit_message": "The first"}
    python(server, tmp_path / "here", PUSH, str(tiny_folder), "model", repr(options))
    repository = server.repositories["someone/model"]
    assert repository.private
    assert repository.messages == ["The first"]
    assert set(repository.branches["v1"][1]) == set(sums_of(tiny_folder))
    assert repository.branches["main"][1] == {}
    place, _ = json.loads(python(server, tmp_path / "a", LOAD, "someone/model", "'v1'").stdout.splitlines()[0])
    assert sums_of(Path(place)) == sums_of(tiny_folder)
    for arguments_of, token in ((("someone/model", "None"), TOKEN), (("someone/model", "'v1'"), "")):
        refused = python(server, tmp_path / "b", LOAD, *arguments_of, token=token, ok=False).stderr
        assert "CheckpointNotFoundError: there is no folder 'someone/model'" in refused


@pytest.mark.parametrize(
    ("name", "token", "says"), [("someone/model", "hf_wrong", "401"), ("another/model", TOKEN, "403")]
)
def test_a_hub_that_refuses_is_an_error_of_ours(
    server: Hub, tiny_folder: Path, tmp_path: Path, name: str, token: str, says: str
) -> None:
    refused = python(server, tmp_path, PUSH, str(tiny_folder), name, "{}", token=token, ok=False).stderr
    assert f"framing.errors.OutputError: the hub does not take '{name}'" in refused
    assert says in refused and "hf auth login" in refused
    assert server.repositories == {}


def test_a_folder_that_was_changed_is_not_pushed(tiny_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    (folder / "calibration.json").write_text("{}")
    with pytest.raises(CheckpointCorruptedError, match=r"calibration\.json"):
        hub.upload(folder, "someone/model")
