"""``python -m benchmarks.human --data SET=TRAIN[,TEST] …``: codebooks that others made, labels that others gave.

A set without a file to test on is tested by folds of its documents; the measured folds are scored together. The record
holds no sentence, only hashes and scores. What a system found stays in the working folder, and ``--resume`` takes it
from there, so that each training can be a run of its own.

Time is CPU time of the whole process, over all its threads, so that other work on the machine does not count.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import options
from benchmarks.human.forms import Labelled, draw, fold, read_labelled
from benchmarks.human.measures import Found, Span, Sums, differences, intervals, measure
from benchmarks.human.suite import HumanSuite, LabelledSet
from benchmarks.human.systems import TRAINERS, Task
from benchmarks.quality.scores import as_json, intervals_note, signed_interval, with_interval
from benchmarks.record import RESULTS_FOLDER, Record, Table, command_line, sha256_of
from benchmarks.suites import choose, require_known
from framing.cli._errors import reporting_errors
from framing.errors import InputError, SettingError
from framing.evaluate.gold import GoldSet
from framing.files import write_whole

PACKAGES = ("numpy", "scikit-learn", "torch", "transformers", "accelerate", "onnxruntime", "tokenizers")
WAYS = {"exact": "exact", "begin": "begin", "jaccard": "Jaccard"}


@dataclass(frozen=True, slots=True)
class Part:
    """Sentences to learn from, and others to be measured on."""

    train: GoldSet
    test: GoldSet


@dataclass(frozen=True, slots=True)
class Answers:
    """What a system said of a part's test sentences, and what that took, in seconds of CPU time."""

    found: tuple[Found, ...]
    training: float
    finding: float


@dataclass(frozen=True, slots=True)
class MeasuredSet:
    """A set with its systems' answers.

    Attributes:
        declared: the set.
        files: their hashes and sizes.
        parts: what was measured.
        answers: system -> of each part.
    """

    declared: LabelledSet
    files: dict[str, Any]
    parts: tuple[Part, ...]
    answers: dict[str, tuple[Answers, ...]]

    @property
    def groups(self) -> list[str]:
        """The document of every test sentence."""
        return [group for part in self.parts for group in part.test.groups]

    def sums(self, system: str) -> dict[str, Sums]:
        """A system's measures over all parts."""
        gold = [sentence for part in self.parts for sentence in part.test.sentences]
        found = [one for answers in self.answers[system] for one in answers.found]
        return measure(gold, found, self.declared.sentences, self.declared.spans)


