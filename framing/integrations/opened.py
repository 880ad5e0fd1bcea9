"""Labelers that stay open between calls, for integrations whose users name a model and never hold it."""

from __future__ import annotations

import os
from functools import lru_cache

from framing.labeler import Labeler, load


def labeler_of(model: Labeler | str | os.PathLike[str]) -> Labeler:
    """The labeler that is meant: an open one, or what :func:`framing.load` opens. The last two named ones stay open."""
    return model if isinstance(model, Labeler) else _opened(os.fspath(model))


@lru_cache(maxsize=2)
def _opened(model: str) -> Labeler:
    return load(model)
