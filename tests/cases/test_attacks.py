"""Hostile or unlucky use of the commands: nothing of the user's is lost, and nothing ends in a traceback."""

from __future__ import annotations

import errno
import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

import framing
from framing.batch.job import Job
from framing.batch.units import scan
from framing.cli.main import app
from framing.errors import FramingWarning, OutputError
from framing.files import WholeFile, write_whole
from framing.labeler import Labeler
from framing.model import encoding
from framing.reading.documents import DocumentSettings
from framing.reading.files import expand, input_with
from framing.reading.formats.base import Limits
from framing.records import RejectedWriter, read_labels
from framing.types import Rejected
from tests.batch.corpora import articles, write_jsonl

TEXT = "The army left the town."
LONG_NAME = "a" * 300
GOLD = "a:0\tX\ta\tbody\tThe [[rebels|rebels.author]] left.\nb:0\tY\tb\tbody\tIt rained.\n"

Command = Callable[..., Result]


@pytest.fixture
def command(tiny_folder: Path) -> Command:
    """Runs `framing`, with the tiny model for what labels; a traceback fails the test."""

    def run(name: str, *arguments: str | Path, model: bool = False) -> Result:
        words = [name, *(["--model", str(tiny_folder)] if model else []), *map(str, arguments)]
        result = CliRunner().invoke(app, words, prog_name="framing")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def run_job(command: Command) -> Callable[..., Job]:
    """Does a batch job, of so many rows in a unit."""

    def run(corpus: Path, folder: Path, rows: int = 50) -> Job:
        arguments = ("--engine", "onnx", "--threads", "1", "--unit-rows", str(rows))
        assert command("batch", corpus, folder, *arguments, model=True).exit_code == 0
        return Job.load(folder)

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_labeler: Labeler) -> Path:
    """A folder with documents, records, marked sentences, a page and a codebook in it."""
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "in.jsonl", articles(4))
    (tmp_path / "gold.tsv").write_text(GOLD, encoding="utf-8")
    (tmp_path / "page.html").write_text(f"<html><body><p>{TEXT}</p></body></html>", encoding="utf-8")
    write_whole("mine.yaml", tiny_labeler.codebook.to_yaml())
    for ending in ("jsonl", "csv"):
        with framing.open_writer(f"records.{ending}", codebook=tiny_labeler.codebook) as writer:
            for labels in tiny_labeler.documents(articles(4)):
                writer.write(labels)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "in.html").write_text(f"<html><body><p>{TEXT}</p></body></html>", encoding="utf-8")
    (tmp_path / "x.rejected.jsonl").write_text('{"text": "It rained.", "spans": []}\n', encoding="utf-8")
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- outputs that are inputs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "compare records.csv -o records.csv",
        "compare records.csv -o ./folder/../records.csv",
        "report folder -o folder/in.html",
        "report folder -o folder/new.html",
        "view page.html -o page.html",
        "evaluate gold.tsv --report gold.tsv",
        "agree gold.tsv gold.tsv --disagreements gold.tsv",
        "suggest records.jsonl -o records.jsonl",
        "sample in.jsonl -o in.jsonl",
        "convert x.rejected.jsonl x.jsonl --to doccano",
        "convert gold.tsv new.jsonl --to doccano --codebook mine.yaml --write-codebook mine.yaml",
        "marks join in.jsonl --marks gold.tsv -o in.jsonl",
    ],
)
def test_no_command_writes_over_what_it_reads(words: str, here: Path, command: Command) -> None:
    """Tables, pages and codebooks replaced the file that they were made of."""
    before = contents(here)
    result = command(*words.split())
    assert result.exit_code == 2
    assert "is among the inputs" in result.stderr
    assert contents(here) == before


