"""``python -m benchmarks.cluster_simulation``: how long a corpus takes on a cluster, with failures and slow machines.

A discrete simulation of :mod:`framing.batch`: one process plans; workers start, do units one after the other and
record them; a worker that fails loses its current unit, starts again and goes on. Runners that hand out units
(``framing batch`` on several devices, Ray) give the next one to whichever worker is free; tasks of an array have fixed
ones. The costs of a sentence, a unit, planning, verifying and a start come from the record of
``benchmarks.batch_speed``. How often machines fail and how much slower some are cannot be measured here and is assumed
(:class:`Assumptions`).
"""

from __future__ import annotations

import heapq
import json
import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from benchmarks import options
from benchmarks.record import RESULTS_FOLDER, Record, Table, command_line, sha256_of
from framing.cli._errors import reporting_errors
from framing.errors import UnreadableFileError

SENTENCES = (1_000_000, 100_000_000, 1_000_000_000)
WORKERS = (1, 8, 64, 256)
UNITS = (1_000, 5_000, 20_000, 50_000, 200_000, 1_000_000)
#: Sentences of a unit of the default size, 8 MiB of text.
UNIT = 50_000
_SEED = 5
_RUNS = 5


@dataclass(frozen=True, slots=True)
class Costs:
    """Measured costs (``benchmarks.batch_speed``).

    Attributes:
        rate: sentences a second of a worker.
        unit: seconds of a unit, whatever is in it.
        start: seconds until a process is at work.
        planning: sentences a second of the one process that plans.
        verifying: sentences a second of the one process that reads the output back.
    """

    rate: float
    unit: float
    start: float
    planning: float
    verifying: float


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Figures that are assumed, not measured.

    Attributes:
        hours_between_failures: of one worker, on average; failures come at random (exponential).
        slow: share of workers that are slow all the time.
        slowness: how many times longer those take.
        spread: standard deviation of the logarithm of a unit's time: sentences are longer or shorter.
    """

    hours_between_failures: float = 100.0
    slow: float = 0.05
    slowness: float = 2.0
    spread: float = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """A simulated job; times in seconds.

    Attributes:
        planning: before the first unit.
        labelling: from the first worker's start to the last unit's end.
        lost: work on units that failures broke off, of all workers together.
        failures: how many.
        efficiency: work that had to be done, on workers of the speed that these are, by the workers' time.
    """

    planning: float
    labelling: float
    lost: float
    failures: int
    efficiency: float


def simulate(
    sentences: int,
    workers: int,
    unit: int,
    costs: Costs,
    assumptions: Assumptions,
    *,
    handed_out: bool = True,
    seed: int = _SEED,
) -> Outcome:
    """Simulate one job.

    Args:
        sentences: of the corpus.
        workers: processes, a GPU or a machine each.
        unit: sentences of a unit.
        costs, assumptions: as above.
        handed_out: units go to whoever is free; else each worker has every ``workers``-th from the beginning.
        seed: of chance.
    """
    chance = random.Random(seed)
    units = math.ceil(sentences / unit)
    pace = [assumptions.slowness if chance.random() < assumptions.slow else 1.0 for _ in range(workers)]
    own = [units // workers + (number < units % workers) for number in range(workers)]
    left, free, lost, failures = units, [(costs.start, number) for number in range(workers)], 0.0, 0
    next_failure = [chance.expovariate(1 / (assumptions.hours_between_failures * 3600)) for _ in range(workers)]
    heapq.heapify(free)
    end = needed = 0.0
    while free and left:
        now, worker = heapq.heappop(free)
        if not handed_out and not own[worker]:
            continue
        taken = (unit / costs.rate * chance.lognormvariate(0, assumptions.spread) + costs.unit) * pace[worker]
        if now + taken > next_failure[worker]:
            # The unit stays to be done, by this worker or another.
            broken = max(now, next_failure[worker])
            lost += broken - now
            failures += 1
            back = broken + costs.start
            next_failure[worker] = back + chance.expovariate(1 / (assumptions.hours_between_failures * 3600))
            heapq.heappush(free, (back, worker))
            continue
        left -= 1
        own[worker] -= 1
        needed += unit / costs.rate
        end = max(end, now + taken)
        heapq.heappush(free, (now + taken, worker))
    capacity = sum(1 / slowness for slowness in pace)
    return Outcome(sentences / costs.planning, end, lost, failures, needed / (capacity * end))


def typical(runs: Sequence[Outcome]) -> Outcome:
    """The run of median labelling time."""
    return sorted(runs, key=lambda run: run.labelling)[len(runs) // 2]


def measured_costs(record: dict[str, Any]) -> dict[str, Costs]:
    """Kind of worker -> costs, from the record of ``benchmarks.batch_speed``."""
    results = record["results"]
    largest = results["memory"][-1]
    shared = {
        "unit": results["unit_seconds"],
        "start": results["start_seconds"],
        "planning": largest["rows"] / largest["planning"],
        "verifying": largest["rows"] / largest["verifying"],
    }
    cpu = median(job["sentences"] / (job["seconds"] - job["planning"]) for job in results["jobs"])
    return {
        "CPU": Costs(rate=cpu, **shared),
        "GPU": Costs(rate=largest["rows"] / largest["seconds"], **shared),
    }


_WORKERS = {
    "CPU": "a machine like the one that was measured, with the real engine",
    "GPU": "a GPU that takes no time: what a process reads, tokenises, decodes and writes for it is what is left",
}


@reporting_errors()
def main(
    record: Annotated[Path, typer.Option(help="Of benchmarks.batch_speed.")] = RESULTS_FOLDER / "batch.json",
    out: options.Out = RESULTS_FOLDER,
) -> None:
    """Simulate clusters with the measured costs and write the record."""
    try:
        measured = json.loads(record.read_text(encoding="utf-8"))
        costs = measured_costs(measured)
    except (OSError, ValueError, KeyError) as error:
        raise UnreadableFileError(
            f"{record} is no record of batch jobs: {error!r}", hint="python -m benchmarks.batch_speed writes one"
        ) from error
    assumptions = Assumptions()
    sizes = {kind: _sizes(costs[kind], assumptions) for kind in costs}
    units = {kind: _units(costs[kind], assumptions) for kind in costs}
    results = {
        "costs": {kind: asdict(entry) for kind, entry in costs.items()},
        "assumptions": asdict(assumptions),
        "sizes": sizes,
        "units": units,
    }
    tables = tuple(table for kind in costs for table in _tables(kind, costs[kind], sizes[kind], units[kind]))
    inputs = {"batch": {"sha256": sha256_of(record), "measured": measured["measured"]}}
    command = command_line("benchmarks.cluster_simulation")
    written = Record("cluster", "A cluster, simulated", command, inputs, results, tables, ())
    written.save_and_tell(out)


def _sizes(costs: Costs, assumptions: Assumptions) -> list[dict[str, Any]]:
    rows = []
    for sentences in SENTENCES:
        for workers in WORKERS:
            runs = [simulate(sentences, workers, UNIT, costs, assumptions, seed=seed) for seed in range(_RUNS)]
            rows.append({"sentences": sentences, "workers": workers, **asdict(typical(runs))})
    return rows


def _units(costs: Costs, assumptions: Assumptions) -> list[dict[str, Any]]:
    rows = []
    often = replace(assumptions, hours_between_failures=assumptions.hours_between_failures / 10)
    for unit in UNITS:
        row: dict[str, Any] = {"unit": unit}
        for name, handed_out, assumed in (
            ("handed_out", True, assumptions),
            ("array", False, assumptions),
            ("failing", True, often),
        ):
            runs = [
                simulate(SENTENCES[-1], WORKERS[-1], unit, costs, assumed, handed_out=handed_out, seed=seed)
                for seed in range(_RUNS)
            ]
            row[name] = asdict(typical(runs))
        rows.append(row)
    return rows


def _tables(
    kind: str, costs: Costs, sizes: Sequence[dict[str, Any]], units: Sequence[dict[str, Any]]
) -> tuple[Table, ...]:
    by_size = Table(
        f"{kind} workers: time of a job",
        ("sentences", *(f"{workers:,}" for workers in WORKERS)),
        tuple(
            (f"{sentences:,}", *(_shown_row(row) for row in sizes if row["sentences"] == sentences))
            for sentences in SENTENCES
        ),
        f"{kind}: {_WORKERS[kind]}: {costs.rate:,.0f} sentences/s. Labelling, and in brackets the share of the "
        "workers' time that is work on sentences. Before it one process plans, "
        f"{SENTENCES[-1] / costs.planning / 60:,.0f} minutes for {SENTENCES[-1]:,}; --verify after it takes "
        f"{SENTENCES[-1] / costs.verifying / 60:,.0f}.",
    )
    assumed = Assumptions()
    by_unit = Table(
        f"{kind} workers: {SENTENCES[-1]:,} sentences on {WORKERS[-1]}",
        ("sentences a unit", "units handed out", "array of tasks", "failing ten times as often"),
        tuple((f"{row['unit']:,}", *(_shown_row(row[n]) for n in ("handed_out", "array", "failing"))) for row in units),
        f"Assumed: a failure of a worker every {assumed.hours_between_failures:g} hours, {assumed.slow:.0%} of the "
        f"workers {assumed.slowness:g} times as slow, units that differ by {assumed.spread:.0%}. Median of {_RUNS} "
        "runs.",
    )
    return by_size, by_unit


def _shown_row(row: dict[str, Any]) -> str:
    seconds = row["labelling"]
    if seconds < 120:
        shown = f"{seconds:,.0f} s"
    elif seconds < 7200:
        shown = f"{seconds / 60:,.0f} min"
    else:
        shown = f"{seconds / 3600:,.1f} h"
    return f"{shown} ({row['efficiency']:.0%})"


if __name__ == "__main__":
    typer.run(main)
