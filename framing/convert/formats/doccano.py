"""doccano: JSONL of its sequence labelling, its text classification, and both (intent detection and slot filling).

Sequence labelling has ``"label": [[0, 6, "rebels"]]``, with relations ``"entities": [{"start_offset": 0, …}]``;
classification has ``"label": ["hostile"]``; both together have ``"entities": [[0, 6, "rebels"]]`` and ``"cats"``. What
is written is what the whole file needs of these.

doccano counts UTF-16 code units unless the project counts grapheme clusters (doccano/doccano#2290), which is not
supported. A file that a program made in code points is read with ``--offsets codepoints``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from framing.convert.formats.base import RowsFormat, Sample, as_json
from framing.convert.offsets import Places, to_utf16
from framing.convert.passages import NamedLabel, NamedSpan, Passage, origin_of

_LABELS = ("label", "labels", "entities", "cats")


class Doccano(RowsFormat):
    """doccano's JSONL; it holds spans that overlap, and labels, without scores."""

    name = "doccano"

    @classmethod
    def recognises(cls, sample: Sample) -> bool:
        """Whether rows have ``label``, or entities as doccano has them."""
        row = sample.row
        entities = row.get("entities")
        first = entities[0] if isinstance(entities, list) and entities else None
        is_entity = isinstance(first, Mapping) and "start_offset" in first
        is_both = "entities" in row and "cats" in row
        return "text" in row and (isinstance(row.get("label"), list) or is_entity or is_both)

    def passages(self, row: Mapping[str, Any], where: str) -> Iterable[Passage]:
        """The passage of a row."""
        text = row[self.options.text_column or "text"]
        place = Places(text, self.options.offsets or "utf16")
        spans, labels = [], []
        for found in (item for key in _LABELS for item in _listed(row.get(key))):
            if isinstance(found, str):
                labels.append(NamedLabel(found))
            elif isinstance(found, Mapping):
                spans.append(NamedSpan(place(found["start_offset"]), place(found["end_offset"]), found["label"]))
            else:
                start, end, name = found
                spans.append(NamedSpan(place(start), place(end), name))
        if row.get("relations"):
            self.notes.lose("relations", len(row["relations"]))
        return [Passage(text, tuple(spans), tuple(labels), where=where, **origin_of(row, row.get("id")))]

    def begin(self) -> str:
        """Nothing; rows are held back until it is known what the file needs."""
        self._held: list[dict[str, Any]] = []
        return ""

    def piece(self, passage: Passage) -> str:
        """Hold a row back."""
        self.notes.lose("scores", passage.scores)
        spans = []
        for span in passage.spans:
            start, end = span.start, span.end
            if self.options.offsets != "codepoints":
                start, end = to_utf16(passage.text, start), to_utf16(passage.text, end)
            spans.append([start, end, span.name])
        labels = [label.name for label in passage.labels]
        self._held.append({"text": passage.text, "entities": spans, "cats": labels, **passage.origin})
        return ""

    def end(self) -> str:
        """All rows."""
        has_spans, has_labels = (any(row[key] for row in self._held) for key in ("entities", "cats"))
        if has_spans and has_labels:
            return "".join(as_json(row) + "\n" for row in self._held)
        kept, left_out = ("cats", "entities") if has_labels else ("entities", "cats")
        lines = []
        for row in self._held:
            written = {"label" if key == kept else key: value for key, value in row.items() if key != left_out}
            lines.append(as_json(written) + "\n")
        return "".join(lines)


def _listed(value: Any) -> list[Any]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)
