"""Measuring predictions: scores with bootstrap intervals, calibration, agreement of coders, ``evaluate`` metrics.

The package is a function too: ``framing.evaluate("gold.tsv")`` is :func:`framing.evaluate.front.evaluate`.
"""

import sys
from types import ModuleType
from typing import Any


class _Function(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from framing.evaluate.front import evaluate

        return evaluate(*args, **kwargs)


sys.modules[__name__].__class__ = _Function
