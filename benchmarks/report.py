"""RESULTS.md, its plots and the README's tables, generated from the records in ``benchmarks/results``.

``python -m benchmarks.report`` writes them; ``--check`` only says whether they are what the records give (exit code 1
if not), for continuous integration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.plots import PLOTS_FOLDER, plots_of
from benchmarks.record import RESULTS_FOLDER
from framing.cli._errors import reporting_errors
from framing.errors import InputError
from framing.files import write_whole

REPORT = Path(__file__).parent / "RESULTS.md"
README = Path(__file__).parents[1] / "README.md"
#: Rows of the README's table of quality; RESULTS.md has them all.
_README_MEASURES = (
    "frames, macro F1",
    "frames, micro F1",
    "spans by overlap, F1",
    "mentions with their voice, F1",
    "hedged sentences, F1",
    "source spans by overlap, F1",
    "kind, accuracy",
    "frames, calibration error (ECE, lower is better)",
)
#: And of its table of marked sentences.
_README_CURVE = ("frames, micro F1", "spans by overlap, F1", "mentions with their voice, F1", "hedged sentences, F1")
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


def stale_plots(folder: Path = RESULTS_FOLDER, plots: Path = PLOTS_FOLDER) -> list[Path]:
    """Files of plots that are missing or show another record."""
    records = [_read(path) for path in sorted(folder.glob("*.json"))]
    return [
        plot.path(plots) for record in records for plot in plots_of(record["suite"]) if plot.is_stale(record, plots)
    ]


def write_plots(folder: Path = RESULTS_FOLDER, plots: Path = PLOTS_FOLDER) -> None:
    """Draw the plots that are stale.

    Raises:
        MissingExtraError: what draws them is not installed.
    """
    for record in (_read(path) for path in sorted(folder.glob("*.json"))):
        for plot in plots_of(record["suite"]):
            if plot.is_stale(record, plots):
                plot.write(record, plots)


def is_readme_stale(path: Path = README, folder: Path = RESULTS_FOLDER) -> bool:
    """Whether the README's tables differ from what the records give."""
    text = path.read_text(encoding="utf-8")
    return text != readme(text, folder)


def readme(text: str, folder: Path = RESULTS_FOLDER) -> str:
    """The README with its tables as the records give them.

    Args:
        text: the README as it is, with each table's place marked by ``<!-- NAME -->`` and ``<!-- /NAME -->``, NAME
            being a key of :data:`_README_TABLES`.
        folder: of the records.

    Raises:
        InputError: a record is not of the form, or the README does not mark a place.
    """
    for name, tables in _README_TABLES.items():
        place = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)
        found = place.search(text)
        if found is None:
            raise InputError(f"{README.name} has no place for a table", expected=f"<!-- {name} --> … <!-- /{name} -->")
        begin, end = found.span()
        text = text[:begin] + "\n\n".join(map(_table, tables(folder))) + "\n" + text[end:]
    return text


def _quality_table(folder: Path) -> list[dict[str, Any]]:
    record = _read(folder / "quality.json")
    systems = record["tables"][0]
    rows = [row for row in systems["rows"] if row[0] in _README_MEASURES]
    first = f"{record['inputs']['gold']['sentences']} gold sentences"
    return [{"title": "", "columns": [first, *systems["columns"][1:]], "rows": rows, "note": ""}]


def _speed_tables(folder: Path) -> list[dict[str, Any]]:
    """Systems with the same weights, and what else a user waits for or makes room for."""
    throughput, memory = _read(folder / "throughput.json"), _read(folder / "memory.json")
    results = throughput["results"]
    systems = next(table for table in throughput["tables"] if table["title"] == "Systems")
    shown = {s["title"] for s in results["systems"] if s["agreement"] or s["spec"].get("checkpoint")}
    columns = [0, 1, *(i for i, name in enumerate(systems["columns"]) if name.startswith("×"))]
    rows = [[row[i] for i in columns] for row in systems["rows"] if row[0] in shown]
    machine = throughput["machine"]
    first = f"{machine['processor']}, {machine['cores']} cores"
    start, latency = results["cold_start"][0], results["latency"][0]
    peak = max(int(row[-1]) for row in memory["tables"][0]["rows"])  # of all samples; the results hold some of them
    facts = [
        ["`import framing`", f"{results['imports']['seconds']['median'] * 1e3:.0f} ms"],
        ["from the start of Python to the first label, without torch", f"{start['seconds']['median']:.2f} s"],
        ["one sentence, 50th and 99th percentile", f"{latency['p50'] * 1e3:.1f} and {latency['p99'] * 1e3:.1f} ms"],
        [f"peak memory, JSONL of {memory['inputs']['corpus']['bytes'] / 1e9:.1f} GB", f"{peak} MiB"],
    ]
    return [
        {"title": "", "columns": [first, *(systems["columns"][i] for i in columns[1:])], "rows": rows, "note": ""},
        {"title": "", "columns": ["what else", "measured"], "rows": facts, "note": ""},
    ]


