"""Sentences to compare engines on: the project's own seeds, a file of them, or articles cut by framing itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import framing
from benchmarks.record import sha256_of
from benchmarks.seeds import read_seeds, sha256_of_seeds
from framing.codebook import Codebook
from framing.errors import InputError
from framing.speed import find_texts
from framing.text.sentences import split


@dataclass(frozen=True, slots=True)
class TextSet:
    """Distinct sentences, each labelled by itself, outside any quotation.

    Attributes:
        name: of the set.
        sentences: each once.
        read: how many there were before doubles were left out.
        sha256: of the file, or of all seeds.
    """

    name: str
    sentences: tuple[str, ...]
    read: int
    sha256: str

    def facts(self) -> dict[str, Any]:
        """What a record says of the set; no sentence of it."""
        return {"distinct_sentences": len(self.sentences), "read": self.read, "sha256": self.sha256}


def of_seeds(folder: Path, codebook: Codebook) -> TextSet:
    """The seeds without their markup.

    Raises:
        InputError: there is none.
    """
    return _distinct("seeds", (s.text for s in read_seeds(codebook, folder).sentences), sha256_of_seeds(folder))


def of_lines(path: Path) -> TextSet:
    """A text file of one sentence a line, in UTF-8; blank lines are passed over.

    Raises:
        UnreadableFileError: the file is missing or is not UTF-8.
        InputError: it has no sentence.
    """
    return _distinct(path.name, find_texts(path).sentences, sha256_of(path))


def of_articles(path: Path, most: int) -> TextSet:
    """Sentences of documents, cut as ``framing label`` cuts them; rows that cannot be used are left out.

    Args:
        path: in any format that :func:`framing.read` reads.
        most: distinct sentences, the first of the file.

    Raises:
        UnreadableFileError: the file cannot be read.
        InputError: it has no sentence.
    """
    documents = framing.read([path], on_reject=lambda _: None)
    whole = _distinct(path.name, (s.text for document in documents for s in split(document.text)), sha256_of(path))
    return TextSet(whole.name, tuple(islice(whole.sentences, most)), whole.read, whole.sha256)


def _distinct(name: str, sentences: Iterable[str], sha256: str) -> TextSet:
    given = list(sentences)
    if not given:
        raise InputError(f"{name} has no sentence", expected="at least one")
    return TextSet(name, tuple(dict.fromkeys(given)), len(given), sha256)
