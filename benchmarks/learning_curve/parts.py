"""Nested parts of the training sentences: which groups are in the part of a given share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from framing.codebook import KIND
from framing.files import write_whole
from framing.markup import MarkedRow, MarkedSentence
from framing.train.examples import Example


def place(group: str) -> float:
    """Where a group stands in [0, 1), by the SHA-256 of its name alone (salted, so that it is independent of whether
    :func:`framing.train.examples.hold_out` holds the group out)."""
    digest = hashlib.sha256(f"learning curve:{group}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def part(examples: Iterable[Example], share: float) -> tuple[Example, ...]:
    """The examples of about ``share`` of the groups; a smaller share's are among a larger one's, 1 takes all."""
    return tuple(example for example in examples if place(example.group) < share)


def write_examples(examples: Iterable[Example], path: Path) -> bool:
    """Write marked examples as a file of three columns that ``framing-train`` reads.

    Args:
        examples: those without markup are left out; the seeds have none such.
        path: the file; its folder must exist.

    Returns:
        Whether that changed the file.

    Raises:
        OutputError: it cannot be written.
    """
    text = "".join(f"{_row(example, example.marked).to_line()}\n" for example in examples if example.marked)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    write_whole(path, text)
    return True


def _row(example: Example, marked: MarkedSentence) -> MarkedRow:
    tasks = {name: answer for name, answer in example.answers.items() if name != KIND}
    return MarkedRow(example.group, example.answers.get(KIND), marked, answers=tasks)
