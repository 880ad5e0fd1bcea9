"""What once went wrong with jobs and was told or healed by nobody."""

from __future__ import annotations

import datetime
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from framing.batch import job as jobs
from framing.batch import local
from framing.batch.job import WHOLE, Job, Task, UnitRecord, create_folder, locked
from framing.batch.local import run_on_devices
from framing.batch.plan import Plan
from framing.batch.progress import Tally
from framing.batch.runs import Observer, complete
from framing.batch.units import Unit
from framing.batch.verify import repair, verify
from framing.cli.main import app
from framing.errors import JobIncompleteError, OutputError, SettingError
from framing.labeler import Labeler
from tests.batch import killing
from tests.batch.corpora import articles, contents, settings, write_jsonl
from tests.batch.killing import alive

pytestmark = pytest.mark.slow


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "in.jsonl", [*articles(20), {"text": None}])


@pytest.fixture
def batch(tiny_folder: Path) -> Callable[..., Result]:
    """Runs `framing batch` in this process; a traceback fails the test."""

    def run(*arguments: Any) -> Result:
        words = ["batch", "--model", str(tiny_folder), "--engine", "onnx", "--threads", "1", *map(str, arguments)]
        result = CliRunner().invoke(app, words, prog_name="framing")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def loading(folder: Path) -> dict[str, Any]:
    return {"checkpoint": str(folder), "engine": "onnx", "threads": 1}


def flip(path: Path, place: float = 0.5) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 1
    path.write_bytes(data)


# --- the end of a run -------------------------------------------------------------------------------------------------


