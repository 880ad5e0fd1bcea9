"""FramingModel as a transformers model."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModel

from framing.errors import CheckpointError
from framing.model.configuration import FramingConfig
from framing.model.modeling import FramingModel


@pytest.fixture
def model(tiny_folder: Path) -> FramingModel:
    return FramingModel.from_pretrained(tiny_folder).eval()


INPUTS = {
    "input_ids": torch.tensor([[2, 50, 60, 70, 3]]),
    "attention_mask": torch.ones(1, 5, dtype=torch.long),
    "quotation": torch.zeros(1, 5, dtype=torch.long),
}


def test_half_precision_on_disk_single_in_memory(tiny_folder: Path, model: FramingModel) -> None:
    with safe_open(tiny_folder / "model.safetensors", "pt") as file:
        stored = {name: file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118 - not a dictionary
    assert set(stored.values()) == {torch.float16}
    assert set(stored) == set(model.state_dict())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not list(tiny_folder.glob("*.bin"))


def test_saving_again_changes_nothing(tiny_folder: Path, model: FramingModel, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    again = FramingModel.from_pretrained(tmp_path).eval()
    with torch.inference_mode():
        torch.testing.assert_close(again(**INPUTS).labels, model(**INPUTS).labels, rtol=0, atol=0)
    assert again.config.outputs == model.config.outputs
    assert again.config.window_length == 32


def test_full_precision_can_be_kept(model: FramingModel, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path, half_precision=False)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert file.get_tensor("labels.weight").dtype == torch.float32


def test_auto_classes_find_it(tiny_folder: Path) -> None:
    config = AutoConfig.from_pretrained(tiny_folder)
    assert isinstance(config, FramingConfig)
    assert config.encoder.model_type == "bert"
    assert isinstance(AutoModel.from_pretrained(tiny_folder), FramingModel)


def test_shapes(model: FramingModel) -> None:
    output = model(**INPUTS)
    assert output.labels.shape == (1, 5, len(model.config.outputs))
    assert output.voice.shape == (1, 5, 4)
    assert output.kind.shape == (1, 5)


def test_a_fresh_model_says_what_its_encoder_says(model: FramingModel) -> None:
    fresh = FramingModel.from_encoder(AutoModel.from_config(model.config.encoder), model.config).eval()
    inside = INPUTS | {"quotation": torch.ones(1, 5, dtype=torch.long)}
    with torch.inference_mode():
        torch.testing.assert_close(fresh(**INPUTS).labels, fresh(**inside).labels)
        states = fresh.encoder(INPUTS["input_ids"], INPUTS["attention_mask"]).last_hidden_state
        torch.testing.assert_close(fresh.labels(states), fresh(**INPUTS).labels)
    assert fresh(**INPUTS).labels.sigmoid().max() < 0.5


def test_heads_are_adopted_by_name(model: FramingModel) -> None:
    config = FramingConfig(encoder=model.config.encoder, outputs=["mine", "rebels", "source"])
    mine = FramingModel.from_encoder(AutoModel.from_config(model.config.encoder), config)
    assert mine.adopt_heads(model) == ["rebels", "source"]
    there = model.config.outputs.index("rebels")
    torch.testing.assert_close(mine.labels.weight[1], model.labels.weight[there])
    torch.testing.assert_close(mine.voice.weight, model.voice.weight)


def test_remote_code_is_refused(tiny_folder: Path) -> None:
    with pytest.raises(ValueError, match="trust_remote_code"):
        FramingModel.from_pretrained(tiny_folder, trust_remote_code=True)


def test_an_encoder_must_be_named() -> None:
    with pytest.raises(CheckpointError, match="model_type"):
        FramingConfig(encoder={"hidden_size": 32})
    with pytest.raises(ValueError, match="encoder is None"):
        FramingModel(FramingConfig())
