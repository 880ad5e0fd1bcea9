"""The inputs of the reading cases, and short words for what is asked of them.

A row is one of the list that the cases were collected in; its number stands in each test's docstring or id. The inputs
are in ``tests/fixtures/cases/reading``: small texts, pages and tables, each with a trouble that real ones have.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import framing
from framing.text.quotations import OUTSIDE, scan
from framing.text.sentences import split

FOLDER = Path(__file__).parents[1] / "fixtures" / "cases" / "reading"


def text_of(name: str) -> str:
    """An input as it is, line ends too."""
    return (FOLDER / name).read_bytes().decode("utf-8")


def read(name: str | Path, **options: Any) -> tuple[list[framing.Document], list[framing.Rejected]]:
    """The documents of an input, and what was set aside."""
    rejected: list[framing.Rejected] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return list(framing.read(FOLDER / name, on_reject=rejected.append, **options)), rejected


def one(name: str | Path, **options: Any) -> framing.Document:
    """The one document of an input."""
    (document,), rejected = read(name, **options)
    assert not rejected
    return document


def plain(text: str) -> str:
    """A text on one line."""
    return re.sub(r"\s+", " ", text).strip()


def sentences(text: str) -> list[str]:
    """The sentences of a text, each on one line; they are slices of it."""
    found = split(text)
    assert [text[s.start : s.end] for s in found] == [s.text for s in found]
    return [plain(sentence.text) for sentence in found]


def kinds(text: str) -> dict[str, str | None]:
    """Sentence -> its kind, where the text alone tells it."""
    return {plain(sentence.text): sentence.kind for sentence in split(text)}


def quoted(text: str) -> list[str]:
    """The pieces of a text inside quotation marks, over the ends of sentences."""
    pieces, state = [], OUTSIDE
    for sentence in split(text):
        result = scan(sentence.text, state if sentence.starts_in_quotation else OUTSIDE)
        state = result.after
        shown = "".join(char if inside else "\n" for char, inside in zip(sentence.text, result.mask, strict=True))
        pieces += [piece for piece in shown.split("\n") if piece.strip()]
    return pieces


def mentions(labels: framing.DocumentLabels) -> list[tuple[str, str, str]]:
    """Label, words and voice of each mention, in order; those of debris left out, which nobody counts."""
    return [
        (mention.label, plain(mention.text), mention.voice)
        for sentence in labels
        if sentence.kind != "boilerplate"
        for mention in sentence.mentions
    ]
