"""The common form that every format is read into and written from.

A passage is a :class:`~framing.markup.MarkedRow` with what other tools have beyond it: spans that overlap, texts of
several lines, names that are no tags, labels without words, and scores. :meth:`Passage.of_row` and
:meth:`Passage.to_row` go from one to the other.

**Names.** A span's name is its tag as markup writes it: ``rebels.author``, ``rebels.author.tone=ironic``,
``hedge.hearsay``, ``source``, ``town.small`` (``task.value``). A passage's labels are what is known of it as a whole:
``kind=body``, ``stance=hostile``, ``topics=war`` and ``topics=trade``, ``topics=`` (none of the values), or a label of
the codebook alone: ``rebels``. So one string holds all that markup holds, in tools that know names only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Self

from framing.codebook import KIND
from framing.errors import InputError
from framing.markup import MarkedRow, MarkedSentence, MarkedSpan, Tag
from framing.text.sentences import split

if TYPE_CHECKING:
    from framing.convert.names import Names
    from framing.convert.notes import Notes

_LINE_OR_TAB = re.compile(r"[\t\n\r]")
#: How the place of a passage is named in the metadata of other tools, which have ids of their own.
_ORIGIN = {"group": "group", "document": "document", "outlet": "outlet", "id": "row_id"}


@dataclass(frozen=True, slots=True)
class NamedSpan:
    """Words with a name.

    Attributes:
        start, end: code points from the start of the passage, half-open.
        name: the tag, or what another tool calls it.
        score: of a model, in [0, 1]; ``None`` for a person's mark.
    """

    start: int
    end: int
    name: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class NamedLabel:
    """What is said of a whole passage.

    Attributes:
        name: ``task=value``, or a label.
        score: of a model, in [0, 1]; ``None`` for a person's label.
    """

    name: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence or a longer text, with its spans and labels.

    Attributes:
        text: as it is; spans count in it.
        spans: by start and end, those of the same words in their own order; they may overlap.
        labels: of the whole passage.
        group: what must stay together when data is split.
        document, outlet, id: as of :class:`~framing.markup.MarkedRow`.
        predicted: a model said it, not a person.
        where: ``"file:row"``, for messages.

    Raises:
        InputError: there is no text, or a span is empty or not within it.
    """

    text: str
    spans: tuple[NamedSpan, ...] = ()
    labels: tuple[NamedLabel, ...] = ()
    group: str | None = None
    document: str | None = None
    outlet: str | None = None
    id: str | None = None
    predicted: bool = False
    where: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text.strip():
            raise InputError(f"the text is {self.text!r:.60}", expected="a text with words in it")
        for span in self.spans:
            if not 0 <= span.start < span.end <= len(self.text):
                raise InputError(
                    f"the span {span.name!r} at [{span.start}, {span.end})",
                    expected=f"offsets within the text, which has {len(self.text)} code points, and at least one",
                )
        ordered = tuple(sorted(self.spans, key=lambda span: (span.start, span.end)))
        object.__setattr__(self, "spans", ordered)

    @property
    def origin(self) -> dict[str, str]:
        """Where it comes from, as the metadata of other tools keep it: those of group, document, outlet and row_id."""
        found = {name: getattr(self, attribute) for attribute, name in _ORIGIN.items()}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def scores(self) -> int:
        """How many of its spans and labels have a score."""
        spans = sum(span.score is not None for span in self.spans)
        return spans + sum(label.score is not None for label in self.labels)

    def words(self) -> Iterator[tuple[int, int, tuple[NamedSpan, ...]]]:
        """Start, end and spans of each stretch that is marked, once for all that is marked on the same words."""
        for (start, end), same in groupby(self.spans, key=lambda span: (span.start, span.end)):
            yield start, end, tuple(same)

    def overlap(self) -> tuple[NamedSpan, NamedSpan] | None:
        """Two spans of which one begins within the other; those of the same words do not count."""
        stretches = [spans[0] for _, _, spans in self.words()]
        last: NamedSpan | None = None
        for span in stretches:
            if last is not None and span.start < last.end:
                return last, span
            last = span
        return None

    @classmethod
    def of_row(cls, row: MarkedRow) -> Self:
        """A marked row as a passage; nothing is lost."""
        spans = [NamedSpan(span.start, span.end, str(tag)) for span in row.sentence.spans for tag in span.tags]
        labels = [f"{KIND}={row.kind}"] if row.kind else []
        for task, answer in row.answers.items():
            labels += [f"{task}={value}" for value in answer.split("+")]
        return cls(
            row.sentence.text,
            tuple(spans),
            tuple(map(NamedLabel, labels)),
            group=row.group,
            document=row.document,
            outlet=row.outlet,
            id=row.id,
            where=row.where or "",
        )

    def to_row(self, names: Names, notes: Notes) -> MarkedRow:
        """The passage as a marked row.

        Args:
            names: make tags of names.
            notes: are told what a row cannot hold.

        Raises:
            InputError: spans overlap, the text has several lines, or a name is no tag.
        """
        if _LINE_OR_TAB.search(self.text):
            raise InputError(
                f"line ends or tabs in {self.text[:60]!r}",
                expected="one sentence on one line, as markup has it",
                hint="--cut cuts texts into sentences",
            )
        if crossing := self.overlap():
            raise InputError(
                " and ".join(f"{s.name!r} at [{s.start}, {s.end})" for s in crossing) + " overlap",
                expected="spans that do not nest or overlap, as in markup",
            )
        spans = []
        for start, end, same in self.words():
            tags: dict[str, Tag] = {}
            for span in same:
                tag = names.tag(span.name)
                if tag.output in tags:
                    notes.lose("marks of a label that is on the same words already")
                tags.setdefault(tag.output, tag)
            spans.append(MarkedSpan(start, end, self.text[start:end], tuple(tags.values())))
        notes.lose("scores", self.scores)
        marked = {tag.name for span in spans for tag in span.tags if tag.layer == "frame"}
        kind, answers = names.about(self.labels, marked, notes)
        own: dict[str, Any] = {"kind": kind, "answers": answers, "where": self.where or None}
        sentence = MarkedSentence(self.text, tuple(spans))
        if self.id and self.outlet and self.document:
            return MarkedRow(
                self.document, sentence=sentence, outlet=self.outlet, document=self.document, id=self.id, **own
            )
        return MarkedRow(self.group or self.document or self.id or self.where or "1", sentence=sentence, **own)


