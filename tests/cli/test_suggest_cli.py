"""The command `framing suggest`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from framing.cli._errors import EXIT_USER_ERROR
from framing.cli.suggest import suggest_command
from framing.codebook import Codebook
from framing.markup import read_rows
from tests.test_suggest import record, written

BOOK = Codebook.default()
NAME, VOICE = BOOK.label_names[0], BOOK.voices[0]
PROBABILITIES = [0.95, 0.9, 0.55, 0.05, 0.45, 0.96]

app = typer.Typer()
app.command("suggest")(suggest_command)


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments], prog_name="framing suggest")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def records(tmp_path: Path) -> Path:
    everything = dict.fromkeys(BOOK.probability_names, 0.0)
    rows = [
        record(f"Men came {i}", f"d{i // 2}", i % 2, **{**everything, NAME: p}) for i, p in enumerate(PROBABILITIES)
    ]
    return written(tmp_path / "records.jsonl", rows)


def test_sentences_for_annotation(records: Path, tmp_path: Path) -> None:
    common = (records, "-n", "2", "--diversity", "none", "--codebook", "armed_conflict")
    result = run(*common, "-o", tmp_path / "next.tsv", "--json")
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert [one["text"] for one in said["sentences"]] == ["Men came 2", "Men came 4"]
    assert said["sentences"][0]["because"] == NAME
    assert "2 of 6 sentences (0 passed over)" in result.stderr
    rows = list(read_rows(tmp_path / "next.tsv", BOOK))
    assert [len(row.sentence.spans) for row in rows] == [1, 0]
    run(*common, "-o", tmp_path / "next.json", "--blank")
    assert all("predictions" not in task for task in json.loads((tmp_path / "next.json").read_text(encoding="utf-8")))


def test_whole_documents(records: Path, tmp_path: Path) -> None:
    out = tmp_path / "documents.tsv"
    rows = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["outlet"] = "The Courier" if row["document_id"] == "d0" else "The Post"
    written(records, rows)
    result = run(records, "-o", out, "-n", "1", "--documents", "--codebook", "armed_conflict")
    assert result.exit_code == 0, result.stderr
    marked = list(read_rows(out, BOOK))
    sample = json.loads((tmp_path / "documents.sample.json").read_text(encoding="utf-8"))
    assert {row.document for row in marked} == {one["document"] for one in sample["documents"]}
    assert {row.outlet for row in marked} == {"The Courier", "The Post"}
    assert len(marked) == 4
    assert all(0 < one["probability"] <= 1 for one in sample["documents"])


@pytest.mark.parametrize(("name", "options"), [("documents.json", []), ("documents.out", ["--to", "labelstudio"])])
def test_whole_documents_in_another_format(records: Path, tmp_path: Path, name: str, options: list[str]) -> None:
    out = tmp_path / name
    rows = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["outlet"] = "The Courier" if row["document_id"] == "d0" else "The Post"
    written(records, rows)
    common = (records, "-n", "1", "--documents", "--codebook", "armed_conflict", "--json", *options)
    result = run(*common, "-o", out)
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    beside = out.with_name("documents.sample.json")
    assert said == json.loads(beside.read_text(encoding="utf-8"))
    drawn = {one["document"] for one in said["documents"]}
    tasks = json.loads(out.read_text(encoding="utf-8"))
    assert [task["data"]["text"] for task in tasks] == [row["text"] for row in rows if row["document_id"] in drawn]
    # The model's marks are predictions to correct, and annotations of nobody.
    assert not any(task.get("annotations") for task in tasks)
    marked = [
        task["data"]["text"]
        for task in tasks
        if any("start" in one["value"] for guess in task["predictions"] for one in guess["result"])
    ]
    assert marked == [row["text"] for row in rows if row["document_id"] in drawn and row["mentions"]] != []
    again = run(*common, "-o", out)
    assert again.exit_code == EXIT_USER_ERROR and "is there already" in again.stderr
    blank = run(*common, "--blank", "-o", out.with_name("blank" + out.suffix))
    assert blank.exit_code == 0, blank.stderr
    tasks = json.loads(out.with_name("blank" + out.suffix).read_text(encoding="utf-8"))
    assert tasks and not any(task.get("predictions") for task in tasks)


def test_a_file_is_checked(records: Path, tmp_path: Path) -> None:
    gold = tmp_path / "gold.tsv"
    wrong = [True, True, True, False, False, False]
    gold.write_text(
        "".join(f"g\tbody\t{f'[[Men|{NAME}.{VOICE}]]' if w else 'Men'} came {i}\n" for i, w in enumerate(wrong)),
        encoding="utf-8",
    )
    arguments = (records, "--check", gold, "--codebook", "armed_conflict")
    result = run(*arguments, "-o", tmp_path / "doubtful.tsv")
    assert result.exit_code == 0
    assert "1 labels of 6 sentences are likely wrong" in result.stdout
    assert [row.sentence.text for row in read_rows(tmp_path / "doubtful.tsv", BOOK)] == ["Men came 5"]
    (error,) = json.loads(run(*arguments, "--json").stdout)["errors"]
    assert (error["name"], error["given"], error["probability"]) == (NAME, False, 0.96)
    assert error["where"] == f"{gold}:6"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to choose from"),
        (["RECORDS"], "there is no output"),
        (["RECORDS", "-o", "next.tsv", "--by", "luck"], "luck"),
        (["RECORDS", "-o", "next.nothing"], "does not say its format"),
    ],
)
def test_mistakes_are_said(records: Path, arguments: list[str], said: str) -> None:
    result = run(*(records if one == "RECORDS" else one for one in arguments))
    assert result.exit_code == EXIT_USER_ERROR
    assert said in result.stderr
