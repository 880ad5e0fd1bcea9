"""How training runs: configuration, examples, loss, loop. What was run is recorded in ``training/``.

The package is a function too: ``framing.train(train="mine.tsv", …)`` is :func:`framing.train.front.train`.
"""

from framing.doors import make_callable

make_callable(__name__)
