"""The learning curve: nested parts, steps, resuming, and the command."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from benchmarks import report
from benchmarks.learning_curve import run
from benchmarks.learning_curve.parts import part, write_examples
from benchmarks.learning_curve.run import configure, is_finished, main
from benchmarks.suites import LearningCurveSuite
from framing.codebook import Codebook
from framing.speed import SEEDS
from framing.train.examples import Example, hold_out, read_examples
from tests.benchmarks.tiny_base import write_tiny_base

pytestmark = pytest.mark.slow

app = typer.Typer()
app.command()(main)
SHARES = (0.0625, 0.125, 0.25, 0.5, 1.0)


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return read_examples([str(SEEDS / "0[0-3].tsv")], Codebook.default())


def test_parts_are_nested_of_whole_groups_and_of_the_size_asked_for(examples: list[Example]) -> None:
    parts = [part(examples, share) for share in SHARES]
    for smaller, larger in pairwise(parts):
        assert {e.text for e in smaller} < {e.text for e in larger}
    for share, found in zip(SHARES, parts, strict=True):
        groups = {e.group for e in found}
        assert [e for e in examples if e.group in groups] == list(found)
        assert len(groups) / len({e.group for e in examples}) == pytest.approx(share, abs=0.05)
    assert list(parts[-1]) == examples


def test_parts_do_not_depend_on_what_is_held_out(examples: list[Example]) -> None:
    rest = hold_out(examples, 0.5, 13).train
    assert len(part(rest, 0.5)) / len(rest) == pytest.approx(0.5, abs=0.06)


def test_written_parts_are_read_back_as_they_were(examples: list[Example], tmp_path: Path) -> None:
    path = tmp_path / "part.tsv"
    assert write_examples(examples[:200], path)
    assert read_examples([str(path)], Codebook.default()) == examples[:200]
    assert not write_examples(examples[:200], path)
    assert write_examples(examples[:199], path)


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command on a tiny encoder, 300 seeds and 60 others as gold."""
    folder = tmp_path_factory.mktemp("curve")
    (folder / "seeds").mkdir()
    rows = (SEEDS / "00.tsv").read_text(encoding="utf-8").splitlines()
    (folder / "seeds" / "00.tsv").write_text("\n".join(rows[:300]) + "\n", encoding="utf-8")
    (folder / "gold.tsv").write_text("\n".join(rows[300:360]) + "\n", encoding="utf-8")
    declared = yaml.safe_load(LearningCurveSuite.file().read_text(encoding="utf-8"))
    tiny = {"base": str(write_tiny_base(folder / "base")), "disable_tqdm": True}
    declared |= {"shares": [0.25, 1.0], "epochs": 1, "least_steps": 3, "settings": {**declared["settings"], **tiny}}
    (folder / "suite.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    named = {"gold": "gold.tsv", "work": "work", "seeds": "seeds", "suite": "suite.yaml", "out": "."}
    return [part for name, path in named.items() for part in (f"--{name}", str(folder / path))]


def test_the_command_writes_a_record_and_resumes(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(arguments[arguments.index("--out") + 1])
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    first = json.loads((folder / "learning_curve.json").read_text(encoding="utf-8"))
    points = first["results"]["points"]
    assert [point["share"] for point in points] == [0.25, 1.0]
    assert points[0]["steps"] == 3
    assert points[0]["training_sentences"] < points[1]["training_sentences"]
    assert points[1]["training_sentences"] == first["inputs"]["training"]["training_sentences"]
    assert len(first["results"]["gains"]) == 1
    assert "### Quality by sentences trained on" in report.render(folder)

    trained = []
    monkeypatch.setattr(run, "train", lambda config: trained.append(config))
    resumed = CliRunner().invoke(app, [*arguments, "--resume"])
    assert resumed.exit_code == 0, resumed.output
    assert trained == []
    again = json.loads((folder / "learning_curve.json").read_text(encoding="utf-8"))
    assert again["results"] == first["results"]


def test_a_point_of_other_settings_is_not_taken(arguments: list[str]) -> None:
    folder = Path(arguments[arguments.index("--out") + 1])
    suite = LearningCurveSuite.load(folder / "suite.yaml")
    assert not is_finished(folder / "nowhere", configure(suite, train=["x.tsv"]))
    point = folder / "work" / "checkpoint-of-1"
    assert not is_finished(point, configure(suite, train=["x.tsv"], output_dir=str(point)))
