"""Checking files of marked sentences (the seeds), and counting what is in them.

`check` reads every line, says of each that cannot be used where it is and why, and counts the rest. The counts go
into the datasheet beside the files, between two marker comments, so that the datasheet can be renewed and verified by
machine: `write_datasheet` and `datasheet_is_current`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from framing.codebook import HEDGE, SOURCE, Codebook
from framing.errors import InputError, UnreadableFileError
from framing.files import write_whole
from framing.markup import MarkedRow, read_rows, write
from framing.reading.files import expand
from framing.types import Rejected

_BEGIN = "<!-- counts: begin; written by `framing seeds check`, not by hand -->"
_END = "<!-- counts: end -->"


@dataclass(frozen=True, slots=True)
class SeedReport:
    """What is in a set of marked sentences.

    Attributes:
        codebook: name and version of the codebook that the sentences were checked against.
        files: file name -> sentences in it, in the order read.
        sentences, groups: how many in all. A group is kept together when the set is split.
        unmarked: sentences that carry no mark at all.
        kinds: kind -> sentences, every kind named.
        tasks: task -> value -> marks or sentences, every value named.
        frames: label -> voice -> mentions, every label and voice named, in codebook order; ``""`` where there are no
            voices.
        frame_sentences: label -> sentences that carry it.
        hedges: hedge kind -> cues, every kind of the codebook named.
        hedged: sentences with a cue of a kind that makes a sentence hedged.
        sources: marked sources.
        problems: lines that cannot be used; a set with any is not fit for training.
        warnings: lines that can be used and look like slips.
    """

    codebook: str
    files: Mapping[str, int]
    sentences: int
    groups: int
    unmarked: int
    kinds: Mapping[str, int]
    frames: Mapping[str, Mapping[str, int]]
    frame_sentences: Mapping[str, int]
    hedges: Mapping[str, int]
    hedged: int
    sources: int
    tasks: Mapping[str, Mapping[str, int]]
    problems: tuple[Rejected, ...]
    warnings: tuple[Rejected, ...]

    @property
    def mentions(self) -> int:
        """Frame mentions in all."""
        return sum(sum(voices.values()) for voices in self.frames.values())

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready types."""
        return {**asdict(self), "mentions": self.mentions}

    def to_markdown(self) -> str:
        """The counts as Markdown tables, for a datasheet."""
        totals = [
            ("sentences", self.sentences),
            ("groups", self.groups),
            ("sentences without any mark", self.unmarked),
            ("hedged sentences", self.hedged),
            ("frame mentions", self.mentions),
            ("hedge cues", sum(self.hedges.values())),
            ("sources", self.sources),
        ]
        voices = [voice for voice in next(iter(self.frames.values()), {}) if voice]
        frames: list[tuple[str | int, ...]] = [
            (label, self.frame_sentences[label], sum(by_voice.values()), *(by_voice[voice] for voice in voices))
            for label, by_voice in self.frames.items()
        ]
        return "\n\n".join(
            [
                f"Checked against the codebook {self.codebook}.",
                _markdown_table(("what", "count"), totals),
                _markdown_table(("kind", "sentences"), self.kinds.items()),
                _markdown_table(("frame", "sentences", "mentions", *voices), frames),
                _markdown_table(("hedge", "cues"), self.hedges.items()),
                *(_markdown_table((task, "count"), counts.items()) for task, counts in self.tasks.items()),
                _markdown_table(("file", "sentences"), self.files.items()),
            ]
        )


def check(paths: Sequence[str | Path], codebook: Codebook | None = None) -> SeedReport:
    """Read files of marked sentences, find what is wrong with them, and count what is in them.

    A line is a problem if its markup is broken, it has another number of columns, its kind, a label, a voice or a
    hedge kind is unknown, or its sentence (without marks) has been there before. A mark that begins or ends with
    white space, a sentence that does, and a group that turns up in a second file are warned about.

    Args:
        paths: files, or folders whose ``*.tsv`` are read in the order of their names.
        codebook: what the labels must be of; the built-in codebook if ``None``.

    Raises:
        InputError: there are no files.
        UnreadableFileError: a path does not exist, or a file is not UTF-8.
    """
    codebook = codebook or Codebook.default()
    tally = _Tally(codebook)
    for path in _files(paths):
        tally.add_file(path)
    return tally.report()


def _files(paths: Sequence[str | Path]) -> list[Path]:
    found = expand([str(path) for path in paths])
    files = [Path(file.path) for file in found if file.is_named or file.format == "tsv"]
    if not files:
        raise InputError(
            "no files to check in " + (", ".join(map(str, paths)) or "an empty list of paths"),
            expected="files of marked sentences, or folders with *.tsv in them",
        )
    return files


