"""The local runner: several processes give what one gives, and one that dies takes nothing with it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from framing.batch import local
from framing.batch.job import UnitRecord
from framing.batch.local import run_on_devices
from framing.batch.progress import JsonProgress, Tally
from framing.batch.units import Unit
from framing.batch.verify import verify
from framing.errors import InputError, WorkerDiedError
from framing.labeler import Labeler
from framing.text.sentences import split
from tests.batch import killing
from tests.batch.corpora import articles, contents, settings, write_jsonl

pytestmark = pytest.mark.slow


@pytest.fixture
def begun(run_job: Any, plan_job: Any, tmp_path: Path) -> Any:
    """A whole job, and one that is planned and has nothing done."""
    corpus = write_jsonl(tmp_path / "in.jsonl", articles(60))
    run_job(corpus, tmp_path / "whole", settings(rows=4))
    return plan_job(corpus, tmp_path / "out", settings(rows=4))


def loading(folder: Path) -> dict[str, Any]:
    return {"checkpoint": str(folder), "engine": "onnx", "threads": 1}


def test_units_are_read_and_written_close_to_what_is_labelled(
    plan_job: Any, tiny_labeler: Labeler, tmp_path: Path
) -> None:
    """Neither a reader that is faster than the model nor a disk that is slower may fill the memory."""
    job = plan_job(write_jsonl(tmp_path / "in.jsonl", articles(12)), tmp_path / "out", settings(rows=1))
    tally = Tally(12, 12)
    in_memory = []

    def units() -> Iterator[Unit]:
        for given, unit in enumerate(job.plan.units, start=1):
            in_memory.append(given - tally.units)
            yield unit

    local.run(job, tiny_labeler, units(), tally)
    assert tally.units == len(in_memory) == 12
    # Two that are read ahead, one that is labelled, one that is written.
    assert max(in_memory) == 4


class KillingOne(Tally):
    """Kills one of the processes when it first hears of a unit."""

    def on_done(self, record: UnitRecord) -> None:
        if self.units == 0:
            multiprocessing.active_children()[0].kill()
        super().on_done(record)


def test_two_processes_one_of_which_is_killed(begun: Any, tiny_folder: Path, tmp_path: Path) -> None:
    tally = KillingOne(15, 60)
    run_on_devices(begun, begun.plan.units, ["cpu", "cpu"], loading(tiny_folder), tally)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert verify(begun).problems == []
    assert multiprocessing.active_children() == []


def test_a_unit_that_kills_its_process_again(
    begun: Any, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_process", killing.die)
    with pytest.raises(WorkerDiedError, match=r"exit code 11\) over unit 0, rows 1 and on of in.jsonl, as 2"):
        run_on_devices(begun, begun.plan.units, ["cpu"], loading(tiny_folder), Tally(15, 60))
    assert multiprocessing.active_children() == []


def test_what_a_process_runs_into_is_raised_here(begun: Any, tiny_folder: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "in.jsonl"
    corpus.write_bytes(corpus.read_bytes().replace(b"Article 0", b"Article 1"))
    with pytest.raises(InputError, match="has changed since the job was planned"):
        run_on_devices(begun, begun.plan.units, ["cpu"], loading(tiny_folder), Tally(15, 60))


# --- progress ---------------------------------------------------------------------------------------------------------


def record(unit: int, *, rows: int = 10, rejected: int = 0, sentences: int = 30) -> UnitRecord:
    return UnitRecord(unit, "x", rows, rows - rejected, rejected, 0, sentences, 0, ())


def test_rates_and_costs_are_those_of_this_run() -> None:
    now = 0.0
    tally = Tally(units_total=4, rows_total=40, clock=lambda: now)
    now = 100.0
    tally.begin([record(0), record(1, rejected=2)])
    assert (tally.rows, tally.rejected, tally.seconds_left) == (20, 2, None)
    assert tally.cost_per_million(3.6) is None
    now = 105.0
    tally.on_rows(10, 50, 1500)
    tally.on_done(record(2))
    assert (tally.rows_per_second, tally.sentences_per_second, tally.seconds_left) == (2.0, 10.0, 5.0)
    # 5 s at 3.60 an hour are half a cent, for 50 sentences.
    assert tally.cost_per_million(3.6) == pytest.approx(0.005 / 50 * 1e6)


def test_tokens_are_those_that_the_model_has_read(run_job: Any, tiny_labeler: Any, tmp_path: Path) -> None:
    rows = articles(20)
    encoder = tiny_labeler.checkpoint.sentence_encoder()
    expected = sum(len(sentence) for row in rows for sentence in encoder.encode([s.text for s in split(row["text"])]))
    fresh = Labeler(tiny_labeler.checkpoint, tiny_labeler.engine)
    tally = Tally(0, 0)
    corpus = write_jsonl(tmp_path / "in.jsonl", rows)
    run_job(corpus, tmp_path / "out", settings(rows=7), labeler=fresh, observer=tally)
    assert tally.tokens_now == fresh.tokens_read == expected


def test_lines_of_json() -> None:
    import io
    import json

    now = 0.0
    stream = io.StringIO()
    tally = Tally(units_total=2, rows_total=20, clock=lambda: now)
    tally.begin([])
    progress = JsonProgress(tally, stream)
    now = 2.0
    progress.on_rows(10, 30, 900)
    progress.on_done(record(0, rejected=1))
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert line == {
        "event": "progress",
        "unit": 0,
        "units": 1,
        "units_total": 2,
        "rows": 10,
        "rows_total": 20,
        "labelled": 9,
        "rejected": 1,
        "copies": 0,
        "sentences": 30,
        "mentions": 0,
        "seconds": 2.0,
        "rows_per_second": 5.0,
        "sentences_per_second": 15.0,
        "tokens_per_second": 450.0,
        "seconds_left": 2.0,
    }
