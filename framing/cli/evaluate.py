"""``framing evaluate``: how well a checkpoint labels a file of marked sentences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from framing.cli import _options as options
from framing.cli._errors import reporting_errors
from framing.cli._outputs import check_outputs
from framing.cli._terminal import Console, print_json

if TYPE_CHECKING:
    from framing.evaluate.front import Evaluation
    from framing.evaluate.scoring import Difference, Interval


@reporting_errors()
def evaluate_command(
    gold: Annotated[
        Path,
        typer.Argument(
            help="What training reads: marked sentences (.tsv, of three or five columns), or a table of sentences with "
            "their labels (.csv, .jsonl, .json, .parquet, .arrow)."
        ),
    ],
    model: options.Model = "shipped",
    engine: options.Engine = "auto",
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap samples for the intervals.")] = 2000,
    against: Annotated[
        str | None, typer.Option(help="Another model of the same codebook; both are compared on the same resamples.")
    ] = None,
    errors: Annotated[int, typer.Option(min=0, help="How many of the worst errors are shown.")] = 10,
    report: Annotated[
        Path | None, typer.Option("--report", help="An HTML page of everything, which asks for nothing from outside.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
    text_column: Annotated[str, options.reading_option(help="Of a table: the sentence.")] = "text",
    labels_column: Annotated[
        str, options.reading_option(help="Of a table: its labels, a list or one string with ';' between.")
    ] = "labels",
    group_column: Annotated[
        str, options.reading_option(help="Of a table: which sentences are of one document.")
    ] = "group",
) -> None:
    """Label a file of marked sentences and score the result, with 95 % intervals over documents."""
    from framing.cli._evaluation_page import evaluation_page
    from framing.evaluate.front import evaluate
    from framing.files import write_whole

    check_outputs((report,), (gold,))
    how: dict[str, Any] = {
        "engine": engine,
        "device": device,
        "precision": precision,
        "resamples": resamples,
        "text_column": text_column,
        "labels_column": labels_column,
        "group_column": group_column,
    }
    found = evaluate(gold, model, **how)
    differences = None
    if against is not None:
        other = evaluate(gold, against, **how)
        differences = found.compare(other, resamples=resamples)
    if report is not None:
        write_whole(report, evaluation_page(found, model=model, against=against, differences=differences))
        Console(stderr=True).print(Text(f"written to {report}"), soft_wrap=True)
    if as_json:
        compared = {} if differences is None else {"against": against, "differences": _plain(differences)}
        print_json({**found.to_dict(errors=errors), **compared})
        return
    _print(found)
    _print_rivals(found)
    if differences is not None:
        _print_differences(found, differences, against or "")
    _print_errors(found, errors)


def _plain(differences: dict[str, Difference]) -> dict[str, dict[str, float | None]]:
    from dataclasses import asdict

    from framing.evaluate.scoring import none_if_nan

    return {name: {key: none_if_nan(value) for key, value in asdict(one).items()} for name, one in differences.items()}


def _print_rivals(found: Evaluation) -> None:
    for rival in found.rivals():
        if cells := rival.confused():
            told = ", ".join(f"{a} / {b}: {count}" for a, b, count in cells)
            Console().print(Text(f"{rival.contrast}, marked / said of the same words: {told}"), soft_wrap=True)


def _print_differences(found: Evaluation, differences: dict[str, Difference], against: str) -> None:
    from rich import box
    from rich.table import Table

    from framing.evaluate.scoring import headlines

    table = Table("Measure", f"Minus {against}", "95 % interval", "Larger in", box=box.SIMPLE_HEAD)
    for name, title in headlines(found.codebook).items():
        one = differences[name]
        share = "–" if one.share_above != one.share_above else f"{one.share_above:.1%}"
        table.add_row(title, f"{one.value:+.3f}", f"{one.low:+.3f} to {one.high:+.3f}", share)
    Console().print(table)


def _print_errors(found: Evaluation, most: int) -> None:
    console = Console()
    for error in found.errors(most):
        line = Text(f"{error.what} {error.name} ({error.loss:.2f}), {error.document}: ", style="bold")
        line.append(error.text, style="not bold")
        console.print(line, soft_wrap=True)


def _print(found: Evaluation) -> None:
    from rich import box
    from rich.table import Table

    from framing.evaluate.scoring import headlines

    console = Console()
    scores, intervals = found.scores, found.intervals
    console.print(f"{scores.sentences} sentences in {found.documents} documents")
    overall = Table("Measure", "Value", "95 % interval", box=box.SIMPLE_HEAD)
    # Of sentences without marked words, nothing is said of words, voices, hedges and sources.
    asked = found.codebook.label_names if found.gold.labels else tuple(label.name for label in scores.labels)
    for name, title in headlines(scores.counts.codebook).items():
        if found.gold.labels and scores[name] != scores[name]:  # nan alone differs from itself
            continue
        overall.add_row(title, *_cells(intervals[name]))
    console.print(overall)
    labels = Table("Label", "Sentences", "Precision", "Recall", "F1", "95 % interval", box=box.SIMPLE_HEAD)
    for label in (label for label in scores.labels if label.name in asked):
        value, interval = _cells(intervals[f"f1/{label.name}"])
        labels.add_row(label.name, str(label.support), _cell(label.precision), _cell(label.recall), value, interval)
    console.print(labels)


def _cells(interval: Interval) -> tuple[str, str]:
    return _cell(interval.value), f"{_cell(interval.low)} to {_cell(interval.high)}"


def _cell(value: float) -> str:
    return "–" if value != value else f"{value:.3f}"  # nan alone differs from itself
