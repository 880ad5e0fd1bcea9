"""The benchmark of a large corpus: articles repeated, a process killed and one that ends, and what is compared."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

from benchmarks.batch_corpus import compare_repetitions, done_again, run_stretch, write_articles
from framing.batch.job import Job
from framing.batch.verify import verify
from framing.errors import FramingError
from framing.text.sentences import split
from framing.types import Document
from tests.batch.corpora import articles

pytestmark = pytest.mark.slow


def documents() -> list[Document]:
    return [Document(row["text"], id="same", outlet=row["outlet"]) for row in articles(6)]


def test_articles_are_repeated_whole_until_there_are_enough_sentences(tmp_path: Path) -> None:
    per_round = sum(len(split(document.text)) for document in documents())
    assert write_articles(documents(), tmp_path / "c.jsonl", 3 * per_round - 1) == 18
    rows = [json.loads(line) for line in (tmp_path / "c.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in rows] == [document.text for document in documents()] * 3
    assert len({row["id"] for row in rows}) == 18


def test_a_job_that_is_killed_and_gone_on_with_is_compared(tiny_folder: Path, tmp_path: Path) -> None:
    corpus, output = tmp_path / "c.jsonl", tmp_path / "job"
    rows = write_articles(documents(), corpus, 100)
    command = [sys.executable, "-m", "framing", "batch", str(corpus), str(output), "--model", str(tiny_folder)]
    command += ["--unit-rows", "4", "--progress", "json", "--engine", "onnx", "--threads", "1"]
    chance = random.Random(0)
    chance.uniform = lambda low, high: low  # type: ignore[method-assign]  # killed as soon as a unit is done
    first = run_stretch(command, "local", 0, 1, chance)
    last = run_stretch(command, "local", len(first.units), None, chance)
    assert (first.killed, last.killed) == (True, False)
    assert len(first.units) >= 1
    assert first.peak is not None
    job = Job.load(output)
    assert verify(job).problems == []
    found = compare_repetitions(job, 6)
    assert (found.articles, found.differing) == (6, 0)
    assert found.sentences == verify(job).sentences
    assert found.largest_difference < 1e-4
    assert rows == job.plan.rows
    units = [0, len(job.plan.units) - 1]
    assert done_again(job, corpus, tmp_path / "again", tiny_folder, units) == []
    with job.path("done", 0, "json").open("r+", encoding="utf-8") as stream:
        record = json.load(stream)
        record["files"][0]["sha256"] = "0" * 64
        stream.seek(0)
        json.dump(record, stream)
        stream.truncate()
    assert done_again(job, corpus, tmp_path / "once more", tiny_folder, units) == [0]


def test_a_process_that_fails_by_itself_is_told(tiny_folder: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "framing", "batch", str(tmp_path / "none.jsonl"), str(tmp_path / "out")]
    with pytest.raises(FramingError, match="the job failed"):
        run_stretch(command, "local", 0, None, random.Random(0))
