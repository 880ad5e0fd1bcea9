"""``python -m benchmarks.memory``."""

import typer

from benchmarks.memory.run import main

if __name__ == "__main__":
    typer.run(main)
