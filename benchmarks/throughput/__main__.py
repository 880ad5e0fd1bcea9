"""``python -m benchmarks.throughput``."""

import typer

from benchmarks.throughput.run import main

if __name__ == "__main__":
    typer.run(main)
