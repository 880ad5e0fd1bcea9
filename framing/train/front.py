"""``framing.train``: what ``framing-train`` does, from Python."""

from __future__ import annotations

import copy
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from framing.errors import SettingError
from framing.model import hub
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
    """Train, or average finished runs where the configuration names some; publish the result where it says so.

    Raises:
        OutputError: the hub refuses the checkpoint. That it takes none at all is said before the training.
    """
    training = config.training
    if not training.push_to_hub:
        return _finished(config)
    destination = {"private": training.hub_private_repo, "token": training.hub_token, "revision": training.hub_revision}
    name = training.hub_model_id or Path(training.output_dir).absolute().name
    if is_first := training.process_index == 0:
        name = hub.create(name, **destination)
    # transformers' Trainer would upload its own states, with the optimizer's.
    silent = copy.copy(training)
    silent.push_to_hub = False
    trained = _finished(replace(config, training=silent))
    return replace(trained, published=hub.upload(trained.folder, name, **destination)) if is_first else trained


def _finished(config: RunConfig) -> TrainedRun:
    return average(config) if config.model.average else run(config)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
