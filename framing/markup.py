r"""Convert inline markup into offset spans and back, without loss.

A mark is ``[[words|tags]]``. Its tags are joined by ``+``, and each is one of

* ``label.voice``, a frame and its voice: ``[[gunmen|militants.author]]``; only ``label`` if the codebook has no voices.
  Answers to the codebook's tasks for mentions follow: ``[[gunmen|militants.author.tone=ironic]]``;
* ``hedge.kind``, a cue: ``[[reportedly|hedge.hearsay]]``;
* ``source``, who is cited: ``[[the ministry|source]]``;
* ``task.value``, words that are marked for a task of the codebook.

Marks do not nest or overlap. Everything outside them is the sentence itself, with its single brackets, bars and
backslashes. A backslash escapes the three strings that would otherwise be read as markup: ``[[`` and ``]]`` anywhere
(``\[[``, ``\]]``), and ``|`` within the words of a mark (``\|``). A run of backslashes just before one of these, or
before a mark or the bar of a mark, is doubled; every other backslash stands for itself. Each sentence with its spans
has exactly one written form, so that ``write(parse(x)) == x`` for every ``x``
that parses, and ``parse(write(m)) == m`` for every ``m``.

Marked sentences are kept in tab-separated files, one per line: ``group, kind, marked sentence`` (seeds), or
``id, outlet, document, kind, marked sentence`` (a gold set). Answers to the codebook's tasks for sentences follow the
kind, or stand in its place if the codebook has no kinds: ``body stance=hostile topics=war+economy``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn

from framing.codebook import HEDGE, SOURCE, Codebook, Task
from framing.errors import CodebookError, MarkupError, UnreadableFileError, did_you_mean
from framing.types import Rejected

Layer = Literal["frame", "hedge", "source", "task"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
# A bracket is escaped if the written form would otherwise have the same bracket right after it. In a run of brackets
# that is every second one, counted from the end, because an escaped bracket has a backslash before it. A mark after the
# run counts as a bracket.
_OPENING = re.compile(r"(\\*)\[(?=\[(?:\[\[)*(?!\[))")
_OPENING_BEFORE_MARK = re.compile(r"(\\*)\[(?=\[(?:\[\[)*(?!\[|\Z)|(?:\[\[)*\Z)")
_CLOSING = re.compile(r"(\\*)\](?=\](?:\]\])*(?!\]))")
_BAR = re.compile(r"(\\*)\|")
_TRAILING_BACKSLASHES = re.compile(r"\\+\Z")
# The end of plain text: a run of backslashes (possibly none) and one of the special strings.
_SPECIAL_OUTSIDE = re.compile(r"(\\*)(\[(?=\[)|\](?=\]))")
_SPECIAL_IN_WORDS = re.compile(r"(\\*)(\[(?=\[)|\](?=\])|\|)")


@dataclass(frozen=True, slots=True)
class Tag:
    """What a span is marked as. ``str(tag)`` is its written form.

    Attributes:
        layer: the layer it belongs to.
        name: the label of a frame, the kind of a hedge, ``"source"``, or the value of a task.
        voice: the voice of a frame; ``None`` in other layers, and if the codebook has no voices.
        task: the task that the value belongs to; ``None`` in other layers.
        answers: the answers of a frame to the codebook's tasks for mentions, as pairs of task and value.
    """

    layer: Layer
    name: str
    voice: str | None = None
    task: str | None = None
    answers: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.layer != "frame" and (self.voice is not None or self.answers):
            raise MarkupError(f"{self.layer} {self.name!r} with voice {self.voice}", expected="a voice for frames only")
        if (self.layer == "task") != (self.task is not None):
            raise MarkupError(
                f"{self.layer} {self.name!r} with task {self.task}", expected="a task for its values only"
            )
        if not _NAME.fullmatch(self.name):
            raise MarkupError(f"the tag name {self.name!r}", expected="lower-case letters, digits and '_'")

    def __str__(self) -> str:
        voice = f".{self.voice}" if self.voice else ""
        return self.output + voice + "".join(f".{task}={value}" for task, value in self.answers)

    @property
    def output(self) -> str:
        """The tag without voice and answers: one of `Codebook.outputs`, or ``<task>.<value>``."""
        prefix = HEDGE if self.layer == "hedge" else self.task
        return f"{prefix}.{self.name}" if prefix else self.name

    @classmethod
    def parse(cls, text: str, codebook: Codebook | None = None) -> Tag:
        """Read one tag.

        Args:
            text: such as ``"rebels.author"``, ``"hedge.epistemic"`` or ``"source"``.
            codebook: the codebook that must have every name; if ``None``, any label with the voices and hedge kinds of
                the built-in codebook.

        Raises:
            MarkupError: it is not a tag, or the codebook does not have it.
        """
        book = codebook or Codebook.default()
        first, *others = text.split(".")
        spans = {task.name: task for task in book.tasks_of("span")}
        if text == SOURCE and book.source_guide:
            return cls("source", SOURCE)
        if first == HEDGE and book.hedge_kinds:
            kind = ".".join(others)
            return cls("hedge", _known(kind, book.hedge_kinds, f"the hedge kind {kind!r} in the tag {text!r}"))
        if first in spans and len(others) == 1:
            value = _known(others[0], spans[first].names, f"the value {others[0]!r} in the tag {text!r}")
            return cls("task", value, task=first)
        voice = others.pop(0) if book.voices and others and "=" not in others[0] else None
        if first == SOURCE or bool(book.voices) != (voice is not None) or any("=" not in other for other in others):
            _fail_tag_form(text, book, codebook)
        if codebook:
            _known(first, codebook.label_names, f"the label {first!r} in the tag {text!r}")
        elif not _NAME.fullmatch(first):
            _fail_tag_form(text, book, codebook)
        if voice is not None:
            _known(voice, book.voices, f"the voice {voice!r} in the tag {text!r}")
        answers = _answers(others, book.tasks_of("mention"), f"in the tag {text!r}")
        return cls("frame", first, voice, answers=tuple(answers.items()))


def _answers(written: Sequence[str], tasks: Sequence[Task], where: str) -> dict[str, str]:
    """Read answers ``task=value``; a task that chooses many has ``task=value+value``, or ``task=`` for no value."""
    by_name = {task.name: task for task in tasks}
    answers: dict[str, str] = {}
    for name, _, value in (one.partition("=") for one in written):
        task = by_name[_known(name, tuple(by_name), f"the task {name!r} {where}")]
        if name in answers:
            raise MarkupError(f"the task {name!r} twice {where}", expected="one answer for each task")
        chosen = [value] if task.choose == "one" else value.split("+") if value else []
        for one in chosen:
            _known(one, task.names, f"the value {one!r} of the task {name!r} {where}")
        answers[name] = value
    return answers


def _known(word: str, known: tuple[str, ...], what: str) -> str:
    if word in known:
        return word
    raise MarkupError(f"{what} is unknown", expected="one of " + ", ".join(known), hint=did_you_mean(word, known))


def _fail_tag_form(text: str, book: Codebook, codebook: Codebook | None) -> NoReturn:
    labels = codebook.label_names if codebook else ()
    known = [SOURCE, *labels] if book.source_guide else [*labels]
    form = ["label.voice" if book.voices else "label", *["hedge.kind"] * bool(book.hedge_kinds)]
    raise MarkupError(
        f"the tag {text!r} is none",
        expected=", ".join(form) + (" or source" if book.source_guide else ""),
        hint=f"a frame needs its voice: {text}.{book.voices[0]}"
        if text in labels and book.voices
        else did_you_mean(text, known),
    )


@dataclass(frozen=True, slots=True)
class MarkedSpan:
    """A stretch of a sentence with its tags.

    Attributes:
        start, end: code points from the start of the sentence, half-open.
        text: the sentence's ``text[start:end]``.
        tags: one or more, in the order in which they are written; no label, hedge kind, source or value twice.
    """

    start: int
    end: int
    text: str
    tags: tuple[Tag, ...]

    def __post_init__(self) -> None:
        if self.start < 0 or not self.text or self.end - self.start != len(self.text):
            raise MarkupError(
                f"the offsets [{self.start}, {self.end}) of the span {self.text!r}",
                expected="a span that is not empty, and offsets that fit its text",
            )
        outputs = [tag.output for tag in self.tags]
        if not outputs or len(set(outputs)) != len(outputs):
            raise MarkupError(
                f"the tags {'+'.join(map(str, self.tags))!r} on {self.text!r}",
                expected="one or more tags, each label, hedge kind or source once",
            )


@dataclass(frozen=True, slots=True)
class MarkedSentence:
    """A sentence with its marked spans.

    Attributes:
        text: the sentence without marks.
        spans: in order, not overlapping; for each, ``text[span.start:span.end] == span.text``.
    """

    text: str
    spans: tuple[MarkedSpan, ...] = ()

    def __post_init__(self) -> None:
        end = 0
        for span in self.spans:
            if span.start < end:
                raise MarkupError(
                    f"the span {span.text!r} at [{span.start}, {span.end}) begins before the last one ends, at {end}",
                    expected="spans in order, without overlap",
                )
            if self.text[span.start : span.end] != span.text:
                raise MarkupError(
                    f"the span {span.text!r} at [{span.start}, {span.end})",
                    expected=f"the sentence's words there, {self.text[span.start : span.end]!r}",
                )
            end = span.end


def parse(marked: str, codebook: Codebook | None = None) -> MarkedSentence:
    """Read a marked sentence.

    Args:
        marked: a sentence with inline markup.
        codebook: the codebook that must have every name; any label if ``None``.

    Raises:
        MarkupError: the markup is broken (unclosed, nested, empty, without tags), or a tag is unknown; the message
            names the column, from 1, and shows the place.
    """
    return _Parser(marked, codebook).sentence()


@dataclass(slots=True)
class _Parser:
    marked: str
    codebook: Codebook | None
    position: int = 0
    text: list[str] = field(default_factory=list)
    length: int = 0

    def sentence(self) -> MarkedSentence:
        spans: list[MarkedSpan] = []
        while self.plain() == "[":
            spans.append(self.span())
        return MarkedSentence("".join(self.text), tuple(spans))

    def plain(self) -> str:
        """Read plain text up to the next mark (returns ``"["``) or the end (returns ``""``)."""
        stop = self.literal(_SPECIAL_OUTSIDE)
        if stop == "]":
            self.fail(
                self.position,
                "']]' without a '[[' before it",
                expected="[[words|tags]]",
                hint=r"write \]] if the sentence has ]] in it",
            )
        return stop

    def literal(self, special: re.Pattern[str]) -> str:
        """Add text up to the next special string that is not escaped, and return its first character, or ``""``."""
        while match := special.search(self.marked, self.position):
            backslashes, character = match[1], match[2]
            self.add(self.marked[self.position : match.start()] + "\\" * (len(backslashes) // 2))
            if len(backslashes) % 2 == 0:
                self.position = match.start(2)
                return character
            self.add(character)
            self.position = match.end()
        self.add(self.marked[self.position :])
        self.position = len(self.marked)
        return ""

    def add(self, text: str) -> None:
        self.text.append(text)
        self.length += len(text)

    def span(self) -> MarkedSpan:
        """Read the mark that begins at the position."""
        opening, start, first = self.position, self.length, len(self.text)
        self.position += 2
        stop = self.literal(_SPECIAL_IN_WORDS)
        if stop != "|":
            self.fail_words(opening, stop)
        words = "".join(self.text[first:])
        if not words:
            self.fail(opening, "a mark without words", expected="[[words|tags]]")
        tags_start = self.position + 1
        tags_end = self.marked.find("]]", tags_start)
        if tags_end < 0:
            self.fail(opening, "'[[' is not closed", expected="[[words|tags]]", hint="put ']]' after the tags")
        tags = self.tags(tags_start, tags_end)
        self.position = tags_end + 2
        return MarkedSpan(start, self.length, words, tags)

    def tags(self, start: int, end: int) -> tuple[Tag, ...]:
        tags: list[Tag] = []
        column = start
        for written in self.marked[start:end].split("+"):
            try:
                tag = Tag.parse(written, self.codebook)
            except MarkupError as error:
                self.fail(column, error.message, expected=error.expected, hint=error.hint)
            if any(tag.output == other.output for other in tags):
                self.fail(column, f"{tag.output!r} twice on one span", expected="each label, kind or source once")
            tags.append(tag)
            column += len(written) + 1
        return tuple(tags)

    def fail_words(self, opening: int, stop: str) -> NoReturn:
        if stop == "[":
            self.fail(
                self.position,
                "'[[' within a mark",
                expected="marks that do not nest",
                hint=r"close the first mark before it; join two labels on the same words with '+'; "
                r"write \[[ if the sentence has [[ in it",
            )
        if stop == "]":
            self.fail(opening, "a mark without tags", expected="[[words|tags]], as in [[gunmen|militants.author]]")
        hint = r"write \[[ if the sentence has [[ in it"
        self.fail(opening, "'[[' is not closed", expected="[[words|tags]]", hint=hint)

    def fail(self, index: int, problem: str, *, expected: str | None, hint: str | None = None) -> NoReturn:
        before, after = self.marked[max(0, index - 20) : index], self.marked[index : index + 30]
        excerpt = ("…" if index > 20 else "") + before + "⟶" + after + ("…" if index + 30 < len(self.marked) else "")
        raise MarkupError(f"column {index + 1}: {problem}, in {excerpt!r}", expected=expected, hint=hint) from None


def write(sentence: MarkedSentence) -> str:
    """Write a sentence with inline markup; the inverse of `parse`."""
    parts: list[str] = []
    end = 0
    for span in sentence.spans:
        parts.append(_written_text(sentence.text[end : span.start], before="["))
        parts.append(f"[[{_written_text(span.text, before='|')}|{'+'.join(map(str, span.tags))}]]")
        end = span.end
    parts.append(_written_text(sentence.text[end:], before=""))
    return "".join(parts)


def _written_text(text: str, *, before: str) -> str:
    """Escape what would be read as markup.

    Args:
        text: text outside marks, or the words of a mark.
        before: what follows the text: a mark (``"["``), the bar of its own mark (``"|"``), or the end (``""``).
    """
    text = (_OPENING_BEFORE_MARK if before == "[" else _OPENING).sub(r"\1\1\\[", text)
    text = _CLOSING.sub(r"\1\1\\]", text)
    if before == "|":
        text = _BAR.sub(r"\1\1\\|", text)
    return _TRAILING_BACKSLASHES.sub(lambda run: run[0] * 2, text) if before else text


@dataclass(frozen=True, slots=True)
class MarkedRow:
    """One line of a file of marked sentences.

    Attributes:
        group: rows of one group stay together when the file is split; in a gold set, the group is the document.
        kind: the sentence's kind; ``None`` if the codebook has no kinds.
        sentence: the sentence with its spans.
        outlet, document, id: only in files of five columns.
        answers: task for sentences -> its value, or several values joined by ``+``.
        where: ``"file:line"``, for messages.
    """

    group: str
    kind: str | None
    sentence: MarkedSentence
    outlet: str | None = None
    document: str | None = None
    id: str | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    where: str | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, line: str, codebook: Codebook | None = None, *, where: str | None = None) -> MarkedRow:
        """Read one line of three or five columns.

        Args:
            line: the line, without its end.
            codebook: the codebook that must have every name; any label if ``None``.
            where: ``"file:line"``, put before the message of an error.

        Raises:
            MarkupError: the number of columns is wrong, a column is empty, a kind or a task's answer is unknown, or the
                markup is broken.
        """
        try:
            return cls._parse(line, codebook, where)
        except MarkupError as error:
            message = f"{where}: {error.message}" if where else error.message
            raise MarkupError(message, expected=error.expected, hint=error.hint) from error

    @classmethod
    def _parse(cls, line: str, codebook: Codebook | None, where: str | None) -> MarkedRow:
        columns = line.split("\t")
        if len(columns) not in (3, 5):
            raise MarkupError(
                f"{len(columns)} column{'s' * (len(columns) != 1)}, in {line[:60]!r}",
                expected="3 (group, kind, marked sentence) or 5 (id, outlet, document, kind, marked sentence)",
                hint="put exactly one tab between columns, and none into the sentence",
            )
        *first, about, marked = columns
        if not marked.strip():
            raise MarkupError("the sentence is empty", expected="a marked sentence in the last column")
        if not all(first) or not (about or (codebook and not codebook.kinds)):
            raise MarkupError(f"an empty column, in {line[:60]!r}", expected="a value in every column")
        kind, answers = _parse_about(about, codebook or Codebook.default())
        sentence = parse(marked, codebook)
        if len(first) == 1:
            return cls(first[0], kind, sentence, answers=answers, where=where)
        id_, outlet, document = first
        return cls(document, kind, sentence, outlet, document, id_, answers, where)

    def to_line(self) -> str:
        """Write the row as `parse` reads it, without a line end: five columns if it has an id, else three.

        Raises:
            MarkupError: a column contains a tab or a line end.
        """
        first = (self.group,) if self.id is None else (self.id, self.outlet or "", self.document or self.group)
        about = [*([self.kind] if self.kind else []), *(f"{task}={value}" for task, value in self.answers.items())]
        columns = (*first, " ".join(about), write(self.sentence))
        for column in columns:
            if re.search(r"[\t\n\r]", column):
                raise MarkupError(f"a tab or line end in {column[:60]!r}", expected="columns of one line without tabs")
        return "\t".join(columns)


def _parse_about(about: str, book: Codebook) -> tuple[str | None, dict[str, str]]:
    """Read the column with the kind and the answers to tasks."""
    words = about.split(" ") if about else []
    kind = None
    if book.kinds:
        kind = words.pop(0) if words else ""
        _known(kind, book.kinds, f"the kind {kind!r}")
    return kind, _answers(words, book.tasks_of("sentence"), f"in {about!r}")


def read_rows(
    path: str | Path,
    codebook: Codebook | None = None,
    *,
    on_reject: Callable[[Rejected], None] | None = None,
) -> Iterator[MarkedRow]:
    """Read a file of marked sentences, line by line. Blank lines are skipped.

    Args:
        path: a tab-separated file in UTF-8, of three or five columns.
        codebook: the codebook that must have every name; any label if ``None``.
        on_reject: is called with every line that cannot be read, and reading goes on; if ``None``, the first one
            raises.

    Yields:
        The rows in order.

    Raises:
        UnreadableFileError: the file is missing, cannot be read, or is not UTF-8.
        MarkupError: a line cannot be read, and there is no ``on_reject``; the message begins with ``file:line``.
    """
    for number, line in _lines(Path(path)):
        where = f"{path}:{number}"
        try:
            yield MarkedRow.parse(line, codebook, where=where)
        except MarkupError as error:
            if on_reject is None:
                raise
            reason = "; ".join(filter(None, (error.reason.removeprefix(f"{where}: "), error.hint)))
            on_reject(Rejected(where, reason, line[:200], number))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, numbered from 1. Only ``\\n`` and ``\\r\\n`` end a line."""
    if not path.is_file():
        raise UnreadableFileError(f"there is no file {str(path)!r}", expected="a file of marked sentences")
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            for number, line in enumerate(file, 1):
                line = line.removesuffix("\n").removesuffix("\r")
                if line.strip():
                    yield number, line
    except UnicodeDecodeError as error:
        raise UnreadableFileError(
            f"{path}, after line {number}: byte 0x{error.object[error.start]:02x} is not UTF-8",
            expected="a text file in UTF-8",
            hint="save the file as UTF-8",
        ) from error
    except OSError as error:
        raise UnreadableFileError(f"{path} cannot be read: {error.strerror}") from error


def check_examples(codebook: Codebook) -> None:
    """Check that every example of a codebook can be parsed and has a mark with its label.

    Raises:
        CodebookError: an example fails; the message names the label and the example.
    """
    for label in codebook.labels:
        for i, example in enumerate(label.examples):
            where = f"codebook {codebook.name!r}, label {label.name!r}, examples[{i}]"
            tag = ".".join((label.name, *codebook.voices[:1]))
            try:
                sentence = parse(example, codebook)
            except MarkupError as error:
                raise CodebookError(f"{where}: {error.message}", expected=error.expected, hint=error.hint) from error
            if not any(tag.output == label.name for span in sentence.spans for tag in span.tags):
                raise CodebookError(
                    f"{where}: {example!r} does not carry the label",
                    expected=f"a mark such as [[words|{tag}]]",
                )
