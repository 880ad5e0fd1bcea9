"""What goes in and what comes out: documents, sentences, and their labels.

Offsets are half-open ``[start, end)`` and count Unicode code points. A sentence's offsets count from the start of
its document's text; those of mentions, hedges and sources count from the start of their sentence. For every one of
them the invariant holds that slicing its parent's text with its offsets gives its own ``text``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self, overload

from framing.errors import InputError

if TYPE_CHECKING:
    import pandas

    from framing.codebook import Codebook

#: Keys of a record, in the order of columns; tasks and carried columns follow.
COLUMNS = (
    "input",
    "row",
    "document_id",
    "outlet",
    "published",
    "index",
    "kind",
    "start",
    "end",
    "text",
    "text_offset",
    "frames",
    "mentions",
    "hedges",
    "sources",
    "hedged",
    "probabilities",
)
_NESTED = frozenset({"frames", "mentions", "hedges", "sources", "probabilities"})
_MENTION = ("label", "start", "end", "text", "voice", "voice_probability", "probability", "source")


class Kind(StrEnum):
    """What the rules of :mod:`framing.text.kinds` can say of a sentence's place on its page."""

    HEADLINE = "headline"
    CAPTION = "caption"
    BODY = "body"
    COMMENT = "comment"
    BOILERPLATE = "boilerplate"


#: Those that carry the outlet's own words: a reader's comment is not the outlet's voice, and debris is nobody's.
OUTLET_KINDS: frozenset[str] = frozenset({Kind.HEADLINE, Kind.CAPTION, Kind.BODY})


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of a document.

    Attributes:
        text: the sentence; equals ``document.text[start:end]``.
        start, end: code points from the start of the document's text, half-open.
        index: position among the document's sentences, from 0.
        kind: what the sentence is on the page, or ``None`` where reading alone cannot tell (the model then decides).
        kind_is_certain: the rule that set ``kind`` outranks the model's kind head.
        starts_in_quotation: the sentence begins inside a quotation that an earlier sentence opened.
    """

    text: str
    start: int
    end: int
    index: int = 0
    kind: str | None = None
    kind_is_certain: bool = False
    starts_in_quotation: bool = False

    def __post_init__(self) -> None:
        if self.end - self.start != len(self.text) or self.start < 0:
            raise ValueError(f"offsets [{self.start}, {self.end}) do not fit a text of {len(self.text)} code points")


@dataclass(frozen=True, slots=True)
class Document:
    """One published item.

    Attributes:
        text: the readable text (for HTML: what was extracted), which all sentence offsets count in.
        id: unique within a corpus.
        outlet: who publishes it.
        published: the date as given, ISO 8601 where the input was.
        title: the headline where the input keeps it apart; it is then the first line of ``text`` too.
        metadata: further columns to carry along.
        input, row: the file that the document was read from, and its row there, from 1 (the line of JSONL and CSV).
        text_offset: where the input's own text begins in ``text``, in code points: behind the title that was put
            before it, say. An offset less ``text_offset`` counts in the user's own column. ``None`` where the text is
            not in the input as it stands, because it was taken from a page.
    """

    text: str
    id: str = "0"
    outlet: str | None = None
    published: str | None = None
    title: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    input: str | None = None
    row: int | None = None
    text_offset: int | None = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """An input that was set aside, and why. Written to ``*.rejected.jsonl``.

    Attributes:
        where: the file, with row or line where there is one (``"corpus.csv:17"``).
        reason: one sentence: the value, what was expected.
        value: the start of the offending value, for the reader's eye.
        row: its number in the file; ``None`` for what cannot be read as rows.
    """

    where: str
    reason: str
    value: str = ""
    row: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The rejection as a JSON-ready dictionary."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Source:
    """The words that name who is cited; offsets count from the start of the sentence. ``str(source)`` is its text."""

    start: int
    end: int
    text: str
    probability: float

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Mention:
    """One frame on its evidence span.

    Attributes:
        label: the frame, a label of the codebook.
        start, end: code points from the start of the sentence, half-open.
        text: ``sentence.text[start:end]``.
        voice: whose word it is; ``None`` where the codebook has no voices.
        voice_probability: calibrated probability of ``voice``, in [0, 1].
        probability: calibrated probability of the label on this span, in [0, 1].
        source: the words that name who is cited for it, where the voice is not the outlet's own and one was found.
        tasks: task -> what was chosen, of the codebook's tasks that are asked of mentions.
    """

    label: str
    start: int
    end: int
    text: str
    voice: str | None
    voice_probability: float | None
    probability: float
    source: Source | None = None
    tasks: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, with the keys in the order that files use."""
        source = None if self.source is None else asdict(self.source)
        return {**{name: getattr(self, name) for name in _MENTION}, "source": source, **self.tasks}


