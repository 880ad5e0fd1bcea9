"""Every number of the page against pandas, which sees only the file of records."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from datetime import date
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from lxml import html as lxml_html
from scipy.stats import binomtest

from framing.codebook import Codebook
from framing.compare.copies import LEAST_ALIKE, copies
from framing.compare.front import compare
from framing.report.front import Report, periods_between, report
from framing.report.instrument import f1_interval
from framing.report.sections import days_of, hedged_by_label
from framing.types import DocumentLabels
from tests.compare.corpora import document, mention, sentence

pytestmark = pytest.mark.slow

BOOK = Codebook.default()


@pytest.fixture(scope="module")
def sentences(records: Path) -> pd.DataFrame:
    frame = pd.read_parquet(records)
    return frame[frame.kind.isin(BOOK.outlet_kinds)].reset_index(drop=True)


@pytest.fixture(scope="module")
def mentions(sentences: pd.DataFrame) -> pd.DataFrame:
    return _mentions(sentences)


def _mentions(sentences: pd.DataFrame) -> pd.DataFrame:
    rows = sentences.explode("mentions").dropna(subset="mentions")
    found = pd.DataFrame(rows.mentions.tolist(), index=rows.index)
    return pd.concat([rows[["outlet", "document_id", "published", "hedged", "kind"]], found], axis=1)


def _share(mentions: pd.DataFrame, group: str, finding: object, voice: bool = True) -> tuple[float, int, int]:
    rivals = BOOK.contrast(finding.contrast).labels  # type: ignore[attr-defined]
    own = mentions[(mentions.outlet == group) & mentions.label.isin(rivals)]
    if voice:
        own = own[own.voice == finding.voice]  # type: ignore[attr-defined]
    label = finding.label  # type: ignore[attr-defined]
    return float((own.label == label).mean()), len(own), own.document_id.nunique()


def test_findings_count_what_pandas_counts(made: Report, mentions: pd.DataFrame) -> None:
    assert len(made.findings) == 3
    for finding in made.findings:
        for side in (finding.more, finding.less):
            value, n, documents = _share(mentions, side.group, finding)
            assert (side.value, side.n, side.documents) == (pytest.approx(value), n, documents)
            assert side.low <= side.value <= side.high
        assert finding.difference == pytest.approx(finding.more.value - finding.less.value)
        assert finding.low <= finding.difference <= finding.high


def test_the_sentences_of_the_findings_have_these_numbers(made: Report) -> None:
    page = lxml_html.fromstring(made.html)
    told = [" ".join(item.text_content().split()) for item in page.xpath("//ol[@class='findings']/li")]
    for text, finding in zip(told, made.findings, strict=True):
        for side in (finding.more, finding.less):
            assert side.group in text
            assert re.search(rf"{100 * side.value:.1f}%|{100 * side.value:.0f}%", text)
            assert f"of {side.n:,} mentions" in text and f"{side.documents:,} documents" in text
            assert re.search(rf"{100 * side.low:.0f}[.\d]*–{100 * side.high:.0f}[.\d]*%", text)
        assert "95% interval" in text
        assert ("not distinguishable" in text) != finding.distinguishable


def test_no_surer_difference_is_left_out(made: Report) -> None:
    table = made.comparison.to_frame("differences", estimand="contrast_share")
    own = table[table.voice.isin(BOOK.voices_of_role("own")) & ~table.small]
    assert made.findings[0].q == own.q.min()


def _csv(made: Report, name: str) -> pd.DataFrame:
    page = lxml_html.fromstring(made.html)
    (link,) = page.xpath(f"//a[@download='{name}.csv']/@href")
    return pd.read_csv(io.StringIO(unquote(link.partition(",")[2])))


def test_contrast_charts(made: Report, mentions: pd.DataFrame) -> None:
    contrast = BOOK.contrasts[0]
    table = _csv(made, contrast.name)
    own = mentions[mentions.label.isin(contrast.labels)]
    counts = own.groupby(["outlet", "voice", "label"]).size()
    totals = own.groupby(["outlet", "voice"]).size()
    in_all, all_of = own.groupby(["outlet", "label"]).size(), own.groupby("outlet").size()
    assert len(table) > 10 and table.voice.isna().sum() == 3 * len(contrast.labels)
    for row in table.itertuples():
        if pd.isna(row.voice):
            assert (row.numerator, row.denominator) == (in_all.get((row.group, row.label), 0), all_of[row.group])
        else:
            assert row.numerator == counts.get((row.group, row.voice, row.label), 0)
            assert row.denominator == totals[row.group, row.voice]
        assert row.value == pytest.approx(row.numerator / row.denominator, abs=1e-5)


def test_voices_hedges_and_sources(made: Report, mentions: pd.DataFrame, sentences: pd.DataFrame) -> None:
    for row in _csv(made, "voices").itertuples():
        own = mentions[mentions.outlet == row.group]
        assert (row.numerator, row.denominator) == ((own.voice == row.voice).sum(), len(own))
    for row in _csv(made, "hedged").itertuples():
        own = sentences[sentences.outlet == row.group]
        assert (row.numerator, row.denominator) == (own.hedged.sum(), len(own))
    names = mentions.source.map(lambda s: None if s is None else s["text"].lower().removeprefix("the "))
    for row in _csv(made, "sources").itertuples():
        own = names[mentions.outlet == row.group].dropna()
        assert (row.numerator, row.denominator) == ((own == row.source).sum(), len(own))


def test_hedging_by_party(made: Report, mentions: pd.DataFrame) -> None:
    named = mentions.reset_index().drop_duplicates(["index", "label"])
    rows = hedged_by_label(made.comparison)
    for row in rows:
        own = named[(named.outlet == row["group"]) & (named.label == row["label"])]
        assert (row["numerator"], row["denominator"]) == (own.hedged.sum(), len(own))
        assert row["documents"] == own.document_id.nunique()
        if len(own):
            assert row["low"] <= row["value"] <= row["high"]
    assert sum(row["denominator"] for row in rows) > 100


def test_counts_that_the_filters_tell(made: Report, mentions: pd.DataFrame) -> None:
    data = json.loads(lxml_html.fromstring(made.html).get_element_by_id("data").text)
    for g, group in enumerate(data["groups"]):
        for number, label in enumerate(BOOK.label_names):
            own = mentions[(mentions.outlet == group) & (mentions.label == label)]
            for v, voice in enumerate(BOOK.voices):
                assert data["counts"][g][number][v] == (own.voice == voice).sum()


def test_robustness(made: Report, records: Path, sentences: pd.DataFrame, mentions: pd.DataFrame) -> None:
    checks = {check.name: check for check in made.checks}
    least = mentions.groupby("label").probability.min()
    surer = mentions[mentions.probability >= mentions.label.map(least) + 0.1 - 1e-6]
    for number, finding in enumerate(made.findings):
        found = checks["thresholds + 0.1"].shares[number]
        assert found is not None
        for side, value, n in ((finding.more, found.more, found.more_n), (finding.less, found.less, found.less_n)):
            expected, count, _ = _share(surer, side.group, finding)
            assert n == count
            assert value == (pytest.approx(expected) if count else None)
        month = checks["one month left out"].shares[number]
        assert month is not None
        gaps = []
        for left_out in range(1, 13):
            rest = mentions[pd.to_datetime(mentions.published).dt.month != left_out]
            gaps.append(_share(rest, finding.more.group, finding)[0] - _share(rest, finding.less.group, finding)[0])
        assert month.more - month.less == pytest.approx(min(gaps))


def test_lower_thresholds_add_sentences_of_that_probability() -> None:
    def with_probability(p: float) -> dict[str, object]:
        return {"probabilities": dict.fromkeys(BOOK.outputs, 0.01) | {"rebels": p}}

    documents = []
    for number in range(8):
        name = "rebels" if number % 2 else "militants"
        own = [
            sentence(
                0, 0, "One two.", (mention(name, probability=0.6),), **with_probability(0.6 if number % 2 else 0.4)
            )
        ]
        own.append(sentence(1, 9, "Three fo.", **with_probability(0.55 if number < 4 else 0.45)))
        documents.append(document(f"d{number}", "AB"[number % 2], "2016-01-05", own))
    made = report(documents)
    (check,) = [check for check in made.checks if check.name.startswith("thresholds −")]
    finding, shares = made.findings[0], check.shares[0]
    assert shares is not None
    # B: four mentions of rebels and two sentences at .55; A: four of militants and two. .45 is under .6 - .1.
    assert (finding.more.group, finding.label) in {("B", "rebels"), ("A", "militants")}
    values = {"rebels": (1.0, 2 / 6), "militants": (4 / 6, 0.0)}[finding.label]
    assert (shares.more, shares.less) == (pytest.approx(values[0]), pytest.approx(values[1]))
    assert (shares.more_n, shares.less_n) == (6, 6)


def _stories(texts: list[str]) -> list[DocumentLabels]:
    return [
        document(f"d{n}", "AB"[n % 2], "2016-01-05", [sentence(0, 0, text, (mention("rebels"),))])
        for n, text in enumerate(texts)
    ]


def test_copies_are_those_of_all_pairs() -> None:
    generator = np.random.default_rng(0)
    words = [f"w{n}" for n in range(400)]
    texts = [" ".join(generator.choice(words, 120)) for _ in range(20)]
    for number in range(0, 10, 2):
        own = texts[number].split()
        own[number * 5] = "changed"
        texts.append(" ".join(own).upper())
    corpus = compare(_stories(texts)).corpus
    sets = [{tuple(t.lower().split()[n : n + 5]) for n in range(116)} for t in texts]
    expected = [
        next((m for m in range(n) if len(sets[n] & sets[m]) / len(sets[n] | sets[m]) >= LEAST_ALIKE), n)
        for n in range(len(texts))
    ]
    assert copies(corpus).tolist() == expected
    assert sum(n != one for n, one in enumerate(expected)) == 5


@pytest.mark.parametrize(("f1", "support"), [(0.9, 40), (0.5, 100), (1.0, 24)])
def test_f1_interval_is_wilsons_of_the_jaccard_share(f1: float, support: int) -> None:
    n = support * (2 - f1)
    right = f1 * support
    low, high = f1_interval(f1, support)
    assert low is not None and high is not None
    if n == round(n):
        ends = binomtest(round(right), round(n)).proportion_ci(method="wilson")
        assert (low, high) == (
            pytest.approx(2 * ends.low / (1 + ends.low)),
            pytest.approx(2 * ends.high / (1 + ends.high)),
        )
    assert low < f1 <= high + 1e-12


@pytest.mark.parametrize(("unit", "frequency"), [("day", "D"), ("month", "M"), ("year", "Y")])
def test_periods(unit: str, frequency: str) -> None:
    found = periods_between(date(2015, 11, 30), date(2016, 3, 1), unit)
    assert found == pd.period_range("2015-11-30", "2016-03-01", freq=frequency).astype(str).tolist()


def test_weeks_across_a_year() -> None:
    assert periods_between(date(2015, 12, 28), date(2016, 1, 4), "week") == ["2015-W53", "2016-W01"]


@pytest.mark.parametrize(("unit", "frequency"), [("day", "D"), ("week", "W-SUN"), ("month", "M"), ("year", "Y")])
def test_days_of_a_period(unit: str, frequency: str) -> None:
    names = periods_between(date(2015, 1, 1), date(2016, 3, 1), unit)
    for name, period in zip(names, pd.period_range("2015-01-01", "2016-03-01", freq=frequency), strict=True):
        assert days_of(name) == (period.start_time.date(), period.end_time.date())


def test_points_over_time_lead_to_their_days(made: Report) -> None:
    page = lxml_html.fromstring(made.html)
    links = page.xpath("//section[@aria-labelledby='time']//tr[td]")
    assert links
    for row in links:
        (link,) = row.xpath(".//a")
        period = pd.Period(row[3].text)
        days = (str(period.start_time.date()), str(period.end_time.date()))
        assert (link.get("data-since"), link.get("data-until")) == days


def test_group_table(made: Report, sentences: pd.DataFrame, mentions: pd.DataFrame) -> None:
    page = lxml_html.fromstring(made.html)
    rows = page.xpath("//section[@aria-labelledby='corpus']//tbody/tr")
    found = {row[0].text_content(): [cell.text_content() for cell in row[1:4]] for row in rows}
    for group, own in sentences.groupby("outlet"):
        n = Counter(mentions.outlet)[group]
        assert found[str(group)] == [str(own.document_id.nunique()), str(len(own)), str(n)]
