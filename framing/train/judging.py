"""Several trainings that judge one: parts of the groups left out in turn, and other seeds.

The parts are grouped (a document is never split) and stratified for several labels: whole groups are dealt, those with
the rarest labels first, each to the part that lacks most of what the group carries (after Sechidis, Tsoumakas and
Vlahavas 2011, "On the stratification of multi-label data", whose sentences are here groups).
"""

from __future__ import annotations

import copy
import json
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from framing.codebook import Codebook
from framing.decoding.decoder import DecodedSentence, Decoder
from framing.engine.batching import compute_logits
from framing.engine.torch import TorchEngine
from framing.errors import InputError
from framing.evaluate.scoring import none_if_nan
from framing.files import write_whole
from framing.model import checkpoint
from framing.model.calibration import Calibration
from framing.model.encoding import SentenceEncoder
from framing.model.network import FramingModel
from framing.train.config import RunConfig
from framing.train.examples import Example, hold_out, read_configured
from framing.train.loop import run
from framing.train.validation import validate

CROSS_VALIDATION, SEEDS = "cross_validation.json", "seeds.json"


@dataclass(frozen=True, slots=True)
class Spread:
    """A measure over several trainings.

    Attributes:
        values: one a training; NaN where it is undefined there.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the trainings in which it is defined."""
        known = [value for value in self.values if not np.isnan(value)]
        return float(np.mean(known)) if known else float("nan")

    @property
    def deviation(self) -> float:
        """The sample standard deviation; NaN with fewer than two trainings."""
        known = [value for value in self.values if not np.isnan(value)]
        return float(np.std(known, ddof=1)) if len(known) > 1 else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "mean": none_if_nan(self.mean),
            "deviation": none_if_nan(self.deviation),
            "values": [none_if_nan(value) for value in self.values],
        }


def fold(examples: Sequence[Example], parts: int, seed: int) -> list[tuple[Example, ...]]:
    """Deal groups into parts.

    Args:
        examples: to deal.
        parts: how many, at least 2.
        seed: of the order of groups that are alike.

    Returns:
        The parts; each example is in one, and all of a group in the same.

    Raises:
        InputError: there are fewer groups than parts.
    """
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[example.group].append(example)
    if len(groups) < parts:
        raise InputError(
            f"{len(groups)} groups cannot be dealt into {parts} parts",
            expected="at least one group a part; a group (a document, an event) is never split",
            hint="name a group column of finer grain, or fewer parts",
        )
    carried = {name: _carried(members) for name, members in groups.items()}
    total: Counter[str] = sum(carried.values(), Counter())
    dealt: list[list[str]] = [[] for _ in range(parts)]
    got: list[Counter[str]] = [Counter() for _ in range(parts)]
    sizes = [0] * parts
    order = sorted(groups)
    random.Random(seed).shuffle(order)
    # The rarest first: of them there are the fewest ways to deal them evenly. Those that carry nothing fill up.
    order.sort(key=lambda name: min((total[label] for label in carried[name]), default=len(examples) + 1))
    for name in order:
        rarest = sorted(carried[name], key=lambda label: (total[label], label))

        def lack(part: int, rarest: list[str] = rarest, name: str = name) -> tuple[float, ...]:
            return (bool(dealt[part]), *(got[part][label] for label in rarest), sizes[part])

        part = min(range(parts), key=lack)
        dealt[part].append(name)
        got[part] += carried[name]
        sizes[part] += len(groups[name])
    return [tuple(example for name in sorted(names) for example in groups[name]) for names in dealt]


def _carried(examples: Sequence[Example]) -> Counter[str]:
    """How many sentences carry each mark and each answer."""
    said: Counter[str] = Counter()
    for example in examples:
        said.update(example.labels)
        said.update(f"{name}={value}" for name, answer in example.answers.items() for value in answer.split("+"))
    return said


def cross_validate(config: RunConfig) -> dict[str, Spread]:
    """Train without each part in turn and score on it; thresholds and epoch are chosen within the other parts.

    The trainings stay in ``fold-…`` of the output folder, the scores in :data:`CROSS_VALIDATION`.

    Returns:
        Measure -> its values over the parts.

    Raises:
        FramingError: data, base, codebook or a setting cannot be used.
    """
    codebook = Codebook.load(config.data.codebook)
    parts = fold(read_configured(config.data, codebook), config.judging.cross_validate, config.split_seed)
    measured = []
    for number, part in enumerate(parts):
        others = [example for other in parts if other is not part for example in other]
        split = hold_out(others, config.data.validation_share, config.split_seed)
        if not split.validation or not split.train:
            raise InputError(
                f"part {number + 1} of {len(parts)} leaves no sentence to validate on, or none to train on",
                expected="more groups",
                hint="raise validation_share, or name a group column of finer grain",
            )
        trained = run(_into(config, f"fold-{number + 1}"), split)
        measured.append(validate(_decode(trained.folder, part, codebook), part, codebook))
    return _write(measured, Path(config.training.output_dir) / CROSS_VALIDATION)


def train_seeds(config: RunConfig) -> dict[str, Spread]:
    """Train with several seeds on the same split, each into ``seed-…`` of the output folder.

    Returns:
        Measure of the validation part -> its values over the seeds; also in :data:`SEEDS`.

    Raises:
        FramingError: data, base, codebook or a setting cannot be used.
    """
    first, split_seed = config.training.seed, config.split_seed
    measured = []
    for seed in range(first, first + config.judging.n_seeds):
        one = _into(config, f"seed-{seed}")
        one.training.seed = seed
        measured.append(run(replace(one, data=replace(one.data, split_seed=split_seed))).metrics)
    return _write(measured, Path(config.training.output_dir) / SEEDS)


def _into(config: RunConfig, name: str) -> RunConfig:
    """The configuration of one training, into a folder of the output folder."""
    training = copy.deepcopy(config.training)
    training.output_dir = str(Path(config.training.output_dir) / name)
    training.push_to_hub = False  # it judges the model that is published
    return replace(config, training=training)


def _decode(folder: Path, examples: Sequence[Example], codebook: Codebook) -> list[DecodedSentence]:
    """What a finished checkpoint says of sentences."""
    model = FramingModel.from_pretrained(folder)
    encoder = SentenceEncoder.from_file(folder / "tokenizer.json", max_length=model.config.window_length)
    encoded = encoder.encode([e.text for e in examples], [e.state for e in examples])
    logits = compute_logits(TorchEngine(model, device="cpu", precision="fp32"), encoded)
    calibration = Calibration.load(folder / checkpoint.CALIBRATION, codebook.heads)
    return list(Decoder(codebook, calibration).decode(logits, encoded, [e.text for e in examples]))


def _write(measured: Sequence[dict[str, float]], path: Path) -> dict[str, Spread]:
    names = dict.fromkeys(name for one in measured for name in one)
    unknown = float("nan")
    found = {
        name: Spread(tuple(unknown if (v := one.get(name)) is None else float(v) for one in measured)) for name in names
    }
    write_whole(path, json.dumps({name: spread.to_dict() for name, spread in found.items()}, indent=2) + "\n")
    return found
