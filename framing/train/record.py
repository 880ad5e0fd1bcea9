"""What is known of a training run when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from framing.codebook import Codebook
from framing.model.calibration import Calibration
from framing.train.base import Base
from framing.train.config import RunConfig
from framing.train.examples import Split


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is known of a run when it ends.

    Attributes:
        config: the resolved configuration.
        codebook, base, split: what it was trained on and from.
        calibration: fitted on the validation part.
        attribution: number of auxiliary sentences for sources and voice.
        unlabeled: number of sentences that a teacher alone labelled.
        log: transformers' log, one dictionary a line.
        seconds: of training.
        members: how the runs were made whose mean this is, as far as that is known.
    """

    config: RunConfig
    codebook: Codebook
    base: Base
    split: Split
    calibration: Calibration
    attribution: int = 0
    unlabeled: int = 0
    log: Sequence[dict[str, Any]] = ()
    seconds: float = 0.0
    members: Sequence[RunConfig] = ()
