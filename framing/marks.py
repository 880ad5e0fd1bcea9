r"""Marks without their text: what may be published of marked sentences whose words are others'.

`strip` turns a file of marked sentences into one table for each corpus. A row says where a sentence is (corpus and
document), recognises it (digest and length), and says what is marked in it, by offsets. It has no word of the text.
`join` goes through the texts that a user has, finds the sentences, and gives the marked sentences back.

A sentence is recognised by its *normalised* text: control characters, HTML entities and wrongly decoded marks are
repaired as all readers of framing repair them, it is in Unicode's form NFC, every run of white space is one blank, and
there is none at the ends. Digest, length and offsets are those of the normalised text, and `join` gives it back.

A document is named ``corpus/identifier``, with the identifier that the corpus itself uses. An identifier that spells
words (a title, the address of an article) is replaced by ``sha256:`` and its digest; where a document with that
identifier is among the texts, `join` writes the identifier itself.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from framing.codebook import Codebook
from framing.errors import ColumnError, InputError, MarkupError, OutputError
from framing.files import write_whole
from framing.markup import MarkedRow, MarkedSentence, MarkedSpan, Tag, read_rows
from framing.reading import read_rows as read_table
from framing.reading.encodings import clean
from framing.reading.files import expand
from framing.reading.repairs import repaired
from framing.text.sentences import split
from framing.types import Document

#: Columns of a table of marks.
COLUMNS = ("row", "document", "kind", "digest", "length", "marks")

_DIGITS = 16
_DIGESTED = "sha256:"
_BLANKS = re.compile(r"\s+")
_CORPUS = re.compile(r"[\w-][\w.-]*")
_WORD = re.compile(r"[^\W\d_]{4,}")
_MARK = re.compile(r"(\d+)-(\d+):(\S+)")
# A code point where a sentence can start: any that is not blank and not within a word.
_START = re.compile(r"(?!\s)(?:(?<!\w)|(?!\w))")
_WITHIN_WORD = re.compile(r"(?<=\w)(?=\w)")


def normalise(text: str) -> str:
    """The text as sentences are recognised by: repaired, in the form NFC, white space folded and none at the ends."""
    return _folded(text).strip(" ")


def _folded(text: str) -> str:
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", repaired(clean(text))))


def digest(text: str) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a text, as it stands, in UTF-8; surrogates pass."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


@dataclass(frozen=True, slots=True)
class Mark:
    """Tags on a stretch of a sentence. ``str(mark)`` is its written form, ``start-end:tag+tag``.

    Attributes:
        start, end: code points from the start of the normalised sentence, half-open.
        tags: as in :class:`framing.markup.MarkedSpan`.
    """

    start: int
    end: int
    tags: tuple[Tag, ...]

    def __str__(self) -> str:
        return f"{self.start}-{self.end}:{'+'.join(map(str, self.tags))}"

    @classmethod
    def parse(cls, text: str, codebook: Codebook | None = None) -> Mark:
        """Read one mark.

        Raises:
            MarkupError: it is none, or has a tag that the codebook does not know.
        """
        match = _MARK.fullmatch(text)
        if not match:
            raise MarkupError(f"{text!r} is no mark", expected="start-end:tag+tag, as in 10-16:militants.author")
        return cls(int(match[1]), int(match[2]), tuple(Tag.parse(tag, codebook) for tag in match[3].split("+")))


@dataclass(frozen=True, slots=True)
class SentenceMarks:
    """What is published of one marked sentence: one row of a table of marks.

    Attributes:
        row: its place in the file of marked sentences, from 1; rows of one document that follow each other are
            neighbours.
        document: ``corpus/identifier``.
        about: the kind and the answers of tasks, as files of marked sentences have them.
        digest: of the normalised sentence; 16 hexadecimal digits.
        length: of the normalised sentence, in code points.
        marks: in order, not overlapping.
    """

    row: int
    document: str
    about: str
    digest: str
    length: int
    marks: tuple[Mark, ...]

    @property
    def corpus(self) -> str:
        """The first part of the document's name."""
        return self.document.partition("/")[0]

    @property
    def identifier(self) -> str:
        """The document's name within its corpus."""
        return self.document.partition("/")[2]

    @classmethod
    def of(cls, row: MarkedRow, number: int) -> SentenceMarks:
        """What is published of a row; the document's name as it stands there.

        Args:
            row: of three or five columns.
            number: its place in the file, from 1.

        Raises:
            MarkupError: a mark has no place in the normalised text: it is white space, or a part of a character.
        """
        text = normalise(row.sentence.text)
        marks = [_placed(row.sentence, span, text) for span in row.sentence.spans]
        about = row.to_line().split("\t")[-2]
        return cls(number, row.document or row.group, about, digest(text), len(text), tuple(marks))

    @classmethod
    def parse(cls, values: Mapping[str, Any], codebook: Codebook | None = None) -> SentenceMarks:
        """Read one row of a table.

        Args:
            values: column to value, for each of :data:`COLUMNS`.
            codebook: must know every tag; any label if ``None``.

        Raises:
            ColumnError: a column is missing.
            MarkupError: a value is none of its column.
        """
        if missing := [name for name in COLUMNS if name not in values]:
            raise ColumnError(f"there is no column {missing[0]!r}", expected="the columns " + ", ".join(COLUMNS))
        cell = {name: str(values[name] or "") for name in COLUMNS}
        if not (cell["row"].isdecimal() and cell["length"].isdecimal() and len(cell["digest"]) == _DIGITS):
            raise MarkupError(
                f"row {cell['row']!r}, digest {cell['digest']!r}, length {cell['length']!r}",
                expected=f"two numbers, and {_DIGITS} hexadecimal digits",
            )
        marks = tuple(Mark.parse(mark, codebook) for mark in cell["marks"].split())
        return cls(int(cell["row"]), cell["document"], cell["kind"], cell["digest"], int(cell["length"]), marks)

    def to_line(self) -> str:
        """The row as a table has it, without a line end."""
        marks = " ".join(map(str, self.marks))
        return "\t".join((str(self.row), self.document, self.about, self.digest, str(self.length), marks))

    def on(self, text: str, codebook: Codebook | None = None, document: str | None = None) -> MarkedRow:
        """The marked sentence.

        Args:
            text: the normalised sentence.
            codebook: must know the kind; the built-in one if ``None``.
            document: what the row says of its document, if not ``self.document``.

        Raises:
            MarkupError: the marks do not fit the text.
        """
        spans = tuple(MarkedSpan(mark.start, mark.end, text[mark.start : mark.end], mark.tags) for mark in self.marks)
        line = "\t".join((document or self.document, self.about, "."))
        return replace(MarkedRow.parse(line, codebook, where=f"row {self.row}"), sentence=MarkedSentence(text, spans))


