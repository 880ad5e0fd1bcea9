"""Rows 1 to 14: wrapped lines, narrow columns, and the exports of news archives."""

from __future__ import annotations

import random
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from framing.text.sentences import split
from tests.cases.articles import ARTICLES
from tests.cases.inputs import kinds, mentions, one, plain, read, sentences, text_of

Article = tuple[str, list[str]]


def whole(article: Article) -> str:
    """An article whose paragraphs are lines."""
    return "\n\n".join([article[0], *article[1]])


def _lines(paragraph: str, width: int, first: str = "", rest: str = "") -> list[str]:
    options = {"initial_indent": first, "subsequent_indent": rest}
    return textwrap.wrap(paragraph, width, break_long_words=False, break_on_hyphens=False, **options)


def _ragged(paragraph: str, width: int, chance: random.Random) -> list[str]:
    lines, line, limit = [], "", width + chance.randint(-8, 8)
    for word in paragraph.split():
        if line and len(line) + 1 + len(word) > limit:
            lines.append(line)
            line, limit = word, width + chance.randint(-8, 8)
        else:
            line = f"{line} {word}".strip()
    return [*lines, line]


def _justified(line: str, width: int) -> str:
    words = line.split(" ")
    for number in range(width - len(line)):
        words[number % max(1, len(words) - 1)] += " "
    return " ".join(words)


def wrapped(article: Article, width: int, style: str) -> str:
    """An article as a program or a page wraps it."""
    paragraphs = [article[0], *article[1]]
    chance = random.Random(width)
    lines = [_lines(paragraph, width) for paragraph in paragraphs]
    if style == "noblank":
        return "\n".join("\n".join(own) for own in lines)
    if style == "indented":
        first, *others = lines[0], *(_lines(paragraph, width, "   ") for paragraph in paragraphs[1:])
        return "\n".join(["\n".join(first), "", *("\n".join(own) for own in others)])
    if style == "all indented":
        lines = [_lines(paragraph, width, "    ", "    ") for paragraph in paragraphs]
    elif style == "ragged":
        lines = [_ragged(paragraph, width, chance) for paragraph in paragraphs]
    elif style == "justified":
        lines = [[*(_justified(line, width) for line in own[:-1]), own[-1]] for own in lines]
    elif style == "mail":
        return "\n>\n".join("\n".join(f"> {line}" for line in own) for own in lines)
    elif style == "double":
        return "\n\n\n\n".join("\n\n".join(own) for own in lines)
    end = {"crlf": "\r\n", "cr": "\r", "trailing": " \n"}.get(style, "\n")
    return (end.strip(" ") * 2).join(end.join(own) for own in lines)


def share_found(texts: list[tuple[Article, str]]) -> float:
    """The share of the articles' sentences that are whole in their wrapped texts."""
    found = total = 0
    for article, text in texts:
        expected = sentences(whole(article))
        got = [plain(sentence.replace("> ", "")) for sentence in sentences(text)]
        found += sum(sentence in got for sentence in expected)
        total += len(expected)
    return found / total


# Row 1 is what was right from the beginning: not one sentence may be lost there.
@pytest.mark.parametrize("width", [36, 52, 65, 72, 80, 100, 105, 130])
@pytest.mark.parametrize(
    ("style", "floor"),
    [
        pytest.param("blank", 0.97, id="row 1, blank lines"),
        pytest.param("noblank", 0.97, id="row 1, no blank lines"),
        pytest.param("all indented", 0.97, id="row 1, all lines indented"),
        pytest.param("crlf", 0.97, id="row 1, CRLF"),
        pytest.param("cr", 0.97, id="row 1, CR"),
        pytest.param("trailing", 0.97, id="row 1, trailing blanks"),
        pytest.param("justified", 0.97, id="row 1, justified"),
        pytest.param("indented", 0.97, id="row 5, first lines indented"),
        pytest.param("ragged", 0.97, id="row 6, ragged"),
        pytest.param("mail", 0.97, id="row 7, quoted mail"),
        pytest.param("double", 0.97, id="row 8, double-spaced"),
    ],
)
def test_wrapped_articles(style: str, floor: float, width: int) -> None:
    assert share_found([(article, wrapped(article, width, style)) for article in ARTICLES]) >= floor


