"""``framing compare``: groups of documents compared, with intervals."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from framing.cli import _options as options
from framing.cli._errors import reporting_errors
from framing.cli._outputs import check_outputs
from framing.errors import SettingError

if TYPE_CHECKING:
    from framing.cli._terminal import Console
    from framing.compare.comparison import Comparison

_counted = partial(typer.Option, rich_help_panel="What is counted")
_events = partial(typer.Option, rich_help_panel="Same event")
_corrected = partial(typer.Option, rich_help_panel="Correction")
_shown = partial(typer.Option, rich_help_panel="Output")

_ENDINGS = {".csv": "to_csv", ".md": "to_markdown", ".tex": "to_latex", ".json": "to_json"}


@reporting_errors()
def compare_command(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Records of framing label or framing batch: files, folders, globs; or documents, labelled first."
        ),
    ],
    by: Annotated[
        list[str] | None, typer.Option(help="Column whose values are the groups; may be given twice. [default: outlet]")
    ] = None,
    over: Annotated[str | None, typer.Option(help="Also by day, week, month or year.")] = None,
    against: Annotated[str | None, typer.Option(help="A group to compare all others with; else every pair.")] = None,
    kind: Annotated[
        list[str] | None, _counted(help="Sentences of this kind only; else all that are the outlet's words.")
    ] = None,
    voice: Annotated[list[str] | None, _counted(help="Mentions in this voice only.")] = None,
    since: Annotated[str | None, _counted(help="Documents from this day on, such as 2016-12-15.")] = None,
    until: Annotated[str | None, _counted(help="Documents up to this day.")] = None,
    keyword: Annotated[str | None, _counted(help="Documents with this string, in upper or lower case.")] = None,
    contrast: Annotated[list[str] | None, _counted(help="This contrast of the codebook only.")] = None,
    least_probability: Annotated[
        float | None, _counted(min=0, max=1, help="Mentions of at least this probability.")
    ] = None,
    copies: Annotated[
        str, _counted(help="all, or once: those of a group that copy one another are counted once.")
    ] = "all",
    event: Annotated[
        str | None, _events(help="Column that names the event of each document: compare within events too.")
    ] = None,
    find_event: Annotated[
        bool, _events("--find-event", help="Find documents on one event by date and words, and compare within them.")
    ] = False,
    event_days: Annotated[int, _events(min=0, help="Days that an event that is found lasts, at most.")] = 3,
    gold: Annotated[Path | None, _corrected(help="Annotated documents: what framing sample drew.")] = None,
    equal_probabilities: Annotated[
        bool, _corrected("--equal-probabilities", help="They were drawn at random from each group, all alike.")
    ] = False,
    error_rates: Annotated[
        Path | None,
        _corrected(help="Without gold: the checkpoint's folder, or what framing evaluate --json wrote, for bands."),
    ] = None,
    power: Annotated[
        bool, _corrected("--power", help="A table: how many documents to annotate until an interval is half as wide.")
    ] = False,
    level: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of the intervals.")] = 0.95,
    small: Annotated[int, typer.Option(min=0, help="Groups with fewer documents are flagged.")] = 20,
    check: Annotated[bool, typer.Option("--check", help="Bootstrap every group, not only small ones.")] = False,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
    codebook: Annotated[str | None, typer.Option(help="By which was labelled: a name or a YAML file.")] = None,
    model: Annotated[
        str | None, options.model_option("--model", "-m", help="What labels documents; the shipped model if left out.")
    ] = None,
    text_column: options.TextColumn = None,
    id_column: options.IdColumn = None,
    outlet_column: options.OutletColumn = None,
    published_column: options.PublishedColumn = None,
    title_column: options.TitleColumn = None,
    table: Annotated[
        str, _shown(help="estimates, differences, words, groups, power or events; for .csv, .md and .tex.")
    ] = "estimates",
    output: Annotated[Path | None, _shown("--output", "-o", help="A table as .csv, .md, .tex; all as .json.")] = None,
    as_json: Annotated[bool, _shown("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Compare outlets: which names they take, in whose voice, how they hedge, and whether the difference is real."""
    from rich.text import Text

    from framing.cli._terminal import Console
    from framing.codebook import Codebook
    from framing.compare.front import compare
    from framing.reading import Columns

    if output is not None and output.suffix.lower() not in _ENDINGS:
        raise SettingError(f"the output {str(output)!r} has no known ending", expected=", ".join(_ENDINGS))
    if power and gold is None:
        raise SettingError(
            "--power needs to know how the model errs here",
            expected="--gold with a first sample, of ten documents of each group, say",
            hint="framing sample draws it",
        )
    check_outputs((output,), (*inputs, gold, error_rates, codebook))
    found = compare(
        inputs,
        by or "outlet",
        over=over,
        against=against,
        kinds=kind,
        voices=voice,
        since=since,
        until=until,
        keyword=keyword,
        contrasts=contrast,
        least_probability=least_probability,
        copies=copies,
        event=event,
        find_event=find_event,
        event_days=event_days,
        gold=gold,
        equal_probabilities=equal_probabilities,
        error_rates=error_rates,
        level=level,
        small=small,
        check=check,
        seed=seed,
        codebook=None if codebook is None else Codebook.load(codebook),
        model=model,
        input_columns=Columns(text_column, id_column, outlet_column, published_column, title_column),
    )
    if output is not None:
        how = _ENDINGS[output.suffix.lower()]
        getattr(found, how)(output, **({} if how == "to_json" else {"table": table}))
    if as_json:
        typer.echo(found.to_json(), nl=False)
    elif output is None:
        _print(found, Console(highlight=False), power=power)
    if not as_json:
        for note in found.notes:
            line = Text(f"Note: {note}", style="yellow")
            Console(stderr=True, highlight=False).print(line, soft_wrap=True)