def test_workers_that_all_die_while_they_load(
    batch: Callable[..., Result], corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 11, fault 1: it said "0 rows labelled" and left with 0."""
    monkeypatch.setattr(local, "_process", killing.die_at_once)
    result = batch(corpus, tmp_path / "out", "--unit-rows", 5, "--device", "cpu,cpu")
    assert result.exit_code == 2
    assert "5 of 5 units are not done (0, 1, 2, 3, 4), 21 rows: " in result.stderr
    assert "processes in a row died while they loaded the model on cpu (exit code 3)" in result.stderr
    assert "start the job again" in result.stderr
    assert "rows labelled" not in result.stderr


def test_a_worker_that_dies_once_while_it_loads_is_replaced(
    plan_job: Any, corpus: Path, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 11, fault 1."""
    job = plan_job(corpus, tmp_path / "out")
    monkeypatch.setenv("FRAMING_TEST_DIES_ONCE", str(tmp_path / "died"))
    monkeypatch.setattr(local, "_process", killing.die_at_first_start)

    def runner(job: Job, units: Sequence[Unit], observer: Observer) -> list[str]:
        return run_on_devices(job, units, ["cpu"], loading(tiny_folder), observer)

    assert complete(job, job.plan.units, runner, Tally(0, 0)) == []
    assert (tmp_path / "died").exists()
    assert verify(job).problems == []


@pytest.mark.parametrize("done", [0, 2])
def test_no_runner_ends_with_units_that_are_not_done(plan_job: Any, corpus: Path, tmp_path: Path, done: int) -> None:
    """Issue 11, fault 1: whatever the runner, one check at the end."""
    job = plan_job(corpus, tmp_path / "out")

    def runner(job: Job, units: Sequence[Unit], observer: Observer) -> list[str]:
        for unit in units[:done]:
            observer.on_done(UnitRecord(unit.number, job.fingerprint, 4, 4, 0, 0, 8, 0, ()))
        return []

    with pytest.raises(JobIncompleteError, match=f"{6 - done} of 6 units are not done"):
        complete(job, job.plan.units, runner, Tally(0, 0))


def test_the_summary_adds_up(batch: Callable[..., Result], corpus: Path, tmp_path: Path) -> None:
    """Issue 11: rows planned = labelled + set aside; copies are among the labelled."""
    result = batch(corpus, tmp_path / "out", "--dedup", "exact")
    assert "21 rows planned, 20 labelled + 1 set aside, written to" in result.stderr
    assert "add up" not in result.stderr


def test_a_summary_that_does_not_add_up_says_so(
    batch: Callable[..., Result], corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 11: a unit that loses a row is told of at once."""
    tally = Tally(1, 10)
    tally.on_done(UnitRecord(0, "x", 10, 8, 1, 0, 30, 0, ()))
    assert not tally.adds_up
    monkeypatch.setattr("framing.batch.progress.Tally.adds_up", False)
    result = batch(corpus, tmp_path / "out")
    assert "This does not add up: 21 rows planned, 20 labelled + 1 set aside" in result.stderr
    assert "framing batch --verify" in result.stderr


# --- locks ------------------------------------------------------------------------------------------------------------


def test_the_package_imports_where_there_is_no_fcntl() -> None:
    """Issue 11, fault 7: fcntl is missing on Windows."""
    code = "import sys; sys.modules['fcntl'] = None; import framing.batch.job, framing.batch.local, framing.cli.batch"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    """Issue 11, fault 7: however the process ends, its lock is gone, and tasks and whole jobs exclude each other."""
    code = (
        "import os; from pathlib import Path; from framing.batch.job import Task, locked\n"
        f"with locked(Path({str(tmp_path)!r}), Task(1, 3)): print('in', flush=True); input()"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "in\n"
    for task in (WHOLE, Task(1, 3)):
        with (
            pytest.raises(OutputError, match=f"another job works in .*: process {other.pid} on"),
            locked(tmp_path, task),
        ):
            pass
    with locked(tmp_path, Task(0, 3)):
        other.kill()
        other.communicate()
        with locked(tmp_path, Task(1, 3)):
            pass


def test_array_tasks_of_another_number(run_job: Any, corpus: Path, tmp_path: Path) -> None:
    """Issue 11, fault 7: tasks of 3 and of 2 over one folder would do some units twice and others never."""
    out = tmp_path / "out"
    run_job(corpus, out, task=Task(0, 3))
    with pytest.raises(SettingError, match=r"the tasks of .* are 3 in number, and not 2"):
        run_job(corpus, out, task=Task(1, 2))
    run_job(corpus, out, task=Task(1, 3))
    assert verify(run_job(corpus, out)).problems == []
    run_job(corpus, out, task=Task(1, 2))  # a whole job has had the folder to itself


def test_ray_with_several_devices(batch: Callable[..., Result], corpus: Path, tmp_path: Path) -> None:
    """Issue 11, fault 7: all but the first were ignored."""
    result = batch(corpus, tmp_path / "out", "--ray", "local", "--device", "cuda:0,cuda:1")
    assert result.exit_code == 2
    assert "--device cuda:0,cuda:1 are both given, which names 2 devices" in result.stderr


# --- work that is begun again -----------------------------------------------------------------------------------------


def test_beginning_a_unit_lists_no_folder(
    run_job: Any, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 11, fault 7: each unit listed folders in which every unit has a file."""
    listed = []
    real = Path.iterdir

    def counting(path: Path) -> Any:
        if path.parent.name == "out":
            listed.append(path.name)
        return real(path)

    monkeypatch.setattr(Path, "iterdir", counting)
    monkeypatch.setattr(Path, "glob", lambda path, pattern: iter(()))
    run_job(corpus, tmp_path / "out", settings(rows=1))
    assert sorted(listed) == ["done", "rejected", "shards"]


def test_what_a_death_leaves_is_cleared_by_who_does_the_unit_next(plan_job: Any, corpus: Path, tmp_path: Path) -> None:
    """Issue 11, fault 7: and nothing else is."""
    job = plan_job(corpus, tmp_path / "out")
    unit = job.plan.units[1]
    left, other = (job.folder / "shards" / f".00000{number}.parquet.x1.partial" for number in (1, 2))
    left.touch()
    other.touch()
    job.begin(unit)
    job.begin(unit)
    job.clear(unit)
    assert (left.exists(), other.exists()) == (False, True)


class KillingLate(Tally):
    """Kills a process when it has told of rows of a unit that is not done."""

    killed = False

    def on_rows(self, rows: int, sentences: int, tokens: int) -> None:
        super().on_rows(rows, sentences, tokens)
        if not self.killed:
            self.killed = True
            multiprocessing.active_children()[0].kill()


def test_rows_are_counted_once_whoever_dies_over_them(plan_job: Any, tiny_folder: Path, tmp_path: Path) -> None:
    """Issue 11, fault 7: the rows of a worker that died were counted again by the next."""
    job = plan_job(write_jsonl(tmp_path / "in.jsonl", articles(1200)), tmp_path / "out", settings(rows=600))
    tally = KillingLate(2, 1200)
    run_on_devices(job, job.plan.units, ["cpu"], loading(tiny_folder), tally)
    assert tally.killed
    assert (tally.rows_now, tally.rows, tally.labelled) == (1200, 1200, 1200)
    assert tally.sentences_now == tally.sentences


# --- damage -----------------------------------------------------------------------------------------------------------


def test_a_changed_digit_of_a_plan(run_job: Any, batch: Callable[..., Result], corpus: Path, tmp_path: Path) -> None:
    """Reliability row 7: 9 of 200 resumed with wrong row numbers, and --verify passed."""
    run_job(corpus, tmp_path / "out")
    path = tmp_path / "out" / "plan.json"
    text = path.read_text(encoding="utf-8")
    start = text.index('"units"')
    digits = [place for place, char in enumerate(text) if char.isdigit() and place > start]
    for place in digits[::7]:
        changed = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
        with pytest.raises(OutputError, match="is not a plan, or a damaged one: its SHA-256 is"):
            Plan.from_json(changed, "plan.json")
    path.write_text(changed, encoding="utf-8")
    for arguments in ((corpus, tmp_path / "out"), ("--verify", tmp_path / "out")):
        result = batch(*arguments)
        assert result.exit_code == 2
        assert "a damaged one" in result.stderr
    path.write_bytes(text.encode("utf-8")[:-9] + b"\xff")
    assert batch("--verify", tmp_path / "out").exit_code == 2


@pytest.mark.parametrize(
    "damage",
    [b"", b"[]", b"\xff\xfe", b'{"files": 3}', b'{"unit": 1, "files": [{"name": 5}]}', b"null"],
    ids=["empty", "list", "binary", "number", "name", "null"],
)
def test_damaged_records_are_named_and_healed(
    run_job: Any, batch: Callable[..., Result], corpus: Path, tmp_path: Path, damage: bytes
) -> None:
    """Reliability row 7: some ended --verify with a traceback."""
    out = tmp_path / "out"
    batch(corpus, out, "--unit-rows", 5)
    whole = contents(out)
    (out / "done" / "000001.json").write_bytes(damage)
    result = batch("--verify", out)
    assert result.exit_code == 2
    assert "the record of unit 1 cannot be read" in result.stderr
    result = batch(corpus, out, "--unit-rows", 5)
    assert result.exit_code == 0
    assert "Done anew: the record of unit 1 cannot be read" in result.stderr
    assert contents(out) == whole


def test_a_changed_digit_of_a_record(run_job: Any, corpus: Path, tmp_path: Path) -> None:
    """Reliability row 7: each digit of a record counts."""
    job = run_job(corpus, tmp_path / "out")
    path = job.path("done", 1, "json")
    text = path.read_text(encoding="utf-8")
    for place in [place for place, char in enumerate(text) if char.isdigit()][::9]:
        path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :], encoding="utf-8")
        assert any("the record of unit 1" in problem for problem in verify(job).problems)
        assert job.done(job.plan.units[1]) is None


