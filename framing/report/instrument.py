"""What measured: the model, its codebook, and how well it does by its own checkpoint."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framing.codebook import Codebook
from framing.compare.intervals import wilson
from framing.model.checkpoint import Checkpoint

_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Score:
    """F1 of a label with a 95 % interval, and the sentences of the validation part that have it."""

    f1: float
    low: float | None
    high: float | None
    support: int


@dataclass(frozen=True, slots=True)
class Instrument:
    """A checkpoint.

    Attributes:
        name, fingerprint: of the checkpoint.
        labels: name -> score.
        thresholds: label -> threshold.
        overall: name -> (value, low, high) of the validation part.
        sentences: of the validation part.
        metrics: the file of these scores; ``None`` where the checkpoint has none.
        codebook: by which it labels.
    """

    name: str
    fingerprint: str
    labels: Mapping[str, Score] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    overall: Mapping[str, tuple[float, float | None, float | None]] = field(default_factory=dict)
    sentences: int | None = None
    metrics: Path | None = None
    codebook: Codebook | None = None


def read_instrument(checkpoint: Checkpoint | str | os.PathLike[str]) -> Instrument:
    """What a checkpoint's folder says of itself.

    Raises:
        CheckpointError: the checkpoint is missing or damaged.
    """
    opened = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint.load(checkpoint)
    file = opened.folder / "metrics.json"
    metrics: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    labels = {name: _score(score) for name, score in metrics.get("labels", {}).items() if score.get("f1") is not None}
    overall = {
        name: (score["value"], score.get("low"), score.get("high"))
        for name, score in metrics.get("validation", {}).items()
        if isinstance(score, Mapping) and score.get("value") is not None
    }
    return Instrument(
        opened.folder.name,
        opened.fingerprint,
        labels,
        thresholds_of(opened),
        overall,
        metrics.get("validation_sentences"),
        file if labels else None,
        opened.codebook,
    )


def thresholds_of(checkpoint: Checkpoint) -> dict[str, float]:
    """Label -> the probability from which it is marked."""
    heads = checkpoint.calibration.to_dict()["heads"]
    names = checkpoint.codebook.label_names
    return {
        name: float(entry["threshold"])
        for head in heads.values()
        for name, entry in head.items()
        if name in names and isinstance(entry, Mapping) and "threshold" in entry
    }


def _score(score: Mapping[str, Any]) -> Score:
    f1, support = float(score["f1"]), int(score.get("support", 0))
    low, high = score.get("low"), score.get("high")
    if low is None or high is None:
        low, high = f1_interval(f1, support)
    return Score(f1, low, high, support)


def f1_interval(f1: float, support: int) -> tuple[float | None, float | None]:
    """An interval of F1 where only F1 and the number of positives are known.

    F1 is ``2 J / (1 + J)`` with J the share of right ones among all that are positive or called so, which are
    ``support * (2 - F1)`` if as many are missed as are wrong. J gets Wilson's interval (1927), which is carried over.
    Sentences are taken as independent, so that it is a little narrow.
    """
    if support <= 0:
        return None, None
    n = support * (2 - f1)
    share = f1 / (2 - f1)
    centre, half = wilson(share, n, _Z)
    low, high = (2 * end / (1 + end) for end in (max(float(centre - half), 0.0), min(float(centre + half), 1.0)))
    return low, high
