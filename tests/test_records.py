"""Records on disk: what is read back is what was labelled, and a name never stands for half a file."""

from __future__ import annotations

import csv
import errno
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

import framing.records
from framing.errors import OutputError, SettingError
from framing.records import COLUMNS, RejectedWriter, format_of, open_writer, schema
from framing.types import Hedge, HedgeKind, Kind, Mention, Rejected, SentenceLabels, Source, Voice


def sentence(index: int = 0, text: str = 'The "heroes" fled, – so to say – the aide said.') -> SentenceLabels:
    return SentenceLabels(
        document_id="a,1",
        outlet=None if index % 2 else "The Daily",
        published="2016-12-15",
        index=index,
        kind=Kind.BODY,
        start=7,
        end=7 + len(text),
        text=text,
        frames={"heroes": 0.912345, "displacement": 0.7},
        mentions=(
            Mention("heroes", 5, 11, "heroes", Voice.QUOTED, 0.8, 0.912345, source="the aide"),
            Mention("displacement", 13, 17, "fled", Voice.AUTHOR, 0.333333, 0.7),
        ),
        hedges=(Hedge(HedgeKind.DISTANCING, 21, 30, "so to say", 0.1),),
        sources=(Source(33, 41, "the aide", 0.999999),),
        probabilities={"heroes": 0.912345, "displacement": 0.7, "terrorists": 0.000001},
    )


def bare() -> SentenceLabels:
    return SentenceLabels("b", None, None, 0, Kind.BOILERPLATE, 0, 5, "Share", {}, (), (), (), {"heroes": 0.0})


SENTENCES = [sentence(0), sentence(1), bare(), sentence(3, 'Две строки\r\nand שלום 🙂, "x"')]
RECORDS = [labels.to_dict() for labels in SENTENCES]


def write(path: Path, sentences: list[SentenceLabels] = SENTENCES) -> Path:
    with open_writer(path) as writer:
        writer.write(sentences[:1])
        writer.write(sentences[1:])
    assert writer.count == len(sentences)
    return path


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_columns_are_the_keys_of_a_record() -> None:
    assert list(RECORDS[0]) == list(COLUMNS) == schema().names


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "X.NDJSON"])
def test_jsonl(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    data = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    assert [json.loads(line) for line in data.decode("utf-8").removesuffix("\n").split("\n")] == RECORDS
    assert files(tmp_path) == [name]


def from_csv(row: dict[str, str]) -> dict[str, Any]:
    record: dict[str, Any] = dict(row)
    for name in ("frames", "mentions", "hedges", "sources", "probabilities"):
        record[name] = json.loads(row[name])
    for name in ("index", "start", "end"):
        record[name] = int(row[name])
    for name in ("hedged", "truncated"):
        record[name] = {"True": True, "False": False}[row[name]]
    for name in ("outlet", "published"):
        record[name] = row[name] or None
    return record


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_csv(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    data = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    rows = csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""))
    assert [from_csv(row) for row in rows] == RECORDS


def test_parquet_read_by_pyarrow(tmp_path: Path) -> None:
    table = pyarrow.parquet.read_table(write(tmp_path / "x.parquet"))
    assert table.schema.equals(schema())
    assert table.to_pylist(maps_as_pydicts="strict") == RECORDS


def test_parquet_read_by_pandas(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(write(tmp_path / "x.parquet"))
    for row, record in zip(frame.to_dict("records"), RECORDS, strict=True):
        for name in ("frames", "probabilities"):
            row[name] = dict(row[name])
        for name in ("mentions", "hedges", "sources"):
            row[name] = list(row[name])
        for name in ("outlet", "published"):
            row[name] = None if pandas.isna(row[name]) else row[name]
        assert row == record


def test_parquet_over_several_batches_and_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing.records, "_BATCH", 3)
    monkeypatch.setattr(framing.records, "_ROW_GROUP_BATCHES", 2)
    sentences = [sentence(index) for index in range(20)]
    file = pyarrow.parquet.ParquetFile(write(tmp_path / "x.parquet", sentences))
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [6, 6, 6, 2]
    assert file.read().to_pylist(maps_as_pydicts="strict") == [labels.to_dict() for labels in sentences]


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.parquet"])
def test_no_records_make_a_valid_file(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, [])
    if name == "x.parquet":
        assert pyarrow.parquet.read_table(path).num_rows == 0
    else:
        assert path.read_text(encoding="utf-8").strip() == ("" if name == "x.jsonl" else ",".join(COLUMNS))


