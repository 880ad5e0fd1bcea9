"""Shards: the schema is pinned, and every reader gets what the labeler said."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from framing.batch import shards
from framing.batch.plan import Settings
from framing.batch.shards import rejected_table
from framing.codebook import Codebook
from framing.labeler import Labeler
from framing.records import SCHEMA_VERSION, mention_schema, open_writer, read_labels, schema, table
from tests.batch.corpora import articles, records, settings, texts, write_jsonl

SPAN = "start: int32, end: int32, text: string"
#: Version 2. Another name or type is another version: raise SCHEMA_VERSION, and say in the changelog what changed.
PINNED = f"""
input: string
row: int64
document_id: string
outlet: string
published: string
index: int32
kind: string
start: int32
end: int32
text: string
text_offset: int32
frames: list<element: struct<label: string, probability: float>>
mentions: list<element: struct<label: string, {SPAN}, voice: string, voice_probability: float, probability: float, source: struct<{SPAN}, probability: float>>>
hedges: list<element: struct<kind: string, {SPAN}, probability: float>>
sources: list<element: struct<{SPAN}, probability: float>>
hedged: bool
probabilities: struct<heroes: float, stance.for: float, stance.against: float>
stance: string
n: int64
"""  # noqa: E501 - one column a line
PINNED_MENTIONS = f"""
input: string
row: int64
document_id: string
outlet: string
published: string
index: int32
kind: string
label: string
start: int32
end: int32
text: string
voice: string
voice_probability: float
probability: float
source: struct<{SPAN}, probability: float>
"""
MINE = Codebook.from_dict(
    {"labels": ["heroes"], "tasks": {"stance": ["for", "against"]}, "hedges": "none", "source": "none", "kinds": "none"}
)


def shown(schema: pyarrow.Schema) -> str:
    return "\n" + "".join(
        f"{entry.name}: {str(entry.type).replace('list<item:', 'list<element:')}\n" for entry in schema
    )


def test_the_schema_is_pinned() -> None:
    assert SCHEMA_VERSION == 2
    assert shown(schema(MINE, {"n": "int64"})) == PINNED
    assert shown(mention_schema(MINE)) == PINNED_MENTIONS


def as_record(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a shard in the form of `to_dict()`: probabilities with its six decimals, frames as a dictionary."""

    def rounded(value: Any) -> Any:
        if isinstance(value, float):
            return round(value, 6)
        if isinstance(value, dict):
            return {key: rounded(item) for key, item in value.items()}
        return [rounded(item) for item in value] if isinstance(value, list) else value

    record: dict[str, Any] = rounded({name: value for name, value in row.items() if name not in ("input", "row")})
    record |= {"input": None, "row": None}
    record["frames"] = {frame["label"]: frame["probability"] for frame in record["frames"]}
    return record


@pytest.fixture
def labelled(run_job: Any, tmp_path: Path) -> Path:
    write_jsonl(tmp_path / "in.jsonl", articles(10))
    run_job(tmp_path / "in.jsonl", tmp_path / "out", settings(rows=4, mentions=True))
    return tmp_path / "out"


@pytest.fixture
def expected(tiny_labeler: Labeler) -> list[dict[str, Any]]:
    found = [tiny_labeler.document(row["text"], id=row["id"], outlet=row["outlet"]).to_dict() for row in articles(10)]
    return [record for document in found for record in document]


def test_read_by_pyarrow(labelled: Path, expected: list[dict[str, Any]]) -> None:
    assert [as_record(row) for row in records(labelled)] == expected
    table = pyarrow.parquet.read_table(labelled / "shards")
    assert {(row["input"], row["row"]) for row in table.to_pylist()} == {("in.jsonl", n) for n in range(1, 11)}
    assert table.schema.metadata[b"framing.schema_version"] == b"2"
    column = pyarrow.parquet.ParquetFile(labelled / "shards" / "000000.parquet").metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"


def test_one_probability_is_read_without_the_others(labelled: Path, expected: list[dict[str, Any]]) -> None:
    table = pyarrow.parquet.read_table(labelled / "shards", columns=["probabilities.heroes"])
    assert table.num_columns == 1
    found = [round(probability, 6) for probability in table.column(0).to_pylist()]
    assert found == [record["probabilities"]["heroes"] for record in expected]


def test_read_by_pandas(labelled: Path, expected: list[dict[str, Any]]) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(labelled / "shards")
    assert frame["text"].tolist() == [record["text"] for record in expected]
    assert [len(mentions) for mentions in frame["mentions"]] == [len(record["mentions"]) for record in expected]


