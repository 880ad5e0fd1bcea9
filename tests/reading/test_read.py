"""Reading files: every format against what other libraries wrote, and every bad input against a clear reason."""

import csv
import gzip
import io
import json
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.errors import ColumnError, FramingWarning, InputError, SettingError, UnreadableFileError
from framing.reading import Columns, read
from framing.reading.repairs import repaired

TEXT = "The army left the town.\nNobody “saw” it.\n"
ROWS = [
    {
        "id": "a1",
        "source": "Bay Post",
        "date": "2019-03-14",
        "headline": "Army leaves",
        "body": "It left; at “dawn”.",
        "n": "1",
    },
    {
        "id": "a2",
        "source": "Hill News",
        "date": "2019-03-15",
        "headline": "",
        "body": 'It said "no",\nthen left.',
        "n": "2",
    },
]
#: Any text that is not HTML, which is read as the text that readers see.
CELL = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(
    lambda text: text.strip() and not re.search("<[a-zA-Z/!?]", text)
)


def read_all(*inputs, **options):
    """Documents and rejections of some inputs."""
    rejected = []
    documents = list(read([str(i) for i in inputs], on_reject=rejected.append, **options))
    return documents, rejected


def write(path, data):
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    return path


def write_csv(path, rows, delimiter=","):
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_as(path, rows):
    """The rows in the format of the path's ending, written by the standard library or pyarrow."""
    name = path.name.removesuffix(".gz")
    plain = path.with_name(name)
    if name.endswith((".csv", ".tsv")):
        write_csv(plain, rows, "\t" if name.endswith(".tsv") else ",")
    elif name.endswith(".jsonl"):
        write(plain, "".join(json.dumps(row) + "\n" for row in rows))
    elif name.endswith(".json"):
        write(plain, json.dumps(rows))
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), plain)
    if path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    return path


@pytest.mark.parametrize(
    "name", ["r.csv", "r.tsv", "r.csv.gz", "r.tsv.gz", "r.jsonl", "r.jsonl.gz", "r.json", "r.parquet", "r.parquet.gz"]
)
def test_tables_are_read_as_they_were_written(tmp_path, name):
    documents, rejected = read_all(write_as(tmp_path / name, ROWS))
    assert rejected == []
    assert [d.id for d in documents] == ["a1", "a2"]
    assert [d.outlet for d in documents] == ["Bay Post", "Hill News"]
    assert [d.published for d in documents] == ["2019-03-14", "2019-03-15"]
    assert [d.title for d in documents] == ["Army leaves", None]
    assert [d.text for d in documents] == ["Army leaves\n\nIt left; at “dawn”.", ROWS[1]["body"]]
    assert [d.metadata for d in documents] == [{"n": "1"}, {"n": "2"}]


@settings(max_examples=60, deadline=None)
@given(st.lists(CELL, min_size=1, max_size=5), st.sampled_from(["csv", "tsv", "jsonl", "json", "parquet"]))
def test_any_text_survives_any_table(tmp_path_factory, cells, ending):
    folder = tmp_path_factory.mktemp("tables")
    documents, rejected = read_all(write_as(folder / f"r.{ending}", [{"x": "x", "text": cell} for cell in cells]))
    assert rejected == []
    assert [d.text for d in documents] == [repaired(cell) for cell in cells]


def test_columns_by_name(tmp_path):
    path = write_csv(tmp_path / "r.csv", [{"text": "no", "story": "Yes it is.", "paper": "Bay Post"}])
    (document,), _ = read_all(path, columns=Columns(text="story", outlet="paper"))
    assert (document.text, document.outlet, document.metadata) == ("Yes it is.", "Bay Post", {"text": "no"})


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_missing_column_names_those_that_are_there(tmp_path, ending):
    path = write_as(tmp_path / f"r.{ending}", [{"narrative": "It rained.", "nr": "1"}])
    with pytest.raises(ColumnError, match="'narrative', 'nr'"):
        read_all(path)
    with pytest.raises(ColumnError, match="no column 'tale'"):
        read_all(path, columns=Columns(text="tale"))


