"""``python -m benchmarks.quality --gold FILE``: the baselines and a checkpoint on a gold file, in one record.

Every system labels the same sentences, document by document, and goes through :func:`framing.evaluate.score`. The
record holds no sentence of the gold, only its hash and the scores.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import options
from benchmarks.quality.scores import (
    ScoredSystem,
    as_json,
    difference,
    intervals_note,
    score_system,
    signed_interval,
    with_interval,
)
from benchmarks.quality.systems import CHECKPOINTS, OPENERS, Materials
from benchmarks.record import RESULTS_FOLDER, Record, Table, checkpoint_facts, command_line, gold_facts
from benchmarks.seeds import read_seeds, sha256_of_seeds
from benchmarks.suites import QualitySuite, choose
from framing.cli._errors import reporting_errors
from framing.codebook import VOICE, Codebook
from framing.evaluate.gold import GoldSet
from framing.evaluate.scoring import Difference, Scores
from framing.model.checkpoint import locate
from framing.speed import SEEDS
from framing.types import SentenceLabels

PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "transformers", "onnxruntime", "tokenizers")


@reporting_errors()
def main(
    gold: options.Gold,
    checkpoint: options.CheckpointName = "shipped",
    seeds: Annotated[Path, typer.Option(help="Folder of the seeds that the baselines learn from.")] = SEEDS,
    systems: options.Systems = "",
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Measure the systems of the suite on a gold file and write the record."""
    suite, codebook = QualitySuite.load(), Codebook.default()
    wanted = choose(systems, suite.systems)
    marked = GoldSet.read(gold, codebook)
    materials = Materials(read_seeds(codebook, seeds), codebook, checkpoint)
    measured: dict[str, ScoredSystem] = {}
    of_corpora: dict[str, dict[str, ScoredSystem]] = {}
    for name in wanted:
        typer.echo(f"{name} …", err=True)
        labels = marked.predict(OPENERS[name](materials))
        measured[name] = score_system(labels, marked, codebook, suite.bootstrap)
        of_corpora[name] = score_corpora(labels, marked, codebook, suite)
    differences = compare_reference(measured, marked, suite)
    inputs: dict[str, dict[str, Any]] = {
        "gold": gold_facts(gold, marked),
        "seeds": {"sentences": len(materials.seeds), "sha256": sha256_of_seeds(seeds)},
        **{
            "checkpoint" if name is None else f"checkpoint {name}": checkpoint_facts(locate(name or checkpoint))
            for system, name in CHECKPOINTS.items()
            if system in measured
        },
    }
    record = Record(
        suite.name,
        suite.title,
        command_line("benchmarks.quality"),
        inputs,
        _results(measured, differences, of_corpora, suite),
        (*tables(suite, measured, differences, codebook), *corpus_tables(suite, of_corpora)),
        PACKAGES,
    )
    record.save_and_tell(out)


def compare_reference(
    measured: Mapping[str, ScoredSystem], gold: GoldSet, suite: QualitySuite
) -> dict[str, dict[str, Difference]]:
    """The suite's reference minus each other system, where it was measured: system -> measure -> difference."""
    if (reference := measured.get(suite.reference)) is None:
        return {}
    others = {name: system for name, system in measured.items() if name != suite.reference}
    return {name: difference(reference, system, gold, suite.bootstrap) for name, system in others.items()}


def score_corpora(
    labels: Sequence[SentenceLabels], gold: GoldSet, codebook: Codebook, suite: QualitySuite
) -> dict[str, ScoredSystem]:
    """The scores on each corpus, largest first: the part of a document's name before its first ``/``.

    Corpora with fewer sentences than the suite asks for are left out.
    """
    places: dict[str, list[int]] = {}
    for place, group in enumerate(gold.groups):
        places.setdefault(group.partition("/")[0], []).append(place)
    large = {name: found for name, found in places.items() if len(found) >= suite.least_of_corpus}
    return {
        name: score_system([labels[i] for i in found], gold.select(found), codebook, suite.bootstrap)
        for name, found in sorted(large.items(), key=lambda item: -len(item[1]))
    }


