"""Rows 46 to 55: pages of HTML, and parts of them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import framing
from framing.reading.documents import document_of
from framing.reading.html import extract, looks_like_html
from tests.cases.inputs import kinds, mentions, one, quoted, read, sentences

ARTICLE = [
    "Government forces retook the town of Harun on Monday after a week of shelling, the state news agency said.",
    "“The terrorists have been driven out of every street,” Gen. Khalid Darwish told reporters at the scene.",
    "Rebels denied the claim and said that they had pulled back to the hills south of the river in good order.",
    "At least 40 civilians were reportedly killed in the fighting, according to a monitoring group based in London.",
]


def _text_of(source: str) -> str:
    """The text of a cell or string."""
    return document_of(source, 0).text


def test_fragments_in_a_table() -> None:
    """Row 46: the Guardian's body is four sentences of body, and no tag is left."""
    documents, rejected = read("html_fragments.jsonl")
    assert not rejected
    assert sentences(documents[0].text) == [
        "Army retakes Harun",
        "Government forces have retaken the town of Harun, the army said on Monday.",
        "Rebels denied this.",
        "“The regime is bombing hospitals,” a doctor told the Guardian.",
        "At least 20 civilians were reportedly killed.",
    ]
    for document in documents:
        assert "<" not in document.text
        assert "boilerplate" not in [kind for line, kind in kinds(document.text).items() if line != document.title]
    assert sentences(documents[2].text)[1:] == [
        "The army said it had liberated Harun.",
        "Rebels said they had withdrawn.",
        "The regime denied it.",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "<p>The army left Harun.</p><p>Rebels came.</p>",
        "<div><p>The army left Harun.</p>\n<p>Rebels came.</p></div>",
        "The army left Harun.<br/><br/>Rebels came.",
        "The army left <b>Harun</b>.<BR>Rebels came.",
        "<article><h2>The army left Harun.</h2>Rebels came.</article>",
        "\n  <!-- wp:paragraph -->\n<p>The army left Harun.</p>\n<!-- /wp:paragraph -->\n<p>Rebels came.</p>",
        '<span style="x">The army left Harun.</span> <span>Rebels came.</span>',
        "<ul><li>The army left Harun.</li><li>Rebels came.</li></ul>",
        "<p>The army left Harun.<p>Rebels came.",
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.html", "a.jsonl", "a.csv"])
def test_other_fragments(source: str, name: str, tmp_path: Path) -> None:
    """Row 46, variants: in text files, pages and cells."""
    path = tmp_path / name
    if name == "a.csv":
        with path.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([["text"], [source]])
    else:
        path.write_text(json.dumps({"text": source}) if name == "a.jsonl" else source, encoding="utf-8")
    assert sentences(one(path).text) == ["The army left Harun.", "Rebels came."]


@pytest.mark.parametrize(
    "text", ["The army <left> Harun.", "5 < 6 and 7 > 3.", "He wrote <harun@example.org> there.", "a<b, c>d"]
)
def test_what_is_no_fragment(text: str) -> None:
    """Row 46: an angle bracket does not make a page."""
    assert not looks_like_html(text)


@pytest.mark.parametrize("name", ["fmt/html.txt", "fmt/frag.txt", "fmt/frag.html"])
def test_pages_under_other_names(name: str) -> None:
    """Row 46: a page saved as .txt."""
    text = one(name).text
    assert "<" not in text
    assert "The army liberated Harun from terrorists, state TV said." in sentences(text)
    assert quoted(text) == ["We will return,"]


def test_blockquotes(label: Callable) -> None:
    """Row 47: what stands in them is quoted."""
    document = one("html/blockquote.html")
    voices = {m[1]: m[2] for m in mentions(label(document)) if m[0] in ("terrorists", "liberation")}
    assert voices == {"terrorists": "quoted", "liberate": "quoted"}
    assert "The general said:" in sentences(document.text)
    assert [piece.strip() for piece in quoted(document.text)] == [
        "The terrorists have been driven out of every street.",
        "We will liberate the whole country.",
    ]


def test_an_embedded_message(label: Callable) -> None:
    """Row 47: it is quoted, and its signature no headline."""
    labels = label(one("html/tweet.html"))
    assert ("terrorists", "terrorists", "quoted") in mentions(labels)
    signature = [sentence for sentence in labels if "Northland MoD" in sentence.text]
    assert [sentence.kind for sentence in signature if sentence.kind == "headline"] == []


@pytest.mark.parametrize(
    ("source", "pieces"),
    [
        ("<p>He said:</p><blockquote>The rebels fled.</blockquote><p>It rained.</p>", ["The rebels fled."]),
        ("<p>He said:</p><blockquote><p>“The rebels fled.”</p></blockquote><p>It rained.</p>", ["The rebels fled."]),
        ("<p>He said:</p><blockquote><div><p>We left.</p></div></blockquote><p>It rained.</p>", ["We left."]),
        ("<p>He said <q>the rebels</q> fled. It rained on Monday.</p>", ["the rebels"]),
    ],
)
def test_other_quoting_elements(source: str, pieces: list[str]) -> None:
    """Rows 47 and 48, variants; a mark that is there already is not doubled."""
    page = f"<html><body><article><h1>Rain</h1><p>{ARTICLE[0]}</p>{source}<p>{ARTICLE[2]}</p></article></body></html>"
    for text in (page, source):
        assert [piece.strip() for piece in quoted(extract(text).text)] == pieces


def test_q() -> None:
    """Row 48: the marks that a browser shows, and one sentence."""
    document = one("html/q.html")
    (sentence,) = [s for s in sentences(document.text) if "denied it" in s]
    assert sentence == "“The terrorists have been driven out”, the general said, and “the regime” denied it."


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("copyright_only", None),
        ("event_date_in_text", None),
        ("dateline_in_text", "2019-05-14"),
        ("nodate_nofooter", None),
        ("jsonld_only", "2019-05-14"),
    ],
)
def test_dates(name: str, published: str | None) -> None:
    """Row 49: of the metadata or the dateline, and never invented."""
    assert one(f"html/{name}.html").published == published