@pytest.mark.parametrize("width", [52, 60, 72, 90, 102, 105, 108, 120])
@pytest.mark.parametrize("style", ["blank", "crlf", "cr", "trailing", "justified", "all indented", "noblank"])
def test_what_was_always_right(style: str, width: int) -> None:
    """Row 1: 39 of 39 sentences."""
    assert share_found([(article, wrapped(article, width, style)) for article in ARTICLES]) == 1


def test_wrapped_paragraphs() -> None:
    """Row 1, the input."""
    assert len(sentences(text_of("wrap72_para.txt"))) == 6


OUTLIERS = {
    "an address": "See http://www.northlandtimes.example/2019/05/14/world/army-retakes-harun-after-a-week-of-heavy-"
    "fighting-in-the-north.html\nfor the full story.",
    "a long line": "This report was put together from what the agencies and the ministry sent in the course of Monday.",
    "a poem": "Harun, my town,\nthe rain is over,\nthe street is long,\nand nobody sleeps.",
    "a table": "Monday 12\nTuesday 40\nWednesday 3\nThursday 9",
    "a byline": "by jane doe in harun",
    "a caption": "soldiers in harun on monday\nphoto: a. name",
}


@pytest.mark.parametrize("width", [60, 72, 80])
@pytest.mark.parametrize("outlier", OUTLIERS.values(), ids=[f"row 2, {name}" for name in OUTLIERS])
def test_one_foreign_line(outlier: str, width: int) -> None:
    """Row 2: the sentences are those of the text without it, and no line of prose becomes a headline."""
    for article in ARTICLES:
        title, *paragraphs = wrapped(article, width, "blank").split("\n\n")
        text = "\n\n".join([title, paragraphs[0], outlier, *paragraphs[1:]])
        expected = sentences(whole(article))
        assert not set(expected) - set(sentences(text))
        headlines = {plain(sentence.text) for sentence in split(text) if sentence.kind == "headline"}
        foreign = {plain(line) for line in outlier.split("\n")} | {plain(outlier)}
        assert headlines - foreign <= {article[0]}


def test_a_file_of_four_articles_with_an_address() -> None:
    """Row 2: one long line switches nothing off for the rest of the file."""
    text = "\n\n\n".join(wrapped(article, 72, "blank") for article in ARTICLES)
    text = text.replace("\n\nA rebel commander", "\n\n" + OUTLIERS["an address"] + "\n\nA rebel commander", 1)
    expected = [sentence for article in ARTICLES for sentence in sentences(whole(article))]
    assert not set(expected) - set(sentences(text))
    assert len(sentences(text)) <= len(expected) + 2


def test_the_input_with_an_address() -> None:
    """Row 2, the input."""
    assert sentences(text_of("wrap_outlier.txt"))[:3] == [
        "Government troops recaptured a district of the northern city on Monday after a week of heavy shelling that "
        "opposition activists said had killed dozens of people, including women and children.",
        "The state news agency said army units had cleared the area of terrorists and that engineers were dismantling "
        "mines and explosive devices planted in the streets.",
        "It said a large number of militants were killed.",
    ]


@pytest.mark.parametrize("name", ["wrap_two_lines.txt", "wrap_one_cut_cap.txt"])
def test_a_sentence_on_two_lines(name: str) -> None:
    """Row 3: one sentence."""
    assert len(sentences(text_of(name))) == 1
    assert set(kinds(text_of(name)).values()) == {None}


@pytest.mark.parametrize(
    "text",
    [
        "Officials in the capital said on Thursday that the convoy had been turned\nback by soldiers.",
        "The minister told reporters that the bridge had been rebuilt by engineers of the\nNorthland Army and would "
        "open on Friday.",
        "A doctor at the hospital in Maraq said that nine children had been wounded by\nshells and that there was no "
        "blood left.",
    ],
)
def test_other_sentences_on_two_lines(text: str) -> None:
    """Row 3, variants."""
    assert sentences(text) == [plain(text)]


