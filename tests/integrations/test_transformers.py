"""``pipeline("framing")`` gives the labeler's records."""

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import BertConfig, BertModel, pipeline
from transformers.pipelines import PIPELINE_REGISTRY
from transformers.pipelines.pt_utils import KeyDataset

import framing
from framing.errors import CheckpointError, InputError, SettingError
from framing.integrations.transformers import TASK, FramingPipeline
from framing.types import SentenceLabels

pytestmark = pytest.mark.slow

SENTENCES = [
    "The rebels fled, witnesses said.",
    "",
    "“Terrorists” seized the city, " * 12,  # several windows
    "Rain may come to the market.",
]


@pytest.fixture(scope="module")
def label(tiny_folder: Path) -> FramingPipeline:
    return pipeline("framing", model=str(tiny_folder), device="cpu")


@pytest.fixture(scope="module")
def records(tiny_folder: Path) -> list[dict[str, object]]:
    return framing.load(tiny_folder, engine="torch", device="cpu")(SENTENCES).to_dict()


def close(found: Any, wanted: Any) -> bool:
    """Equal, but for the last digit of probabilities: batches of other sizes add in another order."""
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(close(found[name], wanted[name]) for name in wanted)
    if isinstance(wanted, list | tuple):
        return len(found) == len(wanted) and all(map(close, found, wanted))
    return bool(found == (pytest.approx(wanted, abs=2e-6) if isinstance(wanted, float) else wanted))


def test_records_are_the_labelers(label: FramingPipeline, records: list[dict[str, object]]) -> None:
    assert any(record["mentions"] for record in records)
    assert close(label(SENTENCES), records)
    assert close(label(tuple(SENTENCES)), records)
    assert close(label(SENTENCES[0]), records[0])
    assert close(SentenceLabels.from_dict(label(SENTENCES[0])).to_dict(), records[0])


def test_streams(label: FramingPipeline, records: list[dict[str, object]]) -> None:
    assert list(label(text for text in SENTENCES)) == records
    assert list(label(KeyDataset(Dataset.from_dict({"text": SENTENCES}), "text"), batch_size=2)) == records


def test_a_stream_is_read_as_it_is_needed(label: FramingPipeline) -> None:
    def endless() -> object:
        while True:
            yield "Rain fell."

    found = label(endless())
    assert [next(found)["index"] for _ in range(3)] == [0, 1, 2]


def test_saved_it_is_a_checkpoint(label: FramingPipeline, tiny_folder: Path, tmp_path: Path) -> None:
    label.save_pretrained(tmp_path / "copy")
    assert framing.load(tmp_path / "copy").checkpoint.fingerprint == label.labeler.checkpoint.fingerprint
    assert label.labeler.checkpoint.folder == tiny_folder


def test_the_task_is_registered() -> None:
    assert TASK in PIPELINE_REGISTRY.get_supported_tasks()
    default, _ = PIPELINE_REGISTRY.supported_tasks[TASK]["default"]["model"]
    assert Path(default).is_dir()


def test_what_it_refuses(label: FramingPipeline, tiny_folder: Path) -> None:
    with pytest.raises(InputError):
        label([1])
    with pytest.raises(SettingError, match="float16"):
        pipeline("framing", model=str(tiny_folder), device="cpu", dtype=torch.float16)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    with pytest.raises(CheckpointError, match="BertModel"):
        FramingPipeline(BertModel(BertConfig(vocab_size=9, **sizes)))
