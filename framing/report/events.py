"""The same event as each group tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.compare.comparison import Comparison
from framing.compare.events import Events
from framing.report.evidence import marks_by_sentence
from framing.report.marks import Mark, window

Array = npt.NDArray[Any]

#: Events that are told.
MOST = 6


@dataclass(frozen=True, slots=True)
class Telling:
    """What a group makes of an event.

    Attributes:
        group: its name.
        documents, copies: how many there are, and how many of them copy another one of any group.
        sentence, marks: the first sentence of the first one that is no copy: its headline where it has one.
        names: (label, voice, mentions) of all documents that are no copies, the most frequent first.
    """

    group: str
    documents: int
    copies: int
    sentence: str
    marks: tuple[Mark, ...]
    names: tuple[tuple[str, str | None, int], ...]


@dataclass(frozen=True, slots=True)
class Event:
    """An event that two groups or more tell.

    Attributes:
        name: its value in the column; of an event that was found, the headline of the earliest document.
        since, until: first and last day, ISO 8601; empty without dates.
        tellings: in the order of groups.
    """

    name: str
    since: str
    until: str
    tellings: tuple[Telling, ...]


def events_of(comparison: Comparison, events: Events, original: Array, *, most: int = MOST) -> list[Event]:
    """The events that most groups tell; of those that equally many do, the ones with most documents.

    Args:
        comparison: without periods.
        events: of the documents of its corpus.
        original: int64 [documents], what each is a copy of.
        most: events.
    """
    group = comparison.group_of_document
    inside = np.flatnonzero((events.of_document >= 0) & (group >= 0))
    inside = inside[np.argsort(events.of_document[inside], kind="stable")]
    numbers, first = np.unique(events.of_document[inside], return_index=True)
    found = []
    for number, members in zip(numbers.tolist(), np.split(inside, first[1:]), strict=True):
        groups = len(np.unique(group[members]))
        if groups > 1:
            found.append((-groups, -len(members), events.names[number], number, members))
    chosen = sorted(found, key=lambda one: one[:4])[:most]
    told = [_event(comparison, name, members, original) for _, _, name, _, members in chosen]
    return sorted(told, key=lambda event: (event.since, event.name))


def _event(comparison: Comparison, name: str, members: Array, original: Array) -> Event:
    corpus, group = comparison.corpus, comparison.group_of_document
    days = [str(day) for day in corpus.documents.column("day").take(members).to_pylist() if day is not None]
    tellings = []
    for number in np.unique(group[members]).tolist():
        own = members[group[members] == number]
        kept = own[original[own] == own]
        tellings.append(_telling(comparison, comparison.groups[number].name, own, kept))
    return Event(name, min(days, default=""), max(days, default=""), tuple(tellings))


def _telling(comparison: Comparison, group: str, own: Array, kept: Array) -> Telling:
    corpus = comparison.corpus
    document = corpus.codes("sentences", "document")
    first = np.flatnonzero(document == (kept if len(kept) else own)[0])[0]
    wanted = np.zeros(len(document), dtype=bool)
    wanted[first] = True
    text, marks = window(corpus.text(int(first)), marks_by_sentence(corpus, wanted)[int(first)], 300)
    counted = np.isin(corpus.document_of_mention, kept)
    labels, voices = (corpus.mentions.column(name).filter(counted).to_pylist() for name in ("label", "voice"))
    rivals = {label for contrast in corpus.codebook.contrasts for label in contrast.labels}
    names = Counter(
        (label, voice) for label, voice in zip(labels, voices, strict=True) if label in rivals or not rivals
    )
    order = sorted(names.items(), key=lambda one: (-one[1], one[0][0], one[0][1] or ""))
    rows: Sequence[tuple[str, str | None, int]] = [(label, voice, count) for (label, voice), count in order]
    return Telling(group, len(own), len(own) - len(kept), text, tuple(marks), tuple(rows[:8]))