def test_the_regime_of_a_cut_sentence_is_attributed(label: Callable) -> None:
    """Row 3: the source is on the first line, what it says on the second."""
    (sentence,) = label(text_of("wrap_one_cut_cap.txt"))
    (regime,) = [mention for mention in sentence.mentions if mention.label == "regime"]
    assert regime.voice == "attributed"
    assert regime.source and plain(regime.source.text) == "A spokesman for the opposition"


@pytest.mark.parametrize("titled", [False, True])
@pytest.mark.parametrize("width", [72, 76, 80])
def test_documents_of_one_paragraph(width: int, titled: bool) -> None:
    """Row 3: 32 sentences, 51 with the headlines."""
    texts = []
    for title, paragraphs in ARTICLES:
        for paragraph in paragraphs:
            lines = "\n".join(_lines(paragraph, width))
            texts.append(((title, [paragraph]), f"{title}\n\n{lines}"))
            if not titled:
                texts[-1] = ((paragraph, []), lines)
    assert share_found(texts) >= 0.97


def test_a_narrow_column(label: Callable) -> None:
    """Row 4: the headline and five sentences, terrorists named by the agency, no words lost where they are divided."""
    text = text_of("pdf_narrow.txt")
    found = sentences(text)
    assert [sentence.partition(" ")[0] for sentence in found] == ["Army", "Government", "The", "It", "A", "He"]
    assert list(kinds(text).values()).count("headline") == 1
    (terrorists,) = [m for s in label(text) for m in s.mentions if m.label == "terrorists"]
    assert (terrorists.text, terrorists.voice) == ("terror-\nists", "attributed")


def test_divided_words(label: Callable) -> None:
    """Row 4: at 72 columns."""
    found = [(m.label, m.text) for s in label(text_of("hyphen72.txt")) for m in s.mentions]
    assert found.count(("terrorists", "terror-\nists")) == 2
    assert ("militants", "mili-\ntants") in found


@pytest.mark.parametrize("width", [28, 32, 36, 40, 45])
def test_columns_of_newspapers(width: int) -> None:
    """Row 4: 28 to 45 code points."""
    assert share_found([(article, wrapped(article, width, "blank")) for article in ARTICLES]) >= 0.97


@pytest.mark.parametrize("width", [36, 45, 60, 72])
def test_columns_with_divided_words(width: int) -> None:
    """Row 4, variants: words of nine letters and more that stand at the end of a line are divided."""
    for article in ARTICLES:
        paragraphs = []
        for paragraph in article[1]:
            lines = _lines(paragraph, width)
            for number in range(len(lines) - 1):
                first, _, rest = lines[number + 1].partition(" ")
                if len(first) >= 9 and first.isalpha() and first.islower() and len(lines[number]) + 6 <= width:
                    lines[number] += f" {first[:4]}-"
                    lines[number + 1] = f"{first[4:]} {rest}".strip()
            paragraphs.append("\n".join(lines))
        expected = sentences(whole(article))[1:]
        text = "\n\n".join([article[0], *paragraphs])
        got = [plain(sentence.text.replace("-\n", "")) for sentence in split(text)]
        assert not set(expected) - set(got)


def test_an_indented_first_line() -> None:
    """Row 5, the input."""
    assert len(sentences(text_of("wrap_indent.txt"))) == 3


def test_quoted_mail() -> None:
    """Row 7, the input; the mark is no sentence."""
    found = sentences(text_of("wrap_email_quote.txt"))
    assert len(found) == 2
    assert found[1] == "The army denied the report."


@pytest.mark.parametrize("mark", [">", ">> ", "> > "])
def test_other_marks_of_quoted_mail(mark: str) -> None:
    """Row 7, variants."""
    lines = _lines(ARTICLES[0][1][0], 70)
    # A sentence is a slice of its text, so the marks of its further lines are in it.
    assert sentences("\n".join(mark + line for line in lines)) == [plain(f"\n{mark}".join(lines))]


