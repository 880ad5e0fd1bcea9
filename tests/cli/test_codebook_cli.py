"""The commands `framing codebook` and `framing seeds`, and how every command reports errors."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
import yaml
from typer.testing import CliRunner

from framing.cli import codebook as codebook_command
from framing.cli import seeds as seeds_command
from framing.cli._errors import reporting_errors
from framing.codebook import Codebook
from framing.convert.passages import NamedLabel, NamedSpan, Passage
from framing.errors import InputError
from framing.markup import parse
from framing.suggest import write_passages
from tests.own_codebook import OWN

ROOT = Path(__file__).parents[2]
run = CliRunner().invoke

# --- framing codebook ---------------------------------------------------------------------------------------------


def test_show_names_every_label_contrast_hedge_and_voice() -> None:
    result = run(codebook_command.app, ["show"])
    assert result.exit_code == 0
    book = Codebook.default()
    names = [*book.label_names, *(c.name for c in book.contrasts), *book.hedge_kinds, *book.voices, book.fingerprint]
    assert [name for name in (*names, *book.kinds) if name not in result.stdout] == []


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A codebook without voices and with tasks."""
    path = tmp_path / "own.yaml"
    label = {"name": "rebels", "examples": ["[[Men|rebels.tone=ironic]] took [[Homs|place.town]]."]}
    path.write_text(yaml.safe_dump({**OWN, "labels": [label]}), encoding="utf-8")
    return path


def test_a_codebook_without_voices_and_with_tasks(own: Path) -> None:
    shown = run(codebook_command.app, ["show", str(own)])
    assert shown.exit_code == 0
    book = Codebook.load(own)
    names = [name for task in book.tasks for name in (task.name, *task.names)]
    assert [name for name in ("rebels", *names) if name not in shown.stdout] == []
    assert not {"Hedge", "Voice", "Source", "Kind"} & set(shown.stdout.split())
    content = json.loads(run(codebook_command.app, ["show", str(own), "--json"]).stdout)
    assert content.pop("fingerprint") == book.fingerprint
    assert Codebook.from_dict(content) == book
    label = run(codebook_command.app, ["show", str(own), "--label", "rebels"])
    assert label.exit_code == 0
    assert "Men took Homs." in label.stdout
    assert run(codebook_command.app, ["validate", str(own)]).stdout.startswith(f"ok: {own}: own, version 1\nlabels 1,")


def test_seeds_of_a_codebook_with_tasks_are_counted(own: Path) -> None:
    path = own.with_name("seeds.tsv")
    path.write_text("g\tstance=hostile\t[[Men|rebels.tone=ironic]] took [[Homs|place.town]].\n", encoding="utf-8")
    result = run(seeds_command.app, ["check", str(path), "--codebook", str(own)])
    assert result.exit_code == 0
    for heading, value in (("stance", "hostile"), ("tone", "ironic"), ("place", "town")):
        table = result.stdout.partition(f"{heading} ")[2]
        assert re.search(rf"^{value} +1 *$", table, re.MULTILINE), heading


def test_show_json_is_the_codebook() -> None:
    result = run(codebook_command.app, ["show", "--json"])
    content = json.loads(result.stdout)
    assert content.pop("fingerprint") == Codebook.default().fingerprint
    assert Codebook.from_dict(content) == Codebook.default()


def test_show_one_label_with_its_rulings_and_examples() -> None:
    result = run(codebook_command.app, ["show", "--label", "fall"])
    assert result.exit_code == 0
    for heading in ("fall (event)", "Typical", "Not this", "Rulings", "Examples"):
        assert heading in result.stdout
    assert "collapse (author)" in result.stdout and "[[" not in result.stdout
    assert json.loads(run(codebook_command.app, ["show", "-l", "fall", "--json"]).stdout)["name"] == "fall"


def test_show_of_something_unknown() -> None:
    result = run(codebook_command.app, ["show", "--label", "fal"])
    assert result.exit_code == 2
    assert "did you mean 'fall'?" in result.stderr
    assert result.stdout == ""


def test_new_writes_a_codebook_that_validates(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    result = run(codebook_command.app, ["new", str(path)])
    assert result.exit_code == 0 and str(path) in result.stdout
    result = run(codebook_command.app, ["validate", str(path)])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"ok: {path}: mine, version 1\n")
    assert f"fingerprint {Codebook.load(path).fingerprint}" in result.stdout