def origin_of(metadata: Mapping[str, Any], id: Any = None) -> dict[str, Any]:
    """Where a passage comes from, as :class:`Passage` takes it.

    Args:
        metadata: of another tool, with what :attr:`Passage.origin` gave to it, if it did.
        id: the tool's own id, which counts where the metadata say nothing.
    """
    found = {attribute: metadata.get(name) for attribute, name in _ORIGIN.items()}
    known = {attribute: str(value) for attribute, value in found.items() if value not in (None, "")}
    return known or ({} if id in (None, "") else {"id": str(id)})


def by_document(passages: Iterable[Passage]) -> Iterator[tuple[str, list[Passage]]]:
    """Name and passages of each document, in the order in which documents are met; all are held in memory."""
    documents: dict[str, list[Passage]] = {}
    for passage in passages:
        name = passage.document or passage.group or passage.id or passage.where or "text"
        documents.setdefault(name, []).append(passage)
    yield from documents.items()


def cut(passage: Passage, language: str, notes: Notes) -> Iterator[Passage]:
    """The sentences of a passage, each a passage by itself; line ends and tabs within a sentence become spaces.

    Args:
        passage: what is cut.
        language: BCP 47 tag, by whose rules sentences are cut.
        notes: are told of spans that run over the end of a sentence, and of labels that no sentence has by itself.
    """
    sentences = split(passage.text, language)
    kept = 0
    for sentence in sentences:
        spans = tuple(
            replace(span, start=span.start - sentence.start, end=span.end - sentence.start)
            for span in passage.spans
            if sentence.start <= span.start and span.end <= sentence.end
        )
        kept += len(spans)
        name = passage.id and f"{passage.id}:{sentence.index + 1}"
        group = passage.group or passage.document or passage.id or passage.where or None
        labels = passage.labels if len(sentences) == 1 else ()
        text = _LINE_OR_TAB.sub(" ", sentence.text)
        yield replace(passage, text=text, spans=spans, labels=labels, id=name, group=group)
    if len(sentences) != 1 and passage.labels:
        notes.lose("labels of texts that were cut into sentences", len(passage.labels))
    if kept < len(passage.spans):
        notes.lose("spans over the end of a sentence", len(passage.spans) - kept)
