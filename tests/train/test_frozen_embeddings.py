"""``freeze_embeddings``: the word embeddings of a trained model are those of its base, and nothing else is."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from framing.model.checkpoint import WEIGHTS
from framing.train.config import parse
from framing.train.loop import run
from tests.train.tiny_runs import arguments

WORDS = "encoder.embeddings.word_embeddings.weight"
POSITIONS = "encoder.embeddings.position_embeddings.weight"


@pytest.mark.slow
@pytest.mark.parametrize("frozen", [True, False])
def test_word_embeddings_stay_as_they_are_in_the_base(workspace: Path, tiny_base: Path, frozen: bool) -> None:
    settings = {"freeze_embeddings": frozen, "num_train_epochs": "1"}
    run(parse(arguments(workspace, tiny_base, "model", **settings)))
    base, trained = load_file(tiny_base / "model.safetensors"), load_file(workspace / "model" / WEIGHTS)

    def kept(name: str) -> bool:
        return torch.equal(trained[name], base[name.removeprefix("encoder.")].to(torch.float16))

    assert kept(WORDS) == frozen
    assert not kept(POSITIONS)
