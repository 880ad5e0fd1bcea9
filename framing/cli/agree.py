"""``framing agree``: how far coders of the same sentences agree."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from framing.cli._errors import reporting_errors
from framing.cli._outputs import check_outputs
from framing.cli._terminal import Console, print_json

if TYPE_CHECKING:
    from framing.evaluate.agreement import Agreement, PairAgreement
    from framing.evaluate.scoring import Interval

_TITLES = {
    "same_labels": "all labels of the sentence the same",
    "labels_masi_alpha": "labels of the sentence, alpha by MASI",
    "labels_alpha": "labels, alpha",
    "span_alpha": "code points of spans, alpha",
    "unitizing_alpha": "spans, unitizing alpha",
    "hedged_alpha": "hedged sentences, alpha",
}
_reading = partial(typer.Option, rich_help_panel="Reading")


@reporting_errors()
def agree_command(
    coders: Annotated[
        list[str],
        typer.Argument(
            metavar="A B …", help="What each coder said: marked sentences, any format of framing convert, or records."
        ),
    ],
    disagreements: Annotated[
        Path | None, typer.Option("--disagreements", "-d", help="A .tsv or .jsonl for what they say differently.")
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap samples for the intervals.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
    codebook: Annotated[
        str | None,
        _reading(help="A built-in codebook's name, or a YAML file. If not given, the one that the labels are of."),
    ] = None,
    by: Annotated[
        str | None, _reading(help="Match sentences by id or by text; by what matches more if not given.")
    ] = None,
    format: Annotated[
        str | None, _reading("--from", help="The format of all files. Recognised by their content if not given.")
    ] = None,
    strict: Annotated[bool, _reading("--strict", help="Stop at the first row that cannot be used.")] = False,
    text_column: Annotated[str | None, _reading(help="Column or key of the text. Guessed if not given.")] = None,
    labels_column: Annotated[
        str | None, _reading(help="Column of the labels in a table. Guessed if not given.")
    ] = None,
) -> None:
    """Compare two or more coders of the same sentences; a model's records can be one of them.

    Percent agreement, Cohen's kappa, Krippendorff's alpha of sentences and of spans, F1 of every two coders, and which
    rival names they confuse, with 95 % intervals over documents.
    """
    from framing.codebook import Codebook
    from framing.convert import Options
    from framing.errors import SettingError
    from framing.evaluate.agreement import agreement
    from framing.evaluate.codings import read_codings

    if disagreements is not None and disagreements.suffix not in (".tsv", ".jsonl"):
        raise SettingError(f"the output {str(disagreements)!r} has no known ending", expected=".tsv or .jsonl")
    check_outputs((disagreements,), (*coders, codebook))
    found = read_codings(
        coders,
        codebook=None if codebook is None else Codebook.load(codebook),
        format=format,
        options=Options(text_column=text_column, labels_column=labels_column),
        on_reject=None if strict else lambda _: None,
    )
    agreed = agreement(
        found.coders,
        codebook=found.codebook,
        by=by,  # type: ignore[arg-type]
        resamples=resamples,
        seed=seed,
    )
    messages = Console(stderr=True, highlight=False)
    for note in agreed.notes():
        messages.print(Text(f"Note: {note}", style="yellow"), soft_wrap=True)
    if disagreements is not None:
        agreed.write_disagreements(disagreements)
        messages.print(Text(f"{len(agreed.disagreements):,} disagreements written to {disagreements}"), soft_wrap=True)
    if as_json:
        print_json(agreed.to_dict())
    else:
        _print(agreed)


def _print(found: Agreement) -> None:
    from rich import box
    from rich.table import Table

    console = Console()
    by = found.alignment.by
    console.print(
        Text(
            f"{', '.join(found.coders)}: {found.sentences:,} sentences in {found.documents:,} documents, "
            f"matched by {by}; codebook {found.codebook.name}"
        ),
        soft_wrap=True,
    )
    overall = Table("Measure", "Value", "95 % interval", box=box.SIMPLE_HEAD)
    for name, interval in found.values.items():
        overall.add_row(_TITLES.get(name, name.replace("_alpha", ", alpha")), *_cells(interval))
    console.print(overall)
    labels = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("Label", *found.coders, "Agree", "Kappa", "Alpha", "95 %", "Spans", "Units"):
        labels.add_column(heading, no_wrap=heading in ("Label", "95 %"), overflow="fold")
    for label in found.labels:
        if any(label.carried):
            measures = (label.percent, label.kappa, label.alpha)
            values = [_cell(measure.value, 2) for measure in measures]
            bounds = f"{_cell(label.alpha.low, 2)} to {_cell(label.alpha.high, 2)}"
            values += [bounds, _cell(label.span_alpha.value, 2), _cell(label.unitizing_alpha, 2)]
            labels.add_row(label.name, *map(str, label.carried), *values)
    console.print(labels)
    for pair in found.pairs:
        _print_pair(console, pair, found)


def _print_pair(console: Console, pair: PairAgreement, found: Agreement) -> None:
    from rich import box
    from rich.table import Table

    from framing.evaluate.scoring import headlines

    console.print(Text(f"{pair.first} and {pair.second}, {pair.sentences:,} sentences", style="bold"), soft_wrap=True)
    values = Table("Measure", "Value", "95 % interval", box=box.SIMPLE_HEAD)
    for name, title in headlines(found.codebook).items():
        if name in pair.values:
            values.add_row(title, *_cells(pair.values[name]))
    console.print(values)
    for rival in pair.rivals:
        cells = [f"{a} / {b}: {count}" for a, b, count in rival.confused()]
        if cells:
            console.print(Text(f"{rival.contrast}, on the same words: {', '.join(cells)}"), soft_wrap=True)


def _cells(interval: Interval) -> tuple[str, str]:
    bounds = "" if interval.low != interval.low else f"{_cell(interval.low)} to {_cell(interval.high)}"
    return _cell(interval.value), bounds


def _cell(value: float, digits: int = 3) -> str:
    return "–" if value != value else f"{value:.{digits}f}"  # nan alone differs from itself
