"""The README says what is so: its example is run, its commands and files exist."""

import doctest
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import framing

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)


def test_the_example_gives_what_it_shows() -> None:
    result = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert result.attempted >= 4
    assert result.failed == 0


def framing_lines() -> list[list[str]]:
    lines = [line.split("#")[0] for block in BLOCKS for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in re.split(r"\||&&", line)]
    return [shlex.split(part) for part in parts if part.startswith(("framing ", ".venv/bin/framing "))]


@pytest.fixture(scope="module")
def framing_command() -> Any:
    from framing.cli.main import app

    return get_command(app)


@pytest.mark.parametrize("words", framing_lines(), ids=" ".join)
def test_every_command_line_of_it_names_a_command_and_its_options(words: list[str], framing_command: Any) -> None:
    command, arguments = framing_command, words[1:]
    while hasattr(command, "commands"):  # typer carries a click of its own
        assert arguments[0] in command.commands
        command = command.commands[arguments.pop(0)]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in arguments if word.startswith("-") and word != "-"} <= options


def test_both_set_up_commands_make_their_own_environment() -> None:
    for marker in ("main-command", "test-command"):
        block = README.split(f"<!-- {marker} -->")[1].split("```bash\n")[1].split("```")[0]
        assert block.startswith("python3 -m venv .venv\n")
        assert "pip install" in block


def test_its_codebook_is_one(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    path = tmp_path / "mine.yaml"
    path.write_text(block, encoding="utf-8")
    codebook = framing.Codebook.load(path)
    assert [label.name for label in codebook.labels] == ["solidarity", "threat"]
    assert codebook.heads.find("stance").names == ("for", "against", "neutral")


def test_linked_files_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
