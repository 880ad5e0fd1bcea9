"""The shipped model, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import framing

LabelText = Callable[..., framing.DocumentLabels]


@pytest.fixture(scope="session")
def shipped() -> Iterator[framing.Labeler]:
    with framing.load(engine="onnx", threads=2) as labeler:
        yield labeler


@pytest.fixture(scope="session")
def label(shipped: framing.Labeler) -> LabelText:
    """Labels a document, or a text as one."""
    return lambda document: next(shipped.documents([document]))
