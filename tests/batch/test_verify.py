"""Reading a job back: everything that can be wrong with it is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from framing.batch.job import Job
from framing.batch.seal import sealed
from framing.batch.verify import verify
from tests.batch.corpora import articles, settings, write_jsonl


@pytest.fixture
def job(run_job: Any, tmp_path: Path) -> Job:
    rows = [*articles(10), {"text": None}]
    found: Job = run_job(write_jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out", settings(rows=4, mentions=True))
    return found


def test_a_whole_job(job: Job) -> None:
    found = verify(job)
    assert (found.problems, found.problem_count, found.notes) == ([], 0, [])
    assert (found.units, found.rows, found.labelled, found.rejected) == (3, 11, 10, 1)


def shard(job: Job, number: int = 1) -> Path:
    return job.path("shards", number)


def rewrite(job: Job, change: Callable[[pyarrow.Table], pyarrow.Table], kind: str = "shards") -> None:
    """Change the table of unit 1 and put its size and hash into the record, as a mistake of ours would."""
    import hashlib

    path = job.path(kind, 1)
    pyarrow.parquet.write_table(change(pyarrow.parquet.read_table(path)), path)
    data = path.read_bytes()

    def described(file: dict[str, Any]) -> dict[str, Any]:
        changed = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        return file | changed if file["name"].startswith(kind) else file

    record_path = job.path("done", 1, "json")
    record = json.loads(record_path.read_text(encoding="utf-8"))
    record["files"] = [described(file) for file in record["files"]]
    write_record(record_path, record)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def edit_record(job: Job, **changed: Any) -> None:
    path = job.path("done", 1, "json")
    write_record(path, json.loads(path.read_text(encoding="utf-8")) | changed)


def write_record(path: Path, record: dict[str, Any]) -> None:
    """A record with the right checksum, as framing itself would write it wrongly."""
    del record["sha256"]
    path.write_text(sealed(json.dumps(record, indent=1)), encoding="utf-8")


def set_column(table: pyarrow.Table, name: str, values: list[Any]) -> pyarrow.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(name), pyarrow.array(values, table.schema.field(name).type))


DAMAGE: dict[str, tuple[Callable[[Job], object], str]] = {
    "unit_not_done": (lambda job: job.path("done", 1, "json").unlink(), "unit 1 is not done"),
    "record_broken": (lambda job: job.path("done", 1, "json").write_text("{}"), "record of unit 1 cannot be read"),
    "shard_gone": (lambda job: shard(job).unlink(), "cannot be read"),
    "bit_flipped": (lambda job: flip(shard(job)), "is not what was written"),
    "rejected_flipped": (lambda job: flip(job.path("rejected", 2)), "is not what was written"),
    "record_of_another_plan": (lambda job: edit_record(job, plan="x"), "belongs to another plan"),
    "count_wrong": (lambda job: edit_record(job, labelled=3), "were recorded as"),
    "mentions_missing": (lambda job: rewrite(job, lambda table: table.slice(1), "mentions"), "were recorded"),
    "row_missing": (
        lambda job: rewrite(job, lambda table: table.filter(pyarrow.array([n != 6 for n in table["row"].to_pylist()]))),
        "4 rows went in, and 3 labelled",
    ),
    "sentence_missing": (lambda job: rewrite(job, lambda table: table.slice(1)), "missing, doubled or out of order"),
    "sentence_doubled": (
        lambda job: rewrite(job, lambda table: pyarrow.concat_tables([table.slice(0, 1), table])),
        "missing, doubled or out of order",
    ),
    "rows_of_another_file": (
        lambda job: rewrite(job, lambda table: set_column(table, "input", ["x"] * len(table))),
        "rows of another input: x",
    ),
    "rows_of_another_unit": (
        lambda job: rewrite(job, lambda table: set_column(table, "row", [n - 4 for n in table["row"].to_pylist()])),
        "before its first",
    ),
    "schema_of_another_version": (
        lambda job: rewrite(job, lambda table: table.drop_columns(["hedged"])),
        "another schema",
    ),
    "file_too_many": (lambda job: shard(job, 77).write_bytes(b""), "belongs to no unit"),
    "rejected_too_many": (lambda job: job.path("rejected", 0).write_bytes(b""), "is in no record"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(job: Job, damage: str) -> None:
    inflict, words = DAMAGE[damage]
    inflict(job)
    found = verify(job)
    assert found.problem_count >= 1
    assert any(words in problem for problem in found.problems), found.problems


def test_ids_that_the_input_repeats(run_job: Any, tmp_path: Path) -> None:
    rows = [row | {"id": "same"} if number in (2, 7) else row for number, row in enumerate(articles(10))]
    found = verify(run_job(write_jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out"))
    (note,) = found.notes
    assert note.startswith(
        "1 document ids stand for more than one row, because the input repeats them: 'same' (2 rows)"
    )
    assert found.problems == []
