"""``python -m benchmarks.batch_corpus --articles FILE``: a million sentences as one job that is killed and resumed.

Real articles are repeated until they have as many sentences as asked for; copies are not recognised, so every sentence
is labelled. The job is killed with ``kill -9`` at random moments and started again, in turn with the local runner and
on Ray, until it is done. Then it is verified; every repetition of an article is compared with the first; and some
units that were done on Ray are done again in this process and compared byte for byte.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import pyarrow.parquet
import typer

import framing
from benchmarks import ROOT, options
from benchmarks.record import RESULTS_FOLDER, Record, Table, checkpoint_facts, command_line, sha256_of
from framing.batch.job import WHOLE, Job, create_folder, locked, open_job
from framing.batch.local import run
from framing.batch.plan import Model
from framing.batch.progress import Tally
from framing.batch.verify import Verification, verify
from framing.cli._errors import reporting_errors
from framing.errors import FramingError
from framing.model.checkpoint import locate
from framing.speed import peak_memory
from framing.text.sentences import split
from framing.types import Document

PACKAGES = ("numpy", "onnxruntime", "tokenizers", "pyarrow", "sentencex", "fsspec", "ray")
_SEED = 7
#: Articles of a unit: about ten seconds of work on two cores.
_UNIT_ROWS = 200
#: How many of the units that Ray did are done again in this process.
_AGAIN = 5


@dataclass(frozen=True, slots=True)
class Stretch:
    """A process of the job, from its start to its end.

    Attributes:
        runner: ``"local"`` or ``"ray"``.
        killed: whether it was; else it came to the job's end.
        units: that it finished.
        sentences: in them.
        seconds: between its first word and its last, loading and planning left out.
        peak: resident memory of the process at most, in bytes; ``None`` on Ray, where actors do the work.
    """

    runner: str
    killed: bool
    units: tuple[int, ...]
    sentences: int
    seconds: float
    peak: int | None


@dataclass(frozen=True, slots=True)
class Repetitions:
    """How the repetitions of each article differ from its first one.

    Attributes:
        articles: different ones.
        sentences: compared.
        differing: sentences with another frame, mention, voice, hedge, source, kind or place.
        largest_difference: of a probability.
    """

    articles: int
    sentences: int
    differing: int
    largest_difference: float


def write_articles(articles: Sequence[Document], path: Path, sentences: int) -> int:
    """Write articles again and again as JSONL, with an id for each copy, until they have so many sentences.

    Returns:
        How many rows were written: whole rounds through the articles.
    """
    per_round = sum(len(split(article.text)) for article in articles)
    rounds = max(2, -(-sentences // per_round))
    with path.open("w", encoding="utf-8") as stream:
        for number in range(rounds):
            for position, article in enumerate(articles):
                row = {"id": f"{number}-{position}-{article.id}", "outlet": article.outlet, "text": article.text}
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    return rounds * len(articles)


def stretches(command: Sequence[str], units: int, kills: int) -> Iterator[Stretch]:
    """Run the job to its end, killed so many times on the way, in turn with the local runner and on Ray.

    Args:
        command: of the job, without the runner.
        units: of the job, about.
        kills: as many at most; fewer if the job ends before.

    Raises:
        FramingError: a process failed by itself.
    """
    chance = random.Random(_SEED)
    moments = sorted(chance.uniform(0, 1) for _ in range(kills))
    done = 0
    for number in range(kills + 1):
        runner = ("local", "ray")[number % 2]
        until = moments[number] * units if number < kills else None
        stretch = run_stretch([*command, *(["--ray", "local"] if runner == "ray" else [])], runner, done, until, chance)
        done += len(stretch.units)
        yield stretch
        if not stretch.killed:
            return


def run_stretch(command: Sequence[str], runner: str, done: int, until: float | None, chance: random.Random) -> Stretch:
    """Run a process of the job to its end, or kill it.

    Args:
        command: of the process.
        runner: ``"local"`` or ``"ray"``.
        done: units that processes before it finished.
        until: units, together with these, after which it is killed; ``None``: never.
        chance: says when.

    Raises:
        FramingError: it failed by itself.
    """
    units: list[int] = []
    sentences, peak, killed, last = 0, 0, False, ""
    started: float | None = None
    ended = time.perf_counter()
    # A session of its own, so that the processes that Ray starts die with it.
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            last = line
            with suppress(ValueError):
                said = json.loads(line)
                if said["event"] == "start":
                    started, before = time.perf_counter(), said["sentences"]
                elif said["event"] == "progress":
                    units.append(said["unit"])
                    sentences, ended = said["sentences"] - before, time.perf_counter()
                    peak = max(peak, peak_memory(process.pid) or 0)
            if until is not None and units and done + len(units) >= until and not killed:
                time.sleep(chance.uniform(0, 5))  # somewhere in the units after this one
                os.killpg(process.pid, signal.SIGKILL)
                killed = True
    if process.returncode and not killed:
        raise FramingError(f"the job failed: {last.strip()}")
    seconds = ended - started if started is not None else 0.0
    return Stretch(runner, killed, tuple(units), sentences, seconds, peak if runner == "local" else None)


def compare_repetitions(job: Job, articles: int) -> Repetitions:
    """Compare every repetition of an article with the first one, sentence by sentence."""
    firsts: dict[tuple[int, int], tuple[Any, list[float]]] = {}
    sentences = differing = 0
    largest = 0.0
    for unit in job.plan.units:
        for row in pyarrow.parquet.read_table(job.path("shards", unit.number)).to_pylist():
            place = ((row["row"] - 1) % articles, row["index"])
            said, probabilities = _labels_of(row), list(row["probabilities"].values())
            first_said, first_probabilities = firsts.setdefault(place, (said, probabilities))
            sentences += 1
            differing += said != first_said
            largest = max(largest, *(abs(a - b) for a, b in zip(probabilities, first_probabilities, strict=True)))
    return Repetitions(articles, sentences, differing, round(largest, 7))


def _labels_of(row: dict[str, Any]) -> Any:
    """A sentence's labels without the probabilities, whose last digits depend on the batch."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: bare(entry) for key, entry in value.items() if "probability" not in key}
        return [bare(entry) for entry in value] if isinstance(value, list) else value

    left_out = ("input", "row", "document_id", "probabilities")
    return {name: bare(value) for name, value in row.items() if name not in left_out}