class _Tally:
    """The counts, as they grow."""

    def __init__(self, codebook: Codebook) -> None:
        self.codebook = codebook
        self.files: dict[str, int] = {}
        self.kinds: Counter[str] = Counter()
        self.tags: Counter[tuple[str, str]] = Counter()
        self.answers: Counter[tuple[str, str]] = Counter()
        self.sentences_with: Counter[str] = Counter()
        self.sentences = self.hedged = self.unmarked = 0
        self.seen: dict[str, MarkedRow] = {}
        self.group_files: dict[str, Path] = {}
        self.problems: list[Rejected] = []
        self.warnings: list[Rejected] = []

    def add_file(self, path: Path) -> None:
        before = self.sentences
        for row in read_rows(path, self.codebook, on_reject=self.problems.append):
            if self.is_new(row):
                self.count(row)
                self.look_for_slips(row, path)
        self.files[path.name] = self.files.get(path.name, 0) + self.sentences - before

    def is_new(self, row: MarkedRow) -> bool:
        first = self.seen.setdefault(row.sentence.text, row)
        if first is row:
            return True
        marks = "the same marks" if first.sentence == row.sentence else "other marks"
        reason = f"the sentence is a duplicate of {first.where}, with {marks}; expected each sentence once"
        self.problems.append(Rejected(row.where or "", reason, write(row.sentence)[:200]))
        return False

    def count(self, row: MarkedRow) -> None:
        self.sentences += 1
        self.kinds[row.kind or ""] += 1
        self.answers.update((task, value) for task, answer in row.answers.items() for value in answer.split("+"))
        tags = [tag for span in row.sentence.spans for tag in span.tags]
        self.tags.update((tag.output, tag.voice or "") for tag in tags)
        self.answers.update((tag.task, tag.name) for tag in tags if tag.task)
        self.answers.update(answer for tag in tags for answer in tag.answers)
        self.sentences_with.update({tag.output for tag in tags})
        self.unmarked += not tags
        self.hedged += any(tag.layer == "hedge" and tag.name in self.codebook.hedging_kinds for tag in tags)

    def look_for_slips(self, row: MarkedRow, path: Path) -> None:
        sentence = row.sentence
        for words in (sentence.text, *(span.text for span in sentence.spans)):
            if words != words.strip():
                what = "the sentence" if words is sentence.text else "a mark"
                self.warn(row, f"{what} begins or ends with white space", words)
        first = self.group_files.setdefault(row.group, path)
        if first != path:
            self.warn(row, f"the group {row.group!r} is in {first.name} too", write(sentence))

    def warn(self, row: MarkedRow, reason: str, value: str) -> None:
        self.warnings.append(Rejected(row.where or "", reason, value[:200]))

    def report(self) -> SeedReport:
        labels = self.codebook.label_names
        return SeedReport(
            codebook=f"{self.codebook.name}, version {self.codebook.version}",
            files=self.files,
            sentences=self.sentences,
            groups=len(self.group_files),
            unmarked=self.unmarked,
            kinds={kind: self.kinds[kind] for kind in self.codebook.kinds},
            frames={
                label: {voice: self.tags[label, voice] for voice in self.codebook.voices or ("",)} for label in labels
            },
            frame_sentences={label: self.sentences_with[label] for label in labels},
            hedges={kind: self.tags[f"{HEDGE}.{kind}", ""] for kind in self.codebook.hedge_kinds},
            hedged=self.hedged,
            sources=self.tags[SOURCE, ""],
            tasks={t.name: {value: self.answers[t.name, value] for value in t.names} for t in self.codebook.tasks},
            problems=tuple(self.problems),
            warnings=tuple(self.warnings),
        )


def write_datasheet(path: str | Path, report: SeedReport) -> bool:
    """Put a report's counts between a datasheet's markers; the rest of the file stays as it is.

    Args:
        path: the datasheet, a Markdown file with both marker comments in it.
        report: the counts.

    Returns:
        Whether the file changed.

    Raises:
        UnreadableFileError: there is no such file, or it has no markers.
        OutputError: it cannot be written.
    """
    if datasheet_is_current(path, report):
        return False
    write_whole(path, _with_counts(_read_datasheet(Path(path)), report, Path(path)))
    return True


def datasheet_is_current(path: str | Path, report: SeedReport) -> bool:
    """Whether the counts between a datasheet's markers are those of the report.

    Raises:
        UnreadableFileError: there is no such file, or it has no markers.
    """
    text = _read_datasheet(Path(path))
    return text == _with_counts(text, report, Path(path))


def _read_datasheet(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"{path} cannot be read: {error}", expected="a datasheet in Markdown") from error


def _with_counts(text: str, report: SeedReport, path: Path) -> str:
    head, begin, rest = text.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        raise UnreadableFileError(
            f"{path} has no place for the counts",
            expected=f"the lines {_BEGIN!r} and {_END!r}",
            hint="put both lines where the counts should stand",
        )
    return f"{head}{_BEGIN}\n\n{report.to_markdown()}\n\n{_END}{tail}"


def _markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    lines = [tuple(headings), ("---", *("---:" for _ in headings[1:])), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(value: str | int) -> str:
    return f"{value:,}" if isinstance(value, int) else value
