"""Padding of training batches, counted without training: what packing sentences into rows could save at most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import RandomSampler, Sampler
from transformers.trainer_pt_utils import LengthGroupedSampler

from benchmarks.suites import flags_of
from framing.codebook import Codebook
from framing.model.encoding import SentenceEncoder
from framing.train.base import load_base
from framing.train.config import parse
from framing.train.examples import read_examples


@dataclass(frozen=True, slots=True)
class Padding:
    """The padding of one way to make batches.

    Attributes:
        strategy: ``train_sampling_strategy`` of framing-train.
        batch_size: sentences in a batch.
        share: of all tokens that the model computes.
    """

    strategy: str
    batch_size: int
    share: float


def paddings(seeds: Path, settings: Iterable[Mapping[str, Any]], recipe: Path) -> list[Padding]:
    """Padding over one pass over all seeds, for every way to make batches among some settings of framing-train."""
    lengths: list[int] = []
    found: dict[tuple[str, int], Padding] = {}
    for setting in settings:
        config = parse([str(recipe), "--train", str(seeds / "*.tsv"), *flags_of(setting)])
        lengths = lengths or window_lengths(config)
        key = (str(config.training.train_sampling_strategy), config.training.per_device_train_batch_size)
        found[key] = Padding(*key, padding_share(lengths, *key))
    return list(found.values())


def window_lengths(config: Any) -> list[int]:
    """Tokens of every window of the training sentences, special tokens included."""
    codebook = Codebook.load(config.data.codebook)
    base = load_base(config.model, codebook)
    encoder = SentenceEncoder(base.tokenizer.backend_tokenizer, max_length=base.model.config.window_length)
    examples = read_examples(config.data.train, codebook)
    encoded = encoder.encode([e.text for e in examples], [e.state for e in examples])
    return [len(window) for sentence in encoded for window in sentence.windows]


def padding_share(lengths: list[int], strategy: str, batch_size: int, *, seed: int = 13) -> float:
    """Share of padding when batches are drawn as the trainer draws them."""
    generator = torch.Generator().manual_seed(seed)
    sampler: Sampler[int]
    if strategy == "group_by_length":
        sampler = LengthGroupedSampler(batch_size, lengths=lengths, generator=generator)
    else:
        sampler = RandomSampler(lengths, generator=generator)
    order = [lengths[i] for i in sampler]
    batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    return 1 - sum(order) / sum(max(batch) * len(batch) for batch in batches)
