"""Rows 15 to 21: where sentences end, and where they do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cases.inputs import sentences, text_of


def whole(sentence: str) -> None:
    """The sentence stays in one piece between two others."""
    assert sentences(f"It rained. {sentence} It snowed.") == ["It rained.", sentence, "It snowed."]


def test_ms() -> None:
    """Row 15, the input."""
    assert sentences(text_of("ms.txt")) == [
        "The talks failed, Ms. Lindt said on Monday.",
        "A spokesman for Ms. Haddad declined to comment.",
        "She told Ms. Khan that the regime had bombed a school.",
    ]


PERSONS = """Ms. Mrs. Mr. Dr. Mses. Mx. Mgr. Atty. Const. Ofc. Pte. Cpt. Lieut. Dir. Ldr. Cllr. Gen. Col. Sgt. Maj.
Prof. Sen. Rep."""
TEMPLATES = [
    "The talks failed, {} Lindt said on Monday.",
    "A spokesman for {} Haddad declined to comment.",
    "The letter, signed by {} O'Brien and others, was burned.",
    "Reporters met {} al-Darwish in Harun.",
]


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("title", PERSONS.split())
def test_titles(title: str, template: str) -> None:
    """Row 15: a title stays with its name."""
    whole(template.format(title))


@pytest.mark.parametrize(
    "sentence",
    [
        "Attorneys met Atty. Gen. Maria Lindt on Monday.",
        "Troops from Ft. Bragg arrived in Harun.",
        "The pilot, Flt. Lt. Omar Aziz, was freed.",
        "The base is led by Sqn. Ldr. Jane Doe.",
        "Police met Wg. Cdr. Salem in the town.",
        "Police named the dead man as Md. Karim on Monday.",
        "The 4th Armored Div. Headquarters was shelled.",
        "Soldiers of the 3rd Regt. Royal Guards left the town.",
        "The 12th Bde. Headquarters was hit on Monday.",
        "The Natl. Guard was sent to Harun.",
        "He serves in the 2nd Bn. Royal Guards of Northland.",
        "The report of the Intl. Committee was read on Monday.",
    ],
)
def test_other_abbreviations_before_names(sentence: str) -> None:
    """Row 15: units, forts, ranks of the air force, a first name."""
    whole(sentence)


def test_times_of_day(label: Callable) -> None:
    """Row 16, the input: three sentences; the regime is the residents' word."""
    text = text_of("ampm.txt")
    assert len(sentences(text)) == 3
    (regime,) = [mention for mention in label(text)[0].mentions if mention.label == "regime"]
    assert (regime.voice, regime.source and regime.source.text) == ("attributed", "residents")


@pytest.mark.parametrize("hour", ["6 a.m.", "11:30 p.m.", "9 A.M.", "5 P.M."])
@pytest.mark.parametrize(
    "following",
    [
        "Monday",
        "Sunday",
        "EST",
        "GMT",
        "UTC",
        "EDT",
        "Damascus time",
        "New York time",
        "Nov. 3",
        "March 12",
        "on Monday",
    ],
)
def test_what_follows_a_time(hour: str, following: str) -> None:
    """Row 16: AP style."""
    whole(f"The regime bombed the market at {hour} {following}, residents said.")


@pytest.mark.parametrize("day", ["Mon.", "Tues.", "Wed.", "Thurs.", "Fri.", "Sat.", "Sun."])
def test_short_days_before_dates(day: str) -> None:
    """Row 16."""
    whole(f"It began on {day} Nov. 3, officials said.")


def test_a_time_that_ends_a_sentence() -> None:
    """Row 16: what follows decides."""
    assert sentences("The strike came at 6 a.m. Residents fled.") == ["The strike came at 6 a.m.", "Residents fled."]
    assert sentences("It was over by 9 p.m. The army left.") == ["It was over by 9 p.m.", "The army left."]


