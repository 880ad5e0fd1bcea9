"""Inline markup: what it means, that nothing is lost either way, and what is said of broken markup."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.codebook import Codebook, Task
from framing.errors import CodebookError, MarkupError, UnreadableFileError
from framing.markup import MarkedRow, MarkedSentence, MarkedSpan, Tag, check_examples, parse, read_rows, write
from framing.types import Kind, Rejected
from tests.own_codebook import own_codebook

SEEDS = Path(__file__).parents[1] / "seeds"
GOLD = Path(__file__).parents[2] / "shared" / "data" / "gold_dev.tsv"
CODEBOOK = Codebook.default()

# --- what a marked sentence says ----------------------------------------------------------------------------------


def test_spans_have_offsets_into_the_sentence_without_marks() -> None:
    sentence = parse("[[He|source]] said [[the junta|regime.attributed]] [[may|hedge.epistemic]] fall.")
    assert sentence.text == "He said the junta may fall."
    assert [(s.start, s.end, s.text) for s in sentence.spans] == [(0, 2, "He"), (8, 17, "the junta"), (18, 21, "may")]
    assert [s.tags for s in sentence.spans] == [
        (Tag("source", "source"),),
        (Tag("frame", "regime", "attributed"),),
        (Tag("hedge", "epistemic"),),
    ]


def test_two_tags_on_one_span_keep_their_order() -> None:
    (span,) = parse('"[[truce|peace.distanced+hedge.distancing]]"').spans
    assert [str(tag) for tag in span.tags] == ["peace.distanced", "hedge.distancing"]
    assert [tag.output for tag in span.tags] == ["peace", "hedge.distancing"]


def test_offsets_count_code_points() -> None:
    sentence = parse("🕊️ é [[thugs|criminals.author]]")
    assert sentence.text[sentence.spans[0].start :] == "thugs"
    assert sentence.spans[0].start == len("🕊️ é ")


@pytest.mark.parametrize(
    "plain",
    ["Home | World", "[Handout/AFP]", "C:\\new [x] \\[y]", '{"tags":["a","b"]}', "", "a ] b [ c", "\\\\server\\|share"],
)
def test_text_without_double_brackets_is_written_as_it_stands(plain: str) -> None:
    assert write(MarkedSentence(plain)) == plain
    assert parse(plain) == MarkedSentence(plain)


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("[[1, 2]]", r"\[[1, 2\]]"),
        ("[[[", r"[\[["),
        ("[[[[", r"\[[\[["),
        ("\\[[", r"\\\[["),
        ("]]]", r"]\]]"),
    ],
)
def test_literal_double_brackets_are_escaped(text: str, marked: str) -> None:
    assert write(MarkedSentence(text)) == marked
    assert parse(marked) == MarkedSentence(text)


@pytest.mark.parametrize(
    ("marked", "words"),
    [
        ("[[[the president]|source]]", "[the president]"),
        (r"[[a\|b|source]]", "a|b"),
        (r"[[a\\|source]]", "a\\"),
        (r"[[\[[a\]]|source]]", "[[a]]"),
        ("[[ a |source]]", " a "),
    ],
)
def test_words_of_a_mark_may_have_any_character(marked: str, words: str) -> None:
    sentence = parse(marked)
    assert sentence.spans[0].text == sentence.text == words
    assert write(sentence) == marked


def test_a_bracket_right_before_a_mark() -> None:
    sentence = MarkedSentence("[he] left", (MarkedSpan(1, 3, "he", (Tag("source", "source"),)),))
    assert write(sentence) == r"\[[[he|source]]] left"
    assert parse(write(sentence)) == sentence


# --- lossless both ways -------------------------------------------------------------------------------------------

#: The built-in one with tasks of every form, one that has nothing but labels and tasks, and the built-in one.
CODEBOOKS = (replace(CODEBOOK, tasks=own_codebook().tasks), own_codebook(), CODEBOOK)


def _answers_of(tasks: Sequence[Task]) -> st.SearchStrategy[dict[str, str]]:
    """Answers of some of the tasks."""

    def values(task: Task) -> st.SearchStrategy[str]:
        if task.choose == "one":
            return st.sampled_from(task.names)
        return st.lists(st.sampled_from(task.names), unique=True).map("+".join)

    return st.fixed_dictionaries({}, optional={task.name: values(task) for task in tasks})


def _tags_of(codebook: Codebook) -> st.SearchStrategy[tuple[Tag, ...]]:
    frame = st.builds(
        lambda label, voice, answers: Tag("frame", label, voice, answers=tuple(answers.items())),
        st.sampled_from(codebook.label_names),
        st.sampled_from(codebook.voices or (None,)),
        _answers_of(codebook.tasks_of("mention")),
    )
    others = [Tag("hedge", kind) for kind in codebook.hedge_kinds]
    others += [Tag("source", "source")] * (codebook.source_guide is not None)
    others += [Tag("task", value, task=task.name) for task in codebook.tasks_of("span") for value in task.names]
    tag = st.one_of(frame, st.sampled_from(others))
    return st.lists(tag, min_size=1, max_size=3, unique_by=lambda tag: tag.output).map(tuple)


# Text in which brackets, bars and backslashes are the rule, and any other character can turn up.
_text = st.text(st.one_of(st.sampled_from("[]|\\+. a\n"), st.characters()), max_size=24)


@st.composite
def _sentences(draw: st.DrawFn, codebook: Codebook, text: st.SearchStrategy[str] = _text) -> MarkedSentence:
    drawn = draw(text)
    cuts = sorted(draw(st.lists(st.integers(0, len(drawn)), max_size=6)))
    ranges = [(a, b) for a, b in pairwise(cuts) if a < b and draw(st.booleans())]
    tags = _tags_of(codebook)
    return MarkedSentence(drawn, tuple(MarkedSpan(a, b, drawn[a:b], draw(tags)) for a, b in ranges))


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CODEBOOKS).flatmap(lambda book: st.tuples(st.just(book), _sentences(book))))
def test_every_sentence_survives_writing_and_parsing(drawn: tuple[Codebook, MarkedSentence]) -> None:
    codebook, sentence = drawn
    assert parse(write(sentence), codebook) == sentence


_line = st.text(st.characters(exclude_characters="\t\n\r"), min_size=1, max_size=12).filter(str.strip)


@st.composite
def _rows(draw: st.DrawFn) -> tuple[Codebook, MarkedRow]:
    codebook = draw(st.sampled_from(CODEBOOKS))
    group, kind = draw(_line), draw(st.sampled_from(codebook.kinds or (None,)))
    sentence = draw(_sentences(codebook, _line))
    answers = draw(_answers_of(codebook.tasks_of("sentence")))
    if draw(st.booleans()):
        return codebook, MarkedRow(group, kind, sentence, answers=answers)
    return codebook, MarkedRow(group, kind, sentence, draw(_line), group, draw(_line), answers)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(_rows())
def test_every_row_survives_writing_and_parsing(drawn: tuple[Codebook, MarkedRow]) -> None:
    codebook, row = drawn
    assert MarkedRow.parse(row.to_line(), codebook) == row


_pieces = st.sampled_from(["[[", "[", "]]", "]", "|", "\\", "|source]]", "|heroes.quoted+source]]", "a", " ", "é"])


@settings(max_examples=200, deadline=None)
@given(st.lists(_pieces, max_size=10).map("".join))
def test_whatever_parses_is_written_back_as_it_was(marked: str) -> None:
    try:
        sentence = parse(marked, CODEBOOK)
    except MarkupError:
        return
    assert write(sentence) == marked


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(SEEDS.glob("*.tsv")), ids=lambda path: path.name)
def test_every_seed_is_written_back_as_it_was(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").split("\n")
    rows = list(read_rows(path, CODEBOOK))
    assert [row.to_line() for row in rows] == [line for line in lines if line]


@pytest.mark.parametrize("path", sorted(SEEDS.glob("*.tsv")), ids=lambda path: path.name)
def test_seeds_read_as_by_a_plain_substitution(path: Path) -> None:
    """The seeds need no escapes, so that a regular expression, which knows nothing of our parser, must agree."""
    for row in read_rows(path):
        marked = row.to_line().split("\t")[2]
        assert row.sentence.text == re.sub(r"\[\[(.+?)\|[a-z_.+]+\]\]", r"\1", marked)
        assert [s.text for s in row.sentence.spans] == re.findall(r"\[\[(.+?)\|[a-z_.+]+\]\]", marked)


@pytest.mark.skipif(not GOLD.exists(), reason="needs ../shared")
def test_the_gold_set_is_written_back_as_it_was() -> None:
    lines = GOLD.read_text(encoding="utf-8").split("\n")
    assert [row.to_line() for row in read_rows(GOLD, CODEBOOK)] == [line for line in lines if line]


# --- broken markup ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marked", "column", "problem", "hint"),
    [
        ("The [[army left.", 5, "'[[' is not closed", r"\[["),
        ("The [[army|government.author left.", 5, "'[[' is not closed", "after the tags"),
        ("The [[army]] left.", 5, "a mark without tags", ""),
        ("The army|government.author]] left.", 27, "']]' without a '[['", r"\]]"),
        ("The [[big [[army|government.author]]|source]]", 11, "'[[' within a mark", "do not nest"),
        ("The [[|government.author]] left.", 5, "a mark without words", ""),
        ("The [[army|]] left.", 12, "the tag '' is none", ""),
        ("The [[army|goverment.author]] left.", 12, "the label 'goverment'", "did you mean 'government'?"),
        ("The [[army|government.auther]] left.", 12, "the voice 'auther'", "did you mean 'author'?"),
        ("The [[army|government]] left.", 12, "the tag 'government' is none", "government.author"),
        ("The [[army|government.author.]] left.", 12, "the tag 'government.author.' is none", ""),
        ("It [[may|hedge.epistemc]] rain.", 10, "the hedge kind 'epistemc'", "did you mean 'epistemic'?"),
        ("[[He|sorce]] left.", 6, "the tag 'sorce' is none", "did you mean 'source'?"),
        ("[[He|source.author]] left.", 6, "the tag 'source.author' is none", ""),
        ("[[He|source+]] left.", 13, "the tag '' is none", ""),
        ("[[He|source+source]] left.", 13, "'source' twice", ""),
        ("[[Men|rebels.author+rebels.quoted]] left.", 21, "'rebels' twice", ""),
        ("[[Men|rebels.author + source]] left.", 7, "the voice 'author '", "did you mean 'author'?"),
    ],
)
def test_broken_markup_is_told_with_its_column(marked: str, column: int, problem: str, hint: str) -> None:
    with pytest.raises(MarkupError) as caught:
        parse(marked, CODEBOOK)
    assert caught.value.message.startswith(f"column {column}: {problem}")
    assert marked[column - 1 : column + 5] in caught.value.message
    assert hint in str(caught.value)
    assert caught.value.expected


def test_without_a_codebook_any_label_will_do() -> None:
    assert parse("[[x|my_label_2.quoted]]").spans[0].tags == (Tag("frame", "my_label_2", "quoted"),)
    with pytest.raises(MarkupError, match="My"):
        parse("[[x|My.quoted]]")
    with pytest.raises(MarkupError, match="hedge kind"):
        parse("[[x|hedge.quoted]]")


@pytest.mark.parametrize(
    ("marked", "tags"),
    [
        ("[[Men|rebels]] left", (Tag("frame", "rebels"),)),
        ("[[Men|rebels.tone=ironic]] left", (Tag("frame", "rebels", answers=(("tone", "ironic"),)),)),
        ("[[Homs|place.town]] fell", (Tag("task", "town", task="place"),)),
        ("[[Homs|place.town+rebels]] fell", (Tag("task", "town", task="place"), Tag("frame", "rebels"))),
    ],
)
def test_marks_of_a_codebook_without_voices_and_with_tasks(marked: str, tags: tuple[Tag, ...]) -> None:
    (span,) = parse(marked, own_codebook()).spans
    assert span.tags == tags
    assert [tag.output for tag in tags] == ["place.town" if tag.task else "rebels" for tag in tags]


@pytest.mark.parametrize(
    ("marked", "problem", "hint"),
    [
        ("[[Men|rebels.author]]", "column 7: the tag 'rebels.author' is none", ""),
        ("[[Men|rebel]]", "column 7: the label 'rebel'", "did you mean 'rebels'?"),
        ("[[Men|rebels.tone=ironical]]", "column 7: the value 'ironical' of the task 'tone'", "did you mean 'ironic'?"),
        ("[[Men|rebels.tune=ironic]]", "column 7: the task 'tune'", "did you mean 'tone'?"),
        ("[[Men|rebels.stance=hostile]]", "column 7: the task 'stance'", ""),  # it is asked of sentences
        ("[[Men|rebels.tone=plain.tone=ironic]]", "column 7: the task 'tone' twice", ""),
        ("[[Homs|place.city]]", "column 8: the value 'city'", ""),
        ("[[Homs|place]]", "column 8: the label 'place'", ""),
        ("[[He|source]]", "column 6: the tag 'source' is none", ""),
        ("[[may|hedge.epistemic]]", "column 7: the tag 'hedge.epistemic' is none", ""),
        ("[[Homs|place.town+place.town]]", "column 19: 'place.town' twice", ""),
    ],
)
def test_broken_marks_of_tasks_are_told(marked: str, problem: str, hint: str) -> None:
    with pytest.raises(MarkupError) as caught:
        parse(marked, own_codebook())
    assert caught.value.message.startswith(problem)
    assert hint in (caught.value.hint or "")


def test_a_codebook_can_do_without_a_hedge_kind() -> None:
    codebook = Codebook.from_dict({"labels": ["a"], "hedges": {"epistemic": None}})
    with pytest.raises(MarkupError, match="hearsay"):
        parse("[[x|hedge.hearsay]]", codebook)


@pytest.mark.parametrize(
    "spans",
    [
        [(0, 3), (2, 5)],
        [(3, 5), (0, 2)],
    ],
)
def test_spans_that_overlap_or_go_back_are_refused(spans: list[tuple[int, int]]) -> None:
    source = (Tag("source", "source"),)
    with pytest.raises(MarkupError, match="begins before"):
        MarkedSentence("abcdef", tuple(MarkedSpan(a, b, "abcdef"[a:b], source) for a, b in spans))


def test_spans_and_tags_that_make_no_sense_are_refused() -> None:
    source = Tag("source", "source")
    with pytest.raises(MarkupError, match="offsets"):
        MarkedSpan(0, 0, "", (source,))
    with pytest.raises(MarkupError, match="tags"):
        MarkedSpan(0, 1, "a", ())
    with pytest.raises(MarkupError, match="tags"):
        MarkedSpan(0, 1, "a", (source, source))
    with pytest.raises(MarkupError, match="the span 'b'"):
        MarkedSentence("abc", (MarkedSpan(0, 1, "b", (source,)),))
    with pytest.raises(MarkupError, match="voice"):
        Tag("hedge", "epistemic", "author")
    with pytest.raises(MarkupError, match="voice"):
        Tag("source", "source", answers=(("tone", "plain"),))
    with pytest.raises(MarkupError, match="with task None"):
        Tag("task", "town")
    with pytest.raises(MarkupError, match="with task place"):
        Tag("frame", "rebels", "author", task="place")
    with pytest.raises(MarkupError, match="tag name"):
        Tag("frame", "a.b", "author")


# --- rows and files -----------------------------------------------------------------------------------------------


def test_a_row_of_three_columns() -> None:
    row = MarkedRow.parse("g1\theadline\t[[Rebels|rebels.author]] advance", CODEBOOK)
    assert (row.group, row.kind, row.sentence.text) == ("g1", Kind.HEADLINE, "Rebels advance")
    assert (row.id, row.outlet, row.document) == (None, None, None)


def test_a_row_of_five_columns_is_grouped_by_its_document() -> None:
    line = "7\tThe Post\tpost/12\tbody\t[[Rebels|rebels.author]] advance"
    row = MarkedRow.parse(line, CODEBOOK)
    assert (row.id, row.outlet, row.document, row.group) == ("7", "The Post", "post/12", "post/12")
    assert row.to_line() == line


def test_a_row_says_what_tasks_ask_of_its_sentence() -> None:
    row = MarkedRow.parse("g1\tstance=hostile topics=war+trade\tThey fled.", own_codebook())
    assert (row.kind, row.answers) == (None, {"stance": "hostile", "topics": "war+trade"})
    # Nothing chosen is an answer; no answer is none.
    assert MarkedRow.parse("g1\ttopics=\tThey fled.", own_codebook()).answers == {"topics": ""}
    assert MarkedRow.parse("g1\t\tThey fled.", own_codebook()).answers == {}
    with_kind = MarkedRow.parse("g1\tcaption stance=neutral\tThey fled.", CODEBOOKS[0])
    assert (with_kind.kind, with_kind.answers) == ("caption", {"stance": "neutral"})


@pytest.mark.parametrize(
    ("about", "problem"),
    [
        ("stance=angry", "the value 'angry' of the task 'stance' in 'stance=angry' is unknown"),
        ("stance=", "the value '' of the task 'stance'"),
        ("stance=hostile+neutral", "the value 'hostile+neutral' of the task 'stance'"),
        ("stance=hostile stance=neutral", "the task 'stance' twice"),
        ("topics=war+", "the value '' of the task 'topics'"),
        ("tone=plain", "the task 'tone'"),  # it is asked of mentions
        ("body", "the task 'body'"),  # there are no kinds
        ("stance=hostile  topics=war", "the task ''"),
    ],
)
def test_answers_that_make_no_sense_are_told(about: str, problem: str) -> None:
    with pytest.raises(MarkupError) as caught:
        MarkedRow.parse(f"g1\t{about}\tThey fled.", own_codebook(), where="a.tsv:1")
    assert caught.value.message.startswith(f"a.tsv:1: {problem}")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("g1\tbody", "2 columns"),
        ("just text", "1 column,"),
        ("g1\tbody\ta\tb", "4 columns"),
        ("g1\tbdy\ttext", "the kind 'bdy' is unknown"),
        ("g1\tbody\t ", "the sentence is empty"),
        ("\tbody\ttext", "an empty column"),
        ("g1\tbody\t[[a|b]]", "column 5: the tag 'b'"),
    ],
)
def test_a_bad_line_is_told_with_file_and_line(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "seeds.tsv"
    path.write_text(f"g0\tbody\tfine\n\n{line}\ng2\tbody\talso fine\n", encoding="utf-8")
    with pytest.raises(MarkupError) as caught:
        list(read_rows(path, CODEBOOK))
    assert caught.value.message.startswith(f"{path}:3: {problem}")

    rejected: list[Rejected] = []
    rows = list(read_rows(path, CODEBOOK, on_reject=rejected.append))
    assert [row.group for row in rows] == ["g0", "g2"]
    assert [(r.where, r.row) for r in rejected] == [(f"{path}:3", 3)]
    assert rejected[0].reason.startswith(problem)
    assert "expected" in rejected[0].reason
    assert rejected[0].value == line


def test_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "seeds.tsv"
    path.write_bytes("\ufeffg\tbody\tone\r\ng\tbody\ttwo\u2028still two\r\n".encode())
    rows = list(read_rows(path))
    assert [row.sentence.text for row in rows] == ["one", "two\u2028still two"]
    assert [row.where for row in rows] == [f"{path}:1", f"{path}:2"]
    assert rows[0].group == "g"


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="no file"):
        list(read_rows(tmp_path / "none.tsv"))
    path = tmp_path / "latin.tsv"
    path.write_bytes(b"g\tbody\tone\ng\tbody\tcaf\xe9\n")
    with pytest.raises(UnreadableFileError, match="0xe9 is not UTF-8"):
        list(read_rows(path))


def test_a_row_with_a_tab_in_it_is_not_written() -> None:
    with pytest.raises(MarkupError, match="tab"):
        MarkedRow("g", Kind.BODY, MarkedSentence("a\tb")).to_line()


# --- a codebook's examples ----------------------------------------------------------------------------------------


def test_examples_of_the_built_in_codebook() -> None:
    check_examples(CODEBOOK)
    for label in CODEBOOK.labels:
        assert 2 <= len(label.examples) <= 3, label.name


@pytest.mark.parametrize(
    ("example", "problem"),
    [("[[x|b.author", "column 1"), ("[[x|c.author]]", "'c'"), ("no mark", "does not carry the label")],
)
def test_a_bad_example_is_told_with_its_label(example: str, problem: str) -> None:
    codebook = Codebook.from_dict({"labels": ["a", {"name": "b", "examples": ["[[x|b.author]]", example]}]})
    with pytest.raises(CodebookError, match=r"label 'b', examples\[1\]") as caught:
        check_examples(codebook)
    assert problem in str(caught.value)
