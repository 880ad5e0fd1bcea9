"""One page that an editor and a reviewer can read: findings, figures, and the sentences behind every number.

The package is a function too: ``framing.report("labels.parquet", by="outlet")`` is
:func:`framing.report.front.report`.
"""

from framing.doors import make_callable

make_callable(__name__)
