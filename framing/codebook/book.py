"""What a codebook holds: which labels there are, what each means, and which of them are rivals for the same thing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml

from framing.codebook.heads import KIND, LABELS, VOICE, Head, Heads
from framing.errors import CodebookError, did_you_mean

Axis = Literal["actor", "event"]
Role = Literal["own", "cited", "quoted", "other"]
TaskScope = Literal["sentence", "mention", "span"]
Choose = Literal["one", "many"]

#: The output that marks who is cited, beside the labels and the hedge kinds.
SOURCE = "source"
#: The prefix of a hedge kind among the outputs and in markup.
HEDGE = "hedge"


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a codebook that has a name."""

    name: str

    def to_dict(self) -> dict[str, Any]:
        """The part, less its name, as YAML-ready types, without the keys that are empty."""
        parts = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name != "name"}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in parts.items() if v not in ("", (), None)}


@dataclass(frozen=True, slots=True)
class Label(_Part):
    """One naming choice.

    Attributes:
        name: a lower-case identifier, unique in the codebook.
        axis: whether it names who acts or what happened; ``None`` where a codebook does not tell them apart.
        definition: what the label means; empty where a codebook gives names only.
        typical: words that usually carry it.
        not_this: near misses, which look like it and are not.
        rulings: decisions on hard cases.
        examples: sentences in inline markup (see `framing.markup`).
    """

    axis: Axis | None = None
    definition: str = ""
    typical: tuple[str, ...] = ()
    not_this: tuple[str, ...] = ()
    rulings: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contrast(_Part):
    """Rival labels for the same referent: a text that uses one of them could have used another.

    Attributes:
        name: unique in the codebook.
        labels: two or more label names.
        referent: what they all name.
    """

    labels: tuple[str, ...]
    referent: str = ""


@dataclass(frozen=True, slots=True)
class Guide(_Part):
    """How to annotate something that has a name: a source, a value of a task.

    Attributes:
        name: of what is annotated.
        definition: when it holds.
        cues: words that usually carry it.
        not_this: near misses.
        rulings: decisions on hard cases.
    """

    definition: str = ""
    cues: tuple[str, ...] = ()
    not_this: tuple[str, ...] = ()
    rulings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HedgeGuide(Guide):
    """A kind of hedge.

    Attributes:
        hedged: a cue of this kind makes its sentence a *hedged* one.
    """

    hedged: bool = True


@dataclass(frozen=True, slots=True)
class VoiceGuide(Guide):
    """A voice.

    Attributes:
        role: what the tool does with it. ``own``: the outlet's own word, for which no source is looked for;
            ``cited``: the word of a cited source; ``quoted``: it stands inside quotation marks; ``other``: none of
            these. A source is looked for in every role but ``own``.
    """

    role: Role = "other"


@dataclass(frozen=True, slots=True)
class KindGuide(Guide):
    """What a sentence can be on its page.

    Attributes:
        outlet: sentences of this kind carry the outlet's own words, and count as such.
    """

    outlet: bool = True


