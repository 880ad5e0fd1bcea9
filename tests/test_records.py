"""Records on disk: what is read back is what was labelled, and a name never stands for half a file."""

from __future__ import annotations

import csv
import datetime
import errno
import gzip
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import framing.records
from framing.codebook import Codebook
from framing.errors import InputError, OutputError, SettingError, UnreadableFileError
from framing.records import (
    RejectedWriter,
    carried_name,
    format_of,
    mention_schema,
    mention_table,
    open_writer,
    read_labels,
    schema,
    table,
)
from framing.types import (
    COLUMNS,
    Document,
    DocumentLabels,
    Hedge,
    Kind,
    Labels,
    MarkedWords,
    Mention,
    Rejected,
    SentenceLabels,
    Source,
)
from tests.own_codebook import own_codebook

CODEBOOK = Codebook.default()
OWN = own_codebook()
TEXT = 'The "heroes" fled, – so to say – the aide said.'
AIDE = Source(33, 41, "the aide", 0.999999)


def sentence(index: int = 0, text: str = TEXT, start: int = 0, **changed: Any) -> SentenceLabels:
    labels = SentenceLabels(
        document_id="a,1",
        outlet=None if index % 2 else "[The] Daily",
        published="2016-12-15",
        index=index,
        kind=Kind.BODY,
        start=start,
        end=start + len(text),
        text=text,
        frames={"heroes": 0.912345, "displacement": 0.7},
        mentions=(
            Mention("heroes", 5, 11, "heroes", "quoted", 0.8, 0.912345, source=AIDE),
            Mention("displacement", 13, 17, "fled", "author", 0.333333, 0.7),
        ),
        hedges=(Hedge("distancing", 21, 30, "so to say", 0.1),),
        sources=(AIDE,),
        hedged=True,
        probabilities={**dict.fromkeys(CODEBOOK.outputs, 0.000001), "heroes": 0.912345, "displacement": 0.7},
        input="in.csv",
        row=17,
        text_offset=3,
    )
    return replace(labels, **changed)


def bare(document: str = "b") -> SentenceLabels:
    nothing = dict.fromkeys(CODEBOOK.outputs, 0.0)
    return SentenceLabels(
        document, None, None, 0, Kind.BOILERPLATE, 0, 5, "Share", {}, (), (), (), False, nothing, text_offset=None
    )


def own_sentence(index: int, start: int, text: str, *answered: bool) -> SentenceLabels:
    """By a codebook without voices and with tasks of every form; ``answered`` says which of them have an answer."""
    one, many, words = answered
    return SentenceLabels(
        document_id="own",
        outlet=None,
        published=None,
        index=index,
        kind="body",
        start=start,
        end=start + len(text),
        text=text,
        frames={"rebels": 0.75},
        mentions=(Mention("rebels", 0, 3, text[:3], None, None, 0.75, tasks={"tone": "ironic"}),),
        hedges=(),
        sources=(),
        hedged=False,
        probabilities=dict.fromkeys(OWN.probability_names, 0.25),
        tasks={
            **({"stance": "hostile"} if one else {}),
            "topics": {"war": 0.625, "trade": 0.5} if many else {},
            "place": (MarkedWords("town", 4, 8, text[4:8], 0.875),) if words else (),
        },
    )