@pytest.mark.parametrize("name", ["lower_lines.txt", "tweets_lines.txt"])
def test_one_text_a_line(name: str) -> None:
    """Row 9: no line is joined to another."""
    text = text_of(name)
    starts = {sentence.start for sentence in split(text)}
    lines = text.rstrip("\n").split("\n")
    places = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines))]
    assert set(places) <= starts


# --- archives ---------------------------------------------------------------------------------------------------------


def test_an_export_of_lexisnexis_is_its_articles() -> None:
    """Row 10: three documents with their outlets and days, and nothing but the text in the counts."""
    documents, rejected = read("lexis_three.TXT")
    assert not rejected
    assert [(document.outlet, document.published) for document in documents] == [
        ("The Northland Times", "2019-05-14"),
        ("The Harun Herald", "2019-05-15"),
        ("Gulf Daily", "2019-05-16"),
    ]
    assert [document.title for document in documents] == [title for title, _ in ARTICLES[:3]]
    for document, article in zip(documents, ARTICLES, strict=False):
        found = kinds(document.text)
        assert not set(sentences(whole(article))) - set(found)
        for line, kind in found.items():
            if line.split(" ")[0] in "BYLINE: SECTION: LENGTH: DATELINE: LOAD-DATE: LANGUAGE: GRAPHIC: URL:".split():
                assert kind == "boilerplate", line
        assert not any("DOCUMENTS" in line for line in found)
        assert list(found.values()).count("headline") == 1


def test_other_exports_of_lexisnexis(tmp_path: Path) -> None:
    """Row 10, variants: other days, an edition, a title of two lines, a field HEADLINE."""
    path = tmp_path / "export.txt"
    path.write_text(
        "\n\n                               1 of 2 DOCUMENTS\n\n\n                             Gulf Daily\n\n"
        "                      March 3, 2012 Saturday\n                         Late Edition - Final\n\n"
        "Envoy leaves the capital without\na truce\n\nBYLINE: By A. NAME\n\nSECTION: Pg. 3\n\nLENGTH: 90 words\n\n\n"
        "The envoy left on Friday.\n\nLOAD-DATE: March 4, 2012\n\nLANGUAGE: ENGLISH\n\n\n"
        "                               2 of 2 DOCUMENTS\n\n\n                            Hill News (Harun)\n\n"
        "                             4 March 2012\n\nSECTION: NEWS\n\nLENGTH: 20 words\n\nHEADLINE: Rain in Harun\n\n"
        "BODY:\nIt rained on Saturday.\n\nLOAD-DATE: March 5, 2012\n",
        encoding="utf-8",
    )
    documents, _ = read(path)
    assert [(d.outlet, d.published, d.title) for d in documents] == [
        ("Gulf Daily", "2012-03-03", "Envoy leaves the capital without a truce"),
        ("Hill News (Harun)", "2012-03-04", "Rain in Harun"),
    ]
    assert "The envoy left on Friday." in sentences(documents[0].text)
    assert kinds(documents[1].text)["It rained on Saturday."] is None


@pytest.mark.parametrize("name", ["nexis_uni2.txt", "lexis_subject.txt"])
def test_index_terms_are_not_counted(name: str, label: Callable) -> None:
    """Row 11: debris, whatever words of ours they hold."""
    labels = label(one(name))
    terms = {"uprising", "terrorists", "rebels", "militants", "aggression", "atrocity", "occupiers"}
    assert not terms & {label for label, _, _ in mentions(labels)}
    assert not terms & set(labels.counts())


FIELDS = """SUBJECT TERMS ORGANIZATION COMPANY PERSON GEOGRAPHIC COUNTRY STATE CITY INDUSTRY SECTION LENGTH BYLINE
DATELINE HEADLINE HIGHLIGHT GRAPHIC LOAD-DATE LANGUAGE PUBLICATION-TYPE JOURNAL-CODE TICKER""".split()


#: Those that Nexis Uni does not print; written small they may begin a sentence.
CAPITALS_ONLY = {"TERMS", "COUNTRY", "STATE", "CITY", "HEADLINE"}


