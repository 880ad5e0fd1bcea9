"""From files to arrays: what is known of a sentence, token by token."""

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.codebook import Codebook
from framing.errors import ColumnError, FramingError, InputError, UnreadableFileError
from framing.markup import parse
from framing.model.encoding import SentenceEncoder
from framing.train.examples import (
    ChoiceSpan,
    Example,
    ExampleDataset,
    MarkSpan,
    collate,
    encode_examples,
    hold_out,
    read_attribution,
    read_examples,
)
from framing.train.loss import UNKNOWN
from tests.own_codebook import own_codebook

CODEBOOK = Codebook.default()
HEADS = CODEBOOK.heads
OWN = own_codebook()
MARKED = (
    "The [[rebels|rebels.author]] fled, [[he|source]] said, "
    '"the [[butchers|criminals.quoted]] [[may|hedge.epistemic]] return".'
)


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_marked_rows_know_everything(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", f"g1\tbody\t{MARKED}", "g2\theadline\tNothing to see")
    first, second = read_examples([str(path)], CODEBOOK)
    assert first.labels == {"rebels", "source", "criminals", "hedge.epistemic"}
    assert first.spans_known == first.labels_known == set(CODEBOOK.outputs)
    assert {(first.text[s.start : s.end], s.mark) for s in first.spans} == {
        ("rebels", "rebels"),
        ("he", "source"),
        ("butchers", "criminals"),
        ("may", "hedge.epistemic"),
    }
    assert [(first.text[c.start : c.end], c.head, c.name) for c in first.choices] == [
        ("rebels", "voice", "author"),
        ("butchers", "voice", "quoted"),
    ]
    assert (first.answers, second.answers) == ({"kind": "body"}, {"kind": "headline"})
    assert not second.labels and second.labels_known == set(CODEBOOK.outputs)


def test_marked_rows_answer_the_tasks_of_a_codebook(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.tsv",
        "g1\tstance=hostile topics=war+trade\tThe [[rebels|rebels.tone=ironic]] took the [[town|place.town]].",
        "g1\ttopics=\tNothing to see",
        "g1\t\tNothing",
    )
    first, second, third = read_examples([str(path)], OWN)
    assert first.answers == {"stance": "hostile", "topics": "war+trade"}
    assert first.choices == (ChoiceSpan(4, 10, "tone", "ironic"),)
    assert first.spans == (MarkSpan(4, 10, "rebels"), MarkSpan(20, 24, "place.town"))
    known = {"rebels", "terrorists", "place.town", "place.country"}
    assert first.spans_known == first.labels_known == known
    assert first.labels == {"rebels", "place.town"}
    assert (second.answers, third.answers) == ({"topics": ""}, {})


def test_targets_of_tasks_stand_in_their_heads(tmp_path: Path, encoder: SentenceEncoder) -> None:
    path = write(
        tmp_path / "a.tsv",
        "g1\tstance=hostile topics=war+trade\tThe [[rebels|rebels.tone=ironic]] took the [[town|place.town]]",
        "g1\ttopics=\tNothing to see",
        "g1\t\tNothing",
    )
    items = encode_examples(read_examples([str(path)], OWN), encoder, OWN.heads)
    encoded = encoder.encode(["The rebels took the town"])[0]
    words = ["The rebels took the town"[start:end] for start, end in encoded.offsets]
    rebels, town = (np.array([False, *(word == wanted for word in words), False]) for wanted in ("rebels", "town"))
    assert rebels.sum() == town.sum() == 1
    first, second, third = (item.targets for item in items)
    assert first["labels"].tokens.tolist() == np.stack([rebels, rebels & False], axis=1).tolist()
    assert first["place"].tokens.tolist() == np.stack([town, town & False], axis=1).tolist()
    assert first["tone"].tokens.tolist() == np.where(rebels, 1, UNKNOWN).tolist()
    assert (first["stance"].name, second["stance"].name, third["stance"].name) == (2, UNKNOWN, UNKNOWN)
    assert first["topics"].names.tolist() == [True, False, True]
    assert [bool(targets["topics"].known) for targets in (first, second, third)] == [True, True, False]
    assert not second["topics"].names.any()
    assert (second["tone"].tokens == UNKNOWN).all()


def test_answers_are_read_on_the_first_window_alone(encoder: SentenceEncoder) -> None:
    example = Example(text="word " * 400, group="g", answers={"stance": "neutral", "topics": "war"})
    first, *others = encode_examples([example], encoder, OWN.heads)
    assert (first.targets["stance"].name, bool(first.targets["topics"].known)) == (1, True)
    assert others
    for item in others:
        assert (item.targets["stance"].name, bool(item.targets["topics"].known)) == (UNKNOWN, False)


def test_quotation_state_runs_through_a_group_and_stops_at_the_next(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", 'g1\tbody\t"It is over.', 'g1\tbody\tWe won," he said.', "g2\tbody\tWe won.")
    assert [e.state.inside for e in read_examples([str(path)], CODEBOOK)] == [False, True, False]


def test_a_quoted_mention_without_marks_starts_inside_a_quotation(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "g1\tbody\tThe [[butchers|criminals.quoted]] came at night.")
    (example,) = read_examples([str(path)], CODEBOOK)
    assert example.state.inside


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_tables_give_sentence_labels_only(tmp_path: Path, suffix: str) -> None:
    import pandas

    path = tmp_path / f"a.{suffix}"
    table = pandas.DataFrame({"text": ["The rebels fled.", "Rain."], "labels": ["rebels; fall", ""]})
    if suffix == "csv":
        table.to_csv(path, index=False)
    elif suffix == "jsonl":
        table.to_json(path, orient="records", lines=True)
    else:
        table.to_parquet(path)
    first, second = read_examples([str(path)], CODEBOOK)
    assert first.labels == {"rebels", "fall"}
    assert first.labels_known == set(CODEBOOK.label_names)
    assert not first.spans_known
    assert not second.labels


def test_unknown_label_missing_column_and_empty_data_are_clear(tmp_path: Path) -> None:
    bad_label = write(tmp_path / "a.csv", "text,labels", "Words.,no_such_label")
    with pytest.raises(InputError, match="no_such_label"):
        read_examples([str(bad_label)], CODEBOOK)
    no_column = write(tmp_path / "b.csv", "sentence,labels", "Words.,rebels")
    with pytest.raises(ColumnError, match="sentence"):
        read_examples([str(no_column)], CODEBOOK)
    with pytest.raises(InputError, match="no sentence"):
        read_examples([str(write(tmp_path / "c.tsv"))], CODEBOOK)
    with pytest.raises(UnreadableFileError, match="there is no file"):
        read_examples([str(tmp_path / "*.nothing")], CODEBOOK)
    with pytest.raises(FramingError, match=r"d\.tsv:2"):
        read_examples([str(write(tmp_path / "d.tsv", "g\tbody\tFine.", "g\tbody\t[[broken|rebels.author"))], CODEBOOK)


@given(st.integers(1, 40), st.floats(0.0, 0.9), st.integers(0, 5))
@settings(deadline=None, max_examples=50)
def test_no_group_is_on_both_sides_and_more_data_moves_none(groups: int, share: float, seed: int) -> None:
    examples = [Example(text=str(i), group=f"g{i % groups}") for i in range(3 * groups)]
    split = hold_out(examples, share, seed)
    assert not {e.group for e in split.train} & {e.group for e in split.validation}
    assert sorted(e.text for e in (*split.train, *split.validation)) == sorted(e.text for e in examples)
    more = hold_out([*examples, *(Example(text="new", group=f"n{i}") for i in range(30))], share, seed)
    by_hash = {e.group for e in split.validation if place(e.group, seed) < share}
    assert by_hash <= {e.group for e in more.validation}
    assert all(place(e.group, seed) >= share for e in split.train)
    further = {e.group for e in split.validation} - by_hash
    assert not further or (3 * (len(by_hash) + len(further) - 1) < share * len(examples) / 2)


def place(group: str, seed: int) -> float:
    return int(hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()[:16], 16) / 16**16


@pytest.mark.parametrize("seed", range(8))
def test_few_groups_hold_out_enough_and_no_large_one_too_much(seed: int) -> None:
    examples = [Example(text="x", group=f"g{i}") for i in range(12) for _ in range(10)]
    examples += [Example(text="x", group="long") for _ in range(80)]
    held_out = hold_out(examples, 0.1, seed).validation
    assert len(held_out) >= 10
    if place("long", seed) >= 0.1:
        assert all(example.group != "long" for example in held_out)


def test_the_held_out_share_is_about_what_was_asked_for() -> None:
    split = hold_out([Example(text="x", group=str(i)) for i in range(5000)], 0.1, seed=13)
    assert 400 < len(split.validation) < 600


def test_targets_stand_on_the_marked_words(encoder: SentenceEncoder) -> None:
    marked = parse(MARKED)
    example = Example(
        text=marked.text,
        group="g",
        spans=tuple(MarkSpan(s.start, s.end, t.output) for s in marked.spans for t in s.tags),
        spans_known=frozenset(CODEBOOK.outputs),
        labels_known=frozenset(CODEBOOK.outputs),
    )
    (item,) = encode_examples([example], encoder, HEADS)
    targets = item.targets["labels"]
    (encoded,) = encoder.encode([marked.text])
    for name in ("rebels", "criminals", "source", "hedge.epistemic"):
        on = np.flatnonzero(targets.tokens[1:-1, CODEBOOK.outputs.index(name)])
        words = marked.text[encoded.offsets[on[0], 0] : encoded.offsets[on[-1], 1]]
        assert words in {s.text for s in marked.spans if name in {t.output for t in s.tags}}
    carried = {name for name, on in zip(CODEBOOK.outputs, targets.sentence, strict=True) if on}
    assert carried == {"rebels", "criminals", "source", "hedge.epistemic"}


def test_sentence_labels_of_a_windowed_sentence_are_known_only_where_absent(encoder: SentenceEncoder) -> None:
    example = Example(
        text="word " * 400, group="g", labels=frozenset({"rebels"}), labels_known=frozenset(CODEBOOK.label_names)
    )
    items = [item.targets["labels"] for item in encode_examples([example], encoder, HEADS)]
    assert len(items) > 1
    rebels, heroes = CODEBOOK.outputs.index("rebels"), CODEBOOK.outputs.index("heroes")
    assert not any(item.sentence_known[rebels] for item in items)
    assert all(item.sentence_known[heroes] for item in items)


@given(st.text(alphabet="ab ,'’.x", min_size=1, max_size=40), st.data())
@settings(deadline=None, max_examples=100)
def test_stripping_punctuation_moves_spans_along(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    spans, choices = (MarkSpan(start, end, "rebels"),), (ChoiceSpan(start, end, "voice", "author"),)
    stripped = Example(text=text, group="g", spans=spans, choices=choices).without_punctuation()
    expected = "".join(c for c in text[start:end] if c not in ",'’‘`")
    for moved in (stripped.spans, stripped.choices):
        assert [stripped.text[s.start : s.end] for s in moved] == ([expected] if expected else [])


def test_attribution_corpus_knows_sources_and_voices_only(tmp_path: Path) -> None:
    text = 'The mayor said the road is "a disgrace to us".'
    record = {
        "text": text,
        "spans": [[0, 9, "Source", 0], [10, 14, "Cue", 0], [15, 45, "Content", 0]],
        "document_id": "d",
    }
    path = tmp_path / "a.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.write(json.dumps(record) + "\n")
    (example,) = read_attribution([str(path)], 10, 0, CODEBOOK)
    assert example.labels == example.labels_known == example.spans_known == {"source"}
    assert example.spans == (MarkSpan(0, 9, "source"),)
    voices = {text[c.start : c.end].strip(' "'): c.name for c in example.choices if c.head == "voice"}
    assert voices["The mayor said"] == "author"
    assert voices["the road is"] == "attributed"
    assert voices["a disgrace to us"] == "quoted"
    # By their roles, whatever their names; where there are none, nothing is known.
    roles = {"ours": {"role": "own"}, "theirs": {"role": "cited"}, "spoken": {"role": "quoted"}}
    (renamed,) = read_attribution([str(path)], 10, 0, Codebook.from_dict({"labels": ["a"], "voices": roles}))
    assert {c.name for c in renamed.choices} == set(roles)
    (silent,) = read_attribution([str(path)], 10, 0, OWN)
    assert (silent.choices, silent.spans, silent.labels_known) == ((), (), frozenset())


def test_collate_pads_and_masks(encoder: SentenceEncoder) -> None:
    items = encode_examples(
        [Example(text="A short one.", group="a"), Example(text="One that is a good deal longer.", group="b")],
        encoder,
        HEADS,
    )
    batch = collate(items)
    longest = max(len(item.input_ids) for item in items)
    for row, item in enumerate(items):
        n = len(item.input_ids)
        padding = [0] * (longest - n)
        assert batch["input_ids"][row].tolist() == [*item.input_ids.tolist(), *padding]
        assert batch["attention_mask"][row].tolist() == [1] * n + padding
        assert batch["targets"].token_mask[row].tolist() == [0, *[1] * (n - 2), 0, *padding]
    assert set(batch["targets"].of) == {"labels", "voice", "kind"}
    assert batch["targets"].of["labels"].tokens.shape == (2, longest, len(CODEBOOK.outputs))


def test_dataset_draws_stripped_forms_now_and_then(encoder: SentenceEncoder) -> None:
    plain, stripped = encoder.encode(["Well, yes, no, it's so.", "Well yes no its so."])
    dataset = ExampleDataset(
        [Example(text="Well, yes, no, it's so.", group="g")], encoder, HEADS, strip_punctuation=0.5
    )
    drawn = []
    for dataset.epoch in range(64):
        drawn.append(tuple(dataset[0].input_ids.tolist()))
        assert tuple(dataset[0].input_ids.tolist()) == drawn[-1]
    assert set(drawn) == {tuple(e.windows[0].ids.tolist()) for e in (plain, stripped)}
