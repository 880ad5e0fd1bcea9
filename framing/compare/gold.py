"""Documents that people have annotated, beside what the model said of them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.compare.columns import Corpus, read_corpus
from framing.compare.estimands import Ratios
from framing.errors import InputError, did_you_mean
from framing.evaluate.scoring import as_prediction
from framing.markup import MarkedRow, read_rows
from framing.types import Document, DocumentLabels

Array = npt.NDArray[Any]

_SHOWN = 3


@dataclass(frozen=True, slots=True, eq=False)
class Gold:
    """Annotated documents.

    Attributes:
        corpus: their marks, as labels that are sure.
        keys: the name of each in the corpus of labels (:meth:`~framing.compare.columns.Corpus.with_keys`).
        probability: float64 [annotated], with which each was drawn.
    """

    corpus: Corpus
    keys: tuple[str, ...]
    probability: Array

    def aligned(self, part: Corpus, ratios: Ratios) -> Ratios:
        """Figures of a part of the gold as if it had all annotated documents; of those that it lacks, zero."""
        from scipy.sparse import csr_array

        place = {key: number for number, key in enumerate(self.keys)}
        rows = np.array([place[key] for key in part.documents.column("document_id").to_pylist()], dtype=np.int64)
        matrix = csr_array((np.ones(len(rows)), (rows, np.arange(len(rows)))), shape=(len(self.keys), len(rows)))
        return Ratios(ratios.estimand, ratios.cells, (matrix @ ratios.numerators).tocsr(), matrix @ ratios.denominator)


def sample_file(gold: str | os.PathLike[str]) -> Path:
    """Where the probabilities of a sample lie: ``gold.sample.json`` beside ``gold.tsv``."""
    return Path(gold).with_suffix(".sample.json")


def read_gold(
    path: str | os.PathLike[str],
    corpus: Corpus,
    *,
    sample: str | os.PathLike[str] | None = None,
    equal_probabilities: bool = False,
) -> Gold:
    """Read annotated documents.

    Args:
        path: marked sentences of five columns (:mod:`framing.markup`); every sentence of a document has to be there.
        corpus: of labels, which must have all of the documents.
        sample: what ``framing sample`` wrote beside; ``<path>.sample.json`` when ``None``.
        equal_probabilities: the documents of each group were drawn at random, all with the same probability; no file
            of probabilities is read then.

    Raises:
        UnreadableFileError, MarkupError: a file cannot be read.
        InputError: there are no probabilities, or documents that the corpus or the sample lacks.
    """
    documents = list(_documents(path, corpus))
    if not documents:
        raise InputError(f"{path} has no sentence", expected="marked sentences of annotated documents")
    marked = read_corpus(documents, codebook=corpus.codebook)
    keys = [labels.document.id for labels in documents]
    known = set(corpus.keys)
    _check_known(keys, known, path, "the labels")
    if equal_probabilities:
        return Gold(marked, tuple(keys), np.ones(len(keys)))
    probabilities = _probabilities(Path(sample) if sample else sample_file(path), path)
    _check_known(keys, probabilities, path, "the sample")
    missing = [key for key in probabilities if key not in set(keys)]
    if missing:
        raise InputError(
            f"{len(missing)} documents of the sample are not in {path}: {_shown(missing)}",
            expected="all documents that were drawn: those that were left out are perhaps not like the others",
            hint="annotate them too; one without any mark has its sentences in the file as they are",
        )
    return Gold(marked, tuple(keys), np.array([probabilities[key] for key in keys]))


def _documents(path: str | os.PathLike[str], corpus: Corpus) -> Iterator[DocumentLabels]:
    seen: set[str] = set()
    rows = read_rows(Path(path), corpus.codebook)
    for key, group in groupby(rows, key=_document_of):
        if key in seen:
            raise InputError(
                f"{path}: the sentences of document {key!r} do not stand together", expected="one document, one block"
            )
        seen.add(key)
        own = list(group)
        document = Document("", id=key, outlet=own[0].outlet)
        sentences = tuple(
            as_prediction(row.sentence, corpus.codebook, row.kind, row.answers).within(document, index)
            for index, row in enumerate(own)
        )
        yield DocumentLabels(sentences, codebook=corpus.codebook, document=document)


def _document_of(row: MarkedRow) -> str:
    if row.document is None:
        raise InputError(
            f"{row.where}: three columns, which do not say of which document the sentence is",
            expected="five columns: id, outlet, document, kind, marked sentence",
            hint="framing sample writes them",
        )
    return row.document


def _probabilities(file: Path, gold: str | os.PathLike[str]) -> Mapping[str, float]:
    if not file.is_file():
        raise InputError(
            f"{gold} comes without the probabilities with which its documents were drawn: there is no {file}",
            expected="what framing sample wrote beside it",
            hint="where you drew at random from each group, all alike, say --equal-probabilities",
        )
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))["documents"]
        found = {entry["document"]: float(entry["probability"]) for entry in entries}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is no sample: {error!r}", expected="what framing sample wrote") from error
    wrong = [key for key, p in found.items() if not 0 < p <= 1]
    if wrong:
        raise InputError(
            f"{file}: document {wrong[0]!r} has the probability {found[wrong[0]]}", expected="a number in (0, 1]"
        )
    return found


def _check_known(keys: Sequence[str], known: Any, path: str | os.PathLike[str], where: str) -> None:
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise InputError(
            f"{len(unknown)} documents of {path} are not in {where}: {_shown(unknown)}",
            expected="documents by the id that they have there",
            hint=did_you_mean(unknown[0], known),
        )


def _shown(keys: Sequence[str]) -> str:
    return ", ".join(map(repr, keys[:_SHOWN])) + (", …" if len(keys) > _SHOWN else "")