FIRST = (sentence(0), sentence(1, start=48), sentence(2, 'Две строки\r\nand שלום 🙂, "x"', start=96))
DOCUMENTS = (
    DocumentLabels(
        FIRST,
        codebook=CODEBOOK,
        document=Document(
            "\n".join(s.text for s in FIRST),
            id="a,1",
            metadata={"desk": "world", "row": 5, "day": datetime.date(2016, 12, 15), "tags": ["a", "б"], "none": None},
        ),
    ),
    DocumentLabels((bare(),), codebook=CODEBOOK, document=Document("Share", id="b", metadata={"desk": "local"})),
)
CARRY = ("desk", "row", "day", "tags", "none")
OWN_SENTENCES = (
    own_sentence(0, 0, "Men fled town", True, True, True),
    own_sentence(1, 14, "Men left town", True, False, False),
    own_sentence(2, 28, "Men came here", False, False, False),
)
OWN_DOCUMENT = DocumentLabels(
    OWN_SENTENCES,
    codebook=OWN,
    document=Document(
        " ".join(s.text for s in OWN_SENTENCES), id="own", metadata={"stance": "neutral", "tone": "x", "hedge": "y"}
    ),
)
SENTENCES = [sentence for labels in DOCUMENTS for sentence in labels]
RECORDS = [record for labels in DOCUMENTS for record in labels.to_dict()]


def write(path: Path, labelled: Sequence[Labels] = DOCUMENTS, **options: Any) -> Path:
    with open_writer(path, **options) as writer:
        for labels in labelled:
            writer.write(labels)
    assert writer.count == sum(map(len, labelled))
    return path


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def in_single_precision(value: Any) -> Any:
    """The value as Parquet keeps it: numbers in single precision."""
    if isinstance(value, dict):
        return {name: in_single_precision(item) for name, item in value.items()}
    if isinstance(value, list):
        return [in_single_precision(item) for item in value]
    return float(np.float32(value)) if isinstance(value, float) else value


def in_arrow(record: dict[str, Any]) -> dict[str, Any]:
    """A record as it is in Parquet: which frames there are differs from one to the next, so they are a list."""
    frames = [{"label": label, "probability": p} for label, p in record["frames"].items()]
    return in_single_precision(record | {"frames": frames})


def test_columns_are_the_keys_of_a_record() -> None:
    assert list(RECORDS[0]) == list(COLUMNS) == schema(CODEBOOK).names
    own = [*COLUMNS, "stance", "topics", "place"]
    assert list(OWN_SENTENCES[0].to_dict()) == own == schema(OWN).names
    assert schema(OWN, {"desk": "string"}).names == [*own, "desk"]


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
    for name in ("index", "start", "end", "row", "text_offset"):
        record[name] = int(row[name]) if row[name] else None
    record["hedged"] = {"True": True, "False": False}[row["hedged"]]
    for name in ("outlet", "published", "input"):
        record[name] = row[name] or None
    return record


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_csv(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    data = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    rows = csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""))
    assert [from_csv(row) for row in rows] == RECORDS


def test_parquet_read_by_pyarrow(tmp_path: Path) -> None:
    found = pyarrow.parquet.read_table(write(tmp_path / "x.parquet"))
    assert found.schema.equals(schema(CODEBOOK))
    assert found.schema.metadata == schema(CODEBOOK).metadata
    assert found.to_pylist() == [in_arrow(record) for record in RECORDS]
    assert Codebook.from_dict(json.loads(found.schema.metadata[b"framing.codebook"])).heads == CODEBOOK.heads


def test_parquet_read_by_others(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path, wanted = write(tmp_path / "x.parquet"), [in_arrow(record) for record in RECORDS]
    by_duckdb = duckdb.sql(f"select * from read_parquet('{path}')")
    rows = [dict(zip(by_duckdb.columns, row, strict=True)) for row in by_duckdb.fetchall()]
    for found in (polars.read_parquet(path).to_dicts(), rows):
        assert [in_single_precision(row) for row in found] == wanted
    frame = pandas.read_parquet(path)
    for name in ("text", "document_id", "kind", "start", "hedged"):
        assert frame[name].tolist() == [record[name] for record in wanted]
    assert [[dict(item) for item in cell] for cell in frame["frames"]] == [record["frames"] for record in wanted]
    assert [cell["source"] for cell in frame["probabilities"]] == pytest.approx([1e-6, 1e-6, 1e-6, 0.0])
    assert [None if pandas.isna(cell) else cell for cell in frame["outlet"]] == [r["outlet"] for r in wanted]


def test_parquet_over_several_batches_and_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing.records, "_BATCH", 3)
    monkeypatch.setattr(framing.records, "_ROW_GROUP_BATCHES", 2)
    labelled = [Labels((sentence(index),), codebook=CODEBOOK) for index in range(20)]
    file = pyarrow.parquet.ParquetFile(write(tmp_path / "x.parquet", labelled))
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [6, 6, 6, 2]
    assert file.read().to_pylist() == [in_arrow(labels[0].to_dict()) for labels in labelled]