@pytest.mark.parametrize(
    "sentence",
    [
        "Some weapons, e.g. Russian rifles, were seized.",
        "The rebels, i.e. the opposition, left the town.",
        "Resolution No. 2254 was adopted on Monday.",
        "He left for St. Petersburg on Monday.",
        "U.S. Army officers met Lt. Col. Omar Haddad in Harun.",
        "Sgt. Maj. Jane Doe served in the U.S.S.R. Army.",
        "The author J.R.R. Olsen wrote it.",
        "Smith et al. 2012 counted the dead.",
        "John Smith Jr. was killed in Springfield, Ill. on Monday.",
        "Acme Inc. said on Jan. 5 that it had left.",
        "Aid workers sent 5 lbs. of flour to each family.",
        "The Gov't. forces left the town on Monday.",
        "The bus held max. 300 of them.",
        "He wrote to www.un.org. for help.",
        "The rule is in Ch. 4 of the book.",
        "The report, Vol. 2 of three, was lost.",
        "The article, Para. 7 of the law, was cut.",
        "The order, Ex. 3 in the trial, was read.",
        "Call Tel. 555 1234 for help.",
        "The 3rd bn. of the army left the town.",
        "The firm, Acme LLC. of Harun, was closed.",
        "The Intl. Committee of the town met.",
        "Some 40 sq. km of land were burned.",
        "It was 10 in. tall and 20 kg. heavy.",
        "See Arts. 3 and 5 of the pact.",
        "The shells, 120 mm. in size, fell on the market.",
    ],
)
def test_abbreviations_within_a_sentence(sentence: str) -> None:
    """Row 17: the common ones, and no cut before a small letter."""
    whole(sentence)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("They live in the U.S. The army left.", ["They live in the U.S.", "The army left."]),
        ("They fled… The army came.", ["They fled…", "The army came."]),
        ("They waited... The rebels left.", ["They waited...", "The rebels left."]),
        ("He paused … The army left.", ["He paused …", "The army left."]),
        ("They fled… and the army came.", ["They fled… and the army came."]),
        ("They paid 5 lbs. The army left.", ["They paid 5 lbs.", "The army left."]),
        ("(They fled on foot.) The army came.", ["(They fled on foot.)", "The army came."]),
        ("Adm. (ret.) Haddad came.", ["Adm. (ret.) Haddad came."]),
    ],
)
def test_marks_that_end_a_sentence(text: str, expected: list[str]) -> None:
    """Row 18: what a capital follows."""
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The army left Syria.The rebels stayed.", ["The army left Syria.", "The rebels stayed."]),
        (
            'The rebels left."We won," a general said. It rained.',
            ["The rebels left.", '"We won," a general said.', "It rained."],
        ),
        ("The rebels left.“We won,” a general said.", ["The rebels left.", "“We won,” a general said."]),
        ("The rebels left.«We won», a general said.", ["The rebels left.", "«We won», a general said."]),
        ('He said: "We won." The rebels left.', ['He said: "We won."', "The rebels left."]),
        ('"We won."The rebels left.', ['"We won."', "The rebels left."]),
        ("“We won.”The rebels left.", ["“We won.”", "The rebels left."]),
        ("Is it over?“No,” he said.", ["Is it over?", "“No,” he said."]),
    ],
)
def test_no_space_after_a_stop(text: str, expected: list[str]) -> None:
    """Row 19: a mark stays with the sentence that it belongs to."""
    assert sentences(text) == expected


def test_the_narrator_is_not_quoted_where_a_space_is_missing(label: Callable) -> None:
    """Row 19, the input."""
    found = [(m.text, m.voice) for sentence in label(text_of("nospace_quote.txt")) for m in sentence.mentions]
    assert ("rebels", "author") in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("“We left. They came,” he said. It rained.", ["“We left.", "They came,” he said.", "It rained."]),
        ("Er sagte: „Wir gingen. Sie kamen.“ It rained.", ["Er sagte: „Wir gingen.", "Sie kamen.“", "It rained."]),
        ("«Is it over?» he asked. It rained.", ["«Is it over?» he asked.", "It rained."]),
        ("The army -- so he said -- left. It rained.", ["The army -- so he said -- left.", "It rained."]),
        ("He left for 's-Hertogenbosch. It rained.", ["He left for 's-Hertogenbosch.", "It rained."]),
        ("The army (it left on Monday) fled. It rained.", ["The army (it left on Monday) fled.", "It rained."]),
        ("The army left.. It rained.", ["The army left..", "It rained."]),
    ],
)
def test_cuts_at_quotations_dashes_and_brackets(text: str, expected: list[str]) -> None:
    """Row 20: always right."""
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The rebels fled.[1] The army came.", ["The rebels fled.[1]", "The army came."]),
        ("The rebels fled.[12][13] The army came.", ["The rebels fled.[12][13]", "The army came."]),
        ("The rebels fled [3]. The army came.", ["The rebels fled [3].", "The army came."]),
        ("The rebels fled.1 The army came.", ["The rebels fled.1", "The army came."]),
        ("The rebels fled.¹² The army came.", ["The rebels fled.¹²", "The army came."]),
        ("They met in No.1 Barracks.", ["They met in No.1 Barracks."]),
    ],
)
def test_references(text: str, expected: list[str]) -> None:
    """Row 21."""
    assert sentences(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The army shelled Harun at 11:30 p.m. Eastern, residents said.",
        "It happened at 9 am. Monday, officials said.",
        "Cmdr. Haddad and Cmdt. Lindt left.",
        "The rebels took Harun Int'l. Airport on Monday.",
        "Smt. Haddad and Shri. Lindt spoke to Gov’t. Officials.",
    ],
)
def test_further_abbreviations(text: str) -> None:
    """Rows 15 and 16, variants: one sentence."""
    assert sentences(text) == [text]


