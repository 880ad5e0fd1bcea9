"""Hugging Face ``datasets``, saved to disk: rows are those of JSONL with spans."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from framing.convert.formats.base import Sample, WholeFolder
from framing.convert.formats.jsonl import JsonLines, record
from framing.convert.passages import Passage
from framing.errors import InputError
from framing.files import reporting_write_errors

_INFO, _INFO_OF_ALL = "dataset_info.json", "dataset_dict.json"
_TAGS = ("ner_tags", "tags", "labels")


class Dataset(JsonLines):
    """Saved data sets; they hold everything. Their Arrow files are read by :mod:`framing.reading`."""

    name = "dataset"
    endings = ()
    rows = "arrow"
    writes = "folder"

    @classmethod
    def recognises(cls, sample: Sample) -> bool:
        """Whether it is a folder with what ``save_to_disk`` writes."""
        return _INFO in sample.names or _INFO_OF_ALL in sample.names

    def rows_of(self, path: str) -> str | None:
        """By the names of its files."""
        return None

    def read(self, path: str) -> Iterator[Passage]:
        """The rows of all splits."""
        self._names: Sequence[str] = ()
        for info in sorted(Path(path).rglob(_INFO)):
            features: dict[str, Any] = json.loads(info.read_text(encoding="utf-8")).get("features") or {}
            for key in _TAGS:
                inner: Any = features.get(key) or {}
                # A list of class labels: {"feature": {"names": …}}, and before datasets 4 [{"names": …}] too.
                inner = inner.get("feature", {}) if isinstance(inner, dict) else inner[0]
                self._names = inner.get("names") or self._names
        yield from super().read(path)

    def tag_names(self) -> Sequence[str]:
        """What the data set says that the numbers of tags stand for."""
        return self._names or super().tag_names()

    def write(self, passages: Iterable[Passage], path: str) -> None:
        """Write a folder as ``Dataset.save_to_disk`` does."""
        import datasets

        rows: list[dict[str, Any]] = []
        for passage in passages:
            with self.notes.setting_aside(passage.where, passage.text):
                try:
                    passage.text.encode("utf-8")
                except UnicodeEncodeError as error:
                    raise InputError("a lone surrogate in the text", expected="characters that UTF-8 has") from error
                rows.append(_row(passage))
                self.notes.wrote(len(passage.spans), len(passage.labels))
        self.notes.check_written()
        text, number = datasets.Value("string"), datasets.Value("float64")
        span = {"start": datasets.Value("int32"), "end": datasets.Value("int32"), "label": text, "score": number}
        features = datasets.Features(
            {
                "text": text,
                "spans": datasets.List(span),
                "labels": datasets.List(text),
                "scores": datasets.List({"label": text, "score": number}),
                "predicted": datasets.Value("bool"),
                **dict.fromkeys(("group", "document", "outlet", "row_id"), text),
            }
        )
        with WholeFolder(path) as folder, reporting_write_errors(path):
            columns = {name: [row.get(name) for row in rows] for name in features}
            datasets.Dataset.from_dict(columns, features=features).save_to_disk(str(folder))


def _row(passage: Passage) -> dict[str, Any]:
    row = record(passage)
    spans = [{"score": None, **span} for span in row["spans"]]
    scores = [{"label": label, "score": score} for label, score in row.get("scores", {}).items()]
    return {**row, "spans": spans, "scores": scores, "predicted": passage.predicted}
