"""Files of labelled sentences, one JSON object a line, as marked sentences.

``tags``
    ``{"document_id", "text", "tokens", "tags"}``, the last also as ``cues``: the tokens stand in the text, in order;
    each has a tag. ``_`` and ``O`` are none; neighbours with one tag are one span; what stands before the first ``-``
    is the name (``CUE-1``).

``spans``
    ``{"document_id", "text", "spans": [[start, end, name, …], …]}``, half-open offsets in code points.

A marked sentence has no overlapping spans. Of spans that overlap the longest stays, as where each token has one tag.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NoReturn

from framing import reading
from framing.errors import InputError, UnreadableFileError
from framing.evaluate.gold import GoldSet
from framing.markup import MarkedRow, MarkedSentence, MarkedSpan, Tag
from framing.types import Rejected

_NO_TAG = frozenset({"_", "O"})
_TAG_COLUMNS = ("tags", "cues")


@dataclass(frozen=True, slots=True)
class NamedSpan:
    """A span by the name that its file gives it; half-open offsets in code points."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """What a file holds.

    Attributes:
        marked: its sentences, in order.
        left_out: spans that overlap longer ones.
    """

    marked: GoldSet
    left_out: int


def read_labelled(path: Path, form: str, names: Mapping[str, str]) -> Labelled:
    """Read a file of a form.

    Args:
        path: plain or compressed.
        form: a key of :data:`FORMS`.
        names: what the file calls it -> label.

    Raises:
        UnreadableFileError: the file is missing, or a line is not of the form.
        InputError: a span has a name that is not among ``names``, or there is no sentence.
    """
    rows, left_out = [], 0
    for row in reading.read_rows([path], format="jsonl", on_reject=_refuse):
        where = f"{path}:{row.number}"
        try:
            text, group, spans = str(row.values["text"]), str(row.values["document_id"]), list(FORMS[form](row.values))
        except (KeyError, TypeError, ValueError) as error:
            _refuse(Rejected(where, f"it is not of the form {form}: {error}"))
        kept = longest(spans)
        left_out += len(spans) - len(kept)
        rows.append(MarkedRow(group, None, MarkedSentence(text, tuple(_marked(text, s, names, where) for s in kept))))
    if not rows:
        raise InputError(f"{path} has no sentence", expected="one JSON object a line")
    return Labelled(as_gold(rows), left_out)


def longest(spans: Iterable[NamedSpan]) -> list[NamedSpan]:
    """Spans in order, without those that overlap a longer one (or one that begins before, if both are equally long)."""
    kept: list[NamedSpan] = []
    for span in sorted(set(spans), key=lambda s: (s.start - s.end, s.start, s.name)):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda s: s.start)


def as_gold(rows: Iterable[MarkedRow]) -> GoldSet:
    """Marked rows as a set to learn from and to measure against."""
    rows = tuple(rows)
    return GoldSet(
        tuple(row.sentence for row in rows),
        tuple(row.kind for row in rows),
        tuple(row.group for row in rows),
        tuple({} for _ in rows),
    )


def write_gold(gold: GoldSet, path: Path) -> None:
    """Write the set as a file that ``framing-train`` reads."""
    rows = zip(gold.groups, gold.kinds, gold.sentences, gold.answers, strict=True)
    path.write_text("".join(f"{MarkedRow(g, k, s, answers=a).to_line()}\n" for g, k, s, a in rows), encoding="utf-8")


def place_of(group: str, seed: int) -> float:
    """Where a document stands in [0, 1), by the SHA-256 of its name and the seed alone."""
    digest = hashlib.sha256(f"human:{seed}:{group}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def fold(gold: GoldSet, number: int, folds: int, seed: int) -> tuple[GoldSet, GoldSet]:
    """All but one fold of the documents, and that one."""
    inside = [int(place_of(group, seed) * folds) == number for group in gold.groups]
    train, test = ([i for i, said in enumerate(inside) if said == wanted] for wanted in (False, True))
    return gold.select(train), gold.select(test)


def draw(gold: GoldSet, most: int | None, seed: int) -> GoldSet:
    """Whole documents in the order of their places until ``most`` sentences are there; all for ``None``."""
    if most is None or most >= len(gold):
        return gold
    chosen: set[str] = set()
    count = 0
    sizes = {group: gold.groups.count(group) for group in set(gold.groups)}
    for group in sorted(sizes, key=lambda g: place_of(g, seed)):
        if count >= most:
            break
        chosen.add(group)
        count += sizes[group]
    return gold.select([i for i, group in enumerate(gold.groups) if group in chosen])


def _tagged(values: Mapping[str, Any]) -> Iterator[NamedSpan]:
    column = next((name for name in _TAG_COLUMNS if name in values), _TAG_COLUMNS[0])
    text, places, end = values["text"], [], 0
    for token in values["tokens"]:
        start = text.index(token, end)
        places.append((start, end := start + len(token)))
    pairs = zip(values[column], places, strict=True)
    for tag, run in groupby(pairs, key=lambda pair: pair[0]):
        if tag not in _NO_TAG:
            tokens = [place for _, place in run]
            yield NamedSpan(tokens[0][0], tokens[-1][1], tag.partition("-")[0])


def _spanned(values: Mapping[str, Any]) -> Iterator[NamedSpan]:
    for start, end, name, *_ in values["spans"]:
        yield NamedSpan(start, end, name)


#: Form -> the spans of a line.
FORMS: Mapping[str, Callable[[Mapping[str, Any]], Iterator[NamedSpan]]] = {"tags": _tagged, "spans": _spanned}


def _marked(text: str, span: NamedSpan, names: Mapping[str, str], where: str) -> MarkedSpan:
    if span.name not in names:
        raise InputError(f"{where}: a span is named {span.name!r}", expected=", ".join(names))
    return MarkedSpan(span.start, span.end, text[span.start : span.end], (Tag("frame", names[span.name]),))


def _refuse(rejected: Rejected) -> NoReturn:
    raise UnreadableFileError(f"{rejected.where}: {rejected.reason}", expected="see benchmarks/human/forms.py")
