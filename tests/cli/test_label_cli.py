"""`framing label`: what goes in, what comes out, and what is said about it."""

from __future__ import annotations

import csv
import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pyarrow
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

import framing
from framing.cli.main import app
from tests.reading.packings import PACK

Read = Callable[[str | Path], list[dict[str, Any]]]

ARTICLE = (
    'Rebels left the town\n\nThe army said rebels fled the city. Witnesses said: "Heroes liberated the town. '
    'The militants may fight."\n\nShare this article on Facebook\n'
)


@pytest.fixture
def article(tmp_path: Path) -> Path:
    path = tmp_path / "article.txt"
    path.write_text(ARTICLE, encoding="utf-8")
    return path


@pytest.fixture
def expected(tiny_labeler: framing.Labeler) -> list[dict[str, Any]]:
    """What the library says of the article."""
    document = framing.Document(ARTICLE, id="article.txt", input="article.txt", row=1)
    return next(tiny_labeler.documents([document])).to_dict()


# --- records ----------------------------------------------------------------------------------------------------------


def test_a_pipe_gets_json_lines(label: Any, read_jsonl: Read, article: Path, expected: list[dict[str, Any]]) -> None:
    result = label(article)
    assert result.exit_code == 0
    assert read_jsonl(result.stdout) == expected
    assert result.stderr == ""


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.csv", "out.csv.gz", "out.parquet"])
def test_a_file_gets_the_records(
    label: Any, article: Path, tmp_path: Path, expected: list[dict[str, Any]], name: str
) -> None:
    result = label(article, "-o", tmp_path / name)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert f"1 document, {len(expected)} sentences (" in result.stderr
    assert f"written to {tmp_path / name}" in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["article.txt", name])
    if name == "out.parquet":
        found = pyarrow.parquet.read_table(tmp_path / name).to_pylist()
        for name in ("input", "row", "document_id", "index", "kind", "start", "end", "text", "text_offset", "hedged"):
            assert [row[name] for row in found] == [record[name] for record in expected]
        return
    data = (tmp_path / name).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode("utf-8")
    if ".csv" in name:
        rows = list(csv.DictReader(text.splitlines()))
        assert [json.loads(row["mentions"]) for row in rows] == [record["mentions"] for record in expected]
        assert [row["text"] for row in rows] == [record["text"] for record in expected]
    else:
        assert [json.loads(line) for line in text.splitlines()] == expected


def test_dash_forces_records_on_standard_output(label: Any, read_jsonl: Read, article: Path) -> None:
    result = label(article, "-o", "-")
    assert {record["document_id"] for record in read_jsonl(result.stdout)} == {"article.txt"}


