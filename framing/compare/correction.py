"""Estimates that are right although the model is wrong at times: prediction-powered inference.

A sample of documents is annotated by people. With ``z_d = y_d - R x_d`` of the annotation, ``z'_d`` the same of the
model's labels, and ``w_d`` one over the probability with which document ``d`` was drawn (0 for those that were not),
the corrected ratio solves

    lambda * mean(z'_d) + sum w_d (z_d - lambda z'_d) / sum w_d = 0,

the mean going over all N documents of the group. With ``lambda = 0`` these are the annotated documents alone
(Hájek 1971), with ``lambda = 1`` the model's labels and what the sample says of their error. ``lambda`` is the one of
least variance in [0, 1], for each figure of each group (PPI++: Angelopoulos, Duchi and Zrnic 2023). Documents are the
clusters; the variance is that of the influence

    phi_d = lambda (z'_d - mean z') + (N w_d / sum w) (z_d - lambda z'_d - its weighted mean),

with ``n / (n - 1)`` for the n annotated documents, and Student's t with the degrees of freedom that their weights leave
(Kish's effective number less one). It holds for documents that are drawn independently, and is a little wide for the
samples of :mod:`framing.compare.sampling`, whose size is fixed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.compare.estimands import Ratios
from framing.compare.intervals import Estimates

Array = npt.NDArray[Any]

#: R and lambda depend on each other; they are settled after a few turns.
_TURNS = 4
#: Below so many annotated documents a group is not corrected.
LEAST_ANNOTATED = 2


@dataclass(frozen=True, slots=True, eq=False)
class Corrected:
    """Corrected estimates of one group, float64 [K] each.

    Attributes:
        estimates: ``nan`` where they cannot be had.
        weight: lambda, how far the model's labels are relied on, in [0, 1].
        annotated: documents that were annotated.
        documents: of the group.
        by_documents: the part of the variance that annotating all documents would leave.
    """

    estimates: Estimates
    weight: Array
    annotated: int
    documents: int
    by_documents: Array


def corrected(
    predicted_y: Array,
    predicted_x: Array,
    gold_y: Array,
    gold_x: Array,
    drawn: Array,
    probability: Array,
    *,
    share: bool,
) -> Corrected:
    """Correct the ratios of one group.

    Args:
        predicted_y: float64 [N, K], numerators by the model, of all documents of the group.
        predicted_x: float64 [N], denominators.
        gold_y, gold_x: float64 [n, K] and [n], of those that were annotated.
        drawn: int64 [n], their places among the N.
        probability: float64 [n], with which each was drawn.
        share: whether the ratios are shares.
    """
    total, k = predicted_y.shape
    n = len(drawn)
    weights = 1 / probability
    weights = weights * total / weights.sum()
    mean_y, mean_x = predicted_y.mean(axis=0), predicted_x.mean()
    own_y, own_x = predicted_y[drawn], predicted_x[drawn]

    def weighted(values: Array) -> Array:
        return weights @ values / total

    undrawn = np.ones(total, dtype=bool)
    undrawn[drawn] = False
    lam = np.zeros(k)
    r = np.full(k, np.nan)
    a = b = np.zeros((n, k))
    rest = np.zeros(k)
    for _ in range(_TURNS):
        above = lam * (mean_y - weighted(own_y)) + weighted(gold_y)
        below = lam * (mean_x - weighted(own_x)) + weighted(gold_x)
        with np.errstate(all="ignore"):
            r = np.where(below > 0, above / below, np.nan)
        z = gold_y - r * gold_x[:, None]
        guess = predicted_y - r * predicted_x[:, None]
        centred = guess - guess.mean(axis=0)
        own = guess[drawn]
        a = weights[:, None] * (z - weighted(z))
        b = centred[drawn] - weights[:, None] * (own - weighted(own))
        rest = (centred[undrawn] ** 2).sum(axis=0)
        with np.errstate(all="ignore"):
            best = -(a * b).sum(axis=0) / ((b**2).sum(axis=0) + rest)
        lam = np.clip(np.nan_to_num(best), 0, 1)
    above = lam * (mean_y - weighted(own_y)) + weighted(gold_y)
    below = lam * (mean_x - weighted(own_x)) + weighted(gold_x)
    with np.errstate(all="ignore"):
        r = np.where(below > 0, above / below, np.nan)
        few = n / (n - 1) if n > 1 else np.nan
        variance = (few * ((a + lam * b) ** 2).sum(axis=0) + lam**2 * rest) / (total * below) ** 2
        by_documents = few * weighted((z - weighted(z)) ** 2) / (total * below**2)
        effective = r * (1 - r) / variance if share else r**2 / variance
    freedom = max(float(weights.sum() ** 2 / (weights**2).sum()) - 1, 0.0)
    made = Estimates(
        r,
        variance,
        np.where(np.isfinite(effective), np.maximum(effective, 1e-9), 1.0),
        np.full(k, freedom),
        np.full(k, share),
    )
    return Corrected(made, lam, n, total, by_documents)


def correct_ratios(
    ratios: Ratios, gold: Ratios, group: Array, groups: int, place: Array, probability: Array
) -> list[Corrected | None]:
    """Correct the figures of all groups; ``None`` for a group with fewer than two annotated documents.

    Args:
        ratios: by the model, of all documents.
        gold: by people, of the annotated ones.
        group: int64 [documents], -1 for none.
        groups: how many there are.
        place: int64 [annotated], which document each is.
        probability: float64 [annotated], with which it was drawn.
    """
    found: list[Corrected | None] = []
    for number in range(groups):
        members = np.flatnonzero(group == number)
        annotated = np.flatnonzero(group[place] == number)
        if len(annotated) < LEAST_ANNOTATED:
            found.append(None)
            continue
        found.append(
            corrected(
                ratios.numerators[members].toarray(),
                ratios.denominator[members],
                gold.numerators[annotated].toarray(),
                gold.denominator[annotated],
                np.searchsorted(members, place[annotated]),
                probability[annotated],
                share=ratios.estimand.unit == "share",
            )
        )
    return found


def documents_to_halve(one: Corrected) -> Array:
    """How many documents to annotate until the interval is half as wide: float64 [K]; ``inf`` where none suffice.

    Of N documents, n of them annotated, the variance is about ``A + C (1 / n - 1 / N)``: A is what the documents
    themselves leave if all are annotated. Where A alone is more than a quarter of the variance, more documents have to
    be collected, not annotated.
    """
    now, left = one.estimates.variance, one.by_documents
    with np.errstate(all="ignore"):
        per_document = np.maximum(now - left, 0) / (1 / one.annotated - 1 / one.documents)
        needed = np.ceil(1 / ((now / 4 - left) / per_document + 1 / one.documents))
        return np.where((now / 4 > left) & (one.annotated < one.documents), needed, np.inf)