@pytest.mark.parametrize(
    "words", ["sample in.jsonl -o gold.tsv", "suggest in.jsonl -o gold.tsv", "compare in.jsonl -o no/folder.csv"]
)
def test_an_output_is_refused_before_the_work(
    words: str, here: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written was told after everything was labelled, which may take hours."""

    def load(*arguments: Any, **named: Any) -> None:
        raise AssertionError("the work has begun")

    monkeypatch.setattr("framing.compare.labelling.load", load)
    monkeypatch.setattr("framing.suggest.load", load, raising=False)
    before = contents(here)
    assert command(*words.split()).exit_code == 2
    assert contents(here) == before


@pytest.mark.parametrize("output", ["hard.jsonl", "outer/in.jsonl"])
def test_other_names_of_an_input(output: str, here: Path, command: Command) -> None:
    """Only the file system knows that two names are one file: hard links, and on a Mac IN.JSONL."""
    (here / "hard.jsonl").hardlink_to(here / "in.jsonl")
    (here / "outer").symlink_to(".")
    before = contents(here)
    result = command("label", "in.jsonl", "-o", output, model=True)
    assert result.exit_code == 2
    assert contents(here) == before


def test_a_folder_by_another_name(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An output in FOLDER lies in the folder where upper and lower case are the same."""
    (here / "FOLDER").mkdir()
    real = Path.stat

    def stat(path: Path, **named: Any) -> os.stat_result:
        return real(Path(str(path).replace("FOLDER", "folder")), **named)

    assert input_with("FOLDER/new.jsonl", ["folder"]) is None
    monkeypatch.setattr(Path, "stat", stat)
    assert input_with("FOLDER/new.jsonl", ["folder"]) == "folder"
    assert input_with("other/new.jsonl", ["folder"]) is None


def test_the_shards_of_a_job_are_its_inputs_and_its_folder_is_not(run_job: Any, command: Command, here: Path) -> None:
    """A report may lie in the folder of the job that it is of."""
    run_job(here / "in.jsonl", here / "job")
    assert command("view", "job", "-o", "job/page.html").exit_code == 0
    assert command("view", "job", "-o", "job/shards/page.html").exit_code == 2


# --- outputs that are no files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pipe.jsonl", "device.jsonl"])
def test_what_is_no_file_is_not_replaced_by_one(name: str, tmp_path: Path) -> None:
    """`-o link`, of a link to /dev/null, put a file in the place of /dev/null; the reader of a pipe waited for ever."""
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "device.jsonl").symlink_to(tmp_path / "pipe.jsonl")  # not /dev/null: the test may run as root
    with pytest.raises(OutputError, match="it is a pipe or a device"):
        WholeFile(tmp_path / name)
    assert (tmp_path / "pipe.jsonl").is_fifo()


def test_names_as_long_as_a_file_system_takes(tmp_path: Path) -> None:
    """File systems count bytes: 60 emoji are 240, and the name of the temporary file had more than 255."""
    path = tmp_path / ("🔥" * 60 + ".jsonl")
    write_whole(path, TEXT)
    assert path.read_text(encoding="utf-8") == TEXT
    assert list(tmp_path.iterdir()) == [path]


# --- names that cannot be looked at -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    ["label {}", "batch {} job", "convert {} o.json --to doccano", "compare {}", "report {} -o o.html",
     "view {} -o o.html", "sample {} -o o.tsv", "suggest {} -o o.tsv", "evaluate {}", "agree {} {}",
     "batch --verify {}", "label in.jsonl -o {}.jsonl", "batch in.jsonl {}", "label in.jsonl --model {}",
     "label in.jsonl --codebook {}", "label in.jsonl --index {}", "codebook show {}", "convert gold.tsv {}.json",
     "compare records.csv -o {}.csv"],
)  # fmt: skip
def test_names_that_are_too_long(words: str, here: Path, command: Command) -> None:
    """As of a folder that may not be entered, the system's error passed through as a traceback."""
    before = contents(here)
    result = command(*words.format(LONG_NAME, LONG_NAME).split())
    assert result.exit_code == 2
    assert "rror" in result.stderr
    assert contents(here) == before


@pytest.mark.parametrize("name", ["folder", "folder/*", "folder/**"])
def test_a_link_that_cannot_be_followed_is_set_aside(name: str, here: Path) -> None:
    """A link to where nobody may look ended the reading of everything else."""
    (here / "folder" / "bad.jsonl").symlink_to(LONG_NAME)
    rejected: list[framing.Rejected] = []
    assert len(list(framing.read(name, on_reject=rejected.append))) == 1
    (found,) = rejected
    assert "bad.jsonl is a link to" in found.reason


# --- jobs that are not whole ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["done", "shards"])
def test_labels_of_a_job_that_is_not_finished(run_job: Any, command: Command, here: Path, missing: str) -> None:
    """Half of a corpus was compared as if it were all of it."""
    job = run_job(here / "in.jsonl", here / "job", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(read_labels(here / "job"))) == 4
    job.path(missing, 2, "json" if missing == "done" else "parquet").unlink()
    with pytest.warns(FramingWarning, match="is not finished: 3 of 4 units are done"):
        list(read_labels(here / "job"))
    result = command("compare", "job")
    assert result.stderr.count("is not finished: 3 of 4 units are done") == 1


