"""The page: well-formed, closed to the outside, and untouched by what articles hold."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from html import escape
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html

from framing.codebook import Codebook
from framing.compare.annotation import draw_sample
from framing.compare.columns import read_corpus
from framing.compare.front import compare
from framing.compare.labelling import hold_records
from framing.errors import ColumnError, InputError, SettingError
from framing.labeler import Labeler
from framing.markup import MarkedRow, MarkedSentence, MarkedSpan, Tag
from framing.model.checkpoint import locate
from framing.reading.encodings import visible
from framing.records import open_writer
from framing.report.evidence import MENTIONS_READ, words_of_labels
from framing.report.front import Report, article, report
from framing.report.marks import Mark, labels_html, marked_html, window
from framing.report.page import csv_link, script_json
from framing.types import DocumentLabels, Mention
from tests.compare.corpora import document, made_up, mention, sentence
from tests.own_codebook import own_codebook

pytestmark = pytest.mark.slow

#: Attributes that can hold an address.
ADDRESSES = (
    "href",
    "src",
    "action",
    "formaction",
    "data",
    "poster",
    "srcset",
    "background",
    "cite",
    "ping",
    "xlink:href",
)


def _parse(html: str) -> None:
    html5lib = pytest.importorskip("html5lib")
    html5lib.HTMLParser(strict=True).parse(html)


def _check_closed(html: str) -> None:
    page = lxml_html.fromstring(html)
    for element in page.iter():
        if not isinstance(element.tag, str):
            continue
        assert element.tag not in ("iframe", "object", "embed", "img", "base", "form", "foreignobject")
        for name, value in element.attrib.items():
            assert not name.startswith("on") and name != "style", (element.tag, name)
            if name in ADDRESSES:
                assert re.match(r"#[a-z-]+$|data:(text/csv|,)", value), value[:80]
    assert set(re.findall(r"https?://[^\s\"'<]+", re.sub(r">[^<]*<", "><", html))) <= {"http://www.w3.org/2000/svg"}


def _check_policy(html: str) -> None:
    page = lxml_html.fromstring(html)
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    for name, path in (("style-src", "//style"), ("script-src", "//script[not(@type)]")):
        found = page.xpath(path)
        allowed = [base64.b64encode(hashlib.sha256(one.text.encode()).digest()).decode() for one in found]
        assert [f"'sha256-{one}'" for one in allowed] == rules.get(name, "").split()
    assert "unsafe" not in policy


def test_the_page_is_well_formed_and_closed(made: Report) -> None:
    _parse(made.html)
    _check_closed(made.html)
    _check_policy(made.html)


def test_hostile_articles_are_text(hostile: Report) -> None:
    _parse(hostile.html)
    _check_closed(hostile.html)
    _check_policy(hostile.html)
    page = lxml_html.fromstring(hostile.html)
    assert [one.get("type") for one in page.xpath("//script")] == ["application/json", None]
    assert len(hostile.html) < 500_000, "a megabyte of one word is cut"
    shown = " ".join(page.xpath("string(//ol[@class='evidence'])").split())
    assert "<script>alert(1)</script> met" in shown.replace(
        " ‹rebels · author: <script>alert(1)</script> met rebels›", ""
    )
    seen = page.text_content() + "".join(page.xpath("//@*"))
    for block in page.xpath("//script"):
        seen = seen.replace(block.text, "")
    assert not set(seen) & set("\x00\x07\u202e"), "what steers a terminal or turns the writing is shown as a code"


def test_landmarks_and_headings(made: Report) -> None:
    page = lxml_html.fromstring(made.html)
    assert [len(page.xpath(f"//{name}")) for name in ("header", "main", "footer", "nav", "h1")] == [1] * 5
    levels = [int(one.tag[1]) for one in page.xpath("//h1|//h2|//h3|//h4")]
    assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    for place in page.xpath("//nav//a/@href"):
        assert place[1:] in ids
    for field in page.xpath("//input[@id]|//select[not(@hidden)]"):
        assert page.xpath(f"//label[@for='{field.get('id')}']")


def test_order_of_sections(made: Report) -> None:
    keys = lxml_html.fromstring(made.html).xpath("//section/@aria-labelledby")
    first = "findings names voices events time sources hedging words evidence"
    assert keys == f"{first} robustness corpus instrument terms limits".split()


def test_charts_have_words_and_tables_have_captions(made: Report) -> None:
    page = lxml_html.fromstring(made.html)
    drawings = page.xpath("//svg")
    assert len(drawings) > 10
    for one in drawings:
        assert one.get("role") == "img"
        (title,) = one.xpath(f"./title[@id='{one.get('aria-labelledby')}']/text()")
        (told,) = one.xpath(f"./desc[@id='{one.get('aria-describedby')}']/text()")
        assert title.strip() and told.strip()
        assert not one.xpath(".//a"), "the table under a chart has its links"
    tables = page.xpath("//table")
    assert len(tables) > 10
    for table in tables:
        (caption,) = table.xpath("./caption")
        assert caption.text_content().strip()
        for head in table.xpath(".//th"):
            assert head.get("scope") in ("col", "row") and head.text_content().strip()
    assert page.get("lang") == "en"
    (skip,) = page.xpath("//a[@class='skip']/@href")
    assert page.get_element_by_id(skip[1:]) is not None


def test_what_a_drawing_tells_is_what_it_shows(made: Report) -> None:
    page = lxml_html.fromstring(made.html)
    contrast = Codebook.default().contrasts[0]
    own = made.comparison.to_frame(contrast=contrast.name, voice="author", estimand="contrast_share")
    found = {title.text.rpartition(": ")[2]: title.getnext().text for title in page.xpath("//svg[@role='img']/title")}
    for label, rows in own.groupby("label"):
        if label in found:
            low, high = rows.loc[rows.value.idxmin()], rows.loc[rows.value.idxmax()]
            said = f"from {low.value:.0%} ({low.group}) to {high.value:.0%} ({high.group})."
            assert found[label] == f"Filled dots lie {said}"


def test_drawings_fit_on_a_sheet() -> None:
    names = tuple(f"An outlet with a name that is long, number {number}" for number in range(30))
    page = lxml_html.fromstring(report(made_up(240, outlets=names)).html)
    heights = [float(one.get("height")) for one in page.xpath("//svg")]
    assert max(heights) < 900, "A4 less its margins has about a thousand pixels of the style's"
    drawn = [text.text_content() for text in page.xpath("//svg[@aria-labelledby='contrast0-0-title']/text")]
    assert any(name[:40] in text for name in names for text in drawn), "long names are not cut to what is left of dots"


def test_a_codebook_without_contrasts_and_voices_is_told() -> None:
    book = own_codebook()
    documents = []
    for number in range(30):
        label = book.label_names[number % 3 == 0]
        one = sentence(0, 0, "word and more", (mention(label, None),), probabilities=dict.fromkeys(book.outputs, 0.1))
        whole = document(f"d{number}", "AB"[number % 2], None, [one])
        documents.append(DocumentLabels(tuple(whole), codebook=book, document=whole.document))
    html = report(documents, codebook=book).html
    _parse(html)
    page = lxml_html.fromstring(html)
    assert "the codebook has no contrast" in page.xpath("string(//section[@aria-labelledby='findings'])")
    keys = page.xpath("//section/@aria-labelledby")
    assert "rates" in keys and not {"names", "voices", "hedging"} & set(keys)
    rates = {
        (row[0].text, row[1].text): row[3].text for row in page.xpath("//section[@aria-labelledby='rates']//tr[td]")
    }
    counts = Counter(("AB"[n % 2], book.label_names[n % 3 == 0]) for n in range(30))
    assert rates == {key: f"{count} of 15" for key, count in counts.items()}
    assert not page.xpath("//*[@id='f-v' or @id='f-h' or @id='f-c']"), "nothing to choose by what is not there"
    legend = page.xpath("string(//ul[@class='legend'])")
    assert "hedge" not in legend and "cited" not in legend


def test_sentences_say_their_language() -> None:
    book = Codebook.from_dict({**Codebook.default().to_dict(), "language": "de"})
    documents = [
        DocumentLabels(tuple(one), codebook=book, document=one.document) for one in made_up(12, outlets=("A", "B"))
    ]
    page = lxml_html.fromstring(report(documents, codebook=book).html)
    assert page.get("lang") == "en"
    assert set(page.xpath("//ol[@class='evidence']//p[@class='text']/@lang")) == {"de"}


def test_what_the_names_mean(made: Report, corpus: list[DocumentLabels]) -> None:
    """Parquet keeps the names of a codebook alone; what they mean comes from the built-in one."""
    page = lxml_html.fromstring(made.html)
    rows = {row[0].text: row for row in page.xpath("//section[@aria-labelledby='terms']//tr[td]")}
    book = Codebook.default()
    used = Counter(m.label for labels in corpus for s in labels if s.kind in book.outlet_kinds for m in s.mentions)
    for label in book.labels:
        assert (label.name in rows) == bool(used[label.name])
        if used[label.name]:
            assert rows[label.name][1].text == label.definition
            assert rows[label.name][2].text == f"word {min(used[label.name], MENTIONS_READ)}"
            assert rows[label.name][3].text == f"{used[label.name]:,}"
    for guide in book.voice_guides:
        assert rows[guide.name][1].text == guide.definition


def test_a_codebook_that_is_named_says_what_its_names_mean(corpus: list[DocumentLabels], tmp_path: Path) -> None:
    entries = Codebook.default().to_dict()
    entries["name"] = "other"
    book = Codebook.from_dict(entries)
    path = tmp_path / "labels.parquet"
    with open_writer(path, codebook=book) as writer:
        for labels in corpus[:30]:
            writer.write(DocumentLabels(tuple(labels), codebook=book, document=labels.document))
    meaning = f'<td class="t">{escape(book.label("militants").definition)}</td>'
    assert meaning not in report(path).html
    assert meaning in report(path, codebook=book).html


def test_the_commonest_words_behind_a_label() -> None:
    texts = ["Gunmen fled.", "The gunmen ran.", "An armed  man hid.", "Gunmen."]
    spans = [(0, 6), (4, 10), (3, 13), (0, 6)]
    documents = [
        document(
            f"d{n}", "A", None, [sentence(0, 0, text, (Mention("militants", a, b, text[a:b], "author", 0.9, 0.9),))]
        )
        for n, (text, (a, b)) in enumerate(zip(texts, spans, strict=True))
    ]
    found = words_of_labels(read_corpus(documents))
    assert found == {"militants": [("gunmen", 3), ("armed man", 1)]}


def test_links_lead_to_sentences_of_their_cell(made: Report) -> None:
    page = lxml_html.fromstring(made.html)
    items = page.xpath("//ol[@class='evidence']/li")
    links = page.xpath("//a[@href='#evidence'][@data-l][@data-v]")
    assert len(links) > 50
    seen = 0
    for link in links:
        frame = f"{link.get('data-l')}.{link.get('data-v')}"
        own = [i for i in items if i.get("data-g") == link.get("data-g") and frame in (i.get("data-f") or "").split()]
        nothing = re.match(r"(0|.*: \w+ \w+ 0(\.0)?)% ", link.text_content() + " ") or "0 of" in link.text_content()
        assert bool(own) or nothing, link.text_content()
        seen += bool(own)
    assert seen > 20


def test_evidence_is_a_sample_of_each_cell(records: Path) -> None:
    page = report(records, sentences=60, seed=1)
    assert page.sampled[0] <= 60 < page.sampled[1]
    other = report(records, sentences=60, seed=2)
    assert page.html != other.html
    assert page.html == report(records, sentences=60, seed=1).html


def test_a_thousand_articles_are_less_than_two_megabytes() -> None:
    assert len(report(made_up(1000, outlets=("A", "B", "C", "D"), sentences=20)).html.encode()) < 2_000_000


def test_checked_documents_are_gold(made: Report, records: Path, tmp_path: Path) -> None:
    """What the page's script writes: here by our own writer, with every mark left as right."""
    data = json.loads(lxml_html.fromstring(made.html).get_element_by_id("data").text)
    assert {one["group"] for one in data["check"]} == {0, 1, 2}
    lines = []
    for one in data["check"]:
        for row in one["sentences"]:
            spans = tuple(
                MarkedSpan(a, b, row["text"][a:b], tuple(Tag.parse(tag, Codebook.default()) for tag in tags.split("+")))
                for a, b, tags in row["spans"]
            )
            marked = MarkedSentence(row["text"], spans)
            lines.append(MarkedRow(one["document"], row["kind"], marked, one["outlet"], one["document"], row["id"]))
    gold = tmp_path / "gold.tsv"
    gold.write_text("".join(line.to_line() + "\n" for line in lines), encoding="utf-8")
    found = compare(records, gold=gold, equal_probabilities=True)
    outlet = Codebook.default().outlet_kinds
    counted = [one for one in data["check"] if any(row["kind"] in outlet for row in one["sentences"])]
    assert sum(found.table("groups").column("annotated").to_pylist()) == len(counted) > 10


