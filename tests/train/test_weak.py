"""Weak evidence of a codebook: what counts as a match, what is held back, and a model that learns from nothing else."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import framing
from framing.cli.train import run
from framing.codebook import Codebook
from framing.errors import CodebookError, SettingError
from framing.train.config import parse
from framing.train.examples import Example
from framing.train.weak import WeakEvidence, from_codebook, weak_examples
from tests.train.tiny_runs import ENDS, SUBJECTS, arguments

BOOK: dict[str, Any] = {
    "name": "armed",
    "labels": [
        {
            "name": "rebels",
            "typical": ["the rebel", "rebel-held"],
            "not_this": ['"rebel yell"', "the release of a prisoner"],
            "definition": "An opposition with a cause.",
            "examples": ["[[Partisans|rebels.author]] fled."],
        },
        {"name": "takeover", "typical": ["seize"]},
    ],
}


@pytest.fixture(scope="module")
def evidence() -> WeakEvidence:
    return WeakEvidence(Codebook.from_dict(BOOK))


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("Rebels fled.", [("Rebels", "rebels")]),
        ("The rebel-held town", [("rebel-held", "rebels")]),
        ("The rebel held town", [("rebel held", "rebels")]),  # the longest of two phrases, and a hyphen that is lost
        ("They are seizing the rebel's city", [("seizing", "takeover"), ("rebel's", "rebels")]),
        ("The rebellion", []),  # a word, not its beginning
        ("Antirebels", []),  # nor its end
        ("partisans came", [("partisans", "rebels")]),  # of an example
        ("A rebel yell was heard", []),
    ],
)
def test_words_are_matched_as_words(evidence: WeakEvidence, text: str, marks: list[tuple[str, str]]) -> None:
    read = evidence.read(Example(text, "g"))
    assert [(text[span.start : span.end], span.mark) for span in read.spans] == marks
    assert read.labels == {mark for _, mark in marks}
    assert read.labels_known == read.spans_known == evidence.marks


def test_a_described_near_miss_leaves_the_mark_unknown(evidence: WeakEvidence) -> None:
    read = evidence.read(Example("Rebels released their prisoners.", "g"))
    assert "rebels" not in read.labels_known
    assert not read.spans
    assert "takeover" in read.labels_known
    # One of its words is not enough.
    assert evidence.read(Example("Rebels took prisoners.", "g")).labels == {"rebels"}


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        ("The rebels fled.", "author"),
        ("The rebels fled, he said.", "attributed"),
        ('"The rebels fled," he said.', "quoted"),
    ],
)
def test_the_voice_follows_quotation_marks_and_reporting_words(evidence: WeakEvidence, text: str, voice: str) -> None:
    assert [choice.name for choice in evidence.read(Example(text, "g")).choices] == [voice]


def test_a_codebook_without_voices_gets_none() -> None:
    bare = WeakEvidence(Codebook.from_dict({**BOOK, "voices": None, "labels": BOOK["labels"][1:]}))
    read = bare.read(Example("They seized it, he said.", "g"))
    assert read.spans
    assert not read.choices


def test_examples_are_marked_and_definitions_tell_their_own_label_only() -> None:
    book = Codebook.from_dict(BOOK)
    examples = {example.text: example for example in from_codebook(book)}
    assert set(examples) == {"Partisans fled.", "An opposition with a cause.", "the rebel", "rebel-held", "seize"}
    assert examples["Partisans fled."].spans_known
    assert examples["An opposition with a cause."].labels_known == {"rebels"}
    assert not examples["An opposition with a cause."].spans_known


def test_the_draw_is_the_same_each_time_even_and_holds_a_text_once(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    lines = [f"The rebels came to village number {i}." for i in range(40)] * 2
    lines += [f"They will seize hill number {i}." for i in range(10)]
    lines += [f"Rain fell on market number {i}." for i in range(60)]
    corpus.write_text("\n\n".join(lines))
    book = Codebook.from_dict({**BOOK, "hedges": None})
    drawn = weak_examples(book, [str(corpus)], 40, seed=1)
    assert drawn == weak_examples(book, [str(corpus)], 40, seed=1)
    assert drawn != weak_examples(book, [str(corpus)], 40, seed=2)
    assert len({example.text for example in drawn}) == len(drawn) == 40
    counts = {mark: sum(mark in example.labels for example in drawn) for mark in ("rebels", "takeover")}
    assert counts == {"rebels": 10, "takeover": 10}


def test_no_words_or_none_in_the_corpus_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("Rain fell on the market all day long.")
    book = Codebook.from_dict({**BOOK, "hedges": None})
    with pytest.raises(CodebookError, match="none of the"):
        weak_examples(book, [str(tmp_path / "corpus.txt")], 10, seed=1)
    with pytest.raises(CodebookError, match="names no words"):
        WeakEvidence(Codebook.from_dict({"name": "bare", "labels": ["a_label"], "hedges": None}))


def test_neither_marks_nor_text_is_a_clear_error() -> None:
    with pytest.raises(SettingError, match="no training data"):
        parse(["--codebook", "armed_conflict"])


@pytest.mark.slow
def test_a_model_is_trained_from_a_codebook_alone(
    workspace: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = {"name": "two", "labels": [{"name": n, "typical": [n]} for n in ("rebels", "terrorists")], "hedges": None}
    (workspace / "codebook.yaml").write_text(yaml.safe_dump(book))
    corpus = workspace / "corpus"
    corpus.mkdir()
    for i, end in enumerate(ENDS * 6):
        (corpus / f"{i}.txt").write_text("\n\n".join(f"The {word} {end} up to day {i}." for word in SUBJECTS.values()))
    chosen = arguments(workspace, tiny_base, "model", train="", unlabeled=str(corpus), mask_evidence="0.1")
    del chosen[chosen.index("--train") : chosen.index("--train") + 2]
    assert run(chosen) == 0
    labeler = framing.load(workspace / "model")
    assert list(labeler("The terrorists came at night").frames) == ["terrorists"]
    assert not labeler("The army fled").frames
    assert "Nobody marked them" in (workspace / "model" / "README.md").read_text()
