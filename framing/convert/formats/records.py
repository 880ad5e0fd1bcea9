"""Our own records: what a model said, as pre-annotation for people to correct. They are read, not written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from framing.codebook import HEDGE, KIND, SOURCE, Codebook
from framing.convert.formats.base import Format, Sample
from framing.convert.passages import NamedLabel, NamedSpan, Passage
from framing.errors import InputError, SettingError
from framing.records import read_labels
from framing.types import SentenceLabels

_COLUMNS = {"document_id", "mentions", "frames", "probabilities"}


class Records(Format):
    """What ``framing label`` and ``framing batch`` write: each sentence is a passage, with scores."""

    name = "records"
    writes = "nothing"

    @classmethod
    def recognises(cls, sample: Sample) -> bool:
        """Whether rows are records, or the folder is that of a batch job."""
        return "plan.json" in sample.names or set(sample.row) >= _COLUMNS

    def read(self, path: str) -> Iterator[Passage]:
        """The sentences of all documents."""
        for document in read_labels(path, codebook=self.names.codebook):
            for sentence in document:
                with self.notes.setting_aside(f"{path}:{sentence.document_id}:{sentence.index}", sentence.text):
                    yield passage_of(sentence, self.names.codebook or document.codebook)

    def write(self, passages: Iterable[Passage], path: str) -> None:
        """Refuse: records say what a model computed.

        Raises:
            SettingError: always.
        """
        raise SettingError(
            "records are what a model says, and are not made of annotations",
            expected="another format",
            hint="--to jsonl writes spans and labels",
        )


def passage_of(sentence: SentenceLabels, codebook: Codebook | None = None) -> Passage:
    """A record as a passage with scores.

    Args:
        sentence: the record. Labels without words that carry them become labels of the passage.
        codebook: by which was labelled. Where it has no kinds, the kind of the page is nobody's label.

    Raises:
        InputError: the sentence is empty.
    """
    spans, labels = [], []
    for mention in sentence.mentions:
        voice = f".{mention.voice}" if mention.voice else ""
        answers = "".join(f".{task}={value}" for task, value in mention.tasks.items())
        name = f"{mention.label}{voice}{answers}"
        spans.append(NamedSpan(mention.start, mention.end, name, mention.probability))
    spans += [
        NamedSpan(hedge.start, hedge.end, f"{HEDGE}.{hedge.kind}", hedge.probability) for hedge in sentence.hedges
    ]
    spans += [NamedSpan(source.start, source.end, SOURCE, source.probability) for source in sentence.sources]
    if sentence.kind and (codebook is None or codebook.kinds):
        labels.append(NamedLabel(f"{KIND}={sentence.kind}"))
    with_words = {mention.label for mention in sentence.mentions}
    labels += [NamedLabel(name, score) for name, score in sentence.frames.items() if name not in with_words]
    for task, answer in sentence.tasks.items():
        if isinstance(answer, str):
            labels.append(NamedLabel(f"{task}={answer}", sentence.probabilities.get(f"{task}.{answer}")))
        elif isinstance(answer, tuple):
            spans += [NamedSpan(w.start, w.end, f"{task}.{w.value}", w.probability) for w in answer]
        else:
            labels += [NamedLabel(f"{task}={value}", score) for value, score in answer.items()]
            labels += [] if answer else [NamedLabel(f"{task}=")]
    if not sentence.text.strip():
        raise InputError("the sentence is empty")
    outlet = sentence.outlet
    document = sentence.document_id
    place = f"{document}:{sentence.index}"
    return Passage(
        sentence.text,
        tuple(spans),
        tuple(labels),
        group=document,
        document=document,
        outlet=outlet,
        id=place,
        predicted=True,
        where=place,
    )
