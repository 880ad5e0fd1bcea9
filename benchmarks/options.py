"""Options that several suites share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CheckpointName = Annotated[
    str,
    typer.Option("--checkpoint", help="A checkpoint's folder, or one of the names that `framing label --help` lists."),
]
Gold = Annotated[Path, typer.Option(help="Marked sentences, tab-separated; of five columns where outlets are known.")]
Systems = Annotated[str, typer.Option(help="Which systems, joined by commas; all of the suite if left out.")]
SuiteFile = Annotated[Path, typer.Option("--suite", help="Another declaration.")]
Out = Annotated[Path, typer.Option(help="Folder for the record.")]
