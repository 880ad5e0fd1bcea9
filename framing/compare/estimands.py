"""What is compared: every figure is a ratio of two sums over documents.

A figure of a group is ``R = sum of y_d / sum of x_d`` over the group's documents ``d``: the numerator counts what is
asked for, the denominator what it could have been. :data:`ESTIMANDS` says of each what ``y`` and ``x`` are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from framing.compare.columns import Corpus
from framing.errors import SettingError, did_you_mean

if TYPE_CHECKING:
    from framing.codebook import Contrast

Array = npt.NDArray[Any]

#: Sources that are compared one by one, at most.
MOST_SOURCES = 20


@dataclass(frozen=True, slots=True)
class Estimand:
    """What a figure means.

    Attributes:
        name: the key in tables.
        title: for people.
        definition: one sentence.
        formula: with y the numerator and x the denominator, summed over the documents of a group.
        unit: ``"share"``, in [0, 1], or ``"rate"``, 0 or more.
        scale: what the ratio is multiplied by where it is shown: 100 for a rate per 100.
    """

    name: str
    title: str
    definition: str
    formula: str
    unit: str = "share"
    scale: float = 1.0


#: Estimands by name, in the order in which they are shown.
ESTIMANDS: Mapping[str, Estimand] = {
    estimand.name: estimand
    for estimand in (
        Estimand(
            "contrast_share",
            "share of a contrast's mentions",
            "Of all mentions of a contrast's labels in a voice, the share that takes one of the labels.",
            "R = sum_d mentions_d(label, voice) / sum_d sum_(k in contrast) mentions_d(k, voice)",
        ),
        Estimand(
            "per_100_sentences",
            "mentions per 100 sentences",
            "How many mentions of a label there are in 100 sentences.",
            "R = 100 * sum_d mentions_d(label) / sum_d sentences_d",
            "rate",
            100.0,
        ),
        Estimand(
            "per_100_documents",
            "mentions per 100 documents",
            "How many mentions of a label there are in 100 documents.",
            "R = 100 * sum_d mentions_d(label) / number of documents",
            "rate",
            100.0,
        ),
        Estimand(
            "voice_share",
            "share of mentions by voice",
            "Of all mentions of a label (or of any label), the share that is in a voice.",
            "R = sum_d mentions_d(label, voice) / sum_d mentions_d(label)",
        ),
        Estimand(
            "hedged_share",
            "share of sentences that are hedged",
            "Of all sentences, the share that is hedged.",
            "R = sum_d hedged sentences_d / sum_d sentences_d",
        ),
        Estimand(
            "hedge_kind_share",
            "share of hedges by kind",
            "Of all hedging cues, the share that is of a kind.",
            "R = sum_d cues_d(kind) / sum_d cues_d",
        ),
        Estimand(
            "source_share",
            "share of sourced mentions by source",
            "Of all mentions that have a source, the share that stands under one source.",
            "R = sum_d mentions_d(source) / sum_d mentions_d(any source)",
        ),
        Estimand(
            "source_contrast_share",
            "share of a contrast's mentions under a source",
            "Of all mentions of a contrast's labels under one source, the share that takes one of the labels.",
            "R = sum_d mentions_d(label, source) / sum_d sum_(k in contrast) mentions_d(k, source)",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Cell:
    """Which figure of an estimand; ``None`` where it does not apply, or stands for all.

    Attributes:
        contrast, label, voice: of the codebook.
        hedge: a kind of hedge.
        source: who is cited, in lower case.
    """

    contrast: str | None = None
    label: str | None = None
    voice: str | None = None
    hedge: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Ratios:
    """Figures that share a denominator, by document.

    Attributes:
        estimand: see :data:`ESTIMANDS`.
        cells: K of them.
        numerators: scipy sparse CSR array, float64 [documents, K].
        denominator: float64 [documents].
    """

    estimand: Estimand
    cells: tuple[Cell, ...]
    numerators: Any
    denominator: Array

    def take(self, documents: Array) -> Ratios:
        """Some of the documents; int64."""
        return Ratios(self.estimand, self.cells, self.numerators[documents], self.denominator[documents])


def contrast_shares(corpus: Corpus, contrasts: Sequence[Contrast]) -> Iterator[Ratios]:
    """``contrast_share``: which of its rival names a contrast takes, in all voices together and in each."""
    counts = _Mentions(corpus)
    names = corpus.codebook.label_names
    for contrast in contrasts:
        labels = [names.index(label) for label in contrast.labels]
        for voice in counts.voices_and_all:
            sums = counts.by_label(voice)[:, labels]
            cells = tuple(Cell(contrast.name, label, counts.voice_name(voice)) for label in contrast.labels)
            yield Ratios(ESTIMANDS["contrast_share"], cells, sums, _row_sums(sums))


def frame_rates(corpus: Corpus) -> Iterator[Ratios]:
    """``per_100_sentences`` and ``per_100_documents``: how often each label is used."""
    sums = _Mentions(corpus).by_label(None)
    cells = tuple(Cell(label=label) for label in corpus.codebook.label_names)
    sentences = np.bincount(corpus.codes("sentences", "document"), minlength=len(corpus)).astype(np.float64)
    yield Ratios(ESTIMANDS["per_100_sentences"], cells, sums, sentences)
    yield Ratios(ESTIMANDS["per_100_documents"], cells, sums, np.ones(len(corpus)))


def voice_shares(corpus: Corpus) -> Iterator[Ratios]:
    """``voice_share``: in whose voice mentions are, of all labels together and of each."""
    counts = _Mentions(corpus)
    voices = corpus.codebook.voices
    if not voices:
        return
    for label in (None, *range(len(corpus.codebook.label_names))):
        sums = counts.by_voice(label)
        name = None if label is None else corpus.codebook.label_names[label]
        cells = tuple(Cell(label=name, voice=voice) for voice in voices)
        yield Ratios(ESTIMANDS["voice_share"], cells, sums, counts.of_label(label))


def hedging(corpus: Corpus) -> Iterator[Ratios]:
    """``hedged_share`` and ``hedge_kind_share``."""
    kinds = corpus.codebook.hedge_kinds
    if not kinds:
        return
    document = corpus.codes("sentences", "document")
    hedged = np.asarray(corpus.sentences.column("hedged")).astype(bool)
    sums = _sparse(document[hedged], np.zeros(int(hedged.sum()), dtype=np.int64), (len(corpus), 1))
    sentences = np.bincount(document, minlength=len(corpus)).astype(np.float64)
    yield Ratios(ESTIMANDS["hedged_share"], (Cell(),), sums, sentences)
    cues = _sparse(
        document[corpus.codes("hedges", "sentence")], corpus.codes("hedges", "kind"), (len(corpus), len(kinds))
    )
    cells = tuple(Cell(hedge=kind) for kind in kinds)
    yield Ratios(ESTIMANDS["hedge_kind_share"], cells, cues, _row_sums(cues))


def cited_sources(corpus: Corpus, contrasts: Sequence[Contrast]) -> Iterator[Ratios]:
    """``source_share`` and ``source_contrast_share``: who is cited, and which names stand under them.

    Sources that differ in upper and lower case or in an article before them are one; those in most documents are
    taken, at most :data:`MOST_SOURCES`.
    """
    names, source = _sources(corpus)
    if not names:
        return
    document, label = corpus.document_of_mention, corpus.codes("mentions", "label")
    sourced, listed = source != -1, source >= 0
    shape = (len(corpus), len(names))
    sums = _sparse(document[listed], source[listed], shape)
    all_sourced = np.bincount(document[sourced], minlength=len(corpus)).astype(np.float64)
    cells = tuple(Cell(source=name) for name in names)
    yield Ratios(ESTIMANDS["source_share"], cells, sums, all_sourced)
    labels = corpus.codebook.label_names
    for place, name in enumerate(names):
        own = source == place
        counts = _sparse(document[own], label[own], (len(corpus), len(labels)))
        for contrast in contrasts:
            part = counts[:, [labels.index(one) for one in contrast.labels]]
            under = tuple(Cell(contrast.name, one, source=name) for one in contrast.labels)
            yield Ratios(ESTIMANDS["source_contrast_share"], under, part, _row_sums(part))


def _sources(corpus: Corpus) -> tuple[list[str], Array]:
    """The sources to compare, and which of them each mention has; -1 for none, -2 for another one."""
    encoded = corpus.mentions.column("source").combine_chunks().dictionary_encode()
    written = [source_name(text) for text in encoded.dictionary.to_pylist()]
    place = {name: number for number, name in enumerate(dict.fromkeys(written))}
    known = np.array([place[name] for name in written] + [-1], dtype=np.int64)
    code = known[np.asarray(encoded.indices.fill_null(len(written))).astype(np.int64)]
    has_one = code >= 0
    pairs = np.unique(np.stack([code[has_one], corpus.document_of_mention[has_one]]), axis=1)
    in_documents = Counter(pairs[0].tolist())
    names = list(place)
    best = sorted(in_documents, key=lambda number: (-in_documents[number], names[number]))[:MOST_SOURCES]
    listed = np.full(len(names) + 1, -2, dtype=np.int64)
    listed[-1] = -1
    listed[best] = np.arange(len(best))
    return [names[number] for number in best], listed[code]


def source_name(source: str) -> str:
    """A source as figures name it: in lower case, without an article before it."""
    words = source.lower().split()
    return " ".join(words[1:] if len(words) > 1 and words[0] in ("the", "a", "an") else words)


#: Groups of figures that may be asked for, and what makes each.
PARTS = ("contrasts", "rates", "voices", "hedges", "sources")


def ratios_of(corpus: Corpus, parts: Collection[str], contrasts: Sequence[Contrast]) -> Iterator[Ratios]:
    """The figures of some parts, in the order of :data:`PARTS`.

    Raises:
        SettingError: a part is unknown.
    """
    for part in parts:
        if part not in PARTS:
            raise SettingError(
                f"the part {part!r} is unknown", expected=", ".join(PARTS), hint=did_you_mean(part, PARTS)
            )
    if "contrasts" in parts:
        yield from contrast_shares(corpus, contrasts)
    if "rates" in parts and corpus.codebook.labels:
        yield from frame_rates(corpus)
    if "voices" in parts:
        yield from voice_shares(corpus)
    if "hedges" in parts:
        yield from hedging(corpus)
    if "sources" in parts and corpus.codebook.source_guide:
        yield from cited_sources(corpus, contrasts)


class _Mentions:
    """Mentions by document, label and voice."""

    def __init__(self, corpus: Corpus) -> None:
        self._documents = len(corpus)
        self._labels = len(corpus.codebook.label_names)
        self._names = corpus.codebook.voices
        self._document = corpus.document_of_mention
        self._label = corpus.codes("mentions", "label")
        self._voice = corpus.codes("mentions", "voice")
        self.voices_and_all = (None, *range(len(self._names)))

    def voice_name(self, voice: int | None) -> str | None:
        return None if voice is None else self._names[voice]

    def by_label(self, voice: int | None) -> Any:
        wanted = slice(None) if voice is None else self._voice == voice
        return _sparse(self._document[wanted], self._label[wanted], (self._documents, self._labels))

    def by_voice(self, label: int | None) -> Any:
        wanted = self._voice >= 0
        if label is not None:
            wanted &= self._label == label
        return _sparse(self._document[wanted], self._voice[wanted], (self._documents, len(self._names)))

    def of_label(self, label: int | None) -> Array:
        wanted = slice(None) if label is None else self._label == label
        return np.bincount(self._document[wanted], minlength=self._documents).astype(np.float64)


def _sparse(rows: Array, columns: Array, shape: tuple[int, int]) -> Any:
    """How often each pair comes: CSR, float64."""
    from scipy.sparse import coo_array

    return coo_array((np.ones(len(rows)), (rows, columns)), shape=shape).tocsr()


def _row_sums(sums: Any) -> Array:
    return np.asarray(sums.sum(axis=1), dtype=np.float64).ravel()
