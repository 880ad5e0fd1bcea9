"""``python -m benchmarks.learning_curve --gold FILE``: seeds used -> F1, one training for each share of the seeds.

The validation part, on which thresholds are fitted, is the same for all and held out as in every training; of the
remaining groups nested parts are taken. Every point is one training with one seed: its interval says how sure the
gold file makes us of this model, not how much another training would differ.

Points are trained from the smallest. A finished one stays in the working folder, and ``--resume`` takes it from there.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import ROOT, options
from benchmarks.learning_curve.parts import part, write_examples
from benchmarks.quality.scores import (
    ScoredSystem,
    as_json,
    difference,
    intervals_note,
    score_system,
    signed_interval,
    with_interval,
)
from benchmarks.record import RESULTS_FOLDER, Record, Table, command_line, gold_facts
from benchmarks.seeds import sha256_of_seeds
from benchmarks.suites import LearningCurveSuite, QualitySuite, flags_of
from framing.cli._errors import reporting_errors
from framing.codebook import Codebook
from framing.errors import CheckpointError, SettingError
from framing.evaluate.gold import GoldSet
from framing.evaluate.scoring import Difference
from framing.labeler import load
from framing.model import checkpoint
from framing.speed import SEEDS
from framing.train.config import RunConfig, parse
from framing.train.examples import Split
from framing.train.loop import load_split
from framing.train.loop import run as train
from framing.train.output import TRAINING

PACKAGES = ("numpy", "torch", "transformers", "accelerate", "onnxruntime", "tokenizers")


@dataclass(frozen=True, slots=True)
class Point:
    """One training of the curve.

    Attributes:
        share: of the training groups.
        sentences: it was trained on.
        steps: of the optimizer.
        folder: of the checkpoint.
    """

    share: float
    sentences: int
    steps: int
    folder: Path


@reporting_errors()
def main(
    gold: options.Gold,
    work: Annotated[Path, typer.Option(help="Folder for the parts and checkpoints, outside the checkout.")],
    seeds: Annotated[Path, typer.Option(help="Folder of the seeds to train on.")] = SEEDS,
    resume: Annotated[bool, typer.Option("--resume", help="Take points that are finished in the folder.")] = False,
    threads: Annotated[int, typer.Option(help="Of torch.", min=1)] = 1,
    suite_file: options.SuiteFile = LearningCurveSuite.file(),
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Train on growing parts of the seeds, measure each on a gold file and write the record."""
    import torch

    torch.set_num_threads(threads)
    suite, codebook, quality = LearningCurveSuite.load(suite_file), Codebook.default(), QualitySuite.load()
    marked = GoldSet.read(gold, codebook)
    split = load_split(configure(suite, train=[str(seeds / "*.tsv")]), codebook)
    points, measured = [], []
    for share in suite.shares:
        points.append(train_point(suite, share, split, work, resume=resume))
        with load(points[-1].folder, engine="onnx", threads=threads) as labeler:
            labels = marked.predict(labeler.sentences)
        measured.append(score_system(labels, marked, codebook, quality.bootstrap))
        _announce(points[-1], measured[-1])
    gains = last_gains(measured, marked, quality)
    record = Record(
        suite.name,
        suite.title,
        command_line("benchmarks.learning_curve"),
        {"gold": gold_facts(gold, marked), "training": _training_facts(suite, seeds, split)},
        _results(points, measured, gains),
        tables(points, measured, gains, quality),
        PACKAGES,
    )
    record.save_and_tell(out)


def configure(suite: LearningCurveSuite, **settings: Any) -> RunConfig:
    """The suite's recipe with the suite's settings over it, and these over both."""
    return parse([str(ROOT / suite.recipe), *flags_of({**suite.settings, **settings})])


