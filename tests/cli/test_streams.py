"""Standard input, output and error that are closed, full, left by their reader, or in an encoding of few characters."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import framing

pytestmark = pytest.mark.slow

#: An environment in which Python has no UTF-8.
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
TEXT = "The army “left” the café – said 天 🙂 مدينة."

Shell = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def shell(tiny_folder: Path, tmp_path: Path) -> Shell:
    """Runs a line of bash in a folder with `in.jsonl`, in which `$F` is framing and `$M` names the tiny model."""
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": TEXT}) + "\n", encoding="utf-8")

    def run(line: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
        words = {
            "F": f"{sys.executable} -m framing",
            "M": f"--model {tiny_folder} --engine onnx --threads 1",
            "B": b"b\xff",
        }
        known = {**os.environ, **words, **(environment or {})}
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line], cwd=tmp_path, env=known, capture_output=True, timeout=300
        )
        for word in (b"Traceback", b"Exception ignored", b"Fatal Python error"):
            assert word not in done.stderr
        return done

    return run


# --- streams that are closed ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["label $M -", "label $M", "label $M --format csv - -o x.jsonl"])
def test_a_closed_standard_input(shell: Shell, command: str) -> None:
    done = shell(f"$F {command} <&-")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"Error: standard input cannot be read" in done.stderr


@pytest.mark.parametrize(
    "command", ["label $M in.jsonl", "label $M in.jsonl --view", "codebook show", "codebook show --json"]
)
def test_a_closed_standard_output(shell: Shell, command: str) -> None:
    done = shell(f"$F {command} >&-")
    assert done.returncode == 2
    assert b"Error: standard output cannot be written" in done.stderr


def test_streams_that_are_not_needed(shell: Shell, tmp_path: Path) -> None:
    """Also: no file gets the number of a closed stream, which libraries write to."""
    assert shell("$F label $M in.jsonl -o a.jsonl").returncode == 0
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"):
        assert shell(f"$F label $M in.jsonl -o b.jsonl {closed}").returncode == 0
        assert (tmp_path / "b.jsonl").read_bytes() == (tmp_path / "a.jsonl").read_bytes()
        (tmp_path / "b.jsonl").unlink()
    assert shell("$F label $M none.jsonl -o b.jsonl <&- >&- 2>&-").returncode == 2


def test_a_batch_job_without_streams(shell: Shell) -> None:
    assert shell("$F batch $M in.jsonl job --device cpu,cpu <&- >&- 2>&-").returncode == 0
    assert b"1 rows = 1 labelled" in shell("$F batch --verify job").stderr


# --- readers that go away ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", ["--help", "--version", "label --help", "codebook show", "codebook show --json", "seeds check s.tsv"]
)
def test_a_reader_that_is_gone(shell: Shell, tmp_path: Path, command: str) -> None:
    (tmp_path / "s.tsv").write_text("g1\t[[F:rebels:author|Rebels]] left.\tbody\n", encoding="utf-8")
    # It is gone before anything is printed: the fifo has been opened and closed by then.
    line = f"mkfifo p; exec 3<>p; exec 4>p; exec 3<&-; $F {command} >&4"
    done = shell(line)
    assert (done.returncode, done.stderr) == (141, b"")


def test_messages_that_nobody_reads_end_no_work(shell: Shell, tmp_path: Path) -> None:
    done = shell("mkfifo p; exec 3<>p; exec 4>p; exec 3<&-; $F label $M in.jsonl -o a.jsonl 2>&4")
    assert done.returncode == 0
    assert (tmp_path / "a.jsonl").stat().st_size > 100


@pytest.mark.parametrize("command", ["--help", "--version", "codebook show", "codebook show --json"])
def test_a_full_disk(shell: Shell, command: str) -> None:
    done = shell(f"$F {command} >/dev/full")
    assert done.returncode == 2
    assert b"Error: standard output cannot be written: No space left on device" in done.stderr


# --- encodings --------------------------------------------------------------------------------------------------------


def without_marks(shown: str) -> str:
    """What the view shows without the labels behind the words."""
    return re.sub("[<‹][^<>‹›]*[>›]", "", shown)


@pytest.mark.parametrize(
    "environment", [{"PYTHONIOENCODING": "latin-1"}, {"PYTHONIOENCODING": "ascii:strict"}, ASCII, {"LC_ALL": "C"}]
)
def test_the_view_in_an_encoding_of_few_characters(shell: Shell, environment: Mapping[str, str]) -> None:
    done = shell("$F label $M in.jsonl --view", environment)
    assert done.returncode == 0
    if environment == {"LC_ALL": "C"}:  # there Python chooses UTF-8 by itself
        assert "“left”" in without_marks(done.stdout.decode("utf-8"))
    else:
        shown = done.stdout.decode("latin-1")
        assert '"left"' in without_marks(shown)
        assert "\\u5929" in shown and "\\U0001f642" in shown
        assert ("café" in shown) == ("latin-1" in environment.values())


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "latin-1"}, ASCII])
def test_json_stays_json(shell: Shell, tmp_path: Path, environment: Mapping[str, str]) -> None:
    book = {"title": "“T” 🙂 \ud800", "labels": {"rebels": {"definition": "die – 天"}}}
    (tmp_path / "b.yaml").write_text(json.dumps(book), encoding="utf-8")
    for line in ("$F codebook show --json armed_conflict", "$F codebook show b.yaml --json"):
        plain, poor = (shell(line, environment_) for environment_ in (None, environment))
        if plain.returncode == 0:
            assert json.loads(poor.stdout) == json.loads(plain.stdout.decode("utf-8"))
        assert poor.returncode == plain.returncode
    records = [shell("$F label $M in.jsonl", known).stdout for known in (None, environment)]
    assert records[0] == records[1]  # records are UTF-8 everywhere


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "latin-1"}, ASCII])
def test_help_and_messages(shell: Shell, environment: Mapping[str, str]) -> None:
    assert shell("$F label --help", environment).returncode == 0
    done = shell("$F label $M 'nöne“.jsonl'", environment)
    assert done.returncode == 2
    assert done.stderr.startswith(b"Error: there is no file")


# --- names that are no UTF-8 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("$F label $M $B.jsonl -o $B.out.jsonl && $F label $M --index $B.csv $B.d -o $B.out.parquet --outlet $B", 0),
        ("$F label $M $B.jsonl --view && $F label $M $B.d --published $B -o $B.csv.gz && $F label $M -t $B --view", 0),
        ("$F batch $M --index $B.csv $B.jsonl $B.d $B.job --outlet $B && $F batch --verify $B.job", 0),
        ("$F codebook new $B.yaml && $F codebook validate $B.yaml && $F codebook show $B.yaml", 0),
        *((f"$F label $M $B.jsonl -o x.jsonl {flag} $B", 2) for flag in ("--text-column", "--codebook", "--format",
          "--engine", "--threads", "--index")),
        ("$F label $M $B.jsonl -o x.jsonl --carry $B", 0),
        ("$F label $M $B.jsonl -o $B", 2),
        ("$F label $M $B.none", 2),
        ("$F label --$B", 2),
        ("$F $B", 2),
        ("$F codebook show $B", 2),
        ("$F codebook show --label $B", 2),
        ("$F seeds check $B.none", 2),
        ("$F evaluate $M $B.none", 2),
        ("$F evaluate --model $B $B.jsonl", 2),
        ("$F benchmark $M --texts $B", 2),
        ("$F batch --verify $B.none", 2),
        ("$F batch $M $B.jsonl job --shard-of $B", 2),
        ("$F.cli.train $B.yaml", 2),
        ("$F.cli.train --train $B --output_dir out --base_model $B.model", 2),
        ("$F.cli.train --$B 3", 2),
    ],
)  # fmt: skip
def test_names_that_are_no_utf_8(shell: Shell, line: str, code: int) -> None:
    """In arguments and flags of every command, in folders, in an index, as outputs."""
    made = "cp in.jsonl $B.jsonl; mkdir $B.d; cp in.jsonl $B.d/; echo file,outlet >$B.csv; echo $B.jsonl,A >>$B.csv"
    done = shell(f"{made}; {line}")
    assert done.returncode == code, done.stderr
    if code:
        # Of a mistake in how a command is called, typer shows the name, as the terminal's encoding can.
        assert rb"b\xff" in done.stderr or rb"b\udcff" in done.stderr or b"Usage: framing" in done.stderr


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_an_index_names_such_files(tmp_path: Path, encoding: str) -> None:
    """In an index that is UTF-8 but for those names, and in one of another encoding."""
    for name in (b"b\xff.txt", b"\xe9t\xe9.txt", "ü.txt".encode()):
        (tmp_path / os.fsdecode(name)).write_text("The army left the town.", encoding="utf-8")
    rows = [
        b"file,outlet",
        b"b\xff.txt," + "Café".encode(encoding),
        b"\xe9t\xe9.txt,B",
        b"%s,C" % "ü.txt".encode(encoding),
    ]
    (tmp_path / "index.csv").write_bytes(b"\n".join(rows) + b"\n")
    rejected: list[framing.Rejected] = []
    found = {d.id: d.outlet for d in framing.read(tmp_path, on_reject=rejected.append)}
    assert found[r"b\xff.txt"]  # how its accent is read is a guess in a file this short
    assert found[r"\xe9t\xe9.txt"] == "B"
    assert found["ü.txt"] == "C"  # a name in cp1252 is read, too, where the file's is in UTF-8
    assert rejected == []
