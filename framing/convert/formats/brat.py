"""brat standoff: a folder with a ``.txt`` and an ``.ann`` for each document (https://brat.nlplab.org/standoff.html).

A document is the sentences of a group, one a line. Spans are ``T`` lines whose type is the label, and ``A`` lines give
a mention's voice (``A1 voice T1 author``) and the answers of tasks (``A2 tone T1 ironic``). Types have no dots in brat:
``hedge.hearsay`` is ``hedge--hearsay``. Each sentence is a ``T`` line of the type ``Sentence`` too, with its kind and
answers as attributes, a label that stands alone as the attribute ``label``, and where it is from as JSON in a note.
An ``annotation.conf`` names what brat is to show. A folder without ``Sentence`` lines is read document by document.

Offsets count code points (https://brat.nlplab.org/standoff.html, "character offsets"; brat is a Python program).
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from framing.codebook import VOICE
from framing.convert.formats.base import Format, Sample, WholeFolder, as_json, explaining
from framing.convert.offsets import Places
from framing.convert.passages import NamedLabel, NamedSpan, Passage, by_document, origin_of
from framing.errors import InputError, UnreadableFileError
from framing.files import reporting_write_errors

_SENTENCE, _LABEL, _NOTE = "Sentence", "label", "FramingOrigin"
_DOT = "--"
#: The value of an attribute for a task that chooses many, where none is chosen.
_NONE = "-"
#: As brat's own configuration has names.
_TYPE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"\s")
_UNSAFE = re.compile(r"[^\w.-]+")


class Brat(Format):
    """brat's folders; they hold spans that overlap, without scores."""

    name = "brat"
    endings = (".ann",)
    writes = "folder"

    @classmethod
    def recognises(cls, sample: Sample) -> bool:
        """Whether there is an ``.ann``."""
        return sample.path.suffix == ".ann" or any(name.endswith(".ann") for name in sample.names)

    def read(self, path: str) -> Iterator[Passage]:
        """The sentences of all documents, by the names of their files."""
        place = Path(path)
        files = sorted(place.rglob("*.ann")) if place.is_dir() else [place.with_suffix(".ann")]
        for file in files:
            found: list[Passage] = []
            with self.notes.setting_aside(str(file)), explaining(self.name):
                name = file.relative_to(place).with_suffix("").as_posix() if place.is_dir() else file.stem
                found = list(self._document(file, name))
            yield from found

    def _document(self, file: Path, name: str) -> Iterator[Passage]:
        text, lines = _read(file.with_suffix(".txt")), _read(file).split("\n")
        document = _Document(text, Places(text, self.options.offsets or "codepoints"))
        for line in lines:
            if line.strip():
                document.add(line.removesuffix("\r"))
        for what, count in document.lost.items():
            self.notes.lose(what, count)
        sentences = {id: t for id, t in document.words.items() if t[0] == _SENTENCE}
        if not sentences:
            spans = [document.span(id) for id in document.words]
            yield Passage(text, tuple(spans), group=name, document=name, where=str(file))
            return
        kept = 0
        for id, (_, start, end) in sorted(sentences.items(), key=lambda item: item[1][1:]):
            own = [document.span(other) for other, t in document.words.items() if t[0] != _SENTENCE]
            spans = [
                NamedSpan(s.start - start, s.end - start, s.name) for s in own if start <= s.start and s.end <= end
            ]
            kept += len(spans)
            labels = [value if task == _LABEL else f"{task}={value}" for task, value in document.attributes[id]]
            origin = origin_of(document.origins.get(id, {"group": name}))
            named = tuple(map(NamedLabel, labels))
            yield Passage(text[start:end], tuple(spans), named, where=f"{file}:{id}", **origin)
        if lost := len(document.words) - len(sentences) - kept:
            self.notes.lose("spans over the end of a sentence", lost)

    def write(self, passages: Iterable[Passage], path: str) -> None:
        """Write a folder."""
        types: dict[str, None] = {}
        attributes: defaultdict[str, dict[str, None]] = defaultdict(dict)
        files: set[str] = set()
        with WholeFolder(path) as folder, reporting_write_errors(path):
            for name, together in by_document(passages):
                document = _Written(types, attributes, self.names.tag_voices)
                for passage in together:
                    with self.notes.setting_aside(passage.where, passage.text):
                        document.add(passage)
                        self.notes.wrote(len(passage.spans), len(passage.labels))
                        self.notes.lose("scores", passage.scores)
                if document.text:
                    stem = _file_name(name, files)
                    _write(folder / f"{stem}.txt", "\n".join(document.text) + "\n")
                    _write(folder / f"{stem}.ann", "".join(f"{line}\n" for line in document.lines))
            self.notes.check_written()
            _write(folder / "annotation.conf", _configuration(types, attributes))


