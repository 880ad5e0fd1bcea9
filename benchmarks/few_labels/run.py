"""``python -m benchmarks.few_labels --gold FILE --work FOLDER``: quality by the number of marked sentences per label.

Every split is a draw of training sentences by a seed of its own, the same for all systems, and every system is trained
on it once, with that seed. What a training gave stays in the working folder, and ``--resume`` takes it from there, so
that trainings can be runs of their own; ``--finished`` writes the record of what is there. What was trained is thrown
away. The record holds no sentence.

Time is CPU time of the whole process, over all its threads, so that other work on the machine does not count.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks import options
from benchmarks.few_labels.drawing import draw, labels_of, without
from benchmarks.few_labels.suite import FewLabelsSuite
from benchmarks.few_labels.systems import TRAINERS
from benchmarks.human.measures import Found
from benchmarks.human.systems import Task
from benchmarks.quality.scores import signed_interval, with_interval
from benchmarks.record import RESULTS_FOLDER, Record, Table, command_line, gold_facts
from benchmarks.seeds import read_seeds, sha256_of_seeds
from benchmarks.suites import choose
from framing.cli._errors import reporting_errors
from framing.codebook import Codebook
from framing.errors import InputError
from framing.evaluate.gold import GoldSet
from framing.evaluate.scoring import Array, Difference, Interval
from framing.files import write_whole
from framing.speed import SEEDS

PACKAGES = (
    "numpy",
    "scikit-learn",
    "torch",
    "transformers",
    "accelerate",
    "sentence-transformers",
    "setfit",
    "onnxruntime",
    "tokenizers",
)
#: What is measured -> what the report calls it.
MEASURES = {"macro_f1": "frames, macro F1", "micro_f1": "frames, micro F1"}


@dataclass(frozen=True, slots=True)
class Training:
    """One training and what came of it.

    Attributes:
        system: that was trained.
        size: sentences that carry each label, at least.
        split: seed of the draw and of the training.
        sentences: that were drawn.
        training, finding: seconds of CPU time.
        macro_f1, micro_f1: of frames at the level of sentences, on the gold.
        f1_of: label -> F1.
    """

    system: str
    size: int
    split: int
    sentences: int
    training: float
    finding: float
    macro_f1: float
    micro_f1: float
    f1_of: dict[str, float]


@reporting_errors()
def main(
    gold: options.Gold,
    work: Annotated[Path, typer.Option(help="Folder for trainings and what they gave, outside the checkout.")],
    seeds: Annotated[Path, typer.Option(help="Folder of the marked sentences to draw from.")] = SEEDS,
    sizes: Annotated[str, typer.Option(help="Which sizes, joined by commas; all of the suite if left out.")] = "",
    splits: Annotated[str, typer.Option(help="Which splits, joined by commas; all of the suite if left out.")] = "",
    systems: options.Systems = "",
    resume: Annotated[bool, typer.Option("--resume", help="Take trainings that are finished in the folder.")] = False,
    finished: Annotated[
        bool, typer.Option("--finished", help="Train nothing; record the trainings that are finished in the folder.")
    ] = False,
    threads: Annotated[int, typer.Option(help="Of torch.", min=1)] = 1,
    suite_file: options.SuiteFile = FewLabelsSuite.file(),
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Draw few marked sentences, have each system learn from them, measure it on a gold file and write the record."""
    import torch

    torch.set_num_threads(threads)
    declared = FewLabelsSuite.load(suite_file)
    suite = replace(
        declared,
        sizes=tuple(map(int, choose(sizes, map(str, declared.sizes), "the size"))),
        splits=tuple(map(int, choose(splits, map(str, declared.splits), "the split"))),
    )
    wanted, codebook = choose(systems, suite.systems), Codebook.default()
    tested = GoldSet.read(gold, codebook)
    pool = without(read_seeds(codebook, seeds), tested)
    trainings = []
    for split in suite.splits:
        for size in suite.sizes:
            drawn = draw(pool, codebook.label_names, size, split)
            for system in wanted:
                one = Cell(suite, system, size, split, drawn, tested)
                done = one.kept(work) if resume or finished else None
                if done is None and not finished:
                    done = train(one, work)
                if done is not None:
                    trainings.append(done)
                    _announce(done)
    if not trainings:
        raise InputError(f"{work} has no training that is finished", expected="one of this suite, on this gold")
    record = Record(
        suite.name,
        suite.title,
        command_line("benchmarks.few_labels"),
        {"gold": gold_facts(gold, tested), "training": _training_facts(suite, seeds, pool)},
        results(suite, trainings),
        tables(suite, trainings),
        PACKAGES,
    )
    record.save_and_tell(out)


