"""JSONL with spans.

``{"text": …, "spans": [{"start": 0, "end": 6, "label": "rebels.author"}], "labels": ["kind=body"]}``.

Offsets count code points. Beside them stand ``group``, ``document``, ``outlet``, ``row_id`` where they are known,
``score`` in a span, ``scores`` (label -> score) for labels, and ``"predicted": true`` for what a model said. Spans may
also be lists (``[0, 6, "rebels"]``), and may be called ``entities`` and ``annotations``. Rows of ``tokens`` and tags
(``ner_tags``, ``tags``), as data sets of token classification have them, are joined by spaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from framing.convert.bio import spans_of_tags
from framing.convert.formats.base import RowsFormat, Sample, as_json
from framing.convert.offsets import Places, to_utf16
from framing.convert.passages import NamedLabel, NamedSpan, Passage, origin_of

_SPANS = ("spans", "entities", "annotations")
_TAGS = ("ner_tags", "tags", "labels")


class JsonLines(RowsFormat):
    """JSONL with spans; it holds everything."""

    name = "jsonl"
    endings: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")

    @classmethod
    def recognises(cls, sample: Sample) -> bool:
        """Whether rows have a text or tokens, and spans or labels."""
        listed = {key for key, value in sample.row.items() if isinstance(value, list)}
        return ("text" in sample.row or "tokens" in listed) and bool(listed & {*_SPANS, *_TAGS})

    def passages(self, row: Mapping[str, Any], where: str) -> Iterable[Passage]:
        """The passage of a row."""
        if "tokens" in row and "text" not in row:
            return [self._of_tokens(row, where)]
        text = row[self.options.text_column or "text"]
        place = Places(text, self.options.offsets or "codepoints")
        found = next((row[key] for key in _SPANS if row.get(key) is not None), ())
        scores = row.get("scores") or {}
        scores = scores if isinstance(scores, Mapping) else {one["label"]: one["score"] for one in scores}
        labels = row.get("labels") or ()
        labels = [labels] if isinstance(labels, str) else labels
        passage = Passage(
            text,
            tuple(_span(span, place) for span in found),
            tuple(NamedLabel(label, scores.get(label)) for label in labels),
            predicted=bool(row.get("predicted")),
            where=where,
            **origin_of(row, row.get("id")),
        )
        return [passage]

    def _of_tokens(self, row: Mapping[str, Any], where: str) -> Passage:
        tokens = row["tokens"]
        tags = next(row[key] for key in _TAGS if key in row)
        if any(not isinstance(tag, str) for tag in tags):
            names = self.tag_names()
            tags = [names[tag] for tag in tags]
        ends, end = [], -1
        for token in tokens:
            end += 1 + len(token)
            ends.append(end)
        places = [(end - len(token), end) for token, end in zip(tokens, ends, strict=True)]
        spans = tuple(NamedSpan(start, end, name) for start, end, name in spans_of_tags(tags, places))
        return Passage(" ".join(tokens), spans, where=where, **origin_of(row, row.get("id")))

    def tag_names(self) -> Sequence[str]:
        """What the numbers of tags stand for."""
        raise ValueError("tags are numbers, and the file does not say what they stand for")

    def piece(self, passage: Passage) -> str:
        """The line of a passage."""
        return as_json(record(passage, self.options.offsets == "utf16")) + "\n"


def record(passage: Passage, in_utf16: bool = False) -> dict[str, Any]:
    """A passage as JSON-ready types, without the keys that say nothing."""
    spans = []
    for span in passage.spans:
        start, end = span.start, span.end
        if in_utf16:
            start, end = to_utf16(passage.text, start), to_utf16(passage.text, end)
        one: dict[str, Any] = {"start": start, "end": end, "label": span.name}
        spans.append(one if span.score is None else one | {"score": span.score})
    scores = {label.name: label.score for label in passage.labels if label.score is not None}
    return {
        "text": passage.text,
        "spans": spans,
        "labels": [label.name for label in passage.labels],
        **({"scores": scores} if scores else {}),
        **({"predicted": True} if passage.predicted else {}),
        **passage.origin,
    }


def _span(span: Any, place: Places) -> NamedSpan:
    if isinstance(span, Mapping):
        start = span.get("start", span.get("start_offset", span.get("begin")))
        end = span.get("end", span.get("end_offset"))
        return NamedSpan(place(start), place(end), span["label"], span.get("score"))
    start, end, label, *_ = span
    return NamedSpan(place(start), place(end), str(label))
