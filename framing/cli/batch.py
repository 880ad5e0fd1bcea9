"""``framing batch``: label a corpus larger than memory, unit by unit; it can be stopped and resumed at any time."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from framing.cli import _options as options
from framing.cli._errors import reporting_errors
from framing.cli._terminal import Console
from framing.errors import InputError, MissingExtraError, OutputError, SettingError
from framing.reading import Columns
from framing.reading.files import expand, refuse_output_among
from framing.reading.streams import is_address

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from framing.batch.job import Job, Task, UnitRecord
    from framing.batch.plan import Model, Settings
    from framing.batch.progress import Tally
    from framing.batch.ray import Cluster
    from framing.batch.runs import Observer, Runner
    from framing.batch.units import Unit
    from framing.batch.verify import Verification

#: The values of ``--progress``.
PROGRESS = ("auto", "bar", "json", "none")
_SHOWN_PROBLEMS = 10
_WRITTEN = ("plan.json", "shards/000000.parquet", "rejected/000000.jsonl", "done/000000.json")
#: Seconds between two updates of the bar.
_SHOWN_EVERY = 0.1

_output = partial(typer.Option, rich_help_panel="Output")
_running = partial(typer.Option, rich_help_panel="Running")


@reporting_errors()
def batch_command(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT... OUTPUT",
            help="Files, folders, glob patterns or addresses of fsspec, and last the folder of the job. With --verify, "
            "only the folder.",
        ),
    ],
    fresh: Annotated[bool, _output("--fresh", help="Begin a new job; OUTPUT must be new or empty.")] = False,
    verify: Annotated[
        bool,
        _output(
            "--verify",
            help="Only read the output back: check counts, ids and hashes, and that no row is missing or doubled.",
        ),
    ] = False,
    repair: Annotated[
        bool, _output("--repair", help="With --verify: the next start does the damaged units again.")
    ] = False,
    mentions: Annotated[
        bool, _output("--mentions", help="Also write flat tables with one mention per row, for SQL.")
    ] = False,
    unit_rows: Annotated[int, _output(min=1, help="The most rows of the input in a shard.")] = 50_000,
    unit_size: Annotated[float, _output(min=0.001, help="About how many MiB of text in a shard.")] = 8.0,
    sentences: options.Sentences = False,
    dedup: Annotated[
        str, options.reading_option(help="exact: a text that occurs again is not computed again; or none.")
    ] = "none",
    format: options.Format = None,
    index: options.Index = None,
    text_column: options.TextColumn = None,
    id_column: options.IdColumn = None,
    outlet_column: options.OutletColumn = None,
    published_column: options.PublishedColumn = None,
    title_column: options.TitleColumn = None,
    outlet: options.Outlet = None,
    published: options.Published = None,
    archives: options.Archives = True,
    carry: options.Carry = None,
    shard_of: Annotated[
        str | None, _running(metavar="K/N", help="Do only part K of N, K from 0: a task of an array job.")
    ] = None,
    processes: Annotated[
        int,
        _running(
            min=1,
            help="For each device. One process cuts and writes a few thousand sentences a second; a GPU is faster.",
        ),
    ] = 1,
    ray: Annotated[
        str | None,
        _running(metavar="ADDRESS", help="Run on a Ray cluster: auto, ray://HOST:10001, or local to start one here."),
    ] = None,
    ray_actors: Annotated[
        int | None,
        _running(min=1, help="With --ray: the most actors; if not given, as many as the cluster has room for."),
    ] = None,
    progress: Annotated[str, _running(help="auto, bar, json (lines on standard error) or none.")] = "auto",
    price_per_hour: Annotated[
        float | None,
        _running(min=0, help="Price of this machine; the summary then gives the cost of a million sentences."),
    ] = None,
    model: options.Model = "shipped",
    engine: options.Engine = "auto",
    device: Annotated[
        str, options.model_option(help="auto, cpu, cuda:1, …; several with commas (cuda:0,cuda:1): a process for each.")
    ] = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    token_budget: options.TokenBudget = None,
    codebook: options.CodebookName = None,
) -> None:
    """Label a corpus of any size into Parquet shards; started again, it goes on where it was."""
    from framing.batch.job import WHOLE, Task
    from framing.batch.plan import Settings
    from framing.batch.units import Limits

    reporting = _Reporting(_checked_progress(progress), price_per_hour)
    if verify:
        _verify(_only_folder(paths), reporting, repairing=repair)
        return
    if repair:
        raise SettingError("--repair is given without --verify", expected="framing batch --verify --repair FOLDER")
    inputs, folder = _inputs_and_folder(paths, index)
    settings = Settings(
        columns=Columns(text_column, id_column, outlet_column, published_column, title_column),
        sentences=sentences,
        carry=tuple(carry or ()),
        outlet=outlet,
        published=published,
        archives=archives,
        format=format,
        limits=Limits(unit_rows, round(unit_size * (1 << 20))),
        dedup=dedup,
        mentions=mentions,
    )
    loading = {
        "checkpoint": model,
        "engine": engine,
        "precision": precision,
        "threads": threads,
        "token_budget": token_budget,
        "codebook": codebook,
    }
    if ray is not None and processes > 1:
        raise SettingError(
            f"--ray and --processes {processes} are both given",
            expected="one of them",
            hint="on Ray, --ray-actors says how many processes there are",
        )
    devices = [name for name in device.split(",") for _ in range(processes)]
    if ray is not None and len(devices) > 1:
        raise SettingError(
            f"--ray and --device {device} are both given, which names {len(devices)} devices",
            expected="one kind of device, such as cuda or cpu",
            hint="on Ray each actor takes one device of its node, and --ray-actors says how many actors there are",
        )
    task = Task.parse(shard_of) if shard_of else WHOLE
    request = _Request(
        inputs=inputs,
        index=index,
        folder=folder,
        settings=settings,
        task=task,
        fresh=fresh,
        loading=loading,
        devices=devices,
        ray=ray,
        ray_actors=ray_actors,
    )
    _run(request, reporting)


@dataclass(frozen=True, slots=True)
class _Request:
    """What the user asked for.

    Attributes:
        inputs, index, folder, settings: see :func:`framing.batch.job.open_job`.
        task: see :func:`framing.batch.job.locked`.
        fresh: the folder must be new or empty.
        loading: arguments of :func:`framing.load`, except the device.
        devices: one process runs on each.
        ray, ray_actors: the address of a cluster, and the most actors on it; ``None`` if not given.
    """

    inputs: Sequence[str]
    index: Path | None
    folder: Path
    settings: Settings
    task: Task
    fresh: bool
    loading: dict[str, Any]
    devices: Sequence[str]
    ray: str | None
    ray_actors: int | None


# --- what the user gave -----------------------------------------------------------------------------------------------


def _checked_progress(progress: str) -> str:
    if progress not in PROGRESS:
        raise SettingError(f"--progress is {progress!r}", expected=", ".join(PROGRESS))
    if progress == "auto":
        return "bar" if sys.stderr.isatty() else "none"
    return progress


def _only_folder(paths: Sequence[str]) -> Path:
    if len(paths) != 1:
        raise SettingError(f"--verify was given {len(paths)} paths", expected="the folder of the job alone")
    return Path(paths[0])


def _inputs_and_folder(paths: Sequence[str], index: Path | None) -> tuple[list[str], Path]:
    *inputs, output = paths
    if not inputs:
        raise SettingError(
            f"only {output!r} was named", expected="an input and an output", hint="framing batch INPUT... OUTPUT"
        )
    if is_address(output):
        raise OutputError(
            f"the output {output} is an address",
            expected="a local folder, whose files can be locked, synced and renamed",
        )
    # The folder and one file of each kind that the job writes, because a pattern among the inputs may match them.
    refuse_output_among((output, *(f"{output}/{file}" for file in _WRITTEN)), (*inputs, index))
    return inputs, Path(output)


# --- the run ----------------------------------------------------------------------------------------------------------


def _run(request: _Request, reporting: _Reporting) -> None:
    from framing.batch.job import WHOLE, create_folder, locked, open_job
    from framing.batch.runs import complete

    # Check first that the inputs exist.
    size = sum(file.size for file in expand(request.inputs, format=request.settings.format, index=request.index))
    create_folder(request.folder, fresh=request.fresh)
    with locked(request.folder, request.task), ExitStack() as stack:
        runner = stack.enter_context(_runner(request))
        with reporting.counting("reading the input", size) as on_bytes:
            job = open_job(
                request.inputs, request.folder, request.settings, runner.model, on_bytes, index=request.index
            )
        units = [unit for unit in job.plan.units if request.task.has(unit)]
        standing = job.standing(units)
        for problem in reporting.first(standing.problems):
            reporting.warn(f"Done anew: {problem}")
        tally = _begun_tally(units, standing.done)
        with reporting.labelling(tally) as observer:
            troubles = complete(job, standing.todo, runner.run, observer)
        for trouble in troubles:
            reporting.warn(f"The others did the rest: {trouble}")
        reporting.summarise(job, tally)
        if tally.rejected and not tally.labelled and request.task == WHOLE:
            raise _nothing_usable(job, tally)


def _nothing_usable(job: Job, tally: Tally) -> InputError:
    """The error for a job of which every row was set aside; an array task may well be given only such rows."""
    import pyarrow.parquet as pq

    from framing.batch.job import REJECTED

    folder = job.folder / REJECTED
    first = pq.read_table(min(folder.glob("*.parquet"), key=lambda file: int(file.stem))).slice(0, 1).to_pylist()[0]
    place = first["input"] if first["row"] is None else f"{first['input']}:{first['row']}"
    count = f"{tally.rejected:,} row{'' if tally.rejected == 1 else 's'}"
    return InputError(
        f"nothing could be used; {count} set aside, the first: {place}: {first['reason']}",
        hint=f"all of them are in {folder}",
    )


@dataclass(frozen=True, slots=True)
class _Runner:
    """The model, and the function that labels units with it."""

    model: Model
    run: Runner


@contextmanager
def _runner(request: _Request) -> Iterator[_Runner]:
    from framing.batch.local import run, run_on_devices
    from framing.batch.plan import Model
    from framing.labeler import load

    if request.ray is not None:
        with _cluster(request.ray, request.loading | {"device": request.devices[0]}, request.ray_actors) as cluster:
            yield _Runner(cluster.model(), cluster.run)
        return
    with load(**request.loading, device=request.devices[0]) as labeler:
        model = Model.of(labeler)
        if len(request.devices) == 1:

            def run_here(job: Job, units: Sequence[Unit], observer: Observer) -> list[str]:
                run(job, labeler, iter(units), observer)
                return []

            yield _Runner(model, run_here)
            return
    # The labeler is closed by now, because the first process needs its device.
    yield _Runner(
        model, lambda job, units, observer: run_on_devices(job, units, request.devices, request.loading, observer)
    )


def _cluster(address: str, loading: dict[str, Any], actors: int | None) -> Cluster:
    try:
        from framing.batch.ray import Cluster
    except ImportError as error:
        raise MissingExtraError(
            f"--ray needs ray, which cannot be imported: {error}",
            expected="the extra ray",
            hint="pip install 'framing[ray]'",
        ) from error
    return Cluster(address, loading, actors)


def _begun_tally(units: Sequence[Unit], done: Sequence[UnitRecord]) -> Tally:
    from framing.batch.progress import Tally

    tally = Tally(units_total=len(units), rows_total=sum(unit.rows for unit in units))
    tally.begin(done)
    return tally


def _verify(folder: Path, reporting: _Reporting, *, repairing: bool) -> None:
    from framing.batch.job import WHOLE, Job, locked
    from framing.batch.verify import repair, verify

    job = Job.load(folder)
    with ExitStack() as stack:
        if repairing:
            stack.enter_context(locked(folder, WHOLE))
        with reporting.counting("reading back", len(job.plan.units)) as advance:
            found = verify(job, lambda unit: advance(1))
        if repairing and found.damaged:
            repair(job, found)
            for problem in reporting.first(found.problems, found.problem_count):
                reporting.warn(problem)
            reporting.say(
                f"{len(found.damaged):,} of {found.units_total:,} units are to be done anew: "
                "start the job again, with the command that it was begun with"
            )
            return
    _refuse_problems(folder, found, reporting)
    for note in found.notes:
        reporting.say(f"Note: {note}")
    reporting.say(
        f"{folder} is whole: {found.units:,} units, {found.rows:,} rows = {found.labelled:,} labelled + "
        f"{found.rejected:,} rejected, {found.sentences:,} sentences"
    )


def _refuse_problems(folder: Path, found: Verification, reporting: _Reporting) -> None:
    if not found.problem_count:
        return
    hint = (
        f"framing batch --verify --repair {folder}, and then start the job again: it does those units anew"
        if found.damaged
        else "remove what belongs to no unit; framing never removes what it has not written"
    )
    raise OutputError(
        f"{folder} is not as it should be:\n  " + "\n  ".join(reporting.first(found.problems, found.problem_count)),
        expected="every unit done, every row in it once",
        hint=hint,
    )


# --- what is said about it --------------------------------------------------------------------------------------------


class _Reporting:
    """Prints progress, warnings and the summary on standard error.

    Args:
        progress: ``bar``, ``json`` or ``none``.
        price: the price of an hour of this machine; ``None`` if not given.
    """

    def __init__(self, progress: str, price: float | None) -> None:
        self._progress = progress
        self._price = price
        self._console = Console(stderr=True, highlight=False)

    @contextmanager
    def counting(self, what: str, total: int) -> Iterator[Any]:
        """Show a bar; gives a function to call with each amount of work that is done."""
        if self._progress != "bar":
            yield lambda count: None
            return
        with _bar(self._console) as bar:
            task = bar.add_task(what, total=total, rates="")
            yield lambda count: bar.advance(task, count)

    @contextmanager
    def labelling(self, tally: Tally) -> Iterator[Observer]:
        """Show how labelling goes; gives the observer to report to."""
        from framing.batch.progress import JsonProgress

        if self._progress == "json":
            progress = JsonProgress(tally, sys.stderr)
            progress.say("start")
            yield progress
            return
        if self._progress == "none":
            yield tally
            return
        with _bar(self._console) as bar:
            yield _BarProgress(tally, bar)

    def summarise(self, job: Job, tally: Tally) -> None:
        """Print the counts, and whether they add up to what was planned."""
        from framing.batch.progress import JsonProgress

        cost = None if self._price is None else tally.cost_per_million(self._price)
        if self._progress == "json":
            more = {} if cost is None else {"cost_per_million_sentences": round(cost, 4)}
            JsonProgress(tally, sys.stderr).say("summary", output=str(job.folder), adds_up=tally.adds_up, **more)
            return
        copies = f", {tally.copies:,} of them copies" if tally.copies else ""
        earlier = f" ({tally.rows_earlier:,} rows were done before)" if tally.rows_earlier else ""
        self.say(
            f"{tally.labelled:,} rows labelled{copies}, {tally.sentences:,} sentences; "
            f"{tally.seconds:.1f} s, {tally.sentences_per_second:,.0f} sentences/s{earlier}"
        )
        if tally.rejected:
            self.warn(f"{tally.rejected:,} rows set aside, with reasons in {job.folder / 'rejected'}")
        if cost is not None:
            self.say(f"{cost:,.2f} for a million sentences at {self._price:g} an hour")
        sum_ = f"{tally.rows_total:,} rows planned, {tally.labelled:,} labelled + {tally.rejected:,} set aside"
        if not tally.adds_up:
            self.warn(f"This does not add up: {sum_}. Next: framing batch --verify {job.folder}")
        self.say(f"{sum_}, written to {job.folder / 'shards'}")

    def warn(self, text: str) -> None:
        """Print a warning; with ``json`` progress, as a line of JSON."""
        if self._progress == "json":
            sys.stderr.write(json.dumps({"event": "warning", "message": text}) + "\n")
            return
        self._console.print(Text(text, style="yellow"), soft_wrap=True)

    def first(self, problems: Sequence[str], count: int | None = None) -> list[str]:
        """The first problems, and a line with how many more there are."""
        shown = list(problems[:_SHOWN_PROBLEMS])
        more = (len(problems) if count is None else count) - len(shown)
        return [*shown, f"and {more:,} more"] if more else shown

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(Text(text), soft_wrap=True)


def _bar(console: Console) -> Progress:
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rates]}"))
    return Progress(*columns, console=console, transient=True)


class _BarProgress:
    """A bar that counts rows, with rates, the remaining time, and the number of rejected rows."""

    def __init__(self, tally: Tally, bar: Progress) -> None:
        self._tally = tally
        self._bar = bar
        self._shown = 0.0
        self._task: TaskID = bar.add_task("labelling", total=tally.rows_total, completed=tally.rows, rates="")

    def on_rows(self, rows: int, sentences: int, tokens: int) -> None:
        """Count rows."""
        self._tally.on_rows(rows, sentences, tokens)
        self._show()

    def on_done(self, record: UnitRecord) -> None:
        """Count a unit."""
        self._tally.on_done(record)
        self._show()

    def _show(self) -> None:
        tally = self._tally
        if tally.seconds - self._shown < _SHOWN_EVERY:
            return
        self._shown = tally.seconds
        left = tally.seconds_left
        shown = "" if left is None else f", {int(left) // 3600}:{int(left) // 60 % 60:02}:{int(left) % 60:02} left"
        rejected = f", {tally.rejected:,} set aside" if tally.rejected else ""
        rates = (
            f"{tally.rows_per_second:,.0f} rows/s, {tally.sentences_per_second:,.0f} sentences/s, "
            f"{tally.tokens_per_second:,.0f} tokens/s{shown}{rejected}"
        )
        self._bar.update(self._task, completed=tally.rows_earlier + tally.rows_now, rates=rates)
