"""``python -m benchmarks.batch_speed``: what a batch job adds to labelling, and whether its memory stays flat.

Speed: the same documents go once through ``labeler.documents`` alone, and once through a job that plans, reads,
labels, writes, hashes and syncs; several times in turn, the fastest of each counts. Memory: jobs of 10,000, 100,000
and 1,000,000 rows of one sentence, each in a process of its own, with the stand-in for the model
(:class:`benchmarks.memory.labelling.StandIn`); planning and verifying are timed in the same jobs. Units: the same with
units of 50 rows and of 10,000, which gives the fixed cost of a unit. Start: jobs of one sentence in fresh processes.
Stages: each step on a sentence's way by itself, on one thread, the fastest of some passes, in CPU time.
``benchmarks.cluster_simulation`` uses these costs.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from html import escape
from itertools import chain, cycle, islice
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import pyarrow
import pyarrow.parquet
import typer

import framing
from benchmarks import ROOT, options
from benchmarks.memory.labelling import StandIn
from benchmarks.memory.run import write_corpus
from benchmarks.record import RESULTS_FOLDER, Record, Table, checkpoint_facts, command_line
from benchmarks.seeds import sha256_of_seeds
from framing.batch.job import WHOLE, Job, create_folder, locked, open_job
from framing.batch.local import run
from framing.batch.plan import Model, Settings
from framing.batch.progress import Tally
from framing.batch.shards import ROW_GROUP_ROWS
from framing.batch.units import Limits
from framing.batch.verify import verify
from framing.cli._errors import reporting_errors
from framing.columns import sentence_table
from framing.engine.batching import compute_logits
from framing.labeler import Labeler
from framing.model.checkpoint import locate
from framing.reading.html import extract
from framing.records import schema
from framing.speed import find_texts, peak_memory
from framing.text.kinds import classify
from framing.text.paragraphs import paragraphs
from framing.text.quotations import scan
from framing.text.sentences import split

PACKAGES = ("numpy", "onnxruntime", "tokenizers", "pyarrow", "sentencex", "fsspec")
SIZES = (10_000, 100_000, 1_000_000)
#: Rows of a unit of the jobs for memory: small enough that the smallest job has as many in hand as the largest.
_MEMORY_ROWS = 2_500
#: Rows of a job that is done in small units and in one.
_UNIT_ROWS, _FEW_ROWS = 10_000, 50
#: Documents that are read as pages of HTML.
_PAGES = 100


@dataclass(frozen=True, slots=True)
class Pass:
    """One time through the corpus.

    Attributes:
        sentences: labelled.
        seconds, cpu_seconds: by the clock, and of all threads of this process.
        planning: of the seconds, those before the first unit was begun.
    """

    sentences: int
    seconds: float
    cpu_seconds: float
    planning: float = 0.0

    @property
    def rate(self) -> float:
        """Sentences per second by the clock."""
        return self.sentences / self.seconds


@dataclass(frozen=True, slots=True)
class Memory:
    """A job with the stand-in.

    Attributes:
        rows, size: of the input, a sentence each; in bytes.
        peak: resident memory at most, in bytes, verifying left out.
        seconds: of labelling, reading and writing.
        planning, verifying: seconds before and after.
    """

    rows: int
    size: int
    peak: int
    seconds: float
    planning: float
    verifying: float


@dataclass(frozen=True, slots=True)
class Stages:
    """What each step costs on one thread.

    Attributes:
        sentences: of the corpus.
        seconds: step -> CPU seconds for all of them.
    """

    sentences: int
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class Measurements:
    """All that is measured.

    Attributes:
        alone, jobs: passes through the corpus for speed.
        stages: steps on the way of its sentences.
        memory: of jobs of growing size.
        unit: fixed cost of a unit, in seconds.
        start: seconds of a job of one sentence.
    """

    alone: list[Pass]
    jobs: list[Pass]
    stages: Stages
    memory: list[Memory]
    unit: float
    start: float


def alone(labeler: Labeler, corpus: Path) -> Pass:
    """Label the documents of a JSONL file that lie in memory already."""
    documents = list(framing.read([corpus]))
    started, cpu = time.perf_counter(), time.process_time()
    sentences = sum(len(labels) for labels in labeler.documents(documents))
    return Pass(sentences, time.perf_counter() - started, time.process_time() - cpu)


def as_job(labeler: Labeler, corpus: Path, output: Path, settings: Settings) -> Pass:
    """Do the same file as a batch job, from planning to the last shard."""
    started, cpu = time.perf_counter(), time.process_time()
    create_folder(output, fresh=True)
    with locked(output, WHOLE):
        job = open_job([str(corpus)], output, settings, Model.of(labeler))
        planning = time.perf_counter() - started
        tally = Tally(len(job.plan.units), job.plan.rows)
        run(job, labeler, iter(job.plan.units), tally)
    return Pass(tally.sentences, time.perf_counter() - started, time.process_time() - cpu, planning)


def stages_of(checkpoint: Path, size: int, repeats: int) -> Stages:
    """Take each step of the way by itself, with the stand-in for the model.

    Args:
        checkpoint: the model whose encoder and decoder work.
        size: of the corpus, in bytes.
        repeats: passes after a first one, which fills caches.
    """
    passes = []
    with tempfile.TemporaryDirectory(prefix="framing-batch-") as temporary, stand_in(checkpoint) as labeler:
        corpus = Path(temporary, "corpus.jsonl")
        write_corpus(corpus, size)
        for _ in range(repeats + 1):
            passes.append(_steps(labeler, corpus))
    sentences, best = passes[0][0], passes[1:]
    return Stages(sentences, {name: min(seconds[name] for _, seconds in best) for name in best[0][1]})


def _steps(labeler: Labeler, corpus: Path) -> tuple[int, dict[str, float]]:
    """How many sentences there are, and the CPU seconds of each step."""
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        started = time.process_time()
        yield
        seconds[name] = time.process_time() - started

    with timed("read JSONL"):
        documents = list(framing.read([corpus]))
    pages = [f"<html><body><p>{escape(d.text)}</p></body></html>" for d in documents[:_PAGES]]
    with timed("extract HTML"):
        for page in pages:
            extract(page, "page")
    seconds["extract HTML"] *= len(documents) / len(pages)
    with timed("cut"):
        cut = [split(document.text) for document in documents]
    with timed("of that, paragraphs"):
        found = [(d.text, paragraphs(d.text)) for d in documents]
    with timed("of that, kinds"):
        for text, parts in found:
            classify([text[p.start : p.end] for p in parts], [p.after_gap for p in parts])
    sentences = list(chain.from_iterable(cut))
    with timed("of that, quotations"):
        for sentence in sentences:
            scan(sentence.text)
    groups = [sentences[i : i + labeler.engine.look_ahead] for i in range(0, len(sentences), labeler.engine.look_ahead)]
    texts = [[sentence.text for sentence in group] for group in groups]
    with timed("tokenise"):
        encoded = [labeler.encoder.encode(group) for group in texts]
    with timed("stand-in for the model"):
        logits = [compute_logits(labeler.engine, group) for group in encoded]
    with timed("decode"):
        decoded = [labeler.decoder.decode(*found) for found in zip(logits, encoded, texts, strict=True)]
    columns = schema(labeler.codebook)
    with timed("columns"):
        tables = [
            sentence_table(group, range(len(group)), said, columns) for group, said in zip(groups, decoded, strict=True)
        ]
    with (
        timed("write Parquet"),
        io.BytesIO() as stream,
        pyarrow.parquet.ParquetWriter(stream, tables[0].schema, compression="zstd") as writer,
    ):
        writer.write_table(pyarrow.concat_tables(tables), row_group_size=ROW_GROUP_ROWS)
    return len(sentences), seconds


def memory_of(checkpoint: Path, rows: int) -> Memory:
    """Do a job with the stand-in; to be called in a process of its own, whose memory is that of the job."""
    with tempfile.TemporaryDirectory(prefix="framing-batch-") as temporary, stand_in(checkpoint) as labeler:
        corpus, output = Path(temporary, "corpus.jsonl"), Path(temporary, "job")
        write_sentences(corpus, rows)
        done = as_job(labeler, corpus, output, Settings(sentences=True, limits=Limits(rows=_MEMORY_ROWS)))
        peak = peak_memory() or 0
        started = time.perf_counter()
        verify(Job.load(output))
        verifying = time.perf_counter() - started
        return Memory(rows, corpus.stat().st_size, peak, done.seconds - done.planning, done.planning, verifying)


def cost_of_a_unit(checkpoint: Path, repeats: int) -> float:
    """The fixed cost of a unit in seconds: files are opened, synced, renamed and recorded."""
    settings = [Settings(sentences=True, limits=Limits(rows=rows)) for rows in (_FEW_ROWS, _UNIT_ROWS)]
    seconds: list[list[float]] = [[], []]
    with tempfile.TemporaryDirectory(prefix="framing-batch-") as temporary, stand_in(checkpoint) as labeler:
        corpus, output = Path(temporary, "corpus.jsonl"), Path(temporary, "job")
        write_sentences(corpus, _UNIT_ROWS)
        for _ in range(repeats):
            for taken, chosen in zip(seconds, settings, strict=True):
                done = as_job(labeler, corpus, output, chosen)
                taken.append(done.seconds - done.planning)
                shutil.rmtree(output)
    many, one = map(median, seconds)
    return max(0.0, many - one) / (_UNIT_ROWS // _FEW_ROWS - 1)


def start_of_a_job(checkpoint: Path, repeats: int) -> float:
    """Seconds from the start of a process to its end, of a job of one sentence."""
    seconds = []
    with tempfile.TemporaryDirectory(prefix="framing-batch-") as temporary:
        corpus, output = Path(temporary, "corpus.jsonl"), Path(temporary, "job")
        write_sentences(corpus, 1)
        command = [sys.executable, "-m", "framing", "batch", str(corpus), str(output), "--model", str(checkpoint)]
        for _ in range(repeats):
            started = time.perf_counter()
            subprocess.run([*command, "--progress", "none"], cwd=ROOT, check=True, capture_output=True)
            seconds.append(time.perf_counter() - started)
            shutil.rmtree(output)
    return median(seconds)


def write_sentences(path: Path, rows: int) -> None:
    """Write a JSONL file of so many rows, a seed sentence in each."""
    with path.open("w", encoding="utf-8") as stream:
        for number, text in enumerate(islice(cycle(find_texts().sentences), rows)):
            stream.write(json.dumps({"id": f"sentence-{number}", "text": text}) + "\n")


@contextmanager
def stand_in(checkpoint: Path) -> Iterator[Labeler]:
    """A labeler with the stand-in for the model."""
    with framing.load(checkpoint) as labeler:
        labeler.engine = StandIn(labeler.engine)
        yield labeler


@reporting_errors()
def main(
    checkpoint: options.CheckpointName = "shipped",
    kilobytes: Annotated[int, typer.Option(help="Size of the corpus for speed.", min=10)] = 1000,
    repeats: Annotated[int, typer.Option(help="Passes of each kind.", min=1)] = 3,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, …; of the passes for speed.")] = "auto",
    largest: Annotated[int, typer.Option(help="Rows of the largest job for memory.", min=1)] = SIZES[-1],
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Measure speed and memory of batch jobs and write the record."""
    folder = locate(checkpoint)
    bare, jobs = _passes(folder, device, kilobytes * 1000, repeats)
    memory = []
    for rows in (size for size in SIZES if size <= largest):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            memory.append(process.submit(memory_of, folder, rows).result())
    unit, start = cost_of_a_unit(folder, repeats), start_of_a_job(folder, repeats)
    stages = stages_of(folder, kilobytes * 1000, repeats)
    _record(folder, device, kilobytes, Measurements(bare, jobs, stages, memory, unit, start)).save_and_tell(out)