def test_a_unit_without_labels(run_job: Any, here: Path) -> None:
    """A shard of which every row was set aside was an error of reading the labels of the job."""
    corpus = write_jsonl(here / "some.jsonl", [*articles(2), {"text": None}, {"text": 7}])
    run_job(corpus, here / "job", 2)
    assert [labels.document.id for labels in read_labels(here / "job")] == ["a0", "a1"]


def test_damaged_shards_are_not_taken_for_documents(run_job: Any, command: Command, here: Path) -> None:
    """Where the first shard was damaged, the other files of the job were labelled as texts, and compared."""
    job = run_job(here / "in.jsonl", here / "job", 2)
    job.path("shards", 0).write_bytes(b"PAR1 and no more")
    result = command("compare", "job")
    assert result.exit_code == 2
    assert "000000.parquet cannot be read as Parquet" in result.stderr


# --- sentences that are none ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_sentence_of_millions_of_words_is_read_in_part_and_told(tiny_labeler: Labeler) -> None:
    """A cell of 8 MB without a full stop took minutes."""
    words = encoding.LONGEST_SENTENCE
    text = "rebels " * (50 * words) + "army"
    with pytest.warns(FramingWarning, match=r"sentence 0 of document 'x' is read to character [\d,]+ of [\d,]+, and"):
        labels = tiny_labeler.document(text, id="x")
    (sentence,) = labels
    assert sentence.text == text
    assert max(mention.end for mention in sentence.mentions) <= 7 * words
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = tiny_labeler(text[: 7 * words - 1])
    assert [m.to_dict() for m in sentence.mentions] == [m.to_dict() for m in whole.mentions]


