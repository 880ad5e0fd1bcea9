"""The suite of training speed: passes, matrix products, padding, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import typer
import yaml
from typer.testing import CliRunner

from benchmarks import ROOT, report
from benchmarks.suites import TrainingSuite, flags_of
from benchmarks.training_speed.padding import padding_share
from benchmarks.training_speed.run import TrainingProcess, main
from benchmarks.training_speed.worker import products, spread
from framing.errors import FramingError
from framing.speed import SEEDS, ModelShape
from framing.train.config import parse
from tests.benchmarks.tiny_base import write_tiny_base

pytestmark = pytest.mark.slow

app = typer.Typer()
app.command()(main)


def test_padding_is_what_the_longest_of_each_batch_costs() -> None:
    assert padding_share([4, 4, 4, 4], "random", 2) == 0
    assert padding_share([1, 3], "random", 2) == pytest.approx(2 / 6)
    lengths = [5, 60] * 200
    assert padding_share(lengths, "group_by_length", 8) < 0.2 < padding_share(lengths, "random", 8)


def test_products_are_three_for_each_layer_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, ...]] = []
    multiply = torch.mm
    monkeypatch.setattr(torch, "mm", lambda a, b: shapes.append((*a.shape, b.shape[1])) or multiply(a, b))
    products(ModelShape(hidden=4, intermediate=8, layers=2, outputs=3), 5)()
    assert len(shapes) == 3 * (4 * 2 + 1)
    # Backward costs twice what forward does, and a layer has 12 hidden² weights (here 3 + 1 + 2 + 2 times 16).
    flop = sum(2 * rows * inner * columns for rows, inner, columns in shapes)
    assert flop == 3 * 2 * 5 * (2 * 8 * 16 + 4 * 3)


def test_examples_are_evenly_spread() -> None:
    assert spread(list(range(10)), 4) == [0, 2, 5, 7]
    assert spread([1, 2], 4) == [1, 2]


def test_every_variant_is_a_recipe_that_framing_train_takes() -> None:
    suite = TrainingSuite.load()
    for variant in suite.variants.values():
        settings = parse([str(ROOT / suite.recipe), *flags_of(variant.settings)]).to_dict()
        assert {name: settings[name] for name in variant.settings} == variant.settings


@pytest.mark.slow
def test_a_training_that_fails_is_told() -> None:
    request = {"arguments": ["--train", "no/such/file.tsv"], "sentences": 4, "warm_up_steps": 1}
    with TrainingProcess("broken", request, threads=1) as worker, pytest.raises(FramingError, match="no/such/file"):
        worker.ready()
        worker.make_pass()


@pytest.mark.slow
def test_the_command_writes_a_record(tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    rows = (SEEDS / "00.tsv").read_text(encoding="utf-8").splitlines()[:40]
    (tmp_path / "seeds" / "00.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    tiny = {"base": str(write_tiny_base(tmp_path / "base"))}
    declared = yaml.safe_load(TrainingSuite.file().read_text(encoding="utf-8"))
    variants = {
        "default": {"title": "as it is", "settings": tiny},
        "frozen": {"title": "frozen", "settings": {**tiny, **declared["variants"]["frozen"]["settings"]}},
    }
    declared |= {"variants": variants, "sentences": 20, "rounds": 2, "threads": 1}
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    arguments = ["--suite", str(tmp_path / "suite.yaml"), "--seeds", str(tmp_path / "seeds"), "--out", str(tmp_path)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))
    passes = record["results"]["passes"]
    assert {name: len(own) for name, own in passes.items()} == {"default": 2, "frozen": 2, "floor": 2}
    assert {found["sentences"] for own in passes.values() for found in own} == {20}
    # Commas are stripped now and then, so a pass may have a few tokens fewer than another; never more slots than that.
    assert all(0 < found["tokens"] <= found["slots"] for name in variants for found in passes[name])
    assert record["results"]["padding"][0]["strategy"] == "group_by_length"
    assert "matrix products alone" in report.render(tmp_path)
