"""Label Studio: a JSON list of tasks with annotations or predictions (https://labelstud.io/guide/task_format).

Words are regions of type ``labels``; what is said of the whole text is of type ``choices``, whose control
(``from_name``) is the task: ``{"from_name": "stance", "value": {"choices": ["hostile"]}}`` is ``stance=hostile``, and a
control with a name like "label" or "choice" gives plain labels. Choices of one region (``perRegion``) are joined to its
name: of a control "voice" as ``rebels.author``, of others as ``rebels.tone=ironic``.

Label Studio counts code points since its release 1.5 (its editor turns lengths of JavaScript into code points,
``fixCodePointsInRange`` in web/libs/editor/src/utils/selection-tools.js, and its own tests "Should calculate offsets by
code points in text"; HumanSignal/label-studio-frontend#308). Before, it counted UTF-16 code units
(HumanSignal/label-studio#1347). So the text that a region carries decides which of the two its offsets are, and code
points are written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from framing.codebook import VOICE
from framing.convert.formats.base import RowsFormat, Sample, as_json
from framing.convert.offsets import Places, Unit, to_utf16
from framing.convert.passages import NamedLabel, NamedSpan, Passage, origin_of
from framing.errors import InputError

#: Controls whose name says nothing.
_PLAIN = frozenset(("label", "labels", "choice", "choices", "class", "category", "categories"))
_TEXT, _LABELS = "text", "label"


class LabelStudio(RowsFormat):
    """Label Studio's JSON; it holds spans that overlap, labels, and scores of spans."""

    name = "labelstudio"
    endings = (".json",)
    rows = "json"
    between = ",\n"

    @classmethod
    def recognises(cls, sample: Sample) -> bool:
        """Whether rows are tasks."""
        return isinstance(sample.row.get("data"), Mapping)

    def passages(self, row: Mapping[str, Any], where: str) -> Iterable[Passage]:
        """The passage of a task."""
        data = row["data"]
        given = [one for one in row.get("annotations") or row.get("completions") or () if not _is_skipped(one)]
        if self.options.annotator is not None:
            given = [one for one in given if self.options.annotator in _people(one)]
        predicted = not given
        if predicted:
            given = [one for one in row.get("predictions") or () if isinstance(one, Mapping)]
        if not given:
            raise InputError("the task has no annotation and no prediction", expected="one that was not skipped")
        given.sort(key=lambda one: not one.get("ground_truth"))
        if len(given) > 1:
            self.notes.lose("annotations of a task beside its first (--annotator chooses)", len(given) - 1)
        result = given[0]["result"]
        text = data[self._text_key(data)]
        spans, labels = self._read(text, result)
        metadata = {**data, **(row.get("meta") or {})}
        origin = origin_of(metadata, row.get("id"))
        return [Passage(text, tuple(spans), tuple(labels), predicted=predicted, where=where, **origin)]

    def _text_key(self, data: Mapping[str, Any]) -> str:
        if self.options.text_column:
            return self.options.text_column
        texts = [key for key, value in data.items() if isinstance(value, str)]
        if _TEXT in texts or not texts:
            return _TEXT
        return max(texts, key=lambda key: len(data[key]))

    def _read(self, text: str, result: Iterable[Mapping[str, Any]]) -> tuple[list[NamedSpan], list[NamedLabel]]:
        per_region: defaultdict[str, list[str]] = defaultdict(list)
        regions, labels = [], []
        for item in result:
            kind, value = item.get("type"), item.get("value") or {}
            if kind == "labels":
                regions.append(item)
            elif kind == "choices" and "start" in value:
                control = item["from_name"]
                own = [f".{c}" if control == VOICE else f".{control}={c}" for c in value["choices"]]
                per_region[item["id"]] += own
            elif kind == "choices":
                control, chosen = item["from_name"], value["choices"]
                is_plain = control in _PLAIN
                found = chosen if is_plain else [f"{control}={one}" for one in chosen or ("",)]
                labels += [NamedLabel(name, item.get("score")) for name in found]
            else:
                self.notes.lose(f"results of type {kind!r}")
        spans = []
        for item in regions:
            start, end = self._place(text, item["value"])
            endings = per_region.get(item.get("id", ""), [])
            # A voice comes before the answers of tasks, whatever the order of the controls.
            ending = "".join(sorted(endings, key=lambda one: "=" in one))
            spans += [NamedSpan(start, end, name + ending, item.get("score")) for name in item["value"]["labels"]]
        return spans, labels

    def _place(self, text: str, value: Mapping[str, Any]) -> tuple[int, int]:
        start, end, words = value["start"], value["end"], value.get("text")
        units: tuple[Unit, ...] = (self.options.offsets,) if self.options.offsets else ("codepoints", "utf16")
        if not isinstance(words, str):
            units = units[:1]
        for unit in units:
            try:
                place = Places(text, unit)
                found = place(start), place(end)
            except InputError:
                if len(units) == 1:
                    raise
                continue
            # Line ends within a region's text are written as two characters by some releases.
            if not isinstance(words, str) or text[slice(*found)] in (words, words.replace("\\n", "\n")):
                return found
        raise InputError(
            f"the region {words!r} is not at [{start}, {end}) of the text",
            expected="offsets that count code points or UTF-16 code units",
        )

    def begin(self) -> str:
        """Open the list."""
        return "[\n"

    def end(self) -> str:
        """Close the list."""
        return "\n]\n"

    def piece(self, passage: Passage) -> str:
        """The task of a passage."""
        numbers = count(1)
        result: list[dict[str, Any]] = []
        for start, end, spans in passage.words():
            together = [spans] if all(span.score is None for span in spans) else [(span,) for span in spans]
            for same in together:
                value = {"start": start, "end": end, "text": passage.text[start:end], "labels": [s.name for s in same]}
                if self.options.offsets == "utf16":
                    value |= {"start": to_utf16(passage.text, start), "end": to_utf16(passage.text, end)}
                result.append(_item(f"s{next(numbers)}", _LABELS, "labels", value, same[0].score))
        chosen: defaultdict[str, list[NamedLabel]] = defaultdict(list)
        for label in passage.labels:
            task, has_value, _ = label.name.partition("=")
            chosen[task if has_value else "labels"].append(label)
        for control, labels in chosen.items():
            names = [label.name.removeprefix(f"{control}=") for label in labels]
            scores = {label.score for label in labels}
            if len(scores) > 1:
                self.notes.lose("scores of labels that one control has several of")
            score = labels[0].score if len(scores) == 1 else None
            value = {"choices": [name for name in names if name]}
            result.append(_item(f"c{next(numbers)}", control, "choices", value, score))
        data = {"text": passage.text, **passage.origin}
        if passage.predicted:
            scores_of_spans = [span.score for span in passage.spans if span.score is not None]
            prediction: dict[str, Any] = {"model_version": "framing", "result": result}
            if scores_of_spans:
                # What Label Studio sorts tasks by: how sure of the least sure region.
                prediction["score"] = min(scores_of_spans)
            return as_json({"data": data, "predictions": [prediction]})
        return as_json({"data": data, "annotations": [{"result": result, "was_cancelled": False}]})


def _item(id: str, control: str, kind: str, value: Mapping[str, Any], score: float | None) -> dict[str, Any]:
    item = {"id": id, "from_name": control, "to_name": _TEXT, "type": kind, "value": value}
    return item if score is None else {**item, "score": score}


def _is_skipped(annotation: Any) -> bool:
    return not isinstance(annotation, Mapping) or bool(annotation.get("was_cancelled"))


def _people(annotation: Mapping[str, Any]) -> set[str]:
    """What the person who annotated is called."""
    by = annotation.get("completed_by")
    if isinstance(by, Mapping):
        return {str(by[key]) for key in ("id", "email", "username") if key in by}
    return {str(by)}
