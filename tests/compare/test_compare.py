"""Comparisons against pandas, and what they say of bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from framing.compare.annotation import draw_sample
from framing.compare.columns import read_corpus
from framing.compare.comparison import Comparison
from framing.compare.estimands import ESTIMANDS
from framing.compare.front import compare
from framing.compare.words import log_odds
from framing.errors import ColumnError, FramingWarning, InputError, OutputError, SettingError
from framing.markup import read_rows
from framing.records import open_writer
from framing.types import DocumentLabels
from tests.compare.corpora import CODEBOOK, CONTRAST, document, made_up, mention, sentence

DOCUMENTS = made_up(90)


@pytest.fixture(scope="module")
def found() -> Comparison:
    return compare(DOCUMENTS)


@pytest.fixture(scope="module")
def mentions() -> pandas.DataFrame:
    rows = [
        {
            "document": d.document.id,
            "group": d.document.outlet,
            "month": d.document.published[:7],  # type: ignore[index]
            "section": d.document.metadata["section"],
            "label": m.label,
            "voice": m.voice,
            "source": m.source.text.removeprefix("the ").lower() if m.source else None,
        }
        for d in DOCUMENTS
        for s in d
        if s.kind == "body"
        for m in s.mentions
    ]
    return pandas.DataFrame(rows)


def value(found: Comparison, **wanted: Any) -> dict[str, Any]:
    blank = {name: None for name in ("contrast", "label", "voice", "hedge", "source") if name not in wanted}
    rows = found.table(**blank, **wanted).to_pylist()
    assert len(rows) == 1, rows
    return rows[0]


@pytest.mark.parametrize("group", ["A", "B", "C"])
@pytest.mark.parametrize("label", CONTRAST.labels[:3])
def test_estimands_are_what_pandas_counts(
    found: Comparison, mentions: pandas.DataFrame, group: str, label: str
) -> None:
    own = mentions[mentions["group"] == group]
    sentences = [s for d in DOCUMENTS if d.document.outlet == group for s in d if s.kind == "body"]
    documents = {d.document.id for d in DOCUMENTS if d.document.outlet == group and any(s.kind == "body" for s in d)}
    share = value(found, estimand="contrast_share", contrast=CONTRAST.name, label=label, group=group)
    assert share["value"] == pytest.approx((own["label"] == label).mean())
    assert (share["denominator"], share["documents"]) == (len(own), own["document"].nunique())
    for voice in CODEBOOK.voices:
        part = own[own["voice"] == voice]
        row = value(found, estimand="contrast_share", contrast=CONTRAST.name, label=label, voice=voice, group=group)
        assert row["value"] == pytest.approx((part["label"] == label).mean())
        row = value(found, estimand="voice_share", label=label, voice=voice, group=group)
        assert row["value"] == pytest.approx((own[own["label"] == label]["voice"] == voice).mean())
    count = (own["label"] == label).sum()
    per = {"per_100_sentences": len(sentences), "per_100_documents": len(documents)}
    for estimand, n in per.items():
        assert value(found, estimand=estimand, label=label, group=group)["value"] == pytest.approx(100 * count / n)
    hedged = value(found, estimand="hedged_share", group=group)
    assert hedged["value"] == pytest.approx(np.mean([s.hedged for s in sentences]))
    for source in ("news agency", "ministry"):
        part = own[own["source"] == source]
        row = value(found, estimand="source_share", source=source, group=group)
        assert row["value"] == pytest.approx(len(part) / own["source"].notna().sum())
        row = value(
            found, estimand="source_contrast_share", contrast=CONTRAST.name, label=label, source=source, group=group
        )
        assert row["value"] == pytest.approx((part["label"] == label).mean())


def test_two_columns_and_months(mentions: pandas.DataFrame) -> None:
    found = compare(DOCUMENTS, by=("outlet", "section"), over="month", parts=["contrasts"], words=0)
    counted = mentions.groupby(["group", "section", "month"])["label"].value_counts(normalize=True)
    rows = found.table(estimand="contrast_share", contrast=CONTRAST.name, voice=None).to_pylist()
    shown = {(r["by_outlet"], r["by_section"], r["period"], r["label"]): r["value"] for r in rows if r["value"] > 0}
    assert shown == pytest.approx(dict(counted.items()))
    assert {row["group"] for row in rows} == {f"{g} / {s}" for g, s, *_ in shown}


def test_differences_are_of_every_pair_within_a_period() -> None:
    found = compare(DOCUMENTS, over="year", parts=["contrasts"], contrasts=[CONTRAST.name], words=0)
    rows = found.table("differences", voice=None).to_pylist()
    assert {(r["first"], r["second"]) for r in rows} == {("A", "B"), ("A", "C"), ("B", "C")}
    for row in rows:
        assert row["difference"] == pytest.approx(row["first_value"] - row["second_value"])
        assert row["low"] <= row["difference"] <= row["high"]
        assert (row["q"] <= 0.05) == row["distinguishable"] == (row["verdict"] != "not distinguishable")
        assert row["p"] <= row["q"]
    one = compare(DOCUMENTS, against="B", parts=["contrasts"], words=0)
    assert {(r["first"], r["second"]) for r in one.differences.to_pylist()} == {("A", "B"), ("C", "B")}


def test_intervals_nest_and_small_groups_are_flagged() -> None:
    found = compare([*DOCUMENTS, *made_up(3, ("few",), seed=5)], words=0)
    for row in found.estimates.to_pylist():
        assert row["low"] <= row["inner_low"] + 1e-9 and row["inner_high"] <= row["high"] + 1e-9
        assert row["low"] <= row["value"] <= row["high"]
        assert row["small"] == (row["documents"] < 20)
        if row["small"] and row["bootstrap_low"] is not None:
            assert row["low"] <= row["bootstrap_low"] + 1e-9 and row["bootstrap_high"] <= row["high"] + 1e-9
        assert not row["corrected"]
    assert any("few" in note for note in found.notes)
    assert any("not corrected" in note for note in found.notes)


def test_log_odds_are_those_of_the_paper() -> None:
    """Monroe, Colaresi and Quinn 2008, equations 16, 20 and 22, written out for one word."""
    counts = np.array([[10, 90, 5], [3, 40, 60]])
    delta, z = log_odds(counts, counts.sum(axis=0), counts.sum(axis=1, keepdims=True), counts.sum(), prior=50)
    a = 50 * counts.sum(axis=0) / counts.sum()
    y, other, n, m = 10, 3, 105, 103
    expected = np.log((y + a[0]) / (n + 50 - y - a[0])) - np.log((other + a[0]) / (m + 50 - other - a[0]))
    assert delta[0, 0] == pytest.approx(expected)
    assert z[0, 0] == pytest.approx(expected / np.sqrt(1 / (y + a[0]) + 1 / (other + a[0])))
    assert delta[1] == pytest.approx(-delta[0])


def test_typical_words_are_counted() -> None:
    own = [document(f"d{n}", "A", None, [sentence(0, 0, "The Victory, a great victory; it’s won.")]) for n in range(4)]
    other = [document(f"d{n}", "B", None, [sentence(0, 0, "The retreat, a bitter one.")]) for n in range(4, 9)]
    words = compare([*own, *other], parts=["rates"]).table("words")
    first = words.filter(np.array(words.column("group").to_pylist()) == "A").to_pylist()[0]
    assert (first["word"], first["count"], first["documents"]) == ("victory", 8, 4)
    assert {"it’s", "won", "great"} <= set(words.column("word").to_pylist())


def test_the_mentions_behind_a_figure(found: Comparison) -> None:
    label, voice = CONTRAST.labels[0], CODEBOOK.voices[0]
    group = [g.name for g in found.groups].index("B")
    rows = found.mentions_of(group, label=label, voice=voice)
    row = value(found, estimand="contrast_share", contrast=CONTRAST.name, label=label, voice=voice, group="B")
    assert len(rows) == row["numerator"]
    sentence_of = found.corpus.codes("mentions", "sentence")[rows]
    assert all(found.corpus.text(int(number)).startswith("Words of B") for number in sentence_of)


# --- ways to show it --------------------------------------------------------------------------------------------------


def test_tables_are_frames_and_files(found: Comparison, tmp_path: Path) -> None:
    frame = found.to_frame("estimates", estimand="hedged_share")
    assert list(frame["group"]) == ["A", "B", "C"]
    text = found.to_csv(tmp_path / "x.csv", estimand="hedged_share")
    assert (tmp_path / "x.csv").read_text(encoding="utf-8") == text
    back = pandas.read_csv(tmp_path / "x.csv")
    assert list(back["value"]) == pytest.approx(list(frame["value"]))
    told = json.loads(found.to_json(tmp_path / "x.json"))
    assert len(told["differences"]) == found.differences.num_rows
    assert told["estimands"].keys() == ESTIMANDS.keys()
    lines = found.to_markdown(estimand="hedged_share").splitlines()
    assert len(lines) == 5 and all(line.startswith("| ") for line in lines)
    assert found.to_latex(estimand="hedged_share").count(r"\\") == 4
    assert r"hedged\_share" in found.to_latex(estimand="hedged_share")
    assert "not distinguishable" in found.to_markdown(table="differences")


def test_names_of_groups_do_nothing_in_html() -> None:
    nasty = made_up(8, ("<script>alert(1)</script>", "a|b & \\c"))
    found = compare(nasty, words=0)
    assert "<script>" not in found._repr_html_()
    assert "a\\|b" in found.to_markdown()
    assert r"\textbackslash{}c" in found.to_latex()


def test_the_plot_has_a_dot_a_figure(found: Comparison) -> None:
    made = found.plot(contrast=CONTRAST.name).to_dict()
    values = made["datasets"].popitem()[1] if "datasets" in made else made["data"]["values"]
    assert len(values) == 3 * len(CONTRAST.labels)
    with pytest.raises(SettingError, match="no figure"):
        found.plot(contrast="none")


# --- correction -------------------------------------------------------------------------------------------------------


def blind(documents: list[DocumentLabels]) -> list[DocumentLabels]:
    """What a model says that takes the first label for the second half of the time, in outlet A only."""
    first, second = CONTRAST.labels[:2]
    made = []
    for number, labels in enumerate(documents):
        wrong = labels.document.outlet == "A" and number % 2 == 0
        changed = []
        for one in labels:
            found = tuple(
                mention(second, m.voice, None, m.probability) if wrong and m.label == first else m for m in one.mentions
            )
            changed.append(sentence(one.index, one.start, one.text, found, kind=one.kind, hedged=one.hedged))
        made.append(
            document(labels.document.id, labels.document.outlet, labels.document.published, changed, section="x")
        )
    return made


@pytest.mark.slow
def test_gold_corrects_what_the_model_gets_wrong(tmp_path: Path) -> None:
    truth = made_up(240, seed=3)
    # In the written form the marks of a sentence are apart, as an annotator's are.
    apart = [document(d.document.id, d.document.outlet, None, [_spread(s) for s in d]) for d in truth]
    labelled = blind(apart)
    sample = draw_sample(labelled, each=40, seed=4)
    drawn = {labelled[number].document.id for number in sample.drawn.documents.tolist()}
    corpus = read_corpus(apart, uncertainty=True)
    gold = tmp_path / "gold.tsv"
    of_truth = type(sample)(corpus, sample.grouping, sample.drawn, sample.settings)
    of_truth.write(gold)
    assert {row.document for row in read_rows(gold, CODEBOOK)} == drawn
    label = CONTRAST.labels[0]
    wanted = {"estimand": "contrast_share", "contrast": CONTRAST.name, "label": label, "group": "A"}
    right = value(compare(apart, words=0), **wanted)["value"]
    row = value(compare(labelled, gold=gold, words=0), **wanted)
    assert row["corrected"] and 35 <= row["annotated"] <= 40
    assert row["naive_high"] < right
    assert row["low"] < right < row["high"]
    other = value(compare(labelled, gold=gold, words=0), **{**wanted, "group": "B"})
    assert other["weight"] == pytest.approx(1, abs=0.1)
    assert other["value"] == pytest.approx(other["naive_value"], abs=0.02)
    assert other["high"] - other["low"] == pytest.approx(other["naive_high"] - other["naive_low"], rel=0.3)


def _spread(one: Any) -> Any:
    """A sentence with each mention on words of its own."""
    words = one.text.split()
    starts = np.cumsum([0, *(len(word) + 1 for word in words)])
    found = []
    for place, m in enumerate(one.mentions):
        start = int(starts[place])
        found.append(type(m)(m.label, start, start + len(words[place]), words[place], m.voice, 0.9, m.probability))
    return sentence(one.index, one.start, one.text, tuple(found), kind=one.kind)


def test_a_sample_is_written_once_and_read_back(tmp_path: Path) -> None:
    sample = draw_sample(DOCUMENTS, each=5)
    beside = sample.write(tmp_path / "gold.tsv", prefilled=False)
    assert beside == tmp_path / "gold.sample.json"
    rows = list(read_rows(tmp_path / "gold.tsv", CODEBOOK))
    assert not any(row.sentence.spans for row in rows)
    texts = [s.text for number in sample.drawn.documents.tolist() for s in DOCUMENTS[number]]
    assert [row.sentence.text for row in rows] == texts
    with pytest.raises(OutputError, match="is there already"):
        sample.write(tmp_path / "gold.tsv")


def test_documents_with_one_id_keep_their_names_under_filters(tmp_path: Path) -> None:
    """Of twins a filter leaves one, whose id alone no longer tells that there was another."""
    twins = [
        document("d1", "A", "2016-01-05", [_spread(sentence(0, 0, "Words.", (mention("rebels"),)))]),
        *(
            document(f"d{n}", "AB"[n % 2], "2016-05-05", [_spread(sentence(0, 0, "Words.", (mention("rebels"),)))])
            for n in range(1, 9)
        ),
    ]
    files = [tmp_path / name for name in ("old.jsonl", "new.jsonl")]
    for file, part in zip(files, (twins[:1], twins[1:]), strict=True):
        with open_writer(file, codebook=CODEBOOK) as writer:
            for one in part:
                writer.write(one)
    gold = tmp_path / "gold.tsv"
    draw_sample(files, each=20).write(gold)
    found = compare(files, gold=gold, since="2016-03-01", words=0)
    assert found.table("groups").column("annotated").to_pylist() == [4, 4]
    assert any("1 annotated documents are left out" in note for note in found.notes)


@pytest.mark.slow
def test_gold_that_does_not_fit(tmp_path: Path) -> None:
    gold = tmp_path / "gold.tsv"
    beside = draw_sample(DOCUMENTS, each=5).write(gold)
    lines = gold.read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "alone.tsv").write_text("".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match="without the probabilities"):
        compare(DOCUMENTS, gold=tmp_path / "alone.tsv")
    assert compare(DOCUMENTS, gold=tmp_path / "alone.tsv", equal_probabilities=True).table(corrected=True).num_rows
    assert compare(DOCUMENTS, gold=tmp_path / "alone.tsv", sample=beside).table(corrected=True).num_rows
    with pytest.raises(InputError, match="are not in the labels"):
        compare(DOCUMENTS[60:], gold=gold)
    first = lines[0].split("\t")[2]
    gold.write_text("".join(line for line in lines if line.split("\t")[2] != first), encoding="utf-8")
    with pytest.raises(InputError, match="of the sample are not in"):
        compare(DOCUMENTS, gold=gold)
    gold.write_text("g1\tbody\tThree columns.\n", encoding="utf-8")
    with pytest.raises(InputError, match="three columns"):
        compare(DOCUMENTS, gold=gold)
    gold.write_text("".join(lines[:1]), encoding="utf-8")
    beside.write_text(json.dumps({"documents": [{"document": first, "probability": 0}]}), encoding="utf-8")
    with pytest.raises(InputError, match="probability"):
        compare(DOCUMENTS, gold=gold)


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_bad_input() -> None:
    with pytest.raises(ColumnError, match="desk"):
        compare(DOCUMENTS, by="desk")
    with pytest.raises(InputError, match="one group"):
        compare(made_up(5, ("A",)))
    with pytest.raises(InputError, match="no document has a value"):
        compare([document("d1", None, None, [sentence(0, 0, "Words.")])])
    with pytest.raises(InputError, match="that can be read"):
        compare([document(f"d{n}", f"{n}", "long ago", [sentence(0, 0, "Words.")]) for n in range(2)], over="year")
    with pytest.warns(FramingWarning, match="1 documents without outlet"):
        found = compare([*DOCUMENTS, document("d91", " ", None, [sentence(0, 0, "Words.")])], words=0)
    assert any("without outlet" in note for note in found.notes)
    with pytest.raises(SettingError, match="no group"):
        compare(DOCUMENTS, against="D")
    with pytest.raises(SettingError, match="level"):
        compare(DOCUMENTS, level=0.4)
    with pytest.raises(SettingError, match="column"):
        compare(DOCUMENTS, by=("outlet", "outlet"))
    with pytest.raises(SettingError, match="part"):
        compare(DOCUMENTS, parts=["contrast"])
