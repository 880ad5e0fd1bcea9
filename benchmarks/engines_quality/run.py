"""``python -m benchmarks.engines_quality --gold FILE``: what an engine or a precision costs in quality.

Every system labels the gold, document by document, and is scored as in the suite ``quality``; and it labels other
sentences, one by one, on which it is compared with the reference (single precision in torch) alone: how far
probabilities are apart, and in how many sentences a label changes. The reference's labels of the gold are also scored
for each outlet. The record holds no sentence, only hashes and scores.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import options
from benchmarks.engines_quality import outlets, texts
from benchmarks.engines_quality.agreement import ANYTHING, CHANGES, Agreement, compare
from benchmarks.engines_quality.outlets import OutletReport
from benchmarks.engines_quality.quantize import write_int8
from benchmarks.engines_quality.texts import TextSet
from benchmarks.quality.scores import (
    ScoredSystem,
    as_json,
    difference,
    intervals_note,
    score_system,
    signed_interval,
    with_interval,
)
from benchmarks.record import RESULTS_FOLDER, Record, Table, checkpoint_facts, command_line, gold_facts
from benchmarks.suites import EngineSpec, EnginesSuite, QualitySuite
from framing.cli._errors import reporting_errors
from framing.codebook import Codebook
from framing.errors import MissingExtraError, SettingError
from framing.evaluate.gold import GoldSet
from framing.evaluate.scoring import Difference
from framing.labeler import Labeler, load
from framing.markup import read_rows
from framing.model.checkpoint import Checkpoint
from framing.speed import SEEDS
from framing.types import SentenceLabels

PACKAGES = ("numpy", "scipy", "torch", "transformers", "onnxruntime", "onnx", "openvino", "tokenizers")
_CHANGE_TITLES = {
    "frames": "frames change",
    "spans": "spans change",
    "hedges": "hedges change",
    "kind": "kind changes",
    "voices": "voices change",
    "anything": "any of these",
}
_OUTLET_TITLES = {
    "frames_micro_f1": "frames, micro F1",
    "voice_accuracy": "voice of paired mentions, accuracy",
    "frames_found_ratio": "frames found for each that is there",
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """What one system said: of the gold, and of each other set of sentences."""

    gold: Sequence[SentenceLabels]
    texts: Sequence[Sequence[SentenceLabels]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One system beside the reference.

    Attributes:
        measured: its scores.
        difference: its scores minus the reference's.
        agreements: with the reference, on the gold and on each other set of sentences.
        engine: what ran where, see :meth:`framing.labeler.Labeler.describe`.
    """

    measured: ScoredSystem
    difference: Mapping[str, Difference]
    agreements: Mapping[str, Agreement]
    engine: Mapping[str, Any]


