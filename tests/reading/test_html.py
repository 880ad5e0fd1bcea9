"""Web pages: the article, what the page says of itself, and its comments apart."""

import pytest

from framing.errors import UnreadableFileError
from framing.reading import read
from framing.reading.html import extract, looks_like_html
from framing.text.sentences import split
from framing.types import Kind

PAGE = """<!DOCTYPE html><html><head><title>Army leaves Merrow - The Bay Post</title>
<meta property="og:site_name" content="The Bay Post">
<meta property="article:published_time" content="2019-03-14T10:00:00Z">
</head><body><nav><a href="/">Home</a> <a href="/w">World</a></nav><article><h1>Army leaves Merrow</h1>
<p>The army of the northern republic said on Tuesday that it had left the harbour of Merrow to the militia.</p>
<p>The militia said that it would stay there, and nobody in the town believed it for very long at all.</p></article>
<section id="comments"><h3>Comments</h3>
<div class="comment"><p>What a terrible mess they made of it all, again!</p></div>
</section><footer>All rights reserved</footer></body></html>"""


def test_the_article_and_what_the_page_says_of_itself(tmp_path):
    path = tmp_path / "page.html"
    path.write_text(PAGE, encoding="utf-8")
    (document,) = read(path)
    assert document.title == "Army leaves Merrow"
    assert document.outlet == "The Bay Post"
    assert document.published == "2019-03-14"
    assert document.text.startswith("Army leaves Merrow\n")
    assert "All rights reserved" not in document.text
    assert document.text.count("Army leaves Merrow") == 1


def test_comments_are_apart():
    kinds = {sentence.text: sentence.kind for sentence in split(extract(PAGE).text)}
    assert kinds["What a terrible mess they made of it all, again!"] is Kind.COMMENT
    assert kinds["Army leaves Merrow"] is Kind.HEADLINE
    assert kinds["Comments"] is Kind.BOILERPLATE


def test_a_page_without_an_article_gives_its_visible_text():
    assert "It rained" in extract("<html><body><div>It rained</div><script>var x = 1;</script></body></html>").text


@pytest.mark.parametrize(
    "source", ["<html><p>It rained all day in Merrow", "<div><p>It rained all day in Merrow</div></b></p>"]
)
def test_malformed_pages_are_read(source):
    assert "It rained all day in Merrow" in extract(source).text


@pytest.mark.parametrize("source", ["It rained.", "", "a < b > c"])
def test_what_is_no_page_is_refused(source):
    with pytest.raises(UnreadableFileError):
        extract(source)


def test_looks_like_html():
    assert looks_like_html(PAGE)
    assert looks_like_html("<!-- x --> <HTML lang=en>")
    assert looks_like_html("It rained <b>all day</b>.")
    assert looks_like_html('It rained <a href="/rain">all day.')
    assert not looks_like_html("It rained < 5 mm, and 3 > 2; see <www.rain.org> or <a@b.org>.")
    assert not looks_like_html("<A> met <B> and <I> on Monday.")
