"""The site: the pages of this folder, and what is generated from the package, so that it cannot go stale.

``sphinx-build -W docs site`` builds it. In a page, ``<!-- generated: NAME -->`` stands for what
:data:`GENERATED` gives.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import framing
from framing.codebook import Codebook

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

project = "framing"
author = "The framing developers"
version = release = framing.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"framing {release}"
exclude_patterns = ["_*", "**/.ipynb_checkpoints"]
nb_execution_mode = "off"  # tests/test_notebooks.py runs them
myst_heading_anchors = 3
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_use_ivar = True

#: Where links out of this folder lead.
REPOSITORY = "https://github.com/framing/framing/blob/main/"


def commands() -> str:
    """Every command with every flag, as typer's own documentation has it, then framing-train's help."""
    import typer
    from typer.cli import get_docs_for_click
    from typer.main import get_command

    from framing.cli.main import app

    command = get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="framing"), name="framing")
    return re.sub(r"^(#+ )", r"#\1", text, flags=re.MULTILINE)


def settings_of_training() -> str:
    """What ``framing-train --help`` prints."""
    import contextlib
    import io

    from framing.cli.train import run

    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        run(["--help"])
    return f"```text\n{said.getvalue().strip()}\n```\n"


def codebook() -> str:
    """Every label, voice, kind of hedge and kind of sentence, with what the YAML says of it."""
    book = Codebook.default()
    parts = [f"## Labels of `{book.name}`, version {book.version}\n"]
    for label in book.labels:
        parts.append(f"### {label.name}\n\n{label.definition}\n")
        for title, lines in (("Typical", [", ".join(label.typical)]), ("Not this", label.not_this)):
            parts += [f"**{title}**\n", *(f"- {line}" for line in lines if line), ""]
    for title, guides in (("Voices", book.voice_guides), ("Hedges", book.hedge_guides), ("Kinds", book.kind_guides)):
        parts.append(f"## {title}\n")
        parts += [f"- **{guide.name}**: {guide.definition}" for guide in guides]
        parts.append("")
    return "\n".join(parts)


def reference() -> str:
    """A directive for each public name of the package, errors last, and for the estimators of scikit-learn."""
    parts = []
    for name in sorted(framing.__all__, key=lambda name: (name.endswith("Error"), name.lower())):
        if name.startswith("__"):
            continue
        thing = getattr(framing, name)
        if isinstance(thing, type):
            parts.append(f"```{{eval-rst}}\n.. autoclass:: framing.{name}\n   :members:\n   :show-inheritance:\n```\n")
        else:
            home = f"framing.{name}.front.{name}" if isinstance(thing, type(sys)) else f"framing.{name}"
            parts.append(f"```{{eval-rst}}\n.. autofunction:: {home}\n```\n")
    for name in ("FramingClassifier", "FramingFeatures"):
        shown = ":members:\n   :exclude-members: set_fit_request, set_score_request"  # texts of scikit-learn
        parts.append(f"```{{eval-rst}}\n.. autoclass:: framing.sklearn.{name}\n   {shown}\n```\n")
    return "\n".join(parts)


GENERATED: dict[str, Callable[[], str]] = {
    "commands": commands,
    "training": settings_of_training,
    "codebook": codebook,
    "reference": reference,
}


def fill(app: object, name: str, source: list[str]) -> None:
    """Put in what is generated, and lead links that leave this folder to the repository."""

    def lead(link: re.Match[str]) -> str:
        place = (HERE / name).parent.joinpath(link[1]).resolve()
        return link[0] if place.is_relative_to(HERE) else f"]({REPOSITORY}{place.relative_to(HERE.parent).as_posix()})"

    text = re.sub(r"<!-- generated: (\w+) -->", lambda found: GENERATED[found[1]](), source[0])
    source[0] = re.sub(r"\]\(((?:\.\./)+[\w./-]+)\)", lead, text)


def setup(app: object) -> None:
    """Called by sphinx."""
    app.connect("source-read", fill)  # type: ignore[attr-defined]
