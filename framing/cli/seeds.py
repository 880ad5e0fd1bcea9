"""``framing seeds``: check files of marked sentences and count their marks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from framing.cli._errors import EXIT_USER_ERROR, reporting_errors
from framing.cli._terminal import Console, print_json
from framing.codebook import DEFAULT_NAME, Codebook
from framing.seeds import SeedReport, datasheet_is_current, write_datasheet
from framing.seeds import check as check_seeds
from framing.types import Rejected

app = typer.Typer(no_args_is_help=True, help="Check files of marked sentences and count what is in them.")


@app.callback()
def _group() -> None:
    """With a callback, typer keeps ``check`` a subcommand, although it is the only one."""


@app.command()
@reporting_errors()
def check(
    paths: Annotated[list[Path], typer.Argument(help="Files of marked sentences, or folders with *.tsv in them.")],
    codebook: Annotated[str, typer.Option(help="A built-in codebook's name, or a YAML file.")] = DEFAULT_NAME,
    datasheet: Annotated[Path | None, typer.Option(help="Check that this file's counts are those found.")] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Write the counts into the datasheet instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False,
) -> None:
    """Parse every line, name what cannot be used by file and line, and print the counts.

    The exit code is 2 if a line cannot be used or the datasheet's counts are not those found.
    """
    if refresh and datasheet is None:
        raise typer.BadParameter("--refresh needs --datasheet FILE", param_hint="--refresh")
    report = check_seeds(paths, Codebook.load(codebook))
    errors = Console(stderr=True, highlight=False)
    # Before anything is printed, because a closed pipe (`| head`) would end the command before the counts are written.
    stale = datasheet is not None and not _datasheet_in_order(errors, datasheet, report, refresh)
    if as_json:
        print_json(report.to_dict())
    else:
        _print_counts(Console(), report)
    _print_lines(errors, "Problem", "bold red", report.problems)
    _print_lines(errors, "Warning", "bold yellow", report.warnings)
    if report.problems or stale:
        raise typer.Exit(EXIT_USER_ERROR)


def _datasheet_in_order(errors: Console, datasheet: Path, report: SeedReport, refresh: bool) -> bool:
    """Renew or check the datasheet; never renew it from files that have problems."""
    if refresh and not report.problems:
        if write_datasheet(datasheet, report):
            errors.print(Text(f"{datasheet}: counts renewed"), soft_wrap=True)
        return True
    if datasheet_is_current(datasheet, report):
        return True
    text = Text.assemble(("Problem:", "bold red"), f" {datasheet}: its counts are not those of the files. ")
    errors.print(text.append("Next: run the same with --refresh"), soft_wrap=True)
    return False


def _print_lines(errors: Console, word: str, style: str, lines: tuple[Rejected, ...]) -> None:
    for line in lines:
        errors.print(Text.assemble((f"{word}:", style), f" {line.where}: {line.reason}"), soft_wrap=True)


def _print_counts(console: Console, report: SeedReport) -> None:
    voices = [voice for voice in next(iter(report.frames.values()), {}) if voice]
    table = _table("Frame", "sentences", "mentions", *voices)
    for label, by_voice in report.frames.items():
        row = (report.frame_sentences[label], sum(by_voice.values()), *(by_voice[voice] for voice in voices))
        table.add_row(label, *map(str, row))
    console.print(table, end="\n\n")
    table = _table("Hedge", "cues")
    for kind, count in report.hedges.items():
        table.add_row(kind, str(count))
    console.print(table, end="\n\n")
    for task, counts in report.tasks.items():
        table = _table(task, "count")
        for value, count in counts.items():
            table.add_row(value, str(count))
        console.print(table, end="\n\n")
    table = _table("Kind", "sentences")
    for kind, count in report.kinds.items():
        table.add_row(kind, str(count))
    console.print(table, end="\n\n")
    console.print(
        f"{report.sentences} sentences in {report.groups} groups and {len(report.files)} files; "
        f"{report.mentions} frame mentions, {report.sources} sources; {report.hedged} sentences are hedged, "
        f"{report.unmarked} carry no mark; {len(report.problems)} problems, {len(report.warnings)} warnings",
        soft_wrap=True,
    )


def _table(first: str, *counts: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first, no_wrap=True)
    for heading in counts:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
