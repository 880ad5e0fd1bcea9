"""The page of an evaluation: scores, calibration, rivals, and the worst errors with their words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from framing.evaluate.details import Bin, WorstError
from framing.evaluate.front import Evaluation
from framing.evaluate.matching import LabelledSpan
from framing.evaluate.scoring import Difference, Interval, headlines
from framing.report.marks import frame_mark, looks_of, marked_html
from framing.report.page import paragraph, section, table, text, whole_page


def evaluation_page(
    found: Evaluation,
    *,
    model: str,
    against: str | None = None,
    differences: Mapping[str, Difference] | None = None,
    errors: int = 50,
) -> str:
    """One HTML page that asks for nothing from outside; all text is escaped.

    Args:
        found: what is shown.
        model: its name.
        against, differences: the other model, and what it differs by.
        errors: how many of the worst ones.
    """
    parts = [
        f"<h1>{text(f'How well {model} labels')}</h1>",
        paragraph(
            f"{found.scores.sentences:,} sentences in {found.documents:,} documents, codebook {found.codebook.name}. "
            "Intervals hold 95 % of resamples of documents."
        ),
        section("overall", "Overall", _overall(found)),
        section("labels", "Labels", _labels(found)),
        section("difference", f"Difference from {against}", _differences(found, differences)) if differences else "",
        section("calibration", "Calibration", *_calibration(found)),
        section("rivals", "Rivals, marked and said of the same words", *_rivals(found)),
        section("choices", "Choices, marked and said", *_choices(found)),
        section("errors", "Errors of which the model was surest", _errors(found, found.errors(errors))),
    ]
    return whole_page(f"Evaluation of {model}", "\n".join(filter(None, parts)), script=False)


def _overall(found: Evaluation) -> str:
    rows = ([text(title), *_interval(found.intervals[name])] for name, title in headlines(found.codebook).items())
    return _table("", ("Measure", "Value", "95 % interval"), rows)


def _labels(found: Evaluation) -> str:
    measures = ("precision", "recall", "f1", "span_f1", "ece", "brier")
    rows = (
        [
            text(label.name),
            f"{label.support:,}",
            *(" ".join(_interval(found.intervals[f"{measure}/{label.name}"])) for measure in measures),
        ]
        for label in found.scores.labels
    )
    return _table("", ("Label", "Marked", "Precision", "Recall", "F1", "Spans, F1", "ECE", "Brier"), rows)


def _differences(found: Evaluation, differences: Mapping[str, Difference]) -> str:
    rows = (
        [text(title), _number(one.value, "+.3f"), _bounds(one.low, one.high, "+.3f"), _number(one.share_above, ".1%")]
        for title, one in ((title, differences[name]) for name, title in headlines(found.codebook).items())
    )
    return _table("", ("Measure", "Difference", "95 % interval", "Resamples in which it is larger"), rows)


def _calibration(found: Evaluation) -> Iterable[str]:
    for name, bins in found.reliability().items():
        if any(one.true for one in bins):
            rows = map(_bin, bins)
            yield _details(name, _table("", ("Probabilities", "Sentences", "Mean", "Marked"), rows))


def _bin(one: Bin) -> list[str]:
    return [f"{one.low:.3f} to {one.high:.3f}", f"{one.count:,}", f"{one.said:.3f}", f"{one.true:.3f}"]


def _rivals(found: Evaluation) -> Iterable[str]:
    for rival in found.rivals():
        if any(map(any, rival.table)):
            yield _confusion(rival.contrast, (*rival.labels, "none of them"), (*rival.labels, "none"), rival.table)


def _choices(found: Evaluation) -> Iterable[str]:
    names = {head.name: head.names for head in found.codebook.heads}
    for name, confusion in found.scores.confusions.items():
        if any(map(any, confusion)):
            yield _confusion(name, names[name], names[name], confusion)


def _confusion(caption: str, rows: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    lines = ([text(name), *(f"{n:,}" for n in row)] for name, row in zip(rows, counts, strict=True))
    return _table(caption, ("Marked", *columns), lines)


def _errors(found: Evaluation, errors: Sequence[WorstError]) -> str:
    rows = (
        [
            text(f"{error.what} {error.name}"),
            f"{error.loss:.3f}",
            text(error.document),
            _marked(found, error.text, error.gold),
            _marked(found, error.text, error.predicted),
        ]
        for error in errors
    )
    return _table("", ("Error", "Sure", "Document", "Marked", "Said"), rows, words=5) if errors else ""


def _marked(found: Evaluation, sentence: str, spans: Sequence[LabelledSpan]) -> str:
    looks = looks_of(found.codebook)
    marks = [frame_mark(s.start, s.end, s.label, s.voice, None, looks.get(s.voice, "plain")) for s in spans]
    return f'<span class="text">{marked_html(sentence, marks)}</span>'


def _table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    return f'<div class="scroll">{table(caption, columns, ((row, False) for row in rows), words=words)}</div>'


def _details(said: str, inner: str) -> str:
    return f"<details><summary>{text(said)}</summary>{inner}</details>"


def _interval(found: Interval) -> tuple[str, str]:
    return _number(found.value, ".3f"), _bounds(found.low, found.high, ".3f")


def _bounds(low: float, high: float, form: str) -> str:
    return "" if low != low else f"[{low:{form}}, {high:{form}}]"


def _number(value: float, form: str) -> str:
    return "–" if value != value else f"{value:{form}}"  # nan alone differs from itself
