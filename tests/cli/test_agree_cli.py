"""The command `framing agree`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from sklearn.metrics import cohen_kappa_score
from typer.testing import CliRunner, Result

from framing.cli._errors import EXIT_USER_ERROR
from framing.cli.agree import agree_command

A = """1\tc\td1\tbody\t[[Gunmen|militants.author]] left, [[the ministry|source]] said.
2\tc\td1\tbody\t[[Terrorists|terrorists.author]] may return.
3\tc\td2\tbody\tQuiet.
"""
B = """1\tc\td1\tbody\t[[Gunmen|militants.author]] left, [[the ministry|source]] said.
2\tc\td1\theadline\t[[Terrorists|militants.author]] [[may|hedge.epistemic]] return.
3\tc\td2\tbody\tQuiet.
4\tc\td2\tbody\tExtra.
"""

app = typer.Typer()
app.command("agree")(agree_command)


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(one) for one in arguments], prog_name="framing agree")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def coders(tmp_path: Path) -> tuple[Path, Path]:
    a, b = tmp_path / "anna.tsv", tmp_path / "ben.tsv"
    a.write_text(A, encoding="utf-8")
    b.write_text(B, encoding="utf-8")
    return a, b


def test_a_table_for_people(coders: tuple[Path, Path]) -> None:
    result = run(*coders, "--resamples", "20")
    assert result.exit_code == 0
    assert "anna, ben: 3 sentences in 2 documents, matched by id; codebook armed_conflict" in result.stdout
    assert "on the same words: terrorists / militants: 1" in result.stdout
    assert "1 of 4 sentences of ben are in no other file" in result.stderr


def test_json_and_a_list_of_disagreements(coders: tuple[Path, Path], tmp_path: Path) -> None:
    result = run(*coders, "--json", "--resamples", "20", "-d", tmp_path / "d.tsv", "--codebook", "armed_conflict")
    found = json.loads(result.stdout)
    assert (found["sentences"], found["documents"], found["disagreements"]) == (3, 2, 4)
    assert found["left_out"]["alone"] == {"anna": 0, "ben": 1}
    militants = found["labels"]["militants"]
    assert militants["carried"] == {"anna": 1, "ben": 2}
    assert militants["kappa"]["value"] == pytest.approx(cohen_kappa_score([1, 0, 0], [1, 1, 0]))
    assert found["pairs"][0]["values"]["source_f1"]["value"] == 1
    lines = [line.split("\t") for line in (tmp_path / "d.tsv").read_text(encoding="utf-8").splitlines()]
    assert lines[0] == ["id", "document", "what", "name", "anna", "ben", "text"]
    assert lines[1] == ["2", "d1", "label", "terrorists", "‹Terrorists› author", "–", "Terrorists may return."]
    assert [line[2] for line in lines[1:]] == ["label", "label", "label", "kind"]
    run(*coders, "--resamples", "5", "-d", tmp_path / "d.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text(encoding="utf-8").splitlines()]
    assert rows[-1]["said"] == {"anna": "body", "ben": "headline"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-d", "d.txt"], "d.txt"),
        (["--by", "place"], "matched by 'place'"),
        (["--from", "nothing"], "no format 'nothing'"),
    ],
)
def test_mistakes_are_said(coders: tuple[Path, Path], arguments: list[str], said: str) -> None:
    result = run(*coders, *arguments)
    assert result.exit_code == EXIT_USER_ERROR
    assert said in result.stderr


def test_one_coder_cannot_agree(coders: tuple[Path, Path]) -> None:
    assert "1 coder" in run(coders[0]).stderr
