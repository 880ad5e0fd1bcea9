"""Copies against brute force, events against scikit-learn, and comparisons within events against statsmodels."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.pairwise import cosine_similarity

from framing.compare.columns import Corpus, read_corpus
from framing.compare.copies import LEAST_ALIKE, copies, counted_once
from framing.compare.estimands import ESTIMANDS, Cell, Ratios
from framing.compare.events import DAYS, Events, compare_within, events_by_column, find_events
from framing.compare.front import compare
from framing.errors import ColumnError, InputError, SettingError
from tests.compare.corpora import CONTRAST, document, made_up, mention, sentence

WAR = Path(__file__).parents[2] / "examples" / "war" / "articles.jsonl"
ARTICLES = [json.loads(line) for line in WAR.read_text(encoding="utf-8").splitlines()]


def corpus_of(texts: list[list[str]], days: list[str | None] | None = None) -> Corpus:
    """A document for each list of sentences."""
    made = []
    for number, lines in enumerate(texts):
        own = [sentence(place, place * 1000, line) for place, line in enumerate(lines)]
        made.append(document(f"d{number}", f"outlet {number % 3}", None if days is None else days[number], own))
    return read_corpus(made)


@pytest.fixture(scope="module")
def war() -> Corpus:
    """The example's articles, headline first, cut at full stops: what a labeler finds in them does not matter here."""
    made = []
    for number, article in enumerate(ARTICLES):
        lines = [article["title"], *re.split(r"(?<=[.!?])\s+", article["text"])]
        own = [sentence(place, place * 1000, line) for place, line in enumerate(lines)]
        made.append(document(f"d{number}", article["outlet"], article["published"], own, event=article["event"]))
    return read_corpus(made, carry=["event"])


# --- copies -----------------------------------------------------------------------------------------------------------


def shingles(lines: list[str]) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", " ".join(lines).lower())
    return {tuple(words[place : place + 5]) for place in range(max(len(words) - 4, 1))}


def brute_force(texts: list[list[str]], least: float) -> list[int]:
    """The earliest of all texts to which a chain of copies leads."""
    sets = [shingles(lines) for lines in texts]
    part = list(range(len(texts)))
    for one, other in combinations(range(len(texts)), 2):
        if len(sets[one] & sets[other]) / len(sets[one] | sets[other]) >= least:
            low, high = sorted((part[one], part[other]))
            part = [low if number == high else number for number in part]
    return part


def reworked(generator: np.random.Generator) -> list[list[str]]:
    """Texts of 120 words, half of them an earlier one with some words changed."""
    texts: list[list[str]] = []
    for _ in range(24):
        if texts and generator.random() < 0.5:
            words = " ".join(texts[generator.integers(len(texts))]).split()
            for place in generator.choice(len(words), generator.integers(0, 12), replace=False):
                words[place] = f"changed{generator.integers(10**6)}"
        else:
            words = [f"word{number}" for number in generator.integers(0, 2000, 120)]
        texts.append([" ".join(words[:60]), " ".join(words[60:])])
    return texts


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("least", [LEAST_ALIKE, 0.9])
def test_copies_are_those_of_brute_force(seed: int, least: float) -> None:
    texts = reworked(np.random.default_rng(seed))
    assert copies(corpus_of(texts), least_alike=least).tolist() == brute_force(texts, least)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.sampled_from(["", "Same words.", "Same words!", "Other words here.", "One two three four five six"]))
)
def test_short_texts_are_copies_where_they_are_equal(lines: list[str]) -> None:
    texts = [[line, "Always there, and long enough to be more than five words."] for line in lines]
    if texts:
        assert copies(corpus_of(texts), least_alike=1).tolist() == brute_force(texts, 1)


def test_the_planted_copies_are_found_and_no_others(war: Corpus) -> None:
    ids = [article["id"] for article in ARTICLES]
    found = {frozenset((ids[a], ids[b])) for a, b in enumerate(copies(war).tolist()) if a != b}
    assert found == {
        frozenset(("ushtal-talks", "interpost-talks")),
        frozenset(("ostrel-prisoners", "interpost-prisoners")),
    }


