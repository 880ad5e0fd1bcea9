"""Documents for people to annotate: drawn, and written in inline markup.

The file of marked sentences has five columns (:mod:`framing.markup`); ``<name>.sample.json`` beside it says with which
probability each document was drawn, which ``compare(gold=...)`` needs.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from framing.codebook import SOURCE, Codebook
from framing.compare.columns import Corpus, Labelled
from framing.compare.gold import sample_file
from framing.compare.groups import Grouping, group_documents
from framing.compare.labelling import read_or_label
from framing.compare.sampling import Draw, draw
from framing.errors import OutputError
from framing.files import write_whole
from framing.labeler import Labeler
from framing.markup import MarkedRow, MarkedSentence, MarkedSpan, Tag
from framing.reading import Columns

#: What a file of tab-separated lines cannot hold; each becomes a space, so that offsets stay.
_BREAKS = re.compile(r"[\t\n\r]")


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Documents to annotate.

    Attributes:
        corpus: that they were drawn from.
        grouping: whose groups are the strata.
        drawn: which, and with which probability.
        settings: how, JSON-ready; the seed among them.
    """

    corpus: Corpus
    grouping: Grouping
    drawn: Draw
    settings: dict[str, Any]

    def rows(self, *, prefilled: bool = True) -> list[MarkedRow]:
        """Their sentences, all of them, comments and debris too: the kind is to be annotated as well.

        Args:
            prefilled: with the marks of the model. They save time, and they lead: annotators tend to leave what is
                there. Without them, the model's errors cannot slip into the gold.
        """
        keys = self.corpus.keys
        outlets = self.corpus.documents.column("outlet").to_pylist()
        document = self.corpus.codes("sentences", "document")
        marks = _marks(self.corpus, np.isin(document, self.drawn.documents)) if prefilled else {}
        rows = []
        for number in self.drawn.documents.tolist():
            for sentence in np.flatnonzero(document == number).tolist():
                text = _BREAKS.sub(" ", self.corpus.text(sentence))
                if not text.strip():
                    continue
                place = self.corpus.sentences.column("index")[sentence].as_py()
                kind = self.corpus.sentences.column("kind")[sentence].as_py() if self.corpus.codebook.kinds else None
                marked = MarkedSentence(text, _apart(text, marks.get(sentence, ())))
                key = keys[number]
                rows.append(MarkedRow(key, kind, marked, outlets[number] or "-", key, f"{key}:{place}"))
        return rows

    def write(self, path: str | os.PathLike[str], *, prefilled: bool = True) -> Path:
        """Write the sentences, and the probabilities beside them.

        Returns:
            The file of probabilities.

        Raises:
            OutputError: there is such a file already, which may hold annotations; or it cannot be written.
            MarkupError: an id has a tab or a line end in it.
        """
        beside = sample_file(path)
        for file in (Path(path), beside):
            if file.exists():
                raise OutputError(
                    f"{file} is there already",
                    expected="a new file",
                    hint="annotations may be in it: choose another name",
                )
        lines = [row.to_line() + "\n" for row in self.rows(prefilled=prefilled)]
        write_whole(beside, json.dumps(self.to_dict(), ensure_ascii=False, indent=1) + "\n")
        write_whole(Path(path), "".join(lines))
        return beside

    def to_dict(self) -> dict[str, Any]:
        """What is written beside the sentences, JSON-ready."""
        keys, groups = self.corpus.keys, self.grouping.groups
        of_document = self.grouping.of_document
        documents = []
        for number, probability in zip(self.drawn.documents.tolist(), self.drawn.probability.tolist(), strict=True):
            group = groups[int(of_document[number])]
            documents.append(
                {"document": keys[number], "group": group.name, "period": group.period, "probability": probability}
            )
        return {**self.settings, "documents": documents}


def draw_sample(
    labelled: Labelled | Corpus,
    by: str | Sequence[str] = "outlet",
    *,
    over: str | None = None,
    each: int = 20,
    lean: float = 0.5,
    seed: int = 0,
    codebook: Codebook | None = None,
    model: str | os.PathLike[str] | None = None,
    labeler: Labeler | None = None,
    input_columns: Columns | None = None,
) -> Sample:
    """Draw documents to annotate, so many of each group, those more often of which the model is unsure.

    Args:
        labelled, by, over, codebook, model, labeler, input_columns: as of :func:`framing.compare.front.compare`.
        each: documents of a group (and period); all where it has fewer.
        lean: how much the probability depends on the model's uncertainty, in [0, 1); see
            :mod:`framing.compare.sampling`.
        seed: of the draw.

    Raises:
        InputError, ColumnError, SettingError: as of :func:`framing.compare.front.compare`.
    """
    columns = (by,) if isinstance(by, str) else tuple(by)
    corpus = read_or_label(
        labelled,
        carry=columns,
        model=model,
        labeler=labeler,
        columns=input_columns,
        codebook=codebook,
        uncertainty=True,
    )
    grouping = group_documents(corpus, columns, over)
    uncertainty = np.asarray(corpus.documents.column("uncertainty"))
    drawn = draw(grouping.of_document, uncertainty, each=each, lean=lean, seed=seed)
    settings = {"by": list(columns), "over": over, "each": each, "lean": lean, "seed": seed}
    return Sample(corpus, grouping, drawn, settings)


_Mark = tuple[int, int, float, Tag]


def _marks(corpus: Corpus, wanted: Any) -> dict[int, list[_Mark]]:
    """Sentence -> start, end, weight and tag of everything that the model marked there; of wanted sentences."""
    found: dict[int, list[_Mark]] = defaultdict(list)
    tag_of = {
        "mentions": lambda row: Tag("frame", row["label"], row["voice"]),
        "hedges": lambda row: Tag("hedge", row["kind"]),
        "sources": lambda row: Tag("source", SOURCE),
    }
    for name, tag in tag_of.items():
        for row in getattr(corpus, name).filter(wanted[corpus.codes(name, "sentence")]).to_pylist():
            found[row["sentence"]].append((row["start"], row["end"], row.get("probability", 0.0), tag(row)))
    return found


def _apart(text: str, marks: Sequence[_Mark]) -> tuple[MarkedSpan, ...]:
    """Spans that do not overlap: of two that do, the one that the model is surer of, mentions first."""
    tags: dict[tuple[int, int], list[Tag]] = defaultdict(list)
    for start, end, _, tag in sorted(marks, key=lambda mark: (-mark[2], mark[0], mark[1])):
        overlapping = any(start < b and a < end and (a, b) != (start, end) for a, b in tags)
        if not overlapping and all(tag.output != other.output for other in tags.get((start, end), ())):
            tags[start, end].append(tag)
    return tuple(MarkedSpan(a, b, text[a:b], tuple(own)) for (a, b), own in sorted(tags.items()))
