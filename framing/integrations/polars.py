"""The namespace ``framing`` of polars columns; importing this module registers it.

::

    import framing.integrations.polars

    labels = table["sentence"].framing.label()
    table.hstack(labels.select("frames", "hedged"))
"""

from __future__ import annotations

import os

import polars

from framing.integrations.opened import labeler_of
from framing.labeler import Labeler
from framing.model.checkpoint import SHIPPED


@polars.api.register_series_namespace("framing")
class FramingNamespace:
    """What ``column.framing`` is, of a column of sentences.

    Args:
        column: strings, one sentence in each.
    """

    def __init__(self, column: polars.Series) -> None:
        self._column = column

    def label(self, model: Labeler | str | os.PathLike[str] = SHIPPED) -> polars.DataFrame:
        """Label the sentences, which have nothing to do with each other.

        Args:
            model: a labeler, or what :func:`framing.load` takes; a model that is named stays open.

        Returns:
            The records, one row a sentence, of the types that Parquet has.

        Raises:
            InputError: an item is no string.
        """
        return polars.DataFrame(labeler_of(model).to_arrow(self._column))