def test_a_title_that_begins_the_text_is_not_doubled(tmp_path):
    path = write_as(tmp_path / "r.jsonl", [{"title": "Army  Leaves", "text": "Army leaves\nIt rained."}])
    (document,), _ = read_all(path)
    assert document.text == "Army leaves\nIt rained."


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode("utf-8"),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("cp1252"),
        gzip.compress(TEXT.encode("utf-8")),
    ],
)
def test_encodings(tmp_path, data):
    (document,), _ = read_all(write(tmp_path / "a.txt", data))
    assert document.text == TEXT


def test_an_encoding_that_is_not_western_is_found(tmp_path):
    text = "Армия покинула город на рассвете, сообщил представитель министерства. Жители вернулись домой. " * 5
    (document,), _ = read_all(write(tmp_path / "a.txt", text.encode("cp1251")))
    assert document.text == text


def test_a_row_in_another_encoding_than_the_rest(tmp_path):
    lines = [b'{"text": "It rained."}\n'] * 9000 + ['{"text": "The “mayor” left."}\n'.encode("cp1252")]
    documents, rejected = read_all(write(tmp_path / "r.jsonl", b"".join(lines)))
    assert rejected == []
    assert documents[-1].text == "The “mayor” left."


def test_control_characters_are_replaced_one_for_one(tmp_path):
    (document,), _ = read_all(write(tmp_path / "a.txt", "It\x00rained\x07 all\tday.\r\nIt " + "did so. " * 40))
    assert document.text.startswith("It rained  all\tday.\r\nIt did")


def test_lone_surrogates_in_json_are_replaced(tmp_path):
    (document,), _ = read_all(write(tmp_path / "r.jsonl", '{"text": "It \\ud83d rained \\ud83d\\ude00."}\n'))
    assert document.text == "It \ufffd rained 😀."
    document.text.encode("utf-8")


def test_folder_with_an_index(tmp_path):
    write(tmp_path / "b.txt", "It rained in the bay.")
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub" / "a.md", "# It snowed\n\nOn the hill.")
    write(tmp_path / ".hidden.txt", "no")
    write(tmp_path / "photo.png", b"\x89PNG....")
    write(tmp_path / "index.csv", "file,id,outlet,published,desk\nb.txt,bay,Bay Post,2019-03-14,home\ngone.txt,x,,,\n")
    documents, rejected = read_all(tmp_path)
    assert [(d.id, d.outlet, d.published) for d in documents] == [
        ("bay", "Bay Post", "2019-03-14"),
        ("sub/a.md", None, None),
    ]
    assert documents[0].metadata == {"desk": "home"}
    assert [r.where.rsplit("/", 1)[-1] for r in rejected] == ["photo.png", "gone.txt"]
    assert "index.csv:3 describes it" in rejected[1].reason


def test_globs_and_several_inputs(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "a.txt", f"It rained in {folder}.")
    documents, rejected = read_all(tmp_path / "*" / "a.txt")
    assert [d.text for d in documents] == ["It rained in x.", "It rained in y."]
    documents, rejected = read_all(tmp_path / "x" / "a.txt", tmp_path / "y" / "a.txt")
    assert len({d.id for d in documents}) == 2
    assert rejected == []


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"It rained in the bay.", ["It rained in the bay."]),
        (b'{"text": "It rained."}\n{"text": "It snowed."}\n', ["It rained.", "It snowed."]),
        (b'[{"text": "It rained."}]', ["It rained."]),
        (gzip.compress(b'{"text": "It rained."}\n'), ["It rained."]),
    ],
)
def test_standard_input(monkeypatch, data, expected):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    documents, _ = read_all("-")
    assert [d.text for d in documents] == expected


def test_a_named_file_without_ending_is_recognised_by_its_first_bytes(tmp_path):
    contents = {"a": b"It rained.", "b": b'{"text": "It rained."}\n', "c": b'[{"text": "It rained."}]'}
    for name, content in contents.items():
        documents, rejected = read_all(write(tmp_path / name, content))
        assert ([d.text for d in documents], rejected) == (["It rained."], [])


