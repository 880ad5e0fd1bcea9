"""``python -m benchmarks.training_speed``."""

import typer

from benchmarks.training_speed.run import main

typer.run(main)