@pytest.mark.parametrize("field", FIELDS)
def test_fields_of_archives(field: str) -> None:
    """Row 11: every field of the rule, in capitals and as Nexis Uni writes it."""
    small = "-".join(part.capitalize() for part in field.split("-")).replace("Journal-", "Journal ")
    for name in {field} if field in CAPITALS_ONLY else {field, small}:
        line = f"{name}: REBELS; TERRORISTS; MILITIA"
        text = f"Army enters Harun\n\nTroops entered the town.\n\n{line}\n\nIt rained in the capital on Sunday."
        assert kinds(text)[line] == "boilerplate", line
        assert kinds(text)["It rained in the capital on Sunday."] is None


@pytest.mark.parametrize(
    "line",
    [
        "REBELLIONS & INSURGENCIES (93%); TERRORIST ORGANIZATIONS (90%)",
        "TERRORISM (89%); MILITARY OCCUPATION (78%); GENOCIDE (75%); MASSACRES (74%)",
        "ARMED FORCES (90%); WAR & CONFLICT (88%)",
    ],
)
def test_lists_of_index_terms(line: str) -> None:
    """Row 11: further lines of a list have no field before them."""
    text = f"Troops entered the town on Monday, officials said.\n\n{line}\n\nIt rained in the capital on Sunday."
    assert kinds(text)[line] == "boilerplate"


def test_percentages_in_prose_are_no_index_terms() -> None:
    """Row 11: the rule takes nothing else along."""
    line = "The opposition won in Harun (93%) and in Maraq (78%), the commission said on Monday."
    assert kinds(f"Troops left on Monday.\n\n{line}\n\nIt rained.")[line] is None


def test_an_export_of_factiva_is_its_articles() -> None:
    """Row 12: two documents; codes and what stands under them are debris."""
    documents, rejected = read("factiva.txt")
    assert not rejected
    assert [(d.outlet, d.published, d.title) for d in documents] == [
        ("The Northland Times", "2019-05-14", ARTICLES[0][0]),
        ("The Harun Herald", "2019-05-14", ARTICLES[1][0]),
    ]
    for document, article in zip(documents, ARTICLES, strict=False):
        found = kinds(document.text)
        assert not set(sentences(whole(article))) - set(found)
        for line in ("BY", "WC", "412 words", "PD", "14 May 2019", "SN", "LA", "English", "LP", "TD", "NS", "RE", "AN"):
            assert found[line] == "boilerplate", line


def test_factiva_with_codes_before_their_fields(tmp_path: Path) -> None:
    """Row 12, variant: as Factiva's own text export sets them."""
    path = tmp_path / "factiva.txt"
    path.write_text(
        "SE   World\nHD   Rain in Harun\nBY   A. Name\nWC   20 words\nPD   3 March 2012\nSN   Gulf Daily\nSC   GULF\n"
        "LA   English\nCY   (c) 2012 Gulf Daily\n\nLP   \nIt rained on Friday, officials said.\n\nTD   \n"
        "The market was closed.\n\nNS   gcat : News\nAN   Document GULF000020120303\n",
        encoding="utf-8",
    )
    document = one(path)
    assert (document.outlet, document.published, document.title) == ("Gulf Daily", "2012-03-03", "Rain in Harun")
    assert {"It rained on Friday, officials said.", "The market was closed."} <= set(sentences(document.text))


def test_a_page_number_in_a_paragraph() -> None:
    """Row 13: the number and the running head are debris, the sentence behind them is whole."""
    found = kinds(text_of("ocr_page.txt"))
    assert found["4"] == found["THE NORTHLAND TIMES, TUESDAY, MAY 14, 2019"] == "boilerplate"
    assert (
        "The state news agency said army units had cleared the area of terrorists and that engineers were dismantling "
        "mines." in found
    )


def test_bullets() -> None:
    """Row 14: one sentence each, over their lines."""
    found = sentences(text_of("bullets_wrap.txt"))
    assert len(found) == 7
    assert [sentence[0] for sentence in found[1:]] == [*"***-12"]
    assert found[6] == "2) Russia has not replied"