def test_tables_of_mentions() -> None:
    found = mention_table(table([*DOCUMENTS, OWN_DOCUMENT], schema(CODEBOOK)), mention_schema(CODEBOOK)).to_pylist()
    wanted = [
        in_single_precision(
            {name: record[name] for name in ("input", "row", "document_id", "outlet", "published", "index", "kind")}
            | mention
        )
        for record in RECORDS
        for mention in record["mentions"]
    ]
    assert found[: len(wanted)] == wanted
    assert len(found) == len(wanted) + 3
    own = mention_table(table([OWN_DOCUMENT], schema(OWN)), mention_schema(OWN)).to_pylist()
    assert [(row["label"], row["text"], row["voice"], row["tone"]) for row in own] == [
        ("rebels", "Men", None, "ironic")
    ] * 3


# --- carried columns --------------------------------------------------------------------------------------------------


def test_carried_columns_stand_behind_and_hide_none_of_a_records(tmp_path: Path) -> None:
    names = [carried_name(name) for name in CARRY]
    assert names == ["desk", "input_row", "day", "tags", "none"]
    lines = write(tmp_path / "x.jsonl", carry=CARRY).read_text(encoding="utf-8").splitlines()
    carried = [{name: json.loads(line)[name] for name in names} for line in lines]
    first = {"desk": "world", "input_row": 5, "day": "2016-12-15", "tags": ["a", "б"], "none": None}
    assert carried == [*[first] * 3, {"desk": "local", "input_row": None, "day": None, "tags": None, "none": None}]
    assert [json.loads(line)["row"] for line in lines] == [17, 17, 17, None]
    found = pyarrow.parquet.read_table(write(tmp_path / "x.parquet", carry=CARRY))
    assert found.column("desk").to_pylist() == ["world"] * 3 + ["local"]
    assert found.column("input_row").to_pylist() == ["5"] * 3 + [None]
    assert found.column("tags").to_pylist() == ['["a", "б"]'] * 3 + [None]
    with write(tmp_path / "x.csv", carry=CARRY).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["desk"], row["input_row"], row["tags"]) for row in rows][2:] == [
        ("world", "5", '["a", "б"]'),
        ("local", "", ""),
    ]


def test_a_carried_column_hides_no_answer(tmp_path: Path) -> None:
    """As where a table has the answers of annotators in columns of the names of the tasks."""
    names = [carried_name(name, OWN) for name in ("stance", "tone")]
    assert names == ["input_stance", "tone"]  # of mentions the answers are in the mentions
    for name in ("x.jsonl", "x.parquet", "x.csv"):
        path = write(tmp_path / name, [OWN_DOCUMENT], codebook=OWN, carry=["stance", "tone", "hedge"])
        (found,) = read_labels(path, codebook=OWN)
        assert [s.tasks.get("stance") for s in found] == ["hostile", "hostile", None]
        assert found.document.metadata == {"input_stance": "neutral", "tone": "x", "hedge": "y"}


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.parquet", "x.jsonl"])
def test_without_a_codebook_the_labels_tell_the_columns(tmp_path: Path, name: str) -> None:
    carry = ["stance", "tone", "hedge"]
    given = write(tmp_path / name, [OWN_DOCUMENT], codebook=OWN, carry=carry).read_bytes()
    assert write(tmp_path / f"other_{name}", [OWN_DOCUMENT], carry=carry).read_bytes() == given
    (found,) = read_labels(tmp_path / f"other_{name}", codebook=OWN)
    assert [s.tasks.get("stance") for s in found] == ["hostile", "hostile", None]


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
@pytest.mark.parametrize("first", [[], [DOCUMENTS[0]]])
def test_an_answer_without_a_column_is_refused(tmp_path: Path, name: str, first: list[Labels]) -> None:
    unknown = Labels(OWN_SENTENCES)  # which carry no codebook
    with pytest.raises(SettingError, match=r"'(place|stance|topics)'[^$]*codebook="):
        write(tmp_path / name, [*first, unknown])
    assert files(tmp_path) == []
    assert write(tmp_path / name, [unknown], codebook=OWN)


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_a_file_without_records_has_its_columns(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, [])
    if name == "x.csv":
        assert path.read_text(encoding="utf-8").splitlines() == [",".join(COLUMNS)]
    else:
        found = pyarrow.parquet.read_schema(path)
        assert (found.names, found.metadata) == (schema(CODEBOOK).names, schema(CODEBOOK).metadata)


