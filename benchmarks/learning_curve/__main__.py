"""``python -m benchmarks.learning_curve``."""

import typer

from benchmarks.learning_curve.run import main

typer.run(main)