def test_bullets_without_a_stop_are_no_headlines(label: Callable) -> None:
    """Row 14: the kind of what is listed."""
    found = {plain(sentence.text): sentence.kind for sentence in label(text_of("bullets_wrap.txt"))}
    assert found["* at least 40 civilians have died"] == "body"
    assert found["2) Russia has not replied"] == "body"


@pytest.mark.parametrize("width", [28, 40, 60])
def test_a_sentence_that_begins_on_a_quoted_line(width: int) -> None:
    """Row 7, variant: the mark of the line is no part of it."""
    paragraph = (
        "“We have driven the terrorists out of every street of the town,” Gen. Khalid Darwish told reporters in the "
        "capital. Rebels denied the claim and said that they had left some districts in order to spare the people."
    )
    text = "\n".join(f"> {line}" for line in textwrap.wrap(paragraph, width))
    assert [sentence.partition(" ")[0] for sentence in sentences(text)] == ["“We", "Rebels"]


BODY = "The army shelled the market of Harun on Monday, residents said.\n\nThe general said the terrorists had fled."
FACTIVA = """World
{title}

By Salem Haddad
234 words
14 May 2019
10:05
{outlet}
BAYP
English
Copyright 2019 {outlet}. All rights reserved.

{body}

Document BAYP000020190514ef5e0000{number}

"""
PROQUEST = """____________________________________________________________

Document {number} of 2

{title}

Author: Haddad, Salem

ProQuest document link

Full text: {body}

Subject: Terrorism; Rebellions

Title: {title}

Publication title: {outlet}

Publication date: May 14, 2019

Database: ProQuest Central

"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("layout", [FACTIVA, PROQUEST], ids=["Factiva", "ProQuest"])
def test_further_exports(layout: str, end: str, tmp_path: Path) -> None:
    """Rows 11 and 12, variants: Factiva without codes, ProQuest; index terms are no text."""
    named = [("Army retakes the town", "The Bay Post"), ("Rebels leave Harun", "The Hill Times")]
    whole = "".join(
        layout.format(title=title, outlet=outlet, body=BODY, number=number)
        for number, (title, outlet) in enumerate(named, start=1)
    )
    path = tmp_path / "export.txt"
    path.write_bytes(whole.replace("\n", end).encode())
    documents, rejected = read(path)
    assert not rejected
    assert [(d.title, d.outlet, d.published) for d in documents] == [(*name, "2019-05-14") for name in named]
    for document in documents:
        assert sentences(document.text) == [document.title, *BODY.split("\n\n")]


def test_codes_of_factiva_before_their_fields() -> None:
    """Row 12, variant: the index terms are debris, the text is not."""
    text = (
        "HD   Army retakes Harun\nWC   234 words\nPD   14 May 2019\nSN   The Bay Post\nLA   English\n"
        "LP   The army shelled the market of Harun on Monday, residents said.\nCO   hadd : Haddad Co\n"
        "NS   gterr : Terrorism"
    )
    found = kinds(text)
    assert [line[:2] for line, kind in found.items() if kind == "boilerplate"] == ["WC", "PD", "SN", "LA", "CO", "NS"]


FEATURES: Article = (
    "Haddad’s Troops Seize Key Town, Activists Say",
    [
        "BEIRUT — Forces loyal to President Omar Haddad captured the town of Maraq on Thursday after rebels pulled out "
        "overnight, residents and activists said, in the latest setback for the opposition.",
        "More than 5.5 million people – a quarter of the population – depend on aid that can reach them only by one "
        "road, which the militia closed on Sept. 3.",
        "The toll stands at 40. The U.N. envoy, Maria Lindt, travels to Harun on Friday, and will meet Mr. Haddad.",
        "Reporting was contributed by A. Name from Harun, B. Name from Geneva and an employee of the Times from Maraq.",
    ],
)


@pytest.mark.parametrize("width", [30, 36, 40, 45, 50, 55, 60, 65, 72, 76, 80, 100])
@pytest.mark.parametrize("style", ["blank", "noblank", "indented", "all indented", "justified", "crlf"])
def test_dashes_and_initials_at_the_beginning_of_lines(style: str, width: int) -> None:
    """Row 1, variants: they are no list items, and a title in capitals is no part of the first paragraph."""
    assert share_found([(FEATURES, wrapped(FEATURES, width, style))]) == 1


@pytest.mark.parametrize("width", [30, 45, 60, 72, 80])
def test_hanging_indents(width: int) -> None:
    """Row 5, variant: all lines but the first are indented."""
    for article in [*ARTICLES, FEATURES]:
        paragraphs = ["\n".join(_lines(paragraph, width, "", "  ")) for paragraph in article[1]]
        assert share_found([(article, "\n\n".join([article[0], *paragraphs]))]) == 1


def test_lists_stay_lists() -> None:
    """Rows 5 and 14, the other way round: several items, or one behind a colon."""
    text = "The rebels listed what they want of the government:\n- release of all prisoners\n- an end to the bombing"
    assert len(sentences(text)) == 3
    assert len(sentences("The rebels want one thing from the government:\n- release of all prisoners")) == 2


NEWSBANK = {
    "Access World News": """{title}
{outlet}
May 14, 2019
Author/Byline: Salem Haddad
Edition: Final
Section: News
Page: 3A
Readability: 12-9-6
OpenURL Link

