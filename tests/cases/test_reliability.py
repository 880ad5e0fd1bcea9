"""Rows 2 to 5, 9, 11, 12, 14 of the reliability cases: inputs over which nothing hangs, ends or is overwritten."""

from __future__ import annotations

import csv
import glob
import gzip
import io
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner, Result

import framing
from framing.cli._terminal import Console
from framing.cli.main import app
from framing.reading.encodings import visible
from framing.reading.files import expand, input_with
from framing.reading.streams import LARGEST_DOCUMENT

FOLDER = Path(__file__).parents[1] / "fixtures" / "cases" / "reliability"
TEXT = "The army left the town."
HOSTILE = "T\x1b]0;OWNED\x07\x1b[2J\x9b2J\u202eevil\u2066"

Command = Callable[..., Result]


@pytest.fixture
def command(tiny_folder: Path) -> Command:
    """Runs `framing`, with the tiny model for what labels."""

    def run(name: str, *arguments: str | Path, model: bool = True) -> Result:
        words = [name, *(["--model", str(tiny_folder), "--engine", "onnx"] if model else []), *map(str, arguments)]
        result = CliRunner().invoke(app, words, prog_name="framing")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception  # a traceback is what no user may see
        return result

    return run


def read(*names: str | Path, **options: Any) -> tuple[list[framing.Document], list[framing.Rejected]]:
    rejected: list[framing.Rejected] = []
    documents = list(framing.read(list(names), on_reject=rejected.append, **options))
    for found in rejected:
        json.dumps(found.to_dict(), ensure_ascii=False).encode()
    return documents, rejected


def rows(path: Path, *texts: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts or (TEXT,)), encoding="utf-8")
    return path


# --- row 2 ------------------------------------------------------------------------------------------------------------

_WORDPRESS = "<!-- wp:paragraph -->\n<p>It rained.</p>\n<!-- /wp:paragraph -->\n\n"


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["<!-- a -->", _WORDPRESS, "<!--", "<p ", "< ", "<?xml ", "<!-- a --> x"])
def test_row_2_html_is_recognised_in_linear_time(piece: str) -> None:
    """Row 2: comments before a page, closed or not, and other beginnings of tags."""
    code = f"""
from framing.reading.html import looks_like_html
looks_like_html({piece!r} * {400_000 // len(piece)} + {TEXT!r})
"""
    # In quadratic time this many would take minutes.
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


def test_row_2_texts_between_comments_are_read(tmp_path: Path) -> None:
    """Row 2: what WordPress exports, between plain rows."""
    documents, rejected = read(rows(tmp_path / "a.jsonl", TEXT, _WORDPRESS * 45, "<!-- a -->" * 40 + TEXT))
    assert not rejected
    assert [document.text.split("\n")[0] for document in documents] == [TEXT, "It rained.", TEXT]


