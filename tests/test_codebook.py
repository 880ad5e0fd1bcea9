"""Codebooks: what the built-in one says, how little a user's own needs, and what is said of mistakes."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.codebook import (
    KIND,
    LABELS,
    VOICE,
    Codebook,
    Contrast,
    Guide,
    Head,
    Heads,
    HedgeGuide,
    KindGuide,
    VoiceGuide,
    built_in_names,
    template,
)
from framing.codebook.form import RESERVED_TASKS
from framing.errors import CheckpointError, CodebookError
from framing.records import COLUMNS
from framing.types import OUTLET_KINDS, Kind, Mention
from tests.own_codebook import OWN, TASKS_ONLY, own_codebook, tasks_only

DESIGN = Path(__file__).parents[2] / "shared" / "design" / "DESIGN.md"
ORIGINAL = Path(__file__).parents[2] / "shared" / "codebook" / "armed_conflict.md"

# --- the built-in codebook ----------------------------------------------------------------------------------------


def test_the_built_in_codebook_is_complete() -> None:
    codebook = Codebook.default()
    assert (codebook.name, codebook.version, codebook.language) == ("armed_conflict", "1", "en")
    assert [label.axis for label in codebook.labels] == ["actor"] * 10 + ["event"] * 12
    for label in codebook.labels:
        assert label.definition and len(label.typical) >= 3 and label.not_this is not None, label.name
    assert codebook.hedge_kinds == ("epistemic", "hearsay", "distancing", "approximation")
    assert codebook.hedging_kinds == {"epistemic", "hearsay", "distancing"}
    assert all(guide.definition and guide.cues for guide in codebook.hedge_guides)
    roles = {"author": "own", "attributed": "cited", "quoted": "quoted", "distanced": "other"}
    assert {guide.name: guide.role for guide in codebook.voice_guides} == roles
    assert all(guide.definition for guide in (*codebook.voice_guides, *codebook.kind_guides))
    assert codebook.source_guide.definition and codebook.evidence


def test_the_built_in_kinds_are_those_that_the_reading_rules_know() -> None:
    codebook = Codebook.default()
    assert codebook.kinds == tuple(map(str, Kind))
    assert codebook.outlet_kinds == OUTLET_KINDS == {"headline", "caption", "body"}


def test_outputs_are_labels_then_hedges_then_source() -> None:
    codebook = Codebook.default()
    assert codebook.outputs[:22] == codebook.label_names
    assert codebook.outputs[22:] == (
        "hedge.epistemic",
        "hedge.hearsay",
        "hedge.distancing",
        "hedge.approximation",
        "source",
    )
    assert [codebook.output_index(name) for name in codebook.outputs] == list(range(27))
    assert codebook.probability_names == codebook.outputs


def test_the_heads_are_those_of_the_shipped_checkpoint() -> None:
    folder = Path(__file__).parents[1] / "models" / "framing-minilm-l6"
    stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))["heads"]
    assert Codebook.default().heads.to_list() == stored
    assert [(head["name"], head["scope"], head["activation"], len(head["names"])) for head in stored] == [
        ("labels", "token", "sigmoid", 27),
        ("voice", "token", "softmax", 4),
        ("kind", "sentence", "softmax", 5),
    ]


@pytest.mark.skipif(not ORIGINAL.exists(), reason="needs ../shared")
def test_labels_are_those_of_the_annotation_rules_in_their_order() -> None:
    names = re.findall(r"^\| `(\w+)` \|", ORIGINAL.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert Codebook.default().label_names == tuple(n for n in names if n not in Codebook.default().hedge_kinds)


@pytest.mark.skipif(not DESIGN.exists(), reason="needs ../shared")
def test_contrasts_are_those_of_the_design() -> None:
    line = next(line for line in DESIGN.read_text(encoding="utf-8").splitlines() if line.startswith("| contrast |"))
    designed = {frozenset(group.split(", ")) for group in re.findall(r"\{(.+?)\}", line)}
    assert {frozenset(contrast.labels) for contrast in Codebook.default().contrasts} == designed
    assert len(designed) == 6


def test_a_label_by_name() -> None:
    assert Codebook.default().label("rebels").axis == "actor"
    with pytest.raises(CodebookError, match="did you mean 'rebels'") as caught:
        Codebook.default().label("rebel")
    assert "armed_conflict" in caught.value.message
    with pytest.raises(CodebookError, match=r"did you mean 'hedge.hearsay'"):
        Codebook.default().output_index("hedge.heresay")


def test_a_codebook_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Codebook.default().name = "other"  # type: ignore[misc]
    assert isinstance(hash(Codebook.default()), int)


def test_reading_a_codebook_loads_no_heavy_library() -> None:
    code = (
        "import sys; from framing.codebook import Codebook; import framing.markup, framing.seeds; Codebook.default();"
        "print(sorted({'torch', 'transformers', 'datasets', 'evaluate', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"


# --- the fingerprint ----------------------------------------------------------------------------------------------


def test_the_fingerprint_can_be_computed_by_hand() -> None:
    codebook = Codebook.from_dict({"labels": ["b", "a"], "hedges": {"hearsay": None}, "version": "3"})
    canonical = (
        '{"hedge_kinds":["hearsay"],"labels":["b","a"],"name":"codebook","version":"3",'
        '"voices":["author","attributed","quoted","distanced"]}'
    )
    assert codebook.fingerprint == hashlib.sha256(canonical.encode()).hexdigest()


def test_kinds_source_and_tasks_are_in_the_fingerprint_where_they_are_not_the_built_in_ones() -> None:
    codebook = Codebook.from_dict(
        {
            "labels": ["a"],
            "hedges": None,
            "voices": {"mine": {"role": "own"}},
            "source": None,
            "kinds": ["tweet"],
            "tasks": {"stance": ["pro", "con"]},
        }
    )
    canonical = (
        '{"hedge_kinds":[],"kinds":["tweet"],"labels":["a"],"name":"codebook","source":false,"tasks":[{"activation":'
        '"softmax","name":"stance","names":["pro","con"],"scope":"sentence"}],"version":"1","voices":["mine"]}'
    )
    assert codebook.fingerprint == hashlib.sha256(canonical.encode()).hexdigest()


def test_the_fingerprint_of_the_shipped_codebook_stays() -> None:
    """Checkpoints in the world carry this value. If this fails, raise the codebook's version and retrain."""
    assert Codebook.default().fingerprint == "0443368165f36d38fbc8a526782808c0cd931a64c02986f41a72b384326f2849"


