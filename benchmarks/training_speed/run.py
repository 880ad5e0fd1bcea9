"""``python -m benchmarks.training_speed``: sentences a second of fine-tuning, by the options that matter.

Every variant trains in a process of its own with the trainer of ``framing-train``; they take turns, one pass over the
same sentences at a time, so that a busy minute of the machine hits them all. In the same run, what the model's linear
layers need at least: the matrix products of one forward and two backward passes over the same tokens without padding.

Padding is counted over all seeds for batches by length and at random; it is what packing several sentences into one
row could save at most.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Annotated, Any, Self

import typer
import yaml

from benchmarks.quality.run import sha256_of_seeds
from benchmarks.record import RESULTS_FOLDER, Record, Table, command_line
from benchmarks.training_speed.padding import Padding, paddings
from benchmarks.training_speed.worker import FLOOR, READY, Pass
from framing.cli._errors import reporting_errors
from framing.errors import FramingError, SettingError
from framing.model.checkpoint import CONFIG, locate

ROOT = Path(__file__).parents[2]
SUITE_FILE = Path(__file__).parent / "suite.yaml"
#: Sentences in a batch whose matrix products are timed.
_BATCH = 32
PACKAGES = ("torch", "transformers", "accelerate", "tokenizers", "numpy")


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to train.

    Attributes:
        title: for people.
        settings: of framing-train, over the recipe.
    """

    title: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Suite:
    """What ``suite.yaml`` declares.

    Attributes:
        name, title: of the suite.
        recipe: of framing-train, relative to the checkout.
        variants: by name; the others are compared with the first.
        sentences: in a pass.
        rounds: passes of every variant.
        warm_up_steps: before the first.
        threads: of torch.
    """

    name: str
    title: str
    recipe: str
    variants: Mapping[str, Variant]
    sentences: int
    rounds: int
    warm_up_steps: int
    threads: int

    @classmethod
    def load(cls, path: Path = SUITE_FILE) -> Suite:
        """Reads a declaration.

        Raises:
            SettingError: it has no variant.
        """
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        variants = {name: Variant(**variant) for name, variant in data["variants"].items()}
        if not variants:
            raise SettingError(f"{path.name} has no variant", expected="one or more")
        return cls(**{**data, "variants": variants})


class Worker:
    """A process that makes one pass whenever it is asked; to be used in a ``with`` block.

    Args:
        name: for messages.
        request: see :mod:`benchmarks.training_speed.worker`.
        threads: of its libraries.
    """

    def __init__(self, name: str, request: Mapping[str, Any], threads: int) -> None:
        self.name = name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.training_speed.worker", json.dumps({**request, "threads": threads})],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def ready(self) -> None:
        """Wait until it waits.

        Raises:
            FramingError: it ended; the message says what it printed last.
        """
        if self._line() != READY:
            raise FramingError(f"the training of {self.name!r} does not begin with {READY!r}")

    def make_pass(self) -> Pass:
        """Have it make a pass, and wait for that.

        Raises:
            FramingError: it ended; the message says what it printed last.
        """
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write("next\n")
            self._process.stdin.flush()
        return Pass(**json.loads(self._line()))

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            printed = self._errors.read().decode("utf-8", errors="replace").strip().splitlines()
            raise FramingError(f"the training of {self.name!r} ended: {' | '.join(printed[-3:])}")
        return line.rstrip("\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()


@reporting_errors()
def main(
    seeds: Annotated[Path, typer.Option(help="Folder of the seeds to train on.")] = ROOT / "seeds",
    suite_file: Annotated[Path, typer.Option("--suite", help="Another declaration.")] = SUITE_FILE,
    out: Annotated[Path, typer.Option(help="Folder for the record.")] = RESULTS_FOLDER,
) -> None:
    """Measure the speed of training and write the record."""
    suite = Suite.load(suite_file)
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
    typer.echo(f"wrote {record.save(out)}\nnext: python -m benchmarks.report")


def measure(suite: Suite, seeds: Path) -> dict[str, list[Pass]]:
    """Passes of every variant, in turn, and of the matrix products: name -> one for each round."""
    passes: dict[str, list[Pass]] = {name: [] for name in (*suite.variants, FLOOR)}
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker(name, _training(suite, variant, seeds), suite.threads))
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
                workers[FLOOR] = stack.enter_context(Worker(FLOOR, request, suite.threads))
                workers[FLOOR].ready()
                passes[FLOOR].append(workers[FLOOR].make_pass())
    return passes


def _training(suite: Suite, variant: Variant, seeds: Path) -> dict[str, Any]:
    # Nothing is validated or saved in between, and training ends with the last round.
    settings = {
        **variant.settings,
        "train": seeds / "*.tsv",
        "num_train_epochs": suite.rounds,
        "eval_strategy": "no",
        "save_strategy": "no",
        "load_best_model_at_end": False,
    }
    flags = [str(part) for name, value in settings.items() for part in (f"--{name}", value)]
    return {
        "arguments": [str(ROOT / suite.recipe), *flags],
        "sentences": suite.sentences,
        "warm_up_steps": suite.warm_up_steps,
    }


def _products(suite: Suite, first: Pass) -> dict[str, Any]:
    """As many steps as the recipe's batches make of a pass, each of its mean number of tokens."""
    config = json.loads((locate() / CONFIG).read_text(encoding="utf-8"))
    encoder = config["encoder"]
    steps = -(-first.sentences // _BATCH)
    return {
        FLOOR: {
            "shape": {
                "hidden": encoder["hidden_size"],
                "intermediate": encoder["intermediate_size"],
                "layers": encoder["num_hidden_layers"],
                "outputs": len(config["outputs"]) + len(config["voices"]),
            },
            "tokens": first.tokens // steps,
            "steps": steps,
            "rounds": suite.rounds,
            "sentences": first.sentences,
        }
    }


def tables(suite: Suite, passes: Mapping[str, Sequence[Pass]], padding: Sequence[Padding]) -> tuple[Table, Table]:
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
