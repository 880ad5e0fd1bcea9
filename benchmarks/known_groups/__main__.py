"""``python -m benchmarks.known_groups``."""

import typer

from benchmarks.known_groups.run import main

if __name__ == "__main__":
    typer.run(main)
