"""``python -m benchmarks.coverage --gold FILE``: intervals over corpora whose truth is known, in one record.

The gold's sentences are labelled once; what corpora are put together from are counts, which ``--units`` keeps for the
next run. The record holds no sentence of the gold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer
from scipy.sparse import csr_array

from benchmarks import options
from benchmarks.coverage.corpora import MadeCorpus, World, make_corpus, world_of
from benchmarks.coverage.suite import CoverageSuite, Size
from benchmarks.coverage.units import Units
from benchmarks.record import RESULTS_FOLDER, Record, Table, checkpoint_facts, command_line, sha256_of
from framing.cli._errors import reporting_errors
from framing.codebook import Codebook
from framing.compare.correction import correct_ratios
from framing.compare.differences import differ, q_values
from framing.compare.estimands import ESTIMANDS, Cell, Ratios
from framing.compare.intervals import Estimates, estimate
from framing.compare.sampling import draw
from framing.evaluate.gold import GoldSet
from framing.labeler import load
from framing.model.checkpoint import locate

Array = npt.NDArray[Any]

#: Ways to estimate: by the model alone, by the annotated documents alone, and both.
WAYS = {"naive": "the model alone", "annotated": "annotated alone", "corrected": "corrected"}
#: Shares that are rarer in truth than this are reported apart.
_RARE = 0.05
#: Corpora whose estimates are held at once.
_AT_ONCE = 100


@reporting_errors()
def main(
    gold: options.Gold,
    checkpoint: options.CheckpointName = "shipped",
    units: Annotated[Path | None, typer.Option(help="Counts of an earlier run, or where to keep them (.npz).")] = None,
    corpora: Annotated[
        int | None, typer.Option(min=1, help="Of each scenario and size; as declared if left out.")
    ] = None,
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Measure how often intervals hold the truth and write the record."""
    suite, codebook = CoverageSuite.load(), Codebook.default()
    counts = units_of(gold, checkpoint, codebook, units)
    contrast = codebook.contrast(suite.contrast)
    places = [codebook.label_names.index(label) for label in contrast.labels]
    many = corpora or suite.corpora
    measured: dict[str, dict[str, Any]] = {}
    for name, scenario in suite.scenarios.items():
        world = world_of(
            counts,
            places,
            contrast.labels.index(suite.label),
            scenario,
            parts=suite.parts,
            clumping=suite.clumping,
        )
        for size in suite.sizes:
            typer.echo(f"{name}, {size.documents} documents …", err=True)
            key = f"{name}/{size.documents}"
            measured[key] = {
                "scenario": name,
                "documents": size.documents,
                "annotated_documents": size.annotated,
                "corpora": many,
                "shares": world.shares.tolist(),
                **measure(world, size, suite, contrast.labels, many),
            }
    inputs: dict[str, dict[str, Any]] = {
        "gold": {"file": gold.name, "sha256": sha256_of(gold), "documents": len(counts.truth)},
        "checkpoint": checkpoint_facts(locate(checkpoint)),
    }
    record = Record(
        suite.name, suite.title, command_line("benchmarks.coverage"), inputs, measured, tables(suite, measured, many)
    )
    record.save_and_tell(out)


def units_of(gold: Path, checkpoint: str, codebook: Codebook, kept: Path | None) -> Units:
    """Counts that are kept, or those of the gold labelled now."""
    if kept is not None and kept.is_file():
        return Units.load(kept)
    with load(checkpoint) as labeler:
        counts = Units.label(GoldSet.read(gold, codebook), codebook, labeler.sentences)
    if kept is not None:
        counts.save(kept)
    return counts


@dataclass(slots=True)
class _Tally:
    """Of one way: how often figures held the truth, how wide they were, and what was discovered."""

    figures: int = 0
    held: int = 0
    rare: int = 0
    rare_held: int = 0
    width: float = 0.0
    error: float = 0.0
    corpora: int = 0
    false_shares: float = 0.0
    found: int = 0
    real: int = 0

    def to_dict(self) -> dict[str, float | None]:
        return {
            "coverage": self.held / max(self.figures, 1),
            "coverage_rare": self.rare_held / self.rare if self.rare else None,
            "width": self.width / max(self.figures, 1),
            "error": self.error / max(self.figures, 1),
            "false_discovery_rate": self.false_shares / max(self.corpora, 1),
            "power": self.found / self.real if self.real else None,
        }


def measure(world: World, size: Size, suite: CoverageSuite, labels: tuple[str, ...], many: int) -> dict[str, Any]:
    """Coverage and discoveries of every way, over many corpora."""
    tallies = {way: _Tally() for way in WAYS}
    outlets = len(world.shares)
    cells = tuple(Cell(suite.contrast, label) for label in labels)
    pairs = [(a, b) for a in range(outlets) for b in range(a + 1, outlets)]
    for first in range(0, many, _AT_ONCE):
        made: dict[str, list[Estimates]] = {way: [] for way in WAYS}
        for number in range(first, min(first + _AT_ONCE, many)):
            corpus = make_corpus(world, size, np.random.default_rng((suite.seed, number)))
            for way, estimates in estimated(corpus, size, suite, cells, number).items():
                made[way].append(estimates)
        for way, parts in made.items():
            _tally(tallies[way], parts, world.shares, pairs, suite)
    return {way: tally.to_dict() for way, tally in tallies.items()}


