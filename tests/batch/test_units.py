"""Units: whatever is in a file, together they hold every row once, as a reader that is not ours reads it."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import itertools
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from framing.batch.plan import Plan, Settings, make_plan
from framing.batch.reader import UnitReader, UnitRows
from framing.batch.units import Limits, scan
from framing.codebook import Codebook
from framing.errors import InputError
from framing.reading.documents import DocumentSettings
from framing.reading.files import expand
from tests.batch.corpora import articles, texts, write_jsonl

MODEL: Any = SimpleNamespace(words=Codebook.default())


def plan_of(path: Any, rows: int, size: int = 1 << 20, **changed: Any) -> Plan:
    return make_plan([str(path)], Settings(limits=Limits(rows, size), **changed), MODEL)


def read_units(plan: Plan) -> list[UnitRows]:
    with closing(UnitReader(plan)) as reader:
        return [reader.read(unit) for unit in plan.units]


def read_backwards(plan: Plan) -> list[UnitRows]:
    """As tasks on several machines would read them: in any order."""
    with closing(UnitReader(plan)) as reader:
        return [reader.read(unit) for unit in reversed(plan.units)][::-1]


def documents(found: list[UnitRows]) -> list[tuple[int | None, str]]:
    return [(document.row, document.text) for unit in found for document in unit.documents]


def rows_of(unit: UnitRows) -> list[int | None]:
    """Numbers of a unit's rows."""
    return [document.row for document in unit.documents] + [row.row for row in unit.rejected]


# --- arbitrary content ------------------------------------------------------------------------------------------------

CELLS = st.text(alphabet='ab,;"\n\r\t é\x00', max_size=6)


@pytest.mark.slow
@hypothesis_settings(max_examples=150, deadline=None)
@given(
    cells=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12),
    terminator=st.sampled_from(["\n", "\r\n"]),
    rows=st.integers(1, 5),
    size=st.sampled_from([10, 40, 1000]),
)
def test_csv_units_hold_what_the_csv_module_reads(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], terminator: str, rows: int, size: int
) -> None:
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=terminator, quoting=csv.QUOTE_ALL)
    writer.writerows([("id", "text"), *cells])
    # The reading of this module takes a NUL for binary data only if there are many.
    path.write_bytes(text.getvalue().encode("utf-8"))
    expected = list(csv.reader(io.StringIO(text.getvalue(), newline="")))[1:]
    try:
        plan = plan_of(path, rows, size)
    except InputError as error:
        assert "binary data" in str(error)
        return
    found = read_units(plan)
    numbers = [number for unit in found for number in rows_of(unit)]
    assert len(numbers) == len(set(numbers)) == len(expected) == plan.rows
    usable = [cell.replace("\x00", " ") for _, cell in expected if cell.replace("\x00", " ").strip()]
    assert [text for _, text in documents(found)] == usable
    assert all(1 <= unit.rows <= rows for unit in plan.units)
    covered = [(piece.start, piece.stop) for unit in plan.units for piece in unit.pieces]
    assert covered[-1][1] == path.stat().st_size
    assert all(before[1] == after[0] for before, after in itertools.pairwise(covered))


@pytest.mark.slow
@hypothesis_settings(max_examples=150, deadline=None)
@given(data=st.lists(st.sampled_from(list('ab,"\n\r;é')), max_size=60), rows=st.integers(1, 4))
def test_units_of_broken_csv_hold_what_one_pass_reads(
    tmp_path_factory: pytest.TempPathFactory, data: list[str], rows: int
) -> None:
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    path.write_bytes(("text,id\n" + "".join(data)).encode())
    try:
        cut, whole = plan_of(path, rows), plan_of(path, 1000)
    except InputError:
        return
    assert cut.rows == whole.rows
    in_parts, at_once = read_units(cut), read_units(whole)
    assert documents(in_parts) == documents(at_once)
    assert [row for unit in in_parts for row in unit.rejected] == [row for unit in at_once for row in unit.rejected]


