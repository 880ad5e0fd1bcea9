"""How training runs: configuration, examples, loss, loop. What was run is recorded in ``training/``.

The package is a function too: ``framing.train(train="mine.tsv", …)`` is :func:`framing.train.front.train`.
"""

import sys
from types import ModuleType
from typing import Any


class _Function(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from framing.train.front import train

        return train(*args, **kwargs)


sys.modules[__name__].__class__ = _Function
