"""What the model says of several sentences, before any threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, slots=True)
class Logits:
    """Logits of several sentences, in columns of all heads; the tokens of one sentence after the other.

    :meth:`framing.codebook.Heads.columns` says which columns are whose. Special tokens are left out.

    Attributes:
        tokens: float32 [tokens, token width].
        sentences: float32 [sentences, sentence width]; 0 for a sentence without tokens.
        starts: int64 [sentences + 1]; tokens ``starts[i]:starts[i + 1]`` are those of sentence ``i``.
    """

    tokens: np.ndarray
    sentences: np.ndarray
    starts: np.ndarray

    @classmethod
    def empty(cls, sentences: int) -> Self:
        """Of sentences without any token."""
        none = np.empty((0, 0), dtype=np.float32)
        return cls(none, np.empty((sentences, 0), np.float32), np.zeros(sentences + 1, np.int64))
