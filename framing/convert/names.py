"""Names of labels: checked against a codebook, made into tags, and gathered into a codebook for editing."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from framing.codebook import HEDGE, KIND, SOURCE, Codebook, Label
from framing.convert.notes import Notes
from framing.convert.passages import NamedLabel, Passage
from framing.errors import InputError, MarkupError, SettingError, did_you_mean
from framing.markup import Tag

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LACKING = "add it to the codebook, correct it, or keep such names with --labels-as-is"
#: What is said of sentences whose labels have no place in a row.
_WITHOUT_WORDS = "labels of texts without words that carry them (--task NAME makes them answers)"


@dataclass(slots=True)
class Names:
    """What is done with names that come from another tool.

    Attributes:
        codebook: must know every name; any name if ``None``.
        as_is: names that the codebook lacks are kept as they are.
        voice: of mentions that have none.
        kind: of texts that have none.
        task: a text's labels that name no task answer this one.
        language: of the texts where there is no codebook, as a BCP 47 tag.

    Raises:
        SettingError: the codebook lacks the voice, the kind or the task.
    """

    codebook: Codebook | None = None
    as_is: bool = False
    voice: str | None = None
    kind: str | None = None
    task: str | None = None
    language: str = "en"
    _spans: dict[str, str] = field(default_factory=dict)
    _labels: dict[str, str] = field(default_factory=dict)
    _tags: dict[str, Tag] = field(default_factory=dict)
    _identifiers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        book = self.codebook or Codebook.default()
        tasks = [task.name for task in self.codebook.tasks_of("sentence")] if self.codebook else None
        for what, name, known in (
            ("voice", self.voice, book.voices),
            ("kind", self.kind, book.kinds),
            ("task", self.task, tasks),
        ):
            if name is not None and known is not None and name not in known:
                raise SettingError(
                    f"the codebook has no {what} {name!r}",
                    expected="one of " + (", ".join(known) or "none at all"),
                    hint=did_you_mean(name, known),
                )
        if self.codebook:
            self.language = self.codebook.language

    def checked(self, passage: Passage) -> Passage:
        """The passage with its names as the codebook has them.

        Raises:
            InputError: the codebook lacks a name.
        """
        spans = tuple(replace(span, name=self._span(span.name)) for span in passage.spans)
        labels = tuple(replace(label, name=self._label(label.name)) for label in passage.labels)
        return replace(passage, spans=spans, labels=labels)

    def _span(self, name: str) -> str:
        if name not in self._spans:
            self._spans[name] = self._checked_span(name)
        return self._spans[name]

    def _checked_span(self, name: str) -> str:
        if self.codebook is None:
            return name
        problem = _problem(name, self.codebook)
        if problem is None:
            return name
        first, *others = name.split(".")
        is_frame = first in self.codebook.label_names and all("=" in other for other in others)
        if self.voice and is_frame:
            return ".".join((first, self.voice, *others))
        if self.as_is or is_frame:
            return name
        raise InputError(
            f"the codebook has no {name!r}: {problem.message}",
            expected=problem.expected,
            hint="; ".join(filter(None, (problem.hint, _LACKING))),
        )

    def _label(self, name: str) -> str:
        if name not in self._labels:
            self._labels[name] = self._checked_label(name)
        return self._labels[name]

    def _checked_label(self, name: str) -> str:
        if self.task and "=" not in name:
            name = f"{self.task}={name}"
        book = self.codebook
        if book is None:
            return name
        tasks = {KIND: book.kinds} if book.kinds else {}
        tasks |= {task.name: task.names + ("",) * (task.choose == "many") for task in book.tasks_of("sentence")}
        task, has_value, value = name.partition("=")
        if task in tasks and value in tasks[task] and has_value:
            return name
        bare = value if has_value and task not in tasks else name
        if bare in book.outputs or _problem(bare, book) is None:
            return bare
        of_tasks = [task for task, values in tasks.items() if bare and bare in values]
        if len(of_tasks) == 1:
            return f"{of_tasks[0]}={bare}"
        if self.as_is:
            return name
        known = [*book.outputs, *(f"{task}={value}" for task, values in tasks.items() for value in values)]
        raise InputError(
            f"the codebook has no label {name!r} for a text",
            expected="one of " + ", ".join(known),
            hint="; ".join(filter(None, (did_you_mean(name, known), _LACKING))),
        )

    @property
    def tag_voices(self) -> tuple[str, ...]:
        """What is a voice behind the dot of a name: the codebook's, or the built-in one's where there is none."""
        return (self.codebook or Codebook.default()).voices

    # Tags of markup.

    def tag(self, name: str) -> Tag:
        """The tag that a span's name stands for.

        Without a codebook, what follows a dot is a voice where the built-in codebook has that voice; all else is the
        name of a label, written as an identifier (``"Lone Wolf"`` is ``lone_wolf``).

        Raises:
            InputError: the name stands for no tag.
        """
        if name not in self._tags:
            self._tags[name] = self._made_tag(name)
        return self._tags[name]

    def _made_tag(self, name: str) -> Tag:
        if self.codebook is None:
            return self._inferred_tag(name)
        if problem := _problem(name, self.codebook):
            raise InputError(
                f"{name!r} cannot be written as markup: {problem.message}",
                expected=problem.expected,
                hint="--voice NAME gives a voice to mentions that have none"
                if name in self.codebook.label_names
                else _LACKING,
            )
        return Tag.parse(name, self.codebook)

    def _inferred_tag(self, name: str) -> Tag:
        book = Codebook.default()
        first, *others = name.split(".")
        if name == SOURCE:
            return Tag("source", SOURCE)
        if first == HEDGE and len(others) == 1:
            return Tag("hedge", self.identifier(others[0]))
        voice = others.pop(0) if others and others[0] in book.voices else None
        if any("=" not in other for other in others):
            return Tag("frame", self.identifier(name), self.voice)
        answers = tuple(tuple(map(self.identifier, other.split("=", 1))) for other in others)
        return Tag("frame", self.identifier(first), voice or self.voice, answers=answers)  # type: ignore[arg-type]

    def identifier(self, name: str) -> str:
        """The name in lower-case letters, digits and ``_``, beginning with a letter, as codebooks have names.

        Raises:
            InputError: nothing is left of it, or another name becomes the same.
        """
        written = name
        if not _NAME.fullmatch(name):
            written = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_").lstrip("0123456789_")
        if written in (SOURCE, HEDGE):
            written += "_label"  # no label may have a name of these
        if not written:
            raise InputError(f"no name can be made of the label {name!r}", expected="a label with letters a-z in it")
        other = self._identifiers.setdefault(written, name)
        if other != name:
            raise InputError(
                f"the labels {other!r} and {name!r} would both be called {written!r}",
                expected="labels that differ in letters and digits",
                hint="rename one of them in the input",
            )
        return written

    @property
    def renamed(self) -> dict[str, str]:
        """Names that were written otherwise: as they were -> as they are."""
        return {name: written for written, name in self._identifiers.items() if name != written}

    def about(
        self, labels: Iterable[NamedLabel], marked: Collection[str], notes: Notes
    ) -> tuple[str | None, dict[str, str]]:
        """The kind and the answers of a row.

        Args:
            labels: of the passage.
            marked: labels of the codebook that words of the passage carry.
            notes: are told of labels that have no place in a row.

        Raises:
            InputError: several kinds, or none where there must be one; a value that the task does not have.
        """
        kind = None
        answers: dict[str, list[str]] = {}
        for label in labels:
            task, has_value, value = label.name.partition("=")
            if has_value and self.codebook is None and task != KIND:
                task, value = self.identifier(task), value and self.identifier(value)
            if not has_value:
                if label.name.split(".")[0] not in marked:
                    notes.lose(_WITHOUT_WORDS)
            elif task == KIND:
                if kind is not None and kind != value:
                    raise InputError(f"the kinds {kind!r} and {value!r} for one text", expected="one kind")
                kind = value
            else:
                answers.setdefault(task, []).append(value)
        if kind is None and self.codebook and self.codebook.kinds and self.kind is None:
            raise InputError(
                "the text has no kind, and the codebook has kinds",
                expected="one of " + ", ".join(self.codebook.kinds),
                hint="--kind NAME gives one to texts that have none",
            )
        return kind or self.kind, {task: "+".join(filter(None, values)) for task, values in answers.items()}


def _problem(name: str, codebook: Codebook) -> MarkupError | None:
    try:
        Tag.parse(name, codebook)
    except MarkupError as error:
        return error
    return None


# --- a codebook of what was found -------------------------------------------------------------------------------------


@dataclass(slots=True)
class FoundNames:
    """The names that were met, in the order in which they were met, for a codebook to begin with."""

    names: Names
    labels: dict[str, None] = field(default_factory=dict)
    voices: bool = False
    hedges: dict[str, None] = field(default_factory=dict)
    has_source: bool = False
    kinds: dict[str, None] = field(default_factory=dict)
    tasks: dict[str, dict[str, None]] = field(default_factory=dict)
    many: set[str] = field(default_factory=set)
    mention_tasks: dict[str, dict[str, None]] = field(default_factory=dict)

    def add(self, passage: Passage) -> None:
        """Note the names of a passage.

        Raises:
            InputError: one of them can be no name of a codebook.
        """
        for span in passage.spans:
            self._add_tag(self.names.tag(span.name))
        given: dict[str, int] = {}
        for label in passage.labels:
            task, has_value, value = label.name.partition("=")
            if not has_value:
                self._add_tag(self.names.tag(task))
            elif task == KIND:
                self.kinds[value] = None
            else:
                task = self.names.identifier(task)
                given[task] = given.get(task, 0) + 1
                values = self.tasks.setdefault(task, {})
                if value:
                    values[self.names.identifier(value)] = None
                if given[task] > 1 or not value:
                    self.many.add(task)

    def _add_tag(self, tag: Tag) -> None:
        if tag.layer == "source":
            self.has_source = True
        elif tag.layer == "hedge":
            self.hedges[tag.name] = None
        elif tag.layer == "frame":
            self.labels[tag.name] = None
            self.voices = self.voices or tag.voice is not None
            for task, value in tag.answers:
                self.mention_tasks.setdefault(task, {})[value] = None
        elif tag.task:
            self.tasks.setdefault(tag.task, {})[tag.name] = None

    def codebook(self, name: str) -> Codebook:
        """A codebook with these names, whose definitions are to be written.

        What the built-in codebook knows too (voices, kinds of hedges and of sentences, sources) is taken from there
        with its definition. If there was a codebook, it is that one, and the labels that it lacks follow its own.

        Args:
            name: of the codebook.

        Raises:
            CodebookError: names clash, or a task has one value only and asks to choose among several.
        """
        if (book := self.names.codebook) is not None:
            new = tuple(Label(label) for label in self.labels if label not in book.label_names)
            return replace(book, labels=(*book.labels, *new))
        built_in = Codebook.default().to_dict()
        content: dict[str, Any] = {"name": name, "language": self.names.language, "labels": list(self.labels)}
        for section, found in (("hedges", self.hedges), ("kinds", self.kinds)):
            content[section] = {one: built_in[section].get(one, {}) for one in found} or None
        content["voices"] = built_in["voices"] if self.voices else None
        content["source"] = built_in["source"] if self.has_source else None
        content["evidence"] = []
        tasks: dict[str, Any] = {}
        for task, values in self.tasks.items():
            choose = "many" if task in self.many or len(values) < 2 else "one"
            tasks[task] = {"scope": "sentence", "choose": choose, "values": list(values)}
        for task, values in self.mention_tasks.items():
            # Who chooses one has to have two to choose from; the second is for the user to name.
            several = values if len(values) > 1 else {**values, "other": None}
            tasks[task] = {"scope": "mention", "values": list(several)}
        if tasks:
            content["tasks"] = tasks
        return Codebook.from_dict(content, where="the codebook of what was found")
