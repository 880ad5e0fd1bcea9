"""``framing.train``: what ``framing-train`` does, from Python."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from framing.errors import SettingError
from framing.train.average import average
from framing.train.config import JudgingArguments, RunConfig, as_flags, parse
from framing.train.loop import TrainedRun, run


def train(recipe: str | os.PathLike[str] | None = None, **settings: Any) -> TrainedRun:
    """Fine-tune an encoder on marked or labelled sentences and write a checkpoint folder.

    Args:
        recipe: a YAML or JSON file of settings.
        settings: over those of the recipe, by the names that ``framing-train --help`` lists; ``train`` and
            ``validation`` may be one path or several.

    Returns:
        The folder of the checkpoint, which :func:`framing.load` opens, and its quality on the validation part.

    Raises:
        FramingError: data, base, codebook or a setting cannot be used; nothing is written then.
    """
    flags = [flag for name, value in settings.items() for flag in as_flags(name, _plain(value))]
    config = parse([*([str(recipe)] if recipe is not None else []), *flags])
    if config.judging != JudgingArguments():
        raise SettingError(
            "dry_run, cross_validate and n_seeds are no single training",
            expected="a call that gives one trained model",
            hint="framing.train.loop.plan and framing.train.judging take the same configuration; so does framing-train",
        )
    return run_as_configured(config)


def run_as_configured(config: RunConfig) -> TrainedRun:
    """Train, or average finished runs where the configuration names some."""
    return average(config) if config.model.average else run(config)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
