"""Formats: ranges of any size hold the rows that the whole file holds, as libraries that are not ours read them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.errors import InputError, UnreadableFileError
from framing.reading.formats import CLASSES, FORMATS, open_format
from framing.reading.formats.base import Limits, Range, Row

LIMITS = st.builds(Limits, rows=st.integers(1, 6), size=st.integers(1, 200))
ALL = Limits(10_000, 1 << 30)


def rows_of(path: Path, limits: Limits, *, by_line: bool = False) -> list[Row]:
    """The rows of all ranges, read in the pass that finds them."""
    with open_format(str(path), path.name, FORMATS[path.suffix], by_line=by_line) as opened:
        ranges = opened.ranges(limits)
        found = []
        try:
            for one in ranges:
                rows = list(opened.rows(one))
                assert len(rows) == one.rows
                assert one.rows <= limits.rows or path.suffix == ".txt"
                assert all(one.first <= row.number < one.next for row in rows)
                found += rows
        except UnreadableFileError as error:
            assert "is empty" in str(error)
        return found


def rows_backwards(path: Path, limits: Limits, *, by_line: bool = False) -> list[Row]:
    """The rows of all ranges, read back one by one from the last to the first."""
    with open_format(str(path), path.name, FORMATS[path.suffix], by_line=by_line) as opened:
        ranges: list[Range] = []
        try:
            ranges.extend(opened.ranges(limits))
        except UnreadableFileError as error:
            assert "is empty" in str(error)
        layout = opened.layout
    found = []
    with open_format(str(path), path.name, layout=layout, by_line=by_line) as opened:
        for one in reversed(ranges):
            data = opened.read_back(one.start, one.stop)
            assert data == one.data
            found.append(list(opened.rows(Range(one.start, one.stop, one.rows, one.first, one.next, data))))
    return [row for rows in reversed(found) for row in rows]


CELLS = st.text(alphabet='ab,;"\n\r\t é\u2028', max_size=6)
CELLS_OF_A_ROW = st.tuples(CELLS, CELLS)
JSON_LINES = st.one_of(
    st.dictionaries(st.sampled_from(["text", "id"]), st.text(max_size=8), max_size=2).map(json.dumps),
    st.text(alphabet='{}"a\r\x0b\u2028 é', max_size=8),
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    cells=st.lists(st.tuples(CELLS, CELLS), max_size=15), limits=LIMITS, encoding=st.sampled_from(["utf-8", "utf-16"])
)
def test_ranges_of_csv(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], limits: Limits, encoding: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("id", "text"), *cells])
    path.write_bytes(text.getvalue().encode(encoding))
    found = rows_of(path, limits)
    assert [tuple(row.values.values()) for row in found if row.values] == cells
    assert found == rows_of(path, ALL) == rows_backwards(path, limits)


@settings(max_examples=100, deadline=None)
@given(data=st.text(alphabet='ab,"\n\r;é', max_size=60), limits=LIMITS)
def test_ranges_of_broken_csv(tmp_path_factory: pytest.TempPathFactory, data: str, limits: Limits) -> None:
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    path.write_bytes(f"text,id\n{data}".encode())
    assert rows_of(path, limits) == rows_of(path, ALL) == rows_backwards(path, limits)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(lines=st.lists(JSON_LINES, max_size=20), limits=LIMITS, ends=st.booleans())
def test_ranges_of_json_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], limits: Limits, ends: bool
) -> None:
    path = tmp_path_factory.mktemp("jsonl") / "x.jsonl"
    written = ['{"text": "Rain."}', *lines]
    path.write_bytes(("\n".join(written) + "\n" * ends).encode())
    found = rows_of(path, limits)
    assert [row.number for row in found] == [n for n, line in enumerate(written, 1) if line.encode().strip()]
    assert found == rows_of(path, ALL) == rows_backwards(path, limits)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(
        st.one_of(st.dictionaries(st.text(max_size=3), st.integers()), st.integers(), st.text()), max_size=12
    ),
    limits=LIMITS,
    indent=st.sampled_from([None, 2]),
)
def test_ranges_of_json(
    tmp_path_factory: pytest.TempPathFactory, values: list[Any], limits: Limits, indent: int | None
) -> None:
    path = tmp_path_factory.mktemp("json") / "x.json"
    path.write_text(json.dumps(values, indent=indent), encoding="utf-8")
    found = rows_of(path, limits)
    assert [row.number for row in found] == list(range(1, len(values) + 1))
    assert [row.values for row in found if row.values is not None] == [v for v in values if isinstance(v, dict)]
    assert found == rows_of(path, ALL) == rows_backwards(path, limits)


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(st.text(alphabet="ab \u00a0é\r", max_size=6), max_size=20), limits=LIMITS)
def test_ranges_of_lines(tmp_path_factory: pytest.TempPathFactory, lines: list[str], limits: Limits) -> None:
    path = tmp_path_factory.mktemp("text") / "x.txt"
    path.write_bytes(("Rain.\n" + "\n".join(lines)).encode())
    found = rows_of(path, limits, by_line=True)
    # The lines of Python's universal newlines.
    expected = list(enumerate(io.StringIO(path.read_text(encoding="utf-8"), newline=None), start=1))
    assert [(row.number, row.values and row.values["text"]) for row in found] == [
        (number, line.rstrip("\n")) for number, line in expected if line.strip()
    ]
    assert found == rows_of(path, ALL, by_line=True) == rows_backwards(path, limits, by_line=True)


def table(rows: int = 50) -> pyarrow.Table:
    kinds = pyarrow.array(["a", "b"] * (rows // 2)).dictionary_encode()
    texts = [f"Row {number}" for number in range(rows)]
    return pyarrow.table({"text": texts, "kind": kinds, "n": list(range(rows)), "a.b": texts})


@pytest.mark.parametrize("kind", ["parquet", "stream", "file", "stream without dictionaries"])
@pytest.mark.parametrize("limits", [ALL, Limits(7, 1 << 20), Limits(1, 1)])
def test_ranges_of_tables(tmp_path: Path, kind: str, limits: Limits) -> None:
    path = tmp_path / ("x.parquet" if kind == "parquet" else "x.arrow")
    written = table().drop_columns(["kind"]) if kind.endswith("dictionaries") else table()
    if kind == "parquet":
        pyarrow.parquet.write_table(written, path, row_group_size=12)
    else:
        new = pyarrow.ipc.new_file if kind == "file" else pyarrow.ipc.new_stream
        with new(path, written.schema) as writer:
            writer.write_table(written, max_chunksize=12)
    found = rows_of(path, limits)
    assert [row.values for row in found] == written.to_pylist()
    assert found == rows_backwards(path, limits)
    with open_format(str(path), path.name) as opened:
        assert opened.name == FORMATS[path.suffix]
        (one,) = opened.ranges(ALL)
        assert [row.values for row in opened.rows(one, ["text", "n"])] == written.select(["text", "n"]).to_pylist()


def test_an_arrow_file_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "x.arrow"
    with pyarrow.ipc.new_stream(path, table().select(["text"]).schema) as writer:
        writer.write_table(table().select(["text"]), max_chunksize=10)
    path.write_bytes(path.read_bytes()[:-100])
    with open_format(str(path), "x.arrow") as opened:
        ranges = opened.ranges(ALL)
        assert [row.number for row in opened.rows(next(ranges))] == list(range(1, 41))
        with pytest.raises(UnreadableFileError, match=r"x\.arrow is not a whole Arrow file"):
            next(ranges)


def test_an_error_over_one_segment_does_not_stay(tmp_path: Path) -> None:
    """A reader that was told of a change goes on with the next range as if nothing had been."""
    path = tmp_path / "x.parquet"
    texts = [f"A text with the number {number}" for number in range(20)]
    written = pyarrow.table({"text": texts})
    pyarrow.parquet.write_table(written, path, row_group_size=5, compression="none", use_dictionary=False)
    with open_format(str(path), "x", hashing=True) as opened:
        ranges = list(opened.ranges(Limits(5, 1 << 20)))
        layout = opened.layout
    path.write_bytes(path.read_bytes().replace(b"number 7", b"number 8"))
    with open_format(str(path), "x", layout=layout) as opened:
        assert len(list(opened.rows(ranges[0]))) == 5
        with pytest.raises(InputError, match="has changed since the job was planned: bytes"):
            list(opened.rows(ranges[1]))
        assert [row.values for row in opened.rows(ranges[2])] == written.slice(10, 5).to_pylist()


# --- forms of JSON ----------------------------------------------------------------------------------------------------

ROWS = [{"id": "a", "text": "It rained."}, {"id": "b", "text": "It snowed “hard” \ud83d."}]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        "\ufeff" + json.dumps(ROWS),
        json.dumps({"id": ["a", "b"], "text": [row["text"] for row in ROWS]}),
        json.dumps({"id": {"0": "a", "1": "b"}, "text": {"0": ROWS[0]["text"], "1": ROWS[1]["text"]}}),
        "\n".join(json.dumps(row) for row in ROWS),
    ],
)
def test_forms_of_json(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")
    assert [row.values for row in rows_of(path, ALL)] == ROWS


def test_one_object_is_one_row(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for content in ({"text": "It rained.", "tags": ["a", "b"]}, {"text": "It rained.", "more": {"a": 1}}):
        path.write_text(json.dumps(content, indent=1), encoding="utf-8")
        assert [row.values for row in rows_of(path, ALL)] == [content]


def test_lines_of_json_under_the_name_of_json_may_be_broken(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"text": "It rained."}\n\n{broken\n{"text": "It snowed."}\n', encoding="utf-8")
    assert [(row.number, bool(row.values)) for row in rows_of(path, ALL)] == [(1, True), (3, False), (4, True)]


@pytest.mark.parametrize("content", ["7", '"text"', "null", '{"a": 1} {"b": 2', "[1, 2"])
def test_what_is_no_json(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")
    opening = open_format(str(path), "x.json", "json")
    with opening as opened, pytest.raises(UnreadableFileError, match=r"x\.json is not JSON"):
        list(opened.ranges(ALL))


# --- recognised -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("beginning", "name"),
    [
        (b"It rained.", "text"),
        (b"", "text"),
        (b'\xef\xbb\xbf {"text": "It rained."}\n{"te', "jsonl"),
        (b'{"text": "It', "jsonl"),
        (b'{\n  "text": "It rained."\n}', "json"),
        (b'[\n {"text": "It rained."}]', "json"),
        (b"[1] It rained.", "text"),
        (b"{It rained}\nand snowed", "json"),
        (b"<!-- x -->\n<!DOCTYPE html><p>", "html"),
        (b"It was < 5 degrees", "text"),
        (b"PAR1\x15", "parquet"),
        (b"ARROW1\x00\x00\xff\xff\xff\xff", "arrow"),
    ],
)
def test_recognised_by_the_first_bytes(beginning: bytes, name: str) -> None:
    assert next(one.name for one in CLASSES if one.recognises(beginning)) == name


def test_every_format_has_its_endings() -> None:
    assert set(FORMATS.values()) == {one.name for one in CLASSES if one.endings}
    assert len(FORMATS) == sum(len(one.endings) for one in CLASSES)
