"""Scores with intervals, and how records and tables show them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from benchmarks.suites import Bootstrap
from framing.codebook import Codebook
from framing.evaluate.gold import GoldSet
from framing.evaluate.scoring import Difference, Interval, Scores, bootstrap, none_if_nan, paired_bootstrap
from framing.types import SentenceLabels


@dataclass(frozen=True, slots=True)
class ScoredSystem:
    """One system's scores, and the interval of each measure."""

    scores: Scores
    intervals: dict[str, Interval]


def score_system(labels: Sequence[SentenceLabels], gold: GoldSet, codebook: Codebook, drawn: Bootstrap) -> ScoredSystem:
    """Score what a system said of the gold's sentences, with intervals over documents."""
    scores = gold.score(labels, codebook)
    intervals = bootstrap(scores.counts, gold.groups, n=drawn.resamples, seed=drawn.seed, level=drawn.level)
    return ScoredSystem(scores, intervals)


def difference(first: ScoredSystem, second: ScoredSystem, gold: GoldSet, drawn: Bootstrap) -> dict[str, Difference]:
    """One system minus another, on the same resamples: measure -> difference."""
    counts = first.scores.counts, second.scores.counts
    return paired_bootstrap(*counts, gold.groups, n=drawn.resamples, seed=drawn.seed, level=drawn.level)


def intervals_note(drawn: Bootstrap) -> str:
    """What a table's brackets hold."""
    return (
        f"Brackets hold {drawn.level:.0%} percentile intervals of {drawn.resamples:,} bootstrap samples of documents."
    )


def with_interval(interval: Interval) -> str:
    """A measure as tables show it: value and interval, or a dash where it is undefined."""
    if math.isnan(interval.value):
        return "–"
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def signed_interval(difference: Difference) -> str:
    """A difference as tables show it: with its sign, and interval."""
    if math.isnan(difference.value):
        return "–"
    return f"{difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"


def as_json(estimates: Mapping[str, Interval] | Mapping[str, Difference]) -> dict[str, dict[str, float | None]]:
    """Intervals or differences as a record holds them: rounded to 6 digits, ``None`` where undefined."""
    return {
        name: {key: _rounded(value) for key, value in asdict(estimate).items()} for name, estimate in estimates.items()
    }


def _rounded(value: float) -> float | None:
    known = none_if_nan(value)
    return None if known is None else round(known, 6)