def _print(found: Comparison, console: Console, *, power: bool) -> None:
    from rich import box
    from rich.table import Table

    from framing.compare.comparison import figure_text

    many = _has_periods(found)
    groups = Table("Group", *["Period"] * many, "Documents", "Sentences", "Mentions", box=box.SIMPLE_HEAD)
    for row in found.table("groups").to_pylist():
        counts = (f"{row[name]:,}" for name in ("documents", "sentences", "mentions"))
        groups.add_row(row["group"], *[row["period"]] * many, *counts, style="bright_black" if row["small"] else None)
    console.print(groups)
    asked = found.settings["voices"]
    for contrast in found.settings["contrasts"]:
        # Where voices were asked for, all that is there is in them.
        for voice in (None, *(() if asked else found.corpus.codebook.voices_of_role("own"))):
            rows = found.table(estimand="contrast_share", contrast=contrast, voice=voice).to_pylist()
            if not rows:
                continue
            labels = list(dict.fromkeys(row["label"] for row in rows))
            spoken = asked or ([voice] if voice else [])
            title = f"{contrast}, share of mentions" + (f" in the voice {' or '.join(spoken)}" if spoken else "")
            shown = Table("Group", *["Period"] * many, box=box.SIMPLE_HEAD, title=title)
            for name in (*labels, "n"):
                shown.add_column(name, overflow="fold", min_width=len(name))
            for key in dict.fromkeys((row["group"], row["period"]) for row in rows):
                own = {row["label"]: row for row in rows if (row["group"], row["period"]) == key}
                cells = [
                    figure_text(own[label]["value"], own[label]["low"], own[label]["high"], share=True)
                    if label in own
                    else "–"
                    for label in labels
                ]
                first: dict[str, Any] = next(iter(own.values()))
                style = "bright_black" if first["small"] else None
                shown.add_row(key[0], *[key[1]] * many, *cells, f"{first['denominator']:,.0f}", style=style)
            console.print(shown)
    if power:
        _print_power(found, console)
    if found.events is not None:
        _print_events(found, console)
    differences = found.differences
    if differences.num_rows:
        told = sum(differences.column("distinguishable").to_pylist())
        console.print(
            f"{told:,} of {differences.num_rows:,} differences are distinguishable (q ≤ "
            f"{found.settings['false_discovery']:g} over all of them); --table differences -o FILE has each."
        )


def _has_periods(found: Comparison) -> bool:
    return any(found.table("groups").column("period").to_pylist())


def _shares(found: Comparison, table: str) -> Iterator[tuple[str, list[dict[str, Any]], bool]]:
    """Each contrast that has rows in a table, its rows for all voices, and whether there are periods."""
    for contrast in found.settings["contrasts"]:
        if rows := found.table(table, estimand="contrast_share", contrast=contrast, voice=None).to_pylist():
            yield contrast, rows, _has_periods(found)


def _print_power(found: Comparison, console: Console) -> None:
    from rich import box
    from rich.table import Table

    from framing.compare.comparison import figure_text

    for contrast, rows, many in _shares(found, "power"):
        title = f"{contrast}: documents to annotate until an interval is half as wide"
        columns = ("Label", "Group", *["Period"] * many, "Share", "Annotated", "To annotate")
        shown = Table(*columns, box=box.SIMPLE_HEAD, title=title)
        for row in rows:
            enough = row["to_halve"] != float("inf")
            said = f"{row['to_halve']:,.0f} of {row['documents']:,}" if enough else "not by annotation: collect more"
            figure = figure_text(row["value"], row["low"], row["high"], share=True)
            shown.add_row(row["label"], row["group"], *[row["period"]] * many, figure, f"{row['annotated']:,}", said)
        console.print(shown)


def _print_events(found: Comparison, console: Console) -> None:
    from rich import box
    from rich.table import Table

    from framing.compare.comparison import figure_text

    for contrast, rows, many in _shares(found, "events"):
        title = f"{contrast}: differences of shares within events that both tell (grey: not distinguishable)"
        columns = ("Label", "Difference of", *["Period"] * many, "Within", "Overall", "Events", "q")
        shown = Table(*columns, box=box.SIMPLE_HEAD, title=title)
        for row in rows:
            within = figure_text(row["difference"], row["low"], row["high"], share=True)
            q = "–" if row["q"] is None else f"{row['q']:.2g}"
            cells = (within, f"{row['overall']:.0%}", f"{row['events']:,}", q)
            pair = f"{row['first']} − {row['second']}"
            style = None if row["distinguishable"] else "bright_black"
            shown.add_row(row["label"], pair, *[row["period"]] * many, *cells, style=style)
        console.print(shown)
