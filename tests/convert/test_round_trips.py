"""Markup to each format and back: nothing is lost, or it is said what."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framing.codebook import Codebook
from framing.convert import Converted, convert
from framing.markup import MarkedRow, MarkedSentence, MarkedSpan, Tag, read_rows
from framing.types import Rejected
from tests.own_codebook import own_codebook

pytestmark = pytest.mark.slow

BUILT_IN, OWN = Codebook.default(), own_codebook()
#: Formats that hold all of a marked row; the name of the output that the test writes.
WHOLE = {
    "jsonl": "x.jsonl",
    "labelstudio": "x.json",
    "doccano": "x.jsonl",
    "prodigy": "x.jsonl",
    "brat": "x",
    "conll": "x.conll",
    "cas": "x",
    "dataset": "x",
}
#: Those that hold no white space at the ends of spans, or none but white space: what they trim is counted.
OF_WORDS = {"prodigy", "conll"}
ALPHABET = "ab Z.,;:'\"|[]\\+#=-_/é\u0301\u05d0中\u200b\u00a0\U0001f600\U0001f468\u200d\U0001f469\U0001d4d0&<>{}%"

texts = st.text(st.sampled_from(ALPHABET), min_size=1, max_size=40).filter(lambda text: bool(text.strip()))
identifiers = st.text(st.sampled_from("abcXYZ019-_. /é\U0001f600"), min_size=1, max_size=8).filter(
    lambda text: text == text.strip()
)


def tags_of(book: Codebook) -> st.SearchStrategy[Tag]:
    answers = st.tuples(
        *(st.sampled_from([(), *(((t.name, v),) for v in t.names)]) for t in book.tasks_of("mention"))
    ).map(lambda each: tuple(pair for one in each for pair in one))
    frames = st.builds(
        Tag,
        st.just("frame"),
        st.sampled_from(book.label_names),
        st.sampled_from(book.voices) if book.voices else st.none(),
        answers=answers,
    )
    others = [Tag("hedge", kind) for kind in book.hedge_kinds]
    others += [Tag("source", "source")] if book.source_guide else []
    others += [Tag("task", value, task=task.name) for task in book.tasks_of("span") for value in task.names]
    return st.one_of(frames, st.sampled_from(others))


@st.composite
def sentences(draw: st.DrawFn, book: Codebook) -> MarkedSentence:
    text = draw(texts)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    spans = []
    for start, end in pairwise(cuts):
        if draw(st.booleans()):
            tags = draw(st.lists(tags_of(book), min_size=1, max_size=3, unique_by=lambda tag: tag.output))
            spans.append(MarkedSpan(start, end, text[start:end], tuple(tags)))
    return MarkedSentence(text, tuple(spans))


@st.composite
def rows(draw: st.DrawFn, book: Codebook) -> MarkedRow:
    answers = {}
    for task in book.tasks_of("sentence"):
        if draw(st.booleans()):
            chosen = draw(st.lists(st.sampled_from(task.names), unique=True)) if task.choose == "many" else None
            answers[task.name] = draw(st.sampled_from(task.names)) if chosen is None else "+".join(chosen)
    kind = draw(st.sampled_from(book.kinds)) if book.kinds else None
    group = draw(identifiers)
    sentence = draw(sentences(book))
    if draw(st.booleans()):
        return MarkedRow(group, kind, sentence, draw(identifiers), group, draw(identifiers), answers)
    return MarkedRow(group, kind, sentence, answers=answers)


files = st.sampled_from((BUILT_IN, OWN)).flatmap(
    lambda book: st.tuples(st.just(book), st.lists(rows(book), min_size=1, max_size=4))
)


def there_and_back(
    folder: Path, book: Codebook, own: list[MarkedRow], name: str
) -> tuple[list[MarkedRow], Converted, list[Rejected]]:
    first, between, last = folder / "first.tsv", folder / WHOLE[name], folder / "last.tsv"
    first.write_bytes("".join(f"{row.to_line()}\n" for row in own).encode())
    rejected: list[Rejected] = []
    there = convert(first, between, to_format=name, codebook=book, on_reject=rejected.append)
    convert(between, last, from_format=name, codebook=book)
    return list(read_rows(last, book)), there, rejected


def by_document(own: list[MarkedRow]) -> dict[str, list[MarkedRow]]:
    """Formats with a file for each document keep the order within it, and read documents by their names."""
    found: dict[str, list[MarkedRow]] = {}
    for row in own:
        found.setdefault(row.group, []).append(row)
    return found


def without_ends(row: MarkedRow) -> MarkedRow:
    """The row as a format of words holds it: no white space at the ends of its spans."""
    spans = []
    for span in row.sentence.spans:
        words = span.text.strip()
        start = span.start + len(span.text) - len(span.text.lstrip())
        spans.append(MarkedSpan(start, start + len(words), words, span.tags))
    return MarkedRow(
        row.group,
        row.kind,
        MarkedSentence(row.sentence.text, tuple(spans)),
        row.outlet,
        row.document,
        row.id,
        row.answers,
    )


@pytest.mark.parametrize("name", WHOLE)
def test_markup_comes_back_as_it_was(name: str) -> None:
    effort = 8 if name in ("dataset", "cas") else 30

    @settings(max_examples=effort, deadline=None, suppress_health_check=list(HealthCheck))
    @given(files)
    def check(drawn: tuple[Codebook, list[MarkedRow]]) -> None:
        book, own = drawn
        blank = [row for row in own if any(not span.text.strip() for span in row.sentence.spans)]
        if name in OF_WORDS and blank:
            own = [row for row in own if row not in blank] or [MarkedRow("g", own[0].kind, MarkedSentence("a"))]
        with tempfile.TemporaryDirectory() as folder:
            back, there, rejected = there_and_back(Path(folder), book, own, name)
        assert not rejected
        trimmed = [without_ends(row) for row in own] if name == "conll" else own
        assert by_document(back) == by_document(trimmed)
        assert len({row.group for row in own}) > 1 or back == trimmed
        assert bool(there.lost) == (trimmed != own), there.lost
        assert there.passages == len(own)
        assert there.spans == sum(len(span.tags) for row in own for span in row.sentence.spans)

    check()


@pytest.mark.parametrize("name", sorted(OF_WORDS))
def test_a_span_of_white_space_is_refused_by_formats_of_words(tmp_path: Path, name: str) -> None:
    row = MarkedRow("g", "body", MarkedSentence("a b", (MarkedSpan(1, 2, " ", (Tag("source", "source"),)),)))
    (tmp_path / "x.tsv").write_text(row.to_line() + "\ng\tbody\tfine\n", encoding="utf-8")
    rejected: list[Rejected] = []
    done = convert(tmp_path / "x.tsv", tmp_path / "y", to_format=name, codebook=BUILT_IN, on_reject=rejected.append)
    assert (done.passages, done.set_aside) == (1, 1)
    assert "white space only" in rejected[0].reason


def test_a_table_keeps_labels_kinds_and_answers_and_counts_the_places_that_it_loses(tmp_path: Path) -> None:
    line = 'g\tstance=hostile topics=war+trade\t[[gunmen|rebels.tone=ironic]] in [[the town|place.town]], 😀; "so"\n'
    (tmp_path / "x.tsv").write_text(line, encoding="utf-8")
    there = convert(tmp_path / "x.tsv", tmp_path / "x.csv", codebook=OWN)
    assert there.lost == {"places and voices of spans, whose labels are kept": 2}
    convert(tmp_path / "x.csv", tmp_path / "x.jsonl", codebook=OWN)
    import pandas

    table = pandas.read_csv(tmp_path / "x.csv")
    assert table.to_dict("records") == [
        {
            "text": 'gunmen in the town, 😀; "so"',
            "labels": "rebels",
            "stance": "hostile",
            "topics": "war;trade",
            "marks": "place.town",
            "group": "g",
        }
    ]
    back = pandas.read_json(tmp_path / "x.jsonl", lines=True).to_dict("records")[0]
    assert back["labels"] == ["rebels", "place.town", "stance=hostile", "topics=war", "topics=trade"]


#: Formats that hold spans that lie in one another or overlap.
OVERLAPPING = ["jsonl", "labelstudio", "doccano", "prodigy", "brat", "cas", "dataset"]


@pytest.mark.parametrize("name", OVERLAPPING)
def test_spans_that_overlap_come_back(name: str) -> None:
    @st.composite
    def passages(draw: st.DrawFn) -> dict[str, object]:
        text = draw(st.text(st.sampled_from("ab\U0001f600\n"), min_size=3, max_size=20))
        text = f"a{text}b"
        places = st.integers(0, len(text) - 1)
        found = []
        for _ in range(draw(st.integers(0, 4))):
            start, end = sorted((draw(places), draw(places) + 1))
            if start < end and text[start:end].strip() == text[start:end]:
                label = draw(st.sampled_from(["rebels.author", "source", "Lone_Wolf"]))
                found.append({"start": start, "end": end, "label": label})
        unique = list({tuple(span.values()): span for span in found}.values())
        unique.sort(key=lambda span: (span["start"], span["end"]))
        return {"text": text, "spans": unique, "labels": [], "group": "g"}

    @settings(max_examples=8 if name in ("dataset", "cas") else 30, deadline=None)
    @given(st.lists(passages(), min_size=1, max_size=3))
    def check(own: list[dict[str, object]]) -> None:
        import json

        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            first = folder / "first.jsonl"
            first.write_text("".join(json.dumps(one) + "\n" for one in own), encoding="utf-8")
            convert(first, folder / WHOLE[name].replace("x", "between"), to_format=name)
            between = folder / WHOLE[name].replace("x", "between")
            convert(between, folder / "last.jsonl", from_format=name)
            last = [json.loads(line) for line in (folder / "last.jsonl").read_text(encoding="utf-8").splitlines()]
        assert last == own

    check()


@pytest.mark.parametrize(("name", "output"), [("markup", "y.tsv"), ("conll", "y.conll")])
def test_spans_that_overlap_are_refused_where_there_is_no_place_for_them(
    tmp_path: Path, name: str, output: str
) -> None:
    import json

    spans = [{"start": 0, "end": 6, "label": "rebels.author"}, {"start": 2, "end": 8, "label": "source"}]
    rows = [{"text": "gunmen left", "spans": spans}, {"text": "quiet", "spans": []}]
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    rejected: list[Rejected] = []
    done = convert(tmp_path / "x.jsonl", tmp_path / output, on_reject=rejected.append)
    assert (done.passages, done.set_aside) == (1, 1)
    assert "'rebels.author' at [0, 6) and 'source' at [2, 8) overlap" in rejected[0].reason
