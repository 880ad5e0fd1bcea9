"""`framing.read` and a batch job read the same rows of the same files, whatever their format and packing."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from framing.batch.plan import Plan, Settings, make_plan
from framing.batch.reader import UnitReader, UnitRows
from framing.batch.units import Limits
from framing.codebook import Codebook
from framing.errors import SettingError
from framing.reading import read
from framing.reading.columns import Columns
from framing.types import Document
from tests.reading.packings import PACK

MODEL: Any = SimpleNamespace(words=Codebook.default())
ROWS = [
    {
        "id": f"r{number}",
        "body": f"{'  ' * (number % 3)}It rained “{number}” days, said the minister of the bay.\nIt stopped.",
        "paper": f"Post {number % 3}" if number % 4 else None,
        "date": "2019-03-14",
        "headline": "Rain" if number % 2 else None,
        "n": number,
    }
    for number in range(40)
]
PAGE = "<html><body><p>It rained all day in the bay of Merrow, and nobody saw it.</p></body></html>"


def csv_of(separator: str) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(ROWS[0]), delimiter=separator)
    writer.writeheader()
    writer.writerows(ROWS)
    return stream.getvalue().encode() + b"broken\n"


def table_of(kind: str) -> bytes:
    sink = pyarrow.BufferOutputStream()
    table = pyarrow.Table.from_pylist(ROWS)
    if kind == "parquet":
        pyarrow.parquet.write_table(table, sink, row_group_size=11)
    else:
        new = pyarrow.ipc.new_file if kind == "file" else pyarrow.ipc.new_stream
        with new(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=9)
    data: bytes = sink.getvalue().to_pybytes()
    return data


LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS) + '{"body": 7}\n{broken\n'
CONTENT = {
    "x.txt": "It rained.\n\n  It “snowed”.\n".encode(),
    "x.md": b"# Rain\n\nIt rained.",
    "x.html": PAGE.encode(),
    "x.jsonl": LINES.encode(),
    "wide.jsonl": LINES.encode("utf-16"),
    "western.jsonl": LINES.encode("cp1252"),
    "x.json": json.dumps(ROWS).encode(),
    "x.csv": csv_of(","),
    "semicolon.csv": csv_of(";"),
    "wide.csv": csv_of(",").decode().encode("utf-16"),
    "x.tsv": csv_of("\t"),
    "x.parquet": table_of("parquet"),
    "x.arrow": table_of("stream"),
    "file.arrow": table_of("file"),
}


def settings_of(name: str, rows: int, **changed: Any) -> Settings:
    columns = Columns() if name.endswith((".txt", ".md", ".html")) else Columns("body", outlet="paper")
    carry = ("n",) if columns.text else ()
    return Settings(columns=columns, carry=carry, limits=Limits(rows, 1 << 20), outlet="Default", **changed)


def planned(path: Path, settings: Settings, **options: Any) -> list[UnitRows]:
    """The units of a plan that was written down and read back."""
    made = make_plan([str(path)], settings, MODEL, **options)
    with closing(UnitReader(made)) as reader:
        return [reader.read(unit) for unit in made.units]


def documents_of(units: list[UnitRows]) -> list[Document]:
    return [document for unit in units for document in unit.documents]


@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize("sentences", [False, True])
def test_the_same_rows(tmp_path: Path, name: str, ending: str, sentences: bool) -> None:
    if sentences and name == "x.html":
        pytest.skip("a page is no list of sentences")
    path = tmp_path / f"{name}{ending}"
    path.write_bytes(PACK[ending](CONTENT[name]))
    settings = settings_of(name, rows=7, sentences=sentences)
    rejected: list[Any] = []
    expected = list(
        read(
            path,
            columns=settings.columns,
            on_reject=rejected.append,
            sentences=sentences,
            outlet="Default",
            carry=settings.carry,
        )
    )
    assert expected
    units = planned(path, settings)
    assert documents_of(units) == expected
    lost = [row for unit in units for row in unit.rejected]
    assert [(row.row, row.reason, row.value) for row in lost] == [(row.row, row.reason, row.value) for row in rejected]
    assert {document.input for document in expected} == {path.name}


@pytest.mark.slow
@pytest.mark.parametrize("ending", [ending for ending in PACK if ending])
@pytest.mark.parametrize("name", ["x.jsonl", "wide.csv", "x.parquet"])
def test_the_same_rows_of_a_file_that_was_cut_off(tmp_path: Path, name: str, ending: str) -> None:
    packed = PACK[ending](CONTENT[name] * (1 if name == "x.parquet" else 300))
    (tmp_path / f"{name}{ending}").write_bytes(packed[: 2 * len(packed) // 3])
    (tmp_path / "good.jsonl").write_bytes(CONTENT["x.jsonl"])
    settings = settings_of(name, rows=100)
    rejected: list[Any] = []
    reading: Any = {"columns": settings.columns, "outlet": "Default", "carry": ("n",), "unique_ids": False}
    expected = list(read(tmp_path, on_reject=rejected.append, **reading))
    units = planned(tmp_path, settings)
    assert documents_of(units) == expected
    lost = [row for unit in units for row in unit.rejected]
    assert [row.reason for row in lost] == [row.reason for row in rejected]
    assert any("is damaged or was cut off here" in row.reason for row in lost)


def test_a_folder_of_everything_in_few_units(tmp_path: Path) -> None:
    """Small files are put together in a unit, those that cannot be read among them."""
    for number in range(30):
        (tmp_path / f"{number:02}.txt").write_text(f"It rained {number} days.", encoding="utf-8")
    for name in ("x.jsonl", "x.parquet", "x.html"):
        (tmp_path / name).write_bytes(CONTENT[name])
    (tmp_path / "photo.png").write_bytes(b"\x89PNG")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "index.csv").write_text("file,outlet\n03.txt,The Daily\ngone.txt,\n", encoding="utf-8")
    settings = settings_of("x.jsonl", rows=50)
    rejected: list[Any] = []
    reading: Any = {"columns": settings.columns, "outlet": "Default", "carry": ("n",), "unique_ids": False}
    expected = list(read(tmp_path, on_reject=rejected.append, **reading))
    units = planned(tmp_path, settings)
    assert documents_of(units) == expected
    assert {d.id: d.outlet for d in expected}["03.txt"] == "The Daily"
    lost = [row for unit in units for row in unit.rejected]
    assert [row.reason for row in lost] == [row.reason for row in rejected]
    assert {row.input for row in lost} == {"photo.png", "empty.txt", "gone.txt", "x.jsonl"}
    assert len(units) <= 4
    assert all(unit.unit.rows <= 50 for unit in units)


def test_a_plan_with_all_of_it_is_read_back(tmp_path: Path, tiny_model: Any) -> None:
    folder = tmp_path / "in" / "outlet=__HIVE_DEFAULT_PARTITION__"
    folder.mkdir(parents=True)
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    (folder / "photo.png").write_bytes(b"\x89PNG")
    (tmp_path / "in" / "index.csv").write_text(
        "file,published\noutlet=__HIVE_DEFAULT_PARTITION__/x.txt,2019\n", encoding="utf-8"
    )
    made = make_plan([str(tmp_path / "in")], settings_of("x.csv", rows=9), tiny_model)
    assert Plan.from_json(made.to_json(), "plan.json") == made
    again = make_plan([str(tmp_path / "in")], made.settings, tiny_model, earlier=made)
    assert (again, again.differences(made)) == (made, [])
    (tmp_path / "in" / "index.csv").write_text(
        "file,published\noutlet=__HIVE_DEFAULT_PARTITION__/x.txt,2020\n", encoding="utf-8"
    )
    changed = make_plan([str(tmp_path / "in")], made.settings, tiny_model, earlier=made)
    (difference,) = made.differences(changed)
    assert difference.endswith("x.txt.published was '2019' and is now '2020'")


def test_streams_are_refused(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe")
    for name in ("-", str(tmp_path / "pipe")):
        with pytest.raises(SettingError, match="is a stream, which can be read only once"):
            make_plan([name], Settings(), MODEL)
