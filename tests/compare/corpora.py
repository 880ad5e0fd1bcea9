"""Corpora made up for tests: documents of several outlets with mentions drawn at random."""

from __future__ import annotations

import numpy as np

from framing.codebook import Codebook
from framing.types import Document, DocumentLabels, Hedge, Mention, SentenceLabels, Source

CODEBOOK = Codebook.default()
CONTRAST = CODEBOOK.contrasts[0]
VOICES = CODEBOOK.voices
AGENCY, MINISTRY = "the news agency", "Ministry"


def sentence(
    index: int, start: int, text: str, mentions: tuple[Mention, ...] = (), **changed: object
) -> SentenceLabels:
    fields = {
        "document_id": "0",
        "outlet": None,
        "published": None,
        "kind": "body",
        "frames": {mention.label: mention.probability for mention in mentions},
        "hedges": (),
        "sources": (),
        "hedged": False,
        "probabilities": dict.fromkeys(CODEBOOK.outputs, 0.01),
        **changed,
    }
    return SentenceLabels(index=index, start=start, end=start + len(text), text=text, mentions=mentions, **fields)  # type: ignore[arg-type]


def mention(label: str, voice: str | None = "author", source: str | None = None, probability: float = 0.9) -> Mention:
    at = None if source is None else Source(0, len(source), source, 0.9)
    return Mention(label, 0, 4, "word", voice, 0.9, probability, at)


def document(
    id: str, outlet: str | None, published: str | None, sentences: list[SentenceLabels], **metadata: str
) -> DocumentLabels:
    text = "\n".join(one.text for one in sentences)
    whole = Document(text, id=id, outlet=outlet, published=published, metadata=metadata, input="made", row=int(id[1:]))
    own = tuple(one.within(whole) for one in sentences)
    return DocumentLabels(own, codebook=CODEBOOK, document=whole)


def made_up(
    documents: int = 40, outlets: tuple[str, ...] = ("A", "B", "C"), *, seed: int = 0, sentences: int = 6
) -> list[DocumentLabels]:
    """Documents with mentions of the first contrast, whose mix differs by outlet and by document."""
    generator = np.random.default_rng(seed)
    labels = CONTRAST.labels
    made = []
    for number in range(documents):
        place = number % len(outlets)
        taste = generator.dirichlet(np.roll(np.arange(1, len(labels) + 1, dtype=float), place))
        own, start = [], 0
        for index in range(int(generator.integers(1, sentences + 1))):
            found = tuple(
                mention(
                    str(generator.choice(labels, p=taste)),
                    str(generator.choice(VOICES)),
                    str(generator.choice([AGENCY, MINISTRY])) if generator.random() < 0.5 else None,
                    round(float(generator.uniform(0.5, 1)), 3),
                )
                for _ in range(generator.integers(0, 4))
            )
            text = f"Words of {outlets[place]} about Aleppo, number {index}."
            hedges = (Hedge(CODEBOOK.hedge_kinds[0], 0, 5, "Words", 0.8),) if generator.random() < 0.3 else ()
            kind = "comment" if generator.random() < 0.1 else "body"
            own.append(sentence(index, start, text, found, hedges=hedges, hedged=bool(hedges), kind=kind))
            start += len(text) + 1
        day = f"2016-{1 + number % 12:02d}-{1 + number % 28:02d}"
        made.append(document(f"d{number}", outlets[place], day, own, section="north" if number % 2 else "south"))
    return made
