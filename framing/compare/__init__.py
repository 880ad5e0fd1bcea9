"""Who names it how, and is the difference real: groups of documents compared, with honest numbers.

The package is a function too: ``framing.compare("labels.parquet", by="outlet")`` is
:func:`framing.compare.front.compare`.
"""

from framing.doors import make_callable

make_callable(__name__)
