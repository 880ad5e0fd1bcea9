"""Scores against scikit-learn, hand counts, and the plain way of resampling."""

from __future__ import annotations

import dataclasses
import json
import warnings
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, confusion_matrix, f1_score, precision_recall_fscore_support

from framing.codebook import Codebook
from framing.errors import CodebookMismatchError, InputError, SettingError
from framing.evaluate.matching import maximum_matching
from framing.evaluate.scoring import (
    HEADLINES,
    as_prediction,
    bootstrap,
    count,
    equal_mass_bins,
    measures,
    paired_bootstrap,
    score,
)
from framing.markup import MarkedSentence, parse
from framing.types import Kind, SentenceLabels
from tests.evaluate.marked_examples import TEXT, codings, predicted

Pairs = list[tuple[MarkedSentence, MarkedSentence]]


def _k_hot(sentences: list[MarkedSentence], names: tuple[str, ...]) -> np.ndarray:
    carried = [{tag.output for span in sentence.spans for tag in span.tags} for sentence in sentences]
    return np.array([[name in outputs for name in names] for outputs in carried], dtype=int)


def _score(pairs: Pairs, codebook: Codebook):
    return score([gold for gold, _ in pairs], [as_prediction(guess, codebook) for _, guess in pairs], codebook=codebook)


@pytest.mark.slow
@given(codings)
@settings(max_examples=100, deadline=None)
def test_sentence_level_agrees_with_scikit_learn(codebook: Codebook, pairs: Pairs) -> None:
    scores = _score(pairs, codebook)
    truth = _k_hot([gold for gold, _ in pairs], codebook.outputs)
    guess = _k_hot([guess for _, guess in pairs], codebook.outputs)
    nan = float("nan")
    precision, recall, f1, support = precision_recall_fscore_support(truth, guess, average=None, zero_division=nan)
    np.testing.assert_allclose([s.precision for s in scores.labels], precision)
    np.testing.assert_allclose([s.recall for s in scores.labels], recall)
    np.testing.assert_allclose([s.f1 for s in scores.labels], f1)
    assert [s.support for s in scores.labels] == support.tolist()

    frames = slice(0, len(codebook.label_names))
    micro = f1_score(truth[:, frames], guess[:, frames], average="micro", zero_division=nan)
    np.testing.assert_allclose(scores["frames_micro_f1"], micro)
    supported = [k for k in range(len(codebook.label_names)) if truth[:, k].any()]
    macro = np.mean([f1_score(truth[:, k], guess[:, k]) for k in supported]) if supported else nan
    np.testing.assert_allclose(scores["frames_macro_f1"], macro)

    hedging = [codebook.output_index(f"hedge.{kind}") for kind in ("epistemic", "hearsay", "distancing")]
    hedged = f1_score(truth[:, hedging].any(axis=1), guess[:, hedging].any(axis=1), zero_division=nan)
    np.testing.assert_allclose(scores["hedged_f1"], hedged)


def test_spans_by_hand(codebook: Codebook) -> None:
    gold = parse(
        "The [[rebel fighters|rebels.author]] and [[terrorists|terrorists.quoted]] signed a [[truce|peace.author]]."
    )
    guess = predicted(
        "The rebel [[fighters|rebels.author]] and [[terrorists|terrorists.author]] [[signed|peace.author]] a truce."
    )
    scores = score([gold], [guess], codebook=codebook)
    # Overlap: rebels and terrorists; the two "peace" spans do not touch. 2 of 3 on both sides.
    assert scores["span_overlap_f1"] == pytest.approx(2 / 3)
    assert scores["span_exact_f1"] == pytest.approx(1 / 3)
    assert scores["mention_voice_f1"] == pytest.approx(1 / 3)
    assert scores["voice_accuracy"] == pytest.approx(1 / 2)
    assert scores["frames_micro_f1"] == 1
    assert {s.name: s.f1 for s in scores.spans}["peace"] == 0


def test_one_span_over_two_gold_spans_finds_one_of_them(codebook: Codebook) -> None:
    gold = parse("[[rebels|rebels.author]] and [[insurgents|rebels.author]] met")
    guess = predicted("[[rebels and insurgents|rebels.author]] met")
    scores = score([gold], [guess], codebook=codebook)
    assert dict(zip(("tp", "fp", "fn"), scores.counts.overlap.sum(axis=0)[0], strict=True)) == {
        "tp": 1,
        "fp": 0,
        "fn": 1,
    }