def test_events_side_by_side() -> None:
    long = "The rebels took the bridge at dawn, and the river was quiet for the rest of the day, people there said."
    documents = [
        document("d0", "A", "2031-01-01", [sentence(0, 0, long, (mention("rebels"),))], event="bridge"),
        document("d1", "B", "2031-01-02", [sentence(0, 0, long, (mention("rebels"),))], event="bridge"),
        document("d2", "B", "2031-01-03", [sentence(0, 0, "Fire.", (mention("terrorists"),))], event="bridge"),
        document("d3", "B", "2031-01-03", [sentence(0, 0, "Alone.", (mention("rebels"),))], event="alone"),
    ]
    page = lxml_html.fromstring(report(documents).html)
    (told,) = page.xpath("//div[@class='sides']")
    assert "1 document" in told[0].text_content() and "2 documents, 1 of them copies" in told[1].text_content()
    assert [" ".join(one.text_content().split()) for one in told.xpath(".//li")] == [
        "1 × rebels · author",
        "1 × terrorists · author",
    ]


def test_gaps_in_time_stay_gaps() -> None:
    documents = [
        document(f"d{n}", "AB"[n % 2], f"2031-{1 + n // 8:02d}-05", [sentence(0, 0, "W o r d.", (mention("rebels"),))])
        for n in range(24)
        if n // 8 != 1 or n % 2
    ]
    page = lxml_html.fromstring(report(documents, over="month").html)
    lines = page.xpath("//section[@aria-labelledby='time']//polyline/@points")
    assert sorted(len(line.split()) for line in lines) == [1, 1, 3]