def test_the_fingerprint_changes_with_what_a_model_depends_on_and_nothing_else() -> None:
    codebook = Codebook.default()
    other_meaning = [
        replace(codebook, version="2"),
        replace(codebook, name="other"),
        replace(codebook, labels=codebook.labels[::-1]),
        replace(codebook, labels=codebook.labels[1:]),
        replace(codebook, hedge_guides=codebook.hedge_guides[:3]),
        replace(codebook, voice_guides=codebook.voice_guides[::-1]),
        replace(codebook, kind_guides=codebook.kind_guides[1:]),
        replace(codebook, source_guide=None),
        replace(codebook, tasks=own_codebook().tasks),
        replace(codebook, tasks=own_codebook().tasks[::-1]),
    ]
    assert len({codebook.fingerprint, *(other.fingerprint for other in other_meaning)}) == len(other_meaning) + 1
    labels = (replace(codebook.labels[0], definition="In other words."), *codebook.labels[1:])
    assert replace(codebook, labels=labels, title="x", contrasts=()).fingerprint == codebook.fingerprint


# --- a user's codebook --------------------------------------------------------------------------------------------


def test_labels_are_all_that_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "street protest.yaml"
    path.write_text("labels: [protesters, rioters]\n", encoding="utf-8")
    codebook = Codebook.load(path)
    assert codebook.name == "street_protest"
    assert codebook.version == "1"
    assert codebook.label_names == ("protesters", "rioters")
    assert codebook.contrasts == ()
    assert codebook.hedge_guides == Codebook.default().hedge_guides
    assert codebook.voice_guides == Codebook.default().voice_guides
    assert codebook == Codebook.load(str(path))


