"""Documents: what is missing is missing, and every offset leads back into the text that the user gave."""

from __future__ import annotations

import datetime
import decimal
import json
from pathlib import Path
from typing import Any

import numpy
import pandas
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.errors import ColumnError, InputError
from framing.reading import Columns, read, read_rows
from framing.reading.documents import document_of, is_missing
from framing.types import Document

MISSING: list[Any] = [
    None,
    float("nan"),
    numpy.nan,
    numpy.float32("nan"),
    pandas.NaT,
    pandas.NA,
    decimal.Decimal("NaN"),
]
MISSING += [numpy.datetime64("NaT")]


def write_jsonl(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


# --- what is missing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", MISSING, ids=repr)
def test_what_is_missing(value: Any) -> None:
    assert is_missing(value)
    item = {"text": "It rained.", "id": value, "outlet": value, "published": value, "title": value}
    document = document_of(item, 7)
    assert (document.id, document.outlet, document.published, document.title) == ("7", None, None, None)
    with pytest.raises(InputError, match="the text of document 0 is a") as caught:
        document_of({"text": value}, 0)
    if value is not None:
        assert "a missing value of pandas" in (caught.value.hint or "")


@pytest.mark.parametrize("value", ["", "nan", 0, 0.0, False, [], numpy.array([1, 2]), datetime.date(2019, 3, 14)])
def test_what_is_not_missing(value: Any) -> None:
    assert not is_missing(value)


def test_cells_of_tables_that_are_missing(tmp_path: Path) -> None:
    row = {"text": "It rained.", "id": float("nan"), "outlet": None, "date": float("nan"), "title": float("nan")}
    documents = list(read(write_jsonl(tmp_path / "x.jsonl", row)))
    pandas.DataFrame({**row, "date": pandas.NaT, "text": "It snowed."}, index=[0]).to_parquet(tmp_path / "x.parquet")
    documents += read(tmp_path / "x.parquet")
    for document, name in zip(documents, ("x.jsonl", "x.parquet"), strict=True):
        assert (document.id, document.outlet, document.published, document.title) == (f"{name}:1", None, None, None)
    (tmp_path / "y.jsonl").write_text('{"text": "It rained."}\n{"text": NaN}\n', encoding="utf-8")
    rejected: list[Any] = []
    assert len(list(read(tmp_path / "y.jsonl", on_reject=rejected.append))) == 1
    assert "holds float nan; expected a text" in rejected[0].reason


def test_dates_and_numbers_in_cells(tmp_path: Path) -> None:
    dates = [datetime.datetime(2019, 3, 14, 10, 30), None]
    table = pyarrow.table(
        {
            "text": ["It rained.", "It snowed."],
            "id": pyarrow.array([decimal.Decimal("7.50"), decimal.Decimal("8")]),
            "published": pyarrow.array(dates, pyarrow.timestamp("us")),
            "outlet": pyarrow.array([datetime.date(2019, 3, 14), None], pyarrow.date32()),
            "title": [1.5, None],
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    first, second = read(tmp_path / "x.parquet")
    assert (first.id, first.published, first.outlet, first.title) == (
        "7.50",
        "2019-03-14T10:30:00",
        "2019-03-14",
        "1.5",
    )
    assert (second.id, second.published, second.outlet, second.title) == ("8.00", None, None, None)
    stamp = pandas.Timestamp("2019-03-14 10:30")
    assert document_of({"text": "It rained.", "published": stamp}, 0).published == "2019-03-14T10:30:00"


# --- offsets lead back ------------------------------------------------------------------------------------------------

WORDS = st.text(alphabet="ab \n\t\x00é", max_size=12).filter(lambda text: any(c.isalpha() for c in text))


@settings(max_examples=100, deadline=None)
@given(text=WORDS, title=st.one_of(st.none(), WORDS), sentences=st.booleans())
def test_an_offset_less_text_offset_counts_in_the_column(
    tmp_path_factory: pytest.TempPathFactory, text: str, title: str | None, sentences: bool
) -> None:
    path = write_jsonl(tmp_path_factory.mktemp("rows") / "x.jsonl", {"text": text, "title": title})
    (document,) = read(path, sentences=sentences)
    assert document.text_offset is not None
    begin = max(0, document.text_offset)
    for start in range(begin, len(document.text)):
        # Of a control character stands a blank in the document.
        there = text[start - document.text_offset]
        assert document.text[start] == there or there == "\x00"
    assert document.text[begin:].strip() == text.replace("\x00", " ").strip()
    assert (document.input, document.row) == ("x.jsonl", 1)


def test_text_offsets(tmp_path: Path) -> None:
    path = write_jsonl(
        tmp_path / "x.jsonl",
        {"text": "It rained."},
        {"text": "It rained.", "title": "Rain"},
        {"text": "Rain\nIt rained.", "title": "Rain"},
        {"text": "  It rained. "},
        {"text": "<html><body><p>It rained all day in the bay of Merrow.</p></body></html>", "title": "Rain"},
    )
    assert [d.text_offset for d in read(path)] == [0, 6, 0, 0, None]
    assert [d.text_offset for d in read(path, sentences=True)] == [0, 0, 0, -2, 0]
    page = list(read(path))[4]
    assert page.text.startswith("Rain\n\nIt rained all day")
    (tmp_path / "a.txt").write_text("It rained.", encoding="utf-8")
    (tmp_path / "index.csv").write_text("file,title\na.txt,Rain\n", encoding="utf-8")
    (document,) = read(tmp_path / "a.txt", index=tmp_path / "index.csv")
    assert (document.text, document.text_offset) == ("Rain\n\nIt rained.", 6)


def test_documents_of_strings_and_mappings() -> None:
    given = Document("  as it is  ", title="T")
    assert document_of(given, 3) is given
    assert document_of(" It rained.\x00", 3) == Document(" It rained.\x00", id="3")
    made = document_of({"text": "It rained.", "title": "Rain", "published": datetime.date(2019, 3, 14), "n": 1}, 3)
    assert made == Document(
        "Rain\n\nIt rained.", id="3", published="2019-03-14", title="Rain", metadata={"n": 1}, text_offset=6
    )
    page = document_of("<html><body><p>It rained all day in the bay of Merrow.</p></body></html>", 0)
    assert (page.text, page.text_offset) == ("It rained all day in the bay of Merrow.", None)
    with pytest.raises(InputError, match="document 2 is a int: 7"):
        document_of(7, 2)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the text of document 2 is missing") as caught:
        document_of({"body": "It rained."}, 2)
    assert caught.value.hint == "its keys are 'body'"


# --- metadata ---------------------------------------------------------------------------------------------------------


def test_further_columns_are_metadata_or_those_that_are_carried(tmp_path: Path) -> None:
    row = {"text": "It rained.", "id": "a", "outlet": "X", "n": 0, "tags": ["b"], "empty": None}
    path = write_jsonl(tmp_path / "x.jsonl", row)
    (document,) = read(path)
    assert document.metadata == {"n": 0, "tags": ["b"], "empty": None}
    (document,) = read(path, carry=["tags", "outlet", "n", "gone"])
    assert document.metadata == {"tags": ["b"], "outlet": "X", "n": 0}
    (document,) = read(path, carry=[])
    assert document.metadata == {}


def test_what_an_index_says_of_a_file_of_rows(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "x.jsonl", {"text": "It rained.", "outlet": "Own"}, {"text": "It snowed."})
    index = tmp_path / "index.csv"
    index.write_text("file,id,outlet,published,desk\nx.jsonl,x,Named,2019,home\n", encoding="utf-8")
    found = list(read(path, index=index, outlet="Default"))
    assert [(d.id, d.outlet, d.published, d.metadata) for d in found] == [
        ("x.jsonl:1", "Own", "2019", {"desk": "home"}),
        ("x.jsonl:2", "Named", "2019", {"desk": "home"}),
    ]
    assert [d.metadata for d in read(path, index=index, carry=["desk"])] == [{"desk": "home"}] * 2


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_a_column_to_carry_that_the_only_table_lacks(tmp_path: Path, name: str) -> None:
    frame = pandas.DataFrame({"text": ["It rained."], "link": ["a"]})
    frame.to_csv(tmp_path / name, index=False) if name == "x.csv" else frame.to_parquet(tmp_path / name)
    with pytest.raises(ColumnError, match="no column 'lnk' to carry") as caught:
        list(read(tmp_path / name, carry=["lnk"]))
    assert caught.value.hint == "did you mean 'link'?"
    # Of several files, another may have it.
    write_jsonl(tmp_path / "y.jsonl", {"text": "It snowed.", "lnk": "b"})
    assert [d.metadata for d in read(tmp_path, carry=["lnk"])] == [{}, {"lnk": "b"}]


def test_defaults_are_for_what_names_none_itself(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "x.jsonl", {"text": "It rained.", "outlet": "Own"}, {"text": "It snowed."})
    found = list(read(path, outlet="Default", published="2019"))
    assert [(d.outlet, d.published) for d in found] == [("Own", "2019"), ("Default", "2019")]


def test_names_of_columns_are_those_of_tables(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("It rained.", encoding="utf-8")
    write_jsonl(tmp_path / "x.jsonl", {"body": "It snowed.", "paper": "X", "text": "no"})
    found = list(read(tmp_path, columns=Columns(text="body", outlet="paper")))
    assert [(d.text, d.outlet) for d in found] == [("It rained.", None), ("It snowed.", "X")]


# --- rows -------------------------------------------------------------------------------------------------------------


def test_rows_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "split=train"
    folder.mkdir()
    table = pyarrow.table({"labels": [["a"], []]}).replace_schema_metadata({"who": "me"})
    pyarrow.parquet.write_table(table, folder / "x.parquet")
    rows = list(read_rows(tmp_path))
    assert [(row.input, row.number, row.values) for row in rows] == [
        ("split=train/x.parquet", 1, {"labels": ["a"], "split": "train"}),
        ("split=train/x.parquet", 2, {"labels": [], "split": "train"}),
    ]
    assert rows[0].metadata["who"] == "me"
    (tmp_path / "y.csv").write_text("a,b\n1,2\n3\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"y\.csv:3: the row has 1 cells; expected 2 as in the header"):
        list(read_rows(tmp_path / "y.csv"))
