"""The commands `framing compare` and `framing sample`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest
import typer
from typer.testing import CliRunner, Result

from framing.cli.compare import compare_command
from framing.cli.sample import sample_command
from framing.markup import read_rows
from framing.records import open_writer
from tests.compare.corpora import CODEBOOK, CONTRAST, document, made_up, sentence

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command("compare")(compare_command)
    app.command("sample")(sample_command)

    def invoke(*words: str | Path) -> Result:
        result = CliRunner().invoke(app, [str(word) for word in words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception  # a traceback is what no user may see
        return result

    return invoke


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "labels.parquet"
    with open_writer(path, codebook=CODEBOOK, carry=["section"]) as writer:
        for one in made_up(90):
            writer.write(one)
    return path


def test_it_says_who_names_it_how(run: Run, labels: Path) -> None:
    result = run("compare", labels, "--contrast", CONTRAST.name)
    assert result.exit_code == 0
    assert CONTRAST.name in result.stdout
    assert "distinguishable" in result.stdout
    assert "not corrected" in result.stderr


def test_json_is_all_that_goes_to_standard_output(run: Run, labels: Path) -> None:
    result = run("compare", labels, "--json", "--by", "section")
    told = json.loads(result.stdout)
    assert {row["group"] for row in told["estimates"]} == {"north", "south"}
    assert told["settings"]["by"] == ["section"]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".csv", ".md", ".tex", ".json"])
def test_tables_are_written(run: Run, labels: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"t{ending}"
    assert run("compare", labels, "-o", path, "--table", "differences").exit_code == 0
    assert "not distinguishable" in path.read_text(encoding="utf-8")
    if ending == ".csv":
        assert {"first", "second", "q"} <= set(pandas.read_csv(path).columns)


@pytest.mark.slow
def test_a_sample_is_drawn_annotated_and_used(run: Run, labels: Path, tmp_path: Path) -> None:
    gold = tmp_path / "gold.tsv"
    result = run("sample", labels, "-o", gold, "--each", 8, "--seed", 5)
    assert result.exit_code == 0 and "seed 5" in result.stderr
    assert len({row.document for row in read_rows(gold, CODEBOOK)}) == 24
    corrected = run("compare", labels, "--gold", gold, "--json")
    rows = json.loads(corrected.stdout)["estimates"]
    assert any(row["corrected"] for row in rows)
    power = run("compare", labels, "--gold", gold, "--power", "--contrast", CONTRAST.name)
    assert power.exit_code == 0 and "half as wide" in power.stdout
    assert run("compare", labels, "--gold", gold, "-o", tmp_path / "p.csv", "--table", "power").exit_code == 0
    table = pandas.read_csv(tmp_path / "p.csv")
    wanted = {(row["estimand"], row["label"], row["group"]): row for row in rows if row["corrected"]}
    assert len(table) == sum(row["corrected"] for row in rows)
    assert (table["annotated"] <= table["documents"]).all()
    one = table[(table["estimand"] == "per_100_documents") & (table["group"] == "A")].iloc[0]
    kept = wanted["per_100_documents", one["label"], "A"]["to_halve"]
    assert kept is None or one["more"] == pytest.approx(kept - one["annotated"])
    again = run("sample", labels, "-o", gold)
    assert again.exit_code == 2 and "is there already" in again.stderr


def test_documents_are_labelled_first_and_one_line_says_so(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    articles = tmp_path / "articles.jsonl"
    rows = [{"id": f"a{n}", "outlet": "AB"[n % 2], "text": f"Words of day {n}. More of them."} for n in range(8)]
    articles.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    result = run("compare", articles, "--model", tiny_folder)
    assert result.exit_code == 0
    assert [line for line in result.stderr.splitlines() if "8 documents" in line and "labelled first" in line]
    drawn = run("sample", articles, "-o", tmp_path / "gold.tsv", "--model", tiny_folder, "--each", 2)
    assert drawn.exit_code == 0 and "4 documents" in drawn.stderr and "labelled first" in drawn.stderr


@pytest.mark.slow
def test_events_and_copies(run: Run, labels: Path, tmp_path: Path) -> None:
    result = run("compare", labels, "--event", "section", "--contrast", CONTRAST.name)
    assert result.exit_code == 0
    assert "within events" in result.stdout and "events are told by two groups" in result.stderr
    once = run("compare", labels, "--copies", "once")
    assert once.exit_code == 0 and "documents are left out, which are copies" in once.stderr
    found = run("compare", labels, "--find-event", "--event-days", 30, "--table", "events", "-o", tmp_path / "e.csv")
    assert found.exit_code == 0
    assert {"first", "second", "events", "difference", "q", "overall"} <= set(pandas.read_csv(tmp_path / "e.csv"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--by", "desk"], "'desk'"),
        (["--over", "moon"], "moon"),
        (["--contrast", "none"], "no contrast"),
        (["--kind", "comment"], "not the outlet's words"),
        (["--keyword", "no such word"], "nothing is left"),
        (["--power"], "--gold"),
        (["-o", "t.xlsx"], "ending"),
        (["--gold", "none.tsv"], "no file"),
        (["--error-rates", "none"], "error rates"),
        (["--table", "figures", "-o", "t.csv"], "no table"),
        (["--table", "events", "-o", "t.csv"], "no table"),
        (["--copies", "never"], "'never'"),
        (["--event", "affair"], "'affair'"),
        (["--event", "section", "--find-event"], "found"),
    ],
)
def test_mistakes_are_told(
    run: Run, labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("compare", labels, *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Expected" in result.stderr


def test_one_group_is_none(run: Run, tmp_path: Path) -> None:
    with open_writer(tmp_path / "a.jsonl", codebook=CODEBOOK) as writer:
        writer.write(document("d1", "A", None, [sentence(0, 0, "Words.")]))
    result = run("compare", tmp_path / "a.jsonl")
    assert result.exit_code == 2 and "one group" in result.stderr
