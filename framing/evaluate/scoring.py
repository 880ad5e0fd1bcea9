"""Scores of predicted labels against marked sentences, with bootstrap intervals.

Everything is counted once per sentence, in integers (:class:`Counts`). A measure is a function of summed counts, so
that a bootstrap is one matrix product of resampling weights with the counts of each document, and the point estimate
and all resamples go through the very same code.

Conventions, which every number of the project follows:

- *Sentence level*: a label is right when it is among the sentence's labels, wherever its span is.
- *Span overlap*: within a sentence, gold and predicted spans of the same label are paired one to one where they share
  at least one code point, by a maximum matching (Hungarian method, so no order of comparison can cost a pair). Unpaired
  gold spans are missed, unpaired predicted ones are false.
- *Macro F1* is the mean over the labels that have gold support in the (re)sample: a label without any has no recall to
  speak of. Its false positives still count in micro F1.
- A ratio with nothing to count is ``nan``, not 0: "no such thing in the data" differs from "all wrong".
- *Calibration error* (ECE; Naeini et al. 2015) uses equal-mass bins (Nguyen and O'Connor 2015): a label's
  probabilities are cut at their own quantiles into at most 15 bins of at least 25 sentences each, equal values never
  parted. Equal-width bins would be nearly empty above 0.1 for a rare label. In a bootstrap the bins stay as they are in
  the full sample; since ECE takes absolute values, resampling noise pushes it up, so read its interval as an upper one.
- Intervals are percentile intervals over documents drawn with replacement (cluster bootstrap): sentences of one
  document resemble each other, and drawing sentences singly would make intervals too narrow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from framing.codebook import HEDGE, SOURCE
from framing.errors import CodebookMismatchError, InputError, SettingError
from framing.evaluate.matching import LabelledSpan, maximum_matching, same_voice, shared_code_points
from framing.types import HEDGING_KINDS, Hedge, HedgeKind, Kind, Mention, SentenceLabels, Source, Voice

if TYPE_CHECKING:
    from framing.codebook import Codebook
    from framing.markup import MarkedSentence

Array = npt.NDArray[Any]

VOICES: tuple[Voice, ...] = tuple(Voice)
KINDS: tuple[Kind, ...] = tuple(Kind)
MAX_BINS = 15
MIN_BIN_SIZE = 25
_HEDGE_PREFIX = f"{HEDGE}."


@dataclass(frozen=True, slots=True)
class Counts:
    """What was right, wrong and missed, per sentence, per document, or summed over resamples.

    The leading axis ``n`` is sentences when it comes from :func:`count`; :meth:`by_group` makes it documents,
    :meth:`weighted` makes it resamples. ``K`` outputs are those of the codebook (frames first), ``F`` of them frames.
    A last axis of 3 holds true positives, false positives and false negatives.

    Attributes:
        outputs: names of the ``K`` outputs.
        frames: number ``F`` of frames.
        size: int64 [n], sentences.
        sentence: int64 [n, K, 3], labels at sentence level.
        overlap: int64 [n, K, 3], spans that overlap.
        exact: int64 [n, K, 3], spans with the same offsets.
        voiced: int64 [n, F, 3], mentions that overlap and have the same voice.
        hedged: int64 [n, 3], whether the sentence is hedged.
        voice: int64 [n, 4, 4], gold by predicted voice of mentions paired by overlap.
        kind: int64 [n, 5, 5], gold by predicted kind; all zero where no gold kinds were given.
        residual: float64 [n, K, B], probability minus truth, in the bin of the probability; nan without probabilities.
        squared: float64 [n, K], squared difference of probability and truth; nan without probabilities.
    """

    outputs: tuple[str, ...]
    frames: int
    size: Array
    sentence: Array
    overlap: Array
    exact: Array
    voiced: Array
    hedged: Array
    voice: Array
    kind: Array
    residual: Array
    squared: Array

    def _map(self, change: Callable[[Array], Array]) -> Counts:
        arrays = {f.name: change(getattr(self, f.name)) for f in fields(self) if f.name not in ("outputs", "frames")}
        return Counts(outputs=self.outputs, frames=self.frames, **arrays)

    def weighted(self, weights: Array) -> Counts:
        """Sums over the leading axis, one for every row of ``weights`` (int64 or float64 [m, n])."""
        rows, columns = weights.shape

        def product(values: Array) -> Array:
            flat = values.reshape(columns, -1)
            # Products of floats run in BLAS, those of integers do not; counts stay exact far beyond any corpus (2^53).
            summed = weights.astype(np.float64) @ flat.astype(np.float64)
            return summed.reshape(rows, *values.shape[1:])

        return self._map(product)

    def by_group(self, groups: Sequence[str]) -> Counts:
        """Sums per group (document); the leading axis follows the sorted group names.

        Raises:
            InputError: ``groups`` does not name one group for each sentence.
        """
        if len(groups) != len(self.size):
            raise InputError(
                f"{len(groups)} groups were given for {len(self.size)} sentences",
                expected="one group (document) for each sentence, in the same order",
            )
        names, place = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)

        def add_up(values: Array) -> Array:
            summed = np.zeros((len(names), *values.shape[1:]), dtype=values.dtype)
            np.add.at(summed, place, values)
            return summed

        return self._map(add_up)

    def total(self) -> Counts:
        """Sums over the whole leading axis; it then has length 1."""
        return self._map(lambda values: values.sum(axis=0, keepdims=True))


@dataclass(frozen=True, slots=True)
class LabelScore:
    """Precision, recall and F1 of one output, in [0, 1] (``nan`` where undefined), and its number of gold cases."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class OutputCalibration:
    """How far an output's probabilities are from the truth.

    Attributes:
        name: the output.
        ece: expected calibration error in [0, 1], equal-mass bins (see the module's text); 0 is best.
        brier: mean squared difference of probability and truth in [0, 1]; 0 is best.
    """

    name: str
    ece: float
    brier: float


