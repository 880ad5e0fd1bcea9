"""Little corpora, and what jobs made of them."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet

from framing.batch.plan import Settings
from framing.batch.units import Limits

WORDS = "the rebels army militants liberated fled town city said reportedly may so called heroes ministry".split()
Rows = list[dict[str, Any]]


def texts(count: int, seed: int = 0) -> list[str]:
    """Some articles, each with its number in it."""
    chance = random.Random(seed)
    sentences = (" ".join(chance.choices(WORDS, k=chance.randint(3, 9))).capitalize() + "." for _ in range(3 * count))
    return [
        f"Article {number}. " + " ".join(next(sentences) for _ in range(chance.randint(1, 3)))
        for number in range(count)
    ]


def write_jsonl(path: Path, rows: Sequence[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def articles(count: int, seed: int = 0) -> Rows:
    return [{"id": f"a{number}", "text": text, "outlet": "X"} for number, text in enumerate(texts(count, seed))]


def settings(rows: int = 4, **changed: Any) -> Settings:
    return Settings(limits=Limits(rows=rows, size=1 << 20), **changed)


def records(folder: Path) -> Rows:
    return read_parts(folder / "shards")


def rejected(folder: Path) -> Rows:
    return read_parts(folder / "rejected")


def read_parts(folder: Path) -> Rows:
    paths = sorted(folder.glob("*.parquet"))
    return [row for path in paths for row in pyarrow.parquet.read_table(path).to_pylist()]


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of everything in a job's folder but its locks."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("lock")
    }
