"""FramingModel as a transformers model."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoModel, BertConfig

from framing.codebook import Codebook
from framing.errors import CheckpointError
from framing.model.configuration import FramingConfig
from framing.model.network import FramingModel
from tests.conftest import write_tiny_checkpoint
from tests.own_codebook import own_codebook, tasks_only

CODEBOOK = Codebook.default()


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
        for found, wanted in zip(again(**INPUTS).to_tuple(), model(**INPUTS).to_tuple(), strict=True):
            torch.testing.assert_close(found, wanted, rtol=0, atol=0)
    assert again.heads == model.heads == CODEBOOK.heads
    assert again.config.heads == model.config.heads == CODEBOOK.heads.to_list()
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


@pytest.fixture(scope="module", params=["armed conflict", "own", "tasks only"])
def any_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FramingModel:
    codebook = {"armed conflict": CODEBOOK, "own": own_codebook(), "tasks only": tasks_only()}[request.param]
    folder = write_tiny_checkpoint(tmp_path_factory.mktemp("any"), codebook=codebook)
    return FramingModel.from_pretrained(folder).eval()


def test_each_head_reads_the_states_and_stands_in_its_columns(any_model: FramingModel) -> None:
    heads = any_model.heads
    with torch.inference_mode():
        output = any_model(**INPUTS, output_states=True)
        embedded = any_model.encoder.get_input_embeddings()(INPUTS["input_ids"])
        embedded = embedded + any_model.quotation_embeddings.weight[0]
        states = any_model.encoder(inputs_embeds=embedded, attention_mask=INPUTS["attention_mask"]).last_hidden_state
        torch.testing.assert_close(output.states, states)
        assert output.tokens.shape == (1, 5, heads.width("token"))
        assert output.sentences.shape == (1, heads.width("sentence"))
        for head in heads:
            layer = any_model.layer(head)
            assert layer.weight.shape == (len(head.names), 32)
            read, logits = (states, output.tokens) if head.scope == "token" else (states[:, 0], output.sentences)
            torch.testing.assert_close(logits[..., heads.columns(head)], read @ layer.weight.T + layer.bias)
    assert any_model(**INPUTS).states is None


def test_a_task_may_have_the_name_of_an_attribute_of_torchs() -> None:
    codebook = Codebook.from_dict({"tasks": {"forward": ["a", "b"], "encoder": ["a", "b"], "training": ["a", "b"]}})
    encoder = BertConfig(vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)
    model = FramingModel(FramingConfig(encoder=encoder, heads=codebook.heads)).eval()
    ids = torch.ones(1, 3, dtype=torch.long)
    kinds = len(codebook.kinds)
    assert model(ids, ids, ids).sentences.shape == (1, kinds + 6)


def test_a_fresh_model_says_what_its_encoder_says(model: FramingModel) -> None:
    fresh = FramingModel.from_encoder(AutoModel.from_config(model.config.encoder), model.config).eval()
    inside = INPUTS | {"quotation": torch.ones(1, 5, dtype=torch.long)}
    with torch.inference_mode():
        torch.testing.assert_close(fresh(**INPUTS).tokens, fresh(**inside).tokens)
        states = fresh.encoder(INPUTS["input_ids"], INPUTS["attention_mask"]).last_hidden_state
        marks = fresh(**INPUTS).tokens[..., fresh.heads.columns(fresh.heads[0])]
        torch.testing.assert_close(fresh.layer(fresh.heads[0])(states), marks)
        assert marks.sigmoid().max() < 0.5


def test_heads_are_adopted_by_name(model: FramingModel) -> None:
    data = {
        "labels": ["mine", "rebels"],
        "hedges": "none",
        "kinds": ["body", "headline"],  # other kinds, which would compete otherwise
        "tasks": {"stance": ["pro", "con"]},
    }
    codebook = Codebook.from_dict(data)
    config = FramingConfig(encoder=model.config.encoder, heads=codebook.heads)
    mine = FramingModel.from_encoder(AutoModel.from_config(model.config.encoder), config)
    before = {name: weight.clone() for name, weight in mine.state_dict().items()}
    assert mine.adopt_heads(model) == ["rebels", "source"]
    labels, theirs = (one.layer(one.heads[0]) for one in (mine, model))
    for name, here in (("rebels", 1), ("source", 2)):
        there = CODEBOOK.output_index(name)
        torch.testing.assert_close(labels.weight[here], theirs.weight[there])
        torch.testing.assert_close(labels.bias[here], theirs.bias[there])
    torch.testing.assert_close(mine.voice.weight, model.voice.weight)
    torch.testing.assert_close(mine.voice.bias, model.voice.bias)
    torch.testing.assert_close(mine.quotation_embeddings.weight, model.quotation_embeddings.weight)
    after = mine.state_dict()
    for name in ("kind.weight", "kind.bias", "task_stance.weight", "task_stance.bias"):
        torch.testing.assert_close(after[name], before[name])
    torch.testing.assert_close(labels.weight[0], before["labels.weight"][0])


def test_remote_code_is_refused(tiny_folder: Path) -> None:
    with pytest.raises(ValueError, match="trust_remote_code"):
        FramingModel.from_pretrained(tiny_folder, trust_remote_code=True)


def test_an_encoder_must_be_named() -> None:
    with pytest.raises(CheckpointError, match="model_type"):
        FramingConfig(encoder={"hidden_size": 32})
    with pytest.raises(ValueError, match="encoder is None"):
        FramingModel(FramingConfig())
