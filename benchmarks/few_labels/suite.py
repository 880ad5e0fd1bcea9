"""What the suite declares."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from benchmarks.few_labels.systems import TRAINERS
from benchmarks.suites import Suite, require_known
from framing.errors import SettingError


@dataclass(frozen=True, slots=True)
class System:
    """A way to learn.

    Attributes:
        title: for people.
        settings: of its training.
        epochs: passes over the training sentences, where its training is told how many steps it makes.
        least_steps: steps of such a training, however few sentences there are.
    """

    title: str
    settings: dict[str, Any] = field(default_factory=dict)
    epochs: float | None = None
    least_steps: int = 1

    def settings_for(self, sentences: int) -> dict[str, Any]:
        """The settings of a training on so many sentences."""
        if self.epochs is None:
            return self.settings
        batches = math.ceil(sentences / self.settings["per_device_train_batch_size"])
        return {**self.settings, "max_steps": max(math.ceil(self.epochs * batches), self.least_steps)}


@dataclass(frozen=True, slots=True)
class FewLabelsSuite(Suite):
    """How good systems are that learn from few marked sentences.

    Attributes:
        base: encoder of everything that is trained from one.
        sizes: marked sentences that carry each label, at least; ascending.
        splits: seeds of the draws, and of the trainings on them.
        level: of the intervals over splits.
        reference: the system that is compared with each of the others.
        systems: by name, in the order they run.
    """

    folder: ClassVar[str] = "few_labels"

    base: str
    sizes: tuple[int, ...]
    splits: tuple[int, ...]
    level: float
    reference: str
    systems: dict[str, System]

    def __post_init__(self) -> None:
        if not self.sizes or self.sizes[0] < 1 or list(self.sizes) != sorted(set(self.sizes)):
            raise SettingError(f"the sizes are {list(self.sizes)}", expected="ascending, 1 or more")
        if not self.splits or len(self.splits) != len(set(self.splits)):
            raise SettingError(f"the splits are {list(self.splits)}", expected="different seeds")
        require_known(self.reference, self.systems, "the reference")
        for name, system in self.systems.items():
            require_known(name, TRAINERS, "the system")
            if system.epochs is not None and "per_device_train_batch_size" not in system.settings:
                raise SettingError(f"{name} has epochs, and no batch size", expected="per_device_train_batch_size")