def test_new_overwrites_on_demand_only(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("labels: [mine]\n", encoding="utf-8")
    result = run(codebook_command.app, ["new", str(path)])
    assert result.exit_code == 2 and "--force" in result.stderr
    assert path.read_text(encoding="utf-8") == "labels: [mine]\n"
    assert run(codebook_command.app, ["new", str(path), "--force"]).exit_code == 0
    assert Codebook.load(path).label_names[0] == "protesters"


def test_new_where_nothing_can_be_written(tmp_path: Path) -> None:
    result = run(codebook_command.app, ["new", str(tmp_path / "none" / "mine.yaml")])
    assert result.exit_code == 2 and "cannot be written" in result.stderr


def test_validate_names_file_line_and_key(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("labels:\n  - name: a\n    axes: actor\n", encoding="utf-8")
    result = run(codebook_command.app, ["validate", str(path)])
    assert result.exit_code == 2
    error, expected, hint = result.stderr.strip().split("\n")
    assert error == f"Error: {path}, line 3, labels[0].axes: the key 'axes' is unknown"
    assert expected.startswith("Expected: one of name, axis")
    assert hint == "Next: did you mean 'axis'?"


def test_validate_checks_examples(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("labels:\n  - name: a\n    examples: ['[[x|b.author]]']\n", encoding="utf-8")
    result = run(codebook_command.app, ["validate", str(path)])
    assert result.exit_code == 2 and "label 'a', examples[0]: column 5: the label 'b'" in result.stderr


@pytest.mark.parametrize("name", ["built-in", "own"])
def test_label_studio_is_offered_all_that_is_written_for_it(name: str, own: Path, tmp_path: Path) -> None:
    book = Codebook.default() if name == "built-in" else Codebook.load(own)
    config = tmp_path / "config.xml"
    assert (
        run(codebook_command.app, ["label-studio", *([str(own)] if name == "own" else []), "-o", str(config)]).exit_code
        == 0
    )
    view = ElementTree.parse(config).getroot()
    offered = {control.get("name"): {one.get("value") for one in control} for control in view if len(control)}
    examples = [parse(example, book) for label in book.labels for example in label.examples]
    tasks = tmp_path / "tasks.json"
    labels = tuple(NamedLabel(label) for label in book.label_names[:1])
    labels += tuple(NamedLabel(f"kind={kind}") for kind in book.kinds[:1])
    labels += tuple(NamedLabel(f"{task.name}={task.names[0]}") for task in book.tasks_of("sentence"))
    passages = [
        Passage(one.text, tuple(NamedSpan(s.start, s.end, str(tag)) for s in one.spans for tag in s.tags), labels)
        for one in examples
    ]
    write_passages(passages, tasks, book, to_format="labelstudio")
    results = [item for task in json.loads(tasks.read_text()) for one in task["annotations"] for item in one["result"]]
    assert {item["from_name"] for item in results} == set(offered)
    wrong = [item for item in results if not set(item["value"].get(item["type"], ())) <= offered[item["from_name"]]]
    assert results
    assert wrong == []
    assert run(codebook_command.app, ["label-studio", "-o", str(config)]).exit_code == 2


# --- framing seeds ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_seeds_check_prints_counts() -> None:
    result = run(seeds_command.app, ["check", str(ROOT / "seeds")])
    assert result.exit_code == 0
    for name in (*Codebook.default().label_names, "approximation", "boilerplate", "0 problems"):
        assert name in result.stdout


def test_seeds_check_rejects_by_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.tsv"
    path.write_text("g\tbody\tfine\ng\tbody\t[[x|a.author]]\n", encoding="utf-8")
    result = run(seeds_command.app, ["check", str(path)])
    assert result.exit_code == 2
    assert f"Problem: {path}:2: column 5: the label 'a'" in result.stderr
    assert "1 sentences" in result.stdout
    result = run(seeds_command.app, ["check", str(path), "--json"])
    assert result.exit_code == 2
    assert json.loads(result.stdout)["problems"][0]["where"] == f"{path}:2"


def test_seeds_check_renews_and_verifies_a_datasheet(tmp_path: Path) -> None:
    path, sheet = tmp_path / "mine.tsv", tmp_path / "README.md"
    path.write_text("g\tbody\tfine\n", encoding="utf-8")
    sheet.write_text(
        "<!-- counts: begin; written by `framing seeds check`, not by hand -->\n<!-- counts: end -->\n",
        encoding="utf-8",
    )
    arguments = ["check", str(path), "--datasheet", str(sheet)]
    result = run(seeds_command.app, arguments)
    assert result.exit_code == 2 and "--refresh" in result.stderr
    assert run(seeds_command.app, [*arguments, "--refresh"]).exit_code == 0
    assert run(seeds_command.app, arguments).exit_code == 0
    path.write_text("g\tbody\tfine\ng\tbody\t[[broken\n", encoding="utf-8")
    before = sheet.read_text(encoding="utf-8")
    assert run(seeds_command.app, [*arguments, "--refresh"]).exit_code == 2
    assert sheet.read_text(encoding="utf-8") == before


def test_seeds_refresh_needs_a_datasheet(tmp_path: Path) -> None:
    result = run(seeds_command.app, ["check", str(tmp_path), "--refresh"])
    assert result.exit_code == 2 and "--datasheet" in result.stderr


# --- how errors end a command -------------------------------------------------------------------------------------


def test_errors_have_no_traceback_and_lines_that_do_not_wrap(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, reporting_errors():
        raise InputError("x" * 300 + " [bold]not markup[/bold]", expected="y", hint="z")
    assert caught.value.exit_code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == "Error: " + "x" * 300 + " [bold]not markup[/bold]\nExpected: y\nNext: z\n"


def test_interrupt_leaves_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, reporting_errors():
        raise KeyboardInterrupt
    assert caught.value.exit_code == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_our_own_mistakes_pass_through() -> None:
    with pytest.raises(ZeroDivisionError), reporting_errors():
        _ = 1 / 0


@pytest.mark.slow
def test_a_closed_pipe_is_quiet() -> None:
    code = (
        "import typer\nfrom framing.cli._errors import reporting_errors\n"
        "@reporting_errors()\ndef main() -> None:\n    for _ in range(100_000):\n        typer.echo('line')\n"
        "typer.run(main)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == "line\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