def test_names_and_mappings_may_be_mixed() -> None:
    codebook = Codebook.from_yaml("labels:\n  - a\n  - name: b\n    axis: event\n    typical: [x, 'no', 12]\n")
    assert [label.axis for label in codebook.labels] == [None, "event"]
    assert codebook.labels[1].typical == ("x", "no", "12")


def test_scalars_are_taken_as_they_are_written() -> None:
    codebook = Codebook.from_yaml("version: 1.10\ntitle: 2016-12-15\nlabels: [no, yes, null_]\n")
    assert codebook.version == "1.10"
    assert codebook.title == "2016-12-15"
    assert codebook.label_names == ("no", "yes", "null_")


def test_contrasts_in_both_forms() -> None:
    text = "labels: [a, b, c]\ncontrasts:\n  x: [a, b]\n  y:\n    labels: [b, c]\n    referent: a thing\n"
    assert Codebook.from_yaml(text).contrasts == (Contrast("x", ("a", "b")), Contrast("y", ("b", "c"), "a thing"))


def test_own_hedges_voices_and_kinds() -> None:
    codebook = Codebook.from_yaml(
        "labels: [a]\n"
        "hedges:\n  hearsay: from nobody\n  approximation:\n  rumour: {cues: [they say], hedged: no}\n"
        "voices: {quoted: in marks, narrator: {role: own, definition: the teller's}}\n"
        "kinds: [headline, comment, tweet]\n"
        "source: who speaks\n"
        "evidence: []\n"
    )
    assert codebook.outputs == ("a", "hedge.hearsay", "hedge.approximation", "hedge.rumour", "source")
    # What a flag is not given for means what it means in the built-in codebook, or else the usual.
    assert codebook.hedge_guides == (
        HedgeGuide("hearsay", "from nobody", hedged=True),
        HedgeGuide("approximation", hedged=False),
        HedgeGuide("rumour", cues=("they say",), hedged=False),
    )
    assert codebook.hedging_kinds == {"hearsay"}
    assert codebook.voice_guides == (
        VoiceGuide("quoted", "in marks", role="quoted"),
        VoiceGuide("narrator", "the teller's", role="own"),
    )
    assert codebook.voices_of_role("own", "cited") == ("narrator",)
    assert codebook.kind_guides == (
        KindGuide("headline", outlet=True),
        KindGuide("comment", outlet=False),
        KindGuide("tweet", outlet=True),
    )
    assert codebook.outlet_kinds == {"headline", "tweet"}
    assert codebook.source_guide == Guide("source", "who speaks")
    assert codebook.evidence == ()


@pytest.mark.parametrize("nothing", ["none", "no", "{}", "[]", ""])
def test_a_section_can_say_that_there_is_none(nothing: str) -> None:
    sections = "".join(f"{key}: {nothing}\n" for key in ("hedges", "voices", "kinds"))
    codebook = Codebook.from_yaml(f"labels: [a]\n{sections}source: none\n")
    assert (codebook.hedge_guides, codebook.voice_guides, codebook.kind_guides) == ((), (), ())
    assert codebook.outputs == ("a",)
    assert codebook.heads == Heads((Head(LABELS, "token", ("a",), "sigmoid"),))
    # What is not spoken of is the built-in codebook's.
    assert codebook.evidence == Codebook.default().evidence


# --- tasks ------------------------------------------------------------------------------------------------------------