def _placed(sentence: MarkedSentence, span: MarkedSpan, text: str) -> Mark:
    """A span of a sentence as a mark on its normalised text."""
    start, end = (len(_folded(sentence.text[:place]).lstrip(" ")) for place in (span.start, span.end))
    words = normalise(span.text)
    if not words or text[start:end].strip(" ") != words:
        raise MarkupError(
            f"the mark {'+'.join(map(str, span.tags))} at [{span.start}, {span.end}) is lost in the normalised text",
            expected="marks of whole characters, with more than white space in them",
        )
    return Mark(start, min(end, len(text)), span.tags)


# --- taking the text away ---------------------------------------------------------------------------------------------


def strip(path: str | Path, folder: str | Path, codebook: Codebook | None = None) -> dict[str, int]:
    """Write the marks of a file of marked sentences without its text, as ``<corpus>.tsv`` for each corpus.

    Args:
        path: a file of marked sentences; its documents are named ``corpus/identifier``.
        folder: where the tables go; it is made if it is not there.
        codebook: must know every label and hedge kind; any label if ``None``.

    Returns:
        Corpus -> sentences written.

    Raises:
        UnreadableFileError: the file is missing or is not UTF-8.
        MarkupError: a line cannot be read, or a mark has no place in the normalised text.
        InputError: the file has no sentence, or a document's name has no corpus in it.
        OutputError: a table cannot be written.
    """
    rows = [SentenceMarks.of(row, number) for number, row in enumerate(_rows_with_corpus(path, codebook), 1)]
    if not rows:
        raise InputError(f"{path} has no sentence", expected="at least one marked sentence")
    return write_marks(folder, rows)


