"""What a training would do and what is suspicious in its data, before hours are spent on it (``--dry_run``)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from framing.codebook import Codebook
from framing.train.examples import Example, Split, marks_of

#: Below so many sentences a mark is hardly learned, and its score says little.
FEW = 8


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Something in the data that a person should look at.

    Attributes:
        message: what it is, how often, and an instance.
        count: how often.
    """

    message: str
    count: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do.

    Attributes:
        train, validation: sentences.
        groups: number of groups over both.
        steps: optimizer steps, if nothing stops it early.
        seconds_per_step: on this machine.
        suspicions: in the data.
    """

    train: int
    validation: int
    groups: int
    steps: int
    seconds_per_step: float
    suspicions: tuple[Suspicion, ...]

    @property
    def seconds(self) -> float:
        """Of training; reading, validation and writing come on top."""
        return self.steps * self.seconds_per_step

    def lines(self) -> list[str]:
        """The plan as lines for people."""
        found = [f"suspicious:  {suspicion.message}" for suspicion in self.suspicions]
        return [
            f"would train: {self.train:,} sentences; validate on {self.validation:,}; {self.groups:,} groups",
            f"steps:       at most {self.steps:,}, {self.seconds_per_step:.2f} s each here: "
            f"{self.seconds / 60:.1f} min",
            *(found or ["suspicious:  nothing found"]),
        ]


def suspicions(split: Split, codebook: Codebook, *, few: int = FEW) -> tuple[Suspicion, ...]:
    """What is suspicious in training and validation data.

    Found are: sentences of several groups (on both sides of the split they leak; within training they count twice), one
    sentence marked in two ways, marks with fewer than ``few`` sentences, marks that no sentence or every sentence
    carries. Sentences are compared without regard to case and white space.
    """
    everything = (*split.train, *split.validation)
    return (
        *_leaks(split),
        *_repeated(everything),
        *_contradictions(everything),
        *_rare_and_constant(split.train, codebook, few),
    )


def spoiling(split: Split, codebook: Codebook, *, is_taught: bool = False) -> tuple[Suspicion, ...]:
    """What makes a training or its figures worthless, to be said in every run.

    Args:
        split: what is trained and validated on.
        codebook: has the labels.
        is_taught: a teacher says more than what is marked.
    """
    without_contrast = () if is_taught else _without_contrast(split.train, codebook)
    return (*_leaks(split), *_unjudged(split), *without_contrast)


def _key(example: Example) -> str:
    return " ".join(example.text.lower().split())


def _leaks(split: Split) -> Iterable[Suspicion]:
    trained = {_key(example) for example in split.train}
    if shared := [example for example in split.validation if _key(example) in trained]:
        yield Suspicion(
            f"{len(shared)} validation sentences are training sentences too, so that validation flatters: "
            f"{shared[0].text!r:.80}",
            len(shared),
        )


def _repeated(examples: Sequence[Example]) -> Iterable[Suspicion]:
    groups: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        groups[_key(example)].add(example.group)
    if several := [(key, sorted(found)) for key, found in groups.items() if len(found) > 1]:
        key, found = several[0]
        yield Suspicion(
            f"{len(several)} sentences stand in several groups, which may end up on both sides of a split: "
            f"{key!r:.80} in {', '.join(found[:3])}",
            len(several),
        )


def _contradictions(examples: Sequence[Example]) -> Iterable[Suspicion]:
    said: dict[str, set[tuple[frozenset[str], tuple[tuple[str, str], ...]]]] = defaultdict(set)
    for example in examples:
        if example.labels_known or example.answers:
            said[_key(example)].add((example.labels, tuple(sorted(example.answers.items()))))
    if different := [key for key, answers in said.items() if len(answers) > 1]:
        yield Suspicion(
            f"{len(different)} sentences are marked in different ways at different places: {different[0]!r:.80}",
            len(different),
        )


def _unjudged(split: Split) -> Iterable[Suspicion]:
    if not any(example.labels or example.answers for example in split.validation):
        yield Suspicion(
            f"none of the {len(split.validation)} validation sentences carries a label: thresholds stay at 0.5, and "
            "the last state is taken. Give more data, --validation FILE, or another --split_seed",
            len(split.validation),
        )


def _without_contrast(train: Sequence[Example], codebook: Codebook) -> Iterable[Suspicion]:
    """Labels of the codebook that no sentence carries, or every one: nothing can be learned of them."""
    carried = Counter(label for example in train for label in example.labels)
    known = Counter(mark for example in train for mark in example.labels_known)
    asked = [name for name in codebook.label_names if known[name]]
    if never := [name for name in asked if not carried[name]]:
        yield Suspicion(f"no training sentence carries {', '.join(map(repr, never))}: never learned", len(never))
    if always := [name for name in asked if carried[name] == known[name]]:
        yield Suspicion(
            f"every training sentence carries {', '.join(map(repr, always))}: there is none to tell it from",
            len(always),
        )


def _rare_and_constant(train: Sequence[Example], codebook: Codebook, few: int) -> Iterable[Suspicion]:
    carried = Counter(label for example in train for label in example.labels)
    known = Counter(mark for example in train for mark in example.labels_known)
    for mark in marks_of(codebook.heads):
        if known[mark] and carried[mark] == known[mark]:
            yield Suspicion(f"every sentence that speaks of {mark!r} carries it; there is none to tell it from", 1)
        elif carried[mark] < few:
            yield Suspicion(f"{mark!r} has {carried[mark]} training sentences; fewer than {few} teach little", 1)
    for task in codebook.tasks_of("sentence"):
        answers = Counter(
            value for e in train if task.name in e.answers for value in e.answers[task.name].split("+") if value
        )
        for name in task.names:
            if answers[name] < few:
                yield Suspicion(f"{task.name}.{name} has {answers[name]} training sentences; fewer than {few}", 1)
        if len(answers) == 1:
            yield Suspicion(f"all answers to {task.name!r} are {next(iter(answers))!r}", 1)