def test_events_that_are_found_are_those_of_compare(corpus: list[DocumentLabels]) -> None:
    texts = [
        "Shells fell on the old market of the harbour town, and the bakery burned for hours.",
        "The old market of the harbour town was hit by shells and the bakery burned, people said.",
        "Snow closed the mountain pass in the east and buses waited for the ploughs.",
        "In the east the mountain pass was closed by snow while buses waited for ploughs.",
        "A court in the capital heard the case of the minister.",
    ]
    names = ["rebels", "terrorists", "rebels", "terrorists", "rebels"]
    documents = [
        document(f"d{n}", "AB"[n % 2], f"2031-0{1 + n // 2}-01", [sentence(0, 0, text, (mention(name),))])
        for n, (text, name) in enumerate(zip(texts, names, strict=True))
    ]
    found = compare(documents, find_event=True, words=0)
    assert found.events is not None and len(found.events) == 2
    page = lxml_html.fromstring(report(documents, find_event=True).html)
    (section,) = page.xpath("//section[@aria-labelledby='events']")
    assert len(section.xpath(".//div[@class='sides']")) == 2
    assert [h.find("bdi").text for h in section.xpath(".//h3")] == [texts[0], texts[2]]
    # Within both events A says rebels and B terrorists, always.
    row = section.xpath(".//tbody/tr")[0]
    assert row[1].text_content().startswith("100%") and row[3].text_content() == "2"
    with pytest.raises(SettingError, match="found"):
        report(documents, find_event=True, event="event")
    assert "no column names the events" in report(corpus).html


