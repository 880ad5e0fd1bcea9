"""Coders' files of several formats, read for `framing agree`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framing.codebook import Codebook
from framing.convert import convert
from framing.errors import InputError, MarkupError, SettingError
from framing.evaluate.agreement import agreement
from framing.evaluate.codings import read_codings
from framing.labeler import Labeler
from framing.records import open_writer
from framing.types import Document, Rejected

BOOK = Codebook.default()
FIRST, SECOND = BOOK.label_names[:2]
VOICE = BOOK.voices[0]
LINES = f"d1\tbody\t[[Men|{FIRST}.{VOICE}]] 😀 left, [[the ministry|source]] said.\nd2\tbody\tQuiet.\n"


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    path = tmp_path / "a.tsv"
    path.write_text(LINES, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["b.json", "b.jsonl", "b.doccano.jsonl", "b.csv"])
def test_a_coder_agrees_with_herself_in_another_format(marked: Path, tmp_path: Path, name: str) -> None:
    to_format = {"b.json": "labelstudio", "b.doccano.jsonl": "doccano"}.get(name)
    convert(marked, tmp_path / name, to_format=to_format, codebook=BOOK)
    found = read_codings([marked, tmp_path / name])
    assert found.codebook == BOOK  # it knows all names
    assert [coder.name for coder in found.coders] == ["a", "b"]
    agreed = agreement(found.coders, codebook=BOOK, resamples=5)
    assert agreed.sentences == 2
    assert agreed["labels_masi_alpha"] == 1
    differing = {one.what for one in agreed.disagreements}
    assert differing <= ({"words"} if name == "b.csv" else set())  # a table holds labels without their words


def test_tables_of_labels_make_a_codebook_of_their_own(tmp_path: Path) -> None:
    a, b = tmp_path / "a.csv", tmp_path / "b.csv"
    a.write_text("text,labels\nRain fell,wet\nSun shone,dry;Hot Day\nNo,\n", encoding="utf-8")
    b.write_text("text,labels\nRain fell,wet\nSun shone,dry\nNo,wet\n", encoding="utf-8")
    found = read_codings([a, b])
    assert set(found.codebook.label_names) == {"wet", "dry", "hot_day"}
    agreed = agreement(found.coders, codebook=found.codebook, resamples=5)
    carried = {label.name: label.carried for label in agreed.labels}
    assert carried == {"wet": (1, 2), "dry": (1, 1), "hot_day": (1, 0)}
    assert agreed["same_labels"] == pytest.approx(1 / 3)
    values = agreed.pairs[0].values
    assert values["f1/wet"].value == pytest.approx(2 / 3)
    assert values["frames_micro_f1"].value == pytest.approx(4 / 6)
    assert [(one.name, one.said) for one in agreed.disagreements] == [
        ("hot_day", ("the sentence", "–")),
        ("wet", ("–", "the sentence")),
    ]


def test_a_model_is_a_coder(tiny_labeler: Labeler, tmp_path: Path) -> None:
    text = "Rebels left the town, the ministry said."
    path = tmp_path / "model.jsonl"
    with open_writer(path, codebook=BOOK) as writer:
        labels = next(iter(tiny_labeler.documents([Document(text, id="d")])))
        writer.write(labels)
    people = tmp_path / "people.tsv"
    people.write_text(f"d\tbody\t[[Rebels|{FIRST}.{VOICE}]] left the town, the ministry said.\n", encoding="utf-8")
    there, back = (read_codings(paths, codebook=BOOK).coders for paths in ([people, path], [path, people]))
    assert [coder.is_model for coder in there] == [False, True]
    one, other = (agreement(coders, codebook=BOOK, resamples=5).pairs[0] for coders in (there, back))
    assert {n: v.value for n, v in one.values.items()} == pytest.approx(
        {n: v.value for n, v in other.values.items()}, nan_ok=True
    )
    assert one.confusions["voice"] == tuple(zip(*other.confusions["voice"], strict=True))
    assert one.values[f"f1/{FIRST}"].value == float(FIRST in labels[0].frames)
    assert "frames_ece" not in one.values


def test_overlapping_marks_are_compared_and_told(marked: Path, tmp_path: Path) -> None:
    text = "Men 😀 left, the ministry said."
    spans = [[0, 3, f"{FIRST}.{VOICE}"], [0, 10, f"{SECOND}.{VOICE}"]]
    other = tmp_path / "b.jsonl"
    other.write_text(json.dumps({"text": text, "spans": spans, "labels": ["kind=body"]}) + "\n", encoding="utf-8")
    found = read_codings([other, marked], codebook=BOOK)
    agreed = agreement(found.coders, codebook=BOOK, resamples=5)
    carried = {label.name: label.carried for label in agreed.labels}
    assert (carried[FIRST], carried[SECOND]) == ((1, 1), (1, 0))
    assert any("1 marks of b overlap" in note for note in agreed.notes())
    assert any("1 of 2 sentences of a are in no other file" in note for note in agreed.notes())


def test_rows_that_cannot_be_used(marked: Path, tmp_path: Path) -> None:
    bad = tmp_path / "b.tsv"
    bad.write_text(LINES + "d3\tbody\t[[broken\n", encoding="utf-8")
    with pytest.raises((InputError, MarkupError), match="not closed"):
        read_codings([marked, bad])
    told: list[Rejected] = []
    found = read_codings([marked, bad], on_reject=told.append)
    assert [one.row for one in told] == [3]
    assert any("1 rows of b cannot be used" in n for n in agreement(found.coders, codebook=BOOK, resamples=5).notes())
    bad.write_text("d3\tbody\t[[Men|nobody.author]]\n", encoding="utf-8")
    with pytest.raises(InputError, match="no sentence that can be used"):
        read_codings([marked, bad], codebook=BOOK, on_reject=told.append)
    with pytest.raises(SettingError, match="1 coder"):
        read_codings([marked])


def test_files_of_one_name_keep_apart(marked: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "a.tsv"
    other.parent.mkdir()
    other.write_text(LINES, encoding="utf-8")
    assert [c.name for c in read_codings([marked, other]).coders] == [str(marked), str(other)]
    assert [c.name for c in read_codings([marked, marked]).coders] == [f"{marked}#1", f"{marked}#2"]