def test_tokens_of_long_sentences_among_others(tiny_labeler: Labeler, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sentence keeps its own tokens, and all of them up to the limit."""
    texts = ["the army fled .", "rebels " * 30, "", "  ", "the town in the city", "heroes " * 12 + "  ", *["rain"] * 6]
    whole = tiny_labeler.encoder.encode(texts)
    monkeypatch.setattr(encoding, "LONGEST_SENTENCE", 12)
    short = tiny_labeler.encoder.encode(texts)
    for one, other in zip(whole, short, strict=True):
        np.testing.assert_array_equal(other.ids, one.ids[:12])
        np.testing.assert_array_equal(other.offsets, one.offsets[:12])
        np.testing.assert_array_equal(other.quotation, one.quotation[:12])
    assert short.cut_short(texts) == {1: 7 * 12 - 1}
    assert whole.cut_short(texts) == {1: 7 * 30 - 1} or not whole.cut_short(texts)


def test_warnings_are_not_endless(command: Command, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A corpus may give cause for a warning with every row."""
    monkeypatch.setattr(encoding, "LONGEST_SENTENCE", 8)
    write_jsonl(here / "long.jsonl", [{"text": f"rebels {number} " * 9} for number in range(50)])
    result = command("label", "long.jsonl", "-o", "out.jsonl", model=True)
    assert result.exit_code == 0
    assert result.stderr.count("is read to character") == 20
    assert result.stderr.count("there are more warnings") == 1


# --- ends -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_leave_nothing_half_written(number: signal.Signals, tiny_folder: Path, tmp_path: Path) -> None:
    """As Ctrl-C; SIGTERM (of a cluster, of a container) left hidden files, and counted as a death over the unit."""
    words = ["label", "-", "-o", str(tmp_path / "out.parquet"), "--model", str(tiny_folder), "--engine", "onnx"]
    command = [sys.executable, "-m", "framing", *words]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not any(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert any(tmp_path.iterdir())
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_what_is_set_aside_gets_its_name_first(here: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill between the two left records that looked whole, without the rows that are not in them."""
    named: list[str] = []
    keep = WholeFile.keep

    def keeping(file: WholeFile) -> None:
        keep(file)
        named.append(file.path.name)

    monkeypatch.setattr(WholeFile, "keep", keeping)
    write_jsonl(here / "some.jsonl", [*articles(2), {"text": 7}])
    command("label", "some.jsonl", "-o", "out.jsonl", model=True)
    assert named == ["out.rejected.jsonl", "out.jsonl"]


# --- temporary files --------------------------------------------------------------------------------------------------


def test_no_folder_for_temporary_files(
    run_job: Any, here: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container without /tmp."""
    run_job(here / "in.jsonl", here / "job")

    def none(*arguments: Any, **named: Any) -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "TemporaryFile", none)
    result = command("batch", "--verify", "job")
    assert result.exit_code == 2
    assert "let TMPDIR name one" in result.stderr


def test_no_room_to_unpack_a_table_is_no_fault_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was told as a full standard output; a job would have set the whole file aside for ever."""

    class Full(tempfile.SpooledTemporaryFile[bytes]):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    pq.write_table(pa.table({"text": [TEXT]}), tmp_path / "a.parquet")
    (tmp_path / "a.parquet.gz").write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", Full)
    with pytest.raises(OutputError, match=r"cannot be unpacked to .*: No space left"):
        list(framing.read(tmp_path, on_reject=lambda _: None))
    (file,) = [file for file in expand([str(tmp_path)]) if file.label.endswith(".gz")]
    with pytest.raises(OutputError, match="cannot be unpacked"):
        scan(file, Limits(), DocumentSettings())


# --- damaged tables ---------------------------------------------------------------------------------------------------


def arrow_bytes(table: pa.Table, rows: int = 50) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, rows)
    return sink.getvalue().to_pybytes()


def offsets(table: pa.Table) -> bytes:
    """The first offsets of the first column, as they lie in the file."""
    return bytes(table["text"].chunk(0).buffers()[1])[:40]


@pytest.mark.slow
@pytest.mark.parametrize("place", [1, 5, 9])
def test_an_arrow_file_that_points_outside_of_its_memory(place: int, tmp_path: Path) -> None:
    """One flipped bit ended the process with a segmentation fault, or showed memory of something else."""
    table = pa.table({"text": [f"{TEXT} {row}" for row in range(10, 60)] * 3})
    data = arrow_bytes(table)
    known = offsets(table)
    assert data.count(known) == 3
    begin = data.index(known) + 4 * place
    (tmp_path / "a.arrow").write_bytes(data[:begin] + b"\xff\xff\xff\x6f" + data[begin + 4 :])
    code = f"""
import framing, json
rejected = []
texts = [document.text for document in framing.read([{str(tmp_path / "a.arrow")!r}], on_reject=rejected.append)]
print(json.dumps([texts, [row.reason for row in rejected]]))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-300:]
    texts, reasons = json.loads(result.stdout)
    assert texts == table["text"].to_pylist()[50:]  # the other two batches
    assert len(reasons) == 50
    assert "is damaged" in reasons[0]


def test_an_arrow_file_with_a_length_beyond_memory(tmp_path: Path) -> None:
    """It ended in a MemoryError."""
    data = arrow_bytes(pa.table({"text": [TEXT] * 3}))
    body = data.index(TEXT.encode() * 3)
    # The length of the body stands in the metadata of its message, somewhere before it.
    for begin in range(8, body, 8):
        (tmp_path / "a.arrow").write_bytes(data[:begin] + b"\xff\xff\xff\xff\xff\xff\xff\x3f" + data[begin + 8 :])
        with suppress(framing.FramingError):
            list(framing.read(tmp_path / "a.arrow", on_reject=lambda _: None))


@pytest.mark.parametrize("zone", ["Nowhere/City", "UTC+3", "local", "+25:99"])
def test_zones_that_python_does_not_know(zone: str, tmp_path: Path) -> None:
    """The date of every row became nothing."""
    published = pa.array([1_500_000_000, None], pa.timestamp("s", zone))
    pq.write_table(pa.table({"text": [TEXT] * 2, "published": published}), tmp_path / "a.parquet")
    documents = list(framing.read(tmp_path / "a.parquet"))
    assert str(documents[0].published).startswith("2017-07-14 02:40:00")
    assert documents[1].published is None


# --- a user's file where rows that are set aside would go ------------------------------------------------------------


@pytest.mark.parametrize("content", ['{"id": "1", "text": "Rebels left."}\n', "notes of mine\n", "\n", "[1]\n"])
def test_a_foreign_file_named_like_ours_stays(tmp_path: Path, content: str) -> None:
    mine = tmp_path / "out.rejected.jsonl"
    mine.write_text(content, encoding="utf-8")
    with pytest.raises(OutputError, match="an earlier run has set aside"), RejectedWriter(tmp_path / "out.jsonl"):
        pass
    assert mine.read_text(encoding="utf-8") == content


def test_a_file_of_an_earlier_run_is_replaced_or_removed(tmp_path: Path) -> None:
    path = tmp_path / "out.rejected.jsonl"
    for reasons in (["empty"], ["long", "odd"], []):
        with RejectedWriter(tmp_path / "out.jsonl") as rejected:
            for reason in reasons:
                rejected(Rejected("a.csv:1", reason))
        assert path.exists() == bool(reasons)
        if reasons:
            assert [json.loads(line)["reason"] for line in path.read_text(encoding="utf-8").splitlines()] == reasons
