"""The site: every block of its pages runs, every command and flag is on it, and it builds without a warning."""

import doctest
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.main import get_command

import framing
from framing.codebook import Codebook

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
#: Their commands need a cluster, days of training, or are run by tests of their own.
ELSEWHERE = {"batch.md", "compare.md", "report.md", "own_codebook.md"}
PAGES = sorted(path for path in DOCS.rglob("*.md") if path.name not in ELSEWHERE)
#: What is shown and not run: a wheelhouse is half a gigabyte.
LANGUAGES_NOT_RUN = {"install.md": {"console"}}
NEEDS = {"serve.md": ("fastapi", "uvicorn"), "spacy.md": ("spacy",), "tables.md": ("polars", "duckdb", "pandas")}


@pytest.fixture(scope="module")
def conf() -> ModuleType:
    spec = importlib.util.spec_from_file_location("framing_docs_conf", DOCS / "conf.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)


WITH_BLOCKS = [path for path in PAGES if blocks(path, "bash") or blocks(path, "python")]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the blocks are for bash")
@pytest.mark.parametrize("path", WITH_BLOCKS, ids=lambda path: path.stem)
def test_every_block_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NEEDS.get(path.name, ()):
        pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    for block in blocks(path, "bash"):
        if block.startswith("pip install "):  # the tests are run where it is installed
            assert len(block.splitlines()) == 1
            continue
        run = subprocess.run(["bash", "-euc", block], capture_output=True, text=True, timeout=300, check=False)
        assert run.returncode == 0, (block, run.stdout, run.stderr)
    python = blocks(path, "python")
    result = doctest.testfile(str(path), module_relative=False)
    assert result.failed == 0
    assert (result.attempted > 0) == bool(python)
    assert all(block.startswith(">>> ") for block in python)


def test_blocks_are_of_languages_that_are_run() -> None:
    assert len(WITH_BLOCKS) >= 8
    for path in PAGES:
        languages = set(re.findall(r"^```(\S+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE))
        assert languages <= {"bash", "python", "{toctree}"} | LANGUAGES_NOT_RUN.get(path.name, set()), path


def test_every_command_and_flag_is_on_the_page_of_commands(conf: ModuleType) -> None:
    from framing.cli.main import app

    page = conf.commands()

    def check(command: object, name: str) -> int:
        start = re.search(rf"^#+ `{re.escape(name)}`$", page, flags=re.MULTILINE)
        assert start, name
        part = re.split(r"^#+ `", page[start.end() :], maxsplit=1, flags=re.MULTILINE)[0]
        own = [p for p in command.params if not getattr(p, "hidden", False) and p.param_type_name == "option"]
        missing = [flag for p in own for flag in (*p.opts, *p.secondary_opts) if flag not in part]
        assert not missing, (name, missing)
        subcommands = getattr(command, "commands", {})
        return len(own) + sum(check(sub, f"{name} {word}") for word, sub in subcommands.items())

    assert check(get_command(app), "framing") > 50
    assert "--codebook" in conf.settings_of_training()


def test_the_reference_has_every_public_name(conf: ModuleType) -> None:
    page = conf.reference()
    assert all(re.search(rf":: framing\.\S*\b{name}\n", page) for name in framing.__all__ if name != "__version__")


def test_the_codebook_page_has_every_name(conf: ModuleType) -> None:
    page, book = conf.codebook(), Codebook.default()
    for label in book.labels:
        assert f"### {label.name}\n\n{label.definition}" in page
    assert all(f"**{name}**" in page for name in (*book.voices, *book.hedge_kinds, *book.kinds))


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8").splitlines()
    index += (DOCS / "notebooks" / "index.md").read_text(encoding="utf-8").splitlines()
    pages = {path.relative_to(DOCS) for path in DOCS.rglob("*.md")} - {Path("index.md")}
    notebooks = {
        path.relative_to(DOCS / "notebooks") for path in DOCS.rglob("*.ipynb") if "checkpoint" not in path.name
    }
    assert {path.with_suffix("").as_posix() for path in pages | notebooks} <= set(index)


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    for name in ("sphinx", "myst_nb", "furo"):
        pytest.importorskip(name)
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-d",
        tmp_path / "cache",
        DOCS,
        tmp_path / "site",
    ]
    run = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stderr
    assert "framing.Labeler" in (tmp_path / "site" / "reference.html").read_text(encoding="utf-8")
    pages = {page: page.read_text(encoding="utf-8") for page in (tmp_path / "site").rglob("*.html")}
    out = {link for text in pages.values() for link in re.findall(r'href="[^"]*/blob/main/([^"#]*)', text)}
    assert {"ARCHITECTURE.md", "benchmarks/RESULTS.md"} <= out
    assert [link for link in out if not (ROOT / link).exists()] == []
    assert 'href="../batch.html"' in pages[tmp_path / "site" / "howto" / "label.html"]
    assert 'href="notebooks/first_look.html"' in pages[tmp_path / "site" / "tutorial.html"]
    assert 'href="compare_outlets.html"' in pages[tmp_path / "site" / "notebooks" / "first_look.html"]
