"""What every benchmark records beside its numbers: machine, versions, inputs, and the command that was run.

A record is one JSON file in ``benchmarks/results/``, named after its suite::

    {"suite", "title", "measured", "command", "machine", "versions", "inputs", "results", "tables"}

``results`` is the suite's own, complete. ``tables`` is what RESULTS.md shows of it: a list of
``{"title", "columns", "rows", "note"}`` whose cells are strings, so that the report needs to know no suite.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from framing.engine.processor import instructions, usable_cores
from framing.errors import UnreadableFileError
from framing.files import write_whole

if TYPE_CHECKING:
    from framing.evaluate.gold import GoldSet

#: Where records lie.
RESULTS_FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report.

    Attributes:
        title: its heading.
        columns: names of the columns.
        rows: cells as they are to be shown, each row as long as ``columns``.
        note: a paragraph under it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One measurement.

    Attributes:
        suite: the suite's name, and the record's file name.
        title: for people.
        command: what was run, as typed.
        inputs: name -> what identifies it (``sha256``, sizes).
        results: the suite's own numbers, JSON-ready.
        tables: what the report shows.
        packages: distributions whose versions matter for the numbers.
    """

    suite: str
    title: str
    command: str
    inputs: dict[str, dict[str, Any]]
    results: dict[str, Any]
    tables: tuple[Table, ...]
    packages: tuple[str, ...] = field(default=("numpy", "scipy"))

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-ready types, with machine, versions and the time of now."""
        return {
            "suite": self.suite,
            "title": self.title,
            "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "command": self.command,
            "machine": machine(),
            "versions": versions(self.packages),
            "inputs": self.inputs,
            "results": self.results,
            "tables": [asdict(table) for table in self.tables],
        }

    def save(self, folder: Path = RESULTS_FOLDER) -> Path:
        """Writes ``<suite>.json`` into a folder and returns its path.

        Raises:
            OutputError: it cannot be written; an earlier record is then unchanged.
        """
        path = folder / f"{self.suite}.json"
        write_whole(path, json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        return path

    def save_and_tell(self, folder: Path) -> None:
        """Save, and say where the record is and what comes next."""
        typer.echo(f"wrote {self.save(folder)}\nnext: python -m benchmarks.report")


def machine() -> dict[str, Any]:
    """Processor, its instructions for matrix products, cores this process may use, memory and system."""
    return {
        "processor": _processor_name(),
        "instructions": " ".join(instructions()),
        "cores": usable_cores(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Versions of Python and of the installed ones among the packages."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def command_line(module: str) -> str:
    """This process as one would type it, ``module`` being what ``python -m`` was given."""
    return shlex.join(["python", "-m", module, *sys.argv[1:]])


def sha256_of(path: Path) -> str:
    """SHA-256 (hexadecimal) of a file; of a folder, that of the sorted list of its files' paths and hashes.

    Raises:
        UnreadableFileError: there is nothing at the path, or it cannot be read.
    """
    try:
        if path.is_dir():
            listing = "".join(
                f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n"
                for file in sorted(path.rglob("*"))
                if file.is_file()
            )
            return hashlib.sha256(listing.encode("utf-8")).hexdigest()
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableFileError(f"{path} cannot be read: {error.strerror}", expected="a file or a folder") from error


def checkpoint_facts(folder: Path) -> dict[str, str]:
    """What a record says of a checkpoint."""
    return {"folder": folder.name, "sha256": sha256_of(folder)}


def gold_facts(path: Path, gold: GoldSet) -> dict[str, Any]:
    """What a record says of its gold file: enough to know it again, and no sentence of it."""
    documents = len(set(gold.groups))
    return {"file": path.name, "sha256": sha256_of(path), "sentences": len(gold), "documents": documents}


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown")


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None
