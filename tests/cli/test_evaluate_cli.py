"""The command `framing evaluate`, with a labeler whose answers are known."""

from __future__ import annotations

import json
from html.parser import HTMLParser
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

    def __call__(self, texts: list[str]) -> list:
        return self.sentences(texts)

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


class _Links(HTMLParser):
    """What a browser makes of a page: its elements, its text, and what it would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.asked: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.asked += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_page_is_whole_and_escapes_what_it_is_given(gold: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "</style><script>alert(1)</script><img src=x onerror=alert(1)> & rebels"
    monkeypatch.setitem(ANSWERS, evil, evil)
    line = evil.replace("rebels", "[[rebels|rebels.author]]")
    gold.write_text(GOLD + f"<b>doc</b>\tbody\t{line}\n", encoding="utf-8")
    page = gold.with_name("page.html")
    arguments = [str(gold), "-m", "<i>mine</i>", "--report", str(page), "--resamples", "20"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    read = _Links(page.read_text(encoding="utf-8"))
    assert {"script", "img", "b", "i"}.isdisjoint(read.elements)
    assert [address for address in read.asked if not address.startswith(("data:", "#"))] == []
    assert evil in read.text
    assert "<b>doc</b>" in read.text
    assert "<i>mine</i>" in read.text
    assert "missed government" in read.text


def test_errors_and_rivals_in_json(gold: Path) -> None:
    result = CliRunner().invoke(app, [str(gold), "--json", "--resamples", "20", "--errors", "5"])
    data = json.loads(result.stdout)
    assert [(e["what"], e["name"], e["document"]) for e in data["errors"]] == [
        ("missed", "government", "a"),
        ("voice", "rebels", "b"),
    ]
    assert data["errors"][0]["gold"] == [{"start": 11, "end": 15, "text": "army", "voice": "author"}]
    assert data["intervals"].keys() >= {"precision/rebels", "recall/rebels"}


def test_two_models_are_compared(gold: Path) -> None:
    arguments = [str(gold), "--against", "other", "--resamples", "20"]
    data = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert data["against"] == "other"
    same = {"value": 0.0, "low": 0.0, "high": 0.0, "share_above": 0.5}
    assert data["differences"]["frames_micro_f1"] == same
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "120"})
    assert "Minus other" in result.stdout
    assert "missed government" in result.stdout


def test_a_table_of_labels_is_gold_too(gold: Path) -> None:
    table = gold.with_name("gold.csv")
    rows = ["rebels;government,a", ",a", "rebels,b"]
    lines = [f"{text},{rest}" for text, rest in zip(ANSWERS, rows, strict=True)]
    table.write_text("\n".join(["sentence,codes,document", *lines]) + "\n", encoding="utf-8")
    columns = ["--text-column", "sentence", "--labels-column", "codes", "--group-column", "document"]
    result = CliRunner().invoke(app, [str(table), *columns, "--resamples", "20"], env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    assert "3 sentences in 2 documents" in result.stdout
    assert "frames, micro F1" in result.stdout and "hedge" not in result.stdout and "voice" not in result.stdout
    data = json.loads(CliRunner().invoke(app, [str(table), *columns, "--resamples", "20", "--json"]).stdout)
    # Said: rebels and peace, nothing, rebels.
    assert data["frames_micro_f1"] == pytest.approx(2 * 2 / (3 + 3))
    assert data["span_overlap_f1"] is None and data["hedged_f1"] is None
    wrong = CliRunner().invoke(app, [str(table), "--resamples", "20"])
    assert wrong.exit_code == 2 and "no column 'text'" in wrong.stderr
