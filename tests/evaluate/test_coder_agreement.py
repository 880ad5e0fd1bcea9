"""Agreement against scikit-learn and a published worked example."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from framing.codebook import Codebook
from framing.errors import InputError
from framing.evaluate.agreement import agreement, kappa_of_table, krippendorff_alpha
from framing.markup import parse
from tests.evaluate.marked_examples import codings


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=40))
@settings(max_examples=150, deadline=None)
def test_kappa_agrees_with_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    ours = kappa_of_table(confusion_matrix(first, second, labels=list("abc")))
    if len({*first, *second}) == 1:
        assert np.isnan(ours)
    else:
        assert ours == pytest.approx(cohen_kappa_score(first, second))


def test_alpha_of_krippendorffs_own_example() -> None:
    # Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", example C: four observers, twelve units, five
    # categories, missing data; nominal alpha 0.743.
    o = None
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, o, o, o],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, o, 3],
        [o, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, o],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, o],
    ]
    assert krippendorff_alpha(observers) == pytest.approx(0.743, abs=0.0005)


def test_alpha_of_two_coders_and_two_categories() -> None:
    # The same paper, example A: two observers, ten units; alpha 0.095.
    meg = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    owen = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert krippendorff_alpha([meg, owen]) == pytest.approx(0.095, abs=0.0005)


def test_alpha_where_nothing_can_be_said() -> None:
    assert np.isnan(krippendorff_alpha([["a", "a"], ["a", "a"]]))
    assert np.isnan(krippendorff_alpha([["a", None], [None, "b"]]))
    assert np.isnan(kappa_of_table(np.zeros((2, 2), dtype=int)))


@given(codings)
@settings(max_examples=50, deadline=None)
def test_codings_of_sentences_agree_with_the_plain_measures(codebook: Codebook, pairs: list) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    found = agreement(first, second, codebook=codebook)
    for label in found.labels:
        a, b = (
            [any(tag.output == label.name for span in s.spans for tag in span.tags) for s in coding]
            for coding in (first, second)
        )
        assert (label.first, label.second) == (sum(a), sum(b))
        np.testing.assert_allclose(label.kappa, kappa_of_table(confusion_matrix(a, b, labels=[False, True])))
        np.testing.assert_allclose(label.alpha, krippendorff_alpha([a, b]))


def test_agreement_is_the_same_both_ways(codebook: Codebook) -> None:
    first = [
        parse("[[Rebels|rebels.author]] hope for [[peace|peace.quoted]]"),
        parse("[[rebels|rebels.author]]"),
        parse("no"),
    ]
    second = [parse("[[Rebels|rebels.author]] hope for [[peace|peace.author]]"), parse("rebels"), parse("no")]
    there, back = (agreement(a, b, codebook=codebook) for a, b in ((first, second), (second, first)))
    assert there.headlines == pytest.approx(back.headlines, nan_ok=True)
    assert there.headlines["span_overlap_f1"] == pytest.approx(4 / 5)
    assert there.headlines["voice_accuracy"] == pytest.approx(1 / 2)
    assert "kind_accuracy" not in there.headlines


def test_codings_by_a_codebook_without_voices() -> None:
    data = {
        "labels": ["rebels"],
        "voices": "none",
        "tasks": {"kindness": {"scope": "mention", "values": ["yes", "no"]}},
    }
    codebook = Codebook.from_dict(data)
    marked = [f"[[Men|rebels.kindness={answer}]] [[may|hedge.epistemic]] come" for answer in ("yes", "yes", "no")]
    first, second = ([parse(m, codebook) for m in coding] for coding in (marked, [marked[0], marked[2], marked[2]]))
    found = agreement(first, second, codebook=codebook)
    assert np.isnan(found.voice_kappa)
    assert found.headlines["kindness_accuracy"] == pytest.approx(2 / 3)
    assert found.headlines["hedged_f1"] == 1
    assert not {"kind_accuracy", "voice_accuracy"} & set(found.headlines)


def test_coders_must_judge_the_same_units(codebook: Codebook) -> None:
    with pytest.raises(InputError, match=r"\[1, 2\] units"):
        krippendorff_alpha([["a"], ["a", "b"]])
    with pytest.raises(InputError, match="another text"):
        agreement([parse("one")], [parse("two")], codebook=codebook)