# --- row 3 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("a[1].jsonl", "a[1].jsonl"),
        ("a[1].jsonl", "b/../a[1].jsonl"),
        ("a?.jsonl", "a?.jsonl"),
        ("c[1]", "c[1]/out.jsonl"),
        ("c[1]", "c[1]/new.csv"),
        ("x.rejected.jsonl", "x.jsonl"),
        ("x.rejected.jsonl", "x.csv.gz"),
        ("*.rejected.jsonl", "x.parquet"),
        ("**/in.jsonl", "c[1]/in.jsonl"),
        ("b/../*.jsonl", "new.jsonl"),
        ("*.jsonl", "new.csv"),  # for new.rejected.jsonl
        ("**", "b/new.jsonl"),
        ("**/*.csv", "b/new.csv"),
        ("b/**/new.*", "b/new.csv.gz"),
        ("[!x]*.jsonl", "c[1]/../new.jsonl"),
    ],
)
def test_row_3_an_input_is_never_the_output(
    command: Command, source: str, output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 3: names with the characters of patterns, folders, and the file of what is set aside."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b").mkdir()
    for name in ("a[1].jsonl", "a?.jsonl", "c[1]/in.jsonl", "x.rejected.jsonl"):
        rows(tmp_path / name)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = command("label", source, "-o", output)
    assert result.exit_code == 2
    assert "is among the inputs" in result.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("*.jsonl", "a.jsonl"), ("*.jsonl", ".a.jsonl"), ("*.jsonl", "b/a.jsonl"), ("?/*.jsonl", "b/a.jsonl"),
     ("**/*.jsonl", "a.jsonl"), ("**/*.jsonl", "b/c/a.jsonl"), ("**/*.jsonl", "b/.c/a.jsonl"), ("b/**", "b/c/a.jsonl"),
     ("b/**/c/*", "b/c/a.jsonl"), ("b/**/c/*", "b/a.jsonl"), ("[ab].jsonl", "a.jsonl"), ("[!a].jsonl", "a.jsonl"),
     (".*", ".a.jsonl"), ("**/.c/*", "b/.c/a.jsonl"), ("../*/b/*", "b/a.jsonl"), ("*.csv", "a.jsonl")],
)  # fmt: skip
def test_row_3_patterns_match_what_is_not_there_as_what_is(
    pattern: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 3, variants: an output that does not exist yet is told from a pattern as glob tells one that does."""
    (tmp_path / "b" / "c").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    before = input_with(path, [pattern])
    rows(tmp_path / path)
    found = {os.path.realpath(match) for match in glob.glob(pattern, recursive=True)}  # noqa: PTH207 - the reference
    assert (before == pattern) == (str(tmp_path / path) in found)


@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        (["in/**/*.jsonl"], "in/job"),
        (["in/**"], "in/job"),
        (["**/*.json"], "job"),
        (["in/*.jsonl", "--index", "job/meta.csv"], "job"),
        (["job/a.jsonl"], "job"),
        (["job"], "job"),
        (["in"], "in/job"),
    ],
)
def test_row_3_the_folder_of_a_job(
    command: Command, inputs: list[str], output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 3, variants: the folder of a job, or what it would hold, is among the inputs; or an input lies in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.jsonl", "job/a.jsonl"):
        rows(tmp_path / name)
    (tmp_path / "job" / "meta.csv").write_text("file,outlet\n", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    result = command("batch", *inputs, output)
    assert result.exit_code == 2
    assert "is among the inputs" in result.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("output", ["meta.csv", "link.csv"])
def test_row_3_nor_is_the_index(command: Command, output: str, tmp_path: Path) -> None:
    """Row 3: the table that describes the files, also by another name."""
    rows(tmp_path / "texts" / "a.jsonl")
    (tmp_path / "meta.csv").write_text("file,outlet\ntexts/a.jsonl,SANA\n", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to(tmp_path / "meta.csv")
    result = command("label", tmp_path / "texts", "--index", tmp_path / "meta.csv", "-o", tmp_path / output)
    assert result.exit_code == 2
    assert "meta.csv" in result.stderr
    assert (tmp_path / "meta.csv").read_text(encoding="utf-8").startswith("file,outlet")


def test_row_3_addresses_of_local_files(tmp_path: Path) -> None:
    """Row 3, variants: the same file by its address; a name that only a pattern would match is another file."""
    path = rows(tmp_path / "a1.jsonl")
    assert input_with(path, [f"file://{path}"])
    assert input_with(tmp_path / "a[1].jsonl", [str(path)]) is None


# --- row 4 ------------------------------------------------------------------------------------------------------------


def test_row_4_pages_that_no_browser_would_have_made(command: Command, tmp_path: Path) -> None:
    """Row 4: an AssertionError of lxml is the row's reason; the summary adds up."""
    documents, rejected = read(FOLDER / "svg.jsonl", FOLDER / "svg.html", rows(tmp_path / "a.jsonl", "<b><svg><svg>"))
    assert len(documents) == 2
    assert [found.row for found in rejected if "svg.jsonl" in found.where] == [2]
    assert any("svg.html" in found.where for found in rejected)
    result = command("label", FOLDER / "svg.jsonl", "-o", tmp_path / "out.jsonl")
    assert "1 row or file set aside" in result.stderr
    assert "(of 3 read, 2 labelled)" in result.stderr


@pytest.mark.parametrize("kind", ["us", "ns", "date"])
def test_row_4_times_that_python_cannot_hold(kind: str, tmp_path: Path) -> None:
    """Row 4: a year or a date behind 9999, a nanosecond; used as the date or not used."""
    values = {
        "us": pa.array([None, 10**18, 0], pa.timestamp("us")),
        "ns": pa.array([None, 1, 10**18], pa.timestamp("ns")),
        "date": pa.array([None, 10**7, 0], pa.date32()),
    }[kind]
    pq.write_table(pa.table({"text": [TEXT] * 3, "published": values, "other": values}), tmp_path / "a.parquet")
    documents, rejected = read(tmp_path / "a.parquet")
    assert not rejected
    assert documents[0].published is None
    known = {"us": None, "ns": "1970-01-01T00:00:00.000000001", "date": "29349-01-26"}
    assert documents[1].published == known[kind]
    assert documents[2].published
    assert len(documents[1].metadata) == 1


def test_row_4_the_year_33658() -> None:
    """Row 4: as it was found."""
    documents, rejected = read(FOLDER / "year33658.parquet")
    assert ([document.published for document in documents], rejected) == ([None] * 3, [])


def test_row_4_line_ends_of_old_macs(command: Command, tmp_path: Path) -> None:
    """Row 4: CSV with carriage returns alone is read, in a batch job too."""
    assert [document.text for document in read(FOLDER / "cr_only.csv")[0]] == ["The army left.", "It left."]
    result = command("batch", FOLDER / "cr_only.csv", FOLDER / "svg.jsonl", FOLDER / "deep985.jsonl", tmp_path / "job")
    assert "5 rows labelled" in result.stderr
    assert "2 rows set aside" in result.stderr


@pytest.mark.parametrize("depth", [150, 250, 950, 984, 985, 986, 987, 988, 989, 1000, 100_000])
@pytest.mark.parametrize("brackets", ["[]", '{"a":}'])
def test_row_4_nesting(depth: int, brackets: str, tmp_path: Path) -> None:
    """Row 4: rows nested deeper than anyone means them are set aside, and no others."""
    begin, end = brackets[:-1], brackets[-1]
    deep = f'{{"text": "{TEXT}", "a": {begin * depth}{"1" if ":" in begin else ""}{end * depth}}}'
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"text": "{TEXT}"}}\n{deep}\n{{"text": "{TEXT}"}}\n', encoding="utf-8")
    documents, rejected = read(path)
    assert len(documents) == (3 if depth == 150 else 2)
    assert [found.row for found in rejected] == ([] if depth == 150 else [2])
    assert read(FOLDER / "deep985.jsonl")[1][0].row == 2


