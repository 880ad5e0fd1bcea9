"""The sentences behind the numbers: a random sample of each cell, and documents to check as a whole."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from framing.compare.columns import Corpus
from framing.compare.comparison import Comparison
from framing.compare.estimands import source_name
from framing.report.marks import Mark, frame_mark, looks_of, window

Array = npt.NDArray[Any]

#: Sentences that a page holds at most, and of a cell.
MOST_SENTENCES = 900
MOST_OF_A_CELL = 40
#: Mentions of a label whose words are counted.
MENTIONS_READ = 300
#: Code points of a document that can be drawn for checking.
MOST_OF_A_DOCUMENT = 12_000


@dataclass(frozen=True, slots=True)
class Item:
    """A sentence of the evidence.

    Attributes:
        sentence: its row in the comparison's corpus.
        group: number of its group among :attr:`Evidence.groups`.
        frames: (label, voice) of each mention, as numbers of the codebook; -1 for no voice.
        hedges: numbers of hedge kinds.
        sources: numbers among :attr:`Evidence.sources`.
        hedged: as the record has it.
        outlet, day, document, kind: for people; the day ISO 8601.
        text, marks: the sentence, or of a long one the part with the marks.
    """

    sentence: int
    group: int
    frames: tuple[tuple[int, int], ...]
    hedges: tuple[int, ...]
    sources: tuple[int, ...]
    hedged: bool
    outlet: str
    day: str
    document: str
    kind: str
    text: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Sentences drawn at random.

    Attributes:
        items: in the order of group and corpus.
        groups: names of groups.
        sources: who is cited, as the comparison names them.
        each: sentences of each cell at most; a cell is a group with a frame and voice, a hedge kind, or a source.
        total: sentences with any mark that there are.
        counts: mentions in all, int64 [groups, labels, voices + 1]; the last one without voice.
        seed: of the draw.
    """

    items: tuple[Item, ...]
    groups: tuple[str, ...]
    sources: tuple[str, ...]
    each: int
    total: int
    counts: Array
    seed: int


def draw_evidence(
    comparison: Comparison, sources: Sequence[str], *, seed: int = 0, most: int = MOST_SENTENCES
) -> Evidence:
    """Draw sentences of every cell.

    Args:
        comparison: without periods.
        sources: who is cited, as its figures name them.
        seed: of the draw.
        most: sentences in all; of each cell as many as that leaves room for.
    """
    corpus = comparison.corpus
    generator = np.random.default_rng(seed)
    group = comparison.group_of_document[corpus.codes("sentences", "document")]
    number_of = {name: number for number, name in enumerate(sources)}
    written = corpus.mentions.column("source").to_pylist()
    source = np.array(
        [-1 if text is None else number_of.get(source_name(text), -1) for text in written], dtype=np.int64
    )
    label, voice = corpus.codes("mentions", "label"), corpus.codes("mentions", "voice")
    voices = len(corpus.codebook.voices)
    place = corpus.codes("mentions", "sentence")
    hedge_place, hedge = corpus.codes("hedges", "sentence"), corpus.codes("hedges", "kind")
    shape = (len(comparison.groups), len(corpus.codebook.label_names), voices + 1)
    cells = [
        (place, np.ravel_multi_index((group[place], label, voice), shape, mode="wrap")),
        (hedge_place, group[hedge_place] * (len(corpus.codebook.hedge_kinds) + 1) + hedge),
        (place[source >= 0], (group[place] * (len(sources) + 1) + source)[source >= 0]),
    ]
    ranked = [_ranks(at[group[at] >= 0], key[group[at] >= 0], generator) for at, key in cells]
    chosen, each = _as_many_as_fit(ranked, most)
    counts = np.zeros(shape, dtype=np.int64)
    inside = group[place] >= 0
    np.add.at(counts, (group[place][inside], label[inside], voice[inside]), 1)
    marked = np.unique(np.concatenate([at[group[at] >= 0] for at, _ in cells]))
    items = _items(corpus, group, chosen, source)
    names = tuple(one.name for one in comparison.groups)
    return Evidence(tuple(items), names, tuple(sources), each, len(marked), counts, seed)


def _ranks(place: Array, key: Array, generator: np.random.Generator) -> tuple[Array, Array]:
    """Sentences, and the rank of each within its cell, in random order; a sentence counts once in a cell."""
    pairs = np.unique(np.stack([key, place]), axis=1) if len(place) else np.empty((2, 0), dtype=np.int64)
    key, place = pairs
    order = np.lexsort((generator.permutation(len(key)), key))
    key = key[order]
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.empty(0, dtype=np.int64)
    length = np.diff(np.append(first, len(key)))
    return place[order], np.arange(len(key)) - np.repeat(first, length)


def _as_many_as_fit(ranked: Sequence[tuple[Array, Array]], most: int) -> tuple[Array, int]:
    for each in range(MOST_OF_A_CELL, 0, -1):
        chosen = np.unique(np.concatenate([place[rank < each] for place, rank in ranked]))
        if len(chosen) <= most:
            return chosen, each
    return chosen[:most], 1