def test_gold_does_not_correct_within_events(corpus: list[DocumentLabels], tmp_path: Path) -> None:
    gold = tmp_path / "gold.tsv"
    draw_sample(corpus, each=25, seed=2).write(gold)
    page = lxml_html.fromstring(report(corpus, gold=gold, event="section").html)
    (said,) = page.xpath("//section[@aria-labelledby='events']/p[@class='warn']")
    assert "the annotated documents do not correct them" in said.text_content()


def test_typical_words_are_those_of_the_comparison(made: Report) -> None:
    page = lxml_html.fromstring(made.html)
    (section,) = page.xpath("//section[@aria-labelledby='words']")
    shown = {row[0].text_content(): row[1].text_content() for row in section.xpath(".//tbody/tr")}
    rows = made.comparison.table("words").to_pylist()
    assert shown.keys() == {row["group"] for row in rows}
    for row in rows:
        assert f"{row['word']} ({row['count']:,})" in shown[row["group"]]


def test_gold_corrects_the_page(corpus: list[DocumentLabels], tmp_path: Path) -> None:
    gold = tmp_path / "gold.tsv"
    draw_sample(corpus, each=25, seed=2).write(gold)
    html = report(corpus, gold=gold)
    assert all(finding.corrected for finding in html.findings)
    page = lxml_html.fromstring(html.html)
    findings = page.xpath("string(//ol[@class='findings'])")
    assert findings.count("Corrected for the model’s errors.") == 3 and "Not corrected" not in findings
    assert "No figure here is corrected" not in html.html
    assert "the annotated documents do not correct them" not in html.html, "there are no events"
    annotated = page.xpath("//section[@aria-labelledby='corpus']//tbody/tr/td[4]/text()")
    assert sum(map(int, annotated)) == sum(html.comparison.table("groups").column("annotated").to_pylist()) > 60
    rows = compare(corpus, gold=gold, words=0, seed=0)
    for finding in html.findings:
        cell = {"contrast": finding.contrast, "label": finding.label, "voice": finding.voice}
        (row,) = rows.table(estimand="contrast_share", group=finding.more.group, **cell).to_pylist()
        assert (finding.more.value, finding.more.low) == (row["value"], row["low"])