@dataclass(frozen=True, slots=True)
class Hedge:
    """A hedging cue; offsets count from the start of the sentence."""

    kind: str
    start: int
    end: int
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class MarkedWords:
    """Words that were marked for a task of the codebook; offsets count from the start of the sentence."""

    value: str
    start: int
    end: int
    text: str
    probability: float


#: What a record says for a task: the chosen value, or value -> probability of those over their threshold, or the words.
TaskAnswer = str | Mapping[str, float] | tuple[MarkedWords, ...]


@dataclass(frozen=True, slots=True)
class SentenceLabels:
    """Everything the labeler says of one sentence; one record of the output.

    Attributes:
        document_id, outlet, published, input, row, text_offset: of the document it comes from.
        index, kind, start, end, text: of the sentence (offsets count in the document's text).
        frames: label -> calibrated probability, of the labels over their threshold, in codebook order.
        mentions: the frames on their evidence spans, in order of appearance.
        hedges, sources: spans, in order of appearance.
        hedged: one of the hedges is of a kind that makes a sentence hedged.
        probabilities: name -> calibrated probability, of everything the model can mark (labels, ``hedge.<kind>``,
            ``source``) and of the values of tasks (``<task>.<value>``).
        tasks: task -> answer, of the codebook's tasks that are asked of sentences and words.
    """

    document_id: str
    outlet: str | None
    published: str | None
    index: int
    kind: str
    start: int
    end: int
    text: str
    frames: Mapping[str, float]
    mentions: tuple[Mention, ...]
    hedges: tuple[Hedge, ...]
    sources: tuple[Source, ...]
    hedged: bool
    probabilities: Mapping[str, float]
    tasks: Mapping[str, TaskAnswer] = field(default_factory=dict)
    input: str | None = None
    row: int | None = None
    text_offset: int | None = 0

    def within(self, document: Document, index: int | None = None) -> Self:
        """The same labels of a document that holds this sentence.

        Args:
            document: gives ``document_id, outlet, published, input, row, text_offset``.
            index: the sentence's place there; as it is when ``None``.
        """
        return replace(
            self,
            document_id=document.id,
            outlet=document.outlet,
            published=document.published,
            input=document.input,
            row=document.row,
            text_offset=document.text_offset,
            index=self.index if index is None else index,
        )

    def _repr_html_(self) -> str:
        """How notebooks show it. What draws pages stands above this module, and is found when it is needed."""
        return str(import_module("framing.report.marks").labels_html(self))

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON-ready types, with the keys in the order that files use."""
        return {
            **{name: getattr(self, name) for name in COLUMNS},
            "frames": dict(self.frames),
            "mentions": [mention.to_dict() for mention in self.mentions],
            "hedges": [asdict(hedge) for hedge in self.hedges],
            "sources": [asdict(source) for source in self.sources],
            "probabilities": dict(self.probabilities),
            **{task: _plain(answer) for task, answer in self.tasks.items()},
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """Read a record, the reverse of :meth:`to_dict`; of Parquet too.

        Args:
            record: the keys of :data:`COLUMNS`, and of tasks, which are known by the probabilities of their values.
                Other keys are passed over.

        Raises:
            InputError: a key is missing or holds something else.
        """
        try:
            probabilities = _by_name(record["probabilities"])
            if not (isinstance(record["text"], str) and isinstance(record["start"], int)):
                raise TypeError(f"text {record['text']!r:.40}, start {record['start']!r:.40}")
            return cls(
                **{name: record[name] for name in COLUMNS if name not in _NESTED},
                frames=_by_name(record["frames"]),
                mentions=tuple(map(_mention, record["mentions"])),
                hedges=tuple(Hedge(**_rounded(item)) for item in record["hedges"]),
                sources=tuple(Source(**_rounded(item)) for item in record["sources"]),
                probabilities=probabilities,
                tasks={name: _answer(record[name]) for name in tasks_of(probabilities) if record.get(name) is not None},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise no_record(error) from error


def no_record(error: Exception) -> InputError:
    """What to raise where something cannot be read as a record."""
    return InputError(f"this is no record of framing: {error!r}", expected=f"the keys {', '.join(COLUMNS)}")


def tasks_of(probabilities: Iterable[str]) -> tuple[str, ...]:
    """The tasks that can have a column of their own, by the names of a record's probabilities."""
    tasks = dict.fromkeys(name.partition(".")[0] for name in probabilities if "." in name)
    return tuple(name for name in tasks if name != "hedge")


