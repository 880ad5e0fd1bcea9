"""``python -m benchmarks.engines_quality``."""

import typer

from benchmarks.engines_quality.run import main

typer.run(main)
