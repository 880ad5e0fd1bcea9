"""The systems whose quality is compared: two baselines, and framing's models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from framing.codebook import Codebook
from framing.evaluate.gold import GoldSet, LabelSentences


@dataclass(frozen=True, slots=True)
class Materials:
    """What a system may need: seeds to learn from, their codebook, and where the checkpoint is."""

    seeds: GoldSet
    codebook: Codebook
    checkpoint: str


def _open_lexicon(materials: Materials) -> LabelSentences:
    from benchmarks.quality.lexicon import Lexicon

    return Lexicon(materials.seeds, materials.codebook).sentences


def _open_tfidf(materials: Materials) -> LabelSentences:
    from benchmarks.quality.tfidf import TfidfRegression

    return TfidfRegression(materials.seeds, materials.codebook).sentences


def _open_model(materials: Materials) -> LabelSentences:
    from framing.labeler import load

    return load(materials.checkpoint, codebook=materials.codebook).sentences


def _open_fast(materials: Materials) -> LabelSentences:
    from framing.labeler import load
    from framing.model.checkpoint import FAST

    return load(FAST, codebook=materials.codebook).sentences


#: Name of a system -> what opens it.
OPENERS: Mapping[str, Callable[[Materials], LabelSentences]] = {
    "lexicon": _open_lexicon,
    "tfidf": _open_tfidf,
    "fast": _open_fast,
    "model": _open_model,
}