LINES = st.one_of(
    st.dictionaries(st.sampled_from(["text", "id"]), st.text(max_size=8), max_size=2).map(json.dumps),
    st.text(alphabet='{}"a\r\x0b\u2028 é', max_size=8),
)


@pytest.mark.slow
@hypothesis_settings(max_examples=150, deadline=None)
@given(lines=st.lists(LINES, max_size=15), rows=st.integers(1, 4), ends=st.booleans())
def test_jsonl_units_hold_every_line_once(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], rows: int, ends: bool
) -> None:
    path = tmp_path_factory.mktemp("jsonl") / "x.jsonl"
    written = ['{"text": "Rain."}', *lines]
    path.write_bytes(("\n".join(written) + "\n" * ends).encode())
    plan = plan_of(path, rows)
    found = read_units(plan)
    seen = [number for unit in found for number in rows_of(unit)]
    # A line of white space, as bytes has it, is none.
    assert sorted(seen) == [number for number, line in enumerate(written, 1) if line.encode().strip()]
    assert documents(read_backwards(plan)) == documents(found)


@pytest.mark.slow
@hypothesis_settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(st.one_of(LINES, st.just('{"text": "Rain."}')), max_size=60),
    limits=st.builds(Limits, rows=st.integers(1, 40), size=st.integers(1, 600)),
    block=st.integers(1, 300),
    ends=st.booleans(),
)
def test_jsonl_units_end_where_lines_taken_one_by_one_say(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], limits: Limits, block: int, ends: bool
) -> None:
    """Whatever is read at a time, a unit ends at the line that fills it, and has the hash of its bytes."""
    path = tmp_path_factory.mktemp("jsonl") / "x.jsonl"
    content = ("\n".join(['{"text": "Sun."}', *lines]) + "\n" * ends).encode()
    path.write_bytes(content)
    expected, start, rows, stop = [], 0, 0, 0
    for line in io.BytesIO(content):
        stop += len(line)
        rows += not line.isspace()
        if rows >= limits.rows or stop - start >= limits.size or stop == len(content):
            if rows:
                expected.append((start, stop, rows, hashlib.sha256(content[start:stop]).hexdigest()))
            start, rows = stop, 0
    (file,) = expand([str(path)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("framing.reading.streams.BLOCK", block)
        found = scan(file, limits, DocumentSettings())
    assert [(piece.start, piece.stop, piece.rows, piece.sha256) for piece in found.pieces] == expected
    assert found.file.sha256 == hashlib.sha256(content).hexdigest()
    firsts = [1 + content[: piece.start].count(b"\n") for piece in found.pieces]
    assert [piece.first for piece in found.pieces] == firsts


@pytest.mark.slow
@hypothesis_settings(max_examples=60, deadline=None)
@given(
    groups=st.lists(st.integers(0, 7), min_size=1, max_size=6).filter(any),
    rows=st.integers(1, 9),
    kind=st.sampled_from(["parquet", "arrow"]),
)
def test_table_units_hold_every_row_once(
    tmp_path_factory: pytest.TempPathFactory, groups: list[int], rows: int, kind: str
) -> None:
    path = tmp_path_factory.mktemp("table") / f"x.{kind}"
    numbers = iter(range(1000))
    tables = [
        pyarrow.table({"text": pyarrow.array([f"Row {next(numbers)}" for _ in range(n)], "string")}) for n in groups
    ]
    if kind == "parquet":
        with pyarrow.parquet.ParquetWriter(path, tables[0].schema) as writer:
            for table in tables:
                writer.write_table(table)
    else:
        with pyarrow.ipc.new_stream(path, tables[0].schema) as writer:
            for table in tables:
                writer.write_table(table)
    plan = plan_of(path, rows)
    expected = [(number + 1, f"Row {number}") for number in range(sum(groups))]
    assert documents(read_units(plan)) == expected
    assert documents(read_backwards(plan)) == expected


# --- packed, partitioned, remote --------------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_packed_text_is_cut_by_its_content(tmp_path: Path, packing: str) -> None:
    plain = write_jsonl(tmp_path / "plain.jsonl", articles(50))
    data = plain.read_bytes()
    half = data.index(b"\n", len(data) // 2) - 5
    pack = gzip.compress if packing == "gzip" else lambda part: pyarrow.compress(part, codec="zstd", asbytes=True)
    path = tmp_path / ("x.jsonl.gz" if packing == "gzip" else "x.jsonl.zst")
    path.write_bytes(pack(data[:half]) + pack(data[half:]))  # two members, as log rotation makes them
    plan, expected = plan_of(path, 7), documents(read_units(plan_of(plain, 7)))
    assert plan.files[0].layout.packing == packing
    assert documents(read_units(plan)) == documents(read_backwards(plan)) == expected


@pytest.mark.slow
@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_packed_file_that_was_cut_off_is_read_to_there(tmp_path: Path, packing: str) -> None:
    data = write_jsonl(tmp_path / "plain.jsonl", articles(8000)).read_bytes()
    packed = gzip.compress(data) if packing == "gzip" else pyarrow.compress(data, codec="zstd", asbytes=True)
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(packed[:-200])
    plan = plan_of(path, 500)
    found = read_units(plan)
    assert 1000 < plan.files[0].rows < 8000
    assert [number for number, _ in documents(found)] == list(range(1, plan.files[0].rows + 1))
    (lost,) = [row for unit in found for row in unit.rejected]
    assert lost.row == plan.files[0].rows + 1
    assert "cut off here" in lost.reason


def test_hive_partitions_are_columns(tmp_path: Path) -> None:
    for outlet in ("The%20Daily", "__HIVE_DEFAULT_PARTITION__"):
        folder = tmp_path / "in" / f"outlet={outlet}" / "year=2016"
        folder.mkdir(parents=True)
        pyarrow.parquet.write_table(pyarrow.table({"text": ["Rain.", "Sun."]}), folder / "part-0.parquet")
        (folder / "_SUCCESS").touch()
    plan = plan_of(tmp_path / "in", 10, carry=("year",))
    found = [document for unit in read_units(plan) for document in unit.documents]
    assert {document.outlet for document in found} == {"The Daily", None}
    assert all(document.metadata == {"year": "2016"} for document in found)
    assert found[0].id == "outlet=The%20Daily/year=2016/part-0.parquet:1"


def test_a_dataset_saved_to_disk(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list(articles(25)).save_to_disk(tmp_path / "saved", num_shards=2)
    plan = plan_of(tmp_path / "saved", 4)
    assert [file.layout.format for file in plan.files] == ["arrow", "arrow"]
    assert [text for _, text in documents(read_units(plan))] == texts(25)


@pytest.mark.parametrize("name", ["x.jsonl", "x.parquet", "x.csv.gz"])
def test_urls(tmp_path: Path, name: str) -> None:
    local = tmp_path / name
    table = pyarrow.Table.from_pylist(articles(9))
    if name == "x.parquet":
        pyarrow.parquet.write_table(table, local, row_group_size=4)
    elif name == "x.jsonl":
        write_jsonl(local, articles(9))
    else:
        local.write_bytes(gzip.compress(table.to_pandas().to_csv(index=False).encode()))
    memory = fsspec.filesystem("memory")
    memory.pipe(f"/corpus/{name}", local.read_bytes())
    try:
        remote = plan_of("memory://corpus", 2)
        assert remote.files[0].input.path == f"memory:///corpus/{name}"
        assert documents(read_units(remote)) == documents(read_units(plan_of(local, 2)))
        assert remote.files[0].sha256 == plan_of(local, 2).files[0].sha256
    finally:
        memory.rm("/corpus", recursive=True)


# --- what cannot be used ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.jsonl", b"", "is empty"),
        ("binary.jsonl", bytes(range(256)) * 8, "binary data"),
        ("cut.parquet", b"PAR1 and no more", "not a whole Parquet file"),
        ("cut.arrow", b"ARROW?", "not a whole Arrow file"),
        ("columns.csv", b"id,words\n1,Rain\n", "no column that looks like the text"),
        ("columns.jsonl", b'{"words": "Rain"}\n', "no column that looks like the text"),
        ("header.csv", b"\n\n", "no header"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_rejected_row(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=reason):
        plan_of(tmp_path / name, 5)
    write_jsonl(tmp_path / "good.jsonl", articles(3))
    plan = plan_of(tmp_path, 5)
    (lost,) = [row for unit in read_units(plan) for row in unit.rejected]
    assert (lost.input, lost.row) == (name, None)
    assert reason in lost.reason
    assert plan.rows == 4


def test_rows_that_cannot_be_used_have_their_place(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b'id,text\n1,Rain\n2\n3,"lost "quote\n4,\n5,"two\nlines"\n6,caf\xe9\n')
    found = read_units(plan_of(path, 2))
    assert documents(found) == [(2, "Rain"), (4, '"lost "quote'), (6, "two\nlines"), (8, "café")]
    lost = [(row.row, row.reason) for unit in found for row in unit.rejected]
    assert [number for number, _ in lost] == [3, 5]
    assert "1 cells; expected 2" in lost[0][1]
    assert "empty text" in lost[1][1]


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path: Path) -> None:
    for name, content in (("x.jsonl", '{"text": "Rain"}\n{"text": "Sun"}'), ("x.csv", "text,id\nRain,1\nSun,2")):
        (tmp_path / name).write_text("\ufeff" + content, encoding="utf-8")
        assert [text for _, text in documents(read_units(plan_of(tmp_path / name, 1)))] == ["Rain", "Sun"]


@pytest.fixture
def kept_field_size_limit() -> Iterator[None]:
    """The reader sets the limit of Python's csv, which is that of the whole process."""
    limit = csv.field_size_limit()
    yield
    csv.field_size_limit(limit)


@pytest.mark.usefixtures("kept_field_size_limit")
def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framing.reading.streams.LONGEST", 100)
    monkeypatch.setattr("framing.reading.streams.BLOCK", 32)
    for name, start in (("x.jsonl", '{"text": "Rain."}\n'), ("x.csv", "text\nRain.\n")):
        (tmp_path / name).write_text(start + "x" * 1000, encoding="utf-8")
        found = read_units(plan_of(tmp_path / name, 5))
        assert [text for _, text in documents(found)] == ["Rain."]
        (lost,) = [row for unit in found for row in unit.rejected]
        assert "has a line of more than" in lost.reason


def test_large_rows_make_small_units(tmp_path: Path) -> None:
    rows = [{"text": "x" * 1000} for _ in range(100)]
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist(rows), tmp_path / "x.parquet", use_dictionary=False, compression="none"
    )
    (file,) = expand([str(tmp_path / "x.parquet")])
    pieces = scan(file, Limits(rows=10_000, size=10_000), DocumentSettings()).pieces
    assert 9 <= len(pieces) <= 13


@pytest.mark.slow
def test_files_that_are_scanned_at_the_same_time_make_the_same_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        write_jsonl(tmp_path / f"{number}.jsonl", articles(5 + number, seed=number))
    (tmp_path / "2.parquet").write_bytes(b"PAR1 and no more")
    in_turn = plan_of(tmp_path, rows=2)
    told: list[int] = []
    monkeypatch.setattr("framing.batch.plan._LARGE", 1)
    together = make_plan([str(tmp_path)], Settings(limits=Limits(2, 1 << 20)), MODEL, on_bytes=told.append)
    assert together == in_turn
    assert sum(told) == sum(path.stat().st_size for path in tmp_path.iterdir())
    again = make_plan([str(tmp_path)], Settings(limits=Limits(2, 1 << 20)), MODEL, earlier=together)
    assert again == together
    # One that was touched is read again, and the others are not.
    write_jsonl(tmp_path / "1.jsonl", articles(9, seed=7))
    changed = make_plan([str(tmp_path)], Settings(limits=Limits(2, 1 << 20)), MODEL, earlier=together)
    assert [file.label for one, file in zip(together.files, changed.files, strict=True) if one != file] == ["1.jsonl"]
    assert changed == plan_of(tmp_path, rows=2)