@dataclass(frozen=True, slots=True)
class Cell:
    """A training as it is declared.

    Attributes:
        suite: says how.
        system: one of its systems.
        size, split: of the draw.
        drawn: to learn from.
        tested: to be measured on.
    """

    suite: FewLabelsSuite
    system: str
    size: int
    split: int
    drawn: GoldSet
    tested: GoldSet

    @property
    def name(self) -> str:
        """Of its files in the working folder."""
        return f"{self.system}-{self.size}-{self.split}"

    @property
    def settings(self) -> dict[str, Any]:
        """Of its training."""
        return self.suite.systems[self.system].settings_for(len(self.drawn))

    def fingerprint(self, codebook: Codebook) -> str:
        """SHA-256 of everything that it depends on but the code and its libraries."""
        said = (self.system, self.suite.base, self.split, sorted(self.settings.items()), codebook.fingerprint)
        drawn, tested = self.drawn, self.tested
        told = (drawn.sentences, drawn.kinds, drawn.groups, tested.sentences, tested.groups)
        return hashlib.sha256(repr((said, told)).encode()).hexdigest()

    def kept(self, work: Path) -> Training | None:
        """What it gave, where the folder has it finished."""
        path = work / f"{self.name}.json"
        if not path.is_file():
            return None
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Training(**kept) if kept.pop("of") == self.fingerprint(Codebook.default()) else None


def train(cell: Cell, work: Path) -> Training:
    """Have a system learn and say what it finds.

    Args:
        cell: what is trained, and how.
        work: gets a folder for the training, and a file with what it gave.

    Raises:
        FramingError: the system cannot learn from that.
    """
    folder, codebook = work / cell.name, Codebook.default()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    codebook_file = folder / "codebook.yaml"
    codebook_file.write_text(codebook.to_yaml(), encoding="utf-8")
    labels = codebook.label_names
    task = Task(cell.drawn, codebook, codebook_file, labels, cell.suite.base, cell.settings, cell.split, folder)
    started = time.process_time()
    find = TRAINERS[cell.system](task)
    trained = time.process_time()
    found = [one for texts in _documents(cell.tested) for one in find(texts)]
    ended = time.process_time()
    shutil.rmtree(folder)
    macro, micro, f1_of = score(cell.tested, found, labels)
    done = Training(
        cell.system,
        cell.size,
        cell.split,
        len(cell.drawn),
        training=trained - started,
        finding=ended - trained,
        macro_f1=macro,
        micro_f1=micro,
        f1_of=f1_of,
    )
    write_whole(work / f"{cell.name}.json", json.dumps({"of": cell.fingerprint(codebook), **asdict(done)}, indent=1))
    return done


def score(tested: GoldSet, found: Sequence[Found], labels: Sequence[str]) -> tuple[float, float, dict[str, float]]:
    """Macro F1, micro F1 and the F1 of each label, of whether sentences carry labels.

    A label that neither the gold nor the system has is left out of the mean, as in :mod:`framing.evaluate.scoring`.
    """
    truth, said = (
        np.array([[label in one for label in labels] for one in side], dtype=bool)
        for side in ([labels_of(sentence, labels) for sentence in tested.sentences], [one.labels for one in found])
    )
    above, below = 2.0 * (truth & said).sum(axis=0), truth.sum(axis=0) + said.sum(axis=0)
    f1_of = {label: float(a / b) for label, a, b in zip(labels, above, below, strict=True) if b}
    if not f1_of:
        return math.nan, math.nan, {}
    return float(np.mean(list(f1_of.values()))), float(above.sum() / below.sum()), f1_of


def over_splits(values: Sequence[float], level: float) -> Interval:
    """The mean with Student's interval: of the mean of splits like these, without an end where there is one split."""
    from scipy import stats

    array: Array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean())
    if len(array) < 2:
        return Interval(mean, math.nan, math.nan)
    width = float(stats.t.ppf((1 + level) / 2, len(array) - 1) * array.std(ddof=1) / math.sqrt(len(array)))
    return Interval(mean, mean - width, mean + width)


def tables(suite: FewLabelsSuite, trainings: Sequence[Training]) -> tuple[Table, ...]:
    """What the report shows: each measure by system and size, the reference minus the others, and the time."""
    sizes = [size for size in suite.sizes if any(t.size == size for t in trainings)]
    systems = [system for system in suite.systems if any(t.system == system for t in trainings)]
    columns = tuple(f"{size} per label" for size in sizes)
    drawn = {size: {t.split: t.sentences for t in trainings if t.size == size} for size in sizes}
    drawn_rows = [
        ("marked sentences", *(_mean_of(of_split.values()) for of_split in drawn.values())),
        ("splits", *(str(len(of_split)) for of_split in drawn.values())),
    ]
    shown = []
    for place, (measure, title) in enumerate(MEASURES.items()):
        rows = [
            (
                suite.systems[s].title,
                *(_shown(_values(trainings, s, size, measure), len(drawn[size]), suite.level) for size in sizes),
            )
            for s in systems
        ]
        note = "" if place else _note(suite)
        shown.append(Table(title, ("learned from", *columns), (*drawn_rows, *rows), note))
    if suite.reference in systems:
        shown += [_gaps(suite, trainings, measure, sizes, systems) for measure in MEASURES if len(systems) > 1]
    seconds = [
        (
            suite.systems[s].title,
            *(_mean_of(t.training for t in trainings if (t.system, t.size) == (s, size)) for size in sizes),
        )
        for s in systems
    ]
    shown.append(
        Table(
            "CPU seconds of a training",
            ("learned from", *columns),
            tuple(seconds),
            "Over all threads, with reading and writing of files; a mean over splits.",
        )
    )
    return tuple(shown)


