"""Measuring predictions: scores with bootstrap intervals, calibration, agreement of coders, ``evaluate`` metrics."""

from framing.evaluate.scoring import (
    Counts,
    Difference,
    Interval,
    LabelScore,
    OutputCalibration,
    Scores,
    bootstrap,
    paired_bootstrap,
    score,
)

__all__ = [
    "Counts",
    "Difference",
    "Interval",
    "LabelScore",
    "OutputCalibration",
    "Scores",
    "bootstrap",
    "paired_bootstrap",
    "score",
]