{body}

Caption: Rebels in the town.

Memo: Staff writer.

Copyright, 2019, {outlet}. All Rights Reserved.
Record Number: 0AFD1234{number}

""",
    "one line": """{title}
{outlet} - May 14, 2019
Section: News
Page: 3A

{body}

Record Number: 0AFD1234{number}
Copyright (c) 2019 {outlet}

""",
    "fields": """Paper: {outlet}
Title: {title}
Date: May 14, 2019
Section: News
Page: 3A
Text: {body}
Copyright (c) 2019 {outlet}
Record Number: 0AFD1234{number}

""",
}
LEXIS = """
                               Document {number} of 2


                              {outlet}

                             May 14, 2019 Tuesday

{title}

LENGTH: 234 words

{body}

LOAD-DATE: May 15, 2019
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("layout", [*NEWSBANK.values(), LEXIS], ids=[*NEWSBANK, "Document 1 of 2"])
def test_newsbank_and_other_headings(layout: str, encoding: str, tmp_path: Path) -> None:
    """Rows 10 and 11, variants: NewsBank in three forms, LexisNexis with another heading, also in UTF-16."""
    named = [("Army retakes the town", "Bay Post, The (Harun)"), ("Rebels leave Harun", "Hill Times")]
    whole = "".join(
        layout.format(title=title, outlet=outlet, body=BODY, number=number)
        for number, (title, outlet) in enumerate(named, start=1)
    )
    (tmp_path / "export.txt").write_bytes(whole.encode(encoding))
    documents, rejected = read(tmp_path / "export.txt")
    assert not rejected
    assert [(d.title, d.outlet, d.published) for d in documents] == [(*name, "2019-05-14") for name in named]
    for document in documents:
        found = kinds(document.text)
        assert [line for line, kind in found.items() if kind != "boilerplate"] == [document.title, *BODY.split("\n\n")]


@pytest.mark.parametrize(
    "line",
    [
        "Subject Terms: *TERRORISM *REBELS",
        "Subjects: Terrorism; Rebels",
        "Index Terms: Terrorism; Rebels",
        "Key Words: TERRORISM, REBELS",
        "Location: Harun; Northland",
        "Accession Number: 12345",
        "Full Text Word Count: 234",
        "Document BAYP000020190514ef5e00001",
        "ALSO READ | Rebels seize the town",
        "Reproduced with permission of the copyright owner.",
    ],
)
def test_fields_of_further_archives(line: str) -> None:
    """Row 11, variants: EBSCO, Gale, NewsBank, ProQuest."""
    text = f"Army enters Harun\n\nTroops entered the town.\n\n{line}\n\nIt rained in the capital on Sunday."
    assert kinds(text)[line] == "boilerplate"


def test_fields_that_begin_a_sentence() -> None:
    """Row 11, the other way round."""
    line = "People: they are what this war is about, the envoy said."
    assert kinds(f"Army enters Harun\n\n{line}\n\nIt rained.")[line] is None
