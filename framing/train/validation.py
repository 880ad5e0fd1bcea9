"""A model on the validation part: its quality while it trains, and the calibration of the finished one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from framing.codebook import LABELS, Codebook, Head
from framing.decoding.decoder import DecodedSentence
from framing.evaluate.calibration import Judged, fit_sigmoid, fit_softmax
from framing.evaluate.scoring import HEADLINES, f1, macro_f1, score, tallies
from framing.markup import MarkedSentence
from framing.model.calibration import Calibration, HeadCalibration
from framing.model.encoding import EncodedSentence
from framing.model.logits import Logits
from framing.model.ragged import largest
from framing.train.examples import Example
from framing.types import SentenceLabels

#: Spans reach over neighbours with this share of their threshold; chosen on validation sentences (training/README.md).
EXTENSION = 0.4
#: What 'best' goes by, of the measures of :func:`framing.evaluate.scoring.headlines`; and all those of tasks.
_JUDGED = ("span_overlap_f1", "mention_voice_f1", "hedged_f1")
#: The measure of :func:`validate` that is their mean.
SCORE = "score"


@dataclass(frozen=True, slots=True)
class ReadSentences:
    """Sentences as the model read them."""

    encoded: Sequence[EncodedSentence]
    logits: Logits


def as_labels(example: Example, decoded: DecodedSentence) -> SentenceLabels:
    """A decoded validation sentence as a record."""
    return SentenceLabels(
        document_id=example.group,
        outlet=None,
        published=None,
        index=0,
        kind=decoded.kind(),
        start=0,
        end=len(example.text),
        text=example.text,
        frames=decoded.frames,
        mentions=decoded.mentions,
        hedges=decoded.hedges,
        sources=decoded.sources,
        hedged=decoded.hedged,
        probabilities=decoded.probabilities,
        tasks=decoded.tasks,
    )


def validate(decoded: Sequence[DecodedSentence], examples: Sequence[Example], codebook: Codebook) -> dict[str, float]:
    """Quality of decoded sentences; ``score`` is the mean of the measures that apply.

    Sentence-labelled examples have frames and tasks of sentences only; marked ones also spans, voices and hedges.
    """
    labels = [as_labels(example, found) for example, found in zip(examples, decoded, strict=True)]
    metrics = {}
    known = [i for i, e in enumerate(examples) if e.labels_known.issuperset(codebook.label_names)]
    if codebook.labels and known:
        carried, found = (
            np.array([[name in said for name in codebook.label_names] for said in sentences])
            for sentences in ([examples[i].labels for i in known], [labels[i].frames for i in known])
        )
        counted = tallies(found, carried)
        metrics = {"frames_macro_f1": float(macro_f1(counted)), "frames_micro_f1": float(f1(counted.sum(axis=0)))}
    marked = [i for i, e in enumerate(examples) if e.marked is not None]
    if marked:
        measured = _measured([examples[i] for i in marked], [labels[i] for i in marked], codebook)
        metrics |= {name: measured[name] for name in _JUDGED if name in measured}
    if codebook.tasks:
        measured = _measured(examples, labels, codebook)
        metrics |= {name: value for name, value in measured.items() if name not in HEADLINES}
    known_values = [value for value in metrics.values() if not np.isnan(value)]
    metrics[SCORE] = float(np.mean(known_values)) if known_values else float("nan")
    return metrics


def _measured(examples: Sequence[Example], labels: Sequence[SentenceLabels], codebook: Codebook) -> dict[str, float]:
    """The headline measures; an example without markup counts as one without marks."""
    gold = [e.marked or MarkedSentence(e.text) for e in examples]
    return dict(score(gold, labels, codebook=codebook, gold_answers=[e.answers for e in examples]).values)


def calibrate(read: ReadSentences, examples: Sequence[Example], codebook: Codebook) -> Calibration:
    """Temperatures and thresholds from the validation part.

    A name is fitted on the examples that speak of it; one of which none does (sentence labels say nothing of hedges)
    keeps temperature 1 and threshold 0.5.
    """
    heads = codebook.heads
    read_any = np.diff(read.logits.starts) > 0
    fitted: dict[str, HeadCalibration] = {}
    for head in heads:
        columns = heads.columns(head)
        if head.scope == "token" and head.activation == "softmax":
            fitted[head.name] = fit_softmax(*_chosen_pairs(read, examples, head, columns))
        elif head.scope == "token":
            names = head.names if head.name == LABELS else [f"{head.name}.{name}" for name in head.names]
            truth, known = (
                np.array([[name in told for name in names] for told in column]).reshape(len(examples), len(names))
                for column in ([e.labels for e in examples], [e.labels_known for e in examples])
            )
            peaks = np.full((len(examples), len(names)), -np.inf)
            peaks[read_any] = largest(read.logits.tokens[:, columns], np.diff(read.logits.starts)[read_any])
            tokens = _tokens_of_marked(read, examples, names, columns)
            fitted[head.name] = _fitted_where_known(head, Judged(peaks, truth), known & read_any[:, None], tokens)
        else:
            told = np.array([head.name in e.answers for e in examples]) & read_any
            answers = [examples[i].answers[head.name] for i in np.flatnonzero(told).tolist()]
            logits = read.logits.sentences[told, columns]
            if head.activation == "softmax":
                fitted[head.name] = fit_softmax(
                    logits, np.array([head.names.index(a) for a in answers], dtype=np.int64)
                )
            else:
                truth = np.array([[n in a.split("+") for n in head.names] for a in answers]).reshape(
                    -1, len(head.names)
                )
                fitted[head.name] = fit_sigmoid(logits, truth) if answers else HeadCalibration.identity(head)
    return Calibration(heads, fitted, EXTENSION)


def _tokens_of_marked(
    read: ReadSentences, examples: Sequence[Example], names: Sequence[str], columns: slice
) -> Judged | None:
    """The tokens of examples whose spans of all names are known: logits, and whether a span covers them."""
    number = {name: place for place, name in enumerate(names)}
    logits, targets = [], []
    for example, encoded, start in zip(examples, read.encoded, read.logits.starts.tolist(), strict=False):
        if not len(encoded) or not example.spans_known.issuperset(names):
            continue
        covered = np.zeros((len(encoded), len(names)), dtype=bool)
        for span in example.spans:
            if span.mark in number:
                touched = (encoded.offsets[:, 0] < span.end) & (encoded.offsets[:, 1] > span.start)
                covered[touched, number[span.mark]] = True
        logits.append(read.logits.tokens[start : start + len(encoded), columns])
        targets.append(covered)
    return Judged(np.concatenate(logits), np.concatenate(targets)) if logits else None


def _fitted_where_known(head: Head, peaks: Judged, known: np.ndarray, tokens: Judged | None) -> HeadCalibration:
    """Fit the names of a head, those together of which the same examples speak.

    Args:
        head: a sigmoid over tokens.
        peaks: of the sentences.
        known: bool [examples, names].
        tokens: of marked sentences.
    """
    fitted = HeadCalibration.identity(head)
    patterns, which = np.unique(known, axis=1, return_inverse=True)
    for number, rows in enumerate(patterns.T):
        if rows.any():
            together = np.flatnonzero(which.ravel() == number)
            own = fit_sigmoid(
                peaks.values[np.ix_(rows, together)],
                peaks.targets[np.ix_(rows, together)],
                None if tokens is None else Judged(tokens.values[:, together], tokens.targets[:, together]),
            )
            fitted.temperatures[together], fitted.thresholds[together] = own.temperatures, own.thresholds
    return fitted


def _chosen_pairs(
    read: ReadSentences, examples: Sequence[Example], head: Head, columns: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Mean logits of the words of which a choice is known, float [choices, names], and the choice, int64 [choices]."""
    logits, targets = [], []
    for example, encoded, start in zip(examples, read.encoded, read.logits.starts.tolist(), strict=False):
        for choice in example.choices:
            touched = (encoded.offsets[:, 0] < choice.end) & (encoded.offsets[:, 1] > choice.start)
            if choice.head == head.name and touched.any():
                logits.append(read.logits.tokens[start : start + len(encoded), columns][touched].mean(axis=0))
                targets.append(head.names.index(choice.name))
    return np.array(logits).reshape(-1, len(head.names)), np.array(targets, dtype=np.int64)