def corpus_tables(suite: QualitySuite, measured: Mapping[str, Mapping[str, ScoredSystem]]) -> Iterator[Table]:
    """A table for each of the suite's measures by corpus; none where the gold has no two corpora."""
    titles = tuple(suite.systems[name] for name in measured)
    corpora = next(iter(measured.values()))
    for metric in suite.of_corpora if len(corpora) > 1 else ():
        rows = tuple(
            (
                corpus,
                str(corpora[corpus].scores.sentences),
                *(with_interval(systems[corpus].intervals[metric]) for systems in measured.values()),
            )
            for corpus in corpora
        )
        yield Table(f"By corpus: {suite.metrics[metric]}", ("corpus", "sentences", *titles), rows)


def tables(
    suite: QualitySuite,
    measured: Mapping[str, ScoredSystem],
    differences: Mapping[str, Mapping[str, Difference]],
    codebook: Codebook,
) -> tuple[Table, ...]:
    """What the report shows of the measurements."""
    titles = tuple(suite.systems[name] for name in measured)
    shown_whole = suite.reference if suite.reference in measured else list(measured)[-1]
    shown = [_headline_table(suite, measured, titles), _label_table(measured, titles, codebook)]
    if differences:
        shown.append(_difference_table(suite, differences))
    return (*shown, _voice_table(measured[shown_whole].scores, suite.systems[shown_whole], codebook))


def _headline_table(suite: QualitySuite, measured: Mapping[str, ScoredSystem], titles: tuple[str, ...]) -> Table:
    rows = tuple(
        (title, *(with_interval(system.intervals[name]) for system in measured.values()))
        for name, title in suite.metrics.items()
    )
    note = (
        f"{intervals_note(suite.bootstrap)} How each measure counts is told in `framing/evaluate/scoring.py`. The "
        "lexicon knows nothing of the page and calls every sentence body; the TF-IDF baseline gives the word or pair "
        "of words that weighs most as the span."
    )
    return Table("Systems", ("measure", *titles), rows, note)


def _label_table(measured: Mapping[str, ScoredSystem], titles: tuple[str, ...], codebook: Codebook) -> Table:
    support = {label.name: label.support for label in next(iter(measured.values())).scores.labels}
    rows = tuple(
        (name, str(support[name]), *(with_interval(system.intervals[f"f1/{name}"]) for system in measured.values()))
        for name in codebook.outputs
    )
    return Table("F1 of every label, by sentence", ("label", "sentences", *titles), rows)


def _difference_table(suite: QualitySuite, differences: Mapping[str, Mapping[str, Difference]]) -> Table:
    rows = tuple(
        (title, *(signed_interval(difference[name]) for difference in differences.values()))
        for name, title in suite.metrics.items()
    )
    columns = ("measure", *(f"against {suite.systems[name]}" for name in differences))
    return Table(
        f"Difference: {suite.systems[suite.reference]} minus the others",
        columns,
        rows,
        "Both on the same bootstrap samples.",
    )


def _voice_table(scores: Scores, title: str, codebook: Codebook) -> Table:
    rows = tuple(
        (voice, *(str(cell) for cell in row))
        for voice, row in zip(codebook.voices, scores.confusions[VOICE], strict=True)
    )
    return Table(f"Voices of paired mentions: {title}", ("gold \\ predicted", *codebook.voices), rows)


def _results(
    measured: Mapping[str, ScoredSystem],
    differences: Mapping[str, Mapping[str, Difference]],
    of_corpora: Mapping[str, Mapping[str, ScoredSystem]],
    suite: QualitySuite,
) -> dict[str, Any]:
    return {
        "systems": {
            name: {**system.scores.to_dict(), "intervals": as_json(system.intervals)}
            for name, system in measured.items()
        },
        "differences": {name: as_json(difference) for name, difference in differences.items()},
        "corpora": {
            name: {
                corpus: as_json({metric: system.intervals[metric] for metric in suite.of_corpora})
                for corpus, system in systems.items()
            }
            for name, systems in of_corpora.items()
        },
    }
