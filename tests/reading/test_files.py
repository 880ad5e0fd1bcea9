"""Names to files: each file once, whatever names lead to it, and what cannot be read told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from framing.errors import ColumnError, InputError, MissingExtraError, SettingError, UnreadableFileError
from framing.reading import read
from framing.reading.files import expand, input_with
from framing.types import Rejected


def write(path: Path, text: str = "It rained.") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def labels(*names: object, **options: object) -> list[str]:
    return [file.label for file in expand([str(name) for name in names], **options)]  # type: ignore[arg-type]


def test_a_folder_in_the_order_of_names_without_what_is_hidden(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a.txt", ".git/x.txt", "a/.x.txt", "_drafts/x.txt", "_SUCCESS", "c/_metadata"):
        write(tmp_path / name)
    assert labels(tmp_path) == ["a/z.md", "a.txt", "b.txt"]


def test_labels_of_several_inputs_begin_as_the_inputs_were_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("x/a.txt", "y/a.txt", "z.txt"):
        write(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert labels("x", "y/", "./z.txt") == ["x/a.txt", "y/a.txt", "z.txt"]
    assert labels(".") == ["x/a.txt", "y/a.txt", "z.txt"]
    assert labels("x/*.txt", f"{tmp_path}/y") == ["x/a.txt", f"{tmp_path}/y/a.txt"]
    # Of one pattern, relative to the folder that it names before its first wildcard.
    assert labels("*/a.txt") == ["x/a.txt", "y/a.txt"]
    assert labels(f"{tmp_path}/x/?.txt") == ["a.txt"]
    assert [file.path for file in expand(["x"])] == [str(tmp_path / "x" / "a.txt")]


def test_a_file_that_exists_is_no_pattern(tmp_path: Path) -> None:
    write(tmp_path / "a[1].txt")
    write(tmp_path / "a1.txt")
    write(tmp_path / "folder[1]" / "b.txt")
    assert labels(tmp_path / "a[1].txt") == ["a[1].txt"]
    assert labels(tmp_path / "folder[1]") == ["b.txt"]
    (tmp_path / "a[1].txt").unlink()
    assert labels(tmp_path / "a[1].txt") == ["a1.txt"]


def test_each_file_once_and_no_loops(tmp_path: Path) -> None:
    write(tmp_path / "a" / "x.txt")
    (tmp_path / "a" / "loop").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "y.txt").symlink_to(tmp_path / "a" / "x.txt")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    write(tmp_path / "elsewhere" / "z.txt")
    (tmp_path / "a" / "linked").symlink_to(tmp_path / "elsewhere")
    assert labels(tmp_path / "a") == ["linked/z.txt", "x.txt"]
    assert labels(tmp_path) == ["a/linked/z.txt", "a/x.txt", "gone.txt"]
    assert [file.problem for file in expand([str(tmp_path)])][:2] == ["", ""]
    assert "which is not there" in expand([str(tmp_path)])[2].problem
    named = [tmp_path / "a" / "x.txt", tmp_path / "b", tmp_path / "a" / "x.txt"]
    assert len(labels(*named)) == 2


def test_what_has_no_known_format_is_told_and_not_left_out(tmp_path: Path) -> None:
    write(tmp_path / "photo.png")
    write(tmp_path / "LICENSE")
    write(tmp_path / "a.txt.gz")
    files = {file.label: file for file in expand([str(tmp_path)])}
    assert files["a.txt.gz"].format == "text"
    assert not files["a.txt.gz"].problem
    assert "photo.png tells no format" in files["photo.png"].problem
    assert "LICENSE tells no format" in files["LICENSE"].problem
    # What the user names itself may show what it is.
    (named,) = expand([str(tmp_path / "LICENSE")])
    assert (named.format, named.problem) == ("", "")
    assert [file.format for file in expand([str(tmp_path)], format="csv")] == ["csv"] * 3


def test_hive_partitions(tmp_path: Path) -> None:
    write(tmp_path / "outlet=The%20Daily" / "year=2016" / "a.txt")
    write(tmp_path / "outlet=__HIVE_DEFAULT_PARTITION__" / "a.txt")
    expected = [{"outlet": "The Daily", "year": "2016"}, {"outlet": None}]
    for name in (tmp_path, tmp_path / "*" / "**" / "*.txt"):
        assert [file.partition for file in expand([str(name)])] == expected
    (first, second) = read(tmp_path)
    assert (first.outlet, first.metadata) == ("The Daily", {"year": "2016"})
    assert (second.outlet, second.metadata) == (None, {})


def test_what_datasets_write_beside_their_data(tmp_path: Path) -> None:
    for name in ("dataset_info.json", "state.json", "cache-12.arrow", "data-00000-of-00001.arrow"):
        write(tmp_path / "saved" / "train" / name)
    write(tmp_path / "saved" / "dataset_dict.json")
    assert labels(tmp_path / "saved") == ["train/data-00000-of-00001.arrow"]
    write(tmp_path / "plain" / "state.json")
    assert labels(tmp_path / "plain") == ["state.json"]


def test_an_index_that_is_named_goes_before_that_of_the_folder(tmp_path: Path) -> None:
    for name in ("in/a.txt", "in/b.txt"):
        write(tmp_path / name)
    write(tmp_path / "in" / "index.csv", "file,outlet\na.txt,Own\nb.txt,Own\n")
    write(tmp_path / "in" / "more.csv", "File, Outlet ,desk\na.txt,Named,home\nc.txt,Named,\n")
    found = {file.label: file for file in expand([str(tmp_path / "in")], index=tmp_path / "in" / "more.csv")}
    assert list(found) == ["a.txt", "b.txt", "c.txt"]
    assert found["a.txt"].known == {"file": "a.txt", "outlet": "Named", "desk": "home"}
    assert found["b.txt"].known == {"file": "b.txt", "outlet": "Own"}
    assert "more.csv:3 describes it" in found["c.txt"].problem
    with pytest.raises(ColumnError, match="no column 'file'"):
        expand([str(tmp_path)], index=write(tmp_path / "wrong.csv", "name\na.txt\n"))
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        expand([str(tmp_path)], index=tmp_path / "none.csv")


def test_absent_files_of_two_indexes_do_not_get_in_the_way(tmp_path: Path) -> None:
    for name in ("A", "B"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("The army left.", encoding="utf-8")
        (tmp_path / name / "index.csv").write_text("file,outlet\na.txt,X\ngone.txt,Y\n", encoding="utf-8")
    found = expand([str(tmp_path / "A"), str(tmp_path / "B")])
    assert sum(not file.problem for file in found) == 2
    assert len({file.label for file in found if file.problem}) == 2


def test_an_absent_file_of_an_index_elsewhere_is_not_the_one_that_is_there(tmp_path: Path) -> None:
    for name in ("A", "C"):
        (tmp_path / name).mkdir()
    (tmp_path / "A" / "a.txt").write_text("The army left.", encoding="utf-8")
    (tmp_path / "C" / "idx.csv").write_text("file,outlet\na.txt,X\n", encoding="utf-8")
    found = expand([str(tmp_path / "A")], index=str(tmp_path / "C" / "idx.csv"))
    assert [bool(file.problem) for file in found] == [False, True]
    assert found[0].label == "a.txt"


def test_a_text_that_is_no_export_is_set_aside_where_exports_are_wanted(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("The army left.", encoding="utf-8")
    rejected: list[Rejected] = []
    assert list(read([str(tmp_path)], format="archive", on_reject=rejected.append)) == []
    assert ["no export" in one.reason for one in rejected] == [True, True]
    with pytest.raises(UnreadableFileError, match=r"a\.txt is no export"):
        list(read([str(tmp_path / "a.txt")], format="archive"))


def test_a_table_of_texts_that_is_called_index(tmp_path: Path) -> None:
    write(tmp_path / "index.csv", "id,text\n1,It rained.\n")
    assert labels(tmp_path) == ["index.csv"]


def test_names_that_stand_for_nothing(tmp_path: Path) -> None:
    for name in ("missing.jsonl", "*.csv", "none/"):
        with pytest.raises(UnreadableFileError, match="there is no file"):
            expand([f"{tmp_path}/{name}"])
    with pytest.raises(InputError, match="holds no files"):
        expand([str(tmp_path)])
    with pytest.raises(SettingError, match="did you mean 'jsonl'"):
        expand([str(tmp_path)], format="jsnl")
    with pytest.raises(MissingExtraError, match="cannot be reached"):
        expand(["nothing://host/a.txt"])


def test_a_folder_that_may_not_be_entered(tmp_path: Path) -> None:
    write(tmp_path / "a.txt")
    write(tmp_path / "closed" / "b.txt")
    (tmp_path / "closed").chmod(0)
    try:
        if os.access(tmp_path / "closed", os.R_OK):
            pytest.skip("this user may enter every folder")
        files = {file.label: file.problem for file in expand([str(tmp_path)])}
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert "cannot be read: Permission denied" in files["closed/"]


def test_the_input_that_an_output_would_be_part_of(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a[1].txt")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    names = ["-", "s3://bucket/x", str(tmp_path / "other"), str(tmp_path / "in")]
    assert input_with(tmp_path / "in" / "sub" / "out.jsonl", names) == names[-1]
    assert input_with(tmp_path / "link" / "out.jsonl", names) == names[-1]
    assert input_with(tmp_path / "in" / "a[1].txt", [str(tmp_path / "in" / "a[1].txt")])
    assert input_with(tmp_path / "in" / "a[1].txt", [str(tmp_path / "in" / "*.txt")])
    assert input_with(tmp_path / "out.jsonl", names) is None


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    filesystem = fsspec.filesystem("memory")
    for name in ("a.txt", "sub/b.jsonl.gz", "sub/_SUCCESS", "outlet=X/c.txt", "d.png", "index.csv"):
        content = b"It rained." if not name.endswith("csv") else b"file,id\na.txt,first\n"
        filesystem.pipe(f"/corpus/{name}", content)
    yield filesystem
    filesystem.rm("/corpus", recursive=True)


def test_addresses(memory: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    files = {file.label: file for file in expand(["memory://corpus"])}
    assert list(files) == ["a.txt", "d.png", "outlet=X/c.txt", "sub/b.jsonl.gz"]
    assert (files["a.txt"].size, files["a.txt"].known["id"]) == (10, "first")
    assert files["outlet=X/c.txt"].partition == {"outlet": "X"}
    assert "tells no format" in files["d.png"].problem
    assert labels("memory://corpus/*.txt") == ["a.txt"]
    assert labels("memory://corpus/sub/b.jsonl.gz") == ["b.jsonl.gz"]
    assert labels("memory://corpus/sub", write(tmp_path / "x.txt"))[0] == "memory://corpus/sub/b.jsonl.gz"
    for name in ("memory://corpus/none.txt", "memory://corpus/*.csv.gz"):
        with pytest.raises(UnreadableFileError, match="there is no file"):
            expand([name])


def test_documents_of_addresses(memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe("/corpus/rows.jsonl", json.dumps({"text": "It snowed."}).encode())
    assert [d.text for d in read("memory://corpus/rows.jsonl")] == ["It snowed."]
    assert {d.id: d.outlet for d in read("memory://corpus/**/*.txt")} == {"a.txt": None, "outlet=X/c.txt": "X"}