@dataclass(frozen=True, slots=True)
class Scores:
    """How well predictions agree with gold. All rates are in [0, 1]; ``nan`` where there was nothing to count.

    Attributes:
        sentences: how many were scored.
        labels: sentence-level score of every output (frames, ``hedge.<kind>``, ``source``).
        spans: span overlap score of every output.
        frames_macro_f1: mean sentence-level F1 over the frames with gold support.
        frames_micro_f1: sentence-level F1 of all frames pooled.
        span_overlap_f1, span_exact_f1: F1 of frame spans by overlap, by equal offsets; all frames pooled.
        mention_voice_f1: as ``span_overlap_f1``, the voice being right too.
        voice_accuracy: share of mentions paired by overlap whose voice is right.
        hedged_f1: F1 of "this sentence is hedged" (an epistemic, hearsay or distancing cue).
        hedge_span_f1: span overlap F1 of hedging cues, all kinds pooled.
        source_f1, source_span_f1: F1 of "names a source" per sentence, and of source spans by overlap.
        kind_accuracy: share of sentences whose kind is right; ``nan`` without gold kinds.
        frames_ece, frames_brier: means over all frames of their calibration error and Brier score.
        voice_confusion: gold (rows) by predicted voice, in the order of :class:`framing.types.Voice`.
        kind_confusion: gold (rows) by predicted kind, in the order of :class:`framing.types.Kind`.
        calibration: per output; empty where the predictions carry no probabilities.
        counts: per sentence, for :func:`bootstrap` and :func:`paired_bootstrap`.
    """

    sentences: int
    labels: tuple[LabelScore, ...]
    spans: tuple[LabelScore, ...]
    frames_macro_f1: float
    frames_micro_f1: float
    span_overlap_f1: float
    span_exact_f1: float
    mention_voice_f1: float
    voice_accuracy: float
    hedged_f1: float
    hedge_span_f1: float
    source_f1: float
    source_span_f1: float
    kind_accuracy: float
    frames_ece: float
    frames_brier: float
    voice_confusion: tuple[tuple[int, ...], ...]
    kind_confusion: tuple[tuple[int, ...], ...]
    calibration: tuple[OutputCalibration, ...]
    counts: Counts

    def summary(self) -> dict[str, float]:
        """The headline measures by name, in the order of :data:`HEADLINES`."""
        return {name: getattr(self, name) for name in HEADLINES}

    def to_dict(self) -> dict[str, Any]:
        """All scores as JSON-ready types (``nan`` becomes ``None``), without the counts per sentence."""
        return {
            "sentences": self.sentences,
            **{name: none_if_nan(value) for name, value in self.summary().items()},
            "labels": {score.name: _label_dict(score) for score in self.labels},
            "spans": {score.name: _label_dict(score) for score in self.spans},
            "calibration": {
                c.name: {"ece": none_if_nan(c.ece), "brier": none_if_nan(c.brier)} for c in self.calibration
            },
            "voice_confusion": _confusion_dict(self.voice_confusion, VOICES),
            "kind_confusion": _confusion_dict(self.kind_confusion, KINDS),
        }