@pytest.mark.parametrize("name", ["{}", "{}/*", "{}/**", "{}/**/*.jsonl"])
def test_row_4_what_is_no_file(name: str, tmp_path: Path) -> None:
    """Row 4: dead links, links in a circle and pipes in a folder are told and not opened."""
    rows(tmp_path / "a.jsonl")
    (tmp_path / "dead.jsonl").symlink_to("nowhere")
    (tmp_path / "round.jsonl").symlink_to("round.jsonl")
    os.mkfifo(tmp_path / "pipe.jsonl")
    documents, rejected = read(name.format(tmp_path))
    assert len(documents) == 1
    reasons = {Path(found.where).name: found.reason for found in rejected}
    assert set(reasons) == {"dead.jsonl", "pipe.jsonl", "round.jsonl"}
    assert "a link to nowhere" in reasons["dead.jsonl"]
    assert "a pipe" in reasons["pipe.jsonl"]


def test_row_4_a_dead_link_that_is_named(tmp_path: Path) -> None:
    """Row 4, variant: the message says where it leads."""
    (tmp_path / "b.jsonl").symlink_to("nowhere")
    with pytest.raises(framing.FramingError, match="a link to nowhere"):
        read(tmp_path / "b.jsonl")


@pytest.mark.slow
@pytest.mark.parametrize("output", ["out.jsonl", "out.csv", "out.parquet"])
def test_row_4_names_that_are_no_utf_8(command: Command, output: str, tmp_path: Path) -> None:
    """Row 4: their bytes are shown escaped, in all output and for what is set aside."""
    folder = os.fsencode(tmp_path) + b"/bad"
    os.mkdir(folder)  # noqa: PTH102 - a name in bytes
    for name in (b"a\xff.jsonl", b"a\xfe.jsonl"):
        with open(folder + b"/" + name, "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(f'{{"text": "{TEXT}"}}\n5\n')
    with open(folder + b"/\xff.unknown", "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(TEXT)
    assert command("label", tmp_path / "bad", "-o", tmp_path / output).exit_code == 0
    labels = list(framing.read_labels(tmp_path / output))
    assert [found.document.id for found in labels] == [r"a\xfe.jsonl:1", r"a\xff.jsonl:1"]
    told = (tmp_path / "out.rejected.jsonl").read_text(encoding="utf-8")
    assert [Path(json.loads(line)["where"]).name for line in told.splitlines()] == [
        r"a\xfe.jsonl:2",
        r"a\xff.jsonl:2",
        r"\xff.unknown",
    ]
    assert command("batch", tmp_path / "bad", tmp_path / f"{output}.job").exit_code == 0


def test_row_4_names_with_colons(tmp_path: Path) -> None:
    """Row 4: fsspec's sign for chains is part of a name where nothing is chained."""
    for name in ("a::b.jsonl", "::c.jsonl", "zip::d.jsonl"):
        rows(tmp_path / "in" / name)
    for inputs in (tmp_path / "in", f"file://{tmp_path}/in", f"{tmp_path}/in/*", f"file://{tmp_path}/in/*.jsonl"):
        documents, rejected = read(inputs)
        assert (len(documents), rejected) == (3, [])
    assert len(read(tmp_path / "in" / "a::b.jsonl")[0]) == 1
    assert len(read(f"file://{tmp_path}/in/a::b.jsonl")[0]) == 1
    plain = rows(tmp_path / "plain.jsonl")
    assert len(read(f"simplecache::file://{plain}")[0]) == 1


# --- row 5 ------------------------------------------------------------------------------------------------------------


def test_row_5_one_bad_cell() -> None:
    """Row 5: a cell that is no UTF-8 takes its row with it, and no other."""
    documents, rejected = read(FOLDER / "one_bad_cell.parquet")
    assert len(documents) == 200
    assert [found.row for found in rejected] == [101]
    assert "UTF-8" in rejected[0].reason


@pytest.mark.parametrize("place", [0, 255, 256, 599])
@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_row_5_variants(place: int, ending: str, tmp_path: Path) -> None:
    """Row 5, variants: Arrow; at the ends of what is read at a time; in a column that is not used."""
    bad = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe"))
    cells = pa.concat_arrays(
        [pa.array([TEXT] * place, pa.string()), bad, pa.array([TEXT] * (599 - place), pa.string())]
    )
    table = pa.table({"text": cells, "id": [str(row) for row in range(600)]})
    path = tmp_path / f"a.{ending}"
    if ending == "parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table)
    documents, rejected = read(path)
    assert [document.id for document in documents] == [str(row) for row in range(600) if row != place]
    assert [found.row for found in rejected] == [place + 1]
    unused = framing.reading.Columns(text="id")
    assert len(read(path, columns=unused, carry=[])[0]) == 600


# --- row 9 ------------------------------------------------------------------------------------------------------------


def obeyed(text: str) -> set[str]:
    """The characters in what was printed that a terminal would obey."""
    return {char for char in text if visible(char) != char}


@pytest.mark.parametrize("options", [[], ["--label", "rebels"], ["--json"]])
def test_row_9_codebooks(command: Command, options: list[str]) -> None:
    """Row 9: a title that would rename the window and clear it."""
    result = command("codebook", "show", FOLDER / "escape.yaml", *options, model=False)
    assert result.exit_code == 0
    assert not obeyed(result.stdout)
    assert options or r"T\u001b]0;OWNED" in result.stdout


def test_row_9_codebook_tables(command: Command, tmp_path: Path) -> None:
    """Row 9, variants: definitions, cues and names of kinds, also checked and in messages."""
    book = {"title": HOSTILE, "labels": {"rebels": {"definition": HOSTILE, "typical": [HOSTILE]}}}
    path = tmp_path / f"b{HOSTILE.replace('/', '')}.yaml"
    path.write_text(json.dumps(book), encoding="utf-8")
    for words in (["show", path], ["show", path, "--label", "rebels"], ["validate", path], ["validate", f"{path}x"]):
        result = command("codebook", *words, model=False)
        assert not obeyed(result.stdout + result.stderr)
        assert r"\u202e" in result.stdout + result.stderr


def test_row_9_file_names_and_texts(command: Command, tmp_path: Path) -> None:
    """Row 9: in errors, in the view, and where rows that are set aside are printed."""
    path = tmp_path / f"a{HOSTILE}.jsonl"
    path.write_text(
        json.dumps({"text": "The army \u202e left. \u2066It rained.", "id": "a\u202eb", "outlet": "S\u2067"})
        + f'\n5\n{{"text": 5, "id": "{chr(0x202E)}"}}\n',
        encoding="utf-8",
    )
    viewed = command("label", path, "--view")
    assert viewed.exit_code == 0
    assert not obeyed(viewed.stdout + viewed.stderr)
    assert r"army \u202e" in viewed.stdout
    assert r"a\u202eb" in viewed.stdout
    assert r"\u001b[2J" in viewed.stderr
    for name in (f"{path}.gone", tmp_path / "a\x1b[2J.unknown"):
        missing = command("label", name)
        assert missing.exit_code == 2
        assert not obeyed(missing.stderr)


def test_row_9_styles_stay() -> None:
    """Row 9, variant: what is escaped keeps its colours and its place in a table; nothing is cut off."""
    file = io.StringIO()
    console = Console(file=file, width=40, force_terminal=True, color_system="standard")
    table = Table("head")
    table.add_row(Text.assemble(("before ", "red"), ("a\x1bb\u202e", "bold green"), " after"))
    console.print(table)
    shown = file.getvalue()
    assert "\x1b[1;32ma\\u001bb\\u202e" in shown.replace("\x1b[0m\x1b[1;32m", "")
    assert "after" in shown
    assert visible("Ä\t\n😀 \udcff") == "Ä\t\n😀 \\xff"


# --- row 11 -----------------------------------------------------------------------------------------------------------


def test_row_11_texts_beside_rows(command: Command, tmp_path: Path) -> None:
    """Row 11: both are read; what has no known format is told, in a batch job too."""
    rows(tmp_path / "in" / "a.jsonl")
    (tmp_path / "in" / "b.txt").write_text(TEXT, encoding="utf-8")
    (tmp_path / "in" / "c.docx").write_text(TEXT, encoding="utf-8")
    documents, rejected = read(tmp_path / "in")
    assert [document.id for document in documents] == ["a.jsonl:1", "b.txt"]
    assert ["c.docx" in found.reason for found in rejected] == [True]
    result = command("batch", tmp_path / "in", tmp_path / "job")
    assert "2 rows labelled" in result.stderr
    assert "1 rows set aside" in result.stderr


@pytest.mark.parametrize("pattern", ["**/*.jsonl", "**", "in/**/a.jsonl", "**/in/**/*.jsonl", "*/**"])
def test_row_11_links_in_circles(pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 11: each file once, by its shortest name; two links do not make it slow."""
    rows(tmp_path / "in" / "deep" / "a.jsonl")
    for link, target in (("in/up", ".."), ("in/here", "."), ("in/deep/up", "../..")):
        (tmp_path / link).symlink_to(target)
    monkeypatch.chdir(tmp_path)
    for name in (pattern, f"{tmp_path}/{pattern}"):
        (file,) = expand([name])
        assert file.label.endswith("deep/a.jsonl")
        assert "up" not in file.label


# --- row 12 -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def one_letter() -> bytes:
    """100 MB of one letter, packed."""
    return gzip.compress(b"a" * 100_000_000, 1)


@pytest.mark.parametrize("name", ["a.txt.gz", "a.html.gz", "a.md.gz"])
def test_row_12_what_unpacks_to_too_much(name: str, one_letter: bytes, tmp_path: Path) -> None:
    """Row 12: 100 MB of one letter are set aside, and hardly more than the limit is held."""
    (tmp_path / name).write_bytes(one_letter)
    rows(tmp_path / "b.jsonl")
    tracemalloc.start()
    try:
        documents, rejected = read(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 4 * LARGEST_DOCUMENT
    finally:
        tracemalloc.stop()
    assert len(documents) == 1
    assert "unpacks to more than 16 MiB" in rejected[0].reason


@pytest.mark.slow
def test_row_12_rows(tmp_path: Path) -> None:
    """Row 12, variant: a row of as much."""
    documents, rejected = read(rows(tmp_path / "a.jsonl", "a" * (LARGEST_DOCUMENT + 1), TEXT))
    assert [document.text for document in documents] == [TEXT]
    assert "at most" in rejected[0].reason


# --- row 14 -----------------------------------------------------------------------------------------------------------

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "'=1"]


def test_row_14_formulas(command: Command, tmp_path: Path) -> None:
    """Row 14: cells stay as they are, or get a mark before them where that is asked for."""
    source = tmp_path / "in.jsonl"
    lines = [json.dumps({"text": TEXT, "id": cell, "=note": f"\t{cell}"}) for cell in FORMULAS]
    source.write_text("\n".join(lines), encoding="utf-8")
    for flags, mark in (([], ""), (["--escape-formulas"], "'")):
        output = tmp_path / f"out{len(flags)}.csv"
        assert command("label", source, "--carry", "=note", "-o", output, *flags).exit_code == 0
        with output.open(encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
        assert [row["document_id"] for row in found] == [*(mark + cell for cell in FORMULAS[:4]), FORMULAS[4]]
        assert [row[f"{mark}=note"] for row in found] == [f"{mark}\t{cell}" for cell in FORMULAS]
        assert {row["text"] for row in found} == {TEXT}


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet", "-"])
def test_row_14_formulas_elsewhere(command: Command, output: str, tmp_path: Path) -> None:
    """Row 14, variant: the flag is refused where it would mean nothing."""
    place = output if output == "-" else tmp_path / output
    result = command("label", "--text", TEXT, "-o", place, "--escape-formulas")
    assert result.exit_code == 2
    assert "--escape-formulas is for CSV" in result.stderr


# --- exports of news archives -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_switch_for_archives(command: Command, tmp_path: Path) -> None:
    """An export is a document for each article, or one text, for `read`, `label` and `batch` alike."""
    article = "{} of 2 DOCUMENTS\n\nThe Paper\n\nMay 14, 2019 Tuesday\n\nHEADLINE: Rain {}\n\nLENGTH: 9 words\n\n{}\n\n"
    path = tmp_path / "export.txt"
    path.write_text("".join(article.format(n, n, TEXT) for n in (1, 2)), encoding="utf-8")
    assert (len(read(path)[0]), len(read(path, archives=False)[0])) == (2, 1)
    for flags, number in (([], 2), (["--no-archives"], 1)):
        output = tmp_path / f"{number}.jsonl"
        command("label", path, "-o", output, *flags)
        assert len(list(framing.read_labels(output))) == number
        result = command("batch", path, tmp_path / f"job{number}", *flags)
        assert f"{number} rows labelled" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("task", [[], ["--shard-of", "0/1"], ["--shard-of", "0/2"]])
def test_a_job_of_which_nothing_can_be_used(task: list[str], command: Command, tmp_path: Path) -> None:
    """The exit code and the message are those of `framing label`; an array task may be given only such rows."""
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": 7}\n{"text": ""}\n', encoding="utf-8")
    labelled = command("label", path, "-o", tmp_path / "out.jsonl")
    for _ in range(2):  # begun, and started again when all of it is done
        batched = command("batch", path, tmp_path / "job", *task)
        assert batched.exit_code == (0 if task == ["--shard-of", "0/2"] else labelled.exit_code)
    if batched.exit_code:
        (message,) = [line for line in batched.stderr.splitlines() if "nothing could be used" in line]
        (expected,) = [line for line in labelled.stderr.splitlines() if "nothing could be used" in line]
        assert (
            message.partition("the first: ")[2].rpartition("in.jsonl:")[2]
            == (expected.partition("the first: ")[2].rpartition("in.jsonl:")[2])
        )
    assert command("batch", "--verify", tmp_path / "job", model=False).exit_code == 0


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet", "out.csv"])
def test_carried_values_that_json_has_no_number_for(output: str, command: Command, tmp_path: Path) -> None:
    """NaN and infinity inside of lists and objects become null, so that every reader of JSON takes the line."""
    path = tmp_path / "in.jsonl"
    path.write_text(f'{{"text": "{TEXT}", "x": [NaN, {{"a": -Infinity, "b": [1.5, Infinity]}}, "NaN"]}}\n')
    assert command("label", path, "-o", tmp_path / output, "--carry", "x").exit_code == 0
    if output == "out.jsonl":
        found = json.loads((tmp_path / output).read_text(encoding="utf-8"), parse_constant=pytest.fail)["x"]
    elif output == "out.parquet":
        found = json.loads(pq.read_table(tmp_path / output)["x"][0].as_py(), parse_constant=pytest.fail)
    else:
        with (tmp_path / output).open(newline="") as stream:
            found = json.loads(next(csv.DictReader(stream))["x"], parse_constant=pytest.fail)
    assert found == [None, {"a": None, "b": [1.5, None]}, "NaN"]
