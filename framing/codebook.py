"""The codebook: which labels there are, what each means, and which of them are rivals for the same thing.

A codebook is a YAML file. The built-in one, ``armed_conflict``, is data in ``framing/codebooks/``; a user's own has
the same form and needs no more than its labels::

    labels:
      - protesters
      - name: rioters
        definition: people in the street, named as a violent mob

Every mistake in a file is a `CodebookError` that names the file, the line, the key, what was found and what was
expected. Files are composed to YAML nodes and never constructed to objects, so no tag of YAML can run code; aliases
are refused, because nested ones make a small file expand without bound.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NoReturn, cast

import yaml

from framing.errors import CodebookError
from framing.types import HedgeKind, Voice

Axis = Literal["actor", "event"]

#: The codebook that the shipped model was trained on.
DEFAULT_NAME = "armed_conflict"
#: The output that marks who is cited, beside the labels and the hedge kinds.
SOURCE = "source"
#: The prefix of a hedge kind among the outputs and in markup.
HEDGE = "hedge"

_AXES: tuple[str, ...] = ("actor", "event")
_RESERVED_LABELS = {HEDGE, SOURCE}
_LABEL_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CODEBOOK_NAME = re.compile(r"\w[\w.-]*")
# A codebook is written by hand: the built-in one has 40 kB and 4 levels. Beyond these it is another kind of file.
_LARGEST_FILE = 2_000_000
_DEEPEST_NESTING = 12
_YamlLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_CODEBOOK_KEYS = (
    "name",
    "version",
    "title",
    "language",
    "labels",
    "contrasts",
    "hedges",
    "voices",
    "source",
    "evidence",
)
_LABEL_KEYS = ("name", "axis", "definition", "typical", "not_this", "rulings", "examples")
_GUIDE_KEYS = ("definition", "cues", "not_this", "rulings")
_CONTRAST_KEYS = ("labels", "referent")


@dataclass(frozen=True, slots=True)
class Label:
    """One naming choice.

    Attributes:
        name: a lower-case identifier, unique in the codebook.
        axis: whether it names who acts or what happened; ``None`` where a codebook does not tell them apart.
        definition: what the label means; empty where a codebook gives names only.
        typical: words that usually carry it.
        not_this: near misses, which look like it and are not.
        examples: sentences in inline markup (see `framing.markup`).
        rulings: decisions on hard cases.
    """

    name: str
    axis: Axis | None = None
    definition: str = ""
    typical: tuple[str, ...] = ()
    not_this: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    rulings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The label as YAML-ready types, without the keys that are empty."""
        return _without_empty(
            {
                "name": self.name,
                "axis": self.axis,
                "definition": self.definition,
                "typical": list(self.typical),
                "not_this": list(self.not_this),
                "rulings": list(self.rulings),
                "examples": list(self.examples),
            }
        )


@dataclass(frozen=True, slots=True)
class Contrast:
    """Rival labels for the same referent: a text that uses one of them could have used another.

    Attributes:
        name: unique in the codebook.
        labels: two or more label names.
        referent: what they all name.
    """

    name: str
    labels: tuple[str, ...]
    referent: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The contrast, less its name, as YAML-ready types."""
        return _without_empty({"labels": list(self.labels), "referent": self.referent})


@dataclass(frozen=True, slots=True)
class Guide:
    """How to annotate a hedge kind, a voice, or sources.

    Attributes:
        name: the hedge kind, the voice, or ``"source"``.
        definition: when it holds.
        cues: words that usually carry it.
        not_this: near misses.
        rulings: decisions on hard cases.
    """

    name: str
    definition: str = ""
    cues: tuple[str, ...] = ()
    not_this: tuple[str, ...] = ()
    rulings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The guide, less its name, as YAML-ready types."""
        return _without_empty(
            {
                "definition": self.definition,
                "cues": list(self.cues),
                "not_this": list(self.not_this),
                "rulings": list(self.rulings),
            }
        )


