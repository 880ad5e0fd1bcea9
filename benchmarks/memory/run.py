"""``python -m benchmarks.memory``: peak memory of labelling a JSONL file of a gigabyte, and whether it stays flat.

Two runs, each in a process of its own, on one file made of the project's seeds: the real engine for some minutes, and
a stand-in for the model (:class:`benchmarks.memory.labelling.StandIn`) for the whole file.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import ROOT, options
from benchmarks.record import RESULTS_FOLDER, Record, Table, checkpoint_facts, command_line
from benchmarks.seeds import sha256_of_seeds
from framing.cli._errors import reporting_errors
from framing.errors import FramingError
from framing.model.checkpoint import locate
from framing.speed import find_texts

PACKAGES = ("numpy", "onnxruntime", "tokenizers", "pyarrow", "sentencex")
#: Sentences of a paragraph, and paragraphs of a document: an article of about 3,000 characters.
_SENTENCES, _PARAGRAPHS = 4, 5
_SEED = 13


@dataclass(frozen=True, slots=True)
class Sample:
    """A moment of a run.

    Attributes:
        seconds: since the model was loaded.
        sentences: labelled and written by then.
        resident: bytes of memory in use.
    """

    seconds: float
    sentences: int
    resident: int


@dataclass(frozen=True, slots=True)
class MemoryRun:
    """What a run used.

    Attributes:
        engine: ``"onnx"`` or ``"stand-in"``.
        samples: one a second.
    """

    engine: str
    samples: tuple[Sample, ...]

    @property
    def sentences(self) -> int:
        """Labelled in all."""
        return self.samples[-1].sentences

    def peak_until(self, share: float) -> int:
        """Most memory in use, in bytes, until this share of the sentences was done."""
        return max(s.resident for s in self.samples if s.sentences <= share * self.sentences)


def write_corpus(path: Path, size: int) -> None:
    """Write a JSONL file of at least ``size`` bytes: documents of 20 seed sentences drawn at random, with own ids."""
    texts = find_texts().sentences
    draw = random.Random(_SEED)
    written = number = 0
    with path.open("w", encoding="utf-8") as stream:
        while written < size:
            paragraphs = (" ".join(draw.choices(texts, k=_SENTENCES)) for _ in range(_PARAGRAPHS))
            row = {"id": f"document-{number}", "outlet": f"outlet {number % 50}", "text": "\n\n".join(paragraphs)}
            line = json.dumps(row, ensure_ascii=False) + "\n"
            stream.write(line)
            written += len(line.encode())
            number += 1


def measure(checkpoint: Path, source: Path, target: Path, seconds: float, engine: str) -> MemoryRun:
    """Label ``source`` into ``target`` in a process of its own and watch its memory.

    Args:
        checkpoint: folder of the model.
        source: JSONL.
        target: file to write; its ending says the format.
        seconds: after which no further document is begun.
        engine: ``"onnx"`` or ``"stand-in"``.

    Raises:
        FramingError: the run failed; the message holds what it printed last.
    """
    arguments = [str(checkpoint), str(source), str(target), str(seconds), engine]
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory.labelling", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = run.stderr.splitlines()
    if run.returncode:
        raise FramingError(f"labelling with the engine {engine} failed: {' '.join(lines[-3:]) or run.returncode}")
    return MemoryRun(engine, tuple(Sample(**json.loads(line)) for line in lines if line.startswith('{"seconds"')))


@reporting_errors()
def main(
    checkpoint: options.CheckpointName = "shipped",
    megabytes: Annotated[int, typer.Option(help="Size of the file.", min=1)] = 1000,
    real_seconds: Annotated[float, typer.Option(help="How long the real engine labels.")] = 120,
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Measure the memory of labelling a large file and write the record."""
    folder = locate(checkpoint)
    with tempfile.TemporaryDirectory(prefix="framing-memory-") as temporary:
        source, target = Path(temporary, "corpus.jsonl"), Path(temporary, "labels.parquet")
        write_corpus(source, megabytes * 10**6)
        size = source.stat().st_size
        runs = [
            measure(folder, source, target, seconds, engine)
            for engine, seconds in (("onnx", real_seconds), ("stand-in", float("inf")))
        ]
    _record(runs, folder, size).save_and_tell(out)


def _record(runs: list[MemoryRun], checkpoint: Path, size: int) -> Record:
    rows = tuple(
        (
            run.engine,
            f"{run.sentences:,}",
            f"{run.samples[-1].seconds:,.0f}",
            *(f"{run.peak_until(share) / 2**20:.0f}" for share in (0.01, 0.1, 0.5, 1.0)),
        )
        for run in runs
    )
    table = Table(
        "Peak resident memory, MiB, when so much of the sentences was done",
        ("engine", "sentences", "seconds", "1%", "10%", "50%", "all"),
        rows,
        f"JSONL of {size / 1e6:,.0f} MB (documents of {_SENTENCES * _PARAGRAPHS} seed sentences) to Parquet. The real "
        "engine labels for a while; the stand-in repeats the logits of batches of the same shape, so that reading, "
        "cutting, encoding, decoding and writing go over the whole file.",
    )
    results = {run.engine: [asdict(sample) for sample in _thinned(run.samples)] for run in runs}
    inputs: dict[str, dict[str, Any]] = {
        "checkpoint": checkpoint_facts(checkpoint),
        "corpus": {"bytes": size, "seeds_sha256": sha256_of_seeds(), "seed": _SEED},
    }
    title = "Memory of labelling a large file"
    return Record("memory", title, command_line("benchmarks.memory"), inputs, results, (table,), PACKAGES)


def _thinned(samples: tuple[Sample, ...], most: int = 200) -> list[Sample]:
    """Every so many samples, and the last."""
    step = -(-len(samples) // most)
    return [*samples[:-1:step], samples[-1]]
