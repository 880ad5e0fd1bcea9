"""The mean of finished runs' weights ("model soup", Wortsman et al. 2022), calibrated anew: several runs, one model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from framing.codebook import Codebook
from framing.decoding.decoder import Decoder
from framing.engine.batching import compute_logits
from framing.engine.torch import TorchEngine
from framing.errors import CheckpointError, SettingError
from framing.model import checkpoint
from framing.model.encoding import SentenceEncoder
from framing.model.network import FramingModel
from framing.train.base import Base, load_base
from framing.train.config import RunConfig, parse
from framing.train.loop import TrainedRun, load_split
from framing.train.output import TRAINING, write_checkpoint
from framing.train.record import RunRecord
from framing.train.validation import ReadSentences, calibrate


def average(config: RunConfig) -> TrainedRun:
    """Average the checkpoints that ``config.model.average`` names, fit thresholds, and write the checkpoint folder.

    The mean of weights is a good model only where the runs lie in one basin of the loss, as those do that started from
    one encoder. It reads as fast as one of them.

    Args:
        config: its ``average`` names finished checkpoint folders; of the training settings only ``output_dir``,
            the device and what says which groups are held out matter.

    Raises:
        FramingError: a checkpoint or the data cannot be used, or a run held out other groups, so that the mean would
            be calibrated on sentences which it has learned.
    """
    started = time.perf_counter()
    codebook = Codebook.load(config.data.codebook)
    folders = [checkpoint.locate(name) for name in config.model.average]
    members = []
    for folder in folders:
        checkpoint.verify(folder)
        if (made := _configuration_of(folder)) is not None:
            _check_held_out(folder, made, config)
            members.append(made)
    split = load_split(config, codebook)
    base = mean_of(folders, config, codebook)
    encoder = SentenceEncoder(base.tokenizer.backend_tokenizer, max_length=base.model.config.window_length)
    texts = [example.text for example in split.validation]
    encoded = encoder.encode(texts, [example.state for example in split.validation])
    engine = TorchEngine(base.model, device=str(config.training.device), precision="fp32")
    validation = ReadSentences(encoded, compute_logits(engine, encoded))
    calibration = calibrate(validation, split.validation, codebook)
    folder = Path(config.training.output_dir)
    seconds = time.perf_counter() - started
    metrics = write_checkpoint(
        RunRecord(config, codebook, base, split, calibration, seconds=seconds, members=members),
        model=base.model,
        decoded=Decoder(codebook, calibration).decode(validation.logits, encoded, texts),
        folder=folder,
    )
    return TrainedRun(folder, metrics, seconds, sentences_per_second=None)


def mean_of(folders: Sequence[Path], config: RunConfig, codebook: Codebook) -> Base:
    """A model whose every weight is the mean of the checkpoints', with the first one's tokenizer.

    Args:
        folders: of framing checkpoints.
        config: names the dropout and window of the model, for whoever trains on from it.
        codebook: that all of them must have been trained for.

    Raises:
        CheckpointError: two of them differ in codebook, outputs, or the shape of a weight.
    """
    first = load_base(replace(config.model, base=str(folders[0])), codebook)
    states = [FramingModel.from_pretrained(folder).state_dict() for folder in folders]
    for folder, state in zip(folders, states, strict=True):
        trained_for = Codebook.load(folder / checkpoint.CODEBOOK).fingerprint
        if trained_for != codebook.fingerprint:
            raise CheckpointError(
                f"{folder} was trained for another codebook than {codebook.name!r} as it is now",
                expected=f"fingerprint {codebook.fingerprint[:12]}…, not {trained_for[:12]}…",
                hint="name the codebook.yaml of the checkpoints with --codebook",
            )
        if {name: w.shape for name, w in state.items()} != {name: w.shape for name, w in states[0].items()}:
            raise CheckpointError(
                f"{folder} and {folders[0]} are not of one architecture",
                expected="weights of the same names and shapes",
            )
    mean = {
        name: torch.stack([state[name] for state in states]).mean(dim=0) if weight.is_floating_point() else weight
        for name, weight in states[0].items()
    }
    first.model.load_state_dict(mean)
    return Base(first.model, first.tokenizer, " + ".join(config.model.average), first.adopted)


def _configuration_of(folder: Path) -> RunConfig | None:
    """How a checkpoint was made; ``None`` for one of unknown making, which the user vouches for."""
    recipe = folder / TRAINING
    return parse([str(recipe), "--use_cpu", "true"]) if recipe.is_file() else None


def _check_held_out(folder: Path, made: RunConfig, config: RunConfig) -> None:
    """A run that held out other groups has learned some of those that the thresholds are to be fitted on."""
    for name, theirs, ours in (
        ("validation", made.data.validation, config.data.validation),
        ("validation_share", made.data.validation_share, config.data.validation_share),
        ("split_seed", made.split_seed, config.split_seed),
    ):
        if theirs != ours:
            raise SettingError(
                f"{folder} was trained with {name} = {theirs!r}, and this average has {ours!r}",
                expected="the same held-out groups, or the thresholds are fitted on sentences which it has learned",
                hint=f"--{name} {theirs}",
            )