def test_a_plain_text_is_read_without_heavy_libraries(tmp_path):
    path = write(tmp_path / "a.txt.gz", gzip.compress(b"It rained."))
    code = f"import sys, framing; assert len(list(framing.read({str(path)!r}))) == 1; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"pyarrow", "fsspec", "pandas", "numpy", "trafilatura", "charset_normalizer", "datasets", "torch"}
    assert not {name.split(".")[0] for name in result.stdout.split()} & heavy


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.txt", b"", "is empty"),
        ("a.txt", b" \n ", "is empty"),
        ("a.jsonl", b"", "is empty"),
        ("a.csv", b"", "is empty"),
        ("a.csv", b"text,id\n", "is empty"),
        ("a.json", b"[]", "is empty"),
        ("a.json", b"{nope", "is not JSON"),
        ("a.html", b"", "is empty"),
        ("a.html", b"no tags here", "no HTML tags"),
        ("a.html", b"<html><body><p></p></body></html>", "no readable text"),
        ("a.txt", bytes(range(256)) * 20, "binary"),
        ("a.txt", b"%PDF-1.7 ....", "a PDF"),
        ("a.jsonl", b"PK\x03\x04" + b"\x00" * 90, "ZIP"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\x00\x00", "PNG"),
        ("a.txt.gz", gzip.compress(TEXT.encode() * 500)[:40], "cut off"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "It rained."}\n')[:-12], "cut off"),
        ("a.parquet", b"PAR1 and then nothing", "not a whole Parquet file"),
        ("a.parquet", b"", "not a whole Parquet file"),
        ("a.xyz", b"It rained.", "tells no format"),
    ],
)
def test_a_file_that_is_unusable_as_a_whole(tmp_path, name, data, message):
    path = write(tmp_path / name, data)
    with pytest.raises(UnreadableFileError, match=message) as caught:
        read_all(path)
    assert name in caught.value.message
    good = write(tmp_path / "good.txt", "It rained in the bay.")
    documents, rejected = read_all(path, good)
    assert [d.text for d in documents] == ["It rained in the bay."]
    assert [(r.where, message in r.reason) for r in rejected] == [(str(path), True)]


def test_parquet_that_was_cut_off(tmp_path):
    path = write_as(tmp_path / "r.parquet", ROWS)
    write(path, path.read_bytes()[:-30])
    with pytest.raises(UnreadableFileError, match="not a whole Parquet file"):
        read_all(path)


@pytest.mark.slow
def test_gzip_that_was_cut_off_after_some_rows(tmp_path):
    rows = "".join(json.dumps({"id": str(n), "text": f"It rained {n * 7919} times."}) + "\n" for n in range(20_000))
    documents, rejected = read_all(write(tmp_path / "r.jsonl.gz", gzip.compress(rows.encode())[:-2000]))
    assert 0 < len(documents) < 20_000
    assert [d.id for d in documents] == [str(n) for n in range(len(documents))]
    assert "cut off" in rejected[-1].reason


def test_a_guess_that_does_not_fit_is_told_once(tmp_path):
    rows = [{"text": f"It rained {n} times.", "source": [n]} for n in range(5)]
    with pytest.warns(FramingWarning, match="--outlet-column") as told:
        documents, rejected = read_all(write_as(tmp_path / "r.jsonl", rows))
    assert [d.outlet for d in documents] == [None] * 5
    assert (rejected, len(told)) == ([], 1)


