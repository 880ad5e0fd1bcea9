"""The accessor ``framing`` of pandas columns; importing this module registers it.

::

    import framing.integrations.pandas

    labels = table["sentence"].framing.label()
    table.join(labels[["frames", "hedged"]])
"""

from __future__ import annotations

import os

import pandas

from framing.integrations.opened import labeler_of
from framing.labeler import Labeler
from framing.model.checkpoint import SHIPPED


@pandas.api.extensions.register_series_accessor("framing")
class FramingAccessor:
    """What ``column.framing`` is, of a column of sentences.

    Args:
        column: strings, one sentence in each.
    """

    def __init__(self, column: pandas.Series) -> None:
        self._column = column

    def label(self, model: Labeler | str | os.PathLike[str] = SHIPPED) -> pandas.DataFrame:
        """Label the sentences, which have nothing to do with each other.

        Args:
            model: a labeler, or what :func:`framing.load` takes; a model that is named stays open.

        Returns:
            The keys of a record as columns, one row a sentence, with the index of the column.

        Raises:
            InputError: an item is no string.
        """
        return labeler_of(model).to_frame(self._column)