def _rows_with_corpus(path: str | Path, codebook: Codebook | None) -> Iterator[MarkedRow]:
    """The rows, with identifiers that spell words replaced by digests."""
    rows = list(read_rows(path, codebook))
    words: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        words[row.document or row.group].update(_words(row.sentence.text))
    for row in rows:
        name = row.document or row.group
        corpus, _, identifier = name.partition("/")
        if not _CORPUS.fullmatch(corpus) or not identifier:
            raise InputError(
                f"{row.where}: the document is named {name!r}",
                expected="corpus/identifier, as in fa-kes/1926479076",
                hint="name a file of three columns: document, kind, marked sentence",
            )
        if _spells_words(identifier, words[name]):
            name = f"{corpus}/{_DIGESTED}{digest(identifier)}"
        yield MarkedRow(name, row.kind, row.sentence, answers=row.answers, where=row.where)


def _spells_words(identifier: str, words: set[str]) -> bool:
    """Whether an identifier may be the document's own words, or have them in it: a title, an address."""
    is_code = any(map(str.isdigit, identifier)) and not _BLANKS.search(identifier) and "://" not in identifier
    return not is_code or bool(_words(identifier) & words)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))


def write_marks(folder: str | Path, rows: Iterable[SentenceMarks]) -> dict[str, int]:
    """Write rows as ``<corpus>.tsv`` for each corpus.

    Args:
        folder: where to; it is made if it is not there.
        rows: in the order in which each table is to have them.

    Returns:
        Corpus -> rows written, by name.

    Raises:
        OutputError: a table cannot be written.
    """
    tables: defaultdict[str, list[SentenceMarks]] = defaultdict(list)
    for row in rows:
        tables[row.corpus].append(row)
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror}", expected="a folder to write into") from error
    for corpus, table in tables.items():
        lines = ["\t".join(COLUMNS), *(row.to_line() for row in table)]
        write_whole(Path(folder) / f"{corpus}.tsv", "\n".join(lines) + "\n")
    return {corpus: len(tables[corpus]) for corpus in sorted(tables)}


def read_marks(paths: Sequence[str | Path], codebook: Codebook | None = None) -> list[SentenceMarks]:
    """Read tables of marks.

    Args:
        paths: files, or folders whose ``*.tsv`` are read.
        codebook: must know every tag; any label if ``None``.

    Returns:
        The rows, in the order of the file that they were taken from.

    Raises:
        InputError: there are no tables, or no rows in them.
        UnreadableFileError: a path does not exist, or a file is not UTF-8.
        ColumnError: a table lacks a column.
        MarkupError: a row cannot be read; the message names file and line.
    """
    found = expand([str(path) for path in paths])
    rows: list[SentenceMarks] = []
    for file in found:
        if not file.is_named and file.format != "tsv":
            continue
        for row in read_table([file.path], format="tsv"):
            try:
                rows.append(SentenceMarks.parse(row.values, codebook))
            except (ColumnError, MarkupError) as error:
                message = f"{file.path}:{row.number}: {error.message}"
                raise type(error)(message, expected=error.expected, hint=error.hint) from error
    if not rows:
        raise InputError(
            "no marks in " + (", ".join(map(str, paths)) or "an empty list of paths"),
            expected="tables of marks, or a folder with *.tsv in it",
        )
    return sorted(rows, key=lambda row: row.row)


# --- putting it back --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CorpusCount:
    """How many sentences of a corpus were found.

    Attributes:
        sentences: in the tables of marks.
        found: of these, in the texts.
        within: of the found ones, those that the texts have, but not cut as they were cut when they were marked.
    """

    sentences: int
    found: int
    within: int


@dataclass(frozen=True, slots=True)
class Joined:
    """Marks with their text.

    Attributes:
        rows: the marked sentences that were found, in the order of the marks.
        missing: the marks whose sentences were not found, in order.
        corpora: corpus -> counts, by name.
    """

    rows: tuple[MarkedRow, ...]
    missing: tuple[SentenceMarks, ...]
    corpora: Mapping[str, CorpusCount]

    def to_text(self) -> str:
        """The rows as a file of marked sentences."""
        return "".join(f"{row.to_line()}\n" for row in self.rows)