def test_a_weekday_of_the_next_sentence() -> None:
    """Row 16, variant: a day with an apostrophe is no part of the time."""
    assert sentences("He left at 5 p.m. Monday's attack killed two.") == [
        "He left at 5 p.m.",
        "Monday's attack killed two.",
    ]


@pytest.mark.parametrize(
    "sentence",
    [
        "Spec. Jane Doe was killed in Harun on Monday.",
        "Ch. Supt. Omar Haddad said the man was armed.",
        "Tech. Sgt. Doe was wounded.",
        "Assoc. Prof. Lindt said no.",
        "Police Comr. Lindt said no.",
        "Sub. Insp. Khan was killed.",
        "The minister met Eng. Ahmed Salem in Harun.",
        "The town of Ste. Marie was hit.",
        "The church of Sts. Peter and Paul was hit.",
    ],
)
def test_titles_of_police_and_churches(sentence: str) -> None:
    """Row 15, variants."""
    whole(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Sen. Lindt, D-N.Y., said no.",
        "The anti-U.S. protests went on in Harun.",
        "The future of Harun-U.S. relations is not bright.",
        "See Figs. 5 and 6, Sect. 7, paras. 8 and 9 of the paper.",
        "The road, Rte. 5, was hit.",
    ],
)
def test_initials_behind_a_hyphen_and_counted_parts(sentence: str) -> None:
    """Row 17, variants."""
    whole(sentence)


@pytest.mark.parametrize("zone", ["JST", "AEST", "IDT", "PKT", "WAT", "HST", "SAST"])
def test_further_time_zones(zone: str) -> None:
    """Row 16, variants."""
    whole(f"The attack at 10 a.m. {zone} killed four.")


def test_a_sentence_that_begins_with_a_time_of_another_kind() -> None:
    """Row 16, variant: "this time" is no zone; a short Wednesday is."""
    assert sentences("They left at 5 p.m. This time nobody came.") == ["They left at 5 p.m.", "This time nobody came."]
    whole("It began on Weds. Sept. 11 in Harun.")


@pytest.mark.parametrize(
    "sentence", ["“Is that so?” Gen. Haddad asked.", "“Why?” Mr. Haddad asked the crowd.", '"Never!" Dr. Lindt said.']
)
def test_a_speaker_with_a_title_behind_a_question(sentence: str) -> None:
    """Row 20, variants."""
    whole(sentence)


@pytest.mark.parametrize("note", ["[note 1]", "[nb 2]", "[a]", "[citation needed]", "(1)", "*", "†", "[1][2]"])
def test_marks_of_notes(note: str) -> None:
    """Row 21, variants: a mark that directly follows the stop belongs to the sentence."""
    assert sentences(f"The army came.{note} Rebels left.{note}") == [f"The army came.{note}", f"Rebels left.{note}"]
    assert sentences("The army came. (1) Rebels left.") == ["The army came.", "(1) Rebels left."]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The army left.'Rebels came,' he said.", ["The army left.", "'Rebels came,' he said."]),
        ("He said 'we won.'The army came.", ["He said 'we won.'", "The army came."]),
        ("The rebels' town fell.'We won,' he said.", ["The rebels' town fell.", "'We won,' he said."]),
        ("They fled (so he said.)The army came.", ["They fled (so he said.)The army came."]),
        ("They fled.)The army came.", ["They fled.)", "The army came."]),
    ],
)
def test_no_space_before_a_single_mark(text: str, expected: list[str]) -> None:
    """Row 19, variants."""
    assert sentences(text) == expected