def test_hedge_kinds_and_sources(codebook: Codebook) -> None:
    gold = [
        parse("[[Reportedly|hedge.hearsay]] [[nearly|hedge.approximation]] all left, [[the mayor|source]] said."),
        parse("[[About|hedge.approximation]] forty left."),
    ]
    guess = [
        predicted("[[Reportedly|hedge.hearsay]] nearly all left, the [[mayor|source]] said."),
        predicted("[[About|hedge.epistemic]] forty left."),
    ]
    scores = score(gold, guess, codebook=codebook)
    by_name = {s.name: s for s in scores.labels}
    assert by_name["hedge.hearsay"].f1 == 1
    assert by_name["hedge.approximation"].recall == 0
    assert scores["hedged_f1"] == pytest.approx(
        2 / 3
    )  # the second is taken for hedged, but approximation does not hedge
    assert scores["source_f1"] == scores["source_span_f1"] == 1
    assert scores["hedge_span_f1"] == pytest.approx(2 * 1 / (3 + 2))


def test_kinds_and_their_confusion(codebook: Codebook) -> None:
    kinds = ["headline", "body", "body", "comment"]
    guessed = ["headline", "body", "caption", "boilerplate"]
    gold = [parse("words")] * 4
    scores = score(gold, [predicted("words", kind) for kind in guessed], codebook=codebook, gold_kinds=kinds)
    assert scores["kind_accuracy"] == 0.5
    names = [str(kind) for kind in Kind]
    assert [list(row) for row in scores.confusions["kind"]] == confusion_matrix(kinds, guessed, labels=names).tolist()
    assert np.isnan(score(gold, [predicted("words")] * 4, codebook=codebook)["kind_accuracy"])


@pytest.mark.slow
@given(codings)
@settings(max_examples=50, deadline=None)
def test_voice_confusion_holds_the_paired_mentions(codebook: Codebook, pairs: Pairs) -> None:
    scores = _score(pairs, codebook)
    frames = len(codebook.label_names)
    confusion = np.array(scores.confusions["voice"])
    assert confusion.sum() == scores.counts.overlap[:, :frames, 0].sum()
    # A mention that is right with its voice is right without it; pairing for voice can only find more of the same.
    assert np.trace(confusion) <= scores.counts.voiced[..., 0].sum() <= confusion.sum()


@pytest.mark.slow
@given(
    st.integers(1, 4).flatmap(
        lambda rows: st.integers(1, 4).flatmap(
            lambda columns: st.lists(
                st.lists(st.sampled_from([0, 0, 1, 2, 9]), min_size=columns, max_size=columns),
                min_size=rows,
                max_size=rows,
            )
        )
    )
)
@settings(max_examples=200, deadline=None)
def test_matching_is_the_best_of_all_matchings(table: list[list[int]]) -> None:
    shared = np.array(table)
    wide = shared if shared.shape[0] <= shared.shape[1] else shared.T
    every = [[wide[r, c] for r, c in enumerate(columns)] for columns in permutations(range(wide.shape[1]), len(wide))]
    best = max((sum(value > 0 for value in values), sum(values)) for values in every)
    pairs = maximum_matching(shared)
    assert (len(pairs), sum(shared[pair] for pair in pairs)) == best
    assert len({r for r, _ in pairs}) == len({c for _, c in pairs}) == len(pairs)


def test_greedy_pairing_would_lose_a_pair() -> None:
    # The first gold span touches both guesses, the second only the first guess.
    assert len(maximum_matching(np.array([[3, 1], [2, 0]]))) == 2


