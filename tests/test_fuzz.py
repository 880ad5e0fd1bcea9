"""Whatever comes in, only errors of ours come out: bytes as every format, markup, codebooks, records, pages.

Seconds by default. ``FRAMING_FUZZ=nightly pytest tests/test_fuzz.py`` tries 200,000 examples of each: some hours.
"""

from __future__ import annotations

import contextlib
import json
import os
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import framing
from framing import markup
from framing.codebook import Codebook
from framing.errors import CodebookError, FramingError, MarkupError
from framing.reading import FORMATS
from framing.reading.html import extract
from framing.text.sentences import split

pytestmark = pytest.mark.slow

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
FUZZ = settings(
    max_examples=200_000 if os.environ.get("FRAMING_FUZZ") else 150, deadline=None, suppress_health_check=SLOW
)

CASES = Path(__file__).parent / "fixtures" / "cases" / "reading"
#: Real files of every format, which are then damaged.
SEEDS = sorted(path.read_bytes() for path in CASES.rglob("*") if path.is_file() and path.stat().st_size < 4000)
PIECES = [
    *(
        b'"',
        b"'",
        b",",
        b"\t",
        b";",
        b"\n",
        b"\r",
        b"\r\n",
        b"\x00",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\x93",
        b"\xe2\x80",
    ),
    *(b"id,text\n", b"text\n", b"sep=;\n", b'{"text": "', b'"}', b"[", b"]", b"{", b"}", b"null", b"NaN", b"1e999"),
    *(
        b"<html>",
        b"<p>",
        b"</p>",
        b"<q>",
        b"<blockquote>",
        b"<!--",
        b"-->",
        b"<?xml ?>",
        b"<![CDATA[",
        b"&#0;",
        b"&#8220;",
    ),
    *(
        b"PAR1",
        b"ARROW1\x00\x00",
        b"\x1f\x8b\x08\x00",
        b"BZh9",
        b"\xfd7zXZ\x00",
        b"\x28\xb5\x2f\xfd",
        b"\xff\xff\xff\xff",
    ),
    *(b"1 of 2 DOCUMENTS\n", b"HEADLINE: ", b"LENGTH: 3\n", b"Body\n", b"End of Document\n", b"HD\n", b"SN\n", b"PD\n"),
    *(b"May 14, 2019 Tuesday\n", b"> ", b"- ", b"   ", b"The army said so.\n", b"rebels", b"\xed\xa0\x80", b"\\ud800"),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A real file with pieces cut out, put in, or doubled."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        stop = draw(st.integers(start, min(len(data), start + 60)))
        data = data[:start] + draw(st.sampled_from([b"", data[start:stop] * 2, *PIECES])) + data[stop:]
    return data


BYTES = st.binary(max_size=400) | st.lists(st.sampled_from(PIECES), max_size=25).map(b"".join) | damaged()
TEXTS = (
    st.text(st.characters(), max_size=200)
    | st.lists(st.sampled_from(PIECES).map(lambda piece: piece.decode("utf-8", "surrogateescape")), max_size=30).map(
        "".join
    )
    | damaged().map(lambda data: data.decode("latin-1"))
)


@pytest.fixture(autouse=True)
def quiet() -> None:
    """What is left out of a row is told by a warning."""
    warnings.simplefilter("ignore", UserWarning)


@pytest.mark.parametrize("sentences", [False, True])
@pytest.mark.parametrize("name", [*sorted(set(FORMATS.values())), None])
@FUZZ
@given(data=BYTES)
def test_files(name: str | None, sentences: bool, data: bytes, tmp_path: Path) -> None:
    """A document, a row set aside with a reason, or an error of ours; the documents can be cut."""
    path = tmp_path / "input"
    path.write_bytes(data)
    rejected: list[framing.Rejected] = []
    try:
        documents = list(framing.read(path, format=name, on_reject=rejected.append, sentences=sentences))
    except FramingError:
        return
    assert all(r.reason for r in rejected)
    for document in documents:
        assert document.text.strip()
        document.text.encode("utf-8")
        for sentence in split(document.text):
            assert document.text[sentence.start : sentence.end] == sentence.text


MARKED = st.lists(
    st.sampled_from(
        ["[[", "]]", "|", ",", "\\", "[", "]", " ", "rebels", "terrorists", "author", "quoted", "?", "@", "=", "\t"]
    )
    | st.text(st.characters(), max_size=5),
    max_size=20,
).map("".join)


@FUZZ
@given(marked=MARKED)
def test_markup(marked: str) -> None:
    """A marked sentence that is written again reads the same, or an error with its column."""
    for book in (None, Codebook.default()):
        try:
            sentence = markup.parse(marked, book)
        except MarkupError:
            continue
        assert markup.parse(markup.write(sentence), book) == sentence


@FUZZ
@given(line=MARKED)
def test_lines_of_marked_sentences(line: str) -> None:
    with contextlib.suppress(MarkupError):
        markup.MarkedRow.parse(line, Codebook.default())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def codebooks(draw: st.DrawFn) -> str:
    """YAML: a template with lines cut, doubled and changed, or anything."""
    lines = Codebook.default().to_yaml().splitlines()
    start = draw(st.integers(0, len(lines)))
    stop = draw(st.integers(start, min(len(lines), start + 8)))
    put = draw(
        st.lists(
            st.sampled_from([*lines[:40], "  - x", "a: b", "- ", "  ? {", "&a", "*a", "!!python/object:x", "\t"]),
            max_size=4,
        )
    )
    return "\n".join([*lines[:start], *put, *lines[stop:]])


@FUZZ
@given(text=codebooks() | st.text(st.characters(), max_size=100))
@example(text="\ud800")
def test_codebooks(text: str) -> None:
    try:
        book = Codebook.from_yaml(text)
    except CodebookError:
        return
    assert Codebook.from_yaml(book.to_yaml()).fingerprint == book.fingerprint


@FUZZ
@given(
    data=VALUES
    | st.dictionaries(st.sampled_from("codebook version labels hedges voices kinds tasks language".split()), VALUES)
)
def test_codebooks_of_values(data: object) -> None:
    with contextlib.suppress(CodebookError):
        Codebook.from_dict(data)  # type: ignore[arg-type]


RECORD = {
    **{"input": "a.txt", "row": 1, "document_id": "a", "outlet": None, "published": None, "index": 0, "kind": "body"},
    **{"start": 0, "end": 10, "text": "It rained.", "text_offset": 0, "frames": {}, "mentions": [], "hedges": []},
    **{"sources": [], "hedged": False, "probabilities": {}},
}


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """Lines of records, some keys of which hold other values."""
    rows = []
    for index in range(draw(st.integers(1, 3))):
        row = RECORD | {"index": index, "start": 11 * index, "end": 11 * index + 10}
        for key in draw(st.lists(st.sampled_from(sorted(RECORD)), max_size=3)):
            row[key] = draw(VALUES)
        for key in draw(st.lists(st.sampled_from(sorted(RECORD)), max_size=1)):
            row.pop(key)
        rows.append(json.dumps(row))
    return "\n".join(rows).encode("utf-8", "surrogatepass")


@FUZZ
@given(data=records() | BYTES)
@example(data=json.dumps(RECORD | {"text": None}).encode())
@example(data=json.dumps(RECORD | {"start": None}).encode())
@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_records(data: bytes, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"records.{ending}"
    path.write_bytes(data)
    with contextlib.suppress(FramingError):
        list(framing.read_labels(path))


@FUZZ
@given(source=TEXTS)
def test_pages(source: str) -> None:
    """Text with letters in it, or an error of ours."""
    try:
        page = extract(source)
    except FramingError:
        return
    assert any(map(str.isalnum, page.text))
