"""Corpora whose truth is known, put together from marked documents.

A corpus has several outlets. A document is a bundle of marked documents ("units"), drawn with replacement with
probability proportional to ``exp(t h_u + e w_u)``: ``h_u`` says whether unit u has the label, ``w_u`` whether the model
gets it wrong, ``t`` is the outlet's tilt plus the document's own (one of two, equally likely, so that mentions clump),
and ``e`` makes an outlet's errors more or fewer. The truth of an outlet is the ratio of the expectations under these
probabilities, computed and not simulated.

Where errors are made to differ, the truth must not: units are drawn in two steps, first by what they truly hold (their
stratum, by tilt alone), then, within units of equal truth, by whether the model gets them wrong. Units that no other
equals in truth keep their errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.coverage.suite import Scenario, Size
from benchmarks.coverage.units import Units

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """What corpora of a scenario are drawn from.

    Attributes:
        truth, predicted: float64 [units, K], mentions of the contrast's labels.
        uncertainty: float64 [units].
        probabilities: float64 [outlets, 2, units], of the units in a document of each of the two tilts.
        shares: float64 [outlets, K], the truth.
        parts: units in a document, on average.
    """

    truth: Array
    predicted: Array
    uncertainty: Array
    probabilities: Array
    shares: Array
    parts: float


@dataclass(frozen=True, slots=True, eq=False)
class MadeCorpus:
    """Documents of all outlets, one after the other.

    Attributes:
        truth, predicted: float64 [documents, K].
        uncertainty: float64 [documents].
        outlet: int64 [documents].
    """

    truth: Array
    predicted: Array
    uncertainty: Array
    outlet: Array


def world_of(
    units: Units, labels: list[int], label: int, scenario: Scenario, *, parts: float, clumping: float
) -> World:
    """The world of a scenario.

    Args:
        units: marked documents.
        labels: the contrast's, by their places in the codebook.
        label: place among them of the one by which outlets differ.
        scenario: how they differ.
        parts, clumping: as of the suite.
    """
    truth = units.truth.sum(axis=2)[:, labels].astype(np.float64)
    predicted = units.predicted.sum(axis=2)[:, labels].astype(np.float64)
    used = (truth.sum(axis=1) > 0) | (predicted.sum(axis=1) > 0)
    truth, predicted, uncertainty = truth[used], predicted[used], units.uncertainty[used]
    has, wrong = truth[:, label] > 0, (truth != predicted).any(axis=1)
    equal = np.unique(truth, axis=0, return_inverse=True)[1].ravel()
    probabilities = np.stack(
        [
            [_probabilities(has, wrong, equal, tilt + side * clumping, errors) for side in (-1, 1)]
            for tilt, errors in zip(scenario.tilt, scenario.errors, strict=True)
        ]
    )
    expected = probabilities.mean(axis=1) @ truth
    return World(truth, predicted, uncertainty, probabilities, expected / expected.sum(axis=1, keepdims=True), parts)


def _probabilities(has: Array, wrong: Array, equal: Array, tilt: float, errors: float) -> Array:
    by_truth = np.exp(tilt * has)
    within = np.exp(errors * wrong)
    # The weight of all units of equal truth stays what it is by tilt alone.
    wanted, given = np.bincount(equal, by_truth), np.bincount(equal, by_truth * within)
    weights = by_truth * within * (wanted / given)[equal]
    return np.asarray(weights / weights.sum())


def make_corpus(world: World, size: Size, generator: np.random.Generator) -> MadeCorpus:
    """Draw a corpus."""
    outlets = len(world.probabilities)
    truth, predicted, uncertainty = [], [], []
    for own in world.probabilities:
        side = generator.integers(0, 2, size.documents)
        count = 1 + generator.poisson(world.parts - 1, size.documents)
        # Inverse of the distribution functions of both tilts, for all units of all documents at once.
        place = np.repeat(np.arange(size.documents), count)
        at = generator.random(len(place))
        drawn = np.empty(len(place), dtype=np.int64)
        for tilt in (0, 1):
            wanted = side[place] == tilt
            ends = np.cumsum(own[tilt])
            drawn[wanted] = np.minimum(np.searchsorted(ends, at[wanted], side="right"), len(ends) - 1)
        starts = np.concatenate([[0], np.cumsum(count)[:-1]])
        truth.append(np.add.reduceat(world.truth[drawn], starts))
        predicted.append(np.add.reduceat(world.predicted[drawn], starts))
        uncertainty.append(np.add.reduceat(world.uncertainty[drawn], starts))
    return MadeCorpus(
        np.concatenate(truth),
        np.concatenate(predicted),
        np.concatenate(uncertainty),
        np.repeat(np.arange(outlets), size.documents),
    )