def test_a_flipped_byte_is_healed_as_verify_says(batch: Callable[..., Result], corpus: Path, tmp_path: Path) -> None:
    """Reliability row 8: --verify said "start the job again", which did nothing."""
    out = tmp_path / "out"
    batch(corpus, out, "--unit-rows", 5)
    whole = contents(out)
    flip(out / "shards" / "000001.parquet")
    result = batch("--verify", out)
    assert result.exit_code == 2
    assert f"Next: framing batch --verify --repair {out}, and then start the job again" in result.stderr
    result = batch("--verify", "--repair", out)
    assert result.exit_code == 0
    assert "1 of 5 units are to be done anew: start the job again" in result.stderr
    result = batch(corpus, out, "--unit-rows", 5)
    assert "(16 rows were done before)" in result.stderr
    assert contents(out) == whole
    assert "is whole" in batch("--verify", "--repair", out).stderr
    assert batch(corpus, out, "--repair").exit_code == 2


def test_a_shard_of_another_size_is_done_anew_and_told(
    batch: Callable[..., Result], corpus: Path, tmp_path: Path
) -> None:
    """Reliability row 8: sizes are looked at by every start."""
    out = tmp_path / "out"
    batch(corpus, out, "--unit-rows", 5)
    whole = contents(out)
    (out / "shards" / "000001.parquet").write_bytes(b"half")
    (out / "shards" / "000002.parquet").unlink()
    result = batch(corpus, out, "--unit-rows", 5)
    assert "Done anew: shards/000001.parquet of unit 1 has 4 bytes where " in result.stderr
    assert "Done anew: shards/000002.parquet of unit 2 is not there" in result.stderr
    assert contents(out) == whole
    (out / "shards" / "000002.parquet").unlink()
    result = batch(corpus, out, "--unit-rows", 5, "--progress", "json")
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["warning", "start", "progress", "summary"]
    assert lines[-1]["adds_up"]


