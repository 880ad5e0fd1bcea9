"""docs/compare.md says of each figure what the code says of it, and its commands exist."""

import re
from pathlib import Path

from typer.main import get_command

from framing.cli.main import app
from framing.compare.copies import LEAST_ALIKE
from framing.compare.estimands import ESTIMANDS
from framing.report.evidence import MOST_OF_A_DOCUMENT, MOST_SENTENCES

PAGE = Path(__file__).parents[2] / "docs" / "compare.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_has_every_figure_as_the_code_defines_it() -> None:
    rows = [f"| {e.title} | {e.definition} | `{e.formula}` |" for e in ESTIMANDS.values()]
    written = TEXT.partition("<!-- estimands -->")[2].partition("<!-- /estimands -->")[0].strip().splitlines()
    assert written[2:] == rows


def test_the_reports_page_has_the_numbers_of_the_code() -> None:
    page = (PAGE.parent / "report.md").read_text(encoding="utf-8")
    assert f"alike to {LEAST_ALIKE:g} (Jaccard)" in page
    assert f"At most {MOST_SENTENCES:,} sentences" in page
    assert f"more than {MOST_OF_A_DOCUMENT:,} characters" in page


def test_its_commands_and_flags_exist() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    lines = [line for block in re.findall(r"```bash\n(.*?)```", TEXT, flags=re.DOTALL) for line in block.splitlines()]
    called = [line.split("#")[0].split() for line in lines if line.startswith("framing ")]
    assert {words[1] for words in called} == {"label", "compare", "sample"}
    for _, name, *words in called:
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("-")} <= known
    known = {option for parameter in commands["compare"].params for option in parameter.opts}
    assert set(re.findall(r"`(--[\w-]+)", TEXT)) <= known
