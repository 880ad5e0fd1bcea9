"""Tables of sentences with their labels, without the words that carry them: what training and evaluation read.

A row is a sentence. One column holds its text, one its labels (a list, or one string with ``;`` or ``,`` between), and
one may say which sentences belong together (a document, an event).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from framing import reading
from framing.errors import ColumnError, FramingWarning, InputError, did_you_mean
from framing.reading.documents import is_missing

#: The formats of such tables; ``.tsv`` is inline markup.
TABLES = frozenset(("csv", "jsonl", "json", "parquet", "arrow"))
#: Columns in which other programs keep the words that are marked; a table is not read that far.
_OF_WORDS = ("spans", "entities")


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """A sentence of a table.

    Attributes:
        text: the sentence.
        group: what it belongs to; its own place in the file where the table does not say.
        labels: that it carries.
        where: ``file:row``.
    """

    text: str
    group: str
    labels: frozenset[str]
    where: str


def read_table(
    path: str | os.PathLike[str],
    known: Collection[str],
    *,
    format: str,
    text_column: str = "text",
    labels_column: str = "labels",
    group_column: str = "group",
) -> Iterator[LabelledRow]:
    """Read a table of labelled sentences, row by row.

    Args:
        path: the file.
        known: the labels that there are.
        format: one of :data:`TABLES`.
        text_column, labels_column, group_column: names of columns; a table without the last has no groups.

    Raises:
        UnreadableFileError: the file is missing or broken.
        ColumnError: it lacks the column of the text or of the labels.
        InputError: a text is no sentence, or a label is not known.
    """
    is_first = True
    for row in reading.read_rows([os.fspath(path)], format=format):
        where = f"{path}:{row.number}"
        if is_first:
            _check_columns(path, row.values, text_column, labels_column)
            is_first = False
        text, group = row.values.get(text_column), row.values.get(group_column)
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{where}: the text is {text!r}", expected="a sentence")
        is_alone = is_missing(group) or group == ""
        labels = _labels(row.values.get(labels_column), known, where)
        yield LabelledRow(text, where if is_alone else str(group), labels, where)


def _check_columns(path: str | os.PathLike[str], columns: Collection[str], text: str, labels: str) -> None:
    for name, option in ((text, "text_column"), (labels, "labels_column")):
        if name not in columns:
            raise ColumnError(
                f"{path} has no column {name!r}",
                expected=f"one of its columns: {', '.join(columns)}",
                hint=f"name yours with --{option}",
            )
    for name in _OF_WORDS:
        if name in columns:
            message = f"{path}: the column {name!r} is not read, only which labels a sentence has"
            hint = "`framing convert` writes marked words as inline markup (.tsv), which is read"
            warnings.warn(f"{message}; {hint}", FramingWarning, stacklevel=4)


def _labels(cell: Any, known: Collection[str], where: str) -> frozenset[str]:
    if is_missing(cell):
        return frozenset()
    values = cell.replace(",", ";").split(";") if isinstance(cell, str) else cell
    if not isinstance(values, list | tuple | set):
        raise InputError(f"{where}: the labels are {cell!r}", expected="a list, or one string with ';' between")
    labels = frozenset(str(value).strip() for value in values) - {""}
    if unknown := sorted(labels.difference(known)):
        raise InputError(
            f"{where}: the codebook has no label {unknown[0]!r}",
            expected=f"labels of the codebook: {', '.join(sorted(known))}",
            hint=did_you_mean(unknown[0], known),
        )
    return labels
