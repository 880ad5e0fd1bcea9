"""Prodigy: JSONL of examples with ``spans`` and ``tokens``, with ``accept`` or ``cats``, and with ``answer``.

Only what was accepted is read; what was rejected or ignored is set aside. Offsets count code points, as Python and
spaCy do (https://prodi.gy/docs/api-interfaces). ``token_end`` is the last token of a span, which belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from framing.convert.formats.base import RowsFormat, Sample, as_json
from framing.convert.offsets import Places
from framing.convert.passages import NamedLabel, NamedSpan, Passage, origin_of
from framing.convert.tokens import tokenize
from framing.errors import InputError

#: From this score on a category of ``cats`` holds.
_HOLDS = 0.5


class Prodigy(RowsFormat):
    """Prodigy's JSONL; it holds spans that overlap, labels, and scores of spans."""

    name = "prodigy"

    @classmethod
    def recognises(cls, sample: Sample) -> bool:
        """Whether rows have what Prodigy adds."""
        row = sample.row
        return "text" in row and bool({"answer", "_task_hash", "_input_hash", "_view_id"} & set(row))

    def passages(self, row: Mapping[str, Any], where: str) -> Iterable[Passage]:
        """The passage of an example."""
        answer = row.get("answer", "accept")
        if answer != "accept":
            raise InputError(f"the answer is {answer!r}", expected="'accept'")
        text = row[self.options.text_column or "text"]
        place = Places(text, self.options.offsets or "codepoints")
        spans = [
            NamedSpan(place(s["start"]), place(s["end"]), s["label"], s.get("score")) for s in row.get("spans") or ()
        ]
        labels = [NamedLabel(str(name)) for name in row.get("accept") or ()]
        for name, score in (row.get("cats") or {}).items():
            if score >= _HOLDS:
                labels.append(NamedLabel(name, score if 0 < score < 1 else None))
        if isinstance(row.get("label"), str):
            labels.append(NamedLabel(row["label"], row.get("score")))
        if row.get("relations"):
            self.notes.lose("relations", len(row["relations"]))
        origin = origin_of(row.get("meta") or {})
        return [
            Passage(text, tuple(spans), tuple(labels), predicted="answer" not in row, where=where, **origin),
        ]

    def piece(self, passage: Passage) -> str:
        """The example of a passage, with tokens that fit its spans."""
        borders = [place for span in passage.spans for place in (span.start, span.end)]
        tokens = list(tokenize(passage.text, borders))
        written = []
        for number, token in enumerate(tokens):
            has_space = passage.text[token.end : token.end + 1].isspace()
            written.append({"text": token.text, "start": token.start, "end": token.end, "id": number, "ws": has_space})
        spans = []
        for span in passage.spans:
            inside = [number for number, t in enumerate(tokens) if span.start <= t.start and t.end <= span.end]
            if not inside:
                raise InputError(f"the span {span.name!r} at [{span.start}, {span.end}) is white space only")
            one = {"start": span.start, "end": span.end, "token_start": inside[0], "token_end": inside[-1]}
            score = {} if span.score is None else {"score": span.score}
            spans.append({**one, "label": span.name, **score})
        example: dict[str, Any] = {"text": passage.text, "tokens": written, "spans": spans}
        if passage.labels:
            names = [label.name for label in passage.labels]
            example |= {"options": [{"id": name, "text": name} for name in names], "accept": names}
            if lost := sum(label.score is not None for label in passage.labels):
                self.notes.lose("scores of labels", lost)
        example |= {"meta": passage.origin} if passage.origin else {}
        return as_json(example | ({} if passage.predicted else {"answer": "accept"})) + "\n"
