"""Hundreds of small files are written here; whether they survive a power cut is tested elsewhere."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def _without_fsync() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("framing.files.os.fsync", lambda descriptor: None)
        yield
