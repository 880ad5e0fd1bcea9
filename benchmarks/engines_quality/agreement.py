"""How far two runs of one model on the same sentences are apart: probabilities, and what a reader would see change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from framing.errors import InputError
from framing.evaluate.scoring import Interval
from framing.types import SentenceLabels

#: What may change -> the part of a sentence's labels that is compared. ``spans`` are the places of all mentions, hedges
#: and sources; ``voices`` are compared where a mention has the same label and place in both runs.
ASPECTS: dict[str, Callable[[SentenceLabels], Any]] = {
    "frames": lambda labels: set(labels.frames),
    "spans": lambda labels: {
        *((m.label, m.start, m.end) for m in labels.mentions),
        *((f"hedge.{h.kind}", h.start, h.end) for h in labels.hedges),
        *(("source", s.start, s.end) for s in labels.sources),
    },
    "hedges": lambda labels: {h.kind for h in labels.hedges},
    "kind": lambda labels: labels.kind,
}
VOICES = "voices"
ANYTHING = "anything"
CHANGES = (*ASPECTS, VOICES, ANYTHING)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two runs agree.

    Attributes:
        sentences: compared.
        largest_gap: largest |Δ probability| of any output in any sentence.
        mean_gap: mean over sentences of each one's largest.
        changed: name of :data:`CHANGES` -> sentences in which it differs.
    """

    sentences: int
    largest_gap: float
    mean_gap: float
    changed: dict[str, int]

    def share(self, change: str, level: float) -> Interval:
        """Share of the sentences in which something changed, with its Wilson interval (Wilson 1927)."""
        from scipy.stats import binomtest

        count = self.changed[change]
        bounds = binomtest(count, self.sentences).proportion_ci(level, method="wilson")
        return Interval(count / self.sentences, float(bounds.low), float(bounds.high))


def compare(reference: Sequence[SentenceLabels], other: Sequence[SentenceLabels]) -> Agreement:
    """Compare two runs on the same sentences.

    Raises:
        InputError: they are not of the same sentences, or of none.
    """
    if not reference or [labels.text for labels in reference] != [labels.text for labels in other]:
        raise InputError(
            f"runs of {len(reference)} and {len(other)} sentences, not the same ones", expected="the same, in order"
        )
    gaps = [_gap(ours, theirs) for ours, theirs in zip(reference, other, strict=True)]
    changes = [_changes(ours, theirs) for ours, theirs in zip(reference, other, strict=True)]
    changed = {name: sum(name in change for change in changes) for name in CHANGES}
    return Agreement(len(reference), max(gaps), sum(gaps) / len(gaps), changed)


def _gap(ours: SentenceLabels, theirs: SentenceLabels) -> float:
    names = {*ours.probabilities, *theirs.probabilities}
    return max(
        (abs(ours.probabilities.get(name, 0.0) - theirs.probabilities.get(name, 0.0)) for name in names), default=0.0
    )


def _changes(ours: SentenceLabels, theirs: SentenceLabels) -> set[str]:
    found = {name for name, of in ASPECTS.items() if of(ours) != of(theirs)}
    voices = {(m.label, m.start, m.end): m.voice for m in ours.mentions}
    if any(m.voice != voices.get((m.label, m.start, m.end), m.voice) for m in theirs.mentions):
        found.add(VOICES)
    return found | {ANYTHING} if found else found
