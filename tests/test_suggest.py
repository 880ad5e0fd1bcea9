"""Suggestions against brute force, numpy, scikit-learn and cleanlab."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_distances

from framing.codebook import Codebook
from framing.errors import InputError, OutputError, SettingError
from framing.markup import read_rows
from framing.suggest import (
    check,
    confident_errors,
    k_center,
    rarity_weights,
    suggest,
    threshold_of,
    uncertainties,
)

LABELS = ("rebels", "terrorists")


def record(
    text: str, document: str = "d", index: int = 0, kind: str = "body", **probabilities: float
) -> dict[str, Any]:
    """A record; what is over 0.5 has its label, on the first word."""
    word = text.split(" ")[0]
    mentions = [
        {
            "label": name,
            "start": 0,
            "end": len(word),
            "text": word,
            "voice": "author",
            "voice_probability": 0.9,
            "probability": p,
            "source": None,
        }
        for name, p in probabilities.items()
        if p >= 0.5
    ]
    return {
        **{"input": None, "row": None, "document_id": document, "outlet": "o", "published": None, "index": index},
        **{"kind": kind, "start": 0, "end": len(text), "text": text, "text_offset": 0},
        **{"frames": {m["label"]: m["probability"] for m in mentions}, "mentions": mentions, "hedges": []},
        **{"sources": [], "hedged": False, "probabilities": probabilities},
    }


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return path


WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda".split()


@pytest.fixture
def records(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    rows = []
    for i in range(40):
        text = " ".join(random.choice(WORDS, 4)) + f" n{i}"
        p = random.random(2).round(3)
        rows.append(record(text, f"d{i // 4}", i % 4, rebels=float(p[0]), terrorists=float(p[1])))
    return written(tmp_path / "records.jsonl", rows)


def test_the_most_uncertain_by_brute_force(records: Path) -> None:
    rows = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    p = np.array([[row["probabilities"][name] for name in LABELS] for row in rows])
    found = suggest(records, 7, diversity="none", rare=0)
    for k, name in enumerate(LABELS):
        over = p[:, k] >= 0.5
        assert found.thresholds[name] == pytest.approx((p[over, k].min() + p[~over, k].max()) / 2, abs=1e-6)
    margins = []
    for row in p:
        each = []
        for value, name in zip(row, LABELS, strict=True):
            t = found.thresholds[name]
            each.append(value / t if value <= t else (1 - value) / (1 - t))
        margins.append(max(each))
    expected = sorted(range(40), key=lambda i: -margins[i])[:7]
    assert [one.labels.text for one in found.sentences] == [rows[i]["text"] for i in expected]
    assert [one.uncertainty for one in found.sentences] == pytest.approx([margins[i] for i in expected], abs=1e-5)
    assert (found.seen, found.passed_over) == (40, 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.floats(0.05, 0.95))
@settings(max_examples=80, deadline=None)
def test_entropy_agrees_with_scipy(values: list[float], t: float) -> None:
    p = np.array(values)[:, None]
    half = np.where(p <= t, p / (2 * t), 1 - (1 - p) / (2 * (1 - t)))
    expected = entropy(np.concatenate([half, 1 - half], axis=1), base=2, axis=1)
    np.testing.assert_allclose(uncertainties(p, [t], by="entropy")[:, 0], expected, atol=1e-9)
    margin = uncertainties(p, [t])[:, 0]
    assert ((margin >= -1e-9) & (margin <= 1 + 1e-9)).all()
    assert uncertainties(np.array([[t]]), [t])[0, 0] == pytest.approx(1)


def test_choices_are_unsure_where_two_values_are_close() -> None:
    p = np.array([[0.2, 0.5, 0.3, 0.2], [0.9, 1.0, 0.0, 0.0], [0.5, 0.4, 0.3, 0.3]])
    margin = uncertainties(p, [0.5] * 4, [[1, 2, 3]])
    np.testing.assert_allclose(margin, [[0.4, 0.8], [0.2, 0.0], [1.0, 0.9]])
    bits = uncertainties(p, [0.5] * 4, [[1, 2, 3]], by="entropy")
    np.testing.assert_allclose(bits[:, 1], entropy(p[:, 1:], base=2, axis=1), atol=1e-9)
    np.testing.assert_allclose(bits[:, 0], entropy([[0.2, 0.8], [0.9, 0.1], [0.5, 0.5]], base=2, axis=1))


def test_thresholds_of_labels() -> None:
    assert threshold_of(np.array([0.1, 0.3, 0.4, 0.9]), np.array([False, False, True, True])) == pytest.approx(0.35)
    assert threshold_of(np.array([0.1, 0.9]), np.array([False, False])) == 0.5
    assert threshold_of(np.array([0.4]), np.array([True])) == pytest.approx(0.4)


def test_rare_labels_count_more() -> None:
    assert rarity_weights(np.array([3.0, 3.0, 3.0]), 1.0).tolist() == [1, 1, 1]
    assert rarity_weights(np.array([0.0, 3.0, 15.0]), 0.5).tolist() == [2, 1, 0.5]
    assert rarity_weights(np.array([0.0, 99.0, 99.0]), 1.0).tolist() == [4, 1, 1]
    assert rarity_weights(np.array([0.0, 99.0, 3.0]), 0.0).tolist() == [1, 1, 1]


@given(st.integers(0, 10_000), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_k_center_agrees_with_plain_numpy(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    texts = [" ".join(random.choice(WORDS, 5)) for _ in range(15)]
    points = TfidfVectorizer().fit_transform(texts)
    weights = random.random(15)
    distances = cosine_distances(points)
    taken = [int(weights.argmax())]
    while len(taken) < n:
        nearest = distances[:, taken].min(axis=1) * weights
        nearest[taken] = -1
        taken.append(int(nearest.argmax()))
    found = k_center(points, n, weights=weights)
    # Ties of equal texts may fall either way by the last digit: what is taken is as far away at every step.
    for step in range(1, n):
        if found[: step + 1] != taken[: step + 1]:
            a, b = ((distances[i[step], i[:step]].min() * weights[i[step]]) for i in (found, taken))
            assert a == pytest.approx(b, abs=1e-9)
            break
    assert len(set(found)) == n


def test_k_center_keeps_away_from_what_is_labelled() -> None:
    points = np.eye(3)[[0, 1, 1, 2]]
    assert k_center(points, 2, weights=np.array([9.0, 2.0, 1.0, 1.0]), centers=np.eye(3)[[0]]) == [1, 3]


def test_a_diverse_set_takes_no_two_alike(tmp_path: Path) -> None:
    texts = ["Rebels took the town", "Rebels took the town again", "Quite another thing", "Rain fell all day"]
    rows = [record(text, index=i, rebels=0.49 - i / 100) for i, text in enumerate(texts)]
    path = written(tmp_path / "r.jsonl", [*rows, record("Surely not", index=9, rebels=0.99)])
    plain = suggest(path, 3, diversity="none")
    assert [one.labels.text for one in plain.sentences] == texts[:3]
    for diversity in ("kcenter", "kmeans"):
        found = suggest(path, 3, diversity=diversity)  # type: ignore[arg-type]
        again = suggest(path, 3, diversity=diversity)  # type: ignore[arg-type]
        assert found == again
        assert not {*texts[:2]} <= {one.labels.text for one in found.sentences}


def test_what_is_passed_over(tmp_path: Path) -> None:
    rows = [
        record("One here", rebels=0.4),
        record("One here", index=1, rebels=0.4),
        record("Two here", index=2, rebels=0.3),
        record("Comment here", index=3, kind="comment", rebels=0.5),
    ]
    path = written(tmp_path / "r.jsonl", rows)
    gold = tmp_path / "gold.tsv"
    gold.write_text("g\tbody\tTwo here\n", encoding="utf-8")
    found = suggest(path, 9, labelled=[gold])
    assert [one.labels.text for one in found.sentences] == ["One here"]
    assert (found.seen, found.passed_over) == (1, 3)
    assert {one.labels.text for one in suggest(path, 9, all_kinds=True).sentences} == {
        "One here",
        "Two here",
        "Comment here",
    }
    assert found.sentences[0].because == "rebels"
    gold.write_text("g\tbody\tTwo here\ng\tbody\tOne here\n", encoding="utf-8")
    with pytest.raises(InputError, match="no sentence to suggest"):
        suggest(path, 9, labelled=[gold])


def test_they_are_written_as_markup_and_for_tools(records: Path, tmp_path: Path) -> None:
    book = Codebook.default()
    names = book.label_names[:2]
    rows = [
        record("Men\tcame", "d1", 0, **{names[0]: 0.6}),
        record("They left", "d2", 0, **{names[0]: 0.1}),
    ]
    path = written(tmp_path / "r.jsonl", rows)
    found = suggest(path, 5, codebook=book)
    found.write(tmp_path / "next.tsv")
    lines = {row.id: row for row in read_rows(tmp_path / "next.tsv", book)}
    assert lines["d1:0"].sentence.text == "Men came"
    found.write(tmp_path / "blank.tsv", prefilled=False)
    assert all(not row.sentence.spans and row.kind == "body" for row in read_rows(tmp_path / "blank.tsv", book))
    found.write(tmp_path / "next.json", to_format="labelstudio")
    tasks = json.loads((tmp_path / "next.json").read_text(encoding="utf-8"))
    assert {task["data"]["row_id"] for task in tasks} == {"d1:0", "d2:0"}
    assert any("predictions" in task for task in tasks)
    with pytest.raises(OutputError, match="is there already"):
        found.write(tmp_path / "next.tsv")


def test_settings_out_of_range(records: Path) -> None:
    with pytest.raises(SettingError, match="0 sentences"):
        suggest(records, 0)
    with pytest.raises(SettingError, match="luck"):
        suggest(records, 1, by="luck")  # type: ignore[arg-type]


def test_documents_are_labelled_first(tiny_labeler: Any, tmp_path: Path) -> None:
    path = tmp_path / "news.jsonl"
    path.write_text('{"id": "a", "text": "Rebels left the town. Rain fell."}\n', encoding="utf-8")
    found = suggest(path, 5, labeler=tiny_labeler, all_kinds=True)
    assert {one.labels.text for one in found.sentences} == {"Rebels left the town.", "Rain fell."}
    assert found.codebook == tiny_labeler.codebook


# --- likely errors ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@given(st.integers(0, 10_000), st.integers(8, 60))
@settings(max_examples=60, deadline=None)
def test_likely_errors_are_those_of_cleanlab(seed: int, n: int) -> None:
    find_label_issues = pytest.importorskip("cleanlab.filter").find_label_issues
    random = np.random.default_rng(seed)
    truth = random.random(n) < 0.4
    p = np.clip(np.where(truth, 0.75, 0.2) + random.normal(0, 0.2, n), 0.001, 0.999)
    given_ = truth ^ (random.random(n) < 0.15)
    if given_.all() or not given_.any():
        return
    theirs = find_label_issues(
        given_.astype(int), np.stack([1 - p, p], axis=1), filter_by="confident_learning", n_jobs=1
    )
    np.testing.assert_array_equal(confident_errors(p, given_), theirs)


def test_one_answer_only_has_no_errors() -> None:
    assert not confident_errors(np.array([0.1, 0.9]), np.array([True, True])).any()


def test_a_file_is_checked_against_records(tmp_path: Path) -> None:
    book = Codebook.default()
    name, voice = book.label_names[0], book.voices[0]
    probabilities = [0.95, 0.9, 0.97, 0.05, 0.02, 0.96, 0.03, 0.04]
    marked = [True, True, True, False, False, False, True, False]  # the sixth and the seventh are wrong
    texts = [f"Men came on day {i}" for i in range(8)]
    path = written(
        tmp_path / "r.jsonl",
        [record(t, index=i, **{name: p}) for i, (t, p) in enumerate(zip(texts, probabilities, strict=True))],
    )
    gold = tmp_path / "gold.tsv"
    lines = [
        f"g\tbody\t{f'[[Men|{name}.{voice}]]' if yes else 'Men'}{text[3:]}\n"
        for text, yes in zip(texts, marked, strict=True)
    ]
    gold.write_text("".join(lines) + "g\tbody\tOf this nobody knows\n", encoding="utf-8")
    found = check(gold, [path], codebook=book)
    assert (found.sentences, found.unmatched) == (8, 1)
    assert [(e.row.sentence.text, e.name, e.given) for e in found.errors] == [
        (texts[6], name, True),
        (texts[5], name, False),
    ]
    assert [e.confidence for e in found.errors] == pytest.approx([2 * 0.97 - 1, 2 * 0.96 - 1])
    found.write(tmp_path / "doubtful.tsv")
    assert [row.sentence.text for row in read_rows(tmp_path / "doubtful.tsv", book)] == [texts[6], texts[5]]
    gold.write_text("g\tbody\tElse\n", encoding="utf-8")
    with pytest.raises(InputError, match="none of the 1 sentences"):
        check(gold, [path], codebook=book)


def test_a_file_is_checked_by_a_model(tiny_labeler: Any, tmp_path: Path) -> None:
    gold = tmp_path / "gold.tsv"
    gold.write_text("g\tbody\tThe rebels left the town\ng\tbody\tRain\n", encoding="utf-8")
    found = check(gold, labeler=tiny_labeler)
    assert (found.sentences, found.unmatched, found.errors) == (2, 0, ())  # nobody gave any label