def _shortcuts_table(folder: Path) -> list[dict[str, Any]]:
    """What is faster than the default, and how many labels it changes."""
    record = _read(folder / "throughput-shortcuts.json")
    systems = record["tables"][0]
    agreement = {system["title"]: system["agreement"] for system in record["results"]["systems"]}
    columns = [0, 1, *(i for i, name in enumerate(systems["columns"]) if name.startswith("×"))]
    rows = [[*(row[i] for i in columns), _changed(agreement[row[0]])] for row in systems["rows"] if row[0] in agreement]
    machine = record["machine"]
    first = f"{machine['processor']}, {machine['cores']} cores, {_bf16(machine)}"
    names = [systems["columns"][i] for i in columns[1:]]
    return [{"title": "", "columns": [first, *names, "sentences with another label"], "rows": rows, "note": ""}]


def _changed(agreement: dict[str, Any] | None) -> str:
    if agreement is None:
        return "other weights"
    return f"{agreement['differing'] / agreement['sentences']:.2%}"


def _bf16(machine: dict[str, Any]) -> str:
    found = [name for name in machine["instructions"].split() if name.endswith("_bf16")]
    return ", ".join(found) or "no instructions for bf16"


def _batch_table(folder: Path) -> list[dict[str, Any]]:
    """What a batch job costs beside labelling, and what became of jobs that were killed."""
    speed, kills = _read(folder / "batch.json"), _read(folder / "batch-kills.json")["results"]
    corpus = _read(folder / "batch-corpus.json")["results"]
    share = speed["tables"][0]["rows"][0]
    memory = speed["results"]["memory"]
    sizes = " / ".join(f"{entry['rows']:,}" for entry in memory)
    peaks = " / ".join(f"{entry['peak'] / 2**20:.0f}" for entry in memory)
    stretches = corpus["stretches"]
    killed = sum(stretch["killed"] for stretch in stretches)
    rows = [
        ["speed of a job, beside that of the labeler alone", share[2]],
        [f"peak memory at {sizes} rows", f"{peaks} MiB"],
        [
            f"{kills['kills']} times `kill -9`: files that differ from the uninterrupted job's",
            f"{len(kills['differing'])} of {kills['units']} units",
        ],
        [
            f"{corpus['verification']['sentences']:,} sentences in one job, killed {killed} times, local and on Ray in "
            "turn: problems found by `--verify`",
            str(len(corpus["verification"]["problems"])),
        ],
    ]
    return [{"title": "", "columns": ["batch jobs", "measured"], "rows": rows, "note": ""}]


def _seeds_table(folder: Path) -> list[dict[str, Any]]:
    """What more marked sentences bring."""
    curve = _read(folder / "learning_curve.json")["tables"][0]
    rows = [row for row in curve["rows"] if row[0] in _README_CURVE]
    return [{"title": "", "columns": ["marked sentences", *curve["columns"][1:]], "rows": rows, "note": ""}]


#: Name of a place in the README -> the tables that stand there.
_README_TABLES: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    "quality": _quality_table,
    "speed": _speed_tables,
    "shortcuts": _shortcuts_table,
    "batch": _batch_table,
    "seeds": _seeds_table,
}


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
    plots = [f"![{plot.title}](plots/{plot.path().name})" for plot in plots_of(record["suite"])]
    return "\n\n".join([f"## {record['title']}", "\n".join(facts), *map(_table, record["tables"]), *plots])


def _listing(values: dict[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items() if value is not None)


def _table(table: dict[str, Any]) -> str:
    lines = [table["columns"], ["---", *("---:" for _ in table["columns"][1:])], *table["rows"]]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    title = f"### {table['title']}" if table["title"] else ""
    return "\n\n".join(filter(None, [title, body, table["note"]]))


@reporting_errors()
def main(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; say whether it is stale.")] = False,
) -> None:
    """Write RESULTS.md and plots from the records, or check that it is up to date."""
    if not check:
        write_plots()
        write_whole(REPORT, render())
        write_whole(README, readme(README.read_text(encoding="utf-8")))
        typer.echo(f"wrote {REPORT} with its plots, and the tables in {README}")
    elif stale := [path for path, old in ((REPORT, is_stale()), (README, is_readme_stale())) if old] + stale_plots():
        typer.echo(f"stale: {', '.join(path.name for path in stale)}; next: python -m benchmarks.report")
        raise typer.Exit(1)
    else:
        typer.echo(f"{REPORT.name} and {README.name} are up to date")


if __name__ == "__main__":
    typer.run(main)