def _items(corpus: Corpus, group: Array, chosen: Array, source: Array) -> list[Item]:
    wanted = np.zeros(corpus.sentences.num_rows, dtype=bool)
    wanted[chosen] = True
    book = corpus.codebook
    frames: dict[int, list[tuple[int, int]]] = defaultdict(list)
    cited: dict[int, list[int]] = defaultdict(list)
    cues: dict[int, list[int]] = defaultdict(list)
    marks = marks_by_sentence(corpus, wanted)
    columns = (corpus.codes("mentions", name) for name in ("sentence", "label", "voice"))
    for at, label, voice, who in zip(*(column.tolist() for column in columns), source.tolist(), strict=True):
        if wanted[at]:
            frames[at].append((label, voice))
            if who >= 0:
                cited[at].append(who)
    for at, kind in zip(
        corpus.codes("hedges", "sentence").tolist(), corpus.codes("hedges", "kind").tolist(), strict=True
    ):
        if wanted[at]:
            cues[at].append(kind)
    rows = corpus.sentences.take(chosen).to_pylist()
    documents = {row["document"] for row in rows}
    known = corpus.documents.take(sorted(documents)).to_pylist()
    about = dict(zip(sorted(documents), known, strict=True))
    items = []
    for at, row in zip(chosen.tolist(), rows, strict=True):
        text, shown = window(row["text"], marks[at])
        document = about[row["document"]]
        items.append(
            Item(
                at,
                int(group[at]),
                tuple(dict.fromkeys(frames[at])),
                tuple(dict.fromkeys(cues[at])),
                tuple(dict.fromkeys(cited[at])),
                bool(row["hedged"]),
                document["outlet"] or "",
                str(document["day"] or ""),
                document["document_id"],
                str(row["kind"]) if book.kinds else "",
                text,
                tuple(shown),
            )
        )
    return sorted(items, key=lambda item: (item.group, item.sentence))


def marks_by_sentence(corpus: Corpus, wanted: Array) -> dict[int, list[Mark]]:
    """The marks of some sentences, bool [sentences], by the sentence's row."""
    looks = looks_of(corpus.codebook)
    found: dict[int, list[Mark]] = defaultdict(list)
    for name in ("mentions", "hedges", "sources"):
        for row in getattr(corpus, name).filter(wanted[corpus.codes(name, "sentence")]).to_pylist():
            if name == "mentions":
                look = looks.get(row["voice"], "plain")
                mark = frame_mark(row["start"], row["end"], row["label"], row["voice"], row["source"], look)
            elif name == "hedges":
                mark = Mark(row["start"], row["end"], "hedge", row["kind"])
            else:
                mark = Mark(row["start"], row["end"], "source")
            found[row["sentence"]].append(mark)
    return found


def words_of_labels(corpus: Corpus, *, seed: int = 0, most: int = 5) -> dict[str, list[tuple[str, int]]]:
    """Label -> its most frequent words, lower case, with counts among some hundred mentions drawn at random.

    Args:
        corpus: what is compared.
        seed: of the draw.
        most: words of a label.
    """
    label, sentence = corpus.codes("mentions", "label"), corpus.codes("mentions", "sentence")
    start, end = corpus.codes("mentions", "start"), corpus.codes("mentions", "end")
    generator = np.random.default_rng(seed)
    found = {}
    for number, name in enumerate(corpus.codebook.label_names):
        rows = np.flatnonzero(label == number)
        if len(rows) > MENTIONS_READ:
            rows = generator.choice(rows, MENTIONS_READ, replace=False)
        texts = corpus.sentences.column("text").take(sentence[rows]).to_pylist()
        parts = (text[a:b] for text, a, b in zip(texts, start[rows].tolist(), end[rows].tolist(), strict=True))
        counts = Counter(" ".join(part.lower().split()) for part in parts)
        if counts:
            found[name] = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:most]
    return found


# --- documents to check -----------------------------------------------------------------------------------------------


def documents_to_check(
    corpus: Corpus, columns: Sequence[str], *, each: int = 5, seed: int = 0
) -> tuple[list[dict[str, Any]], list[int]]:
    """Documents drawn from each group, all alike, in random order, with the model's marks; JSON-ready.

    Who checks them in this order can stop anywhere: the first ones of a random order are a random sample too. Such
    gold is read with ``--equal-probabilities``.

    Args:
        corpus: all of it, comments and debris too.
        columns: whose values are the groups.
        each: documents of a group.
        seed: of the draw.

    Returns:
        The documents, and how many of each group are too long to be drawn.
    """
    from framing.compare.annotation import Sample
    from framing.compare.groups import group_documents
    from framing.compare.sampling import draw

    grouping = group_documents(corpus, columns)
    document = corpus.codes("sentences", "document")
    lengths = np.asarray(pc.utf8_length(corpus.sentences.column("text")))
    too_long = np.bincount(document, lengths, minlength=len(corpus)) > MOST_OF_A_DOCUMENT
    stratum = np.where(too_long, -1, grouping.of_document)
    left_out = [int((too_long & (grouping.of_document == number)).sum()) for number in range(len(grouping))]
    drawn = draw(stratum, np.zeros(len(corpus)), each=each, lean=0.0, seed=seed)
    order = np.random.default_rng(seed).permutation(len(drawn.documents))
    rows_of = groupby(Sample(corpus, grouping, drawn, {}).rows(), key=lambda row: row.document)
    by_key = {key: list(rows) for key, rows in rows_of}
    keys = corpus.keys
    made = []
    for number in sorted(drawn.documents[order].tolist(), key=lambda one: int(grouping.of_document[one])):
        rows = by_key.get(keys[number], [])
        sentences = [
            {
                "id": row.id,
                "kind": row.kind or "",
                "text": row.sentence.text,
                "spans": [[span.start, span.end, "+".join(map(str, span.tags))] for span in row.sentence.spans],
            }
            for row in rows
        ]
        if rows and not any(re.search(r"[\t\n\r]", f"{row.id}{row.outlet}") for row in rows):
            group = int(grouping.of_document[number])
            made.append(
                {"document": rows[0].document, "outlet": rows[0].outlet, "group": group, "sentences": sentences}
            )
    return made, left_out
