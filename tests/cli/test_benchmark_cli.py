"""`framing benchmark` on the tiny checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from framing.cli.main import app

pytestmark = pytest.mark.slow


def benchmark(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["benchmark", *map(str, arguments)], env={"COLUMNS": "160"}, prog_name="framing")


def test_it_measures_and_shows(tiny_folder: Path, tmp_path: Path) -> None:
    texts, file = tmp_path / "mine.txt", tmp_path / "speed.json"
    texts.write_text("rebels fled the city\nthe army liberated the town\n" * 10, encoding="utf-8")
    options = ["--engine", "onnx", "--threads", "1", "--sentences", "12", "--rounds", "2"]
    result = benchmark("--model", tiny_folder, *options, "--texts", texts, "--json", file)
    assert result.exit_code == 0, result.output
    speed = json.loads(file.read_text(encoding="utf-8"))
    assert speed["texts"]["origin"] == "mine.txt"
    assert (speed["sentences"], len(speed["seconds"])) == (12, 2)
    assert speed["products"]["threads"] == 1
    assert list(speed["latency"]) == ["p50", "p90", "p99"]
    assert f"{speed['sentences_per_second']['median']:,.0f}" in result.stdout
    for shown in ("sentences a second", "tokens a second", "share of the machine's limit", "mine.txt", "tokenise"):
        assert shown in result.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--engine", "steam"], "'steam' is unknown"),
        (["--texts", "nowhere.txt"], "nowhere.txt cannot be read"),
        (["--model", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_told_without_a_traceback(tiny_folder: Path, arguments: list[str], told: str) -> None:
    model = [] if "--model" in arguments else ["--model", str(tiny_folder)]
    result = benchmark(*model, *arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr
