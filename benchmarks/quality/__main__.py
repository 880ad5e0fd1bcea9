"""``python -m benchmarks.quality``."""

import typer

from benchmarks.quality.run import main

typer.run(main)
