"""The component ``framing`` of a spaCy pipeline; importing this module registers it.

::

    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("framing")
    doc = nlp("The army liberated the town from terrorists, state TV claimed.")
    for span in doc.spans["framing"]:
        span.label_, span._.framing.voice, span._.framing.source

An installed ``framing`` tells spaCy of the component by an entry point, so that no import is needed.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup

from framing.errors import CheckpointError, SettingError
from framing.labeler import Labeler, load
from framing.types import Document, Labels, Mention, SentenceLabels, Source

#: The component, the group of its spans, the attribute of documents and spans, and the key in ``doc.user_data``.
NAME = "framing"
#: Who cuts: framing, whose rules know headlines, datelines and quotations, or an earlier component (``doc.sents``).
Cutting = Literal["framing", "doc"]

_SETTINGS = "settings.json"


@dataclass(frozen=True, slots=True)
class SpanLabels:
    """What ``span._.framing`` says of a span.

    Attributes:
        sentence: the labels of the sentence in which the span begins.
        mention: the frame on it, where it is a span of ``doc.spans["framing"]``.
    """

    sentence: SentenceLabels
    mention: Mention | None = None

    @property
    def hedged(self) -> bool:
        """The sentence is hedged."""
        return self.sentence.hedged

    @property
    def kind(self) -> str:
        """Of the sentence: headline, body, …."""
        return self.sentence.kind

    @property
    def voice(self) -> str | None:
        """Whose word the mention is."""
        return None if self.mention is None else self.mention.voice

    @property
    def source(self) -> Source | None:
        """Who is cited for the mention; offsets count in the sentence."""
        return None if self.mention is None else self.mention.source

    @property
    def probability(self) -> float | None:
        """Of the mention's label, calibrated, in [0, 1]."""
        return None if self.mention is None else self.mention.probability