@reporting_errors()
def main(
    data: Annotated[list[str], typer.Option(help="SET=TRAIN or SET=TRAIN,TEST; may be given several times.")],
    work: Annotated[Path, typer.Option(help="Folder for checkpoints and answers, outside the checkout.")],
    systems: options.Systems = "",
    resume: Annotated[bool, typer.Option("--resume", help="Take answers that are there.")] = False,
    suite_file: options.SuiteFile = HumanSuite.file(),
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Train each system on each set, measure it and write the record."""
    suite = HumanSuite.load(suite_file)
    wanted = choose(systems, suite.systems)
    sets = {
        name: measure_set(suite, name, files, [s for s in wanted if s in suite.sets[name].systems], work, resume=resume)
        for name, files in files_of(data, suite).items()
    }
    record = Record(
        suite.name,
        suite.title,
        command_line("benchmarks.human"),
        {name: one.files for name, one in sets.items()},
        {name: _results(suite, one) for name, one in sets.items()},
        tuple(table for one in sets.values() for table in tables(suite, one)),
        PACKAGES,
    )
    record.save_and_tell(out)


def files_of(data: Sequence[str], suite: HumanSuite) -> dict[str, list[Path]]:
    """Set -> its file to learn from and, where there is one, its file to test on.

    Raises:
        SettingError: an entry is not ``SET=TRAIN`` or ``SET=TRAIN,TEST``, or names a set that the suite lacks.
    """
    named = {}
    for entry in data:
        name, _, written = entry.partition("=")
        require_known(name, suite.sets, "the set")
        paths = [Path(path) for path in written.split(",") if path]
        if not 1 <= len(paths) <= 2:
            raise SettingError(f"--data {entry}", expected="SET=TRAIN or SET=TRAIN,TEST")
        named[name] = paths
    return named


def measure_set(
    suite: HumanSuite, name: str, files: Sequence[Path], systems: Sequence[str], work: Path, *, resume: bool
) -> MeasuredSet:
    """Have the systems learn a set and say what they find in its test sentences.

    Raises:
        FramingError: a file cannot be read, or a training fails.
    """
    declared = suite.sets[name]
    read = [read_labelled(path, declared.form, declared.names) for path in files]
    parts = split(suite, declared, read)
    answers: dict[str, tuple[Answers, ...]] = {}
    for system in systems:
        said = []
        for number, part in enumerate(parts):
            folder = work / name / f"{system}-{number}"
            said.append(answer(suite, declared, system, part, folder, resume=resume))
            typer.echo(f"{name}, part {number}, {system}: {said[-1].training:.0f} CPU seconds of training", err=True)
        answers[system] = tuple(said)
    facts = {
        "files": [path.name for path in files],
        "sha256": [sha256_of(path) for path in files],
        "overlapping_spans_left_out": sum(one.left_out for one in read),
        "training_sentences": [len(part.train) for part in parts],
        "training_documents": [len(set(part.train.groups)) for part in parts],
        "test_sentences": [len(part.test) for part in parts],
        "test_documents": [len(set(part.test.groups)) for part in parts],
    }
    return MeasuredSet(declared, facts, parts, answers)


def split(suite: HumanSuite, declared: LabelledSet, read: Sequence[Labelled]) -> tuple[Part, ...]:
    """The parts of a set: its own two files, or the measured folds of the documents of one.

    Raises:
        InputError: a document is on both sides, or a side is empty.
    """
    marked = [one.marked for one in read]
    pairs = (
        [(marked[0], marked[1])]
        if len(marked) > 1
        else [fold(marked[0], number, declared.folds, suite.seed) for number in declared.parts]
    )
    parts = []
    for train, test in pairs:
        if both := set(train.groups) & set(test.groups):
            raise InputError(f"the document {min(both)!r} is in both files", expected="other documents to test on")
        if not train or not test:
            raise InputError("a side of the split has no sentence", expected="documents on both sides")
        parts.append(Part(draw(train, declared.most_training_sentences, suite.seed), test))
    return tuple(parts)


def answer(suite: HumanSuite, declared: LabelledSet, system: str, part: Part, folder: Path, *, resume: bool) -> Answers:
    """Train a system on a part, or take what it has said of it before."""
    folder.mkdir(parents=True, exist_ok=True)
    path, of = folder / "answers.json", _fingerprint(suite, declared, system, part)
    if resume and path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["of"] == of:
            return Answers(tuple(map(_found_from_json, kept["found"])), kept["training"], kept["finding"])
    task = Task(
        part.train,
        declared.load_codebook(),
        declared.codebook_file,
        declared.sentences,
        suite.base,
        suite.settings,
        suite.seed,
        folder,
    )
    started = time.process_time()
    find = TRAINERS[system](task)
    trained = time.process_time()
    found = tuple(one for texts in _documents(part.test) for one in find(texts))
    answers = Answers(found, trained - started, time.process_time() - trained)
    kept = {"of": of, "training": answers.training, "finding": answers.finding}
    write_whole(path, json.dumps({**kept, "found": [_found_to_json(one) for one in found]}))
    return answers


def _documents(gold: GoldSet) -> list[list[str]]:
    """The sentences of each document, which stand together, in order."""
    pairs = zip(gold.groups, gold.sentences, strict=True)
    return [[sentence.text for _, sentence in run] for _, run in groupby(pairs, key=lambda pair: pair[0])]


def _fingerprint(suite: HumanSuite, declared: LabelledSet, system: str, part: Part) -> str:
    said = (system, suite.base, suite.seed, sorted(suite.settings.items()), declared.load_codebook().fingerprint)
    told = (declared.sentences, part.train.sentences, part.train.groups, part.test.sentences, part.test.groups)
    return hashlib.sha256(repr((said, told)).encode()).hexdigest()


def _found_to_json(found: Found) -> dict[str, Any]:
    spans = {label: [[span.start, span.end] for span in places] for label, places in found.spans.items()}
    return {"labels": sorted(found.labels), "spans": spans}


def _found_from_json(kept: Mapping[str, Any]) -> Found:
    spans = {label: tuple(Span(*place) for place in places) for label, places in kept["spans"].items()}
    return Found(frozenset(kept["labels"]), spans)


def tables(suite: HumanSuite, one: MeasuredSet) -> tuple[Table, ...]:
    """What the report shows of a set: every system's measures, and the reference minus the others."""
    declared = one.declared
    rows = [(name, title) for name, title in _titles(declared).items()]
    measured = {system: intervals(one.sums(system), one.groups, suite.bootstrap) for system in one.answers}
    cells = [
        (title, *(_shown(system, name, estimates, with_interval) for system, estimates in measured.items()))
        for name, title in rows
    ]
    spent = [
        ("training, CPU seconds", *(_mean(a.training for a in answers) for answers in one.answers.values())),
        ("test sentences per CPU second", *(_rate(answers) for answers in one.answers.values())),
    ]
    systems = tuple(suite.systems[system] for system in one.answers)
    shown = [Table(declared.title, ("measure", *systems), (*cells, *spent), _note(suite, one))]
    if suite.reference in one.answers and len(one.answers) > 1:
        ours = one.sums(suite.reference)
        gaps = {
            system: differences(ours, one.sums(system), one.groups, suite.bootstrap)
            for system in one.answers
            if system != suite.reference
        }
        shown.append(
            Table(
                f"{declared.title}: {suite.systems[suite.reference]} minus the others",
                ("measure", *(f"against {suite.systems[system]}" for system in gaps)),
                tuple(
                    (title, *(_shown(system, name, gap, signed_interval) for system, gap in gaps.items()))
                    for name, title in rows
                ),
                "Both on the same bootstrap samples.",
            )
        )
    return tuple(shown)


def _titles(declared: LabelledSet) -> dict[str, str]:
    """Measure -> what the report calls it."""
    called = {label: name for name, label in declared.names.items()}
    titles = {}
    for label in declared.sentences:
        for measured, title in (("f1", "F1"), ("precision", "precision"), ("recall", "recall")):
            titles[f"sentence/{label}/{measured}"] = f"{label} sentences, {title}"
    for suffix, remark in (("", ""), (", words", ", by words")):
        for label in declared.spans:
            for way, title in WAYS.items():
                titles[f"{way}{suffix}/{label}"] = f"{called[label].lower()} spans, {title}{remark}"
    return titles


def _shown(system: str, name: str, estimates: Mapping[str, Any], show: Any) -> str:
    """A cell; systems that know no spans have a dash."""
    return "–" if system in _WITHOUT_SPANS and not name.startswith("sentence/") else show(estimates[name])


_WITHOUT_SPANS = frozenset({"tfidf", "auto_sequence"})


def _mean(values: Any) -> str:
    values = list(values)
    return f"{sum(values) / len(values):,.0f}"


def _rate(answers: Sequence[Answers]) -> str:
    return f"{sum(len(a.found) for a in answers) / max(sum(a.finding for a in answers), 1e-9):,.0f}"


def _note(suite: HumanSuite, one: MeasuredSet) -> str:
    declared = one.declared
    train, test = (" and ".join(_size(getattr(part, side)) for part in one.parts) for side in ("train", "test"))
    folds = f" (folds {', '.join(str(n) for n in declared.parts)} of {declared.folds})" if not _has_test(one) else ""
    return (
        f"Trained on {train}, tested on {test}{folds}; all with an encoder start from {suite.base}, with the same "
        "settings. "
        f"{declared.published} {intervals_note(suite.bootstrap)} How spans are measured is told in "
        "`benchmarks/human/measures.py`."
    )


def _size(gold: GoldSet) -> str:
    return f"{len(gold):,} sentences of {len(set(gold.groups)):,} documents"


def _has_test(one: MeasuredSet) -> bool:
    return len(one.files["files"]) > 1


def _results(suite: HumanSuite, one: MeasuredSet) -> dict[str, Any]:
    return {
        system: {
            "training_cpu_seconds": [round(a.training, 1) for a in answers],
            "finding_cpu_seconds": [round(a.finding, 1) for a in answers],
            "measures": as_json(intervals(one.sums(system), one.groups, suite.bootstrap)),
        }
        for system, answers in one.answers.items()
    }
