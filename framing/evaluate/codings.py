"""What several coders said of the same sentences: read from their files, and laid side by side.

A coder is a person or a model. Files are of any format that :mod:`framing.convert` reads; records are what a model
says.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from framing.codebook import HEDGE, KIND, Codebook
from framing.convert.formats import Options, format_named, format_of_input
from framing.convert.formats.records import Records, passage_of
from framing.convert.names import FoundNames, Names
from framing.convert.notes import Notes
from framing.convert.passages import NamedSpan, Passage
from framing.errors import FramingError, InputError, SettingError
from framing.evaluate.matching import LabelledSpan
from framing.evaluate.scoring import as_prediction
from framing.markup import MarkedSentence, MarkedSpan, Tag
from framing.records import read_labels
from framing.types import Rejected, SentenceLabels

#: What sentences are matched by.
By = Literal["id", "text"]


@dataclass(frozen=True, slots=True)
class CodedSentence:
    """What one coder said of one sentence.

    Attributes:
        text: of the sentence.
        spans: the marks, those that overlap too.
        labels: all that it carries, with words or without: outputs of the codebook, ``<task>.<value>`` of marked words.
        hedged: whether it is hedged.
        kind: ``None`` where the coder gave none.
        answers: task -> value, or several joined by ``+``, of tasks that are asked of sentences.
        marked: the marks as markup holds them, less those that overlap another.
        prediction: the same as a model says it.
        document, id: where it comes from, if the file says so.
    """

    text: str
    spans: tuple[LabelledSpan, ...]
    labels: frozenset[str]
    hedged: bool
    kind: str | None
    answers: Mapping[str, str]
    marked: MarkedSentence
    prediction: SentenceLabels
    document: str | None = None
    id: str | None = None

    @property
    def overlapping(self) -> int:
        """How many marks :attr:`marked` lacks."""
        return len(self.spans) - sum(len(span.tags) for span in self.marked.spans)


@dataclass(frozen=True, slots=True)
class Coding:
    """What one coder said.

    Attributes:
        name: of the coder.
        sentences: in the order of the file.
        is_model: they are records of a model.
        rejected: rows that could not be read.
    """

    name: str
    sentences: tuple[CodedSentence, ...]
    is_model: bool = False
    rejected: tuple[Rejected, ...] = ()

    def __len__(self) -> int:
        return len(self.sentences)


@dataclass(frozen=True, slots=True)
class Codings:
    """Coders' files, read by one codebook.

    Attributes:
        coders: one a file.
        codebook: that was given, or that the files go by: the built-in one if it knows all of their names, else one of
            the names that were found.
    """

    coders: tuple[Coding, ...]
    codebook: Codebook


def read_codings(
    paths: Sequence[str | os.PathLike[str]],
    *,
    codebook: Codebook | None = None,
    format: str | None = None,
    options: Options | None = None,
    on_reject: Callable[[Rejected], None] | None = None,
) -> Codings:
    """Read what coders said, each from a file or folder of its own.

    Args:
        paths: one a coder; of any format that :func:`framing.convert.convert` reads, records among them.
        codebook: must know all names.
        format: of all files; each is recognised by its content when ``None``.
        options: how they are read, where their format leaves a choice.
        on_reject: is told of every row that cannot be used; if ``None``, the first one raises.

    Raises:
        SettingError: there are not two files, or no such format.
        InputError: a file cannot be read, has no sentence, or a row cannot be used and there is no ``on_reject``.
        MissingExtraError: the format needs a package that is not installed.
    """
    if len(paths) < 2:
        raise SettingError(f"{len(paths)} coder", expected="the files of two or more")
    files = [_File.read(os.fspath(path), codebook, format, options or Options(), on_reject) for path in paths]
    if codebook is None:
        codebook = next((file.codebook for file in files if file.codebook), None) or _codebook_of(files)
    names = _coder_names([file.path for file in files])
    coders = []
    for name, file in zip(names, files, strict=True):
        coding = file.coding(name, codebook, on_reject)
        if not coding.sentences:
            raise InputError(f"{file.path} has no sentence that can be used", expected="at least one")
        coders.append(coding)
    return Codings(tuple(coders), codebook)


@dataclass(slots=True)
class _File:
    """One file, as its format gives it."""

    path: str
    passages: list[Passage]
    records: list[SentenceLabels] | None = None
    codebook: Codebook | None = None
    rejected: list[Rejected] = field(default_factory=list)

    @classmethod
    def read(
        cls,
        path: str,
        codebook: Codebook | None,
        format: str | None,
        options: Options,
        on_reject: Callable[[Rejected], None] | None,
    ) -> _File:
        kind = format_named(format) if format else format_of_input(path)
        file = cls(path, [])
        notes = Notes(None if on_reject is None else file._reject(on_reject))
        if kind is not Records:
            file.passages = list(kind(options, Names(codebook), notes).read(path))
            return file
        file.records = []
        for document in read_labels(path, codebook=codebook):
            file.codebook = file.codebook or document.codebook
            for sentence in document:
                if sentence.text.strip():
                    file.passages.append(passage_of(sentence, codebook or document.codebook))
                    file.records.append(sentence)
        return file

    def _reject(self, on_reject: Callable[[Rejected], None]) -> Callable[[Rejected], None]:
        def both(rejected: Rejected) -> None:
            self.rejected.append(rejected)
            on_reject(rejected)

        return both

    def coding(self, name: str, codebook: Codebook, on_reject: Callable[[Rejected], None] | None) -> Coding:
        names = Names(codebook)
        notes = Notes(None if on_reject is None else self._reject(on_reject))
        sentences = []
        for i, passage in enumerate(self.passages):
            with notes.setting_aside(passage.where, passage.text):
                record = None if self.records is None else self.records[i]
                sentences.append(_coded(names.checked(passage), codebook, record))
        return Coding(name, tuple(sentences), self.records is not None, tuple(self.rejected))


def coded(
    marked: MarkedSentence,
    codebook: Codebook,
    *,
    kind: str | None = None,
    answers: Mapping[str, str] | None = None,
    document: str | None = None,
    id: str | None = None,
) -> CodedSentence:
    """A marked sentence as one that a coder said.

    Args:
        marked: the sentence.
        codebook: whose names it carries.
        kind, answers: as of :class:`CodedSentence`.
        document, id: where it comes from.
    """
    spans = [NamedSpan(span.start, span.end, str(tag)) for span in marked.spans for tag in span.tags]
    passage = Passage(marked.text, tuple(spans), document=document, id=id)
    return replace(
        _coded(passage, codebook, None),
        kind=kind,
        answers=dict(answers or {}),
        prediction=as_prediction(marked, codebook, kind, answers),
    )


def _codebook_of(files: Sequence[_File]) -> Codebook:
    """The built-in codebook if it knows all names, else one of the names that were found."""
    built_in = Codebook.default()
    names = Names(built_in)
    try:
        for passage in (passage for file in files for passage in file.passages):
            names.checked(passage)
    except FramingError:
        found = FoundNames(Names())
        for file in files:
            for passage in file.passages:
                found.add(passage)
            file.passages = [_renamed(passage, found.names) for passage in file.passages]
        return found.codebook("of_coders")
    return built_in


def _renamed(passage: Passage, names: Names) -> Passage:
    """The passage with the names that a codebook of what was found has."""
    labels = []
    for label in passage.labels:
        task, has_value, value = label.name.partition("=")
        if not has_value:
            name = str(names.tag(task))
        elif task == KIND:
            name = label.name
        else:
            name = f"{names.identifier(task)}={value and names.identifier(value)}"
        labels.append(replace(label, name=name))
    spans = tuple(replace(span, name=str(names.tag(span.name))) for span in passage.spans)
    return replace(passage, spans=spans, labels=tuple(labels))


def _tag(name: str, codebook: Codebook) -> Tag:
    """The tag of a name that the codebook knows; a frame may lack its voice."""
    first, *others = name.split(".")
    if first in codebook.label_names and all("=" in other for other in others):
        return Tag("frame", first, answers=tuple((t, v) for t, _, v in (other.partition("=") for other in others)))
    return Tag.parse(name, codebook)


def _coded(passage: Passage, codebook: Codebook, record: SentenceLabels | None) -> CodedSentence:
    tags = [(span, _tag(span.name, codebook)) for span in passage.spans]
    spans = tuple(LabelledSpan(tag.output, s.start, s.end, tag.voice, dict(tag.answers)) for s, tag in tags)
    kind: str | None = None
    given: defaultdict[str, list[str]] = defaultdict(list)
    bare = set()
    for label in passage.labels:
        name, has_value, value = label.name.partition("=")
        if not has_value:
            bare.add(_tag(name, codebook).output)
        elif name == KIND:
            kind = value
        else:
            given[name].append(value)
    answers = {task: "+".join(filter(None, values)) for task, values in given.items()}
    labels = frozenset(span.label for span in spans) | bare
    marked = MarkedSentence(passage.text, _apart(passage.text, tags))
    if record is None:
        record = as_prediction(marked, codebook, kind, answers)
        hedged = any(f"{HEDGE}.{name}" in labels for name in codebook.hedging_kinds)
        frames = {name: 1.0 for name in codebook.label_names if name in labels}
        record = replace(record, frames=frames, hedged=hedged)
    return CodedSentence(
        passage.text,
        spans,
        labels,
        record.hedged,
        kind,
        answers,
        marked,
        record,
        passage.document or passage.group,
        passage.id,
    )


def _apart(text: str, tags: Sequence[tuple[NamedSpan, Tag]]) -> tuple[MarkedSpan, ...]:
    """Spans that do not overlap: of two that do, the one with the higher score, or else the one that begins first."""
    kept: dict[tuple[int, int], list[Tag]] = {}
    for span, tag in sorted(tags, key=lambda one: (-(one[0].score or 0.0), one[0].start, one[0].end)):
        place = (span.start, span.end)
        overlapping = any(span.start < b and a < span.end and (a, b) != place for a, b in kept)
        if not overlapping and all(tag.output != other.output for other in kept.get(place, ())):
            kept.setdefault(place, []).append(tag)
    return tuple(MarkedSpan(a, b, text[a:b], tuple(own)) for (a, b), own in sorted(kept.items()))


def _coder_names(paths: Sequence[str]) -> list[str]:
    """The names of files without their endings; in full where two would be the same."""
    stems = [Path(path).name.split(".")[0] or path for path in paths]
    if len(set(stems)) == len(stems):
        return stems
    return list(paths) if len(set(paths)) == len(paths) else [f"{path}#{n}" for n, path in enumerate(paths, 1)]


# --- side by side -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Alignment:
    """The sentences that two coders or more judged.

    Attributes:
        coders: what each said.
        by: what the sentences are matched by.
        units: of each sentence its place in the coding of every coder; ``None`` where the coder has none.
        alone: of each coder, the sentences that no other has.
        other_text: sentences that have the same id and another text, and are left out.
    """

    coders: tuple[Coding, ...]
    by: By
    units: tuple[tuple[int | None, ...], ...]
    alone: tuple[int, ...]
    other_text: int = 0

    def said(self, unit: int) -> tuple[CodedSentence | None, ...]:
        """What every coder said of a sentence."""
        return tuple(
            None if place is None else coder.sentences[place]
            for coder, place in zip(self.coders, self.units[unit], strict=True)
        )

    def first(self, unit: int) -> CodedSentence:
        """What the first coder who has the sentence said of it."""
        return next(one for one in self.said(unit) if one is not None)

    def documents(self) -> list[str]:
        """The document of every sentence; a sentence of which nobody knows it is one by itself."""
        names = []
        for number in range(len(self.units)):
            known = [one.document for one in self.said(number) if one is not None and one.document]
            names.append(known[0] if known else f"sentence {number}")
        return names


def align(coders: Sequence[Coding], by: By | None = None) -> Alignment:
    """Lay codings side by side.

    Args:
        coders: two or more.
        by: match sentences by their id or by their text; if ``None``, by what matches more of them, and by id where
            both match the same. Of sentences with one text (or id), the first goes with the first, and so on.

    Raises:
        InputError: no two coders have a sentence in common.
        SettingError: there are not two coders, or ``by`` is something else.
    """
    if len(coders) < 2:
        raise SettingError(f"{len(coders)} coder", expected="two or more")
    if by not in (None, "id", "text"):
        raise SettingError(f"sentences matched by {by!r}", expected="id or text")
    ways: tuple[By, ...] = (by,) if by else ("id", "text")
    best = max((_aligned(tuple(coders), way) for way in ways), key=lambda found: len(found.units))
    if not best.units:
        raise InputError(
            "the coders have no sentence in common",
            expected="files of the same sentences, with equal texts",
            hint="cut the texts alike; white space counts",
        )
    return best


def _aligned(coders: tuple[Coding, ...], by: By) -> Alignment:
    units: dict[tuple[str, int], list[int | None]] = {}
    other_text = 0
    alone = [0] * len(coders)
    for number, coder in enumerate(coders):
        seen: Counter[str] = Counter()
        for place, sentence in enumerate(coder.sentences):
            name = sentence.id if by == "id" else sentence.text
            if not name:
                alone[number] += 1
                continue
            unit = units.setdefault((name, seen[name]), [None] * len(coders))
            seen[name] += 1
            others = [c.sentences[at].text for c, at in zip(coders, unit, strict=True) if at is not None]
            if others and others[0] != sentence.text:
                other_text += 1
            else:
                unit[number] = place
    shared = []
    for unit in units.values():
        if sum(place is not None for place in unit) >= 2:
            shared.append(tuple(unit))
        else:
            number = next(n for n, place in enumerate(unit) if place is not None)
            alone[number] += 1
    return Alignment(coders, by, tuple(shared), tuple(alone), other_text)
