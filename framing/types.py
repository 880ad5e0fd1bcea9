"""What goes in and what comes out: documents, sentences, and their labels.

Offsets are half-open ``[start, end)`` and count Unicode code points. A sentence's offsets count from the start of
its document's text; those of mentions, hedges and sources count from the start of their sentence. For every one of
them the invariant holds that slicing its parent's text with its offsets gives its own ``text``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas


class Voice(StrEnum):
    """Whose word a frame is. The order is that of the model's voice logits."""

    AUTHOR = "author"
    ATTRIBUTED = "attributed"
    QUOTED = "quoted"
    DISTANCED = "distanced"


class Kind(StrEnum):
    """What a sentence is on the page. The order is that of the model's kind logits."""

    HEADLINE = "headline"
    CAPTION = "caption"
    BODY = "body"
    COMMENT = "comment"
    BOILERPLATE = "boilerplate"


#: The kinds that carry the outlet's own words. A reader's comment is not the outlet's voice, and debris is nobody's.
OUTLET_KINDS: frozenset[Kind] = frozenset({Kind.HEADLINE, Kind.CAPTION, Kind.BODY})


class HedgeKind(StrEnum):
    """How a cue weakens or distances a claim."""

    EPISTEMIC = "epistemic"
    HEARSAY = "hearsay"
    DISTANCING = "distancing"
    APPROXIMATION = "approximation"


#: A sentence with one of these cues is *hedged*; ``approximation`` alone does not make it so.
HEDGING_KINDS: frozenset[HedgeKind] = frozenset({HedgeKind.EPISTEMIC, HedgeKind.HEARSAY, HedgeKind.DISTANCING})


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
    kind: Kind | None = None
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
    """

    text: str
    id: str = "0"
    outlet: str | None = None
    published: str | None = None
    title: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """An input that was set aside, and why. Written to ``*.rejected.jsonl``.

    Attributes:
        where: the file, with row or line where there is one (``"corpus.csv:17"``).
        reason: one sentence: the value, what was expected.
        value: the start of the offending value, for the reader's eye.
    """

    where: str
    reason: str
    value: str = ""

    def to_dict(self) -> dict[str, str]:
        """The rejection as a JSON-ready dictionary."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Mention:
    """One frame on its evidence span.

    Attributes:
        label: the frame, a label of the codebook.
        start, end: code points from the start of the sentence, half-open.
        text: ``sentence.text[start:end]``.
        voice: whose word it is.
        voice_probability: calibrated probability of ``voice``, in [0, 1].
        probability: calibrated probability of the label on this span, in [0, 1].
        source: the words that name who is cited for it, where the voice is not the author's and one was found.
    """

    label: str
    start: int
    end: int
    text: str
    voice: Voice
    voice_probability: float
    probability: float
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Hedge:
    """A hedging cue; offsets count from the start of the sentence."""

    kind: HedgeKind
    start: int
    end: int
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Source:
    """The words that name who is cited; offsets count from the start of the sentence."""

    start: int
    end: int
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class SentenceLabels:
    """Everything the labeler says of one sentence; one record of the output.

    Attributes:
        document_id, outlet, published: of the document it comes from.
        index, kind, start, end, text: of the sentence (offsets count in the document's text).
        frames: label -> calibrated probability, of the labels over their threshold, in codebook order.
        mentions: the frames on their evidence spans, in order of appearance.
        hedges, sources: spans, in order of appearance.
        hedged: there is an epistemic, hearsay or distancing cue.
        probabilities: label -> calibrated probability, of every output of the model (labels, ``hedge.<kind>``,
            ``source``).
        truncated: some of the sentence was not read by the model (never so by default: long ones are windowed).
    """

    document_id: str
    outlet: str | None
    published: str | None
    index: int
    kind: Kind
    start: int
    end: int
    text: str
    frames: dict[str, float]
    mentions: tuple[Mention, ...]
    hedges: tuple[Hedge, ...]
    sources: tuple[Source, ...]
    probabilities: dict[str, float]
    truncated: bool = False

    @property
    def hedged(self) -> bool:
        """Whether an epistemic, hearsay or distancing cue was found."""
        return any(hedge.kind in HEDGING_KINDS for hedge in self.hedges)

    def to_dict(self) -> dict[str, Any]:
        """The record as plain JSON-ready types, with the keys in the order that files use."""
        return {
            "document_id": self.document_id,
            "outlet": self.outlet,
            "published": self.published,
            "index": self.index,
            "kind": str(self.kind),
            "start": self.start,
            "end": self.end,
            "text": self.text,
            "frames": dict(self.frames),
            "mentions": [
                {
                    "label": m.label,
                    "start": m.start,
                    "end": m.end,
                    "text": m.text,
                    "voice": str(m.voice),
                    "voice_probability": m.voice_probability,
                    "probability": m.probability,
                    "source": m.source,
                }
                for m in self.mentions
            ],
            "hedges": [
                {"kind": str(h.kind), "start": h.start, "end": h.end, "text": h.text, "probability": h.probability}
                for h in self.hedges
            ],
            "sources": [
                {"start": s.start, "end": s.end, "text": s.text, "probability": s.probability} for s in self.sources
            ],
            "hedged": self.hedged,
            "probabilities": dict(self.probabilities),
            "truncated": self.truncated,
        }


@dataclass(frozen=True, slots=True)
class DocumentLabels(Sequence[SentenceLabels]):
    """The labels of one document: a sequence of its sentences' labels, in order.

    Attributes:
        document: what was labelled; ``document.text[s.start:s.end] == s.text`` for each sentence ``s``.
        sentences: labels of every sentence, comments and boilerplate included.
    """

    document: Document
    sentences: tuple[SentenceLabels, ...]

    def __len__(self) -> int:
        return len(self.sentences)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self.sentences[index]

    def __iter__(self) -> Iterator[SentenceLabels]:
        return iter(self.sentences)

    def counts(
        self,
        *,
        voices: Sequence[Voice | str] | None = None,
        kinds: Sequence[Kind | str] | frozenset[Kind] = OUTLET_KINDS,
    ) -> Counter[str]:
        """How many mentions each frame has.

        Args:
            voices: count mentions in these voices only; all when ``None``.
            kinds: count sentences of these kinds only; by default those that carry the outlet's words.
        """
        wanted_voices = None if voices is None else {Voice(v) for v in voices}
        wanted_kinds = {Kind(k) for k in kinds}
        return Counter(
            mention.label
            for sentence in self.sentences
            if sentence.kind in wanted_kinds
            for mention in sentence.mentions
            if wanted_voices is None or mention.voice in wanted_voices
        )

    def to_dict(self) -> list[dict[str, Any]]:
        """One record per sentence."""
        return [sentence.to_dict() for sentence in self.sentences]

    def to_frame(self) -> pandas.DataFrame:
        """One row per sentence, the record's keys as columns. Needs pandas."""
        import pandas

        return pandas.DataFrame(self.to_dict())
