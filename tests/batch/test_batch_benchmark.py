"""The benchmark of batch jobs labels alike with and without the job."""

from __future__ import annotations

from pathlib import Path

from benchmarks.batch_speed import alone, as_job
from framing.labeler import Labeler
from tests.batch.corpora import articles, settings, write_jsonl


def test_a_pass_alone_and_as_a_job(tiny_labeler: Labeler, tmp_path: Path) -> None:
    corpus = write_jsonl(tmp_path / "in.jsonl", articles(20))
    bare, job = alone(tiny_labeler, corpus), as_job(tiny_labeler, corpus, tmp_path / "out", settings(rows=5))
    assert bare.sentences == job.sentences > 20
    assert min(bare.seconds, job.seconds) > 0
