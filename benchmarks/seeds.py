"""The project's marked sentences, which most suites label or learn from."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from itertools import chain
from pathlib import Path

from benchmarks.record import sha256_of
from framing.codebook import Codebook
from framing.errors import InputError
from framing.evaluate.gold import GoldSet
from framing.speed import SEEDS


def read_seeds(codebook: Codebook, folder: Path = SEEDS) -> GoldSet:
    """All ``*.tsv`` of a folder as one set, in the order of their names.

    Raises:
        InputError: there is none.
    """
    parts = [GoldSet.read(path, codebook) for path in sorted(folder.glob("*.tsv"))]
    if not parts:
        raise InputError(f"{folder} has no seeds", expected="a folder with *.tsv of marked sentences")
    columns = ([getattr(part, column.name) for part in parts] for column in fields(GoldSet))
    return GoldSet(*(tuple(chain.from_iterable(values)) for values in columns))


def sha256_of_seeds(folder: Path = SEEDS) -> str:
    """SHA-256 of the files of marked sentences; not of the datasheet beside them, from which nothing is learned."""
    listing = "".join(f"{sha256_of(path)}  {path.name}\n" for path in sorted(folder.glob("*.tsv")))
    return hashlib.sha256(listing.encode("utf-8")).hexdigest()