@pytest.mark.slow
@given(codings, st.data())
@settings(max_examples=50, deadline=None)
def test_weights_equal_repeating_the_documents(codebook: Codebook, pairs: Pairs, data: st.DataObject) -> None:
    groups = data.draw(st.lists(st.sampled_from("abc"), min_size=len(pairs), max_size=len(pairs)))
    drawn = data.draw(st.lists(st.sampled_from(sorted(set(groups))), min_size=1, max_size=5))
    repeated = [pair for name in drawn for pair, group in zip(pairs, groups, strict=True) if group == name]
    weights = np.array([[drawn.count(name) for name in sorted(set(groups))]])
    resampled = measures(_score(pairs, codebook).counts.by_group(groups).weighted(weights))
    plain = measures(_score(repeated, codebook).counts.total())
    # The bins of ECE are those of the full sample, by design; and a sample may hold no probability at all.
    skipped = (
        ("ece/", "frames_ece")
        if np.isfinite(plain["frames_brier"])
        else ("ece/", "brier/", "frames_ece", "frames_brier")
    )
    for name in plain:
        if not name.startswith(skipped):
            np.testing.assert_allclose(resampled[name], plain[name], err_msg=name)


def test_bootstrap_is_wider_over_documents_than_over_sentences(codebook: Codebook) -> None:
    right, wrong = predicted("[[rebels|rebels.author]] met"), predicted("rebels met")
    gold = [parse("[[rebels|rebels.author]] met")] * 40
    # Whole documents are right or wrong: 4 documents carry no more than 4 facts.
    guess = [right] * 10 + [wrong] * 10 + [right] * 10 + [wrong] * 10
    counts = score(gold, guess, codebook=codebook).counts
    by_document = bootstrap(counts, [str(i // 10) for i in range(40)])["frames_micro_f1"]
    by_sentence = bootstrap(counts, [str(i) for i in range(40)])["frames_micro_f1"]
    assert (
        by_document.low < by_sentence.low < by_document.value == by_sentence.value < by_sentence.high < by_document.high
    )


def test_bootstrap_agrees_with_scipy(codebook: Codebook) -> None:
    from scipy.stats import bootstrap as scipy_bootstrap

    right = np.arange(200) % 4 != 0
    kinds = ["headline" if ok else "caption" for ok in right]
    counts = score(
        [parse("words")] * 200,
        [predicted("words", kind) for kind in kinds],
        codebook=codebook,
        gold_kinds=["headline"] * 200,
    ).counts
    ours = bootstrap(counts, [str(i) for i in range(200)])["kind_accuracy"]
    theirs = scipy_bootstrap(
        (right.astype(float),), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_bootstrap_repeats_itself_and_depends_on_its_seed(codebook: Codebook) -> None:
    gold = [parse("[[rebels|rebels.author]] met"), parse("nothing"), parse("[[truce|peace.author]] now")] * 5
    guess = [predicted("[[rebels|rebels.author]] met"), predicted("nothing"), predicted("truce now")] * 5
    counts, groups = score(gold, guess, codebook=codebook).counts, [str(i) for i in range(15)]
    assert repr(bootstrap(counts, groups, seed=3)) == repr(bootstrap(counts, groups, seed=3))
    assert repr(bootstrap(counts, groups, seed=3)) != repr(bootstrap(counts, groups, seed=4))


def test_paired_bootstrap_sees_a_small_steady_advantage(codebook: Codebook) -> None:
    gold = [parse("[[rebels|rebels.author]] signed a [[truce|peace.author]]")] * 30
    both = predicted("[[rebels|rebels.author]] signed a [[truce|peace.author]]")
    one = predicted("[[rebels|rebels.author]] signed a truce")
    none = predicted("rebels signed a truce")
    groups = [str(i) for i in range(30)]
    # Hard documents are hard for both systems; the first finds one label more wherever anything is found.
    better = score(gold, [both, none] * 15, codebook=codebook).counts
    worse = score(gold, [one, none] * 15, codebook=codebook).counts
    difference = paired_bootstrap(better, worse, groups)["frames_micro_f1"]
    assert difference.low > 0
    assert difference.share_above > 0.99
    mirrored = paired_bootstrap(worse, better, groups)["frames_micro_f1"]
    assert mirrored.value == pytest.approx(-difference.value)
    assert mirrored.share_above == pytest.approx(1 - difference.share_above)
    same = paired_bootstrap(better, better, groups)["frames_micro_f1"]
    assert (same.value, same.low, same.high, same.share_above) == (0, 0, 0, 0.5)


def _with_probability(probability: float) -> SentenceLabels:
    return dataclasses.replace(predicted(TEXT), probabilities={"rebels": probability})


def test_brier_agrees_with_scikit_learn_and_ece_with_a_hand_count(codebook: Codebook) -> None:
    rng = np.random.default_rng(0)
    probabilities = np.repeat([0.1, 0.4, 0.8, 0.9], 50)
    truth = rng.random(200) < probabilities
    gold = [parse(f"[[{TEXT}|rebels.author]]") if carried else parse(TEXT) for carried in truth]
    scores = score(gold, [_with_probability(p) for p in probabilities], codebook=codebook)
    rebels = scores.calibration[0]
    assert rebels.brier == pytest.approx(brier_score_loss(truth, probabilities))
    by_level = [abs(truth[probabilities == level].mean() - level) for level in (0.1, 0.4, 0.8, 0.9)]
    assert rebels.ece == pytest.approx(np.mean(by_level))
    assert scores["frames_ece"] == pytest.approx(rebels.ece / 3)  # the other two labels are never given nor true


def test_bins_hold_their_minimum_and_keep_equal_values_together() -> None:
    values = np.concatenate([np.zeros(600), np.linspace(0.01, 0.99, 400)])
    bins = equal_mass_bins(values)
    sizes = np.bincount(bins)
    assert len(set(bins[values == 0])) == 1
    assert sizes[sizes > 0].min() >= 25
    assert (np.diff(bins[np.argsort(values)]) >= 0).all()
    assert equal_mass_bins(np.array([0.2, 0.9])).tolist() == [0, 0]


def test_nothing_to_count_is_nan_and_none_in_json(codebook: Codebook) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = score([parse("words")], [predicted("words")], codebook=codebook)
        intervals = bootstrap(scores.counts, ["a"], n=10)
    assert np.isnan(scores["frames_macro_f1"])
    assert np.isnan(intervals["frames_macro_f1"].low)
    data = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert data["frames_macro_f1"] is None
    assert data["sentences"] == 1
    assert set(HEADLINES) <= set(data)
    assert scores.calibration == ()


def test_coders_marks_survive_as_a_prediction(codebook: Codebook) -> None:
    marked = parse("[[The rebels|rebels.attributed+source]] [[hope|hedge.epistemic]] for a [[truce|peace.quoted]]")
    prediction = as_prediction(marked, codebook, "headline")
    scores = score([marked], [prediction], codebook=codebook, gold_kinds=["headline"])
    assert list(scores.values) == list(HEADLINES)
    assert {name: value for name, value in scores.values.items() if value != 1} == {
        "frames_brier": 0.0,
        "frames_ece": 0.0,
    }


def test_mistakes_are_told(codebook: Codebook) -> None:
    gold, guess = [parse("[[rebels|rebels.author]] met")], [predicted("[[rebels|rebels.author]] met")]
    with pytest.raises(InputError, match="2 predictions were given for 1"):
        score(gold, guess * 2, codebook=codebook)
    with pytest.raises(InputError, match="another text"):
        score(gold, [predicted("rebels meet")], codebook=codebook)
    with pytest.raises(InputError, match="2 kinds were given for 1"):
        score(gold, guess, codebook=codebook, gold_kinds=["body", "body"])
    with pytest.raises(InputError, match="gold mark carries 'bandits'"):
        score([parse("[[rebels|bandits.author]] met")], guess, codebook=codebook)
    with pytest.raises(CodebookMismatchError, match="prediction carries 'bandits'"):
        score(gold, [predicted("[[rebels|bandits.author]] met")], codebook=codebook)
    counts = count(gold, guess, codebook=codebook)
    with pytest.raises(InputError, match="2 groups were given for 1"):
        bootstrap(counts, ["a", "b"])
    with pytest.raises(SettingError, match="level 95"):
        bootstrap(counts, ["a"], level=95)
    with pytest.raises(SettingError, match="0 resamples"):
        bootstrap(counts, ["a"], n=0)
    with pytest.raises(InputError, match="1 and 2 sentences"):
        paired_bootstrap(counts, count(gold * 2, guess * 2, codebook=codebook), ["a"])
    with pytest.raises(InputError, match="no sentence"):
        bootstrap(count([], [], codebook=codebook), [])
