"""Agreement of coders against scikit-learn, the package krippendorff, nltk, and published worked examples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, confusion_matrix, f1_score

from framing.codebook import Codebook
from framing.errors import InputError, SettingError
from framing.evaluate.agreement import Agreement, agreement, coded, kappa_of_table, krippendorff_alpha
from framing.evaluate.codings import Coding, align
from framing.evaluate.reliability import AlphaSums, masi_distance, unitizing
from framing.markup import MarkedSentence, parse
from tests.evaluate.marked_examples import CODEBOOK, codings


@pytest.mark.slow
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


@pytest.mark.slow
@given(
    st.lists(st.lists(st.sampled_from([None, 0, 1, 2]), min_size=3, max_size=3), min_size=2, max_size=25),
)
@settings(max_examples=150, deadline=None)
def test_alpha_agrees_with_the_package_krippendorff(units: list[list[int | None]]) -> None:
    krippendorff = pytest.importorskip("krippendorff")
    coders = list(map(list, zip(*units, strict=True)))
    pairable = [v for unit in units if sum(v is not None for v in unit) > 1 for v in unit if v is not None]
    ours = krippendorff_alpha(coders)
    if len(set(pairable)) < 2:
        assert np.isnan(ours)
        return
    data = np.array([[np.nan if v is None else v for v in coder] for coder in coders])
    assert ours == pytest.approx(krippendorff.alpha(data, level_of_measurement="nominal"))


SETS = st.frozensets(st.sampled_from("abcd"), min_size=1)


@pytest.mark.slow
@given(SETS, SETS)
@settings(max_examples=100, deadline=None)
def test_masi_agrees_with_nltk(first: frozenset[str], second: frozenset[str]) -> None:
    distance = pytest.importorskip("nltk.metrics.distance")
    # nltk rounds Passonneau's thirds to 0.67 and 0.33.
    assert masi_distance(first, second) == pytest.approx(distance.masi_distance(first, second), abs=0.004)


def test_masi_of_empty_sets() -> None:
    assert masi_distance((), ()) == 0
    assert masi_distance((), ("a",)) == 1


@pytest.mark.slow
@given(st.lists(st.tuples(SETS, SETS, SETS), min_size=2, max_size=12))
@settings(max_examples=60, deadline=None)
def test_alpha_of_sets_agrees_with_nltk(units: list[tuple[frozenset[str], ...]]) -> None:
    task = pytest.importorskip("nltk.metrics.agreement").AnnotationTask
    coders = list(zip(*units, strict=True))
    ours = AlphaSums.of_codings(coders, masi_distance).total().alpha()[0]
    if len({one for unit in units for one in unit}) == 1:
        assert np.isnan(ours)
        return
    data = [(coder, unit, value) for unit, said in enumerate(units) for coder, value in enumerate(said)]
    assert ours == pytest.approx(task(data, distance=masi_distance).alpha())


def test_unitizing_alpha_of_krippendorffs_own_example() -> None:
    # Krippendorff (2004), "Content Analysis", p. 254: a continuum from 150 to 450, two observers, two categories.
    def placed(*units: tuple[int, int]) -> list[tuple[int, int]]:
        return [(start - 150, start - 150 + length) for start, length in units]

    c = unitizing([placed((225, 70), (370, 30)), placed((220, 80), (355, 20), (400, 20))], 300)
    k = unitizing([placed((180, 60), (300, 50))] * 2, 300)
    assert (c.observed, c.expected) == (pytest.approx(0.0144, abs=5e-5), pytest.approx(0.0532, abs=5e-5))
    assert (k.observed, k.expected) == (0, pytest.approx(0.0490, abs=5e-5))
    assert (c.alpha, k.alpha) == (pytest.approx(0.7286, abs=1e-4), 1)
    both = 1 - (c.observed + k.observed) / (c.expected + k.expected)
    assert both == pytest.approx(0.8591, abs=5e-4)


def plain_unitizing(coders: list[list[tuple[int, int]]], length: int) -> tuple[float, float]:
    """The formulas as they are printed, with a loop for every sum."""
    sections = []
    for units in coders:
        at, own = 0, []
        for start, end in [*units, (length, length)]:
            own += [(at, start - at, 0)] if start > at else []
            own += [(start, end - start, 1)] if end > start else []
            at = end
        sections.append(own)

    def apart(g: tuple[int, int, int], h: tuple[int, int, int]) -> int:
        (b, size, v), (c, other, w) = g, h
        if v and w and -size < b - c < other:
            return (b - c) ** 2 + (b + size - c - other) ** 2
        return size**2 if v and not w and c <= b and b + size <= c + other else 0

    m = len(coders)
    observed = 0
    for i in range(m):
        for j in range(m):
            if i != j:
                for g in sections[i]:
                    for h in sections[j]:
                        observed += apart(g, h) if g[2] else apart(h, g) if h[2] else 0
    n = sum(v for own in sections for _, _, v in own)
    top = below = 0.0
    for own in sections:
        for _, b, v in own:
            if v:
                room = sum(gap - b + 1 for other in sections for _, gap, w in other if not w and gap >= b)
                top += (n - 1) / 3 * (2 * b**3 - 3 * b**2 + b) + b * b * room
                below += b * (b - 1)
    return observed / (m * (m - 1) * length**2), 2 / length * top / (m * length * (m * length - 1) - below)


@st.composite
def continua(draw: st.DrawFn) -> list[list[tuple[int, int]]]:
    coders = []
    for _ in range(draw(st.integers(2, 3))):
        cuts = sorted(draw(st.sets(st.integers(0, 30), max_size=8)))
        coders.append(list(zip(cuts[::2], cuts[1::2], strict=False)))
    return coders


@pytest.mark.slow
@given(continua())
@settings(max_examples=150, deadline=None)
def test_unitizing_agrees_with_the_printed_formulas(coders: list[list[tuple[int, int]]]) -> None:
    found = unitizing(coders, 30)
    if not any(coders):
        assert np.isnan(found.alpha)
    else:
        assert (found.observed, found.expected) == pytest.approx(plain_unitizing(coders, 30))


def test_units_lie_within_the_continuum_and_may_overlap() -> None:
    overlapping = unitizing([[(0, 4), (2, 6)], [(0, 6)]], 10)
    assert overlapping.alpha == 1
    with pytest.raises(InputError, match="ends at 11"):
        unitizing([[(0, 11)], []], 10)
    with pytest.raises(InputError, match="1 coders"):
        unitizing([[(0, 1)]], 10)


# --- codings ----------------------------------------------------------------------------------------------------------


def coding(name: str, sentences: list[MarkedSentence], codebook: Codebook = CODEBOOK, **own: object) -> Coding:
    return Coding(name, tuple(coded(one, codebook, id=str(i)) for i, one in enumerate(sentences)), **own)  # type: ignore[arg-type]


def agreed(*coders: list[str], codebook: Codebook = CODEBOOK, **options: object) -> Agreement:
    parsed = [coding(name, [parse(m, codebook) for m in c], codebook) for name, c in zip("ABC", coders, strict=False)]
    return agreement(parsed, codebook=codebook, resamples=50, **options)  # type: ignore[arg-type]


def carries(sentence: MarkedSentence, name: str) -> bool:
    return any(tag.output == name for span in sentence.spans for tag in span.tags)


@pytest.mark.slow
@given(codings)
@settings(max_examples=40, deadline=None)
def test_labels_agree_with_the_plain_measures(pairs: list) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    found = agreement([coding("A", first), coding("B", second)], codebook=CODEBOOK, resamples=10)
    (pair,) = found.pairs
    for label in found.labels:
        a, b = ([carries(s, label.name) for s in coder] for coder in (first, second))
        assert label.carried == (sum(a), sum(b))
        kappa = kappa_of_table(confusion_matrix(a, b, labels=[False, True]))
        np.testing.assert_allclose([label.kappa.value, pair.kappa[label.name]], kappa)
        np.testing.assert_allclose(label.alpha.value, krippendorff_alpha([a, b]))
        assert label.percent.value == pytest.approx(np.mean([x == y for x, y in zip(a, b, strict=True)]))
        f1 = f1_score(a, b, zero_division=np.nan) if any(a) or any(b) else np.nan
        np.testing.assert_allclose(pair.values[f"f1/{label.name}"].value, f1)
        covered = [
            [any(carries(replace(s, spans=(span,)), label.name) and span.start <= at < span.end for span in s.spans)
             for s in coder for at in range(len(s.text))]
            for coder in (first, second)
        ]  # fmt: skip
        np.testing.assert_allclose(label.span_alpha.value, krippendorff_alpha(covered))
    sets = [[frozenset(n for n in CODEBOOK.label_names if carries(s, n)) for s in c] for c in (first, second)]
    masi = AlphaSums.of_codings(sets, masi_distance).total().alpha()[0]
    np.testing.assert_allclose(found["labels_masi_alpha"], masi)
    assert found["same_labels"] == pytest.approx(np.mean([a == b for a, b in zip(*sets, strict=True)]))


def test_agreement_is_the_same_both_ways() -> None:
    first = ["[[Rebels|rebels.author]] hope for [[peace|peace.quoted]]", "[[rebels|rebels.author]]", "no"]
    second = ["[[Rebels|rebels.author]] hope for [[peace|peace.author]]", "rebels", "no"]
    there, back = agreed(first, second).pairs[0], agreed(second, first).pairs[0]
    assert {n: v.value for n, v in there.values.items()} == pytest.approx(
        {n: v.value for n, v in back.values.items()}, nan_ok=True
    )
    assert there.values["span_overlap_f1"].value == pytest.approx(4 / 5)
    assert there.values["voice_accuracy"].value == pytest.approx(1 / 2)
    assert np.isnan(there.values["kind_accuracy"].value)  # nobody gave kinds
    assert there.confusions["voice"] == tuple(zip(*back.confusions["voice"], strict=True))


def test_three_coders_and_a_sentence_that_one_left_out() -> None:
    texts = ["[[Rebels|rebels.author]] came", "[[peace|peace.author]] now", "Nothing", "[[Rebels|rebels.author]] went"]
    a, b, c = (coding(name, [parse(t) for t in texts]) for name in "ABC")
    b = replace(b, sentences=(replace(coded(parse("Rebels came"), CODEBOOK), id="0"), *b.sentences[1:]))
    c = replace(c, sentences=c.sentences[:3])
    found = agreement([a, b, c], codebook=CODEBOOK, resamples=20)
    assert found.sentences == 4
    assert [(p.first, p.second, p.sentences) for p in found.pairs] == [("A", "B", 4), ("A", "C", 3), ("B", "C", 3)]
    rebels = found.labels[0]
    assert rebels.carried == (2, 1, 1)
    expected = krippendorff_alpha([[1, 0, 0, 1], [0, 0, 0, 1], [1, 0, 0, None]])
    assert rebels.alpha.value == pytest.approx(expected)
    kappas = [
        cohen_kappa_score([1, 0, 0, 1], [0, 0, 0, 1]),
        cohen_kappa_score([1, 0, 0], [1, 0, 0]),
        cohen_kappa_score([0, 0, 0], [1, 0, 0]),
    ]
    assert rebels.kappa.value == pytest.approx(np.mean(kappas))
    assert rebels.percent.value == pytest.approx((1 + 3 + 3 + 1) / 10)
    assert [(one.what, one.name, one.said) for one in found.disagreements] == [
        ("label", "rebels", ("‹Rebels› author", "–", "‹Rebels› author"))
    ]


def test_intervals_resample_documents() -> None:
    a = ["[[Rebels|rebels.author]] came"] * 3 + ["Nothing"] * 5
    b = ["[[Rebels|rebels.author]] came"] * 2 + ["Rebels came"] + ["Nothing"] * 5
    one_document = [
        Coding(n, tuple(coded(parse(t), CODEBOOK, document="d", id=str(i)) for i, t in enumerate(texts)))
        for n, texts in (("A", a), ("B", b))
    ]
    found = agreement(one_document, codebook=CODEBOOK, resamples=30)
    alpha = found.labels[0].alpha
    assert alpha.low == alpha.value == alpha.high  # there is nothing else to draw
    many = agreed(a, b)
    assert many.labels[0].alpha.low < many.labels[0].alpha.value
    assert many.labels[0] == agreed(a, b).labels[0]  # by the seed
    assert many.labels[0].alpha != agreed(a, b, seed=1).labels[0].alpha


def test_rivals_are_confused_on_the_same_words() -> None:
    book = Codebook.from_dict(
        {
            "labels": ["rebels", "terrorists", "peace"],
            "voices": "none",
            "contrasts": {"who": {"labels": ["rebels", "terrorists"]}},
        }
    )
    first = ["[[Men|rebels]] and [[others|terrorists]]", "[[Men|rebels]] in [[peace|peace]]", "[[Men|rebels]]"]
    second = ["[[Men|terrorists]] and [[others|terrorists]]", "[[Men|peace]] in peace", "[[Men|rebels]]"]
    (rival,) = agreed(first, second, codebook=book).pairs[0].rivals
    assert rival.labels == ("rebels", "terrorists")
    assert rival.table == ((1, 1, 1), (0, 1, 0), (0, 0, 0))


def test_codings_by_a_codebook_without_voices() -> None:
    data = {
        "labels": ["rebels"],
        "voices": "none",
        "tasks": {"kindness": {"scope": "mention", "values": ["yes", "no"]}},
    }
    codebook = Codebook.from_dict(data)
    marked = [f"[[Men|rebels.kindness={answer}]] [[may|hedge.epistemic]] come" for answer in ("yes", "yes", "no")]
    found = agreed(marked, [marked[0], marked[2], marked[2]], codebook=codebook)
    (pair,) = found.pairs
    assert np.isnan(pair.voice_kappa)
    assert pair.values["kindness_accuracy"].value == pytest.approx(2 / 3)
    assert pair.values["hedged_f1"].value == 1
    assert "voice_accuracy" not in pair.values
    assert [(one.what, one.said) for one in found.disagreements] == [
        ("voice", ("‹Men› kindness=yes", "‹Men› kindness=no"))
    ]


def test_tasks_and_kinds_of_sentences() -> None:
    codebook = Codebook.from_dict(
        {
            "tasks": {
                "stance": {"scope": "sentence", "values": ["for", "against"]},
                "topics": {"scope": "sentence", "choose": "many", "values": ["war", "trade"]},
            }
        }
    )

    def said(name: str, answers: list[tuple[str, str, str]]) -> Coding:
        sentences = [
            coded(parse(f"Sentence {i}"), codebook, kind=kind, answers={"stance": stance, "topics": topics}, id=str(i))
            for i, (kind, stance, topics) in enumerate(answers)
        ]
        return Coding(name, tuple(sentences))

    a = [("body", "for", "war"), ("headline", "against", "war+trade"), ("body", "for", "")]
    b = [("body", "for", "war"), ("body", "against", "war"), ("body", "against", "")]
    found = agreement([said("A", a), said("B", b)], codebook=codebook, resamples=10)
    assert found["kind_alpha"] == pytest.approx(krippendorff_alpha([[k for k, _, _ in c] for c in (a, b)]))
    assert found["stance_alpha"] == pytest.approx(krippendorff_alpha([[s for _, s, _ in c] for c in (a, b)]))
    sets = [[frozenset(filter(None, t.split("+"))) for _, _, t in c] for c in (a, b)]
    assert found["topics_alpha"] == pytest.approx(AlphaSums.of_codings(sets, masi_distance).total().alpha()[0])
    assert found.pairs[0].values["stance_accuracy"].value == pytest.approx(2 / 3)
    assert [one.what for one in found.disagreements] == ["kind", "task", "task"]


# --- alignment --------------------------------------------------------------------------------------------------------


def test_sentences_are_matched_by_id_or_text() -> None:
    def plain(name: str, *texts: tuple[str | None, str]) -> Coding:
        return Coding(name, tuple(replace(coded(parse(text), CODEBOOK), id=id) for id, text in texts))

    a = plain("A", ("1", "One"), ("2", "Two"), ("3", "Two"), ("4", "Four"))
    b = plain("B", ("2", "Two"), ("1", "One"), ("4", "Fore"), ("9", "Two"))
    by_text = align([a, b])
    assert (by_text.by, by_text.units, by_text.alone) == ("text", ((0, 1), (1, 0), (2, 3)), (1, 1))
    by_id = align([a, b], "id")
    assert (by_id.units, by_id.alone, by_id.other_text) == (((0, 1), (1, 0)), (2, 1), 1)
    with pytest.raises(InputError, match="no sentence in common"):
        align([a, plain("B", (None, "Else"))])
    with pytest.raises(SettingError, match="matched by 'place'"):
        align([a, b], "place")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="1 coder"):
        align([a])


def test_coders_must_judge_the_same_units() -> None:
    with pytest.raises(InputError, match=r"\[1, 2\] units"):
        krippendorff_alpha([["a"], ["a", "b"]])
    with pytest.raises(SettingError, match="0 resamples"):
        agreement([coding("A", []), coding("B", [])], codebook=CODEBOOK, resamples=0)
