"""RESULTS.md, generated from the records in ``benchmarks/results``.

``python -m benchmarks.report`` writes it; ``--check`` only says whether it is what the records give (exit code 1 if
not), for continuous integration.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.record import RESULTS_FOLDER
from framing.cli._errors import reporting_errors
from framing.errors import InputError
from framing.files import write_whole

REPORT = Path(__file__).parent / "RESULTS.md"
_INTRODUCTION = """# Results

Generated from `benchmarks/results/*.json` by `python -m benchmarks.report`; not to be edited by hand."""
_KEYS = ("suite", "title", "measured", "command", "machine", "versions", "inputs", "results", "tables")


def render(folder: Path = RESULTS_FOLDER) -> str:
    """The report on all records of a folder, in the order of their names, as Markdown.

    Raises:
        InputError: a record is not JSON, or not of the form that :mod:`benchmarks.record` describes.
    """
    sections = [_section(_read(path)) for path in sorted(folder.glob("*.json"))]
    return "\n\n".join([_INTRODUCTION, *sections]) + "\n"


def is_stale(report: Path = REPORT, folder: Path = RESULTS_FOLDER) -> bool:
    """Whether the report differs from what the records give."""
    return not report.is_file() or report.read_text(encoding="utf-8") != render(folder)


def _read(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no record: {error}", expected="a JSON file of benchmarks.record") from error
    missing = [key for key in _KEYS if not isinstance(record, dict) or key not in record]
    if missing:
        raise InputError(f"{path} is no record: it lacks {', '.join(missing)}", expected=", ".join(_KEYS))
    return dict(record)


def _section(record: dict[str, Any]) -> str:
    facts = [
        f"- measured {record['measured']} on {_listing(record['machine'])}",
        f"- versions: {_listing(record['versions'])}",
        *(f"- {name}: {_listing(facts)}" for name, facts in record["inputs"].items()),
        f"- command: `{record['command']}`",
    ]
    return "\n\n".join([f"## {record['title']}", "\n".join(facts), *map(_table, record["tables"])])


def _listing(values: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items() if value is not None)


def _table(table: dict[str, Any]) -> str:
    lines = [table["columns"], ["---", *("---:" for _ in table["columns"][1:])], *table["rows"]]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return "\n\n".join(filter(None, [f"### {table['title']}", body, table["note"]]))


@reporting_errors()
def main(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; say whether it is stale.")] = False,
) -> None:
    """Write RESULTS.md from the records, or check that it is up to date."""
    if not check:
        write_whole(REPORT, render())
        typer.echo(f"wrote {REPORT}")
    elif is_stale():
        typer.echo(f"{REPORT} is stale; next: python -m benchmarks.report")
        raise typer.Exit(1)
    else:
        typer.echo(f"{REPORT} is up to date")


if __name__ == "__main__":
    typer.run(main)