def test_a_table_keeps_the_types_of_carried_columns() -> None:
    wanted = schema(CODEBOOK, {"desk": "string", "input_row": "int64", "day": "date32"})
    found = table(DOCUMENTS, wanted)
    assert found.schema.equals(wanted)
    assert found.column("input_row").to_pylist() == [5, 5, 5, None]
    assert found.column("day").to_pylist() == [datetime.date(2016, 12, 15)] * 3 + [None]


# --- reading back -----------------------------------------------------------------------------------------------------

ENDINGS = ["x.jsonl", "x.jsonl.gz", "x.csv", "x.csv.gz", "x.parquet"]


@pytest.mark.parametrize("name", ENDINGS)
def test_what_is_written_is_read_back(tmp_path: Path, name: str) -> None:
    found = list(read_labels(write(tmp_path / name, carry=["desk"])))
    assert [labels.sentences for labels in found] == [labels.sentences for labels in DOCUMENTS]
    for labels, wanted in zip(found, DOCUMENTS, strict=True):
        document = labels.document
        assert (document.id, document.metadata) == (wanted.document.id, {"desk": wanted.document.metadata["desk"]})
        assert (document.input, document.row, document.text_offset) == (
            wanted[0].input,
            wanted[0].row,
            wanted[0].text_offset,
        )
        assert all(document.text[s.start : s.end] == s.text for s in labels)
        assert labels.counts() == wanted.counts()
        # Parquet says by which codebook was labelled.
        known = labels.codebook and labels.codebook.fingerprint
        assert known == (CODEBOOK.fingerprint if name == "x.parquet" else None)


@pytest.mark.parametrize("name", ENDINGS)
def test_answers_of_tasks_are_read_back(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, [OWN_DOCUMENT, OWN_DOCUMENT[2:]], codebook=OWN)
    (found,) = read_labels(path, codebook=None if name == "x.parquet" else OWN)
    assert found.sentences == (*OWN_SENTENCES, OWN_SENTENCES[2])
    assert found.document.metadata == {}


def test_records_of_documents_with_the_same_id_stay_apart(tmp_path: Path) -> None:
    """Rows without ids of their own can come from several files."""
    sentences = [sentence(0, row=row, input=file) for file, row in (("a", 1), ("a", 2), ("b", 2), (None, None))]
    path = write(tmp_path / "x.jsonl", [Labels((one,)) for one in sentences])
    assert [labels.sentences for labels in read_labels(path)] == [(one,) for one in sentences]


