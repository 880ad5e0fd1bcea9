"""Documents in groups: by a column or two, and by time."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.compare.columns import Corpus
from framing.errors import FramingWarning, InputError

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Group:
    """A group of documents.

    Attributes:
        name: the values of the columns, joined by " / ".
        values: each of them.
        period: of ``over``, or ``None``.
    """

    name: str
    values: tuple[str, ...]
    period: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """Which document is in which group.

    Attributes:
        groups: by name, then by period.
        of_document: int64 [documents], the number of each one's group; -1 for none.
        notes: what was left out, a sentence each.
    """

    groups: tuple[Group, ...]
    of_document: Array
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.groups)


def group_documents(corpus: Corpus, columns: Sequence[str], over: str | None = None) -> Grouping:
    """Put documents into groups.

    Args:
        corpus: of the documents.
        columns: whose values are the groups.
        over: see :meth:`~framing.compare.columns.Corpus.periods`.

    Raises:
        ColumnError: there is no such column.
        InputError: no document has a value there, or a date; or all are of one group.
    """
    values = [corpus.values(column) for column in columns]
    missing = np.any([np.asarray(column.is_null()) for column in values], axis=0)
    if missing.all():
        raise InputError(
            f"no document has a value in {' and '.join(columns)}",
            expected="a column that tells the groups apart",
            hint="compare by another column, or give the outlet while labelling: --outlet",
        )
    notes = _left_out(missing, " or ".join(columns))
    if over is not None:
        periods = corpus.periods(over)
        undated = np.asarray(periods.is_null())
        if undated.all():
            example = next((v for v in corpus.documents.column("published").to_pylist() if v), None)
            raise InputError(
                f"no document has a date that can be read, such as {example!r}"
                if example
                else "no document has a date",
                expected="dates in the form 2016-12-15",
                hint="name the column while labelling: --published-column",
            )
        notes += _left_out(undated, "a date that can be read")
        values.append(periods)
        missing |= undated
    if missing.all():
        raise InputError("no document has both a group and a date", expected="at least one with both")
    for note in notes:
        warnings.warn(note, FramingWarning, stacklevel=3)
    encoded = [column.dictionary_encode() for column in values]
    codes = np.stack([np.asarray(column.indices.fill_null(-1)).astype(np.int64) for column in encoded])
    used, place = np.unique(codes[:, ~missing], axis=1, return_inverse=True)
    made = []
    for row in used.T.tolist():
        texts = tuple(column.dictionary[code].as_py() for column, code in zip(encoded, row, strict=True))
        own = texts[: len(columns)]
        made.append(Group(" / ".join(own), own, texts[-1] if over is not None else None))
    if len({group.name for group in made}) < 2:
        raise InputError(
            f"all documents are of one group, {made[0].name!r}",
            expected=f"two or more values in {' and '.join(columns)}",
            hint="compare by another column",
        )
    order = sorted(range(len(made)), key=lambda number: (made[number].values, made[number].period or ""))
    rank = np.empty(len(made), dtype=np.int64)
    rank[order] = np.arange(len(made))
    of_document = np.full(len(corpus), -1, dtype=np.int64)
    of_document[~missing] = rank[place.ravel()]
    return Grouping(tuple(made[number] for number in order), of_document, notes)


def _left_out(missing: Array, what: str) -> tuple[str, ...]:
    return (f"{int(missing.sum()):,} documents without {what} are left out.",) if missing.any() else ()
