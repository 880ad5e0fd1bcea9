"""``framing.evaluate``: a file of marked sentences in, scores with intervals out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

import framing
from framing import ColumnError, InputError, Labeler, MarkupError, SettingError, UnreadableFileError
from framing.evaluate.gold import GoldSet
from framing.evaluate.scoring import as_prediction, headlines

GOLD = (
    'a\tbody\tHe said: "The [[army|government.quoted]] fled.\n'
    "a\tbody\tThe [[rebels|rebels.quoted]] [[may|hedge.epistemic]] come.\n"
    "b\theadline\t[[Heroes|heroes.author]] liberated the town\n"
    "b\tbody\tThe [[ministry|source]] said so in the rain.\n"
    "c\tcomment\tA massacre in the market\n"
)


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    path = tmp_path / "gold.tsv"
    path.write_text(GOLD, encoding="utf-8")
    return path


def test_a_checkpoint_and_a_labeler_of_it_score_alike(gold: Path, tiny_folder: Path, tiny_labeler: Labeler) -> None:
    by_folder = framing.evaluate(gold, tiny_folder, engine="onnx", threads=1, resamples=20)
    by_labeler = framing.evaluate(str(gold), tiny_labeler, resamples=20)
    assert json.dumps(by_folder.to_dict()) == json.dumps(by_labeler.to_dict())
    assert by_folder.documents == 3
    # The labeler is the caller's, and stays open.
    assert len(tiny_labeler(["The army fled."])) == 1


def test_scores_are_those_of_scikit_learn_over_documents_read_whole(gold: Path, tiny_labeler: Labeler) -> None:
    found = framing.evaluate(gold, tiny_labeler, resamples=20)
    codebook = tiny_labeler.codebook
    marked = GoldSet.read(gold, codebook)
    texts = [sentence.text for sentence in marked.sentences]
    # A quotation runs on in a document, and not into the next.
    labels = [*tiny_labeler.sentences(texts[:2]), *tiny_labeler.sentences(texts[2:4]), *tiny_labeler(texts[4:])]
    assert any(
        one.probabilities != pytest.approx(other.probabilities, abs=1e-4)
        for one, other in zip(labels, tiny_labeler(texts), strict=True)
    )
    names = codebook.label_names
    truth = np.array([[any(t.output == n for s in g.spans for t in s.tags) for n in names] for g in marked.sentences])
    said = np.array([[name in sentence.frames for name in names] for sentence in labels])
    assert said.any()
    assert found["frames_micro_f1"] == pytest.approx(f1_score(truth, said, average="micro"))
    supported = np.flatnonzero(truth.any(axis=0))
    macro = f1_score(truth[:, supported], said[:, supported], average="macro", zero_division=0)
    assert found["frames_macro_f1"] == pytest.approx(macro)
    assert found["kind_accuracy"] == pytest.approx(accuracy_score(marked.kinds, [s.kind for s in labels]))


def test_predictions_of_any_origin(gold: Path, tiny_labeler: Labeler) -> None:
    codebook = tiny_labeler.codebook
    marked = GoldSet.read(gold, codebook)
    perfect = [as_prediction(*pair) for pair in zip(marked.sentences, [codebook] * 5, marked.kinds, strict=True)]
    found = framing.evaluate(gold, predictions=perfect, codebook=codebook, resamples=20)
    assert {found[name] for name in headlines(codebook) if name not in ("frames_ece", "frames_brier")} == {1.0}
    assert found.intervals["frames_macro_f1"].value == 1
    with pytest.raises(SettingError, match="without a codebook"):
        framing.evaluate(gold, predictions=perfect)
    with pytest.raises(InputError, match="4 predictions were given for 5"):
        framing.evaluate(gold, predictions=perfect[1:], codebook=codebook)


def test_files_that_cannot_be_used(gold: Path, tiny_labeler: Labeler) -> None:
    with pytest.raises(UnreadableFileError, match="no file"):
        framing.evaluate(gold.with_name("none.tsv"), tiny_labeler)
    gold.write_text(GOLD + "d\tbody\t[[Men|bandits.author]] came\n", encoding="utf-8")
    with pytest.raises(MarkupError, match=r"gold\.tsv:6: column 7: the label 'bandits'"):
        framing.evaluate(gold, tiny_labeler)


def test_a_table_of_labelled_sentences_is_scored_as_scikit_learn_scores_it(
    tmp_path: Path, tiny_labeler: Labeler
) -> None:
    rows = [
        ("The army fled.", ["government"], "a"),
        ("Rebels came, the ministry said.", ["rebels", "government"], "a"),
        ("Heroes liberated the town.", [], "b"),
        ("A massacre in the market", ["rebels"], "c"),
    ]
    table, listed = tmp_path / "gold.csv", tmp_path / "gold.jsonl"
    table.write_text("text,labels,document\n" + "".join(f'"{t}",{";".join(ls)},{d}\n' for t, ls, d in rows))
    listed.write_text("".join(json.dumps({"text": t, "labels": ls, "document": d}) + "\n" for t, ls, d in rows))
    found = framing.evaluate(table, tiny_labeler, resamples=20, group_column="document")
    again = framing.evaluate(listed, tiny_labeler, resamples=20, group_column="document")
    assert json.dumps(found.to_dict()) == json.dumps(again.to_dict())
    assert found.documents == 3
    names = tiny_labeler.codebook.label_names
    truth = np.array([[name in labels for name in names] for _, labels, _ in rows])
    # Each row by itself, as a table is read in training.
    labels = [tiny_labeler(text) for text, _, _ in rows]
    said = np.array([[name in one.frames for name in names] for one in labels])
    assert said.any() and (said != truth).any()
    assert found["frames_micro_f1"] == pytest.approx(f1_score(truth, said, average="micro"))
    probabilities = np.array([[one.probabilities[name] for name in names] for one in labels])
    assert found["frames_brier"] == pytest.approx(((probabilities - truth) ** 2).mean())
    silent = set(headlines(tiny_labeler.codebook)) - {
        "frames_macro_f1", "frames_micro_f1", "frames_ece", "frames_brier",
    }  # fmt: skip
    assert {name: found[name] for name in silent} == pytest.approx(dict.fromkeys(silent, float("nan")), nan_ok=True)
    assert {score.name for score in found.scores.calibration} == set(names) == set(found.reliability())
    errors = {(error.place, error.name, error.what) for error in found.errors(1000)}
    wrong = zip(*np.nonzero(said != truth), strict=True)
    assert errors == {(i, names[k], "missed" if truth[i, k] else "invented") for i, k in wrong}
    same = found.compare(again, resamples=20)["frames_micro_f1"]
    assert (same.value, same.low, same.high) == (0, 0, 0)


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        ("text,label\nThe army fled.,government\n", ColumnError, "no column 'labels'"),
        ("text,labels\nThe army fled.,goverment\n", InputError, "did you mean 'government'"),
        ("text,labels\n,government\n", InputError, "the text is"),
        ("text,labels\n", InputError, "is empty"),
    ],
)
def test_tables_that_cannot_be_scored(
    tmp_path: Path, tiny_labeler: Labeler, content: str, error: type[InputError], says: str
) -> None:
    path = tmp_path / "gold.csv"
    path.write_text(content)
    with pytest.raises(error, match=says):
        framing.evaluate(path, tiny_labeler)