def test_quiet(label: Any, article: Path, tmp_path: Path) -> None:
    result = label(article, "-o", tmp_path / "out.jsonl", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert (tmp_path / "out.jsonl").exists()


# --- inputs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_standard_input(label: Any, read_jsonl: Read, arguments: tuple[str, ...]) -> None:
    result = label(*arguments, "--outlet", "The Daily", "--published", "2016-12-15", stdin="Rebels left the town.\n")
    (record,) = read_jsonl(result.stdout)
    assert record["text"] == "Rebels left the town."
    assert (record["document_id"], record["outlet"], record["published"]) == ("stdin", "The Daily", "2016-12-15")


def test_texts_of_the_command_line(label: Any, read_jsonl: Read) -> None:
    result = label("-t", "Rebels left. The army came.", "--text", "Rain in the city.", "--outlet", "The Daily")
    records = read_jsonl(result.stdout)
    assert [(r["document_id"], r["text"]) for r in records] == [
        ("text:1", "Rebels left."),
        ("text:1", "The army came."),
        ("text:2", "Rain in the city."),
    ]
    assert {r["outlet"] for r in records} == {"The Daily"}


def test_a_folder_with_its_index_and_a_glob(label: Any, read_jsonl: Read, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(f"Rebels left the city of {name}.", encoding="utf-8")
    (tmp_path / "index.csv").write_text(
        "file,id,outlet,published\na.txt,first,The Daily,2016-12-15\n", encoding="utf-8"
    )
    records = read_jsonl(label(tmp_path, "--outlet", "Other").stdout)
    assert [(r["document_id"], r["outlet"], r["published"]) for r in records] == [
        ("first", "The Daily", "2016-12-15"),
        ("b.txt", "Other", None),
    ]
    records = read_jsonl(label(tmp_path / "*.txt", "--index", tmp_path / "index.csv").stdout)
    assert [r["outlet"] for r in records] == ["The Daily", None]


def test_columns_and_format_by_option(label: Any, read_jsonl: Read, tmp_path: Path) -> None:
    path = tmp_path / "export.dat"
    path.write_text("nr;wer;wann;was\n7;The Daily;2016;Rebels left the town.\n", encoding="utf-8")
    columns = ("--text-column", "was", "--id-column", "nr", "--outlet-column", "wer", "--published-column", "wann")
    (record,) = read_jsonl(label(path, "--format", "csv", *columns).stdout)
    assert [record[name] for name in ("document_id", "outlet", "published", "text")] == [
        "7",
        "The Daily",
        "2016",
        "Rebels left the town.",
    ]


def test_sentences_are_not_cut(label: Any, read_jsonl: Read, tmp_path: Path, tiny_labeler: framing.Labeler) -> None:
    lines = ['He said "Rebels left. The army came.', "Heroes fled the city"]
    (tmp_path / "x.txt").write_text("\n\n".join(lines), encoding="utf-8")
    rows = [{"text": line, "id": f"r{i}", "title": "Rain", "outlet": "The Daily"} for i, line in enumerate(lines)]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    alone = [tiny_labeler(line).frames for line in lines]

    records = read_jsonl(label("--sentences", tmp_path / "x.txt").stdout)
    assert [r["text"] for r in records] == lines
    assert [r["document_id"] for r in records] == ["x.txt:1", "x.txt:3"]
    assert [r["frames"] for r in records] == alone

    records = read_jsonl(label("--sentences", tmp_path / "x.jsonl").stdout)
    assert [(r["document_id"], r["index"], r["start"], r["end"]) for r in records] == [
        (f"r{i}", 0, 0, len(line)) for i, line in enumerate(lines)
    ]
    assert [r["frames"] for r in records] == alone

    records = read_jsonl(label("--sentences", "-t", lines[0], "-t", lines[1]).stdout)
    assert [r["text"] for r in records] == lines


def test_sentences_are_no_pages(label: Any, tmp_path: Path) -> None:
    (tmp_path / "x.html").write_text("<html><body><p>Rebels left.</p></body></html>", encoding="utf-8")
    result = label("--sentences", tmp_path / "x.html")
    assert result.exit_code == 2
    assert "is a page of HTML" in result.stderr


def test_columns_are_carried_along(label: Any, read_jsonl: Read, tmp_path: Path) -> None:
    rows = [{"text": "Rebels left. The army came.", "n": 7, "text_id": "a", "kind": "news"}, {"text": "Rain."}]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    carry = ("--carry", "n", "--carry", "kind", "--carry", "lnk")
    result = label(tmp_path / "x.jsonl", "-o", tmp_path / "out.jsonl", *carry)
    assert result.exit_code == 0
    assert "Note: no row has the column 'lnk' to carry along" in result.stderr
    found = read_jsonl(tmp_path / "out.jsonl")
    assert [(r["n"], r["input_kind"], r["lnk"], r["row"]) for r in found] == [
        (7, "news", None, 1),
        (7, "news", None, 1),
        (None, None, None, 2),
    ]
    (tmp_path / "x.csv").write_text("text,link\nRain.,a\n", encoding="utf-8")
    result = label(tmp_path / "x.csv", "--carry", "lnk")
    assert result.exit_code == 2
    assert "x.csv has no column 'lnk' to carry along" in result.stderr
    assert "did you mean 'link'?" in result.stderr


@pytest.mark.parametrize("ending", PACK)
def test_whatever_batch_reads(label: Any, read_jsonl: Read, tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "in" / "outlet=The%20Daily"
    folder.mkdir(parents=True)
    table = pyarrow.table({"text": ["Rebels left.", "The army came."]})
    with pyarrow.ipc.new_stream(folder / "x.arrow", table.schema) as writer:
        writer.write_table(table)
    (folder / f"x.arrow{ending}").write_bytes(PACK[ending]((folder / "x.arrow").read_bytes()))
    if ending:
        (folder / "x.arrow").unlink()
    found = read_jsonl(label(tmp_path / "in").stdout)
    assert [(r["text"], r["outlet"]) for r in found] == [
        ("Rebels left.", "The Daily"),
        ("The army came.", "The Daily"),
    ]


def test_an_address(label: Any, read_jsonl: Read) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe("/label/x.txt", b"Rebels left.")
    try:
        assert [r["document_id"] for r in read_jsonl(label("memory://label/x.txt").stdout)] == ["x.txt"]
    finally:
        memory.rm("/label", recursive=True)


# --- the view ---------------------------------------------------------------------------------------------------------


def test_view(label: Any, article: Path, tiny_labeler: framing.Labeler) -> None:
    result = label(article, "--view", "--outlet", "The Daily")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("The Daily · article.txt ─")
    assert any(line.startswith("[boilerplate] Share this article") for line in lines)
    assert lines[-4].startswith("word‹frame›")
    # Every frame of the outlet's own sentences stands behind its word, and in the table.
    document = tiny_labeler.document(ARTICLE)
    assert document.counts()
    for name, count in document.counts().items():
        assert any(re.fullmatch(rf"{name}( +[·\d]+)+ +{count} *", line) for line in lines)


def test_view_and_output_exclude_each_other(label: Any, article: Path, tmp_path: Path) -> None:
    result = label(article, "--view", "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 2
    assert not (tmp_path / "out.jsonl").exists()


# --- the command itself -----------------------------------------------------------------------------------------------


def test_the_command_starts_without_heavy_libraries() -> None:
    heavy = {"torch", "transformers", "datasets", "onnxruntime", "pyarrow", "numpy", "pandas", "sklearn", "trafilatura"}
    code = "import sys, framing.cli.main; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {name.split(".")[0] for name in result.stdout.split()} & heavy


def test_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"framing {framing.__version__}\n")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["label", "--help"], ["evaluate", "--help"], ["codebook"], ["seeds"]]
)
def test_help(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    assert "Usage: " in result.output


@pytest.mark.parametrize("arguments", [["lable"], ["label", "--nonsense"], ["label", "--threads", "0", "-t", "x"]])
def test_usage_errors(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2
