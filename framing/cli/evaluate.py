"""``framing evaluate``: how well a checkpoint labels a file of marked sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framing.cli import _options as options
from framing.cli._errors import reporting_errors

if TYPE_CHECKING:
    from framing.evaluate.scoring import Interval, Scores

_TITLES = {
    "frames_macro_f1": "frames, macro F1",
    "frames_micro_f1": "frames, micro F1",
    "span_overlap_f1": "spans by overlap, F1",
    "span_exact_f1": "spans by equal offsets, F1",
    "mention_voice_f1": "mentions with their voice, F1",
    "voice_accuracy": "voice of paired mentions, accuracy",
    "hedged_f1": "hedged sentences, F1",
    "hedge_span_f1": "hedging cues by overlap, F1",
    "source_f1": "sentences with a source, F1",
    "source_span_f1": "source spans by overlap, F1",
    "kind_accuracy": "kind, accuracy",
    "frames_ece": "frames, calibration error (lower is better)",
    "frames_brier": "frames, Brier score (lower is better)",
}


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
    from framing.evaluate.gold import GoldSet
    from framing.evaluate.scoring import bootstrap, score
    from framing.labeler import load

    with load(model, engine=engine, device=device, precision=precision) as labeler:
        marked = GoldSet.read(gold, labeler.codebook)
        scores = score(
            marked.sentences, marked.predict(labeler.sentences), codebook=labeler.codebook, gold_kinds=marked.kinds
        )
    intervals = bootstrap(scores.counts, marked.groups, n=resamples)
    if as_json:
        typer.echo(json.dumps(_as_json(scores, intervals), ensure_ascii=False, indent=2, allow_nan=False))
    else:
        _print(scores, intervals, documents=len(set(marked.groups)))


def _as_json(scores: Scores, intervals: dict[str, Interval]) -> dict[str, Any]:
    from framing.evaluate.scoring import none_if_nan

    bounds = {
        name: {"low": none_if_nan(interval.low), "high": none_if_nan(interval.high)}
        for name, interval in intervals.items()
    }
    return {**scores.to_dict(), "intervals": bounds}


def _print(scores: Scores, intervals: dict[str, Interval], *, documents: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"{scores.sentences} sentences in {documents} documents")
    overall = Table("Measure", "Value", "95 % interval", box=box.SIMPLE_HEAD)
    for name, title in _TITLES.items():
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