def test_read_by_datasets(labelled: Path, expected: list[dict[str, Any]], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    files = str(labelled / "shards" / "*.parquet")
    dataset = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert [as_record(row) for row in dataset] == expected


def test_read_by_polars(labelled: Path, expected: list[dict[str, Any]]) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.read_parquet(labelled / "shards" / "*.parquet")
    assert [as_record(row) for row in frame.to_dicts()] == expected


def test_read_by_duckdb(labelled: Path, expected: list[dict[str, Any]]) -> None:
    duckdb = pytest.importorskip("duckdb")
    question = f"""
        select document_id, index, len(mentions), probabilities.heroes, frames[1].label
        from read_parquet('{labelled / "shards" / "*.parquet"}') order by row, index
    """
    found = [(*row[:3], round(row[3], 6), row[4]) for row in duckdb.sql(question).fetchall()]
    assert found == [
        (
            record["document_id"],
            record["index"],
            len(record["mentions"]),
            record["probabilities"]["heroes"],
            next(iter(record["frames"]), None),
        )
        for record in expected
    ]
    ((mentions,),) = duckdb.sql(f"select count(*) from '{labelled / 'mentions' / '*.parquet'}'").fetchall()
    assert mentions == sum(len(record["mentions"]) for record in expected)


def test_mentions_as_a_flat_table(labelled: Path, expected: list[dict[str, Any]]) -> None:
    table = pyarrow.parquet.read_table(labelled / "mentions")
    found = [(row["document_id"], row["index"], row["label"], row["start"], row["text"]) for row in table.to_pylist()]
    assert found == [
        (record["document_id"], record["index"], mention["label"], mention["start"], mention["text"])
        for record in expected
        for mention in record["mentions"]
    ]


def test_carried_columns_keep_plain_types(run_job: Any, tmp_path: Path) -> None:
    day = datetime.date(2016, 12, 15)
    rows = [{"text": text, "n": number, "day": day, "tags": ["a"], "index": 7} for number, text in enumerate(texts(3))]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "in.parquet")
    run_job(tmp_path / "in.parquet", tmp_path / "out", settings(carry=("n", "day", "tags", "index")))
    for row in records(tmp_path / "out"):
        assert (row["n"], row["day"], row["tags"], row["input_index"]) == (row["row"] - 1, day, '["a"]', 7)


def test_carried_columns_of_json_are_strings(run_job: Any, tmp_path: Path) -> None:
    rows = [{"text": "Rain.", "n": 1}, {"text": "Rain."}, {"text": "Rain.", "n": {"é": "\ud800"}}]
    run_job(write_jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out", settings(carry=("n",)))
    assert [row["n"] for row in records(tmp_path / "out")] == ["1", None, '{"é": "\\ud800"}']


def test_row_groups_of_a_bounded_size(
    tiny_labeler: Labeler, run_job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "ROW_GROUP_ROWS", 10)
    rows = [{"text": text} for text in texts(35)]
    run_job(write_jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out", settings(rows=100, sentences=True))
    file = pyarrow.parquet.ParquetFile(tmp_path / "out" / "shards" / "000000.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [10, 10, 10, 5]
    assert [row["text"] for row in records(tmp_path / "out")] == texts(35)


def test_label_and_batch_write_the_same_records(labelled: Path, tiny_labeler: Labeler, tmp_path: Path) -> None:
    from framing.reading import read

    with open_writer(tmp_path / "labels.parquet", codebook=tiny_labeler.codebook) as writer:
        for labels in tiny_labeler.documents(read([tmp_path / "in.jsonl"])):
            writer.write(labels)
    alone = pyarrow.parquet.read_table(tmp_path / "labels.parquet")
    batch = pyarrow.parquet.read_table(labelled / "shards")
    both = pyarrow.concat_tables([alone, batch.select(alone.schema.names)])
    assert both.num_rows == 2 * alone.num_rows
    assert alone.schema.equals(batch.schema)
    assert both.slice(alone.num_rows).to_pylist() == alone.to_pylist()
    datasets = pytest.importorskip("datasets")
    files = [str(tmp_path / "labels.parquet"), *map(str, sorted((labelled / "shards").glob("*.parquet")))]
    dataset = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert dataset["text"] == both.column("text").to_pylist()


def test_records_of_a_job_are_read_back(labelled: Path, expected: list[dict[str, Any]]) -> None:
    found = [record for labels in read_labels(labelled / "shards") for record in labels.to_dict()]
    assert [record["text"] for record in found] == [record["text"] for record in expected]
    assert [record["mentions"] for record in found] == [record["mentions"] for record in expected]
    assert {(record["input"], record["row"]) for record in found} == {("in.jsonl", n) for n in range(1, 11)}


def test_no_rows_make_a_table() -> None:
    assert table([], schema(MINE)).schema == schema(MINE)
    assert rejected_table([]).num_rows == 0


def test_defaults_are_those_of_the_command() -> None:
    assert (Settings().limits.rows, Settings().limits.size, Settings().dedup) == (50_000, 8 << 20, "none")
