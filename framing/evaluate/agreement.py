"""How far two codings of the same sentences agree beyond chance.

F1 between two coders says how much of one the other found; kappa and alpha say how much better than guessing that is.
For two codings of marked sentences, F1 comes from :func:`framing.evaluate.scoring.score` over
:func:`framing.evaluate.scoring.as_prediction`, so that a human and a model are measured alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from framing.codebook import VOICE
from framing.errors import InputError
from framing.evaluate.scoring import as_prediction, count, scores_of

if TYPE_CHECKING:
    from framing.codebook import Codebook
    from framing.markup import MarkedSentence


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """Agreement of two coders on whether sentences carry one label.

    Attributes:
        name: the output of the codebook.
        first, second: sentences to which each coder gave it.
        f1: of one coder against the other (the same both ways); ``nan`` where neither gave it.
        kappa: Cohen's kappa; ``nan`` where both coders always say the same one thing.
        alpha: Krippendorff's alpha, nominal.
    """

    name: str
    first: int
    second: int
    f1: float
    kappa: float
    alpha: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of two codings.

    Attributes:
        sentences: how many both coded.
        labels: per output of the codebook.
        headlines: measures of :data:`framing.evaluate.scoring.HEADLINES` that compare marks, second against first.
        voice_kappa: Cohen's kappa of the voices of mentions that both marked (paired by overlap).
    """

    sentences: int
    labels: tuple[LabelAgreement, ...]
    headlines: dict[str, float]
    voice_kappa: float


def agreement(first: Sequence[MarkedSentence], second: Sequence[MarkedSentence], *, codebook: Codebook) -> Agreement:
    """Compare two codings of the same sentences.

    Raises:
        InputError: the codings differ in length or text, or carry a label that the codebook lacks.
    """
    counts = count(first, [as_prediction(marked, codebook) for marked in second], codebook=codebook)
    scores = scores_of(counts)
    tp, fp, fn = counts.sentence.sum(axis=0).T
    labels = []
    for k, name in enumerate(counts.marks):
        neither = len(first) - tp[k] - fp[k] - fn[k]
        table = np.array([[tp[k], fn[k]], [fp[k], neither]], dtype=np.int64)
        labels.append(
            LabelAgreement(
                name,
                first=int(tp[k] + fn[k]),
                second=int(tp[k] + fp[k]),
                f1=scores.labels[k].f1,
                kappa=kappa_of_table(table),
                alpha=_alpha_of_table(table),
            )
        )
    not_of_marks = ("kind_accuracy", "frames_ece", "frames_brier")
    of_marks = {name: value for name, value in scores.values.items() if name not in not_of_marks}
    voices = scores.confusions.get(VOICE, ((0,),))
    return Agreement(len(first), tuple(labels), of_marks, kappa_of_table(np.array(voices)))


def kappa_of_table(table: np.ndarray) -> float:
    """Cohen's kappa (1960) of two coders who each gave one category to every unit.

    Args:
        table: int64 [C, C], units by the category of the first coder (rows) and of the second.

    Returns:
        1 for full agreement, 0 for what chance would give, negative below it; ``nan`` where both coders used one and
        the same category throughout, or there is no unit.
    """
    n = table.sum()
    if n == 0:
        return float("nan")
    observed = np.trace(table) / n
    expected = float(table.sum(axis=0) @ table.sum(axis=1)) / float(n) ** 2
    return float("nan") if expected == 1 else float((observed - expected) / (1 - expected))


def krippendorff_alpha(codings: Sequence[Sequence[Hashable | None]]) -> float:
    """Krippendorff's alpha for nominal categories, any number of coders, with gaps (Krippendorff 2011).

    Args:
        codings: one sequence per coder, over the same units in the same order; ``None`` where a coder gave none.

    Returns:
        1 for full agreement, 0 for what chance would give; ``nan`` where only one category was used, or no unit was
        judged by two coders.

    Raises:
        InputError: the coders' sequences differ in length.
    """
    if len({len(coding) for coding in codings}) > 1:
        raise InputError(
            f"the coders judged {[len(coding) for coding in codings]} units",
            expected="the same units in the same order, None for what a coder left out",
        )
    totals: Counter[Hashable] = Counter()
    disagreement = 0.0
    for unit in zip(*codings, strict=True):
        values = Counter(value for value in unit if value is not None)
        m = values.total()
        if m >= 2:  # a unit that one coder judged cannot agree or disagree
            totals.update(values)
            disagreement += (m * m - sum(c * c for c in values.values())) / (m - 1)
    n = totals.total()
    expected = n * n - sum(c * c for c in totals.values())
    return float("nan") if expected == 0 else 1 - (n - 1) * disagreement / expected


def _alpha_of_table(table: np.ndarray) -> float:
    """Krippendorff's alpha of two coders from their 2 x 2 table."""
    n = 2 * int(table.sum())
    first, second = table.sum(axis=1), table.sum(axis=0)
    expected = n * n - float(((first + second) ** 2).sum())
    disagreement = 2.0 * float(table.sum() - np.trace(table))
    return float("nan") if expected == 0 else 1 - (n - 1) * disagreement / expected
