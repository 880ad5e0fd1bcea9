"""``framing benchmark``: how fast this machine labels sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framing.cli import _options as options
from framing.cli._errors import reporting_errors
from framing.files import write_whole

if TYPE_CHECKING:
    from framing.benchmark.own import OwnSpeed


@reporting_errors()
def benchmark_command(
    checkpoint: options.Model = "shipped",
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    sentences: Annotated[
        int | None, typer.Option(min=1, help="In a round; as many as take a second and a half if left out.")
    ] = None,
    texts: Annotated[Path | None, typer.Option(help="Your own sentences: UTF-8, one a line.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often it is measured.")] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything, as JSON, into this file.")] = None,
) -> None:
    """Measure how fast this machine labels sentences, and what share that is of what it could do."""
    from rich.console import Console

    from framing.benchmark.own import measure_own
    from framing.benchmark.protocol import SystemSpec

    spec = SystemSpec("framing", engine=engine, device=device, precision=precision, threads=threads)
    errors = Console(stderr=True)
    with errors.status("loading") as status:
        speed = measure_own(
            checkpoint, spec, sentences=sentences, texts=texts, rounds=rounds, report=lambda text: status.update(text)
        )
    if json_file is not None:
        write_whole(json_file, json.dumps(speed.to_dict(), ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    _print(speed)


def _print(speed: OwnSpeed) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    console.print(_where(speed.system["description"]))
    corpus = speed.corpus
    console.print(
        f"{speed.system['spec']['sentences']} sentences a round, {len(speed.system['rounds'])} rounds; "
        f"{corpus['origin']}: {corpus['tokens_p5']:g}, {corpus['tokens_p50']:g}, {corpus['tokens_p95']:g} tokens a "
        f"sentence (5th, 50th, 95th percentile), mean {corpus['tokens_mean']:g}"
    )
    table = Table("Measure", "Value", "95 % interval", box=box.SIMPLE_HEAD)
    table.add_row("sentences a second", *_cells(speed.system["sentences_per_second"]))
    table.add_row("tokens a second", *_cells(speed.system["tokens_per_second"]))
    if speed.limit:
        table.add_row("share of the machine's limit, %", *_cells(speed.system["share_of_limit"], scale=100, digits=1))
        table.add_row("machine's limit, GFLOP/s", *_cells(speed.limit["flops_per_second"], scale=1e-9, digits=1))
    table.add_row("one sentence, median, ms", f"{speed.latency['p50'] * 1e3:.1f}", "")
    table.add_row("one sentence, 99 of 100 within, ms", f"{speed.latency['p99'] * 1e3:.1f}", "")
    if speed.system["peak_memory"]:
        table.add_row("peak memory, MiB", f"{speed.system['peak_memory'] / 2**20:.0f}", "")
    console.print(table)
    whole = sum(speed.split.values())
    console.print("time: " + ", ".join(f"{step} {seconds / whole:.1%}" for step, seconds in speed.split.items()))


def _where(description: Mapping[str, Any]) -> str:
    named = ("checkpoint", "engine", "device", "device_name", "precision", "threads", "instructions")
    shown = {name: description[name] for name in named if description.get(name)}
    return ", ".join(
        f"{name.replace('_', ' ')} {' '.join(value) if isinstance(value, list) else value}"
        for name, value in shown.items()
    )


def _cells(estimate: Mapping[str, float | None], *, scale: float = 1, digits: int = 0) -> tuple[str, str]:
    median, low, high = (None if value is None else f"{value * scale:,.{digits}f}" for value in estimate.values())
    return median or "–", "" if low is None else f"{low} to {high}"
