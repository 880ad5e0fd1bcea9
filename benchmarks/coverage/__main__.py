"""``python -m benchmarks.coverage``."""

import typer

from benchmarks.coverage.run import main

typer.run(main)