@dataclass(frozen=True, slots=True)
class Codebook:
    """A versioned list of labels, with all that an annotator or a model needs to know of them.

    Make one with `Codebook.load`, `Codebook.from_yaml` or `Codebook.from_dict`: they check the form.

    Attributes:
        name: what the codebook is called; for a file that does not say, its stem.
        version: as written, ``"1"`` by default. Raise it when labels change.
        title: for people.
        language: BCP 47 tag of the text it is meant for.
        labels: in the order of the model's label logits.
        contrasts: sets of rival labels.
        hedge_guides: the hedge kinds in use, in the order of the model's logits.
        voice_guides: the four voices, in the order in which to try them: the first that holds is taken.
        source_guide: what to mark as a source.
        evidence: rules on how much to mark.
    """

    name: str
    labels: tuple[Label, ...]
    version: str = "1"
    title: str = ""
    language: str = "en"
    contrasts: tuple[Contrast, ...] = ()
    hedge_guides: tuple[Guide, ...] = ()
    voice_guides: tuple[Guide, ...] = ()
    source_guide: Guide = field(default_factory=lambda: Guide(SOURCE))
    evidence: tuple[str, ...] = ()

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels, in order."""
        return tuple(label.name for label in self.labels)

    @property
    def hedge_kinds(self) -> tuple[str, ...]:
        """The hedge kinds in use, in order; each is a value of `framing.types.HedgeKind`."""
        return tuple(guide.name for guide in self.hedge_guides)

    @property
    def voices(self) -> tuple[str, ...]:
        """The voices in the order of the model's voice logits: that of `framing.types.Voice`, for every codebook."""
        return tuple(str(voice) for voice in Voice)

    @property
    def outputs(self) -> tuple[str, ...]:
        """What the model's label logits stand for, in order: labels, then ``hedge.<kind>``, then ``source``."""
        return (*self.label_names, *(f"{HEDGE}.{kind}" for kind in self.hedge_kinds), SOURCE)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) of what a model's logits depend on.

        That is the name, the version, the labels in order, the hedge kinds in order and the voices in order, as
        JSON without white space. Definitions, examples and contrasts are left out: mending a comma in them must not
        turn every checkpoint away. A change of meaning is told by raising the version.
        """
        content = {
            "name": self.name,
            "version": self.version,
            "labels": self.label_names,
            "hedge_kinds": self.hedge_kinds,
            "voices": self.voices,
        }
        canonical = json.dumps(content, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()

    def output_index(self, name: str) -> int:
        """The place of an output among the model's label logits.

        Args:
            name: a label, ``hedge.<kind>`` or ``source``.

        Raises:
            CodebookError: the codebook has no such output.
        """
        try:
            return self.outputs.index(name)
        except ValueError:
            raise CodebookError(
                f"codebook {self.name!r} has no output {name!r}",
                expected="one of " + ", ".join(self.outputs),
                hint=did_you_mean(name, self.outputs),
            ) from None

    def label(self, name: str) -> Label:
        """The label of that name.

        Raises:
            CodebookError: the codebook has no such label.
        """
        for label in self.labels:
            if label.name == name:
                return label
        raise CodebookError(
            f"codebook {self.name!r} has no label {name!r}",
            expected="one of " + ", ".join(self.label_names),
            hint=did_you_mean(name, self.label_names),
        )

    @classmethod
    def default(cls) -> Codebook:
        """The built-in codebook ``armed_conflict``."""
        return _built_in(DEFAULT_NAME)

    @classmethod
    def load(cls, path_or_name: str | Path) -> Codebook:
        """Read a codebook.

        Args:
            path_or_name: the name of a built-in codebook, or the path of a YAML file.

        Raises:
            CodebookError: there is no such file, or it does not follow the form.
        """
        if str(path_or_name) in built_in_names():
            return _built_in(str(path_or_name))
        path = Path(path_or_name)
        return cls.from_yaml(_read_file(path), where=str(path), default_name=_name_from_stem(path.stem))

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
        content = _compose(text, where)
        return _Form(where, content.lines).codebook(content.value, default_name)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, where: str = "codebook") -> Codebook:
        """Read a codebook from a dictionary of the YAML file's form; the reverse of `to_dict`.

        Args:
            data: the dictionary.
            where: what error messages call it.

        Raises:
            CodebookError: the dictionary does not follow the form.
        """
        return _Form(where, {}).codebook(data, "codebook")

    def to_dict(self) -> dict[str, Any]:
        """The codebook as YAML-ready types; complete, so that it does not depend on the built-in one's defaults."""
        return {
            "name": self.name,
            "version": self.version,
            **_without_empty({"title": self.title}),
            "language": self.language,
            "labels": [label.to_dict() for label in self.labels],
            "contrasts": {contrast.name: contrast.to_dict() for contrast in self.contrasts},
            "hedges": {guide.name: guide.to_dict() for guide in self.hedge_guides},
            "voices": {guide.name: guide.to_dict() for guide in self.voice_guides},
            "source": self.source_guide.to_dict(),
            "evidence": list(self.evidence),
        }

    def to_yaml(self) -> str:
        """The codebook as YAML; `from_yaml` gives it back."""
        return str(yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True, width=120))