def _by_name(value: Any) -> dict[str, float]:
    """name -> probability, of an object, or of Parquet's list of ``{label, probability}``."""
    if isinstance(value, Mapping):
        return {name: round(p, 6) for name, p in value.items() if p is not None}
    return {entry.get("label", entry.get("value")): round(entry["probability"], 6) for entry in value}


def _rounded(item: Mapping[str, Any]) -> dict[str, Any]:
    """A span with its probabilities as the record has them; float32 adds digits."""
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in item.items()}


def _mention(item: Mapping[str, Any]) -> Mention:
    known = _rounded({name: item[name] for name in _MENTION})
    if known["source"] is not None:
        known["source"] = Source(**_rounded(known["source"]))
    return Mention(**known, tasks={name: value for name, value in item.items() if name not in _MENTION})


def _answer(value: Any) -> TaskAnswer:
    """An answer as it was. Parquet has a list for values with their probabilities too; an empty one is of words."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) or any("start" not in item for item in value):
        return _by_name(value)
    return tuple(MarkedWords(**_rounded(item)) for item in value)


def _plain(answer: TaskAnswer) -> Any:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, Mapping):
        return dict(answer)
    return [asdict(words) for words in answer]


@dataclass(frozen=True, slots=True)
class Labels(Sequence[SentenceLabels]):
    """The labels of several sentences, in order.

    Attributes:
        sentences: labels of every sentence, comments and boilerplate included.
        codebook: by which they were labelled, where it is known.
    """

    sentences: tuple[SentenceLabels, ...]
    codebook: Codebook | None = field(default=None, repr=False, compare=False, kw_only=True)

    def __len__(self) -> int:
        return len(self.sentences)

    @overload
    def __getitem__(self, index: int) -> SentenceLabels: ...
    @overload
    def __getitem__(self, index: slice) -> Labels: ...
    def __getitem__(self, index: int | slice) -> SentenceLabels | Labels:
        chosen = self.sentences[index]
        return Labels(chosen, codebook=self.codebook) if isinstance(chosen, tuple) else chosen

    def __iter__(self) -> Iterator[SentenceLabels]:
        return iter(self.sentences)

    def counts(self, *, voices: Collection[str] | None = None, kinds: Collection[str] | None = None) -> Counter[str]:
        """How many mentions each frame has.

        Args:
            voices: count mentions in these voices only; all when ``None``.
            kinds: count sentences of these kinds only; those that carry the outlet's words when ``None``.
        """
        return Counter(mention.label for mention in self._mentions(voices, kinds))

    def contrasts(
        self,
        *,
        voices: Collection[str] | None = None,
        kinds: Collection[str] | None = None,
        codebook: Codebook | None = None,
    ) -> dict[str, Counter[str]]:
        """How often each of the rival names of a contrast was chosen: contrast -> label -> mentions.

        Labels that do not occur are counted as 0, so that shares can be taken.

        Args:
            voices, kinds: as of :meth:`counts`.
            codebook: has the contrasts; the one that the labels come from when ``None``, or else the built-in one.
        """
        if codebook is None:
            codebook = self.codebook
        if codebook is None:
            from framing.codebook import Codebook

            codebook = Codebook.default()
        counted = self.counts(voices=voices, kinds=kinds)
        return {c.name: Counter({label: counted[label] for label in c.labels}) for c in codebook.contrasts}

    def _mentions(self, voices: Collection[str] | None, kinds: Collection[str] | None) -> Iterator[Mention]:
        if kinds is None:
            kinds = self.codebook.outlet_kinds if self.codebook and self.codebook.kinds else OUTLET_KINDS
        for sentence in self.sentences:
            if sentence.kind in kinds:
                yield from (m for m in sentence.mentions if voices is None or m.voice in voices)

    def to_dict(self) -> list[dict[str, Any]]:
        """One record per sentence, as JSON-ready types."""
        return [sentence.to_dict() for sentence in self.sentences]

    def _repr_html_(self) -> str:
        """How notebooks show it. What draws pages stands above this module, and is found when it is needed."""
        return str(import_module("framing.report.marks").labels_html(self))

    def to_frame(self) -> pandas.DataFrame:
        """One row per sentence, the record's keys as columns. Needs pandas."""
        import pandas

        return pandas.DataFrame(self.to_dict())


@dataclass(frozen=True, slots=True)
class DocumentLabels(Labels):
    """The labels of one document.

    Attributes:
        document: what was labelled; ``document.text[s.start:s.end] == s.text`` for each sentence ``s``.
    """

    document: Document = field(kw_only=True)