def test_the_models_errors_give_a_band(records: Path) -> None:
    made = report(records, model="shipped")
    book = made.comparison.corpus.codebook
    metrics = json.loads((locate("shipped") / "metrics.json").read_text(encoding="utf-8"))["labels"]
    finding = made.findings[0]
    rivals = book.contrast(finding.contrast).labels
    rows = made.comparison.table(
        estimand="contrast_share", contrast=finding.contrast, voice=None, group=finding.more.group
    ).to_pylist()
    counts = {row["label"]: row["numerator"] for row in rows}
    assert set(counts) == set(rivals)
    f1 = {label: metrics[label]["f1"] for label in rivals}
    own = counts[finding.label] * f1[finding.label] / (2 - f1[finding.label])
    others = sum(counts[one] * (2 - f1[one]) / f1[one] for one in rivals if one != finding.label)
    low = f"{finding.more.group} {100 * own / (own + others):.0f}–"
    assert low in lxml_html.fromstring(made.html).xpath("string(//ol[@class='findings']/li[1])")


def test_periods_that_are_too_many_are_told(corpus: list[DocumentLabels]) -> None:
    assert "periods of a day are too many to be drawn" in report(corpus, over="day").html


def test_what_cannot_be_reported_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one group"):
        report(made_up(5, outlets=("A",)))
    with pytest.raises(ColumnError):
        report(made_up(6), by="party")
    with pytest.raises(ColumnError):
        report(made_up(6), event="party")
    undated = [
        document(f"d{n}", "AB"[n % 2], "soon", [sentence(0, 0, "Words.", (mention("rebels"),))]) for n in range(6)
    ]
    assert "No document has a date that can be read." in report(undated).html
    with pytest.raises(InputError, match="nothing to report"):
        report([])


def test_documents_are_labelled_first(tmp_path: Path, tiny_labeler: Labeler) -> None:
    file = tmp_path / "articles.jsonl"
    rows = [
        {
            "id": n,
            "outlet": "AB"[n % 2],
            "text": "The rebels fled the town. He said militants liberated a city.",
            "event": "x",
        }
        for n in range(6)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"id": 7}]), encoding="utf-8")
    assert not hold_records([file])
    html = report(file, labeler=tiny_labeler).html
    assert "labelled for this page" in html and "1 rows or files could not be read" in html
    assert tiny_labeler.checkpoint.fingerprint in html


# --- marks ------------------------------------------------------------------------------------------------------------


@given(st.text(), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=4))
def test_marked_html_is_the_text(text: str, ends: list[tuple[int, int]]) -> None:
    marks = [Mark(min(a, b), max(a, b), "own") for a, b in ends if min(a, b) < max(a, b) <= len(text)]
    made = lxml_html.fromstring(f"<div>{marked_html(text, marks)}</div>")
    expected = visible(text).replace("\r\n", "\n").replace("\r", "\n")
    assert made.text_content() == expected


@given(st.text(max_size=300), st.integers(0, 250), st.integers(1, 20))
def test_a_window_has_the_first_mark(text: str, start: int, length: int) -> None:
    end = start + length
    if end > len(text):
        return
    shown, (mark,) = window(text, [Mark(start, end, "own")], 200)
    assert shown[mark.start : mark.end] == text[start:end]
    assert len(shown) <= 202


@given(st.text())
def test_json_in_a_script_stays_there(text: str) -> None:
    written = script_json({"x": text})
    assert not set(written) & set("<>&\u2028\u2029")
    assert json.loads(written) == {"x": text}


def test_formulas_are_no_formulas_in_csv() -> None:
    assert "%0D%0A%27=SUM" in csv_link("x", [["group"], ["=SUM(A1)"]], "a table")


def test_labels_show_themselves(corpus: list[DocumentLabels]) -> None:
    html = labels_html(corpus[0])
    page = lxml_html.fromstring(html)
    assert len(page.xpath("//mark")) > 0
    for tag in page.xpath("//*[@class='tag' or @class='kind']"):
        tag.drop_tree()
    for paragraph, one in zip(page.xpath("//p[@class='text']"), corpus[0], strict=True):
        assert "".join(paragraph.text_content().split()) == "".join(one.text.split())
    assert "<script" not in labels_html(document("d1", "<script>", None, [sentence(0, 0, "<script>")]))


def test_a_page_of_one_article(corpus: list[DocumentLabels]) -> None:
    html = article(corpus[0])
    _parse(html)
    _check_closed(html)
    _check_policy(html)
    assert "script-src" not in html
