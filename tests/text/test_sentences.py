"""Cutting text into sentences: exact offsets for any input, and cuts in the right places."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.text import sentences as cutting
from framing.text.sentences import split
from framing.types import Kind

PIECES = [
    "He left. ",
    "“We ran. ",
    "They came,” he said.",
    "\r\n",
    "\n\n",
    "U.S. ",
    "• Reply\n",
    "No. 5 ",
    "\x00",
    "\ud800",
    "مرحبا. ",
    "👨‍👩‍👧 ",
    "(Photo by X)",
    "Maj. Gen. ",
    "\u2029",
    '{"a": 1}',
    "- ",
    "The army of the north said so\n",
]
ANY_TEXT = (
    st.text(st.characters())
    | st.text(alphabet="aB .!?\"“”'‘’\r\n\t\x00\x0c\u2028\u00a0😀مر,;:/()0")
    | st.lists(st.sampled_from(PIECES)).map("".join)
)


def texts(text):
    return [sentence.text for sentence in split(text)]


@settings(max_examples=200, deadline=None)
@given(ANY_TEXT)
def test_offsets_are_exact_and_nothing_but_space_is_lost(text):
    sentences = split(text)
    position = 0
    for index, sentence in enumerate(sentences):
        assert text[sentence.start : sentence.end] == sentence.text
        assert sentence.index == index
        assert sentence.text == sentence.text.strip() != ""
        assert not text[position : sentence.start].replace(">", "").strip()  # marks of quoted mail
        position = sentence.end
    assert not text[position:].replace(">", "").strip()


@settings(max_examples=100, deadline=None)
@given(ANY_TEXT)
def test_cutting_is_deterministic(text):
    assert split(text) == split(text)


@pytest.mark.parametrize(
    "sentence",
    [
        "On May 2, Maj. Gen. Zed Holm told reporters that Lt. Gen. Pia Orr had left.",
        "Ret. Gen. Jack Marl and Spc. Joe Doe met Gens. Ali and Brown.",
        "The U.S. Army and U.N. staff met Gov. Smith at 5 a.m. on Monday.",
        "No. 5 was in St. Maris, said J. K. Olsen and George W. Bell.",
        "Maj.-Gen. Igor Konash spoke for approx. 5 minutes.",
        "“Is it over?” he asked.",
        "“Enough!” Brandt told reporters.",
        "He wrote that 3.5 km of www.example.org were gone.",
        "They (he said it. twice.) agreed.",
    ],
)
def test_one_sentence_stays_one(sentence):
    assert texts(f"It rained. {sentence} It rained.") == ["It rained.", sentence, "It rained."]


def test_quotations_are_cut_inside():
    sentences = split('He said: "We came. We saw it all. We left," and sat down. "No." She rose.')
    assert [s.text for s in sentences] == [
        'He said: "We came.',
        "We saw it all.",
        'We left," and sat down.',
        '"No."',
        "She rose.",
    ]
    assert [s.starts_in_quotation for s in sentences] == [False, True, True, False, False]


def test_a_quotation_runs_into_a_paragraph_that_reopens_it_and_no_further():
    sentences = split("“We came.\n\n“We saw,” he said.\n\n“We lost the mark.\n\nThe mayor left.")
    assert [s.starts_in_quotation for s in sentences] == [False, True, False, False]


def test_a_list_number_belongs_to_its_entry():
    assert texts("1. The bridge fell. 2. The mill burnt.") == ["1. The bridge fell.", "2. The mill burnt."]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_hard_wrapped_text_is_joined(end):
    wrapped = end.join(
        [
            "The army of the northern republic said on Tuesday that it had retaken the",
            "village of Rasheen, which the rebels had held since the spring of 2014, in a",
            "battle that cost dozens of lives.",
            "",
            "The rebels said that they would return. They did not say when, and nobody in",
            "the town asked them.",
        ]
    )
    assert [re.sub(r"\s+", " ", text) for text in texts(wrapped)] == [
        "The army of the northern republic said on Tuesday that it had retaken the village of Rasheen, which the "
        "rebels had held since the spring of 2014, in a battle that cost dozens of lives.",
        "The rebels said that they would return.",
        "They did not say when, and nobody in the town asked them.",
    ]


def test_lines_that_were_not_wrapped_are_sentences():
    headlines = "Army retakes Rasheen\nRebels deny loss of bridge\nMayor flees to coast"
    assert texts(headlines) == headlines.split("\n")


def test_right_to_left_and_emoji():
    assert texts("غادر الجيش المدينة. عاد السكان. 😀 It rained. 👨‍👩‍👧 left.")[:2] == [
        "غادر الجيش المدينة.",
        "عاد السكان.",
    ]


def test_space_has_no_sentences():
    assert split("") == split(" \n\t\u00a0\r\n") == []


@pytest.mark.slow
def test_a_long_line_is_cut_as_its_parts_are():
    part = 'The army left the town on Monday, and U.S. troops said so. "We saw it. It is true," said Gen. Orr. '
    count = 12_000  # more than a megabyte in one line, many times what sentencex is given at once
    assert texts(part * count) == texts(part) * count


def test_a_sentence_of_five_thousand_words_is_one():
    sentence = "they marched " * 2500 + "home."
    assert texts(f"It rained. T{sentence[1:]}") == ["It rained.", f"T{sentence[1:]}"]


def test_the_desk_note_under_a_report_is_boilerplate():
    *body, note = split("The army left the town. It rained. (Reporting by Jane Roe; Editing by R. Oe)")
    assert note.kind is Kind.BOILERPLATE
    assert [s.kind for s in body] == [None, None]


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["<![", "<?", "?|", "！（", "。<"])
def test_time_grows_with_a_text_without_blanks(piece):
    """sentencex looks back to the last blank from each stop; ten times the text may not take 100 times as long."""

    def seconds(length):
        text = (piece * length)[:length]
        begin = time.process_time()
        found = split(text)
        taken = time.process_time() - begin
        assert "".join(sentence.text for sentence in found) == text
        return taken

    assert seconds(200_000) < 40 * seconds(20_000)


@pytest.mark.parametrize("word", ["x" * 1_999, "x" * 2_000, "x" * 2_001, "x" * 6_000])
def test_sentences_around_a_long_word(word):
    assert texts(f"He left. See {word} there. We ran.") == ["He left.", f"See {word} there.", "We ran."]


# --- patterns that are fast, against the plain ones that say the same -------------------------------------------------

_PLAIN_MARK = re.compile("''|``|[\"＂“”„«»「」『』]|(?<![^\\W_])['‘’]|['‘’](?![^\\W_])")
_PLAIN_ENDS = re.compile(
    r"(?:…|\.\.\."
    r"|\((?:[^()\s]{1,40}\s){2,60}[^()\s]{0,40}[a-z]{3}[.!?]\)"
    r"|(?<=[a-z]{3}\.)(?:\d{1,3}|[¹²³⁴⁵⁶⁷⁸⁹⁰]+))\s+(?=[A-Z][a-z])"
)
_PIECES = st.lists(
    st.sampled_from(
        [*"\"'`“”‘’„« .…()\n12¹²", "...", "''", "``", "town", "Then", "a", "(He was not there.)", "fell.12"]
    ),
    max_size=30,
).map("".join)


@given(_PIECES)
@settings(max_examples=500)
def test_fast_patterns_find_what_plain_ones_find(text):
    assert _blanked(cutting._QUOTATION_MARK, text) == _blanked(_PLAIN_MARK, text)
    assert [m.end() for m in cutting._OTHER_ENDS.finditer(text)] == [m.end() for m in _PLAIN_ENDS.finditer(text)]


def _blanked(pattern, text):
    return pattern.sub(lambda mark: " " * len(mark[0]), text)


@given(
    _PIECES,
    st.sampled_from(["Gen.", "Messrs.", "Gov't.", "5 p.m.", "approx.", "Md.", ", Md.", "Sept.", "Fig.", "Thurs."]),
)
def test_abbreviations_are_found_in_the_last_characters(before, abbreviation):
    before += abbreviation
    for at_end, _ in cutting._ABBREVIATED:
        begin = max(0, len(before) - cutting._LONGEST_ABBREVIATION)
        assert bool(at_end.search(before, begin)) == bool(at_end.search(before))
