"""Is the model as good on one outlet as on another? Scores per outlet, and a permutation test of their differences.

Comparing outlets is what the labels are for, so errors that depend on the outlet are the ones that mislead. Three
measures: F1 of frames, accuracy of voices, and frames found for each frame that is there (1 is fair; an outlet above
the others has its frames overcounted).

The test: under the null hypothesis that outlets do not matter, any assignment of the outlets to the documents, each
outlet keeping its number of documents, was as likely as the true one. The statistic is the variance of the measure
between outlets, each weighted by its sentences; p is the share of assignments with at least the true one's, the true
one counted in (Phipson and Smyth 2010). A document is never split, as its sentences resemble each other. Outlets also
differ in what they write about and in how their texts were collected: a small p says that errors differ, not why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from framing.codebook import VOICE
from framing.errors import InputError
from framing.evaluate.scoring import Array, Counts, Interval, f1

#: Names of an outlet that is not known.
_UNKNOWN = frozenset({"", "none", "unknown"})
MEASURES = ("frames_micro_f1", "voice_accuracy", "frames_found_ratio")
#: Column of the sentences among the tallies.
_SENTENCES = 5


@dataclass(frozen=True, slots=True)
class OutletScores:
    """One outlet.

    Attributes:
        name: as the gold has it first.
        sentences, documents: how many.
        intervals: name of :data:`MEASURES` -> value and bootstrap interval over documents.
    """

    name: str
    sentences: int
    documents: int
    intervals: Mapping[str, Interval]


@dataclass(frozen=True, slots=True)
class OutletTest:
    """Whether a measure differs between outlets.

    Attributes:
        deviation: weighted standard deviation between outlets; its square is the statistic.
        expected: mean of the deviation over the permutations: what chance alone gives.
        p: share of permutations with at least that deviation.
    """

    deviation: float
    expected: float
    p: float


@dataclass(frozen=True, slots=True)
class OutletReport:
    """Outlets with enough sentences, the largest first, and the test of each measure over them."""

    outlets: tuple[OutletScores, ...]
    tests: Mapping[str, OutletTest]


def normalised(outlet: str | None) -> str:
    """An outlet's name without case, blanks and punctuation ("Asharq Alawsat" is "asharqalawsat"); "" if unknown."""
    name = "".join(character for character in (outlet or "").casefold() if character.isalnum())
    return "" if name in _UNKNOWN else name


def report(
    counts: Counts,
    outlets: Sequence[str | None],
    documents: Sequence[str],
    *,
    least_sentences: int,
    permutations: int,
    resamples: int,
    level: float,
    seed: int,
) -> OutletReport:
    """Scores of every outlet with enough sentences, and the tests over them.

    Args:
        counts: per sentence, see :func:`framing.evaluate.scoring.count`.
        outlets, documents: of every sentence. A document with sentences of several outlets counts as one of each.
        least_sentences: of an outlet to be reported.
        permutations: of the test.
        resamples, level, seed: of the intervals; the seed also of the permutations.

    Raises:
        InputError: fewer than two outlets have enough sentences.
    """
    names = [normalised(outlet) for outlet in outlets]
    sizes = Counter(name for name in names if name)
    wanted = [name for name, size in sizes.most_common() if size >= least_sentences]
    if len(wanted) < 2:
        raise InputError(
            f"{len(wanted)} outlets have {least_sentences} sentences",
            expected="two or more, in a five-column gold file",
        )
    shown = {name: outlet or "" for name, outlet in reversed(list(zip(names, outlets, strict=True)))}
    tallies, of = _by_document(counts, names, documents, wanted)
    scores = tuple(
        OutletScores(
            shown[name], sizes[name], int((of == k).sum()), _intervals(tallies[of == k], resamples, level, seed)
        )
        for k, name in enumerate(wanted)
    )
    return OutletReport(scores, permutation_tests(tallies, of, permutations=permutations, seed=seed))


