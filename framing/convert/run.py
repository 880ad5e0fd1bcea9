"""From one format to another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from framing.codebook import Codebook
from framing.convert.formats import STANDARD, Options, format_named, format_of_input, format_of_output
from framing.convert.names import FoundNames, Names
from framing.convert.notes import Notes
from framing.convert.passages import Passage, cut
from framing.errors import InputError, SettingError
from framing.files import write_whole
from framing.reading.files import refuse_output_among
from framing.types import Rejected


@dataclass(frozen=True, slots=True)
class Converted:
    """What came of a conversion.

    Attributes:
        source, target: names of the formats.
        passages, spans, labels: that were written.
        set_aside: passages and rows that were not.
        lost: what the target cannot hold, or what was not read of the source -> how often.
        renamed: labels that were written by another name: as they were -> as they are.
        codebook: the codebook by which was converted, or of what was found.
    """

    source: str
    target: str
    passages: int
    spans: int
    labels: int
    set_aside: int
    lost: Mapping[str, int]
    renamed: Mapping[str, str]
    codebook: Codebook | None


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    from_format: str | None = None,
    to_format: str | None = None,
    codebook: Codebook | None = None,
    write_codebook: str | Path | None = None,
    labels_as_is: bool = False,
    voice: str | None = None,
    kind: str | None = None,
    task: str | None = None,
    cut_sentences: bool = False,
    language: str = "en",
    options: Options | None = None,
    on_reject: Callable[[Rejected], None] | None = None,
) -> Converted:
    """Convert annotated text.

    Args:
        source: a file or a folder; ``-`` for standard input.
        target: a file or a folder; ``-`` for standard output. It gets its name when it is complete.
        from_format, to_format: names of :data:`~framing.convert.formats.FORMATS`. Without them, the source is
            recognised by its content, and the target by its ending.
        codebook: must know all names; any name if ``None``.
        write_codebook: a YAML file for a codebook with the names that were found, for editing.
        labels_as_is: keep names that the codebook lacks.
        voice, kind: of mentions and texts that have none.
        task: labels of a text that name no task are answers of this one.
        cut_sentences: cut texts into sentences, each a passage.
        language: BCP 47 tag by whose rules they are cut where there is no codebook.
        options: how files are read and written, where their formats leave a choice.
        on_reject: is told of every passage that is set aside; if ``None``, the first one ends the conversion.

    Raises:
        SettingError: a format is not known, or cannot be written.
        InputError: the source cannot be read, a passage cannot be used and there is no ``on_reject``, or none can.
        OutputError: the target cannot be written, or is among what is read.
        MissingExtraError: the format needs a package that is not installed.
        CodebookError: no codebook can be made of the names that were found.
    """
    source, target = os.fspath(source), os.fspath(target)
    reading = format_named(from_format) if from_format else format_of_input(source)
    writing = format_named(to_format) if to_format else format_of_output(target)
    if source == STANDARD and reading.writes in ("folder", "either"):
        raise SettingError(f"{reading.name} cannot come from standard input", expected="the name of a file or a folder")
    if target == STANDARD and writing.writes != "file":
        raise SettingError(f"{writing.name} cannot go to standard output", expected="the name of a folder")
    refuse_output_among((target, write_codebook), (source,))
    notes = Notes(on_reject)
    names = Names(codebook, as_is=labels_as_is, voice=voice, kind=kind, task=task, language=language)
    options = options or Options()
    found = FoundNames(names) if write_codebook else None
    run = _Run(names, notes, found, cut_sentences)
    passages = run.through(reading(options, names, notes).read(source))
    first = next(passages, None)
    if first is None:
        raise InputError(f"there is nothing in {source} that can be converted", expected="at least one passage")
    writing(options, names, notes).write(_chained(first, passages), target)
    new = None
    if found is not None and write_codebook:
        new = found.codebook("my_codebook")
        write_whole(write_codebook, new.to_yaml())
    lost, renamed = dict(notes.lost), names.renamed
    return Converted(
        reading.name,
        writing.name,
        notes.passages,
        notes.spans,
        notes.labels,
        notes.rejected,
        lost,
        renamed,
        new or codebook,
    )


def _chained(first: Passage, others: Iterator[Passage]) -> Iterator[Passage]:
    yield first
    yield from others


class _Run:
    """What happens to every passage between reading and writing."""

    def __init__(self, names: Names, notes: Notes, found: FoundNames | None, cuts: bool) -> None:
        self._names = names
        self._notes = notes
        self._found = found
        self._cuts = cuts

    def through(self, passages: Iterator[Passage]) -> Iterator[Passage]:
        for passage in passages:
            ready: list[Passage] = []
            with self._notes.setting_aside(passage.where, passage.text):
                checked = self._names.checked(passage)
                if self._found is not None:
                    self._found.add(checked)
                ready = list(cut(checked, self._names.language, self._notes)) if self._cuts else [checked]
            yield from ready