def built_in_names() -> tuple[str, ...]:
    """The names of the codebooks that come with framing."""
    folder = resources.files("framing") / "codebooks"
    return tuple(sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".yaml")))


def template() -> str:
    """A commented codebook, valid as it is, for a user to start from."""
    return (resources.files("framing") / "codebooks" / "new_codebook.template").read_text(encoding="utf-8")


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the known word closest to a mistyped one, or ``None`` if none comes near."""
    matches = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {matches[0]!r}?" if matches else None


@cache
def _built_in(name: str) -> Codebook:
    file = resources.files("framing") / "codebooks" / f"{name}.yaml"
    return Codebook.from_yaml(file.read_text(encoding="utf-8"), where=f"framing/codebooks/{name}.yaml")


def _read_file(path: Path) -> str:
    if not path.is_file():
        raise CodebookError(
            f"there is no codebook {str(path)!r}",
            expected="the path of a YAML file, or a built-in name: " + ", ".join(built_in_names()),
            hint=did_you_mean(str(path), built_in_names()) or "write one with: framing codebook new FILE",
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CodebookError(f"{path} cannot be read: {error.strerror}", hint="check its permissions") from error
    if len(data) > _LARGEST_FILE:
        raise CodebookError(f"{path} has {len(data):,} bytes", expected=f"a codebook, of at most {_LARGEST_FILE:,}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CodebookError(
            f"{path}, line {line}: byte 0x{data[error.start]:02x} is not UTF-8",
            expected="a text file in UTF-8",
            hint="save the file as UTF-8",
        ) from error


def _name_from_stem(stem: str) -> str:
    return re.sub(r"[^\w.-]+", "_", stem).strip("_.-") or "codebook"


def _without_empty(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value}


# --- YAML text -> plain values, with the line of each -------------------------------------------------------------

_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class _Composed:
    """Plain values (dict, list, str, None) and the line, from 1, on which the value at each path begins."""

    value: Any
    lines: dict[_Path, int]


def _compose(text: str, where: str) -> _Composed:
    try:
        _refuse_aliases_and_depth(text, where)
        root = yaml.compose(text, Loader=_YamlLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise CodebookError(
            f"{where}{place}: not valid YAML: {error.problem or error.context}",
            expected="a YAML file",
            hint="look there for a missing quotation mark, colon or indent; a text with ': ' in it must be quoted",
        ) from error
    except yaml.YAMLError as error:
        raise CodebookError(f"{where}: not valid YAML: {error}", expected="a YAML file") from error
    lines: dict[_Path, int] = {}
    value = None if root is None else _plain(root, (), lines, where)
    return _Composed(value, lines)


def _refuse_aliases_and_depth(text: str, where: str) -> None:
    """Look at the stream of events, before anything is built of it."""
    depth = 0
    for event in yaml.parse(text, Loader=_YamlLoader):
        if isinstance(event, yaml.AliasEvent):
            raise CodebookError(
                f"{where}, line {_line(event)}: the alias *{event.anchor}",
                expected="no YAML aliases in a codebook",
                hint="write the text out where the alias stands, or in quotation marks if a text begins with *",
            )
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST_NESTING:
            raise CodebookError(
                f"{where}, line {_line(event)}: lists and mappings nested {depth} deep",
                expected=f"at most {_DEEPEST_NESTING}",
            )


def _line(place: yaml.Event | yaml.Node) -> int:
    """The line, from 1, on which an event or a node begins; always known for text that was parsed."""
    mark = place.start_mark
    return mark.line + 1 if mark else 0


def _plain(node: yaml.Node, path: _Path, lines: dict[_Path, int], where: str) -> Any:
    lines[path] = _line(node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*path, i), lines, where) for i, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _plain_mapping(node, path, lines, where)
    # A scalar stays as it is written: `version: 1.10` is "1.10", and a label called `no` is no Boolean.
    return None if node.tag == "tag:yaml.org,2002:null" else str(node.value)


def _plain_mapping(node: yaml.MappingNode, path: _Path, lines: dict[_Path, int], where: str) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = _line(key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            raise CodebookError(f"{where}, line {line}: a key that is a list or a mapping", expected="a word as key")
        key = str(key_node.value)
        if key in mapping:
            raise CodebookError(
                f"{where}, line {line}: the key {_dotted((*path, key))!r} a second time",
                expected=f"each key once; the first is on line {lines[(*path, key)]}",
                hint="remove one of them",
            )
        mapping[key] = _plain(value_node, (*path, key), lines, where)
        lines[(*path, key)] = line
    return mapping


def _dotted(path: _Path) -> str:
    """``("labels", 2, "axis")`` -> ``"labels[2].axis"``."""
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(parts).removeprefix(".")


# --- plain values -> a codebook, checked --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Form:
    """The form of a codebook: turns plain values into one, or says where they depart from it."""

    where: str
    lines: Mapping[_Path, int]

    def codebook(self, data: Any, default_name: str) -> Codebook:
        if data is None:
            self.fail((), "there is nothing in it", expected="at least the key 'labels' with a list of names")
        top = self.mapping(data, (), _CODEBOOK_KEYS)
        if "labels" not in top:
            self.fail((), "the key 'labels' is missing", expected="labels: a list of names or of mappings")
        labels = self.labels(top["labels"])
        return Codebook(
            name=self.codebook_name(top, default_name),
            version=self.text(top, "version", (), default="1"),
            title=self.text(top, "title", ()),
            language=self.text(top, "language", (), default="en"),
            labels=labels,
            contrasts=self.contrasts(top.get("contrasts"), tuple(label.name for label in labels)),
            hedge_guides=self.hedges(top["hedges"]) if "hedges" in top else Codebook.default().hedge_guides,
            voice_guides=self.voices(top["voices"]) if "voices" in top else Codebook.default().voice_guides,
            source_guide=(
                self.guide(SOURCE, top["source"], ("source",)) if "source" in top else Codebook.default().source_guide
            ),
            evidence=self.texts(top, "evidence", ()) if "evidence" in top else Codebook.default().evidence,
        )

    def codebook_name(self, top: Mapping[str, Any], default: str) -> str:
        name = self.text(top, "name", (), default=default)
        if not _CODEBOOK_NAME.fullmatch(name):
            self.fail(("name",), f"the name {name!r}", expected="letters, digits, '_', '-' and '.', without spaces")
        return name

    def labels(self, value: Any) -> tuple[Label, ...]:
        entries = self.sequence(value, ("labels",), "a list of label names or of mappings with the key 'name'")
        if not entries:
            self.fail(("labels",), "the list is empty", expected="at least one label")
        labels: list[Label] = []
        for i, entry in enumerate(entries):
            label = self.label(entry, ("labels", i))
            earlier = next((j for j, other in enumerate(labels) if other.name == label.name), None)
            if earlier is not None:
                self.fail(
                    ("labels", i),
                    f"the label {label.name!r} a second time",
                    expected=f"each name once; the first is labels[{earlier}]{self.on_line(('labels', earlier))}",
                )
            labels.append(label)
        return tuple(labels)

    def label(self, value: Any, path: _Path) -> Label:
        entry = {"name": value} if isinstance(value, str) else self.mapping(value, path, _LABEL_KEYS)
        if "name" not in entry:
            self.fail(path, "the key 'name' is missing", expected="a label with a name")
        name = self.text(entry, "name", path)
        name_path = path if isinstance(value, str) else (*path, "name")
        if not _LABEL_NAME.fullmatch(name):
            suggestion = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")
            self.fail(
                name_path,
                f"the label name {name!r}",
                expected="lower-case letters a-z, digits and '_', beginning with a letter",
                hint=f"call it {suggestion!r}" if suggestion else None,
            )
        if name in _RESERVED_LABELS:
            self.fail(
                name_path,
                f"the label name {name!r} is taken",
                expected="a name other than " + " and ".join(sorted(_RESERVED_LABELS)),
                hint="every codebook has hedges and sources without naming them as labels",
            )
        return Label(
            name=name,
            axis=self.axis(entry, path),
            definition=self.text(entry, "definition", path),
            typical=self.texts(entry, "typical", path),
            not_this=self.texts(entry, "not_this", path),
            examples=self.texts(entry, "examples", path),
            rulings=self.texts(entry, "rulings", path),
        )

    def axis(self, entry: Mapping[str, Any], path: _Path) -> Axis | None:
        axis = self.text(entry, "axis", path)
        if axis and axis not in _AXES:
            self.fail(
                (*path, "axis"),
                f"the axis {axis!r}",
                expected="'actor' or 'event', or no such key",
                hint=did_you_mean(axis, _AXES),
            )
        return cast(Axis, axis) if axis else None

    def contrasts(self, value: Any, label_names: Sequence[str]) -> tuple[Contrast, ...]:
        named = self.mapping({} if value is None else value, ("contrasts",), None)
        return tuple(self.contrast(name, entry, label_names) for name, entry in named.items())

    def contrast(self, name: str, value: Any, label_names: Sequence[str]) -> Contrast:
        path = ("contrasts", name)
        entry = {"labels": value} if isinstance(value, list | tuple) else self.mapping(value, path, _CONTRAST_KEYS)
        labels = self.texts(entry, "labels", path)
        for label in labels:
            if label not in label_names:
                self.fail(
                    path,
                    f"the label {label!r} is none of this codebook's",
                    expected="labels from the list under 'labels'",
                    hint=did_you_mean(label, label_names),
                )
        if len(set(labels)) < max(2, len(labels)):
            self.fail(path, f"the labels {list(labels)!r}", expected="two or more different labels")
        return Contrast(name, labels, self.text(entry, "referent", path))

    def hedges(self, value: Any) -> tuple[Guide, ...]:
        return self.guides(value, "hedges", tuple(str(kind) for kind in HedgeKind))

    def voices(self, value: Any) -> tuple[Guide, ...]:
        """The voices as given, followed by the default guides of those that were not: a model tells all four apart."""
        names = tuple(str(voice) for voice in Voice)
        given = self.guides(value, "voices", names)
        missing = set(names) - {guide.name for guide in given}
        return given + tuple(g for g in Codebook.default().voice_guides if g.name in missing) if missing else given

    def guides(self, value: Any, key: str, known: Sequence[str]) -> tuple[Guide, ...]:
        named = self.mapping({} if value is None else value, (key,), known)
        return tuple(self.guide(name, entry, (key, name)) for name, entry in named.items())

    def guide(self, name: str, value: Any, path: _Path) -> Guide:
        entry = {"definition": value} if isinstance(value, str) else value
        entry = self.mapping({} if entry is None else entry, path, _GUIDE_KEYS)
        return Guide(
            name,
            definition=self.text(entry, "definition", path),
            cues=self.texts(entry, "cues", path),
            not_this=self.texts(entry, "not_this", path),
            rulings=self.texts(entry, "rulings", path),
        )

    # The three kinds of value that a codebook is made of.

    def mapping(self, value: Any, path: _Path, known: Sequence[str] | None) -> Mapping[str, Any]:
        """A mapping whose keys are all known (``None``: any key)."""
        if not isinstance(value, Mapping):
            self.fail(
                path,
                f"{_shown(value)} where a mapping belongs",
                expected=f"a mapping with keys of {', '.join(known)}" if known else "a mapping of names",
            )
        for key in value:
            if not isinstance(key, str) or (known is not None and key not in known):
                self.fail(
                    (*path, str(key)),
                    f"the key {key!r} is unknown",
                    expected="one of " + ", ".join(known or ("a word",)),
                    hint=did_you_mean(str(key), known or ()),
                )
        return value

    def sequence(self, value: Any, path: _Path, expected: str) -> Sequence[Any]:
        if not isinstance(value, list | tuple):
            self.fail(path, f"{_shown(value)} where a list belongs", expected=expected)
        return value

    def text(self, entry: Mapping[str, Any], key: str, path: _Path, *, default: str = "") -> str:
        if entry.get(key) is None:
            return default
        return self.one_text(entry[key], (*path, key))

    def texts(self, entry: Mapping[str, Any], key: str, path: _Path) -> tuple[str, ...]:
        if entry.get(key) is None:
            return ()
        items = self.sequence(entry[key], (*path, key), "a list of texts, each after a '-' or between [ and ]")
        return tuple(self.one_text(item, (*path, key, i)) for i, item in enumerate(items))

    def one_text(self, value: Any, path: _Path) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float) or not str(value).strip():
            self.fail(
                path,
                f"{_shown(value)} where a text belongs",
                expected="a text that is not empty",
                hint="put it into quotation marks if it has ': ' in it" if isinstance(value, Mapping) else None,
            )
        return str(value).strip()

    def on_line(self, path: _Path) -> str:
        return f" on line {self.lines[path]}" if path in self.lines else ""

    def fail(self, path: _Path, problem: str, *, expected: str, hint: str | None = None) -> NoReturn:
        known = next((path[:n] for n in range(len(path), -1, -1) if path[:n] in self.lines), None)
        place = [self.where]
        if known is not None:
            place.append(f"line {self.lines[known]}")
        if path:
            place.append(_dotted(path))
        raise CodebookError(f"{', '.join(place)}: {problem}", expected=expected, hint=hint)


def _shown(value: Any) -> str:
    """A value as an error message shows it: what it is, and its beginning."""
    if value is None:
        return "nothing"
    kinds: dict[type, str] = {dict: "a mapping", list: "a list", str: "the text"}
    beginning = repr(value)
    if len(beginning) > 60:
        beginning = beginning[:57] + "..."
    return f"{kinds.get(type(value), type(value).__name__)} {beginning}"