#: The headline measures of :class:`Scores`, each a float attribute of it and a key of :func:`measures`.
HEADLINES: tuple[str, ...] = (
    "frames_macro_f1",
    "frames_micro_f1",
    "span_overlap_f1",
    "span_exact_f1",
    "mention_voice_f1",
    "voice_accuracy",
    "hedged_f1",
    "hedge_span_f1",
    "source_f1",
    "source_span_f1",
    "kind_accuracy",
    "frames_ece",
    "frames_brier",
)


@dataclass(frozen=True, slots=True)
class Interval:
    """A measure and its bootstrap percentile interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """First system minus second, on the same resamples.

    Attributes:
        value: difference on the full sample.
        low, high: percentile interval of the difference.
        share_above: share of resamples in which the first is the larger, ties counted half.
    """

    value: float
    low: float
    high: float
    share_above: float


def score(
    gold: Sequence[MarkedSentence],
    predicted: Sequence[SentenceLabels],
    *,
    codebook: Codebook,
    gold_kinds: Sequence[Kind | str] | None = None,
) -> Scores:
    """Scores predictions against marked sentences.

    Args:
        gold: the marked sentences.
        predicted: their predicted labels, in the same order, with the same texts.
        codebook: whose labels both use.
        gold_kinds: the true kind of every sentence, where known.

    Raises:
        InputError: lengths or texts differ, or gold carries a label that the codebook lacks.
        CodebookMismatchError: a prediction carries a label that the codebook lacks.
    """
    return scores_of(count(gold, predicted, codebook=codebook, gold_kinds=gold_kinds))


def count(
    gold: Sequence[MarkedSentence],
    predicted: Sequence[SentenceLabels],
    *,
    codebook: Codebook,
    gold_kinds: Sequence[Kind | str] | None = None,
) -> Counts:
    """Counts what is right, wrong and missed in every sentence. Arguments and errors as for :func:`score`."""
    _check_aligned(gold, predicted, gold_kinds)
    outputs, frames, n = tuple(codebook.outputs), len(codebook.label_names), len(gold)
    place = {name: k for k, name in enumerate(outputs)}
    counts = Counts(
        outputs=outputs,
        frames=frames,
        size=np.ones(n, dtype=np.int64),
        sentence=np.zeros((n, len(outputs), 3), dtype=np.int64),
        overlap=np.zeros((n, len(outputs), 3), dtype=np.int64),
        exact=np.zeros((n, len(outputs), 3), dtype=np.int64),
        voiced=np.zeros((n, frames, 3), dtype=np.int64),
        hedged=np.zeros((n, 3), dtype=np.int64),
        voice=np.zeros((n, len(VOICES), len(VOICES)), dtype=np.int64),
        kind=np.zeros((n, len(KINDS), len(KINDS)), dtype=np.int64),
        residual=np.full((n, len(outputs), 1), np.nan),
        squared=np.full((n, len(outputs)), np.nan),
    )
    truth = np.zeros((n, len(outputs)), dtype=np.int64)
    for i, (marked, labels) in enumerate(zip(gold, predicted, strict=True)):
        gold_spans = _gold_spans(marked, place)
        truth[i, [place[span.label] for span in gold_spans]] = 1
        _count_sentence_level(counts, i, place, gold_spans, labels)
        _count_spans(counts, i, place, gold_spans, _predicted_spans(labels, place))
        if gold_kinds is not None:
            counts.kind[i, KINDS.index(Kind(gold_kinds[i])), KINDS.index(labels.kind)] = 1
    return _with_calibration(counts, truth, predicted)


def scores_of(counts: Counts) -> Scores:
    """Scores of counts, summed over their leading axis."""
    total = counts.total()
    values = {name: float(value[0]) for name, value in measures(total).items()}
    has_probabilities = not np.isnan(total.squared).any()
    return Scores(
        sentences=int(total.size[0]),
        labels=_label_scores(counts.outputs, total.sentence[0]),
        spans=_label_scores(counts.outputs, total.overlap[0]),
        **{name: values[name] for name in HEADLINES},
        voice_confusion=_as_rows(total.voice[0]),
        kind_confusion=_as_rows(total.kind[0]),
        calibration=tuple(
            OutputCalibration(name, values[f"ece/{name}"], values[f"brier/{name}"]) for name in counts.outputs
        )
        if has_probabilities
        else (),
        counts=counts,
    )


def measures(counts: Counts) -> dict[str, Array]:
    """Every measure of every row of counts.

    Returns:
        Name to float64 [n]: the names of :data:`HEADLINES`, then ``f1/<output>`` and ``span_f1/<output>``,
        ``ece/<output>`` and ``brier/<output>``.
    """
    frames, hedges, source = _blocks(counts)
    label_f1, span_f1 = f1(counts.sentence), f1(counts.overlap)
    supported = counts.sentence[..., 0] + counts.sentence[..., 2] > 0
    ece = _ratio(np.abs(counts.residual).sum(axis=-1), counts.size[:, None])
    brier = _ratio(counts.squared, counts.size[:, None])
    values = {
        "frames_macro_f1": _mean_where(label_f1[:, frames], supported[:, frames]),
        "frames_micro_f1": f1(counts.sentence[:, frames].sum(axis=1)),
        "span_overlap_f1": f1(counts.overlap[:, frames].sum(axis=1)),
        "span_exact_f1": f1(counts.exact[:, frames].sum(axis=1)),
        "mention_voice_f1": f1(counts.voiced.sum(axis=1)),
        "voice_accuracy": _accuracy(counts.voice),
        "hedged_f1": f1(counts.hedged),
        "hedge_span_f1": f1(counts.overlap[:, hedges].sum(axis=1)),
        "source_f1": f1(counts.sentence[:, source].sum(axis=1)),
        "source_span_f1": f1(counts.overlap[:, source].sum(axis=1)),
        "kind_accuracy": _accuracy(counts.kind),
        "frames_ece": ece[:, frames].mean(axis=1),
        "frames_brier": brier[:, frames].mean(axis=1),
    }
    for prefix, table in (("f1", label_f1), ("span_f1", span_f1), ("ece", ece), ("brier", brier)):
        values.update({f"{prefix}/{name}": table[:, k] for k, name in enumerate(counts.outputs)})
    return values


def bootstrap(
    counts: Counts, groups: Sequence[str], *, n: int = 2000, seed: int = 0, level: float = 0.95
) -> dict[str, Interval]:
    """Percentile intervals of every measure, by drawing documents with replacement.

    Args:
        counts: per sentence.
        groups: the document of every sentence.
        n: number of resamples.
        seed: of the random draws.
        level: share of resamples inside the interval, in (0, 1).

    Returns:
        The keys of :func:`measures`, each with its value on the full sample and its interval. Resamples in which a
        measure is undefined are left out of its interval.

    Raises:
        InputError: the number of groups is not that of the sentences, or there is no sentence.
        SettingError: ``n`` or ``level`` is out of range.
    """
    documents = counts.by_group(groups)
    resampled = measures(documents.weighted(_resampling_weights(len(documents.size), n=n, seed=seed)))
    bounds = _percentiles(level)
    return {
        name: Interval(float(value[0]), *_interval(resampled[name], bounds))
        for name, value in measures(documents.total()).items()
    }


def paired_bootstrap(
    first: Counts, second: Counts, groups: Sequence[str], *, n: int = 2000, seed: int = 0, level: float = 0.95
) -> dict[str, Difference]:
    """Differences of two systems on the same sentences, both scored on the same resamples of documents.

    Pairing takes out what makes a resample hard for both (Koehn 2004; Berg-Kirkpatrick et al. 2012). Arguments as for
    :func:`bootstrap`.

    Raises:
        InputError: the systems were not scored on the same number of sentences, or groups do not fit.
        SettingError: ``n`` or ``level`` is out of range.
    """
    if len(first.size) != len(second.size):
        raise InputError(
            f"the systems were scored on {len(first.size)} and {len(second.size)} sentences",
            expected="the same sentences, in the same order",
        )
    ours, theirs = first.by_group(groups), second.by_group(groups)
    weights = _resampling_weights(len(ours.size), n=n, seed=seed)
    bounds = _percentiles(level)
    first_total, second_total = measures(ours.total()), measures(theirs.total())
    first_resampled, second_resampled = measures(ours.weighted(weights)), measures(theirs.weighted(weights))
    differences: dict[str, Difference] = {}
    for name, value in first_total.items():
        gaps = first_resampled[name] - second_resampled[name]
        known = gaps[~np.isnan(gaps)]
        share = float((np.sign(known) + 1).mean() / 2) if len(known) else float("nan")
        differences[name] = Difference(float(value[0] - second_total[name][0]), *_interval(gaps, bounds), share)
    return differences


def f1(tallies: Array) -> Array:
    """F1 of true positives, false positives and false negatives: int or float [..., 3] to float64 [...]."""
    tp, fp, fn = tallies[..., 0], tallies[..., 1], tallies[..., 2]
    return _ratio(2 * tp, 2 * tp + fp + fn)


def none_if_nan(value: float) -> float | None:
    """``None`` for ``nan``, which JSON cannot say."""
    return None if np.isnan(value) else value


def as_prediction(marked: MarkedSentence, kind: Kind | str = Kind.BODY) -> SentenceLabels:
    """A marked sentence in the form of a prediction that is sure of everything.

    So that two human codings can be compared by the same scorer as a model and gold. Probabilities of what is not
    marked are left out (they are 0).
    """
    spans = _spans_of(marked)
    frames = {span.label: 1.0 for span in spans if span.voice is not None}
    return SentenceLabels(
        document_id="0",
        outlet=None,
        published=None,
        index=0,
        kind=Kind(kind),
        start=0,
        end=len(marked.text),
        text=marked.text,
        frames=frames,
        mentions=tuple(
            Mention(s.label, s.start, s.end, marked.text[s.start : s.end], Voice(s.voice), 1.0, 1.0)
            for s in spans
            if s.voice is not None
        ),
        hedges=tuple(
            Hedge(HedgeKind(s.label.removeprefix(_HEDGE_PREFIX)), s.start, s.end, marked.text[s.start : s.end], 1.0)
            for s in spans
            if s.label.startswith(_HEDGE_PREFIX)
        ),
        sources=tuple(Source(s.start, s.end, marked.text[s.start : s.end], 1.0) for s in spans if s.label == SOURCE),
        probabilities={span.label: 1.0 for span in spans},
    )


def _check_aligned(
    gold: Sequence[MarkedSentence], predicted: Sequence[SentenceLabels], gold_kinds: Sequence[Kind | str] | None
) -> None:
    if len(gold) != len(predicted):
        raise InputError(
            f"{len(predicted)} predictions were given for {len(gold)} marked sentences",
            expected="one prediction for each marked sentence, in the same order",
        )
    if gold_kinds is not None and len(gold_kinds) != len(gold):
        raise InputError(
            f"{len(gold_kinds)} kinds were given for {len(gold)} marked sentences",
            expected="one kind for each marked sentence, in the same order",
        )
    for i, (marked, labels) in enumerate(zip(gold, predicted, strict=True)):
        if marked.text != labels.text:
            raise InputError(
                f"prediction {i} is of another text than the marked sentence: {labels.text[:60]!r}",
                expected=repr(marked.text[:60]),
                hint="label the marked sentences' own texts, so that offsets count in the same string",
            )


def _spans_of(marked: MarkedSentence) -> list[LabelledSpan]:
    return [LabelledSpan(tag.output, span.start, span.end, tag.voice) for span in marked.spans for tag in span.tags]


def _gold_spans(marked: MarkedSentence, place: Mapping[str, int]) -> list[LabelledSpan]:
    spans = _spans_of(marked)
    for span in spans:
        if span.label not in place:
            raise InputError(
                f"a gold mark carries {span.label!r}, which the codebook does not have: {marked.text[:60]!r}",
                expected="one of " + ", ".join(place),
                hint="score with the codebook that the gold was coded by",
            )
    return spans


def _predicted_spans(labels: SentenceLabels, place: Mapping[str, int]) -> list[LabelledSpan]:
    spans = [LabelledSpan(m.label, m.start, m.end, Voice(m.voice)) for m in labels.mentions]
    spans += [LabelledSpan(f"{_HEDGE_PREFIX}{h.kind}", h.start, h.end, None) for h in labels.hedges]
    spans += [LabelledSpan(SOURCE, s.start, s.end, None) for s in labels.sources]
    for name in (*labels.frames, *(span.label for span in spans)):
        if name not in place:
            raise CodebookMismatchError(
                f"a prediction carries {name!r}, which the codebook does not have",
                expected="one of " + ", ".join(place),
                hint="score with the codebook inside the checkpoint that predicted",
            )
    return spans


def _count_sentence_level(
    counts: Counts, i: int, place: Mapping[str, int], gold_spans: Sequence[LabelledSpan], labels: SentenceLabels
) -> None:
    gold = {span.label for span in gold_spans}
    predicted = {*labels.frames, *(f"{_HEDGE_PREFIX}{h.kind}" for h in labels.hedges)}
    if labels.sources:
        predicted.add(SOURCE)
    for name in gold | predicted:
        if name in place:
            counts.sentence[i, place[name]] = _tally(name in gold, name in predicted)
    gold_hedged = any(f"{_HEDGE_PREFIX}{kind}" in gold for kind in HEDGING_KINDS)
    counts.hedged[i] = _tally(gold_hedged, labels.hedged)


def _tally(gold: bool, predicted: bool) -> tuple[bool, bool, bool]:
    return gold and predicted, predicted and not gold, gold and not predicted


def _count_spans(
    counts: Counts,
    i: int,
    place: Mapping[str, int],
    gold_spans: Sequence[LabelledSpan],
    predicted_spans: Sequence[LabelledSpan],
) -> None:
    for name in {span.label for span in (*gold_spans, *predicted_spans)}:
        k = place[name]
        gold = [span for span in gold_spans if span.label == name]
        predicted = [span for span in predicted_spans if span.label == name]
        shared = shared_code_points(gold, predicted)
        pairs = maximum_matching(shared)
        same = Counter((s.start, s.end) for s in gold) & Counter((s.start, s.end) for s in predicted)
        counts.overlap[i, k] = _matched_tally(len(pairs), gold, predicted)
        counts.exact[i, k] = _matched_tally(same.total(), gold, predicted)
        if k < counts.frames:
            voiced = maximum_matching(shared * same_voice(gold, predicted))
            counts.voiced[i, k] = _matched_tally(len(voiced), gold, predicted)
            for row, column in pairs:
                counts.voice[i, _voice_index(gold[row]), _voice_index(predicted[column])] += 1


def _matched_tally(
    matched: int, gold: Sequence[LabelledSpan], predicted: Sequence[LabelledSpan]
) -> tuple[int, int, int]:
    return matched, len(predicted) - matched, len(gold) - matched


def _voice_index(span: LabelledSpan) -> int:
    return VOICES.index(Voice(span.voice or ""))


def _with_calibration(counts: Counts, truth: Array, predicted: Sequence[SentenceLabels]) -> Counts:
    if not any(labels.probabilities for labels in predicted):
        return counts
    probabilities = np.array([[p.probabilities.get(name, 0.0) for name in counts.outputs] for p in predicted])
    bins = np.stack([equal_mass_bins(column) for column in probabilities.T], axis=1)
    residual = np.zeros((*probabilities.shape, int(bins.max()) + 1))
    gap = probabilities - truth
    np.put_along_axis(residual, bins[..., None], gap[..., None], axis=2)
    kept = {f.name: getattr(counts, f.name) for f in fields(counts)}
    return Counts(**{**kept, "residual": residual, "squared": gap**2})


def equal_mass_bins(probabilities: Array) -> Array:
    """Bin of every probability, cut at the probabilities' own quantiles: float64 [n] to int64 [n].

    At most :data:`MAX_BINS` bins, each of about :data:`MIN_BIN_SIZE` sentences or more; equal values share a bin.
    """
    wanted = max(1, min(MAX_BINS, len(probabilities) // MIN_BIN_SIZE))
    edges = np.unique(np.quantile(probabilities, np.arange(1, wanted) / wanted)) if wanted > 1 else np.empty(0)
    return np.searchsorted(edges, probabilities, side="left").astype(np.int64)


def _blocks(counts: Counts) -> tuple[slice, list[int], list[int]]:
    """Where the frames, the hedge kinds and the source stand among the outputs."""
    hedges = [k for k, name in enumerate(counts.outputs) if k >= counts.frames and name.startswith(_HEDGE_PREFIX)]
    source = [k for k, name in enumerate(counts.outputs) if k >= counts.frames and name == SOURCE]
    return slice(0, counts.frames), hedges, source


def _ratio(numerator: Array, denominator: Array) -> Array:
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    return np.divide(numerator, denominator, out=np.full(shape, np.nan), where=np.asarray(denominator) != 0)


def _mean_where(values: Array, wanted: Array) -> Array:
    return _ratio(np.where(wanted, np.nan_to_num(values), 0.0).sum(axis=-1), wanted.sum(axis=-1))


def _accuracy(confusion: Array) -> Array:
    """Share on the diagonal: int64 [n, C, C] to float64 [n]."""
    return _ratio(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum(axis=(-2, -1)))


def _label_scores(outputs: Sequence[str], tallies: Array) -> tuple[LabelScore, ...]:
    tp, fp, fn = tallies.T
    precision, recall, both = _ratio(tp, tp + fp), _ratio(tp, tp + fn), f1(tallies)
    return tuple(
        LabelScore(name, float(precision[k]), float(recall[k]), float(both[k]), int(tp[k] + fn[k]))
        for k, name in enumerate(outputs)
    )


def _as_rows(table: Array) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(value) for value in row) for row in table)


def _label_dict(score: LabelScore) -> dict[str, float | int | None]:
    return {
        "precision": none_if_nan(score.precision),
        "recall": none_if_nan(score.recall),
        "f1": none_if_nan(score.f1),
        "support": score.support,
    }


def _confusion_dict(
    table: tuple[tuple[int, ...], ...], names: tuple[Voice, ...] | tuple[Kind, ...]
) -> dict[str, dict[str, int]]:
    return {
        str(gold): {str(predicted): cell for predicted, cell in zip(names, row, strict=True)}
        for gold, row in zip(names, table, strict=True)
    }


def _resampling_weights(groups: int, *, n: int, seed: int) -> Array:
    """How often every group is drawn in every resample: int64 [n, groups]; each row sums to ``groups``."""
    if n < 1:
        raise SettingError(f"{n} resamples", expected="at least 1")
    if groups == 0:
        raise InputError("there is no sentence to resample", expected="at least one scored sentence")
    return np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=n)


def _percentiles(level: float) -> tuple[float, float]:
    if not 0 < level < 1:
        raise SettingError(f"an interval of level {level}", expected="a share between 0 and 1, such as 0.95")
    return 50 * (1 - level), 50 * (1 + level)


def _interval(values: Array, bounds: tuple[float, float]) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.percentile(known, bounds)
    return float(low), float(high)
