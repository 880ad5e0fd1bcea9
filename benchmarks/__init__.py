"""Benchmarks of a checkout: declared suites, their records in ``results/``, and RESULTS.md, generated from these."""

from pathlib import Path

#: The checkout.
ROOT = Path(__file__).parents[1]
