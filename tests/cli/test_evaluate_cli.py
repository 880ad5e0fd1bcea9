"""The command `framing evaluate`, with a labeler whose answers are known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from framing.cli.evaluate import evaluate_command
from framing.codebook import Codebook
from framing.evaluate import front
from framing.evaluate.scoring import HEADLINES, as_prediction
from framing.markup import parse

app = typer.Typer()
app.command()(evaluate_command)

GOLD = (
    "a\theadline\t[[Rebels|rebels.author]] and [[army|government.author]] agree on a [[truce|peace.author]]\n"
    "a\tbody\t[[Reportedly|hedge.hearsay]] it holds.\n"
    "b\tbody\t[[The mayor|source]] spoke of [[rebels|rebels.attributed]].\n"
)
ANSWERS = {
    "Rebels and army agree on a truce": "[[Rebels|rebels.author]] and army agree on a [[truce|peace.author]]",
    "Reportedly it holds.": "[[Reportedly|hedge.hearsay]] it holds.",
    "The mayor spoke of rebels.": "[[The mayor|source]] spoke of [[rebels|rebels.author]].",
}


class _KnownLabeler:
    codebook = Codebook.default()

    def __enter__(self) -> _KnownLabeler:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def sentences(self, texts: list[str]) -> list:
        return [as_prediction(parse(ANSWERS[text]), self.codebook) for text in texts]


@pytest.fixture
def gold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(front, "load", lambda *_, **__: _KnownLabeler())
    monkeypatch.setattr(front, "Labeler", _KnownLabeler)
    file = tmp_path / "gold.tsv"
    file.write_text(GOLD, encoding="utf-8")
    return file


def test_json_holds_every_measure_with_its_interval(gold: Path) -> None:
    result = CliRunner().invoke(app, [str(gold), "--json", "--resamples", "50"])
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    assert data["sentences"] == 3
    assert set(HEADLINES) <= set(data) & set(data["intervals"])
    assert data["frames_micro_f1"] == pytest.approx(2 * 3 / (3 + 4))
    assert data["voice_accuracy"] == pytest.approx(2 / 3)
    assert data["kind_accuracy"] == pytest.approx(2 / 3)
    assert data["labels"]["government"]["recall"] == 0
    assert data["labels"]["plot"]["f1"] is None
    assert data["voice_confusion"]["attributed"]["author"] == 1


def test_the_table_names_every_label(gold: Path) -> None:
    result = CliRunner().invoke(app, [str(gold), "--resamples", "50"], env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    assert "3 sentences in 2 documents" in result.stdout
    missing = [name for name in Codebook.default().outputs if name not in result.stdout]
    assert missing == []


def test_a_missing_gold_file_is_told_without_a_traceback(gold: Path) -> None:
    result = CliRunner().invoke(app, [str(gold.with_name("none.tsv"))])
    assert result.exit_code == 2
    assert "none.tsv" in result.stderr
    assert "Traceback" not in result.output
