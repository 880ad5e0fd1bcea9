"""Codebooks of others: forms of files, folds, measures by hand and against scikit-learn, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml
from sklearn.metrics import f1_score, precision_score, recall_score
from typer.testing import CliRunner

from benchmarks.human.forms import NamedSpan, draw, fold, longest, read_labelled, write_gold
from benchmarks.human.measures import Found, Span, Sums, in_tokens, intervals, measure
from benchmarks.human.run import main
from benchmarks.human.suite import HumanSuite
from benchmarks.human.systems import _spans_of
from benchmarks.suites import Bootstrap
from framing.errors import InputError, SettingError, UnreadableFileError
from framing.evaluate.gold import GoldSet
from framing.markup import MarkedSentence, MarkedSpan, Tag
from tests.benchmarks.tiny_base import write_tiny_base

SUITE = HumanSuite.load()
TAGGED = {
    "document_id": "d1",
    "text": "It is widely said , perhaps , to be old .",
    "tokens": ["It", "is", "widely", "said", ",", "perhaps", ",", "to", "be", "old", "."],
    "cues": ["_", "_", "CUE-1", "CUE-1", "_", "CUE-2", "_", "_", "_", "_", "_"],
}
SPANNED = {
    "document_id": "d2",
    "text": 'She said that he said "no".',
    "spans": [[0, 3, "Source", 0], [4, 8, "Cue", 0], [9, 26, "Content", 0], [14, 16, "Source", 1]],
}


def write_lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def marked(text: str, *spans: tuple[int, int, str]) -> MarkedSentence:
    return MarkedSentence(text, tuple(MarkedSpan(s, e, text[s:e], (Tag("frame", label),)) for s, e, label in spans))


def test_tags_become_spans_of_their_tokens(tmp_path: Path) -> None:
    read = read_labelled(write_lines(tmp_path / "a.jsonl", [TAGGED]), "tags", {"CUE": "uncertain"})
    (sentence,) = read.marked.sentences
    assert [(span.text, span.tags[0].output) for span in sentence.spans] == [
        ("widely said", "uncertain"),
        ("perhaps", "uncertain"),
    ]
    assert read.marked.groups == ("d1",)


def test_of_overlapping_spans_the_longest_stays_and_is_counted(tmp_path: Path) -> None:
    names = {"Source": "speaker", "Cue": "cue", "Content": "content"}
    read = read_labelled(write_lines(tmp_path / "a.jsonl", [SPANNED]), "spans", names)
    assert [span.text for span in read.marked.sentences[0].spans] == ["She", "said", 'that he said "no"']
    assert read.left_out == 1
    assert longest([NamedSpan(2, 4, "a"), NamedSpan(0, 2, "b"), NamedSpan(1, 3, "c")]) == [
        NamedSpan(0, 2, "b"),
        NamedSpan(2, 4, "a"),
    ]


@pytest.mark.parametrize("broken", [{"tokens": ["nowhere"]}, {"cues": ["_"]}, {"cues": None}])
def test_a_line_of_another_form_is_told(tmp_path: Path, broken: dict[str, object]) -> None:
    path = write_lines(tmp_path / "a.jsonl", [{**TAGGED, **broken}])
    with pytest.raises(UnreadableFileError, match="not of the form tags"):
        read_labelled(path, "tags", {"CUE": "uncertain"})


def test_a_name_that_is_not_declared_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'CUE'"):
        read_labelled(write_lines(tmp_path / "a.jsonl", [TAGGED]), "tags", {"X": "uncertain"})


def gold_of(groups: list[str]) -> GoldSet:
    sentences = tuple(MarkedSentence(f"Sentence {i}.") for i in range(len(groups)))
    return GoldSet(sentences, (None,) * len(groups), tuple(groups), ({},) * len(groups))


def test_folds_part_documents_and_cover_all() -> None:
    gold = gold_of([f"d{i // 3}" for i in range(300)])
    tested: list[str] = []
    for number in range(5):
        train, test = fold(gold, number, 5, seed=1)
        assert not set(train.groups) & set(test.groups)
        assert len(train) + len(test) == len(gold)
        tested += [sentence.text for sentence in test.sentences]
    assert sorted(tested) == sorted(sentence.text for sentence in gold.sentences)
    assert fold(gold, 0, 5, seed=1)[1].groups != fold(gold, 0, 5, seed=2)[1].groups


def test_a_draw_takes_whole_documents_and_a_larger_one_holds_a_smaller() -> None:
    gold = gold_of([f"d{i // 4}" for i in range(80)])
    smaller, larger = draw(gold, 10, 1), draw(gold, 30, 1)
    assert (len(smaller), len(larger)) == (12, 32)
    assert set(smaller.groups) < set(larger.groups)
    assert draw(gold, None, 1) == draw(gold, 80, 1) == gold


# --- measures --------------------------------------------------------------------------------------------------------

TEXT = "a b c d e f g h"  # token i stands at code point 2 i


def value(found: list[tuple[int, int]], gold: list[tuple[int, int]], name: str) -> float:
    """One measure of spans given as tokens of TEXT."""
    places = [(2 * s, 2 * e - 1, "x") for s, e in gold]
    said = Found(frozenset("x"), {"x": tuple(Span(2 * s, 2 * e - 1) for s, e in found)})
    sums = measure([marked(TEXT, *places)], [said], (), ("x",))[f"{name}/x"]
    return float(sums.above.sum() / sums.below.sum())


def test_span_measures_by_hand() -> None:
    gold = [(0, 2), (4, 7)]
    assert value(gold, gold, "exact") == value(gold, gold, "begin") == value(gold, gold, "jaccard") == 1
    # One right; one that begins right and is a token short: 2 of 3 tokens shared.
    found = [(0, 2), (4, 6)]
    assert value(found, gold, "exact") == pytest.approx(2 * 1 / 4)
    assert value(found, gold, "begin") == 1
    assert value(found, gold, "jaccard") == pytest.approx((1 + 2 / 3) / 2)
    # One found that touches nothing counts as a pair of its own with 0; one marked that is not found counts 0.
    assert value([(0, 2), (2, 3)], gold, "jaccard") == pytest.approx((1 + 0 + 0) / 3)
    assert value([(2, 3)], gold, "begin") == 0
    # Two that share a marked one: the larger overlap counts, and neither is alone.
    assert value([(4, 5), (5, 7)], [(4, 7)], "jaccard") == pytest.approx(2 / 3)
    assert value([(4, 5), (5, 7)], [(4, 7)], "begin") == pytest.approx(2 * 1 / 3)


def test_punctuation_counts_as_tokens_and_not_by_words() -> None:
    text = 'He said: "no."'
    assert in_tokens(text, [Span(9, 14)], by_words=False) == (Span(3, 7),)
    assert in_tokens(text, [Span(9, 14)], by_words=True) == (Span(4, 5),)
    assert in_tokens(text, [Span(13, 14)], by_words=True) == ()
    gold, said = marked(text, (9, 14, "x")), Found(frozenset("x"), {"x": (Span(10, 12),)})
    measured = measure([gold], [said], (), ("x",))
    assert measured["exact/x"].above[0] == 0
    assert measured["exact, words/x"].above[0] == measured["exact, words/x"].below[0] == 2


def test_sentence_measures_are_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    truth, said = generator.random((2, 200)) < 0.3
    gold = [marked("word", *([(0, 4, "x")] if one else [])) for one in truth]
    found = [Found(frozenset("x") if one else frozenset(), {}) for one in said]
    measured = measure(gold, found, ("x",), ())
    for name, score in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
        sums = measured[f"sentence/x/{name}"]
        assert sums.above.sum() / sums.below.sum() == pytest.approx(score(truth, said))


def test_intervals_draw_documents() -> None:
    # Within documents all alike: resampling sentences would give a far narrower interval than resampling documents.
    right = np.repeat(np.arange(20) % 2, 50).astype(np.float64)
    sums, groups = Sums(right, np.ones(1000)), [f"d{i // 50}" for i in range(1000)]
    found = intervals({"m": sums}, groups, Bootstrap(resamples=4000))["m"]
    assert found.value == 0.5
    expected = np.quantile(np.random.default_rng(9).binomial(20, 0.5, 100_000) / 20, [0.025, 0.975])
    assert [found.low, found.high] == pytest.approx(expected, abs=0.051)


def test_tags_of_words_become_spans() -> None:
    words = [None, 0, 1, 1, 2, 3, None]
    offsets = [[0, 0], [0, 2], [3, 5], [5, 7], [8, 9], [10, 12], [0, 0]]
    found = _spans_of(["O", "B-a", "I-a", "O", "B-a", "I-b", "O"], words, offsets)
    assert found.spans == {"a": (Span(0, 7), Span(8, 9)), "b": (Span(10, 12),)}
    assert found.labels == {"a", "b"}


# --- what is declared, and the command -------------------------------------------------------------------------------


def test_what_is_declared_is_of_the_codebooks() -> None:
    for one in SUITE.sets.values():
        assert set(one.names.values()) == set(one.load_codebook().label_names)
        assert one.published


def test_folds_that_are_not_there_are_refused() -> None:
    declared = SUITE.sets["conll2010"]
    with pytest.raises(SettingError, match="5 folds"):
        type(declared)(**{**{f: getattr(declared, f) for f in declared.__slots__}, "measured_folds": (5,)})


@pytest.mark.slow
def test_the_command_measures_every_system_and_keeps_no_text(tmp_path: Path) -> None:
    declared = yaml.safe_load(HumanSuite.file().read_text(encoding="utf-8"))
    declared |= {"base": str(write_tiny_base(tmp_path / "base"))}
    declared["settings"] |= {"num_train_epochs": 1, "bf16": False}
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(declared), encoding="utf-8")
    plain = {**TAGGED, "text": "It is old .", "tokens": ["It", "is", "old", "."], "cues": ["_"] * 4}
    rows = [{**(TAGGED if i % 2 else plain), "document_id": f"d{i // 2}"} for i in range(160)]
    data = write_lines(tmp_path / "cues.jsonl", rows)
    app = typer.Typer()
    app.command()(main)
    arguments = ["--data", f"conll2010={data}", "--work", str(tmp_path / "work"), "--out", str(tmp_path)]
    arguments += ["--suite", str(tmp_path / "suite.yaml")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    text = (tmp_path / "human.json").read_text(encoding="utf-8")
    assert "widely" not in text
    results = json.loads(text)["results"]["conll2010"]
    assert set(results) == set(SUITE.sets["conll2010"].systems)
    # The two sentences are always the same: who looks words up knows them all.
    for system in ("lexicon", "tfidf"):
        assert results[system]["measures"]["sentence/uncertain/f1"]["value"] == 1
    assert results["lexicon"]["measures"]["exact/uncertain"]["value"] == 1
    (tmp_path / "human.json").unlink()
    again = CliRunner().invoke(app, [*arguments, "--resume"])
    assert again.exit_code == 0, again.output
    assert json.loads((tmp_path / "human.json").read_text(encoding="utf-8"))["results"]["conll2010"] == results


def test_written_gold_is_read_back(tmp_path: Path) -> None:
    codebook = SUITE.sets["polnear"].load_codebook()
    sentence = marked("a [[b]] c\\d", (2, 7, "cue"))
    gold = GoldSet((sentence,), (None,), ("d",), ({},))
    write_gold(gold, tmp_path / "x.tsv")
    assert GoldSet.read(tmp_path / "x.tsv", codebook) == gold
