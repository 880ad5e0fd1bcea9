"""Rows that kill the process that labels them are found and set aside, whatever runs the job; nothing else is lost."""

from __future__ import annotations

import multiprocessing
import signal
from pathlib import Path
from typing import Any

import pytest

from framing.batch import local, trial
from framing.batch.job import Job
from framing.batch.local import run_on_devices
from framing.batch.plan import Model
from framing.batch.progress import Tally
from framing.batch.verify import verify
from framing.labeler import Labeler
from framing.types import Document
from tests.batch import killing
from tests.batch.corpora import Rows, articles, contents, records, rejected, settings, write_jsonl

pytestmark = pytest.mark.slow

#: Of twenty rows in two units; two in one of them, one the last.
KILLERS = (3, 12, 19)


@pytest.fixture
def rows() -> Rows:
    found = articles(20)
    for number in KILLERS:
        found[number]["text"] = f"{killing.DEADLY}. {found[number]['text']}"
    return found


def check_killers_alone_are_lost(job: Job) -> None:
    lost = rejected(job.folder)
    assert [row["row"] for row in lost] == [number + 1 for number in KILLERS]
    assert {row["reason"] for row in lost} == {"the text could not be labelled: processes died over it (SIGSEGV)"}
    assert all(row["value"].startswith(killing.DEADLY) for row in lost)
    assert {row["document_id"] for row in records(job.folder)} == {f"a{n}" for n in range(20) if n not in KILLERS}
    assert verify(job).problems == []
    assert list((job.folder / "attempts").iterdir()) == []


def test_a_job_of_one_process_gets_past_them(rows: Rows, tiny_model: Model, tiny_folder: Path, tmp_path: Path) -> None:
    """Started again by whoever sees that it has ended; two processes die over each unit that has killers."""
    corpus = write_jsonl(tmp_path / "in.jsonl", rows)
    context = multiprocessing.get_context("spawn")
    ended = []
    while not ended or ended[-1] != 0:
        _, there = context.Pipe()
        arguments = (there, corpus, tmp_path / "out", settings(rows=10), tiny_model, tiny_folder)
        process = context.Process(target=killing.deadly_work, args=arguments)
        process.start()
        process.join()
        ended.append(process.exitcode)
        assert len(ended) < 10
    assert ended == [-signal.SIGSEGV] * 4 + [0]
    check_killers_alone_are_lost(Job.load(tmp_path / "out"))


def test_processes_on_devices_get_past_them(
    plan_job: Any, rows: Rows, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_process", killing.deadly_process)
    job = plan_job(write_jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out", settings(rows=10))
    loading = {"checkpoint": str(tiny_folder), "engine": "onnx", "threads": 1}
    run_on_devices(job, job.plan.units, ["cpu"], loading, Tally(2, 20))
    check_killers_alone_are_lost(job)
    assert multiprocessing.active_children() == []


def test_actors_on_ray_get_past_them(
    plan_job: Any, rows: Rows, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray", reason="the extra framing[ray] is not installed")
    from framing.batch.ray import Cluster

    job = plan_job(write_jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out", settings(rows=10))
    monkeypatch.setattr("framing.batch.ray.UnitRunner", killing.deadly_runner())
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        loading = {"checkpoint": str(tiny_folder), "engine": "onnx", "threads": 1, "device": "cpu"}
        with Cluster("auto", loading, 1) as cluster:
            cluster.run(job, job.plan.units, Tally(2, 20))
    finally:
        ray.shutdown()
    check_killers_alone_are_lost(job)


@pytest.mark.parametrize("sentences", [False, True])
def test_each_is_found_among_many(tiny_labeler: Labeler, monkeypatch: pytest.MonkeyPatch, sentences: bool) -> None:
    monkeypatch.setattr(trial, "_process", killing.deadly_trial)
    monkeypatch.setattr(trial, "_GROUP", 16)
    documents = [Document(f"{killing.DEADLY}." if number in (0, 20, 21) else "Fine.") for number in range(40)]
    assert trial.deadly(tiny_labeler, documents, sentences=sentences) == dict.fromkeys((0, 20, 21), "SIGSEGV")
    assert multiprocessing.active_children() == []


def test_what_raises_an_error_kills_nothing(tiny_labeler: Labeler, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [Document("Fine."), Document(None)]  # type: ignore[arg-type]
    assert trial.deadly(tiny_labeler, documents, sentences=False) == {}


@pytest.fixture
def killed_twice(run_job: Any, plan_job: Any, tmp_path: Path) -> Job:
    """A job over whose second unit two processes have died, and beside it the whole one."""
    corpus = write_jsonl(tmp_path / "in.jsonl", articles(12))
    run_job(corpus, tmp_path / "whole")
    job: Job = plan_job(corpus, tmp_path / "out")
    for _ in range(2):
        job.begin(job.plan.units[1])
    return job


def test_a_process_that_dies_over_anything_tells_nothing(
    run_job: Any, killed_twice: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as for want of memory for a second model: a unit that was killed from outside is done as any other."""
    monkeypatch.setattr(trial, "_process", killing.die_at_once)
    run_job(tmp_path / "in.jsonl", tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_unit_that_was_killed_from_outside_loses_nothing(
    run_job: Any, killed_twice: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []
    monkeypatch.setattr("framing.batch.work.deadly", lambda *given, **named: tried.append(len(given[1])) or {})
    run_job(tmp_path / "in.jsonl", tmp_path / "out")
    assert tried == [4]
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