@pytest.mark.parametrize(
    "extra",
    [
        "<footer>© 1999-2023 Hill News</footer>",
        "<aside>Archive: January 2015</aside>",
        "<p>The war began on March 15, 2011, a resident said.</p>",
        '<p>Most read</p><a href="/2001/02/03/x.html">A story</a>',
    ],
)
def test_other_invented_dates(extra: str, tmp_path: Path) -> None:
    """Row 49, variants."""
    body = "".join(f"<p>{paragraph}</p>" for paragraph in ARTICLE)
    page = f"<html><head><title>Rain</title></head><body><article><h1>Rain</h1>{body}</article>{extra}</body></html>"
    (tmp_path / "a.html").write_text(page, encoding="utf-8")
    assert one(tmp_path / "a.html").published is None


def test_consent_text_around_an_article() -> None:
    """Row 50: an article in <aside> is not lost."""
    found = sentences(one("html/cookie_aside.html").text)
    assert not set(ARTICLE) - set(found)


@pytest.mark.parametrize("name", ["layout_table", "oldtable"])
def test_layout_tables(name: str) -> None:
    """Row 51: menu and headline are apart from the first sentence, and no bars are left."""
    document = one(f"html/{name}.html")
    assert ARTICLE[0] in sentences(document.text)
    assert ARTICLE[3] in sentences(document.text)
    assert "|" not in document.text


@pytest.mark.parametrize("name", ["br", "br_single", "div", "span"])
def test_breaks_without_paragraphs(name: str) -> None:
    """Row 52: every sentence is whole."""
    assert not set(ARTICLE) - set(sentences(one(f"html/{name}.html").text))


def test_neighbouring_spans() -> None:
    """Row 52: words are not glued."""
    text = one("html/smash.html").text
    assert "2019Harun" not in text
    assert "HarunGovernment" not in text
    assert not set(ARTICLE[1:]) - set(sentences(text))


def test_entities_in_the_metadata() -> None:
    """Row 53: article text of JSON-LD, and the whole title."""
    document = one("html/jsonld_entities.html")
    assert document.title == 'Army retakes "Harun"'
    assert not set(ARTICLE) - set(sentences(document.text))
    only = one("html/jsonld_only.html")
    assert (only.title, only.outlet) == ("Army retakes Harun", "Northland Times")
    assert not set(ARTICLE) - set(sentences(only.text))


@pytest.mark.parametrize(
    "name", ["amp", "comments", "dropcap", "dup", "figure", "hardwrap", "hidden", "pre", "pullquote", "related", "shy"]
)
def test_pages_of_many_kinds(name: str) -> None:
    """Row 54: the article is whole."""
    text = one(f"html/{name}.html").text.replace("\u00ad", "").replace("HARUN—", "")
    assert not set(ARTICLE) - set(sentences(text))


def test_xhtml() -> None:
    """Row 54."""
    assert not set(ARTICLE) - set(sentences(one("html/xhtml.xhtml").text))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hidden", "Subscribers only"),
        ("hidden", "Enable scripts"),
        ("related", "Occupiers bomb hospital"),
        ("related", "Genocide in the north"),
        ("plain", "Privacy policy"),
    ],
)
def test_what_is_not_the_article(name: str, words: str) -> None:
    """Row 54: hidden text, other stories, the footer."""
    assert words not in one(f"html/{name}.html").text


def test_comments() -> None:
    """Row 54: comments are comments."""
    found = kinds(one("html/comments.html").text)
    assert found["The regime is committing genocide."] == "comment"


def test_list_items(label: Callable) -> None:
    """Row 54: items without a stop are no headlines."""
    found = {sentence.text: sentence.kind for sentence in label(one("html/list.html"))}
    assert found["- At least 40 civilians died"] == "body"
    assert found["- Rebels say they killed 90 regime soldiers"] == "body"


def test_a_page_without_text_is_said_to_have_none() -> None:
    """Row 55: its title is not its text."""
    with pytest.raises(framing.UnreadableFileError):
        read("html/next_data.html")