def test_the_earliest_is_the_original_and_counts_for_its_group() -> None:
    words = ["One story that runs in three places, word by word, with nothing changed at all."]
    corpus = corpus_of([words, words, words, ["Something else that nobody has copied from anyone so far."]])
    assert copies(corpus).tolist() == [0, 0, 0, 3]
    dated = corpus_of([words] * 4, [None, "2016-05-02", "2016-05-01", "2016-05-03"])
    original = copies(dated)
    assert original.tolist() == [2, 2, 2, 2]
    assert counted_once(dated, original, np.array([0, 1, 1, 0])).tolist() == [False, False, True, True]


def test_copies_of_a_group_count_once() -> None:
    generator = np.random.default_rng(7)
    made = []
    for number in range(60):
        text = " ".join(f"word{place}" for place in generator.integers(0, 5000, 20))
        found = (mention(str(generator.choice(CONTRAST.labels))),)
        made.append(document(f"d{number}", "AB"[number % 2], "2016-05-01", [sentence(0, 0, text, found)]))
    again = [*made, *made[:30]]
    once, plain = compare(again, copies="once", words=0), compare(made, words=0)
    assert once.table("groups").equals(plain.table("groups"))
    assert once.estimates.equals(plain.estimates)
    assert any("30 documents are left out" in note for note in once.notes)
    assert not compare(again, words=0).table("groups").equals(plain.table("groups"))


# --- events -----------------------------------------------------------------------------------------------------------


def test_events_of_the_example_are_those_of_its_column(war: Corpus) -> None:
    found, named = find_events(war), events_by_column(war, "event")
    assert set(named.names) == {article["event"] for article in ARTICLES}
    assert (found.of_document >= 0).mean() >= 0.9
    inside = found.of_document >= 0
    assert adjusted_rand_score(named.of_document[inside], found.of_document[inside]) >= 0.9
    assert all(name in {article["title"] for article in ARTICLES} for name in found.names)


def test_without_dates_words_alone_tell_most_events_apart(war: Corpus) -> None:
    """Shifted into one week, the example's events are still told apart better than by chance, and by far."""
    shifted = [f"2016-05-0{1 + number % 3}" for number in range(len(ARTICLES))]
    texts = [[a["title"], *re.split(r"(?<=[.!?])\s+", a["text"])] for a in ARTICLES]
    found = find_events(corpus_of(texts, shifted))
    inside = found.of_document >= 0
    names = np.array([article["event"] for article in ARTICLES])
    assert adjusted_rand_score(names[inside], found.of_document[inside]) > 0.5


def test_an_event_is_alike_in_words_and_days(war: Corpus) -> None:
    """Every document of an event has a neighbour in it that scikit-learn calls as alike as the mean must be."""
    found = find_events(war)
    texts = ["\n".join([a["title"], *re.split(r"(?<=[.!?])\s+", a["text"])[:5]]) for a in ARTICLES]
    vectors = TfidfVectorizer(sublinear_tf=True, min_df=2, max_df=0.3).fit_transform(texts)
    cosine = cosine_similarity(vectors)
    days = np.array([np.datetime64(article["published"]) for article in ARTICLES])
    for number in range(len(found)):
        members = np.flatnonzero(found.of_document == number)
        assert len(members) > 1
        assert (days[members].max() - days[members].min()).astype(int) <= DAYS
        own = cosine[np.ix_(members, members)] - 2 * np.eye(len(members))
        assert (own.max(axis=1) >= 0.18 - 1e-6).all()


def test_the_order_of_documents_does_not_matter(war: Corpus) -> None:
    order = np.random.default_rng(3).permutation(len(ARTICLES))
    texts = [[a["title"], *re.split(r"(?<=[.!?])\s+", a["text"])] for a in ARTICLES]
    days = [article["published"] for article in ARTICLES]
    straight = find_events(corpus_of(texts, days)).of_document
    turned = find_events(corpus_of([texts[i] for i in order], [days[i] for i in order])).of_document
    assert adjusted_rand_score(straight[order], turned) == 1


def test_events_that_cannot_be_found() -> None:
    with pytest.raises(InputError, match="date"):
        find_events(corpus_of([["Words."], ["More words."]]))
    dated = corpus_of([["Words."], ["Others."]], ["2016-05-01"] * 2)
    assert find_events(dated).of_document.tolist() == [-1, -1]
    with pytest.raises(SettingError):
        find_events(dated, days=-1)
    with pytest.raises(ColumnError):
        compare(made_up(9), event="affair")
    with pytest.raises(SettingError):
        compare(made_up(9), event="section", find_event=True)
    with pytest.raises(SettingError):
        compare(made_up(9), copies="never")