def test_lone_surrogates(tmp_path: Path) -> None:
    broken = [sentence(text="half \ud83d a smile")]
    assert json.loads(write(tmp_path / "x.jsonl", broken).read_text(encoding="utf-8"))["text"] == "half \ud83d a smile"
    assert "half ? a smile" in write(tmp_path / "x.csv", broken).read_text(encoding="utf-8")
    table = pyarrow.parquet.read_table(write(tmp_path / "x.parquet", broken))
    assert table.column("text").to_pylist() == ["half \ufffd a smile"]


@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.csv.gz"])
def test_equal_records_make_equal_files(tmp_path: Path, name: str) -> None:
    (tmp_path / "other").mkdir()
    assert write(tmp_path / name).read_bytes() == write(tmp_path / "other" / f"y{name}").read_bytes()


@pytest.mark.parametrize("name", ["x", "x.txt", "x.gz", "x.parquet.gz", "x.jsonl.zip", ".hidden"])
def test_unknown_endings(name: str) -> None:
    with pytest.raises(SettingError, match="has no known ending"):
        format_of(name)


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.csv", "x.csv.gz", "x.parquet"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_breaking_off_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, name: str, error: type[BaseException]
) -> None:
    (tmp_path / name).write_text("old", encoding="utf-8")
    with pytest.raises(error), open_writer(tmp_path / name) as writer:
        writer.write(SENTENCES)
        raise error
    assert (tmp_path / name).read_text(encoding="utf-8") == "old"
    assert files(tmp_path) == [name]


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("framing.files.os.fsync", full)


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.csv", "x.csv.gz", "x.parquet"])
def test_a_full_disk(tmp_path: Path, name: str, full_disk: None) -> None:
    with pytest.raises(OutputError, match="cannot be written: No space left on device"):
        write(tmp_path / name)
    assert files(tmp_path) == []


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "x.jsonl").symlink_to(tmp_path / "real" / "y.jsonl")
    write(tmp_path / "x.jsonl")
    assert (tmp_path / "x.jsonl").is_symlink()
    assert files(tmp_path / "real") == ["y.jsonl"]


def test_rejections_are_written_beside_the_output(tmp_path: Path) -> None:
    with RejectedWriter(tmp_path / "out.csv.gz") as rejected:
        rejected(Rejected("in.csv:2", "no text", "é\ud800"))
        rejected(Rejected("in.csv:9", "no text either"))
    assert rejected.count == 2
    assert rejected.path == tmp_path / "out.rejected.jsonl"
    lines = rejected.path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"where": "in.csv:2", "reason": "no text", "value": "é\ud800"},
        {"where": "in.csv:9", "reason": "no text either", "value": ""},
    ]


def test_without_rejections_an_older_list_goes(tmp_path: Path) -> None:
    (tmp_path / "out.rejected.jsonl").write_text("{}\n", encoding="utf-8")
    with RejectedWriter(tmp_path / "out.jsonl"):
        pass
    assert files(tmp_path) == []


def test_breaking_off_leaves_an_older_list(tmp_path: Path) -> None:
    (tmp_path / "out.rejected.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), RejectedWriter(tmp_path / "out.jsonl") as rejected:
        rejected(Rejected("in.csv:2", "no text"))
        raise KeyboardInterrupt
    assert (tmp_path / "out.rejected.jsonl").read_text(encoding="utf-8") == "{}\n"
    assert files(tmp_path) == ["out.rejected.jsonl"]
