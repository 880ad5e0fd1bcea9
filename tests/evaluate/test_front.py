"""``framing.evaluate``: a file of marked sentences in, scores with intervals out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

import framing
from framing import InputError, Labeler, MarkupError, SettingError, UnreadableFileError
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
