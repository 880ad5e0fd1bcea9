"""Measuring predictions: scores with bootstrap intervals, calibration, agreement of coders, ``evaluate`` metrics.

The package is a function too: ``framing.evaluate("gold.tsv")`` is :func:`framing.evaluate.front.evaluate`.
"""

from framing.doors import make_callable

make_callable(__name__)