def test_every_form_of_task_has_its_head() -> None:
    codebook = own_codebook()
    assert [(task.name, task.scope, task.choose, task.names) for task in codebook.tasks] == [
        ("stance", "sentence", "one", ("supportive", "neutral", "hostile")),
        ("topics", "sentence", "many", ("war", "weather", "trade")),
        ("tone", "mention", "one", ("plain", "ironic")),
        ("place", "span", "many", ("town", "country")),
    ]
    assert codebook.heads == Heads(
        (
            Head(LABELS, "token", ("rebels", "terrorists"), "sigmoid"),
            Head("stance", "sentence", ("supportive", "neutral", "hostile"), "softmax"),
            Head("topics", "sentence", ("war", "weather", "trade"), "sigmoid"),
            Head("tone", "token", ("plain", "ironic"), "softmax"),
            Head("place", "token", ("town", "country"), "sigmoid"),
        )
    )
    assert codebook.probability_names == (
        *("rebels", "terrorists", "stance.supportive", "stance.neutral", "stance.hostile"),
        *("topics.war", "topics.weather", "topics.trade", "place.town", "place.country"),
    )
    assert [task.name for task in codebook.tasks_of("sentence")] == ["stance", "topics"]


def test_no_task_can_hide_a_column_of_the_records() -> None:
    assert set(COLUMNS) <= RESERVED_TASKS
    mention = Mention("a", 0, 1, "x", "author", 0.5, 0.5).to_dict()
    assert set(mention) <= RESERVED_TASKS


def test_tasks_alone_make_a_codebook() -> None:
    codebook = tasks_only()
    assert codebook.labels == codebook.outputs == ()
    assert [head.name for head in codebook.heads] == ["stance", "topics"]
    # Voices are the voices of mentions, which need labels.
    with_voices = Codebook.from_dict({"tasks": {"stance": ["pro", "con"]}})
    assert [head.name for head in with_voices.heads] == [LABELS, KIND, "stance"]
    assert VOICE not in [head.name for head in with_voices.heads]


def test_values_of_a_task_may_be_explained() -> None:
    codebook = Codebook.from_yaml(
        "tasks:\n  stance:\n    definition: whose side it takes\n"
        "    values:\n      pro: it likes it\n      con: {cues: [bad], not_this: [sad]}\n"
    )
    (task,) = codebook.tasks
    assert task.definition == "whose side it takes"
    assert task.values == (Guide("pro", "it likes it"), Guide("con", cues=("bad",), not_this=("sad",)))


# --- heads ------------------------------------------------------------------------------------------------------------


def test_columns_of_heads_stand_side_by_side_by_scope() -> None:
    heads = own_codebook().heads
    assert {head.name: heads.columns(head) for head in heads} == {
        **{LABELS: slice(0, 2), "tone": slice(2, 4), "place": slice(4, 6)},
        **{"stance": slice(0, 3), "topics": slice(3, 6)},
    }
    assert (heads.width("token"), heads.width("sentence")) == (6, 6)
    assert heads.find("tone") == heads[3] and heads.find("nothing") is None
    assert Heads.from_list(json.loads(json.dumps(heads.to_list()))) == heads


def test_heads_of_a_configuration_of_framing_0_1() -> None:
    codebook = Codebook.default()
    lists = {"outputs": list(codebook.outputs), "voices": list(codebook.voices), "kinds": list(codebook.kinds)}
    assert Heads.from_config(lists) == codebook.heads == Heads.from_config({"heads": codebook.heads.to_list()})
    with pytest.raises(CheckpointError, match="names no heads"):
        Heads.from_config({"model_type": "framing"})


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([{"name": "a"}], "not of the expected form"),
        (["a"], "not of the expected form"),
        ([{"name": "a", "scope": "word", "names": ["x"], "activation": "softmax"}], "scope 'word'"),
        ([{"name": "a", "scope": "token", "names": ["x"], "activation": "relu"}], "activation 'relu'"),
        ([{"name": "a", "scope": "token", "names": ["x", "x"], "activation": "sigmoid"}], "the names"),
        ([{"name": "a", "scope": "token", "names": [], "activation": "sigmoid"}], "the names"),
        ([{"name": "a", "scope": "token", "names": ["x"], "activation": "sigmoid"}] * 2, "the heads"),
        ([], "the heads"),
    ],
)
def test_heads_that_make_no_sense_are_refused(entries: list[dict[str, object]], problem: str) -> None:
    with pytest.raises(CheckpointError, match=problem):
        Heads.from_list(entries)


