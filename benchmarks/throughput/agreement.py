"""Whether two systems say the same of the same sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np


@dataclass(frozen=True, slots=True)
class AgreementWithReference:
    """How much a system's labels differ from the reference's.

    Attributes:
        sentences: compared.
        largest_difference: between two probabilities of one label of one sentence.
        differing: sentences whose frames, hedges or kind are not the same.
    """

    sentences: int
    largest_difference: float
    differing: int

    @classmethod
    def of(cls, outcomes: Sequence[Mapping[str, Any]], reference: Sequence[Mapping[str, Any]]) -> Self:
        """Compare two workers' answers to ``label``.

        Args:
            outcomes, reference: of each sentence ``probabilities`` and ``labels``.

        Raises:
            ValueError: they are not of the same number of sentences.
        """
        if len(outcomes) != len(reference):
            raise ValueError(f"{len(outcomes)} sentences against {len(reference)} of the reference")
        own, other = (np.array([o["probabilities"] for o in side]) for side in (outcomes, reference))
        differing = sum(a["labels"] != b["labels"] for a, b in zip(outcomes, reference, strict=True))
        return cls(len(outcomes), round(float(np.abs(own - other).max()), 6), differing)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)
