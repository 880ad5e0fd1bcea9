"""The command ``framing``; each of its commands has a module of its own.

Importing this module loads no heavy library, so that ``framing --help`` answers at once.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

import framing
from framing.cli import codebook, marks, seeds
from framing.cli._errors import run_process
from framing.cli.agree import agree_command
from framing.cli.batch import batch_command
from framing.cli.benchmark import benchmark_command
from framing.cli.compare import compare_command
from framing.cli.convert import convert_command
from framing.cli.evaluate import evaluate_command
from framing.cli.label import label_command
from framing.cli.report import page_command, report_command
from framing.cli.sample import sample_command
from framing.cli.serve import serve_command
from framing.cli.suggest import suggest_command

# Typer's decorated tracebacks are off, because they make faults of framing harder to find.
app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.command("label")(label_command)
app.command("batch", no_args_is_help=True)(batch_command)
app.command("compare", no_args_is_help=True)(compare_command)
app.command("report", no_args_is_help=True)(report_command)
app.command("view", no_args_is_help=True)(page_command)
app.command("sample", no_args_is_help=True)(sample_command)
app.command("evaluate", no_args_is_help=True)(evaluate_command)
app.command("agree", no_args_is_help=True)(agree_command)
app.command("suggest", no_args_is_help=True)(suggest_command)
app.command("convert", no_args_is_help=True)(convert_command)
app.command("benchmark")(benchmark_command)
app.command("serve")(serve_command)
app.add_typer(codebook.app, name="codebook")
app.add_typer(seeds.app, name="seeds")
app.add_typer(marks.app, name="marks")


def main() -> None:
    """Entry point of ``framing``. Exits with 0, 2 for a user's mistake, 130 after Ctrl-C, 141 for a closed pipe."""
    run_process(partial(app, prog_name="framing"))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"framing {framing.__version__}")
        raise typer.Exit


@app.callback()
def _framing(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Who names it how, in whose voice, and how sure: framing and hedging in news, sentence by sentence."""
