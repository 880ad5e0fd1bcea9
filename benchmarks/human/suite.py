"""What the suite declares."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.human.forms import FORMS
from benchmarks.human.systems import TRAINERS
from benchmarks.suites import Bootstrap, Suite, require_known
from framing.codebook import Codebook
from framing.errors import SettingError


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Sentences that people labelled.

    Attributes:
        title: for people.
        form: of its files, a key of :data:`benchmarks.human.forms.FORMS`.
        codebook: a file beside the suite's.
        names: what the files call it -> label of the codebook.
        systems: that are measured on it.
        sentences: labels of which it is measured whether a sentence carries them.
        spans: labels whose spans are measured.
        folds: parts of the documents, where there is no file to test on; each is tested by what the others taught.
        measured_folds: those that are measured; all if empty.
        most_training_sentences: whole documents are drawn until so many are there; all if ``None``.
        published: what others reached, and on what.
    """

    title: str
    form: str
    codebook: str
    names: dict[str, str]
    systems: tuple[str, ...]
    sentences: tuple[str, ...]
    spans: tuple[str, ...]
    folds: int = 5
    measured_folds: tuple[int, ...] = ()
    most_training_sentences: int | None = None
    published: str = ""

    def __post_init__(self) -> None:
        require_known(self.form, FORMS, "the form")
        for name in self.systems:
            require_known(name, TRAINERS, "the system")
        for label in (*self.sentences, *self.spans):
            require_known(label, tuple(self.names.values()), "the label")
        if self.folds < 2 or not set(self.measured_folds) <= set(range(self.folds)):
            raise SettingError(
                f"{self.folds} folds, of which {list(self.measured_folds)} are measured",
                expected="two folds or more, and numbers of them from 0",
            )

    def load_codebook(self) -> Codebook:
        """The codebook that the suite brings."""
        return Codebook.load(self.codebook_file)

    @property
    def codebook_file(self) -> Path:
        """Where it is."""
        return Path(__file__).parent / self.codebook

    @property
    def parts(self) -> tuple[int, ...]:
        """The folds that are measured."""
        return self.measured_folds or tuple(range(self.folds))


@dataclass(frozen=True, slots=True)
class HumanSuite(Suite):
    """How good codebooks of others are learned.

    Attributes:
        base: encoder of everything that is trained from one.
        seed: of folds, draws and trainings.
        bootstrap: of the intervals.
        systems: name -> title, in the order they run.
        reference: the system that is compared with each of the others.
        settings: of framing-train, and of transformers' Trainer for the others.
        sets: by name.
    """

    folder: ClassVar[str] = "human"

    base: str
    seed: int
    bootstrap: Bootstrap
    systems: dict[str, str]
    reference: str
    sets: dict[str, LabelledSet]
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_known(self.reference, self.systems, "the reference")
        for one in self.sets.values():
            for name in one.systems:
                require_known(name, self.systems, "the system")