def test_several_files_are_read_one_after_the_other(tmp_path: Path) -> None:
    for number, labels in enumerate(DOCUMENTS):
        write(tmp_path / f"{number}.parquet", [labels])
    for place in (tmp_path, tmp_path / "*.parquet"):
        assert [labels.sentences for labels in read_labels(place)] == [labels.sentences for labels in DOCUMENTS]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.jsonl", '{"text": "no record"}\n'),
        ("x.jsonl", json.dumps(RECORDS[0] | {"mentions": [{"label": "heroes"}]}) + "\n"),
        ("x.jsonl", json.dumps(RECORDS[0] | {"probabilities": None}) + "\n"),
        ("x.csv", "text,index\nhello,0\n"),
        ("x.csv", "text,index,probabilities,hedged\nhello,0,{broken,True\n"),
    ],
)
def test_what_is_no_record_is_told_with_its_place(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=rf"{name}, rows \d and on: this is no record of framing"):
        list(read_labels(tmp_path / name))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="nothing"):
        list(read_labels(tmp_path / "nothing.jsonl"))


_probability = st.integers(0, 10**6).map(lambda n: n / 10**6)
_words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@st.composite
def any_sentence(draw: st.DrawFn) -> SentenceLabels:
    text = draw(_words)
    source = Source(0, 1, text[0], draw(_probability))
    mentions = tuple(
        Mention(
            "heroes",
            0,
            len(text),
            text,
            "quoted",
            draw(_probability),
            draw(_probability),
            draw(st.none() | st.just(source)),
        )
        for _ in range(draw(st.integers(0, 2)))
    )
    return sentence(
        text=text,
        outlet=draw(st.none() | _words),
        document_id=draw(_words),
        kind=draw(st.sampled_from(CODEBOOK.kinds)),
        frames={m.label: m.probability for m in mentions},
        mentions=mentions,
        sources=(source,) * draw(st.integers(0, 1)),
        hedged=draw(st.booleans()),
        row=draw(st.none() | st.integers(0, 2**40)),
    )


@pytest.mark.slow
@given(any_sentence())
@settings(max_examples=100, deadline=None)
def test_any_record_survives_json_and_arrow(labels: SentenceLabels) -> None:
    assert SentenceLabels.from_dict(json.loads(json.dumps(labels.to_dict()))) == labels
    (row,) = table([Labels((labels,), codebook=CODEBOOK)], schema(CODEBOOK)).to_pylist()
    assert SentenceLabels.from_dict(row) == labels


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.parquet"])
def test_no_records_make_a_valid_file(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, [])
    if name == "x.parquet":
        assert pyarrow.parquet.read_table(path).num_rows == 0
    else:
        assert path.read_text(encoding="utf-8").strip() == ("" if name == "x.jsonl" else ",".join(COLUMNS))


def test_lone_surrogates(tmp_path: Path) -> None:
    broken = [Labels((sentence(text="half \ud83d a smile"),))]
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
        writer.write(DOCUMENTS[0])
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
        rejected(Rejected("in.csv:2", "no text", "é\ud800", 2))
        rejected(Rejected("in.csv:9", "no text either"))
    assert rejected.count == 2
    assert rejected.path == tmp_path / "out.rejected.jsonl"
    lines = rejected.path.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"where": "in.csv:2", "reason": "no text", "value": "é\ud800", "row": 2},
        {"where": "in.csv:9", "reason": "no text either", "value": "", "row": None},
    ]


OLDER = json.dumps(Rejected("in.csv:9", "no text").to_dict()) + "\n"


def test_without_rejections_an_older_list_goes(tmp_path: Path) -> None:
    (tmp_path / "out.rejected.jsonl").write_text(OLDER, encoding="utf-8")
    with RejectedWriter(tmp_path / "out.jsonl"):
        pass
    assert files(tmp_path) == []


def test_breaking_off_leaves_an_older_list(tmp_path: Path) -> None:
    (tmp_path / "out.rejected.jsonl").write_text(OLDER, encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), RejectedWriter(tmp_path / "out.jsonl") as rejected:
        rejected(Rejected("in.csv:2", "no text"))
        raise KeyboardInterrupt
    assert (tmp_path / "out.rejected.jsonl").read_text(encoding="utf-8") == OLDER
    assert files(tmp_path) == ["out.rejected.jsonl"]
