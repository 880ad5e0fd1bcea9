"""The model's logits for several sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from framing.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Logits:
    """Logits of several sentences, one column per name of each head; tokens sentence after sentence.

    :meth:`framing.codebook.Heads.columns` says which columns a head has. Special tokens are left out.

    Attributes:
        tokens: float32 [tokens, token width].
        sentences: float32 [sentences, sentence width]; 0 for a sentence without tokens.
        starts: int64 [sentences + 1]; sentence ``i`` has the tokens ``starts[i]:starts[i + 1]``.

    Raises:
        CheckpointError: a logit is NaN or infinite. Weights that are numbers can still be so large that the numbers
            that are computed from them are none, and NaN reaches no threshold: the model would find nothing.
    """

    tokens: np.ndarray
    sentences: np.ndarray
    starts: np.ndarray

    def __post_init__(self) -> None:
        if not (np.isfinite(self.tokens).all() and np.isfinite(self.sentences).all()):
            raise CheckpointError(
                "the model computes NaN or infinite logits",
                expected="finite numbers",
                hint="if the precision is fp16, try bf16 or fp32; otherwise use an earlier checkpoint",
            )

    @classmethod
    def empty(cls, sentences: int) -> Self:
        """Logits of sentences without tokens, of width 0."""
        none = np.empty((0, 0), dtype=np.float32)
        return cls(none, np.empty((sentences, 0), np.float32), np.zeros(sentences + 1, np.int64))
