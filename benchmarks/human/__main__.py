"""``python -m benchmarks.human``."""

import typer

from benchmarks.human.run import main

if __name__ == "__main__":
    typer.run(main)
