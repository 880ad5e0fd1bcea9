"""What the lines of a page are: our own pages with the debris that real ones carry, and the five real articles."""

from collections import Counter
from pathlib import Path

import pytest

from framing.text.kinds import classify
from framing.text.sentences import split
from framing.types import Kind

PAGES = Path(__file__).parents[1] / "fixtures" / "pages"
ARTICLES = Path(__file__).parents[3] / "shared" / "data" / "articles"

H, C, M, D = Kind.HEADLINE, Kind.CAPTION, Kind.COMMENT, Kind.BOILERPLATE
B = None  # body: the model decides


def kinds_of(name):
    return [(s.text[:18], s.kind) for s in split((PAGES / name).read_text(encoding="utf-8"))]


def kind_of(line, *, after="The army left the town on Monday after the rain."):
    """The kind of a line below some prose, with a blank line around it."""
    return classify([after, line, after], [True, True, True])[1].kind


def test_a_page_with_pictures_and_comments():
    assert kinds_of("harbour.txt") == [
        ("09:41 GMT 14.03.20", D),
        ("Dock workers stand", C),
        ("Harbour Militia Qu", H),
        ("© NORDPIX/ L. Aben", D),
        ("Europe", D),
        ("551203", D),
        ("Coast Minister Ivo", B),
        ("A tug passes the l", C),
        ("© NORDPIX/", D),
        ("Neighbours Decline", H),
        ("MERROW (Nordpress)", Kind.BODY),
        ('"During the siege ', B),
        ("Those losses made ", B),
        ("On March 9, Lt. Ge", B),
        ("Bay crisis, Ivo Br", D),
        ("Tom Fisher", D),
        ("Don't call them mi", M),
        ("• Reply", D),
        ("Ann Lee", D),
        ("#FreeTheBay / #NoP", M),
        ("• Reply", D),
        ("Bo Karlin reply to", D),
        ("Ann Lee, the 'mode", M),
        ("• Reply", D),
        ("seagull", D),
        ("They were paid fro", M),
        ("All of them.", M),
        ("9 boats went under", M),
        ("• Reply", D),
    ]


def test_a_page_with_subheadings_and_a_footer():
    assert kinds_of("valley.txt") == [
        ("News   /   Highlan", D),
        ("Eighty gunmen surr", H),
        ("Soldiers look at a", C),
        ("Some eighty gunmen", B),
        ("“We came down beca", B),
        ("“There was no brea", B),
        ("‘A good day for th", H),
        ("The governor’s env", B),
        ("Calm returning to ", H),
        ("“The road is open ", B),
        ("“Anyone may use it", B),
        ("“The mill will ope", B),
        ("He said he would v", B),
        ("Highland TV’s webs", D),
        ("www.highland-tv.ex", D),
        ("SHARE THIS ARTICLE", D),
        ("Highland TV App", D),
    ]


def test_a_page_with_a_doubled_headline_and_a_dump():
    assert [kind for _, kind in kinds_of("bridge.txt")] == [H, H, D, B, B, B, D]


def test_a_page_with_a_glued_menu_and_a_comment_form():
    assert [kind for _, kind in kinds_of("press.txt")] == [D, H, B, B, D, D, D]


@pytest.mark.parametrize(
    "line",
    [
        "Home | World | Opinion | Podcasts",
        "Home > World > Africa",
        "Share this article",
        "Tweet",
        "By Jane Roe",
        "By Jane Roe and R. Oe, Staff Reporters",
        "MERROW (Nordpress) —",
        "PORT MERROW, Ostrava (NP) —",
        "Tuesday, 14 March 2019 09:41 GMT",
        "Published: March 14, 2019",
        "Last updated on 14.03.2019 at 10:22",
        "© NORDPIX/ L. Abend",
        "(Photo by L. Abend)",
        "Photo: Bay Council",
        "Leave a Reply",
        "Your email address will not be published. Required fields are marked *",
        "Back to top button",
        "Tags: bay, harbour",
        "https://bay.example/a?b=1",
        "Copyright 2019 The Bay Post",
        "Advertisement",
        '{"id": 4, "tags": ["bay"]}',
        '<div class="tag">bay</div>',
        "var slot = 4;",
        "* * *",
        "12 comments",
        "(Reporting by Jane Roe; Editing by R. Oe)",
        "Harbour, Ivo Brandt, Port Merrow, Ostrava",
    ],
)
def test_debris(line):
    assert kind_of(line) is Kind.BOILERPLATE


