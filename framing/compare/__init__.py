"""Who names it how, and is the difference real: groups of documents compared, with honest numbers.

The package is a function too: ``framing.compare("labels.parquet", by="outlet")`` is
:func:`framing.compare.front.compare`.
"""

import sys
from types import ModuleType
from typing import Any


class _Function(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from framing.compare.front import compare

        return compare(*args, **kwargs)


sys.modules[__name__].__class__ = _Function
