"""The command `framing convert`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from framing.cli._errors import EXIT_USER_ERROR
from framing.cli.convert import convert_command
from framing.codebook import Codebook
from framing.markup import read_rows

LINES = "g1\tbody\t[[Gunmen|militants.author]] left 😀, [[the ministry|source]] said.\ng2\tbody\tQuiet.\n"

app = typer.Typer()
app.command("convert")(convert_command)


def run(*arguments: str | Path, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments], input=stdin, prog_name="framing convert")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception  # a traceback is what no user may see
    return result


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    path = tmp_path / "marked.tsv"
    path.write_text(LINES, encoding="utf-8")
    return path


def test_there_and_back(marked: Path, tmp_path: Path) -> None:
    there = run(marked, tmp_path / "tasks.json", "--codebook", "armed_conflict")
    assert there.exit_code == 0
    assert there.stdout == ""
    assert "markup to labelstudio: 2 texts, 2 spans, 2 labels of texts" in there.stderr
    back = run(tmp_path / "tasks.json", tmp_path / "back.tsv")
    assert back.exit_code == 0
    assert (tmp_path / "back.tsv").read_text(encoding="utf-8") == LINES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["back.tsv", "marked.tsv", "tasks.json"]


def test_through_pipes(marked: Path) -> None:
    there = run(marked, "-", "--to", "jsonl")
    rows = [json.loads(line) for line in there.stdout.splitlines()]
    assert [row["text"] for row in rows] == ["Gunmen left 😀, the ministry said.", "Quiet."]
    back = run("-", "-", "--from", "jsonl", "--to", "markup", "-q", stdin=there.stdout)
    assert back.stdout == LINES
    assert back.stderr == ""
    again = run("-", "-", "--from", "markup", "--to", "doccano", "-q", stdin=LINES)
    assert [json.loads(line)["cats"] for line in again.stdout.splitlines()] == [["kind=body"]] * 2


def test_what_is_set_aside_is_kept_with_its_reason(marked: Path, tmp_path: Path) -> None:
    marked.write_text(LINES + "g3\tbody\t[[broken\n", encoding="utf-8")
    result = run(marked, tmp_path / "x.jsonl")
    assert result.exit_code == 0
    assert f"1 set aside, with reasons in {tmp_path / 'x.rejected.jsonl'}" in result.stderr
    reason = json.loads((tmp_path / "x.rejected.jsonl").read_text(encoding="utf-8"))
    assert reason["row"] == 3
    assert "'[[' is not closed" in reason["reason"]
    strict = run(marked, tmp_path / "y.jsonl", "--strict")
    assert strict.exit_code == EXIT_USER_ERROR
    assert not (tmp_path / "y.jsonl").exists()


def test_nothing_usable_is_an_error_and_leaves_no_output(marked: Path, tmp_path: Path) -> None:
    marked.write_text("g3\tbody\t[[broken\n", encoding="utf-8")
    result = run(marked, tmp_path / "x.jsonl")
    assert result.exit_code == EXIT_USER_ERROR
    assert "nothing could be used" in result.stderr
    overlapping = {"text": "a b c", "spans": [[0, 3, "x"], [2, 5, "y"]]}
    (tmp_path / "in.jsonl").write_text(json.dumps(overlapping) + "\n", encoding="utf-8")
    result = run(tmp_path / "in.jsonl", tmp_path / "out.tsv")
    assert result.exit_code == EXIT_USER_ERROR
    assert "overlap" in result.stderr
    assert not (tmp_path / "out.tsv").exists()


def test_losses_and_new_names_are_said(tmp_path: Path) -> None:
    row = {"text": "Ann left", "spans": [{"start": 0, "end": 3, "label": "PER", "score": 0.5}], "labels": ["sad"]}
    (tmp_path / "in.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    result = run(tmp_path / "in.jsonl", tmp_path / "out.tsv", "--write-codebook", tmp_path / "book.yaml")
    assert result.exit_code == 0
    assert "Not kept: 1 scores" in result.stderr
    assert "Not kept: 1 labels of texts without words" in result.stderr
    assert "PER is per" in result.stderr
    book = Codebook.load(tmp_path / "book.yaml")
    assert (book.label_names, book.voices, book.kinds) == (("per", "sad"), (), ())
    assert [row.sentence.text for row in read_rows(tmp_path / "out.tsv", book)] == ["Ann left"]


def test_predictions_are_pre_annotations_with_scores(tmp_path: Path) -> None:
    place = {"input": None, "row": None, "document_id": "d", "outlet": "The Courier", "published": None, "index": 0}
    mention = {"label": "militants", "start": 0, "end": 6, "text": "Gunmen", "voice": "author"}
    mention |= {"voice_probability": 0.9, "probability": 0.75, "source": None}
    record = {
        **place,
        **{"kind": "body", "start": 0, "end": 12, "text": "Gunmen left.", "text_offset": 0},
        **{"frames": {"militants": 0.75}, "mentions": [mention], "hedges": [], "sources": [], "hedged": False},
        "probabilities": {"militants": 0.75},
    }
    (tmp_path / "in.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    result = run(tmp_path / "in.jsonl", tmp_path / "tasks.json")
    assert "records to labelstudio" in result.stderr
    task = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))[0]
    assert "annotations" not in task
    prediction = task["predictions"][0]
    assert prediction["score"] == 0.75
    region = prediction["result"][0]
    assert (region["score"], region["value"]["labels"]) == (0.75, ["militants.author"])
    assert task["data"]["row_id"] == "d:0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.json", "x.tsv"], "there is no file or folder"),
        (["-", "x.tsv"], "the format of standard input is not known"),
        (["marked.tsv", "x"], "does not say its format"),
        (["marked.tsv", "x.tsv", "--offsets", "bytes"], "utf16 or codepoints"),
        (["marked.tsv", "x.json", "--codebook", "nowhere.yaml"], "there is no codebook"),
        (["marked.tsv", "-", "--to", "brat"], "cannot go to standard output"),
        (["-", "x.tsv", "--from", "brat"], "cannot come from standard input"),
        (["marked.tsv", "gone/x.json"], "cannot be written"),
    ],
)
def test_mistakes_are_messages(
    marked: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(marked.parent)
    result = run(*arguments)
    assert result.exit_code == EXIT_USER_ERROR
    assert message in result.stderr
    assert "Traceback" not in result.stderr
