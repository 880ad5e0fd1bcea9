"""kill -9 at random moments: what is gone on with is, byte for byte, what was never interrupted."""

from __future__ import annotations

import multiprocessing
import random
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from framing.batch.job import Job
from framing.batch.plan import Model
from framing.batch.verify import verify
from tests.batch import killing
from tests.batch.corpora import articles, contents, settings, write_jsonl

pytestmark = pytest.mark.slow

KILLS = 10


def test_killed_again_and_again(run_job: Any, tiny_model: Model, tiny_folder: Path, tmp_path: Path) -> None:
    chance = random.Random(4)
    corpus = write_jsonl(tmp_path / "in.jsonl", [*articles(120), {"text": None}])
    chosen = settings(rows=2, mentions=True, dedup="exact")
    run_job(corpus, tmp_path / "whole", chosen)
    # Forked off a server that has imported what takes seconds, each process begins at once.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.batch.killing", "framing.engine.onnx", "pyarrow.parquet"])
    kills = 0
    while not _is_done(tmp_path / "out"):
        here, there = context.Pipe()
        arguments = (there, corpus, tmp_path / "out", chosen, tiny_model, tiny_folder)
        process = context.Process(target=killing.work, args=arguments)
        process.start()
        there.close()
        if kills < KILLS:
            if kills % 5:  # or while it loads, locks and plans
                _hear(here, 1 + chance.randint(0, 2))
            time.sleep(chance.uniform(0, 0.02))
            process.kill()
            kills += 1
        process.join()
        here.close()
    assert kills == KILLS
    found = contents(tmp_path / "out")
    # Killed between the two steps that end a unit, a process leaves the count of its attempts, which nobody reads.
    left = [name for name in found if name.startswith("attempts/")]
    assert all(f"done/{Path(name).stem}.json" in found for name in left)
    assert {name: hash_ for name, hash_ in found.items() if name not in left} == contents(tmp_path / "whole")
    assert verify(Job.load(tmp_path / "out")).problems == []


def _hear(connection: Connection, messages: int) -> None:
    """Wait for so many messages, or for the end of the process."""
    with suppress(EOFError):
        for _ in range(messages):
            connection.recv()


def _is_done(folder: Path) -> bool:
    if not (folder / "plan.json").exists():
        return False
    job = Job.load(folder)
    return all(job.done(unit) for unit in job.plan.units)