def test_rows_that_cannot_be_used_are_set_aside_with_their_place(tmp_path):
    lines = [
        '{"id": 1, "text": "It rained."}',
        "{broken",
        '["list"]',
        '{"id": 2, "text": 5}',
        '{"id": 3, "text": null}',
    ]
    lines += ['{"id": 4, "text": "  "}', '{"id": 1, "text": "Again."}', '{"id": 5}', '{"id": [6], "text": "It."}', ""]
    lines += ['{"id": 7, "text": "It snowed.", "extra": {"a": [1]}}']
    path = write(tmp_path / "r.jsonl", "\n".join(lines))
    with pytest.warns(UserWarning, match=r"'id' holds list \[6\].*--id-column"):  # a guess that does not fit
        documents, rejected = read_all(path)
    assert [(d.id, d.text) for d in documents] == [("1", "It rained."), ("r.jsonl:9", "It."), ("7", "It snowed.")]
    assert [r.where.rsplit(":", 1)[1] for r in rejected] == ["2", "3", "4", "5", "6", "7", "8"]
    with pytest.raises(InputError, match=r"'id' holds list \[6\]"):
        list(read([path], columns=Columns(id="id"), on_reject=lambda r: "list [6]" in r.reason and _raise(r.reason)))
    reasons = ["not JSON", "a list", "int 5", "nothing", "empty", "'1' was read before", "text"]
    assert all(reason in r.reason for reason, r in zip(reasons, rejected, strict=True))


def _raise(reason):
    raise InputError(reason)


def test_ragged_csv_rows_are_set_aside_by_line(tmp_path):
    data = 'id,text\n1,"It rained,\nall day."\n2\n3,It snowed.,extra\n4,It hailed.\n5,"lost mark\n6,It froze.\n'
    documents, rejected = read_all(write(tmp_path / "r.csv", data))
    assert [(d.id, d.text) for d in documents] == [
        ("1", "It rained,\nall day."),
        ("4", "It hailed."),
        ("6", "It froze."),
    ]
    assert [r.where.rsplit(":", 1)[1] for r in rejected] == ["4", "5", "7"]
    assert "1 cells; expected 2" in rejected[0].reason


def test_cells_of_parquet_that_are_no_text(tmp_path):
    table = pyarrow.table({"text": pyarrow.array([1, 2]), "id": ["a", "b"]})
    pyarrow.parquet.write_table(table, tmp_path / "r.parquet")
    documents, rejected = read_all(tmp_path / "r.parquet")
    assert documents == []
    assert [r.where.rsplit(":", 1)[1] for r in rejected] == ["1", "2"]


def test_without_a_listener_the_first_bad_row_is_an_error(tmp_path):
    path = write(tmp_path / "r.jsonl", '{"text": "It rained."}\n{broken\n{"text": "It snowed."}\n')
    documents = read(path)
    assert next(documents).text == "It rained."
    with pytest.raises(InputError, match=r"r\.jsonl:2"):
        next(documents)


def test_what_is_not_there(tmp_path):
    with pytest.raises(UnreadableFileError, match="there is no file"):
        read_all(tmp_path / "gone.txt")
    with pytest.raises(UnreadableFileError, match="there is no file"):
        read_all(tmp_path / "*.txt")
    with pytest.raises(InputError, match="holds no files"):
        read_all(tmp_path)
    with pytest.raises(InputError, match="nothing to read"):
        read_all()
    with pytest.raises(SettingError, match="'docx'"):
        read_all(tmp_path, format="docx")


@pytest.mark.slow
def test_rows_stream(tmp_path):
    """A file many times larger than what reading it may hold at once."""
    line = json.dumps({"text": "It rained all day. " * 500}) + "\n"
    path = tmp_path / "r.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(line for _ in range(4000))
    tracemalloc.start()
    count = sum(1 for _ in read(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 4000
    assert peak < path.stat().st_size / 8


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=300), st.sampled_from(["a.txt", "a.jsonl", "a.json", "a.csv", "a.tsv", "a.parquet", "a.txt.gz"])
)
def test_no_bytes_make_it_fail_otherwise_than_by_its_own_errors(tmp_path_factory, data, name):
    path = write(tmp_path_factory.mktemp("any") / name, data)
    try:
        documents, _ = read_all(path)
    except InputError:
        return
    for document in documents:
        document.text.encode("utf-8")
        assert "\x00" not in document.text


def test_each_line_is_a_document_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffOne.\r\n\r\n  Two – three. \nFour.".encode())
    documents = list(read(tmp_path / "a.txt", sentences=True))
    assert [(d.id, d.text) for d in documents] == [
        ("a.txt:1", "One."),
        ("a.txt:3", "Two – three."),
        ("a.txt:4", "Four."),
    ]
