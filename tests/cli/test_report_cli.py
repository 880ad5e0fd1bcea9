"""``framing report`` and the page of one article."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from framing.cli.report import page_command, report_command
from framing.codebook import Codebook
from framing.records import open_writer
from tests.compare.corpora import made_up

pytestmark = pytest.mark.slow

app = typer.Typer()
app.command("report")(report_command)
app.command("page")(page_command)


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def _records(folder: Path, outlets: tuple[str, ...] = ("A", "B")) -> Path:
    path = folder / "labels.parquet"
    with open_writer(path, codebook=Codebook.default()) as writer:
        for labels in made_up(24, outlets=outlets):
            writer.write(labels)
    return path


def test_a_page_is_written(tmp_path: Path) -> None:
    output = tmp_path / "report.html"
    result = _run("report", _records(tmp_path), "-o", output, "--title", "Two <outlets>", "--small", 5)
    assert result.exit_code == 0, result.output
    assert "1. In its own words" in result.stderr and "written to" in result.stderr
    assert "<title>Two &lt;outlets&gt;</title>" in output.read_text(encoding="utf-8")


def test_mistakes_are_told(tmp_path: Path) -> None:
    records = _records(tmp_path, outlets=("A",))
    for arguments, said in (
        ([records, "-o", tmp_path / "x.pdf"], "is no page"),
        ([records, "-o", tmp_path / "x.html"], "one group"),
        ([records, "-o", tmp_path / "x.html", "--by", "party"], "no record has the column"),
        ([tmp_path / "none.jsonl", "-o", tmp_path / "x.html"], "none.jsonl"),
    ):
        result = _run("report", *arguments)
        assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "x.html").exists()


def test_one_article(tmp_path: Path, tiny_folder: Path) -> None:
    text = tmp_path / "article.txt"
    text.write_text("The rebels fled the town.\n\nHe said <b>militants</b> liberated a city.", encoding="utf-8")
    for source in (text, _records(tmp_path)):
        output = tmp_path / f"{source.stem}.html"
        result = _run("page", source, "-o", output, "--model", tiny_folder)
        assert result.exit_code == 0, result.output
        assert "<mark" in output.read_text(encoding="utf-8")
