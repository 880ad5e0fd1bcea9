"""How a YAML file becomes a codebook, and what is said of one that does not follow the form.

The built-in codebook, ``armed_conflict``, is data beside this file; a user's own has the same form and needs no more
than its labels::

    labels:
      - protesters
      - name: rioters
        definition: people in the street, named as a violent mob

Every mistake in a file is a `CodebookError` that names the file, the line, the key, what was found and what was
expected. Files are composed to YAML nodes and never constructed to objects, so no tag of YAML can run code; aliases
are refused, because nested ones make a small file expand without bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast, get_args

import yaml

from framing.codebook.book import (
    HEDGE,
    SOURCE,
    Axis,
    Choose,
    Codebook,
    Contrast,
    Guide,
    HedgeGuide,
    KindGuide,
    Label,
    Role,
    Task,
    TaskScope,
    VoiceGuide,
)
from framing.codebook.heads import KIND, LABELS, VOICE
from framing.errors import CodebookError, did_you_mean

#: The codebook that the shipped model was trained on.
DEFAULT_NAME = "armed_conflict"

_AXES: tuple[str, ...] = get_args(Axis)
_ROLES: tuple[str, ...] = get_args(Role)
_TASK_SCOPES: tuple[str, ...] = get_args(TaskScope)
_CHOICES: tuple[str, ...] = get_args(Choose)
_YES, _NO = ("yes", "true", "on"), ("no", "false", "off")
#: What a section can hold that says that there are none.
_NONE: tuple[Any, ...] = (None, False, "none", *_NO)
_RESERVED_LABELS = {HEDGE, SOURCE}
#: Keys that a record has already, or that a table of marked sentences uses.
RESERVED_TASKS = frozenset(
    (LABELS, VOICE, KIND, HEDGE, SOURCE, "input", "row", "document_id", "outlet", "published", "index", "start", "end")
).union(
    ("text", "text_offset", "frames", "mentions", "hedges", "sources", "hedged", "probabilities", "probability"),
    ("label", "voice_probability", "title", "id", "group", "document", "metadata"),
)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CODEBOOK_NAME = re.compile(r"\w[\w.-]*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
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
    "kinds",
    "tasks",
    "evidence",
)
_LABEL_KEYS = ("name", "axis", "definition", "typical", "not_this", "rulings", "examples")
_GUIDE_KEYS = ("definition", "cues", "not_this", "rulings")
_CONTRAST_KEYS = ("labels", "referent")
_TASK_KEYS = ("definition", "scope", "choose", "values")

SomeGuide = TypeVar("SomeGuide", bound=Guide)


def load(path_or_name: str | Path) -> Codebook:
    """Read a codebook by a built-in name or from a file; see `Codebook.load`."""
    if str(path_or_name) in built_in_names():
        return built_in(str(path_or_name))
    path = Path(path_or_name)
    return from_yaml(_read_file(path), where=str(path), default_name=_name_from_stem(path.stem))


def from_yaml(text: str, *, where: str, default_name: str) -> Codebook:
    """Read a codebook from YAML; see `Codebook.from_yaml`."""
    content = _compose(text, where)
    return _Form(where, content.lines).codebook(content.value, default_name)


def from_dict(data: Mapping[str, Any], *, where: str) -> Codebook:
    """Read a codebook from a dictionary; see `Codebook.from_dict`."""
    return _Form(where, {}).codebook(data, "codebook")


def built_in_names() -> tuple[str, ...]:
    """The names of the codebooks that come with framing."""
    folder = resources.files("framing") / "codebook"
    return tuple(sorted(Path(f.name).stem for f in folder.iterdir() if f.name.endswith(".yaml")))


def template() -> str:
    """A commented codebook, valid as it is, for a user to start from."""
    return (resources.files("framing") / "codebook" / "new_codebook.template").read_text(encoding="utf-8")


@cache
def built_in(name: str) -> Codebook:
    """A codebook that comes with framing."""
    file = resources.files("framing") / "codebook" / f"{name}.yaml"
    return from_yaml(file.read_text(encoding="utf-8"), where=f"framing/codebook/{name}.yaml", default_name=name)


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
    except UnicodeEncodeError as error:
        raise CodebookError(
            f"{where}: not valid YAML: it holds {error.object[error.start : error.end]!r}, half of a character",
            expected="text that UTF-8 can write",
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
        if "labels" not in top and not top.get("tasks"):
            self.fail((), "the key 'labels' is missing", expected="labels: a list of names or of mappings; or tasks")
        tasks = self.tasks(top.get("tasks"))
        labels = self.labels(top["labels"], may_be_empty=bool(tasks)) if "labels" in top else ()
        self.check_apart(labels, tasks)
        codebook = Codebook(
            name=self.matching(
                top, "name", default_name, _CODEBOOK_NAME, "letters, digits, '_', '-' and '.', without spaces"
            ),
            version=self.text(top, "version", (), default="1"),
            title=self.text(top, "title", ()),
            language=self.matching(top, "language", "en", _LANGUAGE, "a BCP 47 tag, such as en, de or pt-BR"),
            labels=labels,
            contrasts=self.contrasts(top.get("contrasts"), tuple(label.name for label in labels)),
            hedge_guides=self.flagged_guides(top, "hedges"),
            voice_guides=self.flagged_guides(top, "voices"),
            source_guide=self.source(top["source"]) if "source" in top else None,
            kind_guides=self.flagged_guides(top, "kinds"),
            tasks=tasks,
            evidence=self.texts(top, "evidence", ()),
        )
        # What a file does not speak of is the built-in codebook's; the built-in one itself speaks of everything.
        left_out = [name for key, name in _SECTIONS.items() if key not in top]
        return replace(codebook, **{name: getattr(Codebook.default(), name) for name in left_out})

    def matching(self, top: Mapping[str, Any], key: str, default: str, pattern: re.Pattern[str], expected: str) -> str:
        text = self.text(top, key, (), default=default)
        if not pattern.fullmatch(text):
            self.fail((key,), f"the {key} {text!r}", expected=expected)
        return text

    def labels(self, value: Any, *, may_be_empty: bool) -> tuple[Label, ...]:
        entries = self.sequence(value, ("labels",), "a list of label names or of mappings with the key 'name'")
        if not entries and not may_be_empty:
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
        self.check_name(name, name_path, "label")
        if name in _RESERVED_LABELS:
            self.fail(
                name_path,
                f"the label name {name!r} is taken",
                expected="a name other than " + " and ".join(sorted(_RESERVED_LABELS)),
                hint="every codebook has hedges and sources without naming them as labels",
            )
        return Label(
            name=name,
            axis=cast(Axis, self.one_of(entry, "axis", path, _AXES)) or None,
            definition=self.text(entry, "definition", path),
            typical=self.texts(entry, "typical", path),
            not_this=self.texts(entry, "not_this", path),
            examples=self.texts(entry, "examples", path),
            rulings=self.texts(entry, "rulings", path),
        )

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

    # Sections of named guides. An empty section says that there are none.

    def guides(
        self, entry: Mapping[str, Any], key: str, read: Callable[[str, Any, _Path], SomeGuide], path: _Path = ()
    ) -> tuple[SomeGuide, ...]:
        value = entry.get(key)
        if value in _NONE:
            return ()
        if isinstance(value, list | tuple):
            value = dict.fromkeys(self.texts(entry, key, path))
        named = self.mapping(value, (*path, key), None)
        for name in named:
            self.check_name(name, (*path, key, name), key.removesuffix("s"))
        return tuple(read(name, content, (*path, key, name)) for name, content in named.items())

    def flagged_guides(self, top: Mapping[str, Any], key: str) -> tuple[Any, ...]:
        """A section whose guides have a flag beside what all guides have.

        A flag that is left out is the built-in codebook's for a name that it has too, and else the guide's default.
        """
        kind, flag = _FLAGGED[key]

        def read(name: str, value: Any, path: _Path) -> Guide:
            guide, own = self.guide(name, value, path, flag)
            said = (self.one_of(own, flag, path, _ROLES) or None) if flag == "role" else self.yes_or_no(own, flag, path)
            if said is None:
                known = {other.name: getattr(other, flag) for other in getattr(Codebook.default(), _SECTIONS[key])}
                said = known.get(name, getattr(kind(name), flag))
            return kind(**guide | {flag: said})

        return self.guides(top, key, read)

    def source(self, value: Any) -> Guide | None:
        if value in _NONE:
            return None
        return Guide(**self.guide(SOURCE, value, (SOURCE,))[0])

    def guide(self, name: str, value: Any, path: _Path, *own_keys: str) -> tuple[dict[str, Any], Mapping[str, Any]]:
        """The values of a `Guide`'s attributes, by name, and the mapping, for keys of its section's own."""
        entry = {"definition": value} if isinstance(value, str) else value
        entry = self.mapping({} if entry is None else entry, path, (*_GUIDE_KEYS, *own_keys))
        lists = {key: self.texts(entry, key, path) for key in ("cues", "not_this", "rulings")}
        return {"name": name, "definition": self.text(entry, "definition", path), **lists}, entry

    # Tasks.

    def tasks(self, value: Any) -> tuple[Task, ...]:
        named = self.mapping({} if value is None else value, ("tasks",), None)
        return tuple(self.task(name, entry, ("tasks", name)) for name, entry in named.items())

    def task(self, name: str, value: Any, path: _Path) -> Task:
        self.check_name(name, path, "task")
        if name in RESERVED_TASKS:
            self.fail(path, f"the task name {name!r} is taken", expected="a name that is no column of the records")
        entry = {"values": value} if isinstance(value, list | tuple) else self.mapping(value, path, _TASK_KEYS)
        if entry.get("values") is None:
            self.fail(
                path, "the key 'values' is missing", expected="values: a list of names, or names with definitions"
            )
        values = self.guides(entry, "values", lambda name, value, at: Guide(**self.guide(name, value, at)[0]), path)
        scope = self.one_of(entry, "scope", path, _TASK_SCOPES) or "sentence"
        choose = self.one_of(entry, "choose", path, _CHOICES) or ("many" if scope == "span" else "one")
        if len(values) < (2 if choose == "one" else 1):
            self.fail(
                (*path, "values"), f"the values {[v.name for v in values]}", expected="two or more to choose from"
            )
        if (scope, choose) in (("span", "one"), ("mention", "many")):
            right = "many" if scope == "span" else "one"
            self.fail((*path, "choose"), f"choose {choose!r} with scope {scope!r}", expected=f"choose: {right}")
        definition = self.text(entry, "definition", path)
        return Task(name, definition, cast(TaskScope, scope), cast(Choose, choose), values)

    def check_apart(self, labels: Sequence[Label], tasks: Sequence[Task]) -> None:
        """See that tasks and labels go together: in markup, ``task.value`` marks words, and ``label.voice`` a label."""
        names = {label.name for label in labels}
        for task in tasks:
            if task.scope == "mention" and not labels:
                problem = f"the task {task.name!r} is asked of mentions, and there is no label"
                self.fail(("tasks", task.name), problem, expected="labels, whose mentions they are")
            if task.scope == "span" and task.name in names:
                problem = f"the task name {task.name!r} is taken"
                self.fail(
                    ("tasks", task.name), problem, expected="a name that is no label, for a task that marks words"
                )

    # The kinds of value that a codebook is made of.

    def check_name(self, name: str, path: _Path, what: str) -> None:
        if not _NAME.fullmatch(name):
            suggestion = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")
            self.fail(
                path,
                f"the {what} name {name!r}",
                expected="lower-case letters a-z, digits and '_', beginning with a letter",
                hint=f"call it {suggestion!r}" if suggestion else None,
            )

    def one_of(self, entry: Mapping[str, Any], key: str, path: _Path, known: Sequence[str]) -> str:
        """One of several words, or ``""`` where the key is missing."""
        word = self.text(entry, key, path)
        if word and word not in known:
            expected = "one of " + ", ".join(known)
            self.fail((*path, key), f"the {key} {word!r}", expected=expected, hint=did_you_mean(word, known))
        return word

    def yes_or_no(self, entry: Mapping[str, Any], key: str, path: _Path) -> bool | None:
        """What is said, or ``None`` where the key is missing."""
        value = entry.get(key)
        if value is None:
            return None
        word = str(value).lower()
        if word not in _YES + _NO:
            self.fail((*path, key), f"{_shown(value)} where yes or no belongs", expected="yes or no")
        return word in _YES

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


#: Key of a section to the attribute of `Codebook` that it fills.
_SECTIONS = {
    "hedges": "hedge_guides",
    "voices": "voice_guides",
    "source": "source_guide",
    "kinds": "kind_guides",
    "evidence": "evidence",
}
#: Sections of guides that have a flag of their own.
_FLAGGED: dict[str, tuple[type[Guide], str]] = {
    "hedges": (HedgeGuide, "hedged"),
    "voices": (VoiceGuide, "role"),
    "kinds": (KindGuide, "outlet"),
}


def _shown(value: Any) -> str:
    """A value as an error message shows it: what it is, and its beginning."""
    if value is None:
        return "nothing"
    kinds: dict[type, str] = {dict: "a mapping", list: "a list", str: "the text"}
    beginning = repr(value)
    if len(beginning) > 60:
        beginning = beginning[:57] + "..."
    return f"{kinds.get(type(value), type(value).__name__)} {beginning}"
