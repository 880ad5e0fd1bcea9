"""Drawing documents to annotate, each with the probability with which it was drawn.

A stratum is a group (and a period). In each, a fixed number of documents is drawn by systematic sampling in random
order (Madow 1949), with probabilities that lean to documents of which the model is unsure: half of a probability is the
same for all, so that no weight is more than about twice another's; half grows with the square root of the expected
number of wrong decisions, sum of p(1 - p).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.errors import SettingError

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Documents that were drawn.

    Attributes:
        documents: int64 [n], ascending.
        probability: float64 [n], in (0, 1], with which each was drawn.
    """

    documents: Array
    probability: Array


def inclusion_probabilities(size: Array, n: int) -> Array:
    """Probabilities proportional to size that add up to ``n``; those that would be over 1 are 1.

    Args:
        size: float64 [N], over 0.
        n: at most N.
    """
    probability = np.zeros(len(size))
    certain = np.zeros(len(size), dtype=bool)
    while True:
        rest = n - certain.sum()
        probability = np.where(certain, 1.0, 0.0)
        if rest <= 0 or certain.all():
            return probability
        probability[~certain] = rest * size[~certain] / size[~certain].sum()
        over = (probability > 1) & ~certain
        if not over.any():
            return np.minimum(probability, 1.0)
        certain |= over


def draw(stratum: Array, uncertainty: Array, *, each: int, lean: float = 0.5, seed: int = 0) -> Draw:
    """Draw documents from every stratum.

    Args:
        stratum: int64 [documents], from 0; -1 for documents that are not to be drawn.
        uncertainty: float64 [documents], 0 or more.
        each: documents of a stratum; all where it has fewer.
        lean: how much of a probability depends on uncertainty, in [0, 1).
        seed: of the draw.

    Raises:
        SettingError: a number is out of range.
    """
    if each < 1 or not 0 <= lean < 1:
        raise SettingError(f"{each} documents of a group, lean {lean}", expected="at least 1, and a lean in [0, 1)")
    generator = np.random.default_rng(seed)
    chosen, probabilities = [], []
    for number in range(int(stratum.max(initial=-1)) + 1):
        members = np.flatnonzero(stratum == number)
        if not len(members):
            continue
        root = np.sqrt(uncertainty[members])
        mean = root.mean()
        size = (1 - lean) + lean * (root / mean if mean > 0 else np.ones(len(root)))
        probability = inclusion_probabilities(size, min(each, len(members)))
        order = generator.permutation(len(members))
        ends = np.cumsum(probability[order])
        # A document is taken when a whole step lies in its stretch of the line; rounding must not lose the last one.
        steps = np.floor(np.concatenate([[0.0], ends]) + generator.random() + 1e-9)
        taken = order[np.diff(steps) > 0]
        chosen.append(members[taken])
        probabilities.append(probability[taken])
    documents = np.concatenate(chosen) if chosen else np.empty(0, dtype=np.int64)
    probability = np.concatenate(probabilities) if probabilities else np.empty(0)
    order = np.argsort(documents)
    return Draw(documents[order], probability[order])
