"""What users hand in by mistake: a clear error or a rejected row, an exit code, and nothing half-written."""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from framing.codebook import template

pytestmark = pytest.mark.slow

Read = Callable[[str | Path], list[dict[str, Any]]]
Start = Callable[..., subprocess.Popen[bytes]]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def rejections(output: Path) -> list[str]:
    """Where and why rows were set aside, beside an output."""
    lines = output.with_name(f"{output.stem}.rejected.jsonl").read_text(encoding="utf-8").splitlines()
    return [f"{row['where'].rpartition('/')[2]}: {row['reason']}" for row in map(json.loads, lines)]


# --- files that cannot be used as a whole -----------------------------------------------------------------------------


def parquet_of(texts: list[str]) -> bytes:
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table({"text": texts}), sink)
    return sink.getvalue().to_pybytes()


UNUSABLE = {
    "empty.txt": (b"", "is empty"),
    "blank.txt": (b" \n\n\t", "is empty"),
    "empty.jsonl": (b"", "is empty"),
    "empty.csv": (b"", "is empty"),
    "header.csv": (b"id,text\n", "is empty"),
    "binary.txt": (bytes(range(256)) * 8, "binary data"),
    "image.txt": (b"\x89PNG\r\n\x1a\n" + bytes(100), "a PNG image"),
    "cut.txt.gz": (gzip.compress(os.urandom(9000).hex().encode())[:4000], "damaged or was cut off"),
    "cut.parquet": (parquet_of(["Rebels left the town."] * 500)[:-200], "is not a whole Parquet file"),
    "bad.json": (b'[{"text": "Rebels left', "is not JSON"),
    "wrong_column.csv": (b"id,words\n1,Rebels left.\n", "has no column that looks like the text"),
    "unknown.xyz": (b"Rebels left the town.", "tells no format"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_file_that_cannot_be_used(label: Any, tmp_path: Path, name: str) -> None:
    content, reason = UNUSABLE[name]
    (tmp_path / name).write_bytes(content)
    result = label(tmp_path / name, "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert name in result.stderr
    assert reason in result.stderr
    assert files(tmp_path) == [name]


def test_files_that_cannot_be_used_among_others(label: Any, read_jsonl: Read, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, (content, _) in UNUSABLE.items():
        (folder / name).write_bytes(content)
    (folder / "good.txt").write_text("Rebels left the town.", encoding="utf-8")
    result = label(folder, "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    assert [record["document_id"] for record in read_jsonl(tmp_path / "out.jsonl")] == ["good.txt"]
    assert (
        f"{len(UNUSABLE)} rows or files set aside, with reasons in {tmp_path / 'out.rejected.jsonl'}" in result.stderr
    )
    reasons = rejections(tmp_path / "out.jsonl")
    assert all(any(line.startswith(f"{name}: ") and UNUSABLE[name][1] in line for line in reasons) for name in UNUSABLE)


def test_nothing_usable_at_all(label: Any, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").touch()
    (folder / "b.txt").touch()
    result = label(folder, "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 2
    assert "nothing could be used; 2 rows or files set aside, the first: " in result.stderr
    assert files(tmp_path) == ["in", "out.rejected.jsonl"]
    assert len(rejections(tmp_path / "out.jsonl")) == 2


@pytest.mark.parametrize("name", ["none.txt", "*.html", "none/"])
def test_inputs_that_are_not_there(label: Any, tmp_path: Path, name: str) -> None:
    result = label(f"{tmp_path}/{name}")
    assert result.exit_code == 2
    assert "there is no file" in result.stderr


@pytest.mark.parametrize("arguments", [("-t", " "), ("--format", "docx", "-")])
def test_arguments_without_sense(label: Any, arguments: tuple[str, ...]) -> None:
    result = label(*arguments, stdin="x")
    assert result.exit_code == 2
    assert "Expected: " in result.stderr


def test_a_missing_column_that_was_named(label: Any, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("id,text\n1,Rebels left.\n", encoding="utf-8")
    result = label(tmp_path / "x.csv", "--outlet-column", "paper")
    assert result.exit_code == 2
    assert "has no column 'paper' for the outlet" in result.stderr
    assert "'id', 'text'" in result.stderr


# --- rows that cannot be used -----------------------------------------------------------------------------------------


def test_rows_of_csv(label: Any, read_jsonl: Read, tmp_path: Path) -> None:
    rows = [
        "id,text,outlet",
        "1,Rebels left.,A",
        "2,Rebels,left,B",
        "3",
        "4,,A",
        "1,The army came.,A",
        "5,Rain fell.,A",
    ]
    (tmp_path / "in.csv").write_text("\n".join(rows), encoding="utf-8")
    result = label(tmp_path / "in.csv", "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    assert [r["document_id"] for r in read_jsonl(tmp_path / "out.jsonl")] == ["1", "5"]
    assert rejections(tmp_path / "out.jsonl") == [
        "in.csv:3: the row has 4 cells; expected 3 as in the header",
        "in.csv:4: the row has 1 cells; expected 3 as in the header",
        "in.csv:5: column 'text' holds an empty text; expected a text with words in it",
        "in.csv:6: the id '1' was read before; expected a new one for each document",
    ]


def test_rows_of_jsonl(label: Any, read_jsonl: Read, tmp_path: Path) -> None:
    rows = ['{"text": "Rebels left."}', '{"text": 7}', '{"text": null}', '{"text": ["a"]}', "[1]", '{"text": "cut']
    (tmp_path / "in.jsonl").write_text("\n".join(rows), encoding="utf-8")
    result = label(tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    assert len(read_jsonl(tmp_path / "out.jsonl")) == 1
    reasons = rejections(tmp_path / "out.jsonl")
    assert [line.split(": ")[0] for line in reasons] == [f"in.jsonl:{number}" for number in range(2, 7)]
    assert "holds int 7" in reasons[0]
    assert "not JSON" in reasons[4]


def test_cells_of_parquet_that_are_no_text(label: Any, tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"text": [1.5, 2.5]}), tmp_path / "in.parquet")
    result = label(tmp_path / "in.parquet", "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 2
    assert "column 'text' holds float 1.5; expected a text" in result.stderr


def test_rejections_are_told_in_a_pipe_too(label: Any, read_jsonl: Read, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "Rebels left."}\n' + '{"text": 7}\n' * 9, encoding="utf-8")
    result = label(tmp_path / "in.jsonl")
    assert result.exit_code == 0
    assert len(read_jsonl(result.stdout)) == 1
    assert result.stderr.count("Set aside: ") == 5
    assert "9 rows or files set aside" in result.stderr


def test_strict_stops_at_the_first(label: Any, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "Rebels left."}\n{"text": 7}\n', encoding="utf-8")
    result = label(tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl", "--strict")
    assert result.exit_code == 2
    assert "in.jsonl:2: column 'text' holds int 7" in result.stderr
    assert files(tmp_path) == ["in.jsonl"]


# --- texts that are odd, and are labelled -----------------------------------------------------------------------------


def test_nothing_but_debris(label: Any, read_jsonl: Read, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("Share on Facebook\nTweet\nLeave a Reply\n", encoding="utf-8")
    result = label(tmp_path / "x.txt")
    assert result.exit_code == 0
    assert {record["kind"] for record in read_jsonl(result.stdout)} == {"boilerplate"}


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8-sig", "utf-16"])
def test_other_encodings(label: Any, read_jsonl: Read, tmp_path: Path, encoding: str) -> None:
    text = "The “rebels” left the café – he said."
    (tmp_path / "x.txt").write_bytes(text.encode(encoding))
    assert [r["text"] for r in read_jsonl(label(tmp_path / "x.txt").stdout)] == [text]


ODD = {
    "controls": "Rebels\x00 left\x07 the\x1b[31m town.",
    "right to left": "قال الجيش إن rebels انسحبوا من المدينة.",
    "bidirectional marks": "The \u202erebels\u202c left \u200fthe town.",
    "emoji": "Rebels 👩‍👩‍👧‍👦 left 🏳️‍🌈 the town 🙂.",
    "combining": "Rebels e\u0301\u0301\u0301 left the town.",
    "lone surrogate": "Rebels \ud83d left the town.",
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("output", ["out.jsonl", "out.csv", "out.parquet", None])
def test_odd_characters(label: Any, read_jsonl: Read, tmp_path: Path, name: str, output: str | None) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": ODD[name]}), encoding="utf-8")
    where = ("-o", tmp_path / output) if output else ("--view",)
    result = label(tmp_path / "in.jsonl", *where)
    assert result.exit_code == 0
    assert "\x1b[31m" not in result.output
    if output == "out.jsonl":
        for record in read_jsonl(tmp_path / output):
            assert len(record["text"]) == record["end"] - record["start"]
            for span in (*record["mentions"], *record["hedges"], *record["sources"]):
                assert record["text"][span["start"] : span["end"]] == span["text"]


def test_a_sentence_of_five_thousand_words(label: Any, read_jsonl: Read, tmp_path: Path) -> None:
    text = "the rebels " + "of the city and " * 1250 + "fled"
    (tmp_path / "x.txt").write_text(text, encoding="utf-8")
    (record,) = read_jsonl(label("--sentences", tmp_path / "x.txt").stdout)
    assert record["text"] == text


def test_a_line_of_a_megabyte(label: Any, read_jsonl: Read, tmp_path: Path) -> None:
    sentence = "The army said rebels fled the city in the rain of the town and the market. "
    (tmp_path / "x.txt").write_text(sentence * (1_000_000 // len(sentence)), encoding="utf-8")
    result = label(tmp_path / "x.txt", "-o", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    records = read_jsonl(tmp_path / "out.jsonl")
    assert sum(len(record["text"]) for record in records) > 0.95 * 1_000_000
    assert len(records) > 5_000


# --- checkpoints ------------------------------------------------------------------------------------------------------


def test_a_checkpoint_that_is_not_there(label: Any, tmp_path: Path) -> None:
    result = label("-t", "Rebels left.", model=tmp_path / "none")
    assert result.exit_code == 2
    assert "there is no checkpoint at" in result.stderr


def test_an_empty_checkpoint_folder(label: Any, tmp_path: Path) -> None:
    result = label("-t", "Rebels left.", model=tmp_path)
    assert result.exit_code == 2
    assert "lacks config.json, model.safetensors" in result.stderr


def test_weights_that_were_changed(label: Any, tiny_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "copy")
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    result = label("-t", "Rebels left.", model=folder)
    assert result.exit_code == 2
    assert f"{weights} is not what was saved: SHA-256 " in result.stderr


def test_a_checkpoint_of_another_codebook(label: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(template(), encoding="utf-8")
    result = label("-t", "Rebels left.", "--codebook", tmp_path / "mine.yaml")
    assert result.exit_code == 2
    assert "codebook" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_checkpoint_of_another_version_of_the_codebook(label: Any, tmp_path: Path, tiny_folder: Path) -> None:
    book = (tiny_folder / "codebook.yaml").read_text(encoding="utf-8").splitlines()
    newer = ["version: '9.9.9'" if line.startswith("version:") else line for line in book]
    assert newer != book
    (tmp_path / "newer.yaml").write_text("\n".join(newer), encoding="utf-8")
    result = label("-t", "Rebels left.", "--codebook", tmp_path / "newer.yaml")
    assert result.exit_code == 2
    assert "9.9.9" in result.stderr
    assert label("-t", "Rebels left.", "--codebook", "armed_conflict").exit_code == 0


# --- outputs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("output", ["none/out.jsonl", "in.txt/out.jsonl", "folder.jsonl", "out.docx", "out"])
def test_outputs_that_cannot_be_written(label: Any, tmp_path: Path, output: str) -> None:
    (tmp_path / "in.txt").write_text("Rebels left the town.", encoding="utf-8")
    (tmp_path / "folder.jsonl").mkdir()
    result = label(tmp_path / "in.txt", "-o", tmp_path / output)
    assert result.exit_code == 2
    assert output in result.stderr
    assert files(tmp_path) == ["folder.jsonl", "in.txt"]
    assert files(tmp_path / "folder.jsonl") == []


@pytest.mark.parametrize("inputs", ["in.jsonl", "*.jsonl", "."])
def test_an_output_among_the_inputs(label: Any, tmp_path: Path, inputs: str) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "Rebels left."}', encoding="utf-8")
    result = label(tmp_path / inputs, "-o", tmp_path / "in.jsonl")
    assert result.exit_code == 2
    assert "is among the inputs" in result.stderr
    assert (tmp_path / "in.jsonl").read_text(encoding="utf-8") == '{"text": "Rebels left."}'


ROWS = b"".join(b'{"text": "The army said rebels fled the city %d."}\n' % number for number in range(3000))


@pytest.mark.parametrize("output", ["out.jsonl", "out.csv.gz", "out.parquet"])
def test_a_disk_that_fills_up(start: Start, tmp_path: Path, output: str) -> None:
    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # Python ignores the signal and gets EFBIG

    (tmp_path / output).write_bytes(b"older")
    process = start("--format", "jsonl", "-o", tmp_path / output, "-", preexec_fn=small_disk)
    _, errors = process.communicate(ROWS, timeout=120)
    assert process.returncode == 2
    assert f"{output} cannot be written: File too large" in errors.decode()
    assert b"Traceback" not in errors
    assert (tmp_path / output).read_bytes() == b"older"
    assert files(tmp_path) == [output]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("option", [(), ("--view",)])
def test_a_full_disk_behind_standard_output(start: Start, option: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        process = start("-t", "Rebels left.", *option, stdout=full)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "standard output cannot be written: No space left on device" in errors.decode()
    assert b"Traceback" not in errors
    assert b"Exception ignored" not in errors


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet"])
def test_ctrl_c_in_the_middle(start: Start, tmp_path: Path, output: str) -> None:
    # A test run in the background passes on that Ctrl-C is ignored.
    listening = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    process = start("--format", "jsonl", "-o", tmp_path / output, "-", **listening)
    assert process.stdin is not None
    process.stdin.write(ROWS + b'{"text": 7}\n' + ROWS[: len(ROWS) // 2])  # and it waits for more
    process.stdin.flush()
    deadline = time.monotonic() + 120
    while not any(name.startswith(".out.rejected.jsonl.") for name in files(tmp_path)):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors.decode().strip() == "Interrupted."
    assert files(tmp_path) == []


@pytest.mark.parametrize("option", [("-o", "-"), ("--view",)])
def test_a_reader_that_goes_away(start: Start, tmp_path: Path, option: tuple[str, ...]) -> None:
    (tmp_path / "in.jsonl").write_bytes(ROWS)
    process = start(tmp_path / "in.jsonl", *option)
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=120) == 141