def test_the_template_is_valid_and_explains_itself() -> None:
    codebook = Codebook.from_yaml(template())
    assert codebook.label_names == ("protesters", "rioters", "bystanders")
    assert template().count("#") > 10


def test_built_in_names() -> None:
    assert built_in_names() == ("armed_conflict",)
    assert Codebook.load("armed_conflict") is Codebook.default()


# --- there and back -----------------------------------------------------------------------------------------------

_name = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(lambda name: name not in ("hedge", "source"))
_text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip)
_texts = st.lists(_text, max_size=2)
_label = st.fixed_dictionaries(
    {"name": _name},
    optional={"axis": st.sampled_from(["actor", "event"]), "definition": _text, "typical": _texts, "not_this": _texts},
)


def _guides(**flags: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """A section in one of its forms: nothing, names, or names with what is said of them."""
    guide = st.fixed_dictionaries({}, optional={"definition": _text, "cues": _texts, "rulings": _texts, **flags})
    return st.none() | st.lists(_name, max_size=3, unique=True) | st.dictionaries(_name, guide | st.none(), max_size=3)


_values = st.lists(_name, min_size=2, max_size=4, unique=True)
_task = _values | st.one_of(
    st.fixed_dictionaries({"values": _values}, optional={"choose": st.sampled_from(["one", "many"])}),
    st.fixed_dictionaries({"values": _values, "scope": st.sampled_from(["mention", "span"])}),
)
_tasks = st.dictionaries(_name.map(lambda name: f"task_{name}"), _task, max_size=3)
_codebooks = st.fixed_dictionaries(
    {"labels": st.lists(_label, min_size=1, max_size=4, unique_by=lambda label: label["name"])},
    optional={
        "title": _text,
        "version": _text,
        "evidence": _texts,
        "hedges": _guides(hedged=st.booleans()),
        "voices": _guides(role=st.sampled_from(["own", "cited", "quoted", "other"])),
        "kinds": _guides(outlet=st.booleans()),
        "source": st.none() | _text,
        "tasks": _tasks,
    },
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(_codebooks)
def test_a_codebook_survives_dictionaries_yaml_and_json(data: dict[str, object]) -> None:
    codebook = Codebook.from_dict(data)
    assert Codebook.from_dict(codebook.to_dict()) == codebook
    assert Codebook.from_yaml(codebook.to_yaml()) == codebook
    assert Codebook.from_dict(json.loads(json.dumps(codebook.to_dict()))) == codebook


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(_codebooks)
def test_an_outline_keeps_all_that_a_tool_goes_by(data: dict[str, object]) -> None:
    codebook = Codebook.from_dict(data)
    again = Codebook.from_dict(json.loads(json.dumps(codebook.outline())))
    assert again.fingerprint == codebook.fingerprint
    assert again.heads == codebook.heads
    for name in ("label_names", "probability_names", "hedging_kinds", "outlet_kinds", "contrasts", "language"):
        assert getattr(again, name) == getattr(codebook, name), name
    assert [(guide.name, guide.role) for guide in again.voice_guides] == [
        (guide.name, guide.role) for guide in codebook.voice_guides
    ]
    assert not any(label.definition or label.typical for label in again.labels)


@pytest.mark.parametrize("data", [OWN, TASKS_ONLY], ids=["own", "tasks only"])
def test_codebooks_with_tasks_survive_yaml(data: dict[str, object]) -> None:
    codebook = Codebook.from_dict(data)
    assert Codebook.from_yaml(codebook.to_yaml()) == codebook
    assert Codebook.from_dict(codebook.outline()) == replace(codebook, evidence=())  # nothing else to leave out


def test_the_built_in_codebook_survives_yaml_and_reads_as_by_safe_load() -> None:
    codebook = Codebook.default()
    assert Codebook.from_yaml(codebook.to_yaml()) == codebook
    assert Codebook.from_dict(yaml.safe_load(codebook.to_yaml())) == codebook


# --- mistakes -----------------------------------------------------------------------------------------------------

MISTAKES = {
    "nothing": ("", "own.yaml: there is nothing in it", "labels", ""),
    "comment only": ("# labels: [a]\n", "own.yaml: there is nothing in it", "labels", ""),
    "list": ("- a\n- b\n", "own.yaml, line 1: a list ['a', 'b'] where a mapping belongs", "labels", ""),
    "no labels": ("name: x\n", "own.yaml, line 1: the key 'labels' is missing", "a list of names", ""),
    "empty labels": ("title: t\nlabels: []\n", "own.yaml, line 2, labels: the list is empty", "at least one", ""),
    "labels null": ("title: t\nlabels:\n", "own.yaml, line 2, labels: nothing where a list belongs", "a list", ""),
    "labels mapping": ("labels: {a: b}\n", "own.yaml, line 1, labels: a mapping {'a': 'b'} where a list", "list", ""),
    "unknown key": (
        "labels: [a]\ncontrast: {}\n",
        "own.yaml, line 2, contrast: the key 'contrast' is unknown",
        "contrasts",
        "did you mean 'contrasts'?",
    ),
    "unknown label key": (
        "labels:\n- a\n- name: b\n  definiton: x\n",
        "own.yaml, line 4, labels[1].definiton: the key 'definiton' is unknown",
        "definition",
        "did you mean 'definition'?",
    ),
    "label without name": ("labels:\n- axis: actor\n", "own.yaml, line 2, labels[0]: the key 'name'", "name", ""),
    "label is a list": ("labels:\n- [a]\n", "own.yaml, line 2, labels[0]: a list ['a'] where a mapping", "name", ""),
    "label name": (
        "labels:\n- name: War Criminals\n",
        "own.yaml, line 2, labels[0].name: the label name 'War Criminals'",
        "lower-case",
        "call it 'war_criminals'",
    ),
    "bare label name": (
        "labels:\n- a\n- 2b\n",
        "own.yaml, line 3, labels[1]: the label name '2b'",
        "lower-case",
        "'b'",
    ),
    "label name not latin": ("labels: [свобода]\n", "own.yaml, line 1, labels[0]: the label name", "lower-case", ""),
    "reserved": ("labels: [a, hedge]\n", "own.yaml, line 1, labels[1]: the label name 'hedge' is taken", "other", ""),
    "duplicate label": (
        "labels:\n- a\n- b\n- name: a\n",
        "own.yaml, line 4, labels[2]: the label 'a' a second time",
        "the first is labels[0] on line 2",
        "",
    ),
    "axis": (
        "labels:\n- name: a\n  axis: actors\n",
        "own.yaml, line 3, labels[0].axis: the axis 'actors'",
        "one of actor, event",
        "did you mean 'actor'?",
    ),
    "text for list": (
        "labels:\n- name: a\n  typical: x, y\n",
        "own.yaml, line 3, labels[0].typical: the text 'x, y' where a list belongs",
        "a list of texts",
        "",
    ),
    "mapping for text": (
        "labels:\n- name: a\n  typical:\n  - well: known\n",
        "own.yaml, line 4, labels[0].typical[0]: a mapping {'well': 'known'} where a text belongs",
        "a text",
        "quotation marks",
    ),
    "empty text": ("labels: [a]\ntitle: ' '\n", "own.yaml, line 2, title: the text ' ' where a text", "not empty", ""),
    "name": ("labels: [a]\nname: my book\n", "own.yaml, line 2, name: the name 'my book'", "without spaces", ""),
    "contrast label": (
        "labels: [abc, b]\ncontrasts:\n  x: [abd, b]\n",
        "own.yaml, line 3, contrasts.x: the label 'abd' is none of this codebook's",
        "labels",
        "did you mean 'abc'?",
    ),
    "contrast of one": ("labels: [a]\ncontrasts: {x: [a]}\n", "own.yaml, line 2, contrasts.x: the labels", "two", ""),
    "contrast of twins": ("labels: [a]\ncontrasts: {x: [a, a]}\n", "own.yaml, line 2, contrasts.x: the la", "two", ""),
    "contrasts list": ("labels: [a]\ncontrasts: [a]\n", "own.yaml, line 2, contrasts: a list ['a']", "mapping", ""),
    "no labels in tasks": ("tasks:\n", "own.yaml, line 1: the key 'labels' is missing", "or tasks", ""),
    "no labels and empty tasks": ("tasks: {}\n", "own.yaml, line 1: the key 'labels' is missing", "or tasks", ""),
    "hedge name": (
        "labels: [a]\nhedges:\n  Hear Say: x\n",
        "own.yaml, line 3, hedges.Hear Say: the hedge name 'Hear Say'",
        "lower-case",
        "call it 'hear_say'",
    ),
    "hedged": (
        "labels: [a]\nhedges:\n  a: {hedged: maybe}\n",
        "own.yaml, line 3, hedges.a.hedged: the text 'maybe' where yes or no belongs",
        "yes or no",
        "",
    ),
    "role": (
        "labels: [a]\nvoices: {narrator: {role: owned}}\n",
        "own.yaml, line 2, voices.narrator.role: the role 'owned'",
        "own, cited, quoted, other",
        "did you mean 'own'?",
    ),
    "kind key": (
        "labels: [a]\nkinds: {x: {outlets: no}}\n",
        "own.yaml, line 2, kinds.x.outlets: the key",
        "outlet",
        "did you mean 'outlet'?",
    ),
    "task list": ("labels: [a]\ntasks: [x]\n", "own.yaml, line 2, tasks: a list ['x'] where", "a mapping", ""),
    "task name": ("tasks:\n  My Task: [a, b]\n", "own.yaml, line 2, tasks.My Task: the task name", "lower", "my_task"),
    "task reserved": (
        "tasks:\n  kind: [a, b]\n",
        "own.yaml, line 2, tasks.kind: the task name 'kind' is",
        "no col",
        "",
    ),
    "task key": ("tasks: {t: {value: [a, b]}}\n", "own.yaml, line 1, tasks.t.value: the key", "values", "'values'"),
    "task without values": ("tasks: {t: {scope: span}}\n", "own.yaml, line 1, tasks.t: the key 'values' is", "val", ""),
    "task of one value": ("tasks: {t: [a]}\n", "own.yaml, line 1, tasks.t.values: the values ['a']", "two or more", ""),
    "task scope": (
        "tasks: {t: {scope: spans, values: [a]}}\n",
        "own.yaml, line 1, tasks.t.scope: the scope 'spans'",
        "sentence, mention, span",
        "did you mean 'span'?",
    ),
    "task choose": (
        "tasks:\n  t:\n    scope: mention\n    choose: many\n    values: [a, b]\n",
        "own.yaml, line 4, tasks.t.choose: choose 'many' with scope 'mention'",
        "choose: one",
        "",
    ),
    "mentions of nothing": (
        "tasks:\n  tone: {scope: mention, values: [a, b]}\n",
        "own.yaml, line 2, tasks.tone: the task 'tone' is asked of mentions, and there is no label",
        "labels",
        "",
    ),
    "span task and label": (
        "labels: [slur]\ntasks:\n  slur: {scope: span, values: [a]}\n",
        "own.yaml, line 3, tasks.slur: the task name 'slur' is taken",
        "a name that is no label",
        "",
    ),
    "guide key": ("labels: [a]\nsource: {cue: [x]}\n", "own.yaml, line 2, source.cue: the key 'cue'", "cues", "'cues'"),
    "duplicate key": (
        "labels: [a]\ntitle: x\nlabels: [b]\n",
        "own.yaml, line 3: the key 'labels' a second time",
        "the first is on line 1",
        "remove one",
    ),
    "duplicate key within": (
        "labels:\n- name: a\n  name: b\n",
        "own.yaml, line 3: the key 'labels[0].name' a second time",
        "the first is on line 2",
        "remove one",
    ),
    "alias": ("title: &t x\nname: *t\nlabels: [a]\n", "own.yaml, line 2: the alias *t", "no YAML aliases", "write"),
    "key is a list": ("? [a]\n: b\n", "own.yaml, line 1: a key that is a list", "a word", ""),
    "unclosed": ("labels: [a\ntitle: x\n", "own.yaml, line 2, column 6: not valid YAML", "YAML", "quotation mark"),
    "colon": ("labels: [a]\ntitle: x: y\n", "own.yaml, line 2, column 9: not valid YAML", "YAML", "must be quoted"),
    "two documents": ("labels: [a]\n---\nlabels: [b]\n", "own.yaml, line 2, column 1: not valid YAML", "YAML", ""),
    "control character": ("labels: [a\x00]\n", "own.yaml: not valid YAML", "YAML", ""),
    "python object": ("!!python/object/apply:os.getcwd []\n", "own.yaml, line 1: a list [] where", "mapping", ""),
    "nesting": ("[" * 100 + "]" * 100, "own.yaml, line 1: lists and mappings nested 13 deep", "at most 12", ""),
}


@pytest.mark.parametrize(("text", "message", "expected", "hint"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_file_line_key_and_what_was_expected(
    text: str, message: str, expected: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CodebookError) as caught:
        Codebook.load("own.yaml")
    assert caught.value.message.startswith(message)
    assert expected in (caught.value.expected or "")
    assert hint in (caught.value.hint or "")


def test_a_yaml_bomb_is_refused_before_it_grows() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    with pytest.raises(CodebookError, match=r"line 2: the alias \*a"):
        Codebook.from_yaml(bomb)


def test_mistakes_in_a_dictionary_are_told_without_lines() -> None:
    with pytest.raises(CodebookError) as caught:
        Codebook.from_dict({"labels": ["a", {"name": "b", "axis": "x"}]}, where="checkpoint")
    assert caught.value.message == "checkpoint, labels[1].axis: the axis 'x'"
    with pytest.raises(CodebookError, match="True where a text belongs"):
        Codebook.from_dict({"labels": ["a"], "title": True})
    with pytest.raises(CodebookError, match="the key 1 is unknown"):
        Codebook.from_dict({"labels": ["a"], 1: "x"})  # type: ignore[dict-item]


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(CodebookError, match="did you mean 'armed_conflict'"):
        Codebook.load("armed_conflikt")
    with pytest.raises(CodebookError, match="framing codebook new"):
        Codebook.load(tmp_path / "none.yaml")
    with pytest.raises(CodebookError, match="there is no codebook"):
        Codebook.load(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"labels: [a]\ntitle: caf\xe9\n")
    with pytest.raises(CodebookError, match="line 2: byte 0xe9 is not UTF-8"):
        Codebook.load(latin)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * 2_000_001)
    with pytest.raises(CodebookError, match="2,000,001 bytes"):
        Codebook.load(large)


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes(b"\xef\xbb\xbflabels: [a]\r\n")
    assert Codebook.load(path).label_names == ("a",)
