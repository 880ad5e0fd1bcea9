"""``python -m benchmarks.training_speed``: sentences a second of fine-tuning, by the options that matter.

Every variant trains in a process of its own with the trainer of ``framing-train``. They take turns, one pass over the
same sentences at a time, so that a busy minute of the machine affects all of them. In the same run the matrix products
are timed that the model's linear layers need at least: forward and backward over the same tokens, without padding.

Padding is counted over all seeds for batches by length and at random; it is what packing several sentences into one
row could save at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from benchmarks import ROOT, options
from benchmarks.harness.process import WorkerProcess
from benchmarks.record import RESULTS_FOLDER, Record, Table, command_line
from benchmarks.seeds import sha256_of_seeds
from benchmarks.suites import TrainingSuite, Variant, flags_of
from benchmarks.training_speed.padding import Padding, paddings
from benchmarks.training_speed.worker import FLOOR, Pass
from framing.cli._errors import reporting_errors
from framing.model.checkpoint import Checkpoint
from framing.speed import SEEDS, ModelShape

#: Sentences in a batch whose matrix products are timed.
_BATCH = 32
PACKAGES = ("torch", "transformers", "accelerate", "tokenizers", "numpy")


class TrainingProcess(WorkerProcess):
    """A process that makes one pass whenever it is asked; to be used in a ``with`` block.

    Args:
        name: for messages.
        request: see :mod:`benchmarks.training_speed.worker`.
        threads: of its libraries.
    """

    def __init__(self, name: str, request: Mapping[str, Any], threads: int) -> None:
        super().__init__(name, "-m", "benchmarks.training_speed.worker", threads=threads)
        self.send({**request, "threads": threads})

    def ready(self) -> None:
        """Wait until everything is loaded.

        Raises:
            FramingError: it ended; the message says what it printed last.
        """
        self.receive()

    def make_pass(self) -> Pass:
        """Make a pass over the sentences.

        Raises:
            FramingError: it ended; the message says what it printed last.
        """
        self.send({"request": "pass"})
        return Pass(**self.receive())


@reporting_errors()
def main(
    seeds: Annotated[Path, typer.Option(help="Folder of the seeds to train on.")] = SEEDS,
    suite_file: options.SuiteFile = TrainingSuite.file(),
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Measure the speed of training and write the record."""
    suite = TrainingSuite.load(suite_file)
    passes = measure(suite, seeds)
    padding = paddings(seeds, [variant.settings for variant in suite.variants.values()], ROOT / suite.recipe)
    record = Record(
        suite.name,
        suite.title,
        command_line("benchmarks.training_speed"),
        {
            "training": {
                "recipe": suite.recipe,
                "sentences_in_a_pass": passes[next(iter(suite.variants))][0].sentences,
                "threads": suite.threads,
                "seeds_sha256": sha256_of_seeds(seeds),
            }
        },
        {
            "passes": {name: [asdict(found) for found in own] for name, own in passes.items()},
            "padding": [asdict(entry) for entry in padding],
        },
        tables(suite, passes, padding),
        PACKAGES,
    )
    record.save_and_tell(out)


def measure(suite: TrainingSuite, seeds: Path) -> dict[str, list[Pass]]:
    """Passes of every variant, in turn, and of the matrix products: name -> one for each round."""
    passes: dict[str, list[Pass]] = {name: [] for name in (*suite.variants, FLOOR)}
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(TrainingProcess(name, _training(suite, variant, seeds), suite.threads))
            for name, variant in suite.variants.items()
        }
        for worker in workers.values():
            worker.ready()
        for number in range(suite.rounds):
            typer.echo(f"round {number + 1} of {suite.rounds} …", err=True)
            for name, worker in workers.items():
                passes[name].append(worker.make_pass())
            if FLOOR not in workers:  # how many tokens there are is known now
                request = _products(suite, passes[next(iter(suite.variants))][0])
                workers[FLOOR] = stack.enter_context(TrainingProcess(FLOOR, request, suite.threads))
                workers[FLOOR].ready()
                passes[FLOOR].append(workers[FLOOR].make_pass())
    return passes


def _training(suite: TrainingSuite, variant: Variant, seeds: Path) -> dict[str, Any]:
    # Nothing is validated or saved in between, and training ends with the last round.
    settings = {
        **variant.settings,
        "train": seeds / "*.tsv",
        "num_train_epochs": suite.rounds,
        "eval_strategy": "no",
        "save_strategy": "no",
        "load_best_model_at_end": False,
    }
    return {
        "arguments": [str(ROOT / suite.recipe), *flags_of(settings)],
        "sentences": suite.sentences,
        "warm_up_steps": suite.warm_up_steps,
    }


def _products(suite: TrainingSuite, first: Pass) -> dict[str, Any]:
    """As many steps as the recipe's batches make of a pass, each of its mean number of tokens."""
    steps = -(-first.sentences // _BATCH)
    return {
        FLOOR: {
            "shape": asdict(ModelShape.of(Checkpoint.load().config)),
            "tokens": first.tokens // steps,
            "steps": steps,
            "rounds": suite.rounds,
            "sentences": first.sentences,
        }
    }


def tables(
    suite: TrainingSuite, passes: Mapping[str, Sequence[Pass]], padding: Sequence[Padding]
) -> tuple[Table, Table]:
    """What the report shows."""
    first = next(iter(suite.variants))
    titles = {name: variant.title for name, variant in suite.variants.items()}
    rows = tuple(
        _row(title, passes[name], passes[first], passes[FLOOR])
        for name, title in {**titles, FLOOR: "matrix products alone"}.items()
    )
    note = (
        f"Medians of {suite.rounds} passes over the same {passes[first][0].sentences} sentences, the variants taking "
        f"turns, {suite.threads} threads; brackets hold the slowest and the fastest pass. The ratio is the median of "
        "those within each round. The matrix products are those of the linear layers, forward and backward, without "
        "padding."
    )
    padded = tuple((entry.strategy.replace("_", " "), str(entry.batch_size), f"{entry.share:.1%}") for entry in padding)
    return (
        Table(
            "Sentences a second",
            ("variant", "sentences/s", "ratio to the default", "share of the matrix products' speed", "CPU s/sentence"),
            rows,
            note,
        ),
        Table(
            "Padding of a pass over all seeds",
            ("batches", "sentences in a batch", "padding"),
            padded,
            "Of all tokens that the model computes; packing several sentences into one row could save no more.",
        ),
    )


def _row(title: str, own: Sequence[Pass], default: Sequence[Pass], floor: Sequence[Pass]) -> tuple[str, ...]:
    speeds = [found.speed for found in own]
    ratios = [found.speed / other.speed for found, other in zip(own, default, strict=True)]
    shares = [found.speed / other.speed for found, other in zip(own, floor, strict=True)]
    return (
        title,
        f"{median(speeds):.1f} [{min(speeds):.1f}, {max(speeds):.1f}]",
        f"{median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]",
        f"{median(shares):.0%}",
        f"{median(found.cpu_seconds / found.sentences for found in own):.4f}",
    )