@reporting_errors()
def main(
    gold: options.Gold,
    checkpoint: options.CheckpointName = "shipped",
    seeds: Annotated[Path, typer.Option(help="Folder of the seeds to compare on.")] = SEEDS,
    lines: Annotated[Path | None, typer.Option("--texts", help="Sentences instead of the seeds', one a line.")] = None,
    articles: Annotated[Path | None, typer.Option(help="Documents to cut and to compare on too.")] = None,
    device: Annotated[str, typer.Option(help="cpu, or cuda.")] = "cpu",
    systems: options.Systems = "",
    threads: Annotated[int | None, typer.Option(help="On the CPU; one for each core if left out.", min=1)] = None,
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Compare engines and precisions with the fp32 reference and write the record."""
    suite, codebook, quality = EnginesSuite.load(), Codebook.default(), QualitySuite.load()
    chosen = suite.chosen(device, systems)
    marked = GoldSet.read(gold, codebook)
    sets = [texts.of_lines(lines) if lines else texts.of_seeds(seeds, codebook)]
    sets += [texts.of_articles(articles, suite.article_sentences)] if articles else []
    loaded = Checkpoint.load(checkpoint)
    comparisons = compare_all(chosen, loaded, marked, sets, suite, quality, threads)
    # The outlets are the reference's, whatever it is compared with: one record has them.
    of_outlets = (
        report_outlets(gold, comparisons[suite.reference].measured, suite, quality) if device == "cpu" else None
    )
    inputs = {
        "gold": gold_facts(gold, marked),
        "checkpoint": checkpoint_facts(loaded.folder),
        **{text_set.name: text_set.facts() for text_set in sets},
    }
    record = Record(
        suite.name if device == "cpu" else f"{suite.name}_{device}",
        suite.title if device == "cpu" else f"{suite.title} ({device})",
        command_line("benchmarks.engines_quality"),
        inputs,
        _results(comparisons, of_outlets),
        tables(suite, comparisons, of_outlets, quality),
        PACKAGES,
    )
    record.save_and_tell(out)


def compare_all(
    systems: Mapping[str, EngineSpec],
    checkpoint: Checkpoint,
    gold: GoldSet,
    sets: Sequence[TextSet],
    suite: EnginesSuite,
    quality: QualitySuite,
    threads: int | None = None,
) -> dict[str, Comparison]:
    """Run one system after the other, the reference first, and compare each with it: name -> comparison.

    What cannot be run on this machine is left out.
    """
    comparisons: dict[str, Comparison] = {}
    reference: Labelled | None = None
    for name, spec in systems.items():
        typer.echo(f"{spec.title} …", err=True)
        with ExitStack() as stack:
            try:
                labeler = stack.enter_context(opened(spec, checkpoint, suite, threads))
            except (MissingExtraError, SettingError) as error:
                if reference is None:
                    raise
                typer.echo(f"{spec.title} is left out: {error.message}", err=True)
                continue
            found, engine = label(labeler, spec, gold, sets), labeler.describe()
        reference = reference or found
        measured = score_system(found.gold, gold, checkpoint.codebook, quality.bootstrap)
        against = comparisons[suite.reference].measured if comparisons else measured
        comparisons[name] = Comparison(
            measured,
            difference(measured, against, gold, quality.bootstrap),
            agreements(spec, found, reference, sets),
            engine,
        )
    return comparisons


@contextmanager
def opened(spec: EngineSpec, checkpoint: Checkpoint, suite: EnginesSuite, threads: int | None) -> Iterator[Labeler]:
    """A labeler for a system; a quantised checkpoint is written into a temporary folder.

    Raises:
        SettingError: the device is not there.
        CheckpointError: the checkpoint cannot be run so.
    """
    with ExitStack() as stack:
        folder = checkpoint.folder
        if spec.int8:
            temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="framing-int8-"))
            folder = write_int8(checkpoint, Path(temporary, folder.name), **asdict(suite.int8))
        yield stack.enter_context(
            load(folder, engine=spec.engine, device=spec.device, precision=spec.precision, threads=threads)
        )


def label(labeler: Labeler, spec: EngineSpec, gold: GoldSet, sets: Sequence[TextSet]) -> Labelled:
    """Have a system label the gold, and of the other sets what it is to read."""
    return Labelled(gold.predict(labeler.sentences), [labeler(spec.read_of(text_set.sentences)) for text_set in sets])


def agreements(spec: EngineSpec, found: Labelled, reference: Labelled, sets: Sequence[TextSet]) -> dict[str, Agreement]:
    """How far a system is from the reference on the gold and on each set: name of the set -> agreement."""
    compared = {"gold": compare(reference.gold, found.gold)}
    for text_set, theirs, ours in zip(sets, reference.texts, found.texts, strict=True):
        compared[text_set.name] = compare(spec.read_of(theirs), ours)
    return compared


def report_outlets(
    gold: Path, reference: ScoredSystem, suite: EnginesSuite, quality: QualitySuite
) -> OutletReport | None:
    """The reference's scores per outlet; ``None`` where the gold names no outlets."""
    rows = list(read_rows(gold))
    if not any(outlets.normalised(row.outlet) for row in rows):
        return None
    return outlets.report(
        reference.scores.counts,
        [row.outlet for row in rows],
        [row.group for row in rows],
        **asdict(suite.outlets),
        **asdict(quality.bootstrap),
    )


def tables(
    suite: EnginesSuite,
    comparisons: Mapping[str, Comparison],
    of_outlets: OutletReport | None,
    quality: QualitySuite,
) -> tuple[Table, ...]:
    """What the report shows."""
    shown = [_score_table(suite, comparisons, quality)]
    others = [name for name in comparisons if name != suite.reference]
    if others:
        shown.append(_difference_table(suite, comparisons, others, quality))
        shown += [
            _agreement_table(suite, comparisons, others, name, quality)
            for name in comparisons[suite.reference].agreements
        ]
    return (*shown, *(_outlet_tables(of_outlets, suite, quality) if of_outlets else ()))


def _score_table(suite: EnginesSuite, comparisons: Mapping[str, Comparison], quality: QualitySuite) -> Table:
    rows = tuple(
        (title, *(with_interval(system.measured.intervals[name]) for system in comparisons.values()))
        for name, title in quality.metrics.items()
    )
    note = intervals_note(quality.bootstrap)
    if any(suite.systems[name].int8 for name in comparisons):
        note += " ONNX int8 is ONNX Runtime's dynamic quantisation, made for this comparison only."
    return Table("Scores on the gold", ("measure", *_titles(suite, comparisons)), rows, note)


def _difference_table(
    suite: EnginesSuite, comparisons: Mapping[str, Comparison], others: Sequence[str], quality: QualitySuite
) -> Table:
    rows = tuple(
        (title, *(signed_interval(comparisons[other].difference[name]) for other in others))
        for name, title in quality.metrics.items()
    )
    title = f"Difference: each minus {suite.systems[suite.reference].title}"
    return Table(title, ("measure", *_titles(suite, others)), rows, "Both on the same bootstrap samples.")


def _agreement_table(
    suite: EnginesSuite,
    comparisons: Mapping[str, Comparison],
    others: Sequence[str],
    text_set: str,
    quality: QualitySuite,
) -> Table:
    columns = ("system", "sentences", "largest Δ probability", "mean of each one's largest", *_CHANGE_TITLES.values())
    rows = tuple(
        _agreement_row(suite.systems[other].title, comparisons[other].agreements[text_set], quality.bootstrap.level)
        for other in others
    )
    note = (
        f"Shares of the sentences, with how many in parentheses, and {quality.bootstrap.level:.0%} Wilson intervals in "
        "brackets. Frames and hedges change where their set does, spans where the place of a mention, hedge or source "
        "does, voices where a mention at the same place has another."
    )
    reference = suite.systems[suite.reference].title
    return Table(f"Agreement with {reference}: {text_set}", columns, rows, note)


def _agreement_row(title: str, agreement: Agreement, level: float) -> tuple[str, ...]:
    shares = {change: agreement.share(change, level) for change in CHANGES}
    cells = {change: f"{share.value:.2%} ({agreement.changed[change]})" for change, share in shares.items()}
    whole = shares[ANYTHING]
    cells[ANYTHING] += f" [{whole.low:.2%}, {whole.high:.2%}]"
    gaps = f"{agreement.largest_gap:.1e}", f"{agreement.mean_gap:.1e}"
    return (title, f"{agreement.sentences:,}", *gaps, *(cells[change] for change in _CHANGE_TITLES))


def _outlet_tables(report: OutletReport, suite: EnginesSuite, quality: QualitySuite) -> tuple[Table, Table]:
    scores = tuple(
        (
            outlet.name,
            str(outlet.sentences),
            str(outlet.documents),
            *(with_interval(outlet.intervals[name]) for name in _OUTLET_TITLES),
        )
        for outlet in report.outlets
    )
    tests = tuple(
        (title, f"{test.deviation:.3f}", f"{test.expected:.3f}", f"{test.p:.4f}")
        for name, title in _OUTLET_TITLES.items()
        for test in [report.tests[name]]
    )
    drawn = quality.bootstrap
    note = (
        f"Outlets with at least {suite.outlets.least_sentences} gold sentences; brackets hold {drawn.level:.0%} "
        f"percentile intervals of {drawn.resamples:,} bootstrap samples of the outlet's documents, which say little "
        "where there are few. Frames found for each that is there: 1 is fair, more is overcounting."
    )
    test_note = (
        f"{suite.outlets.permutations:,} permutations of the outlets over the documents; the deviation is that "
        "between outlets, weighted by sentences, p the share of permutations with at least the observed one. Outlets "
        "also differ in genre and in how their texts were collected: p says that errors differ, not why."
    )
    return (
        Table(
            f"Error per outlet: {suite.systems[suite.reference].title}",
            ("outlet", "sentences", "documents", *_OUTLET_TITLES.values()),
            scores,
            note,
        ),
        Table(
            "Do the outlets differ?",
            ("measure", "deviation between outlets", "expected by chance", "p"),
            tests,
            test_note,
        ),
    )


def _titles(suite: EnginesSuite, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(suite.systems[name].title for name in names)


def _results(comparisons: Mapping[str, Comparison], of_outlets: OutletReport | None) -> dict[str, Any]:
    return {
        "systems": {
            name: {
                **comparison.measured.scores.to_dict(),
                "intervals": as_json(comparison.measured.intervals),
                "difference": as_json(comparison.difference),
                "agreement": {text_set: asdict(agreement) for text_set, agreement in comparison.agreements.items()},
                "engine": comparison.engine,
            }
            for name, comparison in comparisons.items()
        },
        "outlets": {
            "scores": [
                {
                    "outlet": outlet.name,
                    "sentences": outlet.sentences,
                    "documents": outlet.documents,
                    **as_json(outlet.intervals),
                }
                for outlet in of_outlets.outlets
            ],
            "tests": {name: asdict(test) for name, test in of_outlets.tests.items()},
        }
        if of_outlets
        else None,
    }