def done_again(job: Job, corpus: Path, folder: Path, checkpoint: Path, units: Sequence[int]) -> list[int]:
    """Do units again in this process, in a folder of their own; the numbers of those whose shards differ in a byte."""
    create_folder(folder, fresh=True)
    with locked(folder, WHOLE), framing.load(checkpoint, engine="onnx") as labeler:
        again = open_job([str(corpus)], folder, job.plan.settings, Model.of(labeler))
        chosen = [again.plan.units[number] for number in units]
        run(again, labeler, iter(chosen), Tally(len(chosen), 0))
        return [
            unit.number
            for unit in chosen
            if (one := again.done(unit)) is None or (other := job.done(unit)) is None or one.files != other.files
        ]


@dataclass(frozen=True, slots=True)
class Finding:
    """The job, and what checking it found.

    Attributes:
        rows, size: of the corpus; its size in bytes.
        stretches: of the job, in order.
        verified: what reading back found, which took ``verifying`` seconds.
        repetitions: held against each other.
        again: units that Ray had done and that were done again.
        differing: those of them that came out otherwise.
    """

    rows: int
    size: int
    stretches: tuple[Stretch, ...]
    verified: Verification
    verifying: float
    repetitions: Repetitions
    again: tuple[int, ...]
    differing: tuple[int, ...]


