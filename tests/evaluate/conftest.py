"""A small codebook for the tests of framing.evaluate."""

from __future__ import annotations

import pytest

from framing.codebook import Codebook
from framing.types import Voice
from tests.evaluate.marked_examples import HEDGES, LABELS


@pytest.fixture(scope="session")
def codebook() -> Codebook:
    return Codebook.from_dict(
        {
            "name": "small",
            "labels": list(LABELS),
            "contrasts": {},
            "hedges": {kind: {"definition": kind} for kind in HEDGES},
            "voices": {str(voice): {"definition": str(voice)} for voice in Voice},
            "source": {"definition": "who is cited"},
            "evidence": ["the shortest words that carry it"],
        }
    )