@dataclass(frozen=True, slots=True)
class Task(_Part):
    """Something that a codebook wants to know beside frames, hedges, sources, voices and kinds.

    Attributes:
        name: a lower-case identifier; also the key of the record.
        definition: what is asked.
        scope: ``sentence``: of a whole sentence; ``mention``: of each mention of a frame; ``span``: of words that are
            marked for it.
        choose: ``one`` of the values, or ``many`` (none, one or several).
        values: what can be said.
    """

    definition: str = ""
    scope: TaskScope = "sentence"
    choose: Choose = "one"
    values: tuple[Guide, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the values, in order."""
        return tuple(value.name for value in self.values)

    @property
    def head(self) -> Head:
        """What a model needs for it."""
        return Head(
            self.name,
            "sentence" if self.scope == "sentence" else "token",
            self.names,
            "softmax" if self.choose == "one" else "sigmoid",
        )

    def to_dict(self) -> dict[str, Any]:
        """The task, less its name, as YAML-ready types."""
        return {**_Part.to_dict(self), "values": _by_name(self.values)}


@dataclass(frozen=True)
class Codebook:
    """A versioned list of labels, with all that an annotator or a model needs to know of them.

    Make one with `Codebook.load`, `Codebook.from_yaml` or `Codebook.from_dict`: they check the form.

    Attributes:
        name: what the codebook is called; for a file that does not say, its stem.
        version: as written, ``"1"`` by default. Raise it when labels change.
        title: for people.
        language: BCP 47 tag of the text it is meant for; sentences are cut by its rules.
        labels: in the order of the model's label logits; a codebook with tasks may have none.
        contrasts: sets of rival labels.
        hedge_guides: the kinds of hedges, in the order of the model's logits; may be none.
        voice_guides: the voices, in the order of the model's logits; may be none. An annotator tries them from the
            last to the first and takes the first that holds.
        source_guide: what to mark as a source; ``None``: nothing.
        kind_guides: what a sentence can be on its page, in the order of the model's logits; may be none.
        tasks: what else is asked.
        evidence: rules on how much to mark.
    """

    name: str
    labels: tuple[Label, ...] = ()
    version: str = "1"
    title: str = ""
    language: str = "en"
    contrasts: tuple[Contrast, ...] = ()
    hedge_guides: tuple[HedgeGuide, ...] = ()
    voice_guides: tuple[VoiceGuide, ...] = ()
    source_guide: Guide | None = None
    kind_guides: tuple[KindGuide, ...] = ()
    tasks: tuple[Task, ...] = ()
    evidence: tuple[str, ...] = field(default=())

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels, in order."""
        return tuple(label.name for label in self.labels)

    @cached_property
    def hedge_kinds(self) -> tuple[str, ...]:
        """The names of the hedge kinds, in order."""
        return tuple(guide.name for guide in self.hedge_guides)

    @cached_property
    def hedging_kinds(self) -> frozenset[str]:
        """The hedge kinds that make a sentence hedged."""
        return frozenset(guide.name for guide in self.hedge_guides if guide.hedged)

    @cached_property
    def voices(self) -> tuple[str, ...]:
        """The names of the voices, in order."""
        return tuple(guide.name for guide in self.voice_guides)

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The names of the kinds of sentences, in order."""
        return tuple(guide.name for guide in self.kind_guides)

    @cached_property
    def outlet_kinds(self) -> frozenset[str]:
        """The kinds of sentences that carry the outlet's own words."""
        return frozenset(guide.name for guide in self.kind_guides if guide.outlet)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """What can be marked in a sentence, in the order of the label logits: labels, ``hedge.<kind>``, ``source``."""
        hedges = (f"{HEDGE}.{kind}" for kind in self.hedge_kinds)
        return (*self.label_names, *hedges, *((SOURCE,) if self.source_guide else ()))

    @cached_property
    def heads(self) -> Heads:
        """What a model of this codebook must say, in order."""
        sections = (
            (LABELS, "token", self.outputs, "sigmoid"),
            (VOICE, "token", self.voices if self.labels else (), "softmax"),
            (KIND, "sentence", self.kinds, "softmax"),
        )
        heads = [Head(name, scope, names, by) for name, scope, names, by in sections if names]  # type: ignore[arg-type]
        return Heads((*heads, *(task.head for task in self.tasks)))

    @cached_property
    def probability_names(self) -> tuple[str, ...]:
        """The keys of a record's ``probabilities``: the outputs, and ``<task>.<value>`` of sentences' tasks."""
        asked = (task for task in self.tasks if task.scope != "mention")
        return (*self.outputs, *(f"{task.name}.{value}" for task in asked for value in task.names))

    def voices_of_role(self, *roles: Role) -> tuple[str, ...]:
        """The voices that have one of these roles, in order."""
        return tuple(guide.name for guide in self.voice_guides if guide.role in roles)

    def tasks_of(self, scope: TaskScope) -> tuple[Task, ...]:
        """The tasks of a scope, in order."""
        return tuple(task for task in self.tasks if task.scope == scope)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) of what a model's logits depend on.

        That is the name, the version, and the names of labels, hedge kinds, voices, kinds, source and tasks, in order,
        as JSON without white space. Definitions, examples and contrasts are left out: mending a comma in them must not
        turn every checkpoint away. A change of meaning is told by raising the version. Kinds, source and tasks are
        named only where they are not the built-in codebook's, so that fingerprints of framing 0.1 stay.
        """
        content: dict[str, Any] = {
            "name": self.name,
            "version": self.version,
            "labels": self.label_names,
            "hedge_kinds": self.hedge_kinds,
            "voices": self.voices,
        }
        if self.kinds != ("headline", "caption", "body", "comment", "boilerplate"):
            content["kinds"] = self.kinds
        if self.source_guide is None:
            content["source"] = False
        if self.tasks:
            content["tasks"] = [task.head.to_dict() for task in self.tasks]
        canonical = json.dumps(content, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()

    def output_index(self, name: str) -> int:
        """The place of an output among the model's label logits.

        Args:
            name: a label, ``hedge.<kind>`` or ``source``.

        Raises:
            CodebookError: the codebook has no such output.
        """
        return self.outputs.index(self._known(name, self.outputs, "output"))

    def label(self, name: str) -> Label:
        """The label of that name.

        Raises:
            CodebookError: the codebook has no such label.
        """
        return self.labels[self.label_names.index(self._known(name, self.label_names, "label"))]

    def contrast(self, name: str) -> Contrast:
        """The contrast of that name.

        Raises:
            CodebookError: the codebook has no such contrast.
        """
        names = tuple(contrast.name for contrast in self.contrasts)
        return self.contrasts[names.index(self._known(name, names, "contrast"))]

    def _known(self, name: str, names: tuple[str, ...], what: str) -> str:
        if name in names:
            return name
        raise CodebookError(
            f"codebook {self.name!r} has no {what} {name!r}",
            expected="one of " + (", ".join(names) or "none at all"),
            hint=did_you_mean(name, names),
        )

    @classmethod
    def default(cls) -> Codebook:
        """The built-in codebook ``armed_conflict``."""
        from framing.codebook.form import DEFAULT_NAME, built_in

        return built_in(DEFAULT_NAME)

    @classmethod
    def load(cls, path_or_name: str | Path) -> Codebook:
        """Read a codebook.

        Args:
            path_or_name: the name of a built-in codebook, or the path of a YAML file.

        Raises:
            CodebookError: there is no such file, or it does not follow the form.
        """
        from framing.codebook import form

        return form.load(path_or_name)

    @classmethod
    def from_yaml(cls, text: str, *, where: str = "codebook", default_name: str = "codebook") -> Codebook:
        """Read a codebook from YAML text.

        Args:
            text: the YAML.
            where: what error messages call the text, usually its path.
            default_name: the codebook's name if the text gives none.

        Raises:
            CodebookError: the text is no YAML, or does not follow the form.
        """
        from framing.codebook import form

        return form.from_yaml(text, where=where, default_name=default_name)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, where: str = "codebook") -> Codebook:
        """Read a codebook from a dictionary of the YAML file's form; the reverse of `to_dict`.

        Args:
            data: the dictionary.
            where: what error messages call it.

        Raises:
            CodebookError: the dictionary does not follow the form.
        """
        from framing.codebook import form

        return form.from_dict(data, where=where)

    def to_dict(self) -> dict[str, Any]:
        """The codebook as YAML-ready types; complete, so that it does not depend on the built-in one's defaults."""
        return {
            "name": self.name,
            "version": self.version,
            **({"title": self.title} if self.title else {}),
            "language": self.language,
            "labels": [{"name": label.name, **label.to_dict()} for label in self.labels],
            "contrasts": _by_name(self.contrasts),
            "hedges": _by_name(self.hedge_guides),
            "voices": _by_name(self.voice_guides),
            "source": None if self.source_guide is None else self.source_guide.to_dict(),
            "kinds": _by_name(self.kind_guides),
            **({"tasks": _by_name(self.tasks)} if self.tasks else {}),
            "evidence": list(self.evidence),
        }

    def outline(self) -> dict[str, Any]:
        """The codebook without what is said to annotators: names, contrasts and flags; `from_dict` reads it."""
        flags = (
            ("hedges", self.hedge_guides, "hedged"),
            ("voices", self.voice_guides, "role"),
            ("kinds", self.kind_guides, "outlet"),
        )
        sections = {key: {guide.name: {flag: getattr(guide, flag)} for guide in guides} for key, guides, flag in flags}
        tasks = {t.name: {"scope": t.scope, "choose": t.choose, "values": list(t.names)} for t in self.tasks}
        return {
            "name": self.name,
            "version": self.version,
            "language": self.language,
            "labels": [{"name": label.name, **({"axis": label.axis} if label.axis else {})} for label in self.labels],
            "contrasts": _by_name(self.contrasts),
            **sections,
            "source": None if self.source_guide is None else {},
            **({"tasks": tasks} if tasks else {}),
            "evidence": [],
        }

    def to_yaml(self) -> str:
        """The codebook as YAML; `from_yaml` gives it back."""
        return str(yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True, width=120))


def _by_name(parts: Iterable[_Part]) -> dict[str, Any]:
    return {part.name: part.to_dict() for part in parts}