def find_out(
    checkpoint: Path, articles: Sequence[Document], folder: Path, sentences: int, kills: int, unit_rows: int
) -> Finding:
    """Write the corpus, run the job with kills in between, and check its output.

    Args:
        checkpoint: folder of the model.
        articles: to be repeated.
        folder: an empty one to work in.
        sentences: of the corpus, at least.
        kills: processes to kill, at most.
        unit_rows: articles of a unit.

    Raises:
        FramingError: a process of the job failed by itself.
    """
    corpus, output = folder / "corpus.jsonl", folder / "job"
    rows = write_articles(articles, corpus, sentences)
    command = [sys.executable, "-m", "framing", "batch", str(corpus), str(output), "--model", str(checkpoint)]
    command += ["--unit-rows", str(unit_rows), "--progress", "json", "--engine", "onnx"]
    parts = []
    for stretch in stretches(command, -(-rows // unit_rows), kills):
        typer.echo(f"{stretch.runner}, {len(stretch.units)} units, {stretch.sentences:,} sentences", err=True)
        parts.append(stretch)
    started = time.perf_counter()
    job = Job.load(output)
    verified = verify(job)
    verifying = time.perf_counter() - started
    on_ray = [number for stretch in parts if stretch.runner == "ray" for number in stretch.units]
    again = tuple(sorted(random.Random(_SEED).sample(on_ray, min(_AGAIN, len(on_ray)))))
    differing = done_again(job, corpus, folder / "again", checkpoint, again)
    repetitions = compare_repetitions(job, len(articles))
    size = corpus.stat().st_size
    return Finding(rows, size, tuple(parts), verified, verifying, repetitions, again, tuple(differing))


@reporting_errors()
def main(
    articles: Annotated[str, typer.Option(help="Articles, as framing.read reads them.")],
    checkpoint: options.CheckpointName = "shipped",
    sentences: Annotated[int, typer.Option(help="Sentences of the corpus, at least.", min=1)] = 1_000_000,
    kills: Annotated[int, typer.Option(help="Processes to kill.", min=1)] = 6,
    unit_rows: Annotated[int, typer.Option(help="Articles of a unit.", min=1)] = _UNIT_ROWS,
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Do a large corpus as a job that is killed and resumed, verify and compare, and write the record."""
    folder = locate(checkpoint)
    # Two articles of a published corpus may share an id; the rows that are written have ids of their own.
    read = list(framing.read([articles], unique_ids=False))
    with tempfile.TemporaryDirectory(prefix="framing-corpus-") as temporary:
        found = find_out(folder, read, Path(temporary), sentences, kills, unit_rows)
    inputs: dict[str, dict[str, Any]] = {
        "checkpoint": checkpoint_facts(folder),
        "articles": {"file": Path(articles).name, "sha256": sha256_of(Path(articles)), "articles": len(read)},
        "corpus": {"rows": found.rows, "bytes": found.size, "seed": _SEED},
    }
    _record(inputs, found).save_and_tell(out)
    if found.verified.problems or found.differing or found.repetitions.differing:
        told = f"{found.verified.problems[:3]} {found.differing} {found.repetitions.differing}"
        raise FramingError(f"the job is not sound: {told}")


def _record(inputs: dict[str, dict[str, Any]], found: Finding) -> Record:
    verified = found.verified
    counts = {name: getattr(verified, name) for name in ("units", "rows", "labelled", "rejected", "sentences")}
    results = {
        "stretches": [asdict(stretch) for stretch in found.stretches],
        "verification": {**counts, "seconds": round(found.verifying, 1), "problems": list(verified.problems)},
        "repetitions": asdict(found.repetitions),
        "again": {"units": found.again, "differing": found.differing},
    }
    return Record(
        "batch-corpus",
        "A large corpus as one job, killed and resumed",
        command_line("benchmarks.batch_corpus"),
        inputs,
        results,
        (_runners_table(found.stretches), _outcome_table(found)),
        PACKAGES,
    )


def _runners_table(parts: Sequence[Stretch]) -> Table:
    rows = []
    for runner, group in groupby(sorted(parts, key=lambda part: part.runner), key=lambda part: part.runner):
        some = list(group)
        seconds, sentences = sum(part.seconds for part in some), sum(part.sentences for part in some)
        peak = max((part.peak or 0 for part in some), default=0)
        rows.append(
            (
                runner,
                str(len(some)),
                str(sum(part.killed for part in some)),
                f"{sum(len(part.units) for part in some):,}",
                f"{sentences:,}",
                f"{sentences / seconds:,.0f}" if seconds else "–",
                f"{peak / 2**20:,.0f}" if peak else "–",
            )
        )
    twice = sum(count > 1 for count in Counter(unit for part in parts for unit in part.units).values())
    return Table(
        "Runners in turn on one job",
        ("runner", "processes", "of them killed", "units done", "sentences", "sentences/s", "peak memory, MiB"),
        tuple(rows),
        f"Loading and planning left out. Units reported done by two processes: {twice}.",
    )


def _outcome_table(found: Finding) -> Table:
    verified, repetitions = found.verified, found.repetitions
    counts = (verified.rows, verified.labelled, verified.rejected, verified.sentences, len(verified.problems))
    return Table(
        "What came of it",
        ("rows", "labelled", "rejected", "sentences", "problems found by --verify"),
        (tuple(f"{count:,}" for count in counts),),
        f"{repetitions.sentences:,} sentences held against those of the first repetition of their article: "
        f"{repetitions.differing:,} with another label, place, voice or kind; largest difference of a probability "
        f"{repetitions.largest_difference:.1e}. {len(found.again)} units that were done on Ray, done again by the "
        f"local runner: {len(found.differing)} with another byte.",
    )


if __name__ == "__main__":
    typer.run(main)
