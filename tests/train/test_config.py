"""Recipes and flags: what a user can get wrong, and what reads back."""

import json
from pathlib import Path

import pytest
import yaml

from framing.errors import FramingError, SettingError, UnreadableFileError
from framing.train.config import parse

RECIPES = Path(__file__).parent.parent.parent / "training" / "recipes"


def recipe(path: Path, **settings: object) -> str:
    path.write_text(yaml.safe_dump({"train": ["a.tsv"], "use_cpu": True, **settings}))
    return str(path)


def test_flags_override_the_recipe(tmp_path: Path) -> None:
    name = recipe(tmp_path / "r.yaml", learning_rate=1e-4, num_train_epochs=2)
    config = parse([name, "--learning_rate", "3e-5"])
    assert config.training.learning_rate == 3e-5
    assert config.training.num_train_epochs == 2
    assert config.data.train == ["a.tsv"]


def test_flags_alone_are_enough() -> None:
    assert parse(["--train", "a.tsv", "b.tsv", "--use_cpu", "true"]).data.train == ["a.tsv", "b.tsv"]


def test_json_recipes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"train": ["a.tsv"], "base": "some/encoder", "use_cpu": True}))
    assert parse([str(path)]).model.base == "some/encoder"


def test_what_it_writes_reads_back(tmp_path: Path) -> None:
    config = parse([recipe(tmp_path / "r.yaml", learning_rate=1e-4, voice_weight=0.7, output_dir=str(tmp_path / "o"))])
    (tmp_path / "again.yaml").write_text(config.to_yaml())
    assert parse([str(tmp_path / "again.yaml")]).to_dict() == config.to_dict()


def test_settings_that_are_transformers_defaults_and_not_ours_read_back(tmp_path: Path) -> None:
    config = parse([recipe(tmp_path / "r.yaml", eval_strategy="no", save_strategy="no", load_best_model_at_end=False)])
    (tmp_path / "again.yaml").write_text(config.to_yaml())
    again = parse([str(tmp_path / "again.yaml")]).training
    assert (again.eval_strategy, again.save_strategy, again.load_best_model_at_end) == ("no", "no", False)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--train", "a.tsv", "--lerning_rate", "1"], "lerning_rate"),
        (["--train", "a.tsv", "--learning", "1"], "learning"),
        (["--train", "a.tsv", "--learning_rate", "fast"], "fast"),
        (["--train", "a.tsv", "--validation_share", "1.5"], "1.5"),
        (["--train", "a.tsv", "--window_length", "4"], "window_length"),
        ([], "no training data"),
    ],
)
def test_wrong_settings_are_named(arguments: list[str], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        parse(arguments)


def test_an_unknown_key_of_a_recipe_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="learning_rate") as caught:
        parse([recipe(tmp_path / "r.yaml", lerning_rate=1)])
    assert "lerning_rate" in str(caught.value)


@pytest.mark.parametrize("content", ["train: [a", "- a list", "\x00\x01"])
def test_a_broken_recipe_is_an_error_of_ours(tmp_path: Path, content: str) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(content)
    with pytest.raises(FramingError, match=r"r\.yaml"):
        parse([str(path)])
    with pytest.raises(UnreadableFileError):
        parse([str(tmp_path / "missing.yaml")])


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_recipes_parse(path: Path) -> None:
    assert parse([str(path), "--use_cpu", "true"]).data.train


@pytest.mark.parametrize(
    ("sentences", "epochs", "steps", "between"),
    [(6400, 6.0, 1200, None), (320, 20.0, 200, 34), (64, 100.0, 200, 34), (1, 200.0, 200, 34)],
)
def test_few_sentences_are_passed_more_often(
    tmp_path: Path, sentences: int, epochs: float, steps: int, between: int | None
) -> None:
    training = parse(["--train", "a.tsv", "--output_dir", str(tmp_path)]).training
    assert training.steps_of(sentences) == steps
    training.settle_epochs(sentences)
    assert (training.num_train_epochs, training.steps_of(sentences)) == (epochs, steps)
    if between is None:
        assert training.eval_strategy == training.save_strategy == "epoch"
        assert training.load_best_model_at_end and training.early_stopping_patience > 0
    else:
        assert not training.load_best_model_at_end and training.early_stopping_patience == 0
        assert (training.eval_strategy, training.eval_steps) == ("steps", between)
        assert (training.save_strategy, training.save_steps) == ("steps", between)


def test_epochs_that_were_named_stay(tmp_path: Path) -> None:
    training = parse(["--train", "a.tsv", "--output_dir", str(tmp_path), "--num_train_epochs", "2"]).training
    training.settle_epochs(10)
    assert (training.num_train_epochs, training.eval_strategy) == (2, "epoch")
