"""Measurements of framing, declared as suites, recorded as JSON, and reported in RESULTS.md."""
