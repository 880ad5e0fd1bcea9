"""Marked documents beside what the model says of them, as counts: what corpora are put together from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.codebook import Codebook
from framing.errors import InputError
from framing.evaluate.gold import GoldSet, LabelSentences
from framing.evaluate.scoring import as_prediction
from framing.types import SentenceLabels

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Counts of marked documents.

    Attributes:
        truth, predicted: int64 [units, labels, voices], mentions.
        uncertainty: float64 [units], sum of p(1 - p) over what the model could mark.
    """

    truth: Array
    predicted: Array
    uncertainty: Array

    @property
    def wrong(self) -> Array:
        """Whether the model's counts differ from the truth: bool [units]."""
        return (self.truth != self.predicted).any(axis=(1, 2))

    def save(self, path: Path) -> None:
        """Keep them; there is no sentence in them."""
        np.savez_compressed(path, truth=self.truth, predicted=self.predicted, uncertainty=self.uncertainty)

    @classmethod
    def load(cls, path: Path) -> Units:
        """Read what :meth:`save` kept.

        Raises:
            InputError: it is no such file.
        """
        try:
            with np.load(path) as kept:
                return cls(kept["truth"], kept["predicted"], kept["uncertainty"])
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f"{path} holds no units: {error}", expected="what an earlier run kept") from error

    @classmethod
    def label(cls, gold: GoldSet, codebook: Codebook, label: LabelSentences) -> Units:
        """Have marked sentences labelled and count, document by document."""
        predicted = gold.predict(label)
        marked = [as_prediction(one, codebook) for one in gold.sentences]
        blocks = [list(block) for _, block in groupby(range(len(gold)), key=gold.groups.__getitem__)]
        return cls(
            np.stack([_counts([marked[i] for i in block], codebook) for block in blocks]),
            np.stack([_counts([predicted[i] for i in block], codebook) for block in blocks]),
            np.array(
                [sum(p * (1 - p) for i in block for p in predicted[i].probabilities.values()) for block in blocks]
            ),
        )


def _counts(sentences: Sequence[SentenceLabels], codebook: Codebook) -> Array:
    counts = np.zeros((len(codebook.label_names), max(len(codebook.voices), 1)), dtype=np.int64)
    for sentence in sentences:
        for mention in sentence.mentions:
            voice = codebook.voices.index(mention.voice) if mention.voice else 0
            counts[codebook.label_names.index(mention.label), voice] += 1
    return counts
