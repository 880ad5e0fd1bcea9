"""``framing benchmark``: how fast this machine labels sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framing.cli import _options as options
from framing.cli._errors import reporting_errors
from framing.files import write_whole

if TYPE_CHECKING:
    from framing.speed import Estimate, Speed


@reporting_errors()
def benchmark_command(
    checkpoint: options.Model = "shipped",
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    sentences: Annotated[
        int | None, typer.Option(min=1, help="Sentences in a round; if not given, as many as take a second and a half.")
    ] = None,
    texts: Annotated[Path | None, typer.Option(help="A file with your own sentences: UTF-8, one per line.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often to measure.")] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything, as JSON, into this file.")] = None,
) -> None:
    """Measure how fast this machine labels sentences, and what share that is of what it could do."""
    import framing
    from framing.cli._terminal import Console
    from framing.speed import find_texts, measure_speed

    settings = {"engine": engine, "device": device, "precision": precision, "threads": threads}
    with (
        Console(stderr=True).status("loading") as status,
        framing.load(checkpoint, **settings) as labeler,  # type: ignore[arg-type]  # a value for each option
    ):
        found = find_texts(texts, labeler.codebook)
        speed = measure_speed(labeler, found, sentences=sentences, rounds=rounds, report=status.update)
    if json_file is not None:
        write_whole(json_file, json.dumps(asdict(speed), ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    _print(speed)


def _print(speed: Speed) -> None:
    from rich import box
    from rich.table import Table

    from framing.cli._terminal import Console

    console = Console(highlight=False)
    console.print(_where(speed.labeler))
    texts = speed.texts
    console.print(
        f"{speed.sentences} sentences a round, {len(speed.seconds)} rounds; {texts['origin']}: {texts['p5']:g}, "
        f"{texts['p50']:g}, {texts['p95']:g} tokens a sentence (5th, 50th, 95th percentile), mean {texts['mean']:g}"
    )
    table = Table("Measure", "Value", "95 % interval", box=box.SIMPLE_HEAD)
    table.add_row("sentences a second", *_cells(speed.sentences_per_second))
    table.add_row("tokens a second", *_cells(speed.tokens_per_second))
    if speed.limit and speed.share_of_limit:
        table.add_row("share of the machine's limit, %", *_cells(speed.share_of_limit, scale=100, digits=1))
        table.add_row("machine's limit, GFLOP/s", *_cells(speed.limit, scale=1e-9, digits=1))
    table.add_row("one sentence, median, ms", f"{speed.latency['p50'] * 1e3:.1f}", "")
    table.add_row("one sentence, 99 of 100 within, ms", f"{speed.latency['p99'] * 1e3:.1f}", "")
    if speed.peak_memory:
        table.add_row("peak memory, MiB", f"{speed.peak_memory / 2**20:.0f}", "")
    console.print(table)
    whole = sum(speed.steps.values())
    console.print("time: " + ", ".join(f"{step} {seconds / whole:.1%}" for step, seconds in speed.steps.items()))


def _where(described: Mapping[str, Any]) -> str:
    named = ("checkpoint", "engine", "device", "device_name", "precision", "threads", "instructions")
    shown = {name: described[name] for name in named if described.get(name)}
    return ", ".join(
        f"{name.replace('_', ' ')} {' '.join(value) if isinstance(value, list) else value}"
        for name, value in shown.items()
    )


def _cells(estimate: Estimate, *, scale: float = 1, digits: int = 0) -> tuple[str, str]:
    median, *ends = (f"{value * scale:,.{digits}f}" for value in asdict(estimate).values() if value is not None)
    return median, " to ".join(ends)