@pytest.mark.parametrize(
    "fragment",
    [
        '<font size="2">The army left.</font> Rebels won.',
        "<center>The army left.</center> <u>Rebels</u> won.",
        "&lt;p&gt;The army left.&lt;/p&gt;&lt;p&gt;Rebels won.&lt;/p&gt;",
        "<![CDATA[<p>The army left.</p><p>Rebels won.</p>]]>",
        "The army left. <!-- more --> Rebels won.",
        "<!-- wp:paragraph --><p>The army left.<p>Rebels won.<!-- /wp:paragraph -->",
    ],
)
def test_further_fragments(fragment: str) -> None:
    """Row 46, variants: old tags, escaped tags, character data of feeds, comments of editors."""
    assert kinds(_text_of(fragment)) == {"The army left.": None, "Rebels won.": None}


@pytest.mark.parametrize(
    "text", ["The suspect <A> left with <B>.", "Salem <salem@x.org> wrote.", "If a<b, and c>d, go."]
)
def test_angle_brackets_that_are_no_tags(text: str) -> None:
    """Row 46, the other way round: the text stays as it is."""
    assert _text_of(text) == text


@pytest.mark.parametrize(
    "block",
    [
        "<p>The general said:</p><blockquote><p>The terrorists fled.</p></blockquote>",
        '<!-- x --><blockquote class="wp-block-quote"><p>The terrorists fled.</p></blockquote>',
        '<p>He wrote:</p><blockquote class="telegram"><i>The terrorists fled.</i></blockquote>',
        "<blockquote><p>The terrorists fled.</p><cite>Gen. Haddad</cite></blockquote>",
    ],
)
def test_quotations_that_are_most_of_a_fragment(block: str) -> None:
    """Row 47, variants: a class, a source or a colon before it says that it is one."""
    assert "“The terrorists fled.”" in _text_of(block)


def test_the_signature_of_an_embedded_post() -> None:
    """Row 47, variant: it is debris, and the text after it is not."""
    post = "The terrorists have been driven out.\n\n— Khalid Haddad (@khalid) May 14, 2019\n\nRebels denied it."
    assert list(kinds(post).values()) == [None, "boilerplate", None]


def page_of(body: str) -> str:
    return f"<!DOCTYPE html><html><head><title>Rain</title></head><body>{body}</body></html>"


PARAGRAPHS = "".join(f"<p>{paragraph}</p>" for paragraph in ARTICLE)


@pytest.mark.parametrize(
    "beside",
    [
        "<aside><ul><li><a href=x>Rebels win</a> <time datetime='2011-01-01'>Jan 1, 2011</time></li></ul></aside>",
        "<div class='related-posts'><div><time datetime='2011-01-01'>Jan 1, 2011</time> Rebels win</div></div>",
    ],
)
def test_dates_of_other_stories(beside: str) -> None:
    """Row 49, variants: a date of another story is not this one's; its own is."""
    article = f"<article><h1>Rain</h1>{{}}{PARAGRAPHS}</article>"
    assert extract(page_of(article.format("") + beside)).published is None
    own = "<div class='related-info'><time datetime='2019-05-14'>May 14</time></div>"
    assert (
        extract(page_of(article.format("<time datetime='2019-05-14'>May 14</time>") + beside)).published == "2019-05-14"
    )
    assert extract(page_of(f"<div class='related'>{article.format(own)}</div>{beside}")).published != "2011-01-01"


def test_further_consent_text() -> None:
    """Row 50, variant: longer, in an element of its own."""
    consent = (
        "<p>We use cookies to improve our site. By continuing you agree to our privacy policy and terms of use.</p>"
    )
    text = extract(page_of(f"<div id=cookie-banner>{consent}</div><aside><h1>Rain</h1>{PARAGRAPHS}</aside>")).text
    assert not set(ARTICLE) - set(sentences(text))
    assert "cookies" not in text


@pytest.mark.parametrize(
    "hidden",
    ["<div hidden><p>Subscribers only.</p></div>", "<span class='sr-only'>Subscribers only.</span>"],
)
def test_further_hidden_text(hidden: str) -> None:
    """Row 54, variants; a hidden article is read."""
    assert "Subscribers" not in extract(page_of(f"<article><h1>Rain</h1>{PARAGRAPHS}{hidden}</article>")).text
    assert ARTICLE[0] in extract(page_of(f"<div hidden><h1>Rain</h1>{PARAGRAPHS}</div>")).text


def test_further_parts_of_fragments() -> None:
    """Rows 46 and 47, variants: character data without tags, codes of WordPress, a notice in a blockquote."""
    assert _text_of("<![CDATA[The army left. Rebels won.]]>") == "The army left. Rebels won."
    assert _text_of('<p>The army left.</p>[gallery ids="1,2"]<p>Rebels won.</p>') == "The army left.\n\nRebels won."
    assert quoted(_text_of("<p>It rained.</p><blockquote><a>A post shared by Salem (@salem)</a></blockquote>")) == []
