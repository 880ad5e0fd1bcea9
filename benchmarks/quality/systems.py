"""The systems whose quality is compared: two baselines, and framing's models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from framing.codebook import Codebook
from framing.evaluate.gold import GoldSet, LabelSentences
from framing.model.names import ACCURATE, FAST


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


def _open_checkpoint(name: str | None) -> Callable[[Materials], LabelSentences]:
    """Opens a checkpoint; without a name, the one that the command names."""

    def opener(materials: Materials) -> LabelSentences:
        from framing.labeler import load

        return load(name or materials.checkpoint, codebook=materials.codebook).sentences

    return opener


#: System -> the checkpoint that it is; ``None`` for the one that the command names.
CHECKPOINTS: Mapping[str, str | None] = {"fast": FAST, "model": None, "accurate": ACCURATE}

#: Name of a system -> what opens it.
OPENERS: Mapping[str, Callable[[Materials], LabelSentences]] = {
    "lexicon": _open_lexicon,
    "tfidf": _open_tfidf,
    **{system: _open_checkpoint(name) for system, name in CHECKPOINTS.items()},
}