def join(marks: Sequence[SentenceMarks], documents: Iterable[Document], codebook: Codebook | None = None) -> Joined:
    """Find the sentences of marks in texts.

    The sentences of each text, cut by :func:`framing.text.sentences.split`, and its lines are compared with the marks
    by their digests. A document that is known by now, by its identifier or by a sentence of it, is searched for its
    other sentences too: wherever a word starts or ends, at the lengths that the marks give. So a text that is cut
    otherwise than it was, or wrapped, is found all the same. Texts are read once, and not kept.

    Args:
        marks: as :func:`read_marks` gives them.
        documents: as :func:`framing.read` gives them.
        codebook: gives the language that sentences are cut by, and must know every tag; English and any label if
            ``None``.

    Raises:
        InputError: none of the sentences is in the texts.
        MarkupError: a mark does not fit its sentence.
    """
    search = _Search(marks, codebook.language if codebook else "en")
    for document in documents:
        search.go_through(document)
    if not search.texts:
        raise InputError(
            f"none of the {len(marks)} marked sentences is in the texts",
            expected="the texts of " + ", ".join(sorted({row.corpus for row in marks})),
            hint="is the column of the text the right one? name it with --text-column",
        )
    found = [row for row in marks if row.digest in search.texts]
    return Joined(
        rows=tuple(row.on(search.texts[row.digest], codebook, search.names.get(row.document)) for row in found),
        missing=tuple(row for row in marks if row.digest not in search.texts),
        corpora=_counts(marks, found, search.within),
    )


def _counts(marks: Sequence[SentenceMarks], found: Sequence[SentenceMarks], within: set[str]) -> dict[str, CorpusCount]:
    of_all = Counter(row.corpus for row in marks)
    of_found = Counter(row.corpus for row in found)
    of_within = Counter(row.corpus for row in found if row.digest in within)
    return {name: CorpusCount(of_all[name], of_found[name], of_within[name]) for name in sorted(of_all)}


class _Search:
    """What is looked for, and what is found as documents go by.

    Attributes:
        texts: digest -> normalised sentence, of the found ones.
        within: digests of those that no cut gave.
        names: document as the marks name it -> with its identifier spelled out.
    """

    def __init__(self, marks: Iterable[SentenceMarks], language: str) -> None:
        self.language = language
        self.texts: dict[str, str] = {}
        self.within: set[str] = set()
        self.names: dict[str, str] = {}
        self.of_digest: defaultdict[str, list[SentenceMarks]] = defaultdict(list)
        self.of_document: defaultdict[str, list[SentenceMarks]] = defaultdict(list)
        self.of_identifier: defaultdict[str, set[str]] = defaultdict(set)
        for row in marks:
            self.of_digest[row.digest].append(row)
            self.of_document[row.document].append(row)
            self.of_identifier[row.identifier].add(row.document)

    def go_through(self, document: Document) -> None:
        """Find what sentences there are in a document."""
        known = self.documents_of(document)
        for sentence in self.candidates(document.text):
            sentence = normalise(sentence)
            key = digest(sentence)
            if key in self.of_digest:
                self.texts.setdefault(key, sentence)
                known.update(row.document for row in self.of_digest[key])
        wanted: defaultdict[int, set[str]] = defaultdict(set)
        for row in (row for name in known for row in self.of_document[name] if row.digest not in self.texts):
            wanted[row.length].add(row.digest)
        if wanted:
            for key, sentence in _stretches(normalise(document.text), wanted):
                self.texts[key] = sentence
                self.within.add(key)

    def documents_of(self, document: Document) -> set[str]:
        """The documents of the marks that this one may be, by what it calls itself."""
        found = set()
        for name in _identifiers(document):
            found |= self.of_identifier.get(name, set())
            for digested in self.of_identifier.get(_DIGESTED + digest(name), ()):
                self.names[digested] = f"{digested.partition('/')[0]}/{name}"
                found.add(digested)
        return found

    def candidates(self, text: str) -> Iterator[str]:
        yield from (sentence.text for sentence in split(text, self.language))
        yield from text.splitlines()


def _identifiers(document: Document) -> set[str]:
    """What may be the identifier of a document: its id, the last parts of a path, its title, its other columns."""
    parts = document.id.split("/")
    paths = {"/".join(parts[place:]) for place in range(len(parts))}
    endless = {path.rpartition(".")[0] for path in paths}
    others = {str(value) for value in document.metadata.values() if isinstance(value, str | int)}
    return (paths | endless | others | ({document.title} if document.title else set())) - {""}


def _stretches(text: str, wanted: Mapping[int, set[str]]) -> Iterator[tuple[str, str]]:
    """Digest and text of every stretch that is wanted, of those that begin and end at words.

    Args:
        text: normalised.
        wanted: length in code points -> digests.
    """
    within_word = {match.start() for match in _WITHIN_WORD.finditer(text)}
    for match in _START.finditer(text):
        start = match.start()
        for length, digests in wanted.items():
            end = start + length
            if end <= len(text) and end not in within_word and text[end - 1] != " ":
                key = digest(text[start:end])
                if key in digests:
                    yield key, text[start:end]