class _Document:
    """The annotations of a document that is read.

    Attributes:
        words: id -> type, start and end.
        attributes: id -> attributes and their values, in order.
        origins: id -> where a sentence is from.
        lost: what is not read -> how often.
    """

    def __init__(self, text: str, place: Places) -> None:
        self.text = text
        self.place = place
        self.words: dict[str, tuple[str, int, int]] = {}
        self.attributes: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        self.origins: dict[str, Mapping[str, Any]] = {}
        self.lost: defaultdict[str, int] = defaultdict(int)

    def add(self, line: str) -> None:
        id, _, rest = line.partition("\t")
        if id[:1] == "T":
            about, _, words = rest.partition("\t")
            type_, _, offsets = about.partition(" ")
            pieces = [[self.place(int(place)) for place in piece.split()] for piece in offsets.split(";")]
            start, end = pieces[0][0], pieces[-1][1]
            gaps = [self.text[a[1] : b[0]] for a, b in pairwise(pieces)]
            if any(gap.strip() for gap in gaps):
                self.lost["gaps in spans of several pieces"] += 1
            elif words and words.split() != self.text[start:end].split():
                raise InputError(f"{id}: {words!r} is not at [{start}, {end})", expected=repr(self.text[start:end]))
            self.words[id] = (type_, start, end)
        elif id[:1] in ("A", "M"):
            name, target, *value = rest.split()
            said = value[0] if value else "yes"
            self.attributes[target].append((name, "" if said == _NONE else said))
        elif id[:1] == "#" and rest.startswith(f"{_NOTE} "):
            target, _, written = rest.removeprefix(f"{_NOTE} ").partition("\t")
            self.origins[target] = json.loads(written)
        else:
            kinds = {"R": "relations", "E": "events", "*": "equivalences", "N": "normalisations", "#": "notes"}
            self.lost[kinds.get(id[:1], "other lines")] += 1

    def span(self, id: str) -> NamedSpan:
        type_, start, end = self.words[id]
        attributes = self.attributes[id]
        voice = "".join(f".{value}" for name, value in attributes if name == VOICE)
        others = "".join(f".{name}={value}" for name, value in attributes if name != VOICE)
        return NamedSpan(start, end, type_.replace(_DOT, ".") + voice + others)


class _Written:
    """A document that is written; types and attributes are those of the whole folder."""

    def __init__(
        self, types: dict[str, None], attributes: defaultdict[str, dict[str, None]], voices: tuple[str, ...]
    ) -> None:
        self.text: list[str] = []
        self.lines: list[str] = []
        self._types = types
        self._attributes = attributes
        self._voices = voices
        self._words = self._said = self._notes = 0
        self._offset = 0

    def add(self, passage: Passage) -> None:
        spans = [(span, *_parts(span.name, self._voices)) for span in passage.spans]
        labels = [label.name.split("=", 1) for label in passage.labels]
        said = [(task, value) for task, value in ((x if len(x) == 2 else [_LABEL, *x]) for x in labels)]
        for name in [*(type_ for _, type_, _ in spans), *(name for name, _ in said)]:
            if not _TYPE.fullmatch(name):
                raise InputError(f"the label {name!r}", expected="letters, digits, '_' and '-', as brat has names")
        if bad := [value for _, value in said if _SPACE.search(value)]:
            raise InputError(f"the label {bad[0]!r}", expected="a label without spaces, as brat has values")
        self._add_words(_SENTENCE, passage, 0, len(passage.text), said)
        if passage.origin:
            self._notes += 1
            self.lines.append(f"#{self._notes}\t{_NOTE} T{self._words}\t{as_json(passage.origin)}")
        for span, type_, attributes in spans:
            self._types[type_] = None
            self._add_words(type_, passage, span.start, span.end, attributes)
        self.text.append(passage.text)
        self._offset += len(passage.text) + 1

    def _add_words(
        self, type_: str, passage: Passage, start: int, end: int, attributes: Iterable[tuple[str, str]]
    ) -> None:
        # brat has no line ends in a line: what runs over one is in several pieces.
        pieces = [match.span() for match in re.finditer(r"[^\n]+", passage.text[start:end])] or [(0, end - start)]
        first, last = start + self._offset, end + self._offset
        places = [[first + a, first + b] for a, b in pieces]
        places[0][0], places[-1][1] = first, last
        words = passage.text[start:end].replace("\n", " ").replace("\r", " ")
        self._words += 1
        self.lines.append(f"T{self._words}\t{type_} {';'.join(f'{a} {b}' for a, b in places)}\t{words}")
        for name, value in attributes:
            self._said += 1
            self._attributes[name][value or _NONE] = None
            self.lines.append(f"A{self._said}\t{name} T{self._words} {value or _NONE}")


def _parts(name: str, voices: tuple[str, ...]) -> tuple[str, list[tuple[str, str]]]:
    """Type and attributes of a name."""
    first, *others = name.split(".")
    attributes: list[tuple[str, str]] = []
    while others and "=" in others[-1]:
        task, _, value = others.pop().partition("=")
        attributes.insert(0, (task, value))
    if len(others) == 1 and others[0] in voices:
        attributes.insert(0, (VOICE, others.pop()))
    return _DOT.join((first, *others)), attributes


def _configuration(types: Iterable[str], attributes: Mapping[str, Iterable[str]]) -> str:
    values = [f"{name}\tArg:<ENTITY>, Value:{'|'.join(values)}" for name, values in attributes.items()]
    sections = {"entities": [_SENTENCE, *types], "relations": [], "events": [], "attributes": values}
    return "\n".join(f"[{name}]\n" + "".join(f"{line}\n" for line in lines) for name, lines in sections.items())


def _file_name(name: str, taken: set[str]) -> str:
    stem = _UNSAFE.sub("_", name).strip("._")[:100] or "document"
    number, chosen = 1, stem
    while chosen.lower() in taken:
        number += 1
        chosen = f"{stem}_{number}"
    taken.add(chosen.lower())
    return chosen


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "replace"))


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UnreadableFileError(
            f"{path} cannot be read: {error.strerror}", expected="a .txt beside its .ann"
        ) from error
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{path} is not UTF-8", expected="a text file in UTF-8") from error
