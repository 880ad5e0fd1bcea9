"""Scores of tasks against scikit-learn, of marked words against scipy's matching, and of codebooks without sections."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from sklearn.metrics import accuracy_score, brier_score_loss, confusion_matrix, f1_score

from framing.codebook import Codebook
from framing.evaluate.scoring import HEADLINES, Scores, as_prediction, bootstrap, headlines, measures, score
from framing.markup import MarkedSentence, MarkedSpan, Tag, parse
from framing.types import SentenceLabels
from tests.evaluate.marked_examples import CODEBOOK, LABELS, TEXT, VOICES, marked_sentences
from tests.own_codebook import own_codebook, tasks_only

OWN = own_codebook()
STANCES, TOPICS = OWN.tasks[0].names, OWN.tasks[1].names
TONES, PLACES = OWN.tasks[2].names, OWN.tasks[3].names

Answers = dict[str, str]


def answers() -> st.SearchStrategy[Answers]:
    topics = st.lists(st.sampled_from(TOPICS), unique=True).map("+".join)
    return st.fixed_dictionaries({"stance": st.sampled_from(STANCES), "topics": topics})


answered = st.lists(st.tuples(answers(), answers()), min_size=1, max_size=12)


def of_answers(pairs: Sequence[tuple[Answers, Answers]], codebook: Codebook) -> Scores:
    gold = [MarkedSentence("words")] * len(pairs)
    said = [as_prediction(gold[0], codebook, answers=guess) for _, guess in pairs]
    return score(gold, said, codebook=codebook, gold_answers=[right for right, _ in pairs])


@pytest.mark.slow
@pytest.mark.parametrize("codebook", [OWN, tasks_only()], ids=["own", "tasks only"])
@given(pairs=answered)
@settings(max_examples=60, deadline=None)
def test_answers_of_sentences_agree_with_scikit_learn(codebook: Codebook, pairs: list[tuple[Answers, Answers]]) -> None:
    scores = of_answers(pairs, codebook)
    right, said = [a["stance"] for a, _ in pairs], [a["stance"] for _, a in pairs]
    assert scores["stance_accuracy"] == pytest.approx(accuracy_score(right, said))
    present = [name for name in STANCES if name in right]
    macro = f1_score(right, said, labels=present, average="macro", zero_division=0)
    assert scores["stance_macro_f1"] == pytest.approx(macro)
    assert [list(row) for row in scores.confusions["stance"]] == confusion_matrix(right, said, labels=STANCES).tolist()

    truth, guess = (
        np.array([[name in pair[side]["topics"].split("+") for name in TOPICS] for pair in pairs]) for side in (0, 1)
    )
    nan = float("nan")
    micro = f1_score(truth, guess, average="micro", zero_division=nan)
    supported = [k for k in range(len(TOPICS)) if truth[:, k].any()]
    macro = np.mean([f1_score(truth[:, k], guess[:, k], zero_division=0) for k in supported]) if supported else nan
    np.testing.assert_allclose([scores["topics_micro_f1"], scores["topics_macro_f1"]], [micro, macro])


def test_answers_that_gold_does_not_give_are_not_counted() -> None:
    gold = [{"stance": "hostile"}, {"topics": ""}, {}]
    said = {"stance": "neutral", "topics": "war"}
    scores = of_answers([(right, said) for right in gold], OWN)
    assert scores["stance_accuracy"] == 0
    assert np.array(scores.confusions["stance"]).sum() == 1
    assert scores.counts.many["topics"].sum(axis=0).tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    without = score([MarkedSentence("words")], [as_prediction(MarkedSentence("words"), OWN)], codebook=OWN)
    assert all(np.isnan(without[name]) for name in ("stance_accuracy", "stance_macro_f1", "topics_micro_f1"))


def test_an_answer_that_is_not_given_is_wrong() -> None:
    right = [{"stance": "hostile"}] * 4
    said: list[Answers] = [{"stance": "hostile"}, {"stance": "neutral"}, {}, {}]
    scores = of_answers(list(zip(right, said, strict=True)), OWN)
    assert scores["stance_accuracy"] == pytest.approx(1 / 4)
    # Of the four, one is found; one of the others is taken for something else.
    assert scores["stance_macro_f1"] == pytest.approx(f1_score([1, 1, 1, 1], [1, 0, 0, 0]))


def test_tasks_of_mentions_by_hand() -> None:
    gold = [
        parse("[[Men|rebels.tone=ironic]] and [[boys|rebels.tone=plain]] of [[arms|terrorists.tone=plain]]", OWN),
        parse("[[Men|rebels.tone=plain]] left", OWN),
    ]
    guess = [
        parse("[[Men|rebels.tone=ironic]] and [[boys|rebels.tone=ironic]] of [[arms|rebels.tone=plain]]", OWN),
        parse("Men left", OWN),
    ]
    scores = score(gold, [as_prediction(marked, OWN) for marked in guess], codebook=OWN)
    # Two pairs of mentions: the third has another label, the last is missed.
    assert scores["tone_accuracy"] == pytest.approx(1 / 2)
    silent = [parse(marked, OWN) for marked in ("[[Men|rebels]] and [[boys|rebels.tone=plain]] of arms", "Men left")]
    said = score(gold, [as_prediction(marked, OWN) for marked in silent], codebook=OWN)
    assert said["tone_accuracy"] == pytest.approx(1 / 2)
    assert said.confusions["tone"] == ((1, 0), (0, 0))
    assert scores.confusions["tone"] == ((0, 1), (0, 1))
    assert scores["span_overlap_f1"] == pytest.approx(2 * 2 / (4 + 3))
    assert scores["span_exact_f1"] == scores["span_overlap_f1"]


# --- spans ------------------------------------------------------------------------------------------------------------

_OWN_TAGS = st.one_of(
    st.builds(
        lambda label, tone: Tag("frame", label, answers=(("tone", tone),)),
        st.sampled_from(OWN.label_names),
        st.sampled_from(TONES),
    ),
    st.builds(lambda value: Tag("task", value, task="place"), st.sampled_from(PLACES)),
)
_PAIRS = {
    "own": st.tuples(marked_sentences(_OWN_TAGS), marked_sentences(_OWN_TAGS)),
    "small": st.tuples(marked_sentences(), marked_sentences()),
}
_CODEBOOKS = {"own": OWN, "small": CODEBOOK}


def matched(gold: list[tuple[MarkedSpan, Tag]], guess: list[tuple[MarkedSpan, Tag]], *, voiced: bool = False) -> int:
    """The size of a maximum matching of spans that share a code point, by scipy."""
    edges = [
        [int(g.start < p.end and p.start < g.end and (not voiced or tag.voice == other.voice)) for p, other in guess]
        for g, tag in gold
    ]
    if not gold or not guess:
        return 0
    return int((maximum_bipartite_matching(csr_array(np.array(edges)), perm_type="column") >= 0).sum())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["own", "small"])
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_spans_agree_with_scipys_matching(name: str, data: st.DataObject) -> None:
    codebook = _CODEBOOKS[name]
    pairs = data.draw(st.lists(_PAIRS[name], min_size=1, max_size=6))
    scores = score(
        [gold for gold, _ in pairs], [as_prediction(guess, codebook) for _, guess in pairs], codebook=codebook
    )
    expected = {mark: np.zeros((3, 3), dtype=int) for mark in scores.counts.marks}
    for gold, guess in pairs:
        for mark, table in expected.items():
            right, said = (
                [(s, t) for s in sentence.spans for t in s.tags if t.output == mark] for sentence in (gold, guess)
            )
            exact = len({(s.start, s.end) for s, _ in right} & {(s.start, s.end) for s, _ in said})
            for row, found in zip(table, (matched(right, said), exact, matched(right, said, voiced=True)), strict=True):
                row += (found, len(said) - found, len(right) - found)
    counts = scores.counts.total()
    for k, (mark, (overlap, exact, voiced)) in enumerate(expected.items()):
        assert counts.overlap[0, k].tolist() == overlap.tolist(), mark
        assert counts.exact[0, k].tolist() == exact.tolist(), mark
        if mark in codebook.label_names:
            assert counts.voiced[0, k].tolist() == voiced.tolist(), mark

    def pooled(marks: Sequence[str], row: int) -> float:
        tp, fp, fn = sum(expected[mark][row] for mark in marks)
        return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else float("nan")

    labels = codebook.label_names
    assert scores["span_overlap_f1"] == pytest.approx(pooled(labels, 0), nan_ok=True)
    assert scores["span_exact_f1"] == pytest.approx(pooled(labels, 1), nan_ok=True)
    if name == "own":
        places = [mark for mark in expected if mark.startswith("place.")]
        assert scores["place_span_f1"] == pytest.approx(pooled(places, 0), nan_ok=True)
    else:
        hedges = [mark for mark in expected if mark.startswith("hedge.")]
        assert scores["mention_voice_f1"] == pytest.approx(pooled(labels, 2), nan_ok=True)
        assert scores["hedge_span_f1"] == pytest.approx(pooled(hedges, 0), nan_ok=True)
        assert scores["source_span_f1"] == pytest.approx(pooled(["source"], 0), nan_ok=True)


# --- which measures apply ---------------------------------------------------------------------------------------------


def test_headlines_are_those_that_apply() -> None:
    assert list(headlines(CODEBOOK)) == list(HEADLINES)
    assert list(headlines(OWN)) == [
        *("frames_macro_f1", "frames_micro_f1", "span_overlap_f1", "span_exact_f1", "frames_ece", "frames_brier"),
        *("stance_accuracy", "stance_macro_f1", "topics_macro_f1", "topics_micro_f1"),
        *("tone_accuracy", "place_span_f1"),
    ]
    assert list(headlines(tasks_only())) == [
        *("stance_accuracy", "stance_macro_f1", "topics_macro_f1", "topics_micro_f1"),
    ]
    # Voices are those of mentions, and without labels there are none.
    hedges = Codebook.from_dict({"tasks": {"stance": list(STANCES)}, "source": "none", "kinds": "none"})
    assert list(headlines(hedges)) == ["hedged_f1", "hedge_span_f1", "stance_accuracy", "stance_macro_f1"]
    assert set(headlines(hedges)) == set(of_answers([({"stance": "hostile"}, {"stance": "hostile"})], hedges).values)


@pytest.mark.parametrize("codebook", [OWN, tasks_only()], ids=["own", "tasks only"])
def test_scores_and_intervals_of_other_codebooks_are_json(codebook: Codebook) -> None:
    pairs = [({"stance": right, "topics": "war"}, {"stance": "hostile", "topics": "war+trade"}) for right in STANCES]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = of_answers(pairs, codebook)
        intervals = bootstrap(scores.counts, ["a", "b", "c"], n=50)
    assert set(headlines(codebook)) <= set(intervals)
    assert intervals["stance_accuracy"].value == scores["stance_accuracy"] == pytest.approx(1 / 3)
    assert intervals["stance_accuracy"].low <= 1 / 3 <= intervals["stance_accuracy"].high
    data = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert data["stance_confusion"]["neutral"] == {"supportive": 0, "neutral": 0, "hostile": 1}
    assert data["topics_micro_f1"] == pytest.approx(2 * 3 / (2 * 3 + 3))


@pytest.mark.slow
@given(answered, st.data())
@settings(max_examples=30, deadline=None)
def test_weights_equal_repeating_the_documents(pairs: list[tuple[Answers, Answers]], data: st.DataObject) -> None:
    groups = data.draw(st.lists(st.sampled_from("abc"), min_size=len(pairs), max_size=len(pairs)))
    drawn = data.draw(st.lists(st.sampled_from(sorted(set(groups))), min_size=1, max_size=5))
    repeated = [pair for name in drawn for pair, group in zip(pairs, groups, strict=True) if group == name]
    weights = np.array([[drawn.count(name) for name in sorted(set(groups))]])
    resampled = measures(of_answers(pairs, tasks_only()).counts.by_group(groups).weighted(weights))
    plain = measures(of_answers(repeated, tasks_only()).counts.total())
    for name, value in plain.items():
        np.testing.assert_allclose(resampled[name], value, err_msg=name)


def test_probabilities_of_marked_words_are_measured() -> None:
    rng = np.random.default_rng(0)
    probabilities = np.repeat([0.1, 0.8], 50)
    truth = rng.random(100) < probabilities
    gold = [parse(f"[[{TEXT}|place.town]]", OWN) if carried else parse(TEXT, OWN) for carried in truth]
    said = [with_probability(p) for p in probabilities]
    found = {one.name: one for one in score(gold, said, codebook=OWN).calibration}
    assert list(found) == ["rebels", "terrorists", "place.town", "place.country"]
    assert found["place.town"].brier == pytest.approx(brier_score_loss(truth, probabilities))
    by_level = [abs(truth[probabilities == level].mean() - level) for level in (0.1, 0.8)]
    assert found["place.town"].ece == pytest.approx(np.mean(by_level))


def test_probabilities_of_a_codebook_that_marks_nothing_are_no_matter() -> None:
    codebook, marked = tasks_only(), MarkedSentence("words")
    sure = replace(as_prediction(marked, codebook), probabilities={"stance.hostile": 0.9, "topics.war": 0.2})
    scores = score([marked] * 30, [sure] * 30, codebook=codebook, gold_answers=[{"topics": "war"}] * 30)
    assert scores.calibration == ()
    assert scores["topics_micro_f1"] == 0


def with_probability(probability: float) -> SentenceLabels:
    return replace(as_prediction(MarkedSentence(TEXT), OWN), probabilities={"place.town": probability})


def test_the_voices_of_paired_mentions_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    right, said = rng.choice(VOICES, 60), rng.choice(VOICES, 60)
    gold, guess = ([parse(f"[[men|{LABELS[0]}.{voice}]] left") for voice in voices] for voices in (right, said))
    scores = score(gold, [as_prediction(marked, CODEBOOK) for marked in guess], codebook=CODEBOOK)
    assert scores["voice_accuracy"] == pytest.approx(accuracy_score(right, said))
    assert scores["mention_voice_f1"] == pytest.approx(accuracy_score(right, said))  # as many are missed as are false
    assert [list(row) for row in scores.confusions["voice"]] == confusion_matrix(right, said, labels=VOICES).tolist()
