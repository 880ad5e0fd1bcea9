"""``framing evaluate``: how well a checkpoint labels a file of marked sentences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from framing.cli import _options as options
from framing.cli._errors import reporting_errors
from framing.cli._terminal import Console, print_json

if TYPE_CHECKING:
    from framing.evaluate.front import Evaluation
    from framing.evaluate.scoring import Interval


@reporting_errors()
def evaluate_command(
    gold: Annotated[Path, typer.Argument(help="Marked sentences, tab-separated, of three or five columns.")],
    model: options.Model = "shipped",
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap samples for the intervals.")] = 2000,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Label a file of marked sentences and score the result, with 95 % intervals over documents."""
    from framing.evaluate.front import evaluate

    found = evaluate(gold, model, engine=engine, device=device, precision=precision, resamples=resamples)
    if as_json:
        print_json(found.to_dict())
    else:
        _print(found)


def _print(found: Evaluation) -> None:
    from rich import box
    from rich.table import Table

    from framing.evaluate.scoring import headlines

    console = Console()
    scores, intervals = found.scores, found.intervals
    console.print(f"{scores.sentences} sentences in {found.documents} documents")
    overall = Table("Measure", "Value", "95 % interval", box=box.SIMPLE_HEAD)
    for name, title in headlines(scores.counts.codebook).items():
        overall.add_row(title, *_cells(intervals[name]))
    console.print(overall)
    labels = Table("Label", "Sentences", "Precision", "Recall", "F1", "95 % interval", box=box.SIMPLE_HEAD)
    for label in scores.labels:
        value, interval = _cells(intervals[f"f1/{label.name}"])
        labels.add_row(label.name, str(label.support), _cell(label.precision), _cell(label.recall), value, interval)
    console.print(labels)


def _cells(interval: Interval) -> tuple[str, str]:
    return _cell(interval.value), f"{_cell(interval.low)} to {_cell(interval.high)}"


def _cell(value: float) -> str:
    return "–" if value != value else f"{value:.3f}"  # nan alone differs from itself