def test_a_damaged_shard_beside_ids_that_come_twice(run_job: Any, tmp_path: Path) -> None:
    """Reliability row 8: looking for the ids read the damaged shard, and ended in a traceback."""
    rows = [row | {"id": "same"} if number in (0, 9) else row for number, row in enumerate(articles(12))]
    job = run_job(write_jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out")
    job.path("shards", 1).write_bytes(b"no Parquet")
    found = verify(job)
    assert found.damaged == {1}
    assert len(found.notes) == 1
    job.path("shards", 77).touch()
    repair(job, verify(job))
    assert [unit.number for unit in job.standing(job.plan.units).todo] == [1]


# --- processes whose parent is killed ---------------------------------------------------------------------------------


def test_workers_end_with_a_main_process_that_is_killed(tiny_folder: Path, tmp_path: Path) -> None:
    """Reliability row 13: they went on for half a minute, and then printed BrokenPipe."""
    corpus = write_jsonl(tmp_path / "in.jsonl", articles(20_000))
    model = ["--model", tiny_folder, "--engine", "onnx", "--threads", "1", "--progress", "json"]
    options = ["--unit-rows", "2000", "--device", "cpu,cpu"]
    command = [sys.executable, "-m", "framing", "batch", *model, *options, corpus, tmp_path / "out"]
    with (tmp_path / "said").open("w") as said:
        main = subprocess.Popen([str(word) for word in command], stderr=said, start_new_session=True)
        attempts = tmp_path / "out" / "attempts"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (attempts.is_dir() and any(attempts.iterdir())):
            time.sleep(0.05)
        workers = [pid for pid in alive(main.pid) if pid != main.pid]
        main.kill()
        main.wait()
    assert len(workers) >= 2
    deadline = time.monotonic() + 3
    while left := alive(main.pid):
        if time.monotonic() > deadline:
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"processes {left} outlived their parent")
        time.sleep(0.05)
    words = (tmp_path / "said").read_text(encoding="utf-8")
    assert "Traceback" not in words
    assert "BrokenPipe" not in words


@pytest.mark.parametrize("name", ["local", "trial"])
def test_a_process_that_says_nothing_ends_with_its_parent(name: str) -> None:
    """Reliability row 13: a process that loads or labels meets no broken pipe, for half a minute."""
    code = f"from tests.batch.killing import start_stuck; start_stuck({name!r})"
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert int(parent.stdout.readline())  # its child is at work
        parent.kill()
        # Returns when its child, which has its standard error and would live for half a minute, has ended too.
        _, said = parent.communicate(timeout=25)
    assert said == ""


# --- records ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (datetime.date(2024, 3, 1), "2024-03-01"),
        (datetime.datetime(2024, 3, 1, 12, tzinfo=datetime.UTC), "2024-03-01T12:00:00+00:00"),
        ("March", "March"),
        (None, None),
    ],
)
def test_a_date_of_publication_becomes_text(tiny_labeler: Labeler, given: Any, text: str | None) -> None:
    """Issue 11, fault 7: the records could not be written as JSON."""
    for labels in (
        tiny_labeler.sentences(["The rebels left."], published=given),
        tiny_labeler.document("The rebels left.", published=given),
        next(tiny_labeler.documents([{"text": "The rebels left.", "published": given}])),
    ):
        (sentence,) = labels
        assert sentence.published == text
        assert json.loads(json.dumps(sentence.to_dict()))["published"] == text


def test_the_names_of_locks_do_not_make_a_folder_one_of_something_else(tmp_path: Path) -> None:
    """Issue 11, fault 7: what locks leave in a folder is no content of it."""
    with locked(tmp_path, Task(0, 2)):
        create_folder(tmp_path, fresh=True)
    assert all(path.name.startswith(jobs.LOCK) for path in tmp_path.iterdir())
