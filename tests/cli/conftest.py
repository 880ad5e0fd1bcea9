"""The command `framing label` with the tiny checkpoint."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from framing.cli.main import app

Label = Callable[..., Result]


@pytest.fixture
def label(tiny_folder: Path) -> Label:
    """Runs `framing label` in this process; `label("x.txt", "-o", "x.jsonl", stdin=b"…")`."""

    def run(*arguments: str | Path, stdin: str | bytes | None = None, model: Path = tiny_folder) -> Result:
        words = ["label", "--model", str(model), "--engine", "onnx", *map(str, arguments)]
        result = CliRunner().invoke(app, words, input=stdin, prog_name="framing")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception  # a traceback is what no user may see
        return result

    return run


@pytest.fixture
def start(tiny_folder: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts `framing label` as a process of its own, and sees to it that none outlives its test."""
    started = []

    def run(*arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "framing",
            "label",
            "--model",
            tiny_folder,
            "--engine",
            "onnx",
            "--threads",
            "1",
        ]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen([*map(str, command), *map(str, arguments)], **{**pipes, **options}))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        with contextlib.suppress(OSError):  # what it was still to be given
            process.communicate()


@pytest.fixture
def read_jsonl() -> Callable[[str | Path], list[dict[str, Any]]]:
    """Reads the records in a file, or in what a command printed."""
    return _read_jsonl


def _read_jsonl(source: str | Path) -> list[dict[str, Any]]:
    text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    return [json.loads(line) for line in text.removesuffix("\n").split("\n") if line]