def _passes(checkpoint: Path, device: str, size: int, repeats: int) -> tuple[list[Pass], list[Pass]]:
    bare, jobs = [], []
    with (
        tempfile.TemporaryDirectory(prefix="framing-batch-") as temporary,
        framing.load(checkpoint, device=device) as labeler,
    ):
        corpus, output = Path(temporary, "corpus.jsonl"), Path(temporary, "job")
        write_corpus(corpus, size)
        for _ in range(repeats):
            bare.append(alone(labeler, corpus))
            jobs.append(as_job(labeler, corpus, output, Settings()))
            shutil.rmtree(output)
    return bare, jobs


def _record(checkpoint: Path, device: str, kilobytes: int, measured: Measurements) -> Record:
    bare, jobs, memory = measured.alone, measured.jobs, measured.memory
    best, best_job = max(bare, key=lambda one: one.rate), max(jobs, key=lambda one: one.rate)
    speed = Table(
        "Sentences per second, the fastest pass of each",
        ("labeler alone", "batch job", "share", "share by CPU time"),
        (
            (
                f"{best.rate:,.0f}",
                f"{best_job.rate:,.0f}",
                f"{best_job.rate / best.rate:.1%}",
                f"{min(p.cpu_seconds for p in bare) / min(p.cpu_seconds for p in jobs):.1%}",
            ),
        ),
        f"JSONL of {kilobytes:,} kB, {best.sentences:,} sentences in documents of 20; {len(bare)} passes of each. The "
        "job plans, reads, labels, writes, hashes and syncs.",
    )
    flat = Table(
        "Peak resident memory of a job, MiB",
        tuple(f"{entry.rows:,} rows" for entry in memory),
        (tuple(f"{entry.peak / 2**20:.0f}" for entry in memory),),
        f"Rows that are sentences, {_MEMORY_ROWS:,} to a unit, with the stand-in for the model, each job in a process "
        "of its own. Three units are in memory at a time, so larger ones take more.",
    )
    largest = memory[-1]
    around = Table(
        "What surrounds the model",
        ("what", "measured"),
        (
            ("sentences/s of a process, with the stand-in for the model", f"{largest.rows / largest.seconds:,.0f}"),
            ("planning, MB/s", f"{largest.size / largest.planning / 1e6:,.0f}"),
            ("--verify, sentences/s", f"{largest.rows / largest.verifying:,.0f}"),
            ("a unit, whatever is in it, ms", f"{measured.unit * 1e3:,.1f}"),
            ("a job of one sentence, s", f"{measured.start:,.2f}"),
        ),
        f"The first three of the job of {largest.rows:,} rows; a sentence a row, so nothing is cut.",
    )
    of = measured.stages
    whole = sum(
        seconds for name, seconds in of.seconds.items() if not name.startswith("of that") and name != "extract HTML"
    )
    steps = Table(
        "A sentence's way, step by step, µs on one thread",
        ("step", "µs a sentence", "share"),
        tuple(
            (name, f"{seconds / of.sentences * 1e6:.1f}", f"{seconds / whole:.0%}")
            for name, seconds in (*of.seconds.items(), ("all", whole))
        ),
        f"CPU time, the fastest of {len(jobs)} passes over the corpus above. HTML is of pages with the same texts; it "
        "stands in the place of reading and is no part of the sum.",
    )
    inputs: dict[str, dict[str, Any]] = {
        "checkpoint": checkpoint_facts(checkpoint),
        "corpus": {"kilobytes": kilobytes, "seeds_sha256": sha256_of_seeds()},
    }
    results = {
        "alone": [asdict(one) for one in bare],
        "jobs": [asdict(one) for one in jobs],
        "stages": asdict(measured.stages),
        "memory": [asdict(entry) for entry in memory],
        "unit_seconds": round(measured.unit, 6),
        "start_seconds": round(measured.start, 3),
    }
    command = command_line("benchmarks.batch_speed")
    on_gpu = device.startswith("cuda")
    name, title = ("batch-gpu", "Batch jobs on a GPU") if on_gpu else ("batch", "Batch jobs")
    return Record(name, title, command, inputs, results, (speed, flat, around, steps), PACKAGES)


if __name__ == "__main__":
    typer.run(main)
