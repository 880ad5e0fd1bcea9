"""Marks without their text: published and joined again."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from framing.cli.marks import app
from framing.codebook import Codebook
from framing.errors import ColumnError, InputError, MarkupError
from framing.marks import COLUMNS, SentenceMarks, digest, join, normalise, read_marks, strip
from framing.markup import MarkedRow, MarkedSentence, MarkedSpan, Tag, parse, read_rows, write
from framing.reading import read
from framing.types import Document
from tests.own_codebook import own_codebook

pytestmark = pytest.mark.slow

PUBLISHED = Path(__file__).parents[1] / "training" / "marks"
REAL = Path(__file__).parents[2] / "shared" / "data" / "real_train.tsv"
FA_KES = REAL.with_name("fa_kes_articles.jsonl.gz")

ROWS = (
    "papers/a1\theadline\t[[Rebels|rebels.author]] take the mill",
    'papers/a1\tbody\t[[They|source]] say "[[thugs|criminals.distanced+hedge.distancing]]" [[may|hedge.epistemic]] go.',
    "papers/a1\tbody\tIt burned for [[about|hedge.approximation]] a day; 𝔄 and 🙂 stood by: [[a fall|fall.author]].",
    "wires/w7\tbody\t“We [[freed|liberation.quoted]] the café,” [[he|source]] said.",
    r"wires/w7	body	The note read \[[sic\]] and nothing else.",
    "wires/https://wire.example/rebels-leave\theadline\t[[Rebels|rebels.author]] leave the valley at dawn",
)
#: The same sentences in their documents, as a user has them.
TEXTS = (
    {"id": "a1", "text": "Rebels take the mill\n\nThey say \"thugs\" may go. It burned for about a day; 𝔄 and 🙂 "
     "stood by: a fall."},
    {"id": "docs/w7.txt", "text": "TOWN - “We freed the café,” he said. The note read [[sic]] and nothing else."},
    {"id": "5", "url": "https://wire.example/rebels-leave", "text": "Rebels leave the valley at dawn\n\nNo more."},
)  # fmt: skip


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    path = tmp_path / "real.tsv"
    path.write_text("".join(f"{row}\n" for row in ROWS), encoding="utf-8")
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps(text) + "\n" for text in TEXTS), encoding="utf-8")
    return path


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, words)], prog_name="framing marks")


# --- there and back -----------------------------------------------------------------------------------------------


def test_stripped_and_joined_the_rows_are_what_they_were(marked: Path, corpus: Path, tmp_path: Path) -> None:
    stripped = run("strip", marked, "-o", tmp_path / "marks")
    assert stripped.exit_code == 0, stripped.output
    assert sorted(path.name for path in (tmp_path / "marks").iterdir()) == ["papers.tsv", "wires.tsv"]
    joined = run("join", corpus, "--marks", tmp_path / "marks", "-o", tmp_path / "joined.tsv")
    assert joined.exit_code == 0 and "papers: 3 of 3 sentences found" in joined.stdout, joined.output
    assert "Warning" not in joined.output
    assert (tmp_path / "joined.tsv").read_bytes() == marked.read_bytes()


def test_the_tables_have_offsets_and_no_word(marked: Path, tmp_path: Path) -> None:
    assert strip(marked, tmp_path / "marks", Codebook.default()) == {"papers": 3, "wires": 3}
    lines = (tmp_path / "marks" / "wires.tsv").read_text(encoding="utf-8").splitlines()
    sentence = "“We freed the café,” he said."
    assert lines[0] == "\t".join(COLUMNS)
    assert lines[1] == f"4\twires/w7\tbody\t{digest(sentence)}\t29\t4-9:liberation.quoted 21-23:source"
    assert lines[3].split("\t")[1] == f"wires/sha256:{digest('https://wire.example/rebels-leave')}"


# Nothing that the reader repairs; quotation marks, brackets, blanks, astral and combined characters.
characters = st.sampled_from([*"ab Z.\"'[]|\\“”‘’«", "é", "e\u0301", "𝔄", "🙂", "\u00a0", "\t", "\n", "  ", "أ", "한"])
tags = st.sampled_from(["rebels.author", "hedge.epistemic", "source", "fall.quoted"]).map(Tag.parse)


@st.composite
def sentences(draw: st.DrawFn) -> MarkedSentence:
    pieces = draw(st.lists(st.tuples(st.lists(characters, min_size=1), st.none() | tags), min_size=1, max_size=6))
    text, spans = "", []
    for piece, tag in pieces:
        words = "".join(piece)
        if tag:
            spans.append(MarkedSpan(len(text), len(text) + len(words), words, (tag,)))
        text += words
    return MarkedSentence(text, tuple(spans))


@settings(deadline=None)
@given(sentences())
def test_marks_keep_their_words_whatever_the_sentence(sentence: MarkedSentence) -> None:
    row = MarkedRow("c/1", "body", sentence)
    oracle = " ".join(unicodedata.normalize("NFC", sentence.text).split())
    assert normalise(sentence.text) == oracle
    try:
        marks = SentenceMarks.of(row, 1)
    except MarkupError:  # nothing but blanks is marked, or a line end in the row: no file has such a line
        assert re.search(r"[\t\n]", sentence.text) or any(not normalise(span.text) for span in sentence.spans)
        return
    assert marks.length == len(oracle)
    assert SentenceMarks.parse(dict(zip(COLUMNS, marks.to_line().split("\t"), strict=True))) == marks
    if oracle:
        back = marks.on(oracle).sentence
        assert back.text == oracle
        assert [normalise(span.text) for span in back.spans] == [normalise(span.text) for span in sentence.spans]
        assert [span.tags for span in back.spans] == [span.tags for span in sentence.spans]
    if sentence.text == oracle and oracle:
        assert back == sentence


@settings(max_examples=40, deadline=None)
@given(st.lists(sentences().filter(lambda s: len(normalise(s.text)) > 3), min_size=1, max_size=4), st.data())
def test_a_sentence_is_found_within_the_text_of_its_document(found: list[MarkedSentence], data: st.DataObject) -> None:
    clean = [MarkedSentence(normalise(sentence.text)) for sentence in found]
    marks = [SentenceMarks.of(MarkedRow("c/7", "body", sentence), n) for n, sentence in enumerate(clean, 1)]
    gaps = [data.draw(st.sampled_from(["\n", " ", "\r\n\r\n", " -- ", "  Noise between. "])) for _ in clean]
    wrap = data.draw(st.sampled_from([" ", "\n", " \u00a0 "]))
    text = "".join(gap + sentence.text.replace(" ", wrap) for gap, sentence in zip(gaps, clean, strict=True))
    joined = join(marks, [Document(text, id="folder/7.txt")])
    assert [row.sentence for row in joined.rows] == clean
    assert not joined.missing


def test_tasks_of_an_own_codebook_come_back(tmp_path: Path) -> None:
    book = own_codebook()
    line = "c/1\tstance=hostile topics=war+trade\tThe [[rebels|rebels.tone=ironic]] left the [[town|place.town]]."
    path = tmp_path / "own.tsv"
    path.write_text(line + "\n", encoding="utf-8")
    strip(path, tmp_path / "marks", book)
    (row,) = read_rows(path, book)
    joined = join(read_marks([tmp_path / "marks"], book), [Document(row.sentence.text)], book)
    assert joined.to_text() == line + "\n"


# --- what cannot be found -----------------------------------------------------------------------------------------


def test_what_is_missing_is_told_and_kept_as_marks(marked: Path, corpus: Path, tmp_path: Path) -> None:
    strip(marked, tmp_path / "marks")
    short = tmp_path / "short.jsonl"
    short.write_text(corpus.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    arguments = ("--marks", tmp_path / "marks", "-o", tmp_path / "joined.tsv", "--missing", tmp_path / "missing")
    result = run("join", short, *arguments)
    assert result.exit_code == 0
    assert "wires: 0 of 3 sentences found" in result.stdout
    assert "Warning: 3 of 6 sentences were not found" in result.stderr
    assert (tmp_path / "joined.tsv").read_text(encoding="utf-8").splitlines() == list(ROWS[:3])
    assert (tmp_path / "missing" / "wires.tsv").read_bytes() == (tmp_path / "marks" / "wires.tsv").read_bytes()


def test_nothing_found_is_an_error_and_writes_nothing(marked: Path, tmp_path: Path) -> None:
    strip(marked, tmp_path / "marks")
    (tmp_path / "other.txt").write_text("A text of something else.\n", encoding="utf-8")
    result = run("join", tmp_path / "other.txt", "--marks", tmp_path / "marks", "-o", tmp_path / "joined.tsv")
    assert result.exit_code == 2
    assert "none of the 6 marked sentences" in result.stderr and "papers, wires" in result.stderr
    assert not (tmp_path / "joined.tsv").exists()


@pytest.mark.parametrize("name", ["a1", "papers/", "/a1", "../a1/x"])
def test_a_document_without_corpus_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "real.tsv").write_text(f"{name}\tbody\tAll is well.\n", encoding="utf-8")
    with pytest.raises(InputError, match="the document is named"):
        strip(tmp_path / "real.tsv", tmp_path / "marks")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("row\tdocument\n1\tc/1", ColumnError),
        ("\t".join(COLUMNS) + "\n1\tc/1\tbody\tabc\t4\t", MarkupError),
        ("\t".join(COLUMNS) + "\n1\tc/1\tbody\t0123456789abcdef\t4\t0-2:nolabel.author", MarkupError),
        ("\t".join(COLUMNS) + "\n1\tc/1\tbody\t0123456789abcdef\t4\t0:source", MarkupError),
    ],
)
def test_broken_tables_are_refused_with_their_line(line: str, error: type[Exception], tmp_path: Path) -> None:
    (tmp_path / "c.tsv").write_text(line + "\n", encoding="utf-8")
    with pytest.raises(error, match=re.escape("c.tsv:2: ")):
        read_marks([tmp_path / "c.tsv"], Codebook.default())


# --- what is published --------------------------------------------------------------------------------------------


def test_the_published_marks_are_of_the_codebook_and_form() -> None:
    book = Codebook.default()
    rows = read_marks([PUBLISHED], book)
    assert sorted({row.row for row in rows}) == [*range(1, len(rows) + 1)]
    form = re.compile(r"[a-z0-9-]+/(sha256:[0-9a-f]{16}|(?=\S*\d)[\w./()-]+)")
    assert not [row.document for row in rows if not form.fullmatch(row.document)]
    assert {row.about for row in rows} <= set(book.kinds)
    assert all(mark.end <= row.length for row in rows for mark in row.marks)
    assert sum(path.stat().st_size for path in PUBLISHED.iterdir()) < 1_000_000


def _handed_over() -> list[tuple[str, str, MarkedSentence]]:
    lines = REAL.read_text(encoding="utf-8").split("\n")[:-1]
    return [(c[1], c[3], parse(c[4])) for c in (line.split("\t") for line in lines)]


@pytest.mark.skipif(not REAL.exists(), reason="needs ../shared")
def test_the_published_marks_give_all_rows_back_and_have_no_word_of_them() -> None:
    rows = _handed_over()
    words: dict[str, set[str]] = {}
    texts: dict[str, list[str]] = {}
    for name, _, sentence in rows:
        texts.setdefault(name, []).append(sentence.text)
        words.setdefault(name, set()).update(re.findall(r"[^\W\d_]{4,}", sentence.text.casefold()))
    marks = read_marks([PUBLISHED])
    for mark, (name, _, _) in zip(marks, rows, strict=True):
        assert not set(re.findall(r"[^\W\d_]{4,}", mark.identifier.casefold())) & words[name]
    documents = [Document("\n\n".join(text), id=name.partition("/")[2]) for name, text in texts.items()]
    joined = join(marks, documents)
    assert not joined.missing
    as_written = [f"{name}\t{kind}\t{write(sentence)}" for name, kind, sentence in rows]
    other = [(got, want) for got, want in zip(joined.to_text().splitlines(), as_written, strict=True) if got != want]
    assert len(other) <= 8  # the reader mends seven, and one has two blanks in a row
    assert {want.split("\t")[0] for _, want in other} == {got.split("\t")[0] for got, _ in other}
    assert all(normalise(parse(want.split("\t")[2]).text) == parse(got.split("\t")[2]).text for got, want in other)


@pytest.mark.skipif(not FA_KES.exists(), reason="needs ../shared")
def test_all_sentences_of_a_public_set_are_found_in_its_articles() -> None:
    marks = read_marks([PUBLISHED / "fa-kes.tsv"])
    wanted = {row.identifier for row in marks}
    documents = (document for document in read(FA_KES, unique_ids=False) if document.id in wanted)
    assert not join(marks, documents).missing
