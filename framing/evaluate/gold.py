"""A file of marked or labelled sentences as something to measure against."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from framing.errors import InputError
from framing.evaluate.scoring import Scores, score
from framing.markup import MarkedSentence, read_rows
from framing.reading.files import expand
from framing.tables import TABLES, read_table
from framing.types import SentenceLabels

if TYPE_CHECKING:
    from framing.codebook import Codebook

#: Labels the sentences of one document, in order; ``Labeler.sentences`` is one.
LabelSentences = Callable[[Sequence[str]], Sequence[SentenceLabels]]


@dataclass(frozen=True, slots=True)
class GoldSet:
    """Marked sentences with their kinds and documents; or sentences of which the labels alone are known.

    Attributes:
        sentences: in the order of the file.
        kinds: what each is on the page.
        groups: the document (or seed group) of each.
        answers: task -> value, of each, what the codebook's tasks ask of sentences.
        labels: that each carries, where no words are marked; empty where they are.
    """

    sentences: tuple[MarkedSentence, ...]
    kinds: tuple[str | None, ...]
    groups: tuple[str, ...]
    answers: tuple[Mapping[str, str], ...]
    labels: tuple[frozenset[str], ...] = ()

    @classmethod
    def read(cls, path: str | Path, codebook: Codebook, **columns: str) -> GoldSet:
        """Read what training reads: marked sentences of three or five columns (see :mod:`framing.markup`), or a table.

        Args:
            path: of the file; its ending says which it is.
            codebook: has the labels.
            columns: of a table, as :func:`framing.tables.read_table` takes them. Each row then stands alone, as in
                training: no quotation runs on from the one before.

        Raises:
            UnreadableFileError: the file is missing, broken, or is not UTF-8.
            MarkupError: a line cannot be read, or carries a label that the codebook lacks.
            ColumnError: a table lacks a column.
            InputError: the file has no sentence, or a cell names a label that the codebook lacks.
        """
        (file, *_) = expand([os.fspath(path)])
        if file.format in TABLES:
            table = list(read_table(path, codebook.label_names, format=file.format, **columns))
            if not table:
                raise InputError(f"{path} has no sentence", expected="at least one row")
            return cls(
                tuple(MarkedSentence(row.text) for row in table),
                (None,) * len(table),
                tuple(row.group for row in table),
                ({},) * len(table),
                tuple(row.labels for row in table),
            )
        rows = list(read_rows(path, codebook))
        if not rows:
            raise InputError(f"{path} has no sentence", expected="at least one marked sentence")
        return cls(
            tuple(row.sentence for row in rows),
            tuple(row.kind for row in rows),
            tuple(row.group for row in rows),
            tuple(row.answers for row in rows),
        )

    def __len__(self) -> int:
        return len(self.sentences)

    def select(self, wanted: Sequence[int]) -> GoldSet:
        """The sentences at the given places, in that order."""
        return GoldSet(
            tuple(self.sentences[i] for i in wanted),
            tuple(self.kinds[i] for i in wanted),
            tuple(self.groups[i] for i in wanted),
            tuple(self.answers[i] for i in wanted),
            tuple(self.labels[i] for i in wanted) if self.labels else (),
        )

    def predict(self, label: LabelSentences) -> list[SentenceLabels]:
        """Have all sentences labelled, document by document, in the order of the file.

        Consecutive sentences of one document go together, so that a quotation may run over their ends.
        """
        predictions: list[SentenceLabels] = []
        for _, places in groupby(range(len(self)), key=self.groups.__getitem__):
            predictions.extend(label([self.sentences[i].text for i in places]))
        return predictions

    def score(self, predictions: Sequence[SentenceLabels], codebook: Codebook) -> Scores:
        """Score predictions of all sentences, in their order."""
        return score(
            self.sentences,
            predictions,
            codebook=codebook,
            gold_kinds=self.kinds,
            gold_answers=self.answers,
            gold_labels=self.labels or None,
        )
