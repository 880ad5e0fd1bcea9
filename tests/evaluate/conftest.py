"""A small codebook for the tests of framing.evaluate."""

from __future__ import annotations

import pytest

from framing.codebook import Codebook
from tests.evaluate.marked_examples import CODEBOOK


@pytest.fixture(scope="session")
def codebook() -> Codebook:
    return CODEBOOK