class FramingComponent:
    """Marks documents; made by ``nlp.add_pipe("framing", config={…})``.

    It sets ``doc.spans[name]``, one span a mention, whose label is the frame and whose ``attrs["scores"]`` are the
    probabilities (float32, one a span, as spaCy's spancat has them); ``doc.spans[name + ".hedges"]`` and
    ``doc.spans[name + ".sources"]`` likewise. ``doc._.framing`` has the :class:`framing.Labels` of its sentences, and
    ``span._.framing`` a :class:`SpanLabels` for any span that begins in a sentence, or ``None``. A span is of whole
    tokens; the offsets of the labels are those of the model.

    What is said of a document travels with it: ``doc.to_bytes``, ``DocBin`` and ``nlp.pipe(n_process=…)`` keep it.

    Args:
        name: of the component, and of its groups of spans.
        checkpoint, engine, device, precision, threads: as of :func:`framing.load`.
        sentences: ``"framing"`` cuts by its own rules; ``"doc"`` takes the sentences of an earlier component.

    Attributes:
        labeler: what labels. A forked process opens one of its own.

    Raises:
        CheckpointError: the checkpoint cannot be used.
        SettingError: an option is unknown, or two do not go together.
    """

    def __init__(
        self,
        name: str = NAME,
        *,
        checkpoint: str = "shipped",
        engine: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        sentences: Cutting = "framing",
    ) -> None:
        self.name = name
        self._settings: dict[str, Any] = {
            "checkpoint": checkpoint,
            "engine": engine,
            "device": device,
            "precision": precision,
            "threads": threads,
            "sentences": sentences,
        }
        self._opened = self._open(self._settings)
        self._process = os.getpid()

    @property
    def labeler(self) -> Labeler:
        """What labels."""
        if self._process != os.getpid():  # the threads of the engine do not outlive a fork
            self._opened, self._process = self._open(self._settings), os.getpid()
        return self._opened

    @property
    def labels(self) -> tuple[str, ...]:
        """The frames that spans can have, in codebook order."""
        return tuple(label.name for label in self._opened.codebook.labels)

    def __call__(self, doc: Doc) -> Doc:
        """Mark one document.

        Raises:
            SettingError: the sentences of the document are wanted, and it has none.
        """
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 1000) -> Iterator[Doc]:
        """Mark documents as they come.

        Args:
            stream: read ahead by twice the engine's ``look_ahead`` of sentences.
            batch_size: not used; the engine makes batches of sentences of like length, across documents. Sentences that
                come from an earlier component are batched within their document.

        Yields:
            The documents, in order.

        Raises:
            SettingError: the sentences of a document are wanted, and it has none.
        """
        if self._settings["sentences"] == "doc":
            for doc in stream:
                self._mark(doc, self._labels_of_its_sentences(doc))
                yield doc
            return
        waiting: deque[Doc] = deque()

        def texts() -> Iterator[Document]:
            for doc in stream:
                waiting.append(doc)
                yield Document(doc.text)

        for labels in self.labeler.documents(texts()):
            doc = waiting.popleft()
            self._mark(doc, labels)
            yield doc

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The settings and the fingerprint of the checkpoint; its weights stay where they are.

        Args:
            exclude: not used.
        """
        saved = {**self._settings, "fingerprint": self._opened.checkpoint.fingerprint}
        return json.dumps(saved, indent=2).encode()

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> FramingComponent:
        """Take the settings of :meth:`to_bytes`.

        Args:
            data: as written.
            exclude: not used.

        Raises:
            CheckpointError: the checkpoint is missing here, or is not the one that was saved with.
        """
        settings = json.loads(data)
        fingerprint = settings.pop("fingerprint")
        opened = self._opened if settings == self._settings else self._open(settings)
        if opened.checkpoint.fingerprint != fingerprint:
            raise CheckpointError(
                f"{settings['checkpoint']!r} is {opened.checkpoint.fingerprint[:12]}… here",
                expected=f"the checkpoint that the pipeline was saved with, {fingerprint[:12]}…",
                hint="add the component anew, nlp.add_pipe('framing'), if the other model is wanted",
            )
        self._settings, self._opened, self._process = settings, opened, os.getpid()
        return self

    def to_disk(self, path: str | os.PathLike[str], *, exclude: Iterable[str] = ()) -> None:
        """Write a folder with what :meth:`to_bytes` gives.

        Args:
            path: made if need be.
            exclude: not used.
        """
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _SETTINGS).write_bytes(self.to_bytes())

    def from_disk(self, path: str | os.PathLike[str], *, exclude: Iterable[str] = ()) -> FramingComponent:
        """Read the folder of :meth:`to_disk`; raises as :meth:`from_bytes`."""
        return self.from_bytes((Path(path) / _SETTINGS).read_bytes())

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.name, self._settings)

    @staticmethod
    def _open(settings: dict[str, Any]) -> Labeler:
        return load(**{name: value for name, value in settings.items() if name != "sentences"})

    def _labels_of_its_sentences(self, doc: Doc) -> Labels:
        if len(doc) and not doc.has_annotation("SENT_START"):
            raise SettingError(
                "the document has no sentences",
                expected="a component that sets them, before this one, because of sentences = 'doc'",
                hint="nlp.add_pipe('sentencizer', before='framing'), or leave sentences as it is, 'framing'",
            )
        spans = list(doc.sents)
        found = self.labeler.sentences([span.text for span in spans])
        placed = (replace(one, start=s.start_char, end=s.end_char) for one, s in zip(found, spans, strict=True))
        return Labels(tuple(placed), codebook=found.codebook)

    def _mark(self, doc: Doc, labels: Labels) -> None:
        doc.user_data[NAME] = labels.to_dict()
        mentions = [(s, m, m.label, f"{s.index}.{n}") for s in labels for n, m in enumerate(s.mentions)]
        hedges = [(s, hedge, hedge.kind, "") for s in labels for hedge in s.hedges]
        sources = [(s, source, "source", "") for s in labels for source in s.sources]
        for name, found in (("", mentions), (".hedges", hedges), (".sources", sources)):
            key = self.name + name
            spans = []
            for sentence, words, label, identity in found:
                start, end = sentence.start + words.start, sentence.start + words.end
                spans.append(doc.char_span(start, end, label=label, span_id=identity, alignment_mode="expand"))
            scores = np.array([words.probability for _, words, _, _ in found], dtype=np.float32)
            doc.spans[key] = SpanGroup(doc, name=key, spans=spans, attrs={"scores": scores})


def _restored(name: str, settings: dict[str, Any]) -> FramingComponent:
    return FramingComponent(name, **settings)


def _labels_of(doc: Doc) -> Labels | None:
    records = doc.user_data.get(NAME)
    return None if records is None else Labels(tuple(map(SentenceLabels.from_dict, records)))


def _labels_at(span: Span) -> SpanLabels | None:
    records = span.doc.user_data.get(NAME) or []
    record = next((one for one in records if one["start"] <= span.start_char < one["end"]), None)
    index, _, number = span.id_.partition(".")
    if number:  # a span that was widened to whole tokens may begin before its sentence
        record = next((one for one in records if one["index"] == int(index)), record)
    if record is None:
        return None
    sentence = SentenceLabels.from_dict(record)
    return SpanLabels(sentence, sentence.mentions[int(number)] if number else None)


@Language.factory(
    NAME,
    assigns=["doc.spans", "doc._.framing", "span._.framing"],
    default_config={
        "checkpoint": "shipped",
        "engine": "auto",
        "device": "auto",
        "precision": "auto",
        "threads": None,
        "sentences": "framing",
    },
)
def make_framing(
    nlp: Language,
    name: str,
    checkpoint: str,
    engine: str,
    device: str,
    precision: str,
    threads: int | None,
    sentences: Cutting,
) -> FramingComponent:
    """What ``nlp.add_pipe("framing")`` calls; the arguments are those of :class:`FramingComponent`."""
    return FramingComponent(
        name,
        checkpoint=checkpoint,
        engine=engine,
        device=device,
        precision=precision,
        threads=threads,
        sentences=sentences,
    )


for _holder, _getter in ((Doc, _labels_of), (Span, _labels_at)):
    if not _holder.has_extension(NAME):
        _holder.set_extension(NAME, getter=_getter)
