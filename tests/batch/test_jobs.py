"""Jobs: stopped and gone on with, refused where something changed, and honest about what cannot be used."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from framing.batch.job import Job, Task, locked
from framing.batch.plan import Plan
from framing.batch.verify import verify
from framing.errors import InputError, OutputError, SettingError
from framing.labeler import Labeler
from tests.batch.corpora import articles, contents, records, rejected, settings, texts, write_jsonl


class Stopping:
    """Stops a job after some units, as Ctrl-C does."""

    def __init__(self, units: int) -> None:
        self.left = units

    def on_rows(self, rows: int, sentences: int, tokens: int) -> None:
        pass

    def on_done(self, record: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


class Counting:
    """A labeler that counts what it is asked."""

    tokens_read = 0

    def __init__(self, labeler: Labeler) -> None:
        self._labeler = labeler
        self.engine = labeler.engine
        self.texts: list[str] = []

    def __call__(self, sentences: str) -> Any:
        return self._labeler(sentences)

    def in_columns(self, documents: Any, *, sentences: bool) -> Any:
        documents = list(documents)
        self.texts += [document.text for document in documents]
        return self._labeler.in_columns(documents, sentences=sentences)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "in.jsonl", [*articles(20), {"text": None}])


# --- stopped and gone on with -----------------------------------------------------------------------------------------


def test_going_on_gives_the_same_bytes_and_does_nothing_twice(
    run_job: Any, tiny_labeler: Labeler, corpus: Path, tmp_path: Path
) -> None:
    run_job(corpus, tmp_path / "whole", settings(rows=2))
    with pytest.raises(KeyboardInterrupt):
        run_job(corpus, tmp_path / "out", settings(rows=2), observer=Stopping(4))
    done = [path.name for path in (tmp_path / "out" / "done").iterdir()]
    assert 4 <= len(done) <= 6
    counting = Counting(tiny_labeler)
    job = run_job(corpus, tmp_path / "out", settings(rows=2), labeler=counting)
    assert len(counting.texts) == 20 - 2 * len(done)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert verify(job).problems == []
    run_job(corpus, tmp_path / "out", settings(rows=2), labeler=None)  # there is nothing left to label


def test_what_a_killed_process_leaves_is_cleared_away(run_job: Any, corpus: Path, tmp_path: Path) -> None:
    run_job(corpus, tmp_path / "out")
    expected = contents(tmp_path / "out")
    shards = tmp_path / "out" / "shards"
    (tmp_path / "out" / "done" / "000001.json").unlink()  # killed between the shard's name and its record
    (shards / ".000001.parquet.x1.partial").write_bytes(b"half")
    (tmp_path / "out" / "done" / "000002.json").write_text("", encoding="utf-8")
    (shards / "000003.parquet").unlink()
    run_job(corpus, tmp_path / "out")
    assert contents(tmp_path / "out") == expected


def test_a_job_that_was_killed_while_it_planned(run_job: Any, corpus: Path, tmp_path: Path) -> None:
    run_job(corpus, tmp_path / "whole")
    out = tmp_path / "out"
    out.mkdir()
    (out / "lock").touch()
    (out / ".plan.json.x1.partial").write_text("half", encoding="utf-8")
    run_job(corpus, out)
    assert contents(out) == contents(tmp_path / "whole")
    shutil.rmtree(out)
    out.mkdir()
    shutil.copy(tmp_path / "whole" / "plan.json", out)  # killed between the plan and the folders
    run_job(corpus, out)
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.slow
def test_array_tasks_do_the_whole_job_together(run_job: Any, corpus: Path, tmp_path: Path) -> None:
    run_job(corpus, tmp_path / "whole", settings(rows=2))
    for number in (2, 0, 1):
        run_job(corpus, tmp_path / "out", settings(rows=2), task=Task(number, 3))
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("text", ["3/3", "1", "a/b", "-1/2", "1/0"])
def test_tasks_that_are_none(text: str) -> None:
    with pytest.raises(SettingError, match="--shard-of"):
        Task.parse(text)


# --- locks ------------------------------------------------------------------------------------------------------------


def test_two_jobs_at_once(run_job: Any, corpus: Path, tmp_path: Path) -> None:
    run_job(corpus, tmp_path / "out")
    with locked(tmp_path / "out", Task(0, 1)), pytest.raises(OutputError, match=f"process {os.getpid()} on"):
        run_job(corpus, tmp_path / "out")
    with locked(tmp_path / "out", Task(0, 2)):
        run_job(corpus, tmp_path / "out", task=Task(1, 2))
        for refused in (Task(0, 1), Task(0, 2)):
            with pytest.raises(OutputError, match="another job works in"):
                run_job(corpus, tmp_path / "out", task=refused)
    run_job(corpus, tmp_path / "out")


# --- plans ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"rows": 5}, "settings.limits.rows was 4 and is now 5"),
        ({"sentences": True}, "settings.sentences was False and is now True"),
        ({"carry": ("outlet",)}, "settings.carry"),
        ({"outlet": "Y"}, "settings.outlet was not there and is now 'Y'"),
        ({"dedup": "exact"}, "settings.dedup was 'none' and is now 'exact'"),
        ({"mentions": True}, "settings.mentions"),
    ],
)
def test_other_settings_are_refused(
    run_job: Any, corpus: Path, tmp_path: Path, changed: dict[str, Any], field: str
) -> None:
    run_job(corpus, tmp_path / "out")
    with pytest.raises(SettingError, match=field):
        run_job(corpus, tmp_path / "out", settings(**changed))


@pytest.mark.parametrize("field", ["checkpoint", "codebook", "thresholds", "engine", "precision"])
def test_another_model_is_refused(run_job: Any, tiny_model: Any, corpus: Path, tmp_path: Path, field: str) -> None:
    from dataclasses import replace

    run_job(corpus, tmp_path / "out")
    with pytest.raises(SettingError, match=f"model.{field} was .* and is now 'other'"):
        run_job(corpus, tmp_path / "out", model=replace(tiny_model, **{field: "other"}))


def test_another_version_of_the_package_is_refused(
    run_job: Any, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_job(corpus, tmp_path / "out")
    monkeypatch.setattr("framing.__version__", "9.9")
    with pytest.raises(SettingError, match=r"framing was .* and is now '9\.9'"):
        run_job(corpus, tmp_path / "out")


def test_the_content_counts_and_not_the_time(run_job: Any, corpus: Path, tmp_path: Path) -> None:
    run_job(corpus, tmp_path / "out")
    os.utime(corpus, (0, 0))
    run_job(corpus, tmp_path / "out")
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.move(corpus, tmp_path / "elsewhere" / corpus.name)
    run_job(moved, tmp_path / "out")
    data = Path(moved).read_bytes()
    Path(moved).write_bytes(data.replace(b"Article 7", b"Article 8"))
    with pytest.raises(SettingError, match=r"input\.in\.jsonl was"):
        run_job(moved, tmp_path / "out")


def test_a_plan_read_back_is_the_plan(run_job: Any, tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(articles(9)), tmp_path / "in.parquet", row_group_size=4)
    job: Job = run_job(tmp_path / "in.parquet", tmp_path / "out", settings(carry=("outlet",)))
    assert Job.load(tmp_path / "out") == job
    with pytest.raises(OutputError, match="has version 99"):
        Plan.from_json(json.dumps({"version": 99, "framing": "9"}), "plan.json")
    with pytest.raises(OutputError, match="is not a plan"):
        Plan.from_json("{}", "plan.json")


# --- input that changes, and input that is damaged --------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_input_that_changes_under_the_job(run_job: Any, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"in.{kind}"
    if kind == "jsonl":
        write_jsonl(path, [{**row, "filler": "x" * 50_000} for row in articles(20)])  # more than a buffer holds
    else:
        table = pyarrow.Table.from_pylist(articles(20))
        pyarrow.parquet.write_table(table, path, row_group_size=2, compression="none", use_dictionary=False)

    class Changing(Stopping):
        def on_done(self, record: Any) -> None:
            path.write_bytes(path.read_bytes().replace(b"Article 19", b"Article 91"))

    with pytest.raises(InputError, match="has changed since the job was planned: bytes"):
        run_job(path, tmp_path / "out", settings(rows=2), observer=Changing(0))
    assert 0 < len(list((tmp_path / "out" / "done").iterdir())) < 10


def test_a_damaged_row_group_in_the_middle(run_job: Any, tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pylist(articles(30)),
        path,
        row_group_size=10,
        write_page_checksum=True,
        use_dictionary=False,
    )
    column = pyarrow.parquet.ParquetFile(path).metadata.row_group(1).column(1)
    data = bytearray(path.read_bytes())
    middle = column.data_page_offset + column.total_compressed_size // 2
    data[middle : middle + 8] = bytes(8)
    path.write_bytes(data)
    job = run_job(path, tmp_path / "out", settings(rows=7))
    assert [row["row"] for row in rejected(tmp_path / "out")] == list(range(11, 21))
    assert all("damaged" in row["reason"] for row in rejected(tmp_path / "out"))
    assert {row["document_id"] for row in records(tmp_path / "out")} == {
        f"a{number}" for number in [*range(10), *range(20, 30)]
    }
    assert verify(job).problems == []


def test_a_damaged_file_among_others(run_job: Any, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "abc":
        pyarrow.parquet.write_table(pyarrow.table({"text": texts(5)}), folder / f"{name}.parquet")
    (folder / "b.parquet").write_bytes((folder / "b.parquet").read_bytes()[:-20])
    job = run_job(folder, tmp_path / "out")
    (lost,) = rejected(tmp_path / "out")
    assert (lost["input"], lost["row"]) == ("b.parquet", None)
    assert Counter(row["input"] for row in records(tmp_path / "out")).keys() == {"a.parquet", "c.parquet"}
    assert verify(job).problems == []


def test_nulls_and_nul_characters(run_job: Any, tmp_path: Path) -> None:
    table = pyarrow.table({"text": pyarrow.array(["Rebels\x00left.", None, "\x00\x00", "Rain."], "string")})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet", row_group_size=1)
    run_job(tmp_path / "in.parquet", tmp_path / "out")
    assert [(row["row"], row["text"]) for row in records(tmp_path / "out")] == [(1, "Rebels left."), (4, "Rain.")]
    reasons = {row["row"]: row["reason"] for row in rejected(tmp_path / "out")}
    assert "holds nothing" in reasons[2]
    assert "empty text" in reasons[3]


# --- output that cannot be written ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_full_disk(run_job: Any, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_job(corpus, tmp_path / "whole", settings(rows=2))
    real, calls = os.fsync, iter(range(1000))

    def full(handle: int) -> None:
        if next(calls) > 12:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(OutputError, match="No space left on device"):
            run_job(corpus, tmp_path / "out", settings(rows=2))
    left = [path.name for path in (tmp_path / "out").rglob("*") if ".partial" in path.name]
    assert left == []
    run_job(corpus, tmp_path / "out", settings(rows=2))
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_disk_that_fills_while_a_shard_is_written(
    run_job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = write_jsonl(tmp_path / "in.jsonl", articles(40))

    def full(writer: Any, data: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("framing.batch.shards._HashingWriter.write", full)
        with pytest.raises(OutputError, match="No space left on device"):
            run_job(corpus, tmp_path / "out", settings(rows=40))
    assert sorted(contents(tmp_path / "out")) == ["plan.json"]


@pytest.mark.parametrize("fresh", [True, False])
def test_a_folder_of_something_else(fresh: bool, tmp_path: Path) -> None:
    from framing.batch.job import create_folder

    (tmp_path / "thesis.docx").touch()
    with pytest.raises(OutputError, match=r"thesis\.docx"):
        create_folder(tmp_path, fresh=fresh)


# --- many shapes of one corpus ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_unit_size_changes_no_record(run_job: Any, tmp_path: Path) -> None:
    corpus = write_jsonl(tmp_path / "in.jsonl", articles(30))
    run_job(corpus, tmp_path / "small", settings(rows=1))
    run_job(corpus, tmp_path / "large", settings(rows=100))

    small, large = records(tmp_path / "small"), records(tmp_path / "large")
    for one, other in zip(small, large, strict=True):
        for name in ("document_id", "row", "index", "start", "end", "text", "kind"):
            assert one[name] == other[name]
        # Batches of other lengths add up in another order, which may show in the last digit.
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)


def test_sentences_are_not_cut(run_job: Any, tiny_labeler: Labeler, tmp_path: Path) -> None:
    lines = ['He said "Rebels left. The army came.', "Heroes fled the city"]
    rows = [{"text": line, "id": str(number), "title": "Rain"} for number, line in enumerate(lines)]
    run_job(write_jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out", settings(sentences=True))
    found = records(tmp_path / "out")
    assert [(row["document_id"], row["index"], row["text"]) for row in found] == [
        ("0", 0, lines[0]),
        ("1", 0, lines[1]),
    ]
    alone = [tiny_labeler(line) for line in lines]
    assert [[frame["label"] for frame in row["frames"]] for row in found] == [list(one.frames) for one in alone]