def permutation_tests(tallies: Array, outlets: Array, *, permutations: int, seed: int) -> dict[str, OutletTest]:
    """The test of every measure, see the module's text.

    Args:
        tallies: int64 [documents, 6], see :func:`tallies_of`.
        outlets: int64 [documents], the outlet of each document.
        permutations: how many assignments are drawn.
        seed: of the draws.
    """
    draw = np.random.default_rng(seed)
    true = between_outlets(tallies, outlets)
    drawn = np.array([between_outlets(tallies, draw.permutation(outlets)) for _ in range(permutations)])
    # Equal up to rounding is equal: a permutation adds up in another order.
    at_least = (drawn >= true - 1e-12).sum(axis=0)
    return {
        name: OutletTest(
            float(np.sqrt(true[k])), float(np.sqrt(drawn[:, k]).mean()), float((at_least[k] + 1) / (permutations + 1))
        )
        for k, name in enumerate(MEASURES)
    }


def between_outlets(tallies: Array, outlets: Array) -> Array:
    """Variance of every measure between outlets, each weighted by its sentences: float64 [measures].

    An outlet without anything to measure is left out of that measure.
    """
    sums = np.zeros((int(outlets.max()) + 1, tallies.shape[1]))
    np.add.at(sums, outlets, tallies)
    values = measures_of(sums)
    weights = np.where(np.isnan(values), 0.0, sums[:, _SENTENCES])
    values = np.nan_to_num(values)
    total = weights.sum(axis=1)
    means = (weights * values).sum(axis=1) / total
    return np.asarray((weights * (values - means[:, None]) ** 2).sum(axis=1) / total)


def tallies_of(counts: Counts) -> Array:
    """What the measures are made of: int64 [n, 6].

    True positives, false positives and false negatives of frames, mentions whose voice is right, mentions paired, and
    sentences.
    """
    frames = counts.sentence[:, : counts.frames].sum(axis=1)
    voices = counts.choices[VOICE]
    right, paired = np.trace(voices, axis1=1, axis2=2), voices.sum(axis=(1, 2))
    return np.column_stack([frames, right, paired, counts.size])


def measures_of(sums: Array) -> Array:
    """Every measure of summed tallies [n, 6], in the order of :data:`MEASURES`: float64 [measures, n]; ``nan`` where
    there is nothing to measure."""
    hits, false, missed, right, paired, _ = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.where(hits + missed > 0, (hits + false) / (hits + missed), np.nan)
        return np.stack([f1(sums[:, :3]), right / paired, found])


def _by_document(
    counts: Counts, names: Sequence[str], documents: Sequence[str], wanted: Sequence[str]
) -> tuple[Array, Array]:
    """Tallies of the wanted outlets' documents, int64 [documents, 6], and the place of each one's outlet."""
    per_sentence = tallies_of(counts)
    place = {name: k for k, name in enumerate(wanted)}
    sums: dict[tuple[str, int], Array] = {}
    for row, name, document in zip(per_sentence, names, documents, strict=True):
        if name in place:
            key = (document, place[name])
            sums[key] = sums.get(key, 0) + row
    keys = sorted(sums)
    return np.stack([sums[key] for key in keys]), np.array([outlet for _, outlet in keys])


def _intervals(tallies: Array, resamples: int, level: float, seed: int) -> dict[str, Interval]:
    """One outlet's bootstrap intervals over its documents, as :func:`framing.evaluate.scoring.bootstrap` draws them."""
    documents = len(tallies)
    weights = np.random.default_rng(seed).multinomial(documents, np.full(documents, 1 / documents), size=resamples)
    resampled = measures_of(weights @ tallies)
    values = measures_of(tallies.sum(axis=0, keepdims=True))[:, 0]
    intervals = {}
    for k, name in enumerate(MEASURES):
        known = resampled[k][~np.isnan(resampled[k])]
        bounds = np.percentile(known, (50 * (1 - level), 50 * (1 + level))) if len(known) else (np.nan, np.nan)
        intervals[name] = Interval(float(values[k]), float(bounds[0]), float(bounds[1]))
    return intervals
