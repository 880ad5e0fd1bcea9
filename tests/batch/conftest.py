"""Batch jobs in this process, with the tiny checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from framing.batch import local
from framing.batch.job import WHOLE, Job, Task, create_folder, locked, open_job
from framing.batch.local import run
from framing.batch.plan import Model, Settings
from framing.batch.progress import Tally
from framing.labeler import Labeler
from tests.batch.corpora import settings


@pytest.fixture(scope="session")
def tiny_model(tiny_labeler: Labeler) -> Model:
    return Model.of(tiny_labeler)


RunJob = Callable[..., Job]


@pytest.fixture
def run_job(tiny_labeler: Labeler, tiny_model: Model) -> RunJob:
    """Runs a job to its end, or that of a task; `run_job("a.jsonl", out, settings(rows=2))`."""

    def run_it(
        inputs: Any,
        folder: Path,
        chosen: Settings | None = None,
        *,
        labeler: Any = tiny_labeler,
        task: Task = WHOLE,
        observer: Any = None,
        model: Model = tiny_model,
    ) -> Job:
        names = [str(name) for name in (inputs if isinstance(inputs, list) else [inputs])]
        create_folder(folder, fresh=False)
        with locked(folder, task):
            job = open_job(names, folder, chosen or settings(), model)
            todo = job.standing(unit for unit in job.plan.units if task.has(unit)).todo
            job.sweep(todo)
            run(job, labeler, iter(todo), observer or Tally(0, 0))
        return job

    return run_it


@pytest.fixture
def plan_job(run_job: RunJob, monkeypatch: pytest.MonkeyPatch) -> RunJob:
    """Plans a job, as `run_job` does it, and does nothing of it."""

    def plan_it(*arguments: Any, **named: Any) -> Job:
        with monkeypatch.context() as patch:
            patch.setattr(local, "_work_through", lambda *arguments: None)
            return run_job(*arguments, **named)

    return plan_it
