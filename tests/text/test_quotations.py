"""What stands inside quotation marks: the mask, one entry per code point, and the state that runs on."""

from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.text import quotations
from framing.text.quotations import LONGEST_QUOTATION, OUTSIDE, RUNNING, scan

MARKS = "\"'“”„«»‘’` \n.,sA9\u2029"


def quoted(text, state=OUTSIDE):
    """The quoted stretches of a text, in order."""
    stretches, current = [], ""
    for character, inside in zip(text, scan(text, state).mask, strict=True):
        if inside:
            current += character
        elif current:
            stretches.append(current)
            current = ""
    return [*stretches, current] if current else stretches


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('He said "we left." Then "no".', ["we left.", "no"]),
        ("He said “we left,” and “no”.", ["we left,", "no"]),
        ("„Wir gehen“, sagte er", ["Wir gehen"]),
        ("»Wir gehen«, sagte er", ["Wir gehen"]),
        ("« Nous partons » dit-il", [" Nous partons "]),
        ("”Vi går”, sade han", ["Vi går"]),
        ("''We left,'' he said. ''Go.''", ["We left,", "Go."]),
        ("``We left,'' he said", ["We left,"]),
        ('the ""great"" one', ["great"]),
        ('said—"we left"—and so on', ["we left"]),
        # where the neighbours do not tell, marks open and close in turn
        ('He said " we left " and " no " again', [" we left ", " no "]),
        ('He said —"— we left —"— and so on', ["— we left —"]),
        # single marks
        ("Rebels admit ‘bitter loss’", ["bitter loss"]),
        ("Escape: 'We ran with the lamp' - baker", ["We ran with the lamp"]),
        ("'President' sees 'plot' in masts", ["President", "plot"]),
        ("the ‘rebels’ last stand’ at dawn", ["rebels’ last stand"]),
        # nested marks neither end the outer quotation nor open another
        ("“The ‘so-called’ rebels’ camp,” he said", ["The ‘so-called’ rebels’ camp,"]),
        ("\"They say 'cleansed'. Of what?\" she asked", ["They say 'cleansed'. Of what?"]),
        # a lost closing mark before the next opening one
        ("“We hit “seven camps,” he said", ["We hit ", "seven camps,"]),
        # a closing mark without an opening one: the quotation began before
        ('We shall return," he said.', ["We shall return,"]),
        ("It is over,” said the mayor, “for now.”", ["It is over,", "for now."]),
    ],
)
def test_what_is_quoted(text, expected):
    assert quoted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The militants’ homes and the rebels' camp",
        "In the '90s they'd gone; 'tis said",
        "Syria 's rebels ' homes",
        "Pul-e ‘Alam and Baraki",
        "l’Aquila and Ja’afar",
        'a 12" gun, 5\'10" tall',
        "Bridge shelled (03.11.22) « Front Desk | Post",
        "Home » World » Africa",
    ],
)
def test_apostrophes_inches_and_separators_quote_nothing(text):
    assert not any(scan(text).mask)
    assert scan(text).after == OUTSIDE


def test_a_quotation_runs_over_sentences():
    state = scan("“We came at night.").after
    assert state.inside
    middle = scan("Nobody saw us.", state)
    assert all(middle.mask)
    end = scan("It was dark,” he said.", middle.after)
    assert quoted("It was dark,” he said.", middle.after) == ["It was dark,"]
    assert not end.after.inside


def test_a_single_quotation_runs_over_sentences_past_apostrophes():
    state = scan("'We came.").after
    assert quoted("You know it's the rebels' camp,' he said.", state) == ["You know it's the rebels' camp,"]


def test_a_paragraph_reopens_the_quotation_or_ends_it():
    reopened = "“We came.\n\n“We saw,” he said."
    lost = "“We came.\n\nThe mayor left."
    assert quoted(reopened) == ["We came.", "We saw,"]
    assert quoted(lost) == ["We came."]
    assert scan("“We came.").after.carried_into("“We saw").inside
    assert not scan("“We came.").after.carried_into("The mayor").inside


def test_the_marks_themselves_are_outside():
    assert scan('"ab"').mask == [False, True, True, False]


def test_a_sentence_known_to_begin_inside():
    assert quoted('We left," he said.', RUNNING) == ["We left,"]
    assert all(scan("We left.", RUNNING).mask)


def test_a_lost_closing_mark_does_not_run_away():
    result = scan('He said "' + "so it goes " * 2 * LONGEST_QUOTATION)
    assert sum(result.mask) == LONGEST_QUOTATION
    assert result.after == OUTSIDE


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.text() | st.text(alphabet=MARKS), st.sampled_from([OUTSIDE, RUNNING, scan("'We came.").after]))
def test_one_entry_per_code_point_for_any_text(text, state):
    result = scan(text, state)
    assert len(result.mask) == len(text)
    assert all(isinstance(entry, bool) for entry in result.mask)


@settings(max_examples=200, deadline=None)
@given(
    st.text(
        alphabet=st.characters(
            exclude_characters="\"＂“”„«»「」『』'‘’`‹›″´＇‚\x82\x84\x8b\x91\x92\x93\x94\x9b\n\r\u2029"
        )
    ),
    st.booleans(),
)
def test_without_marks_the_state_decides_everything(text, inside):
    result = scan(text, RUNNING if inside else OUTSIDE)
    assert result.mask == [inside] * len(text)
    assert result.after.inside is inside


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(st.from_regex(r"[a-z]{1,8}( [a-z]{1,8}){0,3}", fullmatch=True), min_size=1, max_size=6))
def test_words_put_into_marks_are_found_again(words):
    text = " and ".join(f"“{word}”" for word in words)
    assert quoted(text) == words
    assert quoted(text.replace("“", '"').replace("”", '"')) == words


@given(st.text() | st.text(alphabet=MARKS, max_size=12))
@settings(max_examples=200, deadline=None)
def test_a_text_that_is_passed_over_quickly_holds_no_quotation(text):
    quick = scan(text)
    with mock.patch.object(quotations, "may_quote", return_value=True):
        assert scan(text) == quick