@pytest.mark.parametrize(
    "line",
    [
        "By taking the harbour, the army has shown its power.",
        "Share prices fell when the harbour burnt.",
        "Home rule was promised, the minister said.",
        "On March 14, 2019, the army left the town.",
        "The truce was signed on March 14, 2019.",
        "The army holds the harbour, the minister said on March 14, 2019.",
        "“We left,” he said. “It rained.”",
        "Brandt, Holm, Orr and Bell were named by the court.",
        "The harbour “is open to all who come in peace,” he said",
        "News of the siege reached the coast at 9:41.",
    ],
)
def test_prose_is_left_to_the_model(line):
    assert kind_of(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "Workers mend a crane in Port Merrow. (Photo by NP)",
        "Workers mend a crane in Port Merrow [Lena Abend/Nordpix]",
        "Minister Brandt (L) greets envoy Orr in Port Merrow, March 14, 2019.",
        "Sailors celebrate in Port Merrow on March 14, 2019, after the army said it had won.",
        "FILE - A gunner waits near the bridge.",
        "This handout picture shows the bridge.",
    ],
)
def test_captions(line):
    assert kind_of(line) is Kind.CAPTION


def test_a_line_alone_is_left_to_the_model():
    assert classify(["Army retakes harbour"], [True])[0].kind is None
    assert classify(["The army left the town."], [True])[0].kind is None


def test_comments_under_a_heading_without_reply_buttons():
    lines = ["Army Leaves the Harbour at Dawn", "The army left the town on Monday.", "It rained there all day long."]
    lines += ["3 Comments", "Tom Fisher says:", "What a mess they made of it.", "Back to top"]
    assert [k.kind for k in classify(lines, [True] * 7)] == [H, B, B, D, D, M, D]


def test_a_counter_of_comments_above_the_article_begins_no_comment_section():
    lines = [
        "Army Leaves the Harbour at Dawn",
        "14 comments",
        "The army left the town on Monday.",
        "It rained there all day.",
    ]
    assert [k.kind for k in classify(lines, [True] * 4)] == [H, D, B, B]


def test_a_page_of_only_debris():
    assert {s.kind for s in split("Home | World | News\n\nShare this article\n\n© NORDPIX/")} == {Kind.BOILERPLATE}


def test_debris_is_certain_and_stays_in_one_piece():
    dump = 'string(31) "[{"title":"Rebels leave. Army enters. Mayor flees."}]"'
    (sentence,) = split(dump)
    assert sentence.text == dump
    assert sentence.kind_is_certain


@pytest.mark.skipif(not ARTICLES.is_dir(), reason="the real articles are not at hand")
@pytest.mark.parametrize(
    ("file", "headlines", "captions", "comments", "boilerplate", "in_quotation"),
    [
        ("000*", 3, 3, 30, 20, 1),
        ("001*", 2, 1, 0, 4, 2),
        ("002*", 2, 0, 0, 2, 2),
        ("003*", 6, 2, 0, 5, 1),
        ("004*", 4, 3, 0, 5, 0),
    ],
)
def test_real_articles(file, headlines, captions, comments, boilerplate, in_quotation):
    """Counts that were checked line by line by reading."""
    (path,) = ARTICLES.glob(file)
    sentences = split(path.read_text(encoding="utf-8"))
    counts = Counter(s.kind for s in sentences)
    assert [counts[H], counts[C], counts[M], counts[D]] == [headlines, captions, comments, boilerplate]
    assert sum(s.starts_in_quotation for s in sentences) == in_quotation


@pytest.mark.parametrize(
    "line",
    [
        "BY OUR CORRESPONDENT IN THE PROVINCIAL CAPITAL | PUBLISHED 12.03.2019 07:15 | UPDATED 09:02 | 214 COMMENTS",
        "By " + "A" * 60 + "!",
        "BAGHDAD" + "-" * 60 + "!",
        "By " + "a-A" * 40 + "?",
    ],
)
def test_no_line_is_tried_in_exponentially_many_ways(line: str) -> None:
    assert len(classify([line, "The army retook the town on Monday, officials said."], [True, True])) == 2


@pytest.mark.parametrize(
    "line",
    ["By JOHN SMITH and Jane Doe", "By a Staff Reporter", "BY OUR CORRESPONDENT | BEIRUT", "By Ali al-Hasan, AFP"],
)
def test_bylines_are_debris(line: str) -> None:
    kinds = classify([line, "The army retook the town on Monday, officials said, after a week."], [True, True])
    assert kinds[0].kind is Kind.BOILERPLATE