# --- within events ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_difference_within_events_is_a_regression_with_a_constant_for_each(seed: int) -> None:
    generator = np.random.default_rng(seed)
    documents, count = 80, 12
    group, event = generator.integers(0, 2, documents), generator.integers(0, count, documents)
    x = generator.integers(0, 6, documents)
    y = generator.binomial(x, generator.beta(2, 3, count)[event] * (0.6 + 0.4 * group))
    ratios = Ratios(
        ESTIMANDS["contrast_share"], (Cell(),), scipy.sparse.csr_array(y[:, None].astype(float)), x.astype(float)
    )
    events = Events(tuple(map(str, range(count))), event, found=False)
    (found,) = compare_within(ratios, group, 2, events, [(1, 0)])
    # A row for each mention; events that one group alone tells have nothing to compare.
    rows = np.repeat(np.arange(documents), x)
    ones = np.concatenate([[1] * a + [0] * (b - a) for a, b in zip(y, x, strict=True)])
    both = [e for e in range(count) if len(set(group[rows][event[rows] == e])) == 2]
    used = np.isin(event[rows], both)
    own = event[rows][used]
    design = np.column_stack([group[rows][used], *(own == e for e in both)]).astype(float)
    fit = sm.OLS(ones[used], design).fit(cov_type="cluster", cov_kwds={"groups": own, "use_correction": False})
    m = len(both)
    assert found.events.tolist() == [m]
    assert found.value[0] == pytest.approx(fit.params[0])
    error = fit.bse[0] * np.sqrt(m / (m - 1))
    low, high = found.value[0] + error * np.array([-1, 1]) * scipy.stats.t.ppf(0.975, m - 1)
    assert (found.low[0], found.high[0]) == (pytest.approx(low), pytest.approx(high))
    p = 2 * scipy.stats.t.sf(abs(found.value[0]) / error, m - 1)
    assert found.p[0] == pytest.approx(max(p, 2.0 ** (1 - m)))


def test_events_that_all_agree_are_not_beyond_doubt() -> None:
    y, x = scipy.sparse.csr_array(np.array([[2.0], [0.0]] * 3)), np.full(6, 2.0)
    ratios = Ratios(ESTIMANDS["contrast_share"], (Cell(),), y, x)
    events = Events(("a", "b", "c"), np.repeat([0, 1, 2], 2), found=False)
    (found,) = compare_within(ratios, np.array([0, 1] * 3), 2, events, [(0, 1)])
    assert found.value[0] == 1 and found.p[0] == 0.25
    assert found.low[0] == pytest.approx(0.05 ** (1 / 3))
    (none,) = compare_within(ratios, np.zeros(6, dtype=int), 2, events, [(0, 1)])
    assert none.events[0] == 0 and np.isnan(none.value[0])


def test_topics_are_not_mistaken_for_framing() -> None:
    """Two outlets name a party by the event alone, and tell the events at different rates."""
    first, second = CONTRAST.labels[:2]
    made = []
    for number in range(120):
        outlet = "AB"[number % 2]
        affair = (number // 2) % 10 < (8 if outlet == "A" else 2)  # A writes of such affairs more often
        event = f"{'attack' if affair else 'talks'} {(number // 2) % 6}"
        own = [sentence(0, 0, "Words of that day.", (mention(first if affair else second),) * 2)]
        made.append(document(f"d{number}", outlet, "2016-05-01", own, event=event))
    found = compare(made, event="event", contrasts=[CONTRAST.name], words=0)
    wanted = {"estimand": "contrast_share", "label": first, "voice": None}
    (overall,) = found.table("differences", **wanted).to_pylist()
    (within,) = found.table("events", **wanted).to_pylist()
    assert overall["distinguishable"] and overall["difference"] > 0.4
    assert within["overall"] == pytest.approx(overall["difference"])
    assert within["difference"] == 0 and within["verdict"] == "not distinguishable" and within["events"] > 2
    assert "events are told by two groups" in " ".join(found.notes)
    assert "| difference | events | q |" in found.to_markdown(table="events").splitlines()[0]
    assert json.loads(found.to_json())["events"]
