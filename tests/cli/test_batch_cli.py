"""`framing batch`: the command as its users meet it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from typer.testing import CliRunner, Result

from framing.cli.main import app
from tests.batch.corpora import articles, contents, write_jsonl

pytestmark = pytest.mark.slow

Batch = Callable[..., Result]


@pytest.fixture
def batch(tiny_folder: Path) -> Batch:
    """Runs `framing batch` in this process; `batch("x.jsonl", "out", "--unit-rows", 2)`."""

    def run(*arguments: Any) -> Result:
        words = ["batch", "--model", str(tiny_folder), "--engine", "onnx", *map(str, arguments)]
        result = CliRunner().invoke(app, words, prog_name="framing")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception  # a traceback is what no user may see
        return result

    return run


@pytest.fixture
def start(tiny_folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `framing batch` as a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: Any) -> subprocess.Popen[str]:
        model = ["--model", tiny_folder, "--engine", "onnx", "--threads", "1", "--progress", "json"]
        command = [sys.executable, "-m", "framing", "batch", *model, *arguments]
        started.append(subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """The first line of progress that tells of an event."""
    assert process.stderr is not None
    for line in process.stderr:
        found: dict[str, Any] = json.loads(line)
        if found["event"] == event:
            return found
    raise AssertionError(f"the process ended without {event}")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    rows = [{"id": f"r{n}", "text": f"Rebels left town {n}. The army came.", "n": n} for n in range(12)]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"text": 5}]), encoding="utf-8")
    return path


def table(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(folder / "shards").to_pylist()
    return rows


def test_a_job(batch: Batch, corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = batch(corpus, out, "--unit-rows", 5, "--carry", "n", "--mentions", "--price-per-hour", 2)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "12 rows labelled, 24 sentences; " in result.stderr
    assert f"1 rows set aside, with reasons in {out / 'rejected'}" in result.stderr
    assert "for a million sentences at 2 an hour" in result.stderr
    assert sorted(path.name for path in (out / "shards").iterdir()) == [f"00000{n}.parquet" for n in range(3)]
    assert [(row["document_id"], row["index"], row["n"]) for row in table(out)] == [
        (f"r{n}", index, str(n)) for n in range(12) for index in (0, 1)
    ]
    (lost,) = pyarrow.parquet.read_table(out / "rejected").to_pylist()
    assert (lost["input"], lost["row"]) == ("in.jsonl", 13)
    result = batch("--verify", out)
    assert result.exit_code == 0
    assert "is whole: 3 units, 13 rows = 12 labelled + 1 rejected, 24 sentences" in result.stderr


def test_started_again(batch: Batch, corpus: Path, tmp_path: Path) -> None:
    batch(corpus, tmp_path / "out", "--unit-rows", 5)
    (tmp_path / "out" / "done" / "000001.json").unlink()
    result = batch(corpus, tmp_path / "out", "--unit-rows", 5)
    assert result.exit_code == 0
    assert "(8 rows were done before)" in result.stderr
    result = batch(corpus, tmp_path / "out", "--unit-rows", 6)
    assert result.exit_code == 2
    assert "settings.limits.rows was 5 and is now 6" in result.stderr


def test_columns_by_flags(batch: Batch, tmp_path: Path) -> None:
    path = tmp_path / "export.dat"
    path.write_text("nr;wer;wann;was;wort\n7;The Daily;2016;Rebels left.;\n8;;;Rain.;x\n", encoding="utf-8")
    columns = ("--text-column", "was", "--id-column", "nr", "--outlet-column", "wer", "--published-column", "wann")
    result = batch(path, tmp_path / "out", "--format", "csv", *columns, "--outlet", "Other", "--sentences")
    assert result.exit_code == 0, result.stderr
    assert [(row["document_id"], row["outlet"], row["published"], row["text"]) for row in table(tmp_path / "out")] == [
        ("7", "The Daily", "2016", "Rebels left."),
        ("8", "Other", None, "Rain."),
    ]


def test_a_folder_of_texts_with_its_index(batch: Batch, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number:02}.txt").write_text(f"Rebels left town {number}. The army came.", encoding="utf-8")
    (folder / "photo.png").write_bytes(b"\x89PNG")
    (tmp_path / "about.csv").write_text("file,outlet,desk\nin/07.txt,The Daily,home\n", encoding="utf-8")
    out = tmp_path / "out"
    arguments = (folder, out, "--index", tmp_path / "about.csv", "--carry", "desk", "--unit-rows", 8)
    result = batch(*arguments)
    assert result.exit_code == 0, result.stderr
    assert len(list((out / "shards").iterdir())) == 3
    assert {row["document_id"]: (row["outlet"], row["desk"]) for row in table(out)} == {
        f"{number:02}.txt": ("The Daily", "home") if number == 7 else (None, None) for number in range(20)
    }
    (lost,) = pyarrow.parquet.read_table(out / "rejected").to_pylist()
    assert (lost["input"], lost["row"]) == ("photo.png", None)
    assert batch("--verify", out).exit_code == 0
    assert batch(*arguments).exit_code == 0
    (tmp_path / "about.csv").write_text("file,outlet,desk\nin/07.txt,Other,home\n", encoding="utf-8")
    result = batch(*arguments)
    assert result.exit_code == 2
    assert "index.07.txt.outlet was 'The Daily' and is now 'Other'" in result.stderr


def test_array_tasks(batch: Batch, corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert batch(corpus, out, "--unit-rows", 3, "--shard-of", "1/2").exit_code == 0
    result = batch("--verify", out)
    assert result.exit_code == 2
    assert "unit 0 is not done" in result.stderr
    assert batch(corpus, out, "--unit-rows", 3, "--shard-of", "0/2").exit_code == 0
    assert batch("--verify", out).exit_code == 0
    assert len(table(out)) == 24


def test_a_fresh_job_needs_a_new_folder(batch: Batch, corpus: Path, tmp_path: Path) -> None:
    assert batch(corpus, tmp_path / "out", "--fresh").exit_code == 0
    result = batch(corpus, tmp_path / "out", "--fresh")
    assert result.exit_code == 2
    assert "is not empty" in result.stderr


def test_ray_is_an_extra(batch: Batch, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "framing.batch.ray", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)  # importing it fails
    result = batch(corpus, tmp_path / "out", "--ray", "auto")
    assert result.exit_code == 2
    assert "pip install 'framing[ray]'" in result.stderr


def test_two_processes(batch: Batch, corpus: Path, tmp_path: Path) -> None:
    result = batch(corpus, tmp_path / "out", "--unit-rows", 5, "--device", "cpu,cpu", "--threads", 1)
    assert result.exit_code == 0
    assert "12 rows labelled, 24 sentences" in result.stderr
    assert batch("--verify", tmp_path / "out").exit_code == 0


def test_progress_for_schedulers(batch: Batch, corpus: Path, tmp_path: Path) -> None:
    result = batch(corpus, tmp_path / "out", "--unit-rows", 5, "--progress", "json", "--price-per-hour", 2)
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["start", "progress", "progress", "progress", "summary"]
    assert [line["rows"] for line in lines] == [0, 5, 10, 13, 13]
    assert {(line["rows_total"], line["units_total"]) for line in lines} == {(13, 3)}
    assert lines[-1]["cost_per_million_sentences"] > 0


def test_a_bar_on_a_terminal(batch: Batch, corpus: Path, tmp_path: Path) -> None:
    result = batch(corpus, tmp_path / "out", "--progress", "bar")
    assert result.exit_code == 0
    assert "written to" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("in.jsonl",), "only "),
        (("missing.jsonl", "out"), "there is no file"),
        (("-", "out"), "is a stream, which can be read only once"),
        (("*.jsonl", "in.jsonl"), "is among the inputs"),
        (("in.jsonl", "s3://bucket/out"), "is an address"),
        ((".", "out"), "is among the inputs"),
        (("in.jsonl", "out", "--shard-of", "2/2"), "--shard-of is '2/2'"),
        (("in.jsonl", "out", "--progress", "loud"), "--progress is 'loud'"),
        (("in.jsonl", "out", "--dedup", "fuzzy"), "dedup is 'fuzzy'"),
        (("in.jsonl", "out", "--carry", "n", "--carry", "n"), "carried twice"),
        (("in.csv", "out", "--carry", "n"), "no file has the column 'n'"),
        (("in.csv", "out", "--text-column", "body"), "no column 'body' for the text"),
        (("in.jsonl", "taken", "--fresh"), "is not empty"),
        (("--verify", "taken"), "there is no job in"),
        (("--verify", "in.jsonl", "out"), "--verify was given 2 paths"),
        (("in.jsonl", "out", "--device", "cuda:99"), "device"),
    ],
)
def test_mistakes(
    batch: Batch,
    corpus: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.docx").touch()
    (tmp_path / "in.csv").write_text("id,text\n1,Rain\n", encoding="utf-8")
    result = batch(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert words in result.stderr
    assert not (tmp_path / "out" / "plan.json").exists()


# --- processes --------------------------------------------------------------------------------------------------------


@pytest.fixture
def long_corpus(tmp_path: Path) -> Path:
    rows = [{"id": f"r{n}", "text": f"Rebels left town {n}. The army came. Rain."} for n in range(1200)]
    path = tmp_path / "long.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_stopped_and_gone_on_with(
    start: Callable[..., subprocess.Popen[str]], batch: Batch, long_corpus: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    out = tmp_path / "out"
    arguments = (long_corpus, out, "--unit-rows", 40)
    # What the second job imports is loaded before the first one starts, or the first could end meanwhile.
    assert batch(write_jsonl(tmp_path / "few.jsonl", articles(1)), tmp_path / "few").exit_code == 0
    process = start(*arguments)
    wait_for(process, "progress")
    result = batch(*arguments)  # a second job, while the first is at work
    assert result.exit_code == 2
    assert f"another job works in {out}: process {process.pid} on" in result.stderr
    process.send_signal(sent)
    assert process.wait(timeout=60) == (130 if sent is signal.SIGINT else -signal.SIGKILL)
    done = len(list((out / "done").glob("*.json")))
    assert 1 <= done < 30
    if sent is signal.SIGINT:
        assert [path.name for path in out.rglob("*.partial")] == []
    assert batch(*arguments).exit_code == 0
    assert batch("--verify", out).exit_code == 0
    assert [row["document_id"] for row in table(out)] == [f"r{n}" for n in range(1200) for _ in range(3)]


def test_several_processes_on_one_device(batch: Batch, tmp_path: Path) -> None:
    corpus = write_jsonl(tmp_path / "in.jsonl", articles(30))
    assert batch(corpus, tmp_path / "one", "--unit-rows", 3).exit_code == 0
    result = batch(corpus, tmp_path / "two", "--unit-rows", 3, "--processes", 2, "--device", "cpu", "--threads", 1)
    assert result.exit_code == 0, result.output
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_ray_has_actors_and_no_processes(batch: Batch, tmp_path: Path) -> None:
    corpus = write_jsonl(tmp_path / "in.jsonl", articles(2))
    result = batch(corpus, tmp_path / "out", "--ray", "local", "--processes", 2)
    assert result.exit_code == 2
    assert "--ray-actors" in result.stderr


@pytest.mark.parametrize("device", ["cpu", "cpu,cpu"])
def test_a_warning_is_told_once_of_all_units(batch: Batch, tmp_path: Path, device: str) -> None:
    """A guess that does not fit is a message of the job, not of each unit that is read."""
    row = json.dumps({"text": "The army left.", "outlet": {"rank": 1}})
    (tmp_path / "a.jsonl").write_text(f"{row}\n" * 6, encoding="utf-8")
    result = batch(tmp_path / "a.jsonl", tmp_path / "job", "--unit-rows", 2, "--device", device)
    assert result.exit_code == 0
    (line,) = [line for line in result.stderr.splitlines() if "it looked like the outlet" in line]
    assert line.startswith("Warning: a.jsonl: ")
