"""Tables: a column for each label with 0 or 1 in it, or one column for all, joined by ``;`` or ``|``.

Kinds and answers of tasks have columns of their own. A table has no place for spans: their labels are kept, and said to
be the text's.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from framing.codebook import KIND, SOURCE
from framing.convert.formats.base import RowsFormat, Sample, explaining
from framing.convert.passages import NamedLabel, Passage, origin_of
from framing.errors import ColumnError
from framing.reading import Columns, FileRow, read_rows

_LABELS = ("labels", "label", "codes", "code", "categories", "category")
_ORIGIN = ("group", "document", "outlet", "row_id", "id")
#: What is no frame: hedges, sources and words of tasks, which training from tables does not know.
_MARKS = "marks"
_YES, _NO = frozenset(("1", "1.0", "true", "yes", "x")), frozenset(("0", "0.0", "false", "no", ""))
#: Rows by which columns of 0 and 1 are known.
_LOOKED_AT = 1000
_BETWEEN = re.compile("[;|]")


class Csv(RowsFormat):
    """Tables; they hold labels of texts."""

    name = "csv"
    endings = (".csv",)
    rows = "csv"

    @classmethod
    def recognises(cls, sample: Sample) -> bool:
        """Whether the file has columns; everything else that has rows is recognised before."""
        return bool(sample.row) and sample.path.suffix.lower() in (".csv", ".tsv", ".parquet")

    def read(self, path: str) -> Iterator[Passage]:
        """The passages of a table."""
        rows = read_rows([path], format=self.rows_of(path), on_reject=self.notes.set_aside)
        first = list(islice(rows, _LOOKED_AT))
        if not first:
            return
        self._find_columns(first)
        for row in chain(first, rows):
            where = f"{row.input}:{row.number}"
            found: Iterable[Passage] = ()
            with self.notes.setting_aside(where, row.values, row.number), explaining(self.name):
                found = self.passages(row.values, where)
            yield from found

    def _find_columns(self, rows: list[FileRow]) -> None:
        names = list(rows[0].values)
        options, book = self.options, self.names.codebook
        self._text = Columns(text=options.text_column).resolve(names, rows[0].input).text or ""
        wanted = [*options.label_columns, *([options.labels_column] if options.labels_column else [])]
        if missing := [name for name in wanted if name not in names]:
            raise ColumnError(
                f"{rows[0].input} has no column {missing[0]!r}", expected="one of its columns: " + ", ".join(names)
            )
        self._labels = options.labels_column or next((name for name in _LABELS if name in names), None)
        tasks = [task.name for task in book.tasks_of("sentence")] if book else []
        self._tasks = [name for name in (KIND, *tasks) if name in names]
        taken = {self._text, self._labels, *self._tasks, *_ORIGIN, _MARKS}
        left = [name for name in names if name not in taken]
        self._wide = list(options.label_columns) or [
            name
            for name in left
            if (book and name in book.label_names) or (self._labels is None and _is_flag(name, rows))
        ]
        for name in left:
            if name not in self._wide:
                self.notes.lose(f"the column {name!r}, which is no label (--label-columns)")
        if not (self._labels or self._wide or self._tasks):
            raise ColumnError(
                f"{rows[0].input} has no column of labels",
                expected="a column named " + " or ".join(_LABELS[:4]) + ", or columns with 0 and 1",
                hint="name it with --labels-column, or those of single labels with --label-columns",
            )

    def passages(self, row: Mapping[str, Any], where: str) -> Iterable[Passage]:
        """The passage of a row."""
        labels = self._cell(row.get(self._labels)) if self._labels else []
        labels += self._cell(row.get(_MARKS))
        for name in self._wide:
            cell = str("" if row[name] is None else row[name]).strip().lower()
            if cell in _YES:
                labels.append(name)
            elif cell not in _NO:
                raise ValueError(f"{row[name]!r} in the column {name!r}, which has 0 and 1")
        for task in self._tasks:
            cell = str(row.get(task) or "").strip()
            labels += [f"{task}={value}" for value in self._cell(cell)]
        named = tuple(map(NamedLabel, dict.fromkeys(labels)))
        return [Passage(row[self._text], (), named, where=where, **origin_of(row, row.get("id")))]

    def _cell(self, cell: Any) -> list[str]:
        if cell is None or isinstance(cell, float):
            return []
        if isinstance(cell, str):
            cell = cell.split(self.options.separator) if self.options.separator else _BETWEEN.split(cell)
        return [str(one).strip() for one in cell if str(one).strip()]

    def begin(self) -> str:
        """Nothing; rows are held back until all columns are known."""
        self._held: list[dict[str, Any]] = []
        return ""

    def piece(self, passage: Passage) -> str:
        """Hold a row back."""
        labels: dict[str, None] = {}
        marks: dict[str, None] = {}
        row: dict[str, Any] = {"text": passage.text}
        for name in [*(span.name for span in passage.spans), *(label.name for label in passage.labels)]:
            task, has_value, value = name.partition("=")
            if has_value and "." not in task:
                row.setdefault(task, []).append(value)
            elif _is_mark(label := self._without_voice(name)):
                marks[label] = None
            else:
                labels[label] = None
        if passage.spans:
            self.notes.lose("places and voices of spans, whose labels are kept", len(passage.spans))
        self.notes.lose("scores", passage.scores)
        self._held.append({**row, "labels": list(labels), _MARKS: list(marks), **passage.origin})
        return ""

    def _without_voice(self, name: str) -> str:
        first, *others = name.split(".")
        voices = self.names.tag_voices
        return first if others and (others[0] in voices or "=" in others[0]) else name

    def end(self) -> str:
        """The table."""
        found = dict.fromkeys(name for row in self._held for name in row)
        columns = [name for name in found if name != "labels" and any(row.get(name) for row in self._held)]
        labels = list(dict.fromkeys(name for row in self._held for name in row["labels"]))
        if self.names.codebook:
            known = self.names.codebook.label_names
            labels = [*known, *(name for name in labels if name not in known)]
        flags = labels if self.options.wide else []
        header = ["text", *(flags if self.options.wide else ["labels"]), *(name for name in columns if name != "text")]
        written = io.StringIO()
        rows = csv.writer(written, lineterminator="\n")
        rows.writerow(header)
        for row in self._held:
            # Each flag wins over a column of metadata of that name.
            cells = {**row, **{name: int(name in row["labels"]) for name in flags}}
            rows.writerow([self._joined(cells.get(name)) for name in header])
        return written.getvalue()

    def _joined(self, value: Any) -> Any:
        separator = self.options.separator or ";"
        return separator.join(value) if isinstance(value, list) else "" if value is None else value


def _is_mark(name: str) -> bool:
    return "." in name or name == SOURCE


def _is_flag(name: str, rows: Iterable[FileRow]) -> bool:
    cells = {str("" if row.values.get(name) is None else row.values[name]).strip().lower() for row in rows}
    return bool(cells & _YES) and cells <= _YES | _NO