def _gaps(
    suite: FewLabelsSuite, trainings: Sequence[Training], measure: str, sizes: Sequence[int], systems: Sequence[str]
) -> Table:
    """The reference minus each of the others, split by split."""
    rows = []
    for system in systems:
        if system == suite.reference:
            continue
        cells = []
        for size in sizes:
            ours, theirs = (_values(trainings, one, size, measure) for one in (suite.reference, system))
            gaps = [ours[split] - theirs[split] for split in ours if split in theirs]
            cells.append(_signed(gaps, suite.level))
        rows.append((f"against {suite.systems[system].title}", *cells))
    return Table(
        f"{MEASURES[measure]}: {suite.systems[suite.reference].title} minus the others",
        ("learned from", *(f"{size} per label" for size in sizes)),
        tuple(rows),
        "Differences on the same draw, their mean and Student's interval over splits.",
    )


def _values(trainings: Sequence[Training], system: str, size: int, measure: str) -> dict[int, float]:
    """Split -> the measure of a system at a size."""
    return {t.split: getattr(t, measure) for t in trainings if (t.system, t.size) == (system, size)}


def _shown(values: Mapping[int, float], splits: int, level: float) -> str:
    """A mean with its interval, with the number of splits where some lack; a dash where nothing was measured."""
    if not values:
        return "–"
    found = over_splits(list(values.values()), level)
    shown = with_interval(found) if len(values) > 1 else f"{found.value:.3f}"
    return shown if len(values) == splits else f"{shown} ({len(values)} of the splits)"


def _signed(gaps: Sequence[float], level: float) -> str:
    """A mean difference with its interval, which one split does not have."""
    if not gaps:
        return "–"
    found = over_splits(gaps, level)
    if len(gaps) == 1:
        return f"{found.value:+.3f}"
    return signed_interval(Difference(found.value, found.low, found.high, math.nan))


def _mean_of(values: Any) -> str:
    values = list(values)
    return f"{sum(values) / len(values):,.0f}" if values else "–"


def _note(suite: FewLabelsSuite) -> str:
    limits = [
        f" {system.title} makes {system.settings['most_steps']:,} steps at most."
        for system in suite.systems.values()
        if "most_steps" in system.settings
    ]
    return (
        f"Brackets hold {suite.level:.0%} intervals of Student's t over splits: how much another draw and training "
        "would differ, on this gold; with two or three splits they are wide, and one has none. A split draws sentences "
        "until each label is carried by as many as the column says, and with them as many without any label as where "
        "they are drawn from (`benchmarks/few_labels/drawing.py`); all systems learn from the same. All with an "
        f"encoder start from {suite.base}. framing-train has its defaults: it holds a part out for its thresholds. "
        "The lexicon chooses its own by cross-validation; the others say a label that is more likely than not."
        f"{''.join(limits)}"
    )


def results(suite: FewLabelsSuite, trainings: Sequence[Training]) -> dict[str, Any]:
    """Everything measured, JSON-ready: each training, and means with intervals."""
    means = [
        {
            "system": system,
            "size": size,
            "n": len(values),
            "measure": measure,
            **{name: _rounded(value) for name, value in asdict(over_splits(values, suite.level)).items()},
        }
        for system in suite.systems
        for size in suite.sizes
        for measure in MEASURES
        if (values := list(_values(trainings, system, size, measure).values()))
    ]
    return {"interval": f"Student's t over splits, {suite.level:.0%}", "means": means, "trainings": _plain(trainings)}


def _plain(trainings: Sequence[Training]) -> list[dict[str, Any]]:
    return [
        {
            "system": t.system,
            "size": t.size,
            "split": t.split,
            "sentences": t.sentences,
            "training_cpu_seconds": round(t.training, 1),
            "finding_cpu_seconds": round(t.finding, 1),
            "macro_f1": _rounded(t.macro_f1),
            "micro_f1": _rounded(t.micro_f1),
            "f1_of": {label: _rounded(value) for label, value in t.f1_of.items()},
        }
        for t in trainings
    ]


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


def _training_facts(suite: FewLabelsSuite, seeds: Path, pool: GoldSet) -> dict[str, Any]:
    return {
        "seeds_sha256": sha256_of_seeds(seeds),
        "sentences_to_draw_from": len(pool),
        "base": suite.base,
        "sizes": list(suite.sizes),
        "splits": list(suite.splits),
    }


def _documents(gold: GoldSet) -> list[list[str]]:
    """The sentences of each document, which stand together, in order."""
    pairs = zip(gold.groups, gold.sentences, strict=True)
    return [[sentence.text for _, sentence in run] for _, run in groupby(pairs, key=lambda pair: pair[0])]


def _announce(done: Training) -> None:
    typer.echo(
        f"{done.system}, {done.size} per label ({done.sentences} sentences), split {done.split}: macro F1 "
        f"{done.macro_f1:.3f}, micro F1 {done.micro_f1:.3f}, {done.training:.0f} CPU seconds",
        err=True,
    )
