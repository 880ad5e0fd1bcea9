"""``python -m benchmarks.batch_kills``: a batch job is killed 50 times with ``kill -9`` and resumed each time.

Its files must be, byte for byte, those of the same job without interruption, and must verify.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import ROOT, options
from benchmarks.memory.run import write_corpus
from benchmarks.record import RESULTS_FOLDER, Record, Table, checkpoint_facts, command_line
from benchmarks.seeds import sha256_of_seeds
from framing.batch.job import Job
from framing.batch.verify import verify
from framing.cli._errors import reporting_errors
from framing.errors import FramingError
from framing.model.checkpoint import locate

PACKAGES = ("numpy", "onnxruntime", "tokenizers", "pyarrow", "sentencex", "fsspec")
_SEED = 50


@dataclass(frozen=True, slots=True)
class KillsRun:
    """The killed job, and how it differs from the uninterrupted one.

    Attributes:
        kills: processes that were killed; ``early`` of them while they loaded the model, locked or planned.
        units, rows, sentences: of the job.
        differing: files that are not byte for byte those of the uninterrupted job.
        problems: what verifying found.
    """

    kills: int
    early: int
    units: int
    rows: int
    sentences: int
    differing: tuple[str, ...]
    problems: tuple[str, ...]


def run(checkpoint: Path, folder: Path, kills: int, size: int) -> KillsRun:
    """Do a job once without and once with interruptions.

    Args:
        checkpoint: folder of the model.
        folder: an empty one to work in.
        kills: processes to kill, if the job lasts so long.
        size: bytes of the corpus.

    Raises:
        FramingError: a process failed by itself.
    """
    corpus, whole, killed = folder / "corpus.jsonl", folder / "whole", folder / "killed"
    write_corpus(corpus, size)
    process = _start(checkpoint, corpus, whole)
    seconds = _seconds_of(process)
    chance = random.Random(_SEED)
    done = early = 0
    while not _is_done(killed):
        process = _start(checkpoint, corpus, killed)
        if done == kills:
            _seconds_of(process)
            continue
        if chance.random() < 0.2:
            time.sleep(chance.uniform(0, 2))
            early += 1
        else:
            _wait_for_start(process)
            time.sleep(chance.uniform(0, 2 * seconds / (kills + 10)))
        process.kill()
        process.communicate()
        done += 1
    found = verify(Job.load(killed))
    one, other = _hashes(whole), _hashes(killed)
    differing = tuple(sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name)))
    return KillsRun(done, early, found.units, found.rows, found.sentences, differing, tuple(found.problems))


def _start(checkpoint: Path, corpus: Path, output: Path) -> subprocess.Popen[str]:
    settings = ["--unit-rows", "2", "--mentions", "--dedup", "exact", "--progress", "json", "--engine", "onnx"]
    command = [sys.executable, "-m", "framing", "batch", str(corpus), str(output), "--model", str(checkpoint)]
    return subprocess.Popen([*command, *settings], cwd=ROOT, stderr=subprocess.PIPE, text=True)


def _wait_for_start(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if '"event": "start"' in line:
            return


def _seconds_of(process: subprocess.Popen[str]) -> float:
    """Wait for the end of a job and read from its summary how long it took."""
    _, messages = process.communicate()
    if process.returncode:
        raise FramingError(f"the job failed: {messages.strip()}")
    return float(json.loads(messages.splitlines()[-1])["seconds"])


def _is_done(folder: Path) -> bool:
    if not (folder / "plan.json").exists():
        return False
    job = Job.load(folder)
    return all(job.done(unit) for unit in job.plan.units)


def _hashes(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("lock")]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@reporting_errors()
def main(
    checkpoint: options.CheckpointName = "shipped",
    kills: Annotated[int, typer.Option(help="Processes to kill.", min=1)] = 50,
    kilobytes: Annotated[int, typer.Option(help="Size of the corpus.", min=10)] = 600,
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Kill a job again and again, compare it with one that was not, and write the record."""
    folder = locate(checkpoint)
    with tempfile.TemporaryDirectory(prefix="framing-kills-") as temporary:
        found = run(folder, Path(temporary), kills, kilobytes * 1000)
    inputs: dict[str, dict[str, Any]] = {
        "checkpoint": checkpoint_facts(folder),
        "corpus": {"kilobytes": kilobytes, "seeds_sha256": sha256_of_seeds(), "seed": _SEED},
    }
    title = "A batch job killed at random moments"
    record = Record(
        "batch-kills", title, command_line("benchmarks.batch_kills"), inputs, asdict(found), (_table(found),), PACKAGES
    )
    typer.echo(found)
    record.save_and_tell(out)
    if found.differing or found.problems:
        raise FramingError(f"the killed job differs: {found.differing[:3]} {found.problems[:3]}")


def _table(found: KillsRun) -> Table:
    row = (
        found.kills,
        found.early,
        found.units,
        found.rows,
        found.sentences,
        len(found.differing),
        len(found.problems),
    )
    return Table(
        "kill -9, gone on with, compared with the uninterrupted job",
        ("kills", "of them while loading or planning", "units", "rows", "sentences", "differing files", "problems"),
        (tuple(f"{number:,}" for number in row),),
        "Each process was killed at a random moment; the job was started again until it was done. Its files were "
        "compared byte for byte with those of the same job in one go, and read back by --verify.",
    )


if __name__ == "__main__":
    typer.run(main)