def estimated(
    corpus: MadeCorpus, size: Size, suite: CoverageSuite, cells: tuple[Cell, ...], seed: int
) -> dict[str, Estimates]:
    """Shares of all outlets, [outlets * K], by every way."""
    outlets = int(corpus.outlet.max()) + 1
    predicted = _ratios(corpus.predicted, cells)
    drawn = draw(corpus.outlet, corpus.uncertainty, each=size.annotated, lean=suite.lean, seed=seed)
    gold = _ratios(corpus.truth[drawn.documents], cells)
    made: dict[str, Estimates] = {"naive": estimate(predicted, corpus.outlet, outlets)[0]}
    for way, model in (("annotated", _ratios(0 * corpus.predicted, cells)), ("corrected", predicted)):
        found = correct_ratios(model, gold, corpus.outlet, outlets, drawn.documents, drawn.probability)
        made[way] = Estimates.concatenate([one.estimates for one in found if one is not None])
    return made


def _ratios(counts: Array, cells: tuple[Cell, ...]) -> Ratios:
    return Ratios(ESTIMANDS["contrast_share"], cells, csr_array(counts), counts.sum(axis=1))


def _tally(
    tally: _Tally, parts: list[Estimates], shares: Array, pairs: list[tuple[int, int]], suite: CoverageSuite
) -> None:
    """Count the estimates of some corpora, [outlets * K] each."""
    truth, k, many = shares.ravel(), shares.shape[1], len(parts)
    estimates = Estimates.concatenate(parts)
    low, high = (end.reshape(many, -1) for end in estimates.interval(suite.level))
    shown = truth > 0
    held = (low <= truth) & (truth <= high)
    rare = shown & (truth < _RARE)
    tally.corpora += many
    tally.figures += many * int(shown.sum())
    tally.held += int(held[:, shown].sum())
    tally.rare += many * int(rare.sum())
    tally.rare_held += int(held[:, rare].sum())
    tally.width += float(np.nansum((high - low)[:, shown]))
    tally.error += float(np.nansum(np.abs(estimates.value.reshape(many, -1) - truth)[:, shown]))
    places = np.array([(a * k + j, b * k + j) for a, b in pairs for j in range(k)])
    first, second = places[shown[places].any(axis=1)].T
    offset = np.arange(many)[:, None] * len(truth)
    differences = differ(
        estimates.take((offset + first).ravel()), estimates.take((offset + second).ravel()), level=suite.level
    )
    q = np.stack([q_values(p) for p in differences.p.reshape(many, -1)])
    told = np.nan_to_num(q, nan=1.0) <= suite.false_discovery
    real = truth[first] - truth[second]
    differs = np.abs(real) > 1e-9
    wrong = told & (~differs | (np.sign(real) != np.sign(differences.value.reshape(many, -1))))
    tally.false_shares += float((wrong.sum(axis=1) / np.maximum(told.sum(axis=1), 1)).sum())
    tally.found += int((told & ~wrong).sum())
    tally.real += many * int(differs.sum())


def tables(suite: CoverageSuite, measured: dict[str, dict[str, Any]], many: int) -> tuple[Table, ...]:
    """What the report shows."""
    level = f"{suite.level:.0%}"
    rows = []
    for found in measured.values():
        title = suite.scenarios[found["scenario"]].title
        for way, said in WAYS.items():
            one = found[way]
            rows.append(
                (
                    title,
                    f"{found['documents']}, {found['annotated_documents']}",
                    said,
                    _percent(one["coverage"]),
                    _percent(one["coverage_rare"]),
                    f"{100 * one['width']:.1f}",
                    f"{100 * one['error']:.1f}",
                    _percent(one["false_discovery_rate"]),
                    _percent(one["power"]),
                )
            )
    columns = (
        "outlets",
        "documents, annotated",
        "estimated by",
        f"coverage of {level}",
        "of rare shares",
        "width",
        "error",
        "false discoveries",
        "found",
    )
    note = (
        f"{many:,} corpora of each kind, three outlets, shares of the contrast {suite.contrast}. Coverage: how often "
        f"an interval of {level} holds the true share; of rare shares: of those under {_RARE:.0%}. Width of an "
        "interval and mean absolute error are in percentage points. False discoveries: of the differences that are "
        f"called distinguishable (q at most {suite.false_discovery:g}), the share that is none or has the other sign, "
        "mean over corpora; found: of the real ones, the share that is called so."
    )
    return (Table("Intervals and discoveries", columns, tuple(rows), note),)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
