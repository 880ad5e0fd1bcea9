"""The model's logits for several sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, slots=True)
class Logits:
    """Logits of several sentences, one column per name of each head; tokens sentence after sentence.

    :meth:`framing.codebook.Heads.columns` says which columns a head has. Special tokens are left out.

    Attributes:
        tokens: float32 [tokens, token width].
        sentences: float32 [sentences, sentence width]; 0 for a sentence without tokens.
        starts: int64 [sentences + 1]; sentence ``i`` has the tokens ``starts[i]:starts[i + 1]``.
    """

    tokens: np.ndarray
    sentences: np.ndarray
    starts: np.ndarray

    @classmethod
    def empty(cls, sentences: int) -> Self:
        """Logits of sentences without tokens, of width 0."""
        none = np.empty((0, 0), dtype=np.float32)
        return cls(none, np.empty((sentences, 0), np.float32), np.zeros(sentences + 1, np.int64))
