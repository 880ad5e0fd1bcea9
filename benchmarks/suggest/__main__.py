"""``python -m benchmarks.suggest``."""

import typer

from benchmarks.suggest.run import main

typer.run(main)