def train_point(suite: LearningCurveSuite, share: float, split: Split, work: Path, *, resume: bool) -> Point:
    """Train on a part, unless the folder has that very training finished and ``resume`` is set.

    Args:
        suite: says how.
        share: of the groups of ``split.train``.
        split: all training examples, and the validation part.
        work: gets the parts' files and a checkpoint folder for each.
        resume: whether a finished training may be taken.

    Raises:
        FramingError: the part is empty, or cannot be trained on.
    """
    work.mkdir(parents=True, exist_ok=True)
    examples = part(split.train, share)
    if not examples:
        raise SettingError(f"no group is in a share of {share}", expected="a larger share, or more seeds")
    data, validation = work / f"train-{share:g}.tsv", work / "validation.tsv"
    changed = [write_examples(examples, data), write_examples(split.validation, validation)]
    folder = work / f"checkpoint-of-{share:g}"
    config = configure(suite, train=[str(data)], validation=[str(validation)], output_dir=str(folder))
    batch_size = config.training.per_device_train_batch_size
    config.training.max_steps = suite.steps(len(examples), batch_size)
    if not (resume and not any(changed) and is_finished(folder, config)):
        shutil.rmtree(folder, ignore_errors=True)
        train(config)
    return Point(share, len(examples), config.training.max_steps, folder)


def is_finished(folder: Path, config: RunConfig) -> bool:
    """Whether the folder holds the whole checkpoint of this very configuration."""
    try:
        checkpoint.verify(folder)
    except CheckpointError:
        return False
    return parse([str(folder / TRAINING)]).to_dict() == config.to_dict()


def last_gains(measured: Sequence[ScoredSystem], gold: GoldSet, quality: QualitySuite) -> list[dict[str, Difference]]:
    """What each point gains over the one before it, on the same resamples; one fewer than there are points."""
    return [difference(larger, smaller, gold, quality.bootstrap) for smaller, larger in pairwise(measured)]


def tables(
    points: Sequence[Point],
    measured: Sequence[ScoredSystem],
    gains: Sequence[dict[str, Difference]],
    quality: QualitySuite,
) -> tuple[Table, Table]:
    """The curve, and what each doubling gains."""
    columns = tuple(f"{point.sentences:,}" for point in points)
    steps = ("steps of training", *(f"{point.steps:,}" for point in points))
    curve = tuple(
        (title, *(with_interval(point.intervals[name]) for point in measured))
        for name, title in quality.metrics.items()
    )
    note = (
        f"{intervals_note(quality.bootstrap)} How much another training on the same sentences would differ is not in "
        "them. The parts are nested and drawn by group; thresholds are fitted on the same held-out seeds throughout. "
        "Trainings are shorter than the shipped model's, and small parts are passed more often, to have as many steps."
    )
    gained = tuple((title, *(signed_interval(gain[name]) for gain in gains)) for name, title in quality.metrics.items())
    return (
        Table("Quality by sentences trained on", ("sentences", *columns), (steps, *curve), note),
        Table(
            "Gain over the next smaller part",
            ("sentences", *columns[1:]),
            gained,
            "Both on the same bootstrap samples.",
        ),
    )


def _announce(point: Point, measured: ScoredSystem) -> None:
    found = measured.intervals["frames_micro_f1"]
    typer.echo(f"{point.sentences:,} sentences, {point.steps:,} steps: micro F1 {with_interval(found)}", err=True)


def _training_facts(suite: LearningCurveSuite, seeds: Path, split: Split) -> dict[str, Any]:
    return {
        "recipe": suite.recipe,
        "epochs": suite.epochs,
        "least_steps": suite.least_steps,
        "seeds_sha256": sha256_of_seeds(seeds),
        "training_sentences": len(split.train),
        "validation_sentences": len(split.validation),
    }


def _results(
    points: Sequence[Point], measured: Sequence[ScoredSystem], gains: Sequence[dict[str, Difference]]
) -> dict[str, Any]:
    return {
        "points": [
            {
                "share": point.share,
                "training_sentences": point.sentences,
                "steps": point.steps,
                "fingerprint": checkpoint.verify(point.folder),
                **found.scores.to_dict(),
                "intervals": as_json(found.intervals),
            }
            for point, found in zip(points, measured, strict=True)
        ],
        "gains": [as_json(gain) for gain in gains],
    }
