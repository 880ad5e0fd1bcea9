"""``python -m benchmarks.few_labels``."""

import typer

from benchmarks.few_labels.run import main

if __name__ == "__main__":
    typer.run(main)
