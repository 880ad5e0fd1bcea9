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

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from framing.codebook import HEDGE, KIND, SOURCE, VOICE, Codebook
from framing.errors import CodebookMismatchError, InputError, SettingError
from framing.evaluate.matching import LabelledSpan, tally_spans
from framing.types import Hedge, Kind, MarkedWords, Mention, SentenceLabels, Source, TaskAnswer

if TYPE_CHECKING:
    from framing.markup import MarkedSentence

Array = npt.NDArray[Any]

MAX_BINS = 15
MIN_BIN_SIZE = 25

#: The headline measures of every codebook, each with its title; :func:`headlines` adds those of tasks.
HEADLINES: Mapping[str, str] = {
    "frames_macro_f1": "frames, macro F1",
    "frames_micro_f1": "frames, micro F1",
    "span_overlap_f1": "spans by overlap, F1",
    "span_exact_f1": "spans by equal offsets, F1",
    "mention_voice_f1": "mentions with their voice, F1",
    "voice_accuracy": "voice of paired mentions, accuracy",
    "hedged_f1": "hedged sentences, F1",
    "hedge_span_f1": "hedging cues by overlap, F1",
    "source_f1": "sentences with a source, F1",
    "source_span_f1": "source spans by overlap, F1",
    "kind_accuracy": "kind, accuracy",
    "frames_ece": "frames, calibration error (lower is better)",
    "frames_brier": "frames, Brier score (lower is better)",
}


def headlines(codebook: Codebook) -> dict[str, str]:
    """The headline measures that apply to a codebook: name -> title.

    A task that is asked of sentences has ``<task>_macro_f1``, and ``<task>_accuracy`` (choose one) or
    ``<task>_micro_f1`` (choose many); one that is asked of mentions ``<task>_accuracy``, of paired ones; one that marks
    words ``<task>_span_f1``.
    """
    left_out = [
        *(["frames_", "span_", "mention_"] if not codebook.labels else []),
        *(["mention_voice", VOICE] if codebook.heads.find(VOICE) is None else []),
        *(["hedge"] if not codebook.hedge_kinds else []),
        *([SOURCE] if codebook.source_guide is None else []),
        *([KIND] if not codebook.kinds else []),
    ]
    applying = {name: title for name, title in HEADLINES.items() if not name.startswith(tuple(left_out))}
    for task in codebook.tasks:
        if task.scope == "span":
            applying[f"{task.name}_span_f1"] = f"{task.name}, spans by overlap, F1"
        elif task.scope == "mention":
            applying[f"{task.name}_accuracy"] = f"{task.name} of paired mentions, accuracy"
        elif task.choose == "one":
            applying[f"{task.name}_accuracy"] = f"{task.name}, accuracy"
            applying[f"{task.name}_macro_f1"] = f"{task.name}, macro F1"
        else:
            applying[f"{task.name}_macro_f1"] = f"{task.name}, macro F1"
            applying[f"{task.name}_micro_f1"] = f"{task.name}, micro F1"
    return applying


@dataclass(frozen=True, slots=True)
class Counts:
    """What was right, wrong and missed, per sentence, per document, or summed over resamples.

    The leading axis ``n`` is sentences when it comes from :func:`count`; :meth:`by_group` makes it documents,
    :meth:`weighted` makes it resamples. ``K`` marks are the codebook's outputs (frames first), then the values of tasks
    that mark words; ``F`` of them are frames. A last axis of 3 holds true positives, false positives, false negatives.

    Attributes:
        codebook: names the marks.
        marks: names of the ``K`` marks.
        size: int64 [n], sentences.
        sentence: int64 [n, K, 3], marks at sentence level.
        overlap: int64 [n, K, 3], spans that overlap.
        exact: int64 [n, K, 3], spans with the same offsets.
        voiced: int64 [n, F, 3], mentions that overlap and have the same voice.
        hedged: int64 [n, 3], whether the sentence is hedged.
        choices: name -> int64 [n, C, C + 1], gold by predicted choice of one: the kind and choose-one tasks of
            sentences; voice and tasks of mentions, of mentions paired by overlap. The last column counts predictions
            that choose nothing of the codebook's. All zero where no gold was given.
        many: choose-many task of sentences -> int64 [n, C, 3].
        residual: float64 [n, K, B], probability minus truth, in the bin of the probability; nan without probabilities.
        squared: float64 [n, K], squared difference of probability and truth; nan without probabilities.
    """

    codebook: Codebook
    marks: tuple[str, ...]
    size: Array
    sentence: Array
    overlap: Array
    exact: Array
    voiced: Array
    hedged: Array
    choices: Mapping[str, Array]
    many: Mapping[str, Array]
    residual: Array
    squared: Array

    @property
    def frames(self) -> int:
        """The number ``F`` of frames."""
        return len(self.codebook.labels)

    def _map(self, change: Callable[[Array], Array]) -> Counts:
        changed: dict[str, Any] = {}
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, np.ndarray):
                changed[entry.name] = change(value)
            elif isinstance(value, dict):
                changed[entry.name] = {name: change(array) for name, array in value.items()}
        return replace(self, **changed)

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
        labels: sentence-level score of every mark (frames, ``hedge.<kind>``, ``source``, ``<task>.<value>``).
        spans: span overlap score of every mark.
        values: the measures of :func:`headlines`:

            - frames_macro_f1: mean sentence-level F1 over the frames with gold support;
            - frames_micro_f1: sentence-level F1 of all frames pooled;
            - span_overlap_f1, span_exact_f1: F1 of frame spans by overlap, by equal offsets; all frames pooled;
            - mention_voice_f1: as span_overlap_f1, the voice being right too;
            - voice_accuracy: share of mentions paired by overlap whose voice is right;
            - hedged_f1: F1 of "this sentence is hedged";
            - hedge_span_f1: span overlap F1 of hedging cues, all kinds pooled;
            - source_f1, source_span_f1: F1 of "names a source" per sentence, and of source spans by overlap;
            - kind_accuracy: share of sentences whose kind is right; nan without gold kinds;
            - frames_ece, frames_brier: means over all frames of their calibration error and Brier score.
        confusions: voice, kind, or task -> gold (rows) by predicted choice, in the order of the codebook. A prediction
            that chooses nothing of the codebook's is wrong, and is in none of the columns.
        calibration: per mark; empty where the predictions carry no probabilities.
        counts: per sentence, for :func:`bootstrap` and :func:`paired_bootstrap`.
    """

    sentences: int
    labels: tuple[LabelScore, ...]
    spans: tuple[LabelScore, ...]
    values: Mapping[str, float]
    confusions: Mapping[str, tuple[tuple[int, ...], ...]]
    calibration: tuple[OutputCalibration, ...]
    counts: Counts

    def __getitem__(self, measure: str) -> float:
        return self.values[measure]

    def to_dict(self) -> dict[str, Any]:
        """All scores as JSON-ready types (``nan`` becomes ``None``), without the counts per sentence."""
        names = {head.name: head.names for head in self.counts.codebook.heads}
        return {
            "sentences": self.sentences,
            **{name: none_if_nan(value) for name, value in self.values.items()},
            "labels": {score.name: _without_name(score) for score in self.labels},
            "spans": {score.name: _without_name(score) for score in self.spans},
            "calibration": {score.name: _without_name(score) for score in self.calibration},
            **{f"{name}_confusion": _confusion_dict(table, names[name]) for name, table in self.confusions.items()},
        }


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
    gold_kinds: Sequence[str | None] | None = None,
    gold_answers: Sequence[Mapping[str, str]] | None = None,
    gold_labels: Sequence[Collection[str]] | None = None,
) -> Scores:
    """Score predictions against marked sentences.

    Args:
        gold: the marked sentences.
        predicted: their predicted labels, in the same order, with the same texts.
        codebook: whose labels both use.
        gold_kinds: the true kind of every sentence, where known.
        gold_answers: task -> true value of every sentence (several joined by ``+``), where known.
        gold_labels: the true labels of every sentence, where no words are marked: labels of sentences are all that is
            scored then, and every measure of words, voices, hedges and sources is ``nan``.

    Raises:
        InputError: lengths or texts differ, or gold carries a label that the codebook lacks.
        CodebookMismatchError: a prediction carries a label that the codebook lacks.
    """
    return scores_of(
        count(
            gold,
            predicted,
            codebook=codebook,
            gold_kinds=gold_kinds,
            gold_answers=gold_answers,
            gold_labels=gold_labels,
        )
    )


def count(
    gold: Sequence[MarkedSentence],
    predicted: Sequence[SentenceLabels],
    *,
    codebook: Codebook,
    gold_kinds: Sequence[str | None] | None = None,
    gold_answers: Sequence[Mapping[str, str]] | None = None,
    gold_labels: Sequence[Collection[str]] | None = None,
) -> Counts:
    """Count what is right, wrong and missed in every sentence. Arguments and errors as for :func:`score`."""
    _check_aligned(gold, predicted, gold_kinds, gold_answers, gold_labels)
    counts = _no_counts(codebook, len(gold))
    place = {name: k for k, name in enumerate(counts.marks)}
    truth = np.zeros((len(gold), len(counts.marks)), dtype=np.int64)
    for i, (marked, labels) in enumerate(zip(gold, predicted, strict=True)):
        right, said = gold_spans(marked, counts.marks), predicted_spans(labels, counts.marks)
        if gold_labels is None:
            truth[i, [place[span.label] for span in right]] = 1
            _count_marks(counts, i, place, right, said, labels)
        else:
            carried, given = set(gold_labels[i]), {*labels.frames}
            truth[i, [place[name] for name in carried]] = 1
            for name in carried | given:
                counts.sentence[i, place[name]] = _tally(name in carried, name in given)
        if gold_kinds is not None and gold_kinds[i] is not None and codebook.kinds:
            _choose(counts, i, KIND, gold_kinds[i], labels.kind)
        for task in codebook.tasks_of("sentence"):
            answer = gold_answers[i].get(task.name) if gold_answers is not None else None
            _count_task(counts, i, task.name, answer, labels.tasks.get(task.name))
    counted = _with_calibration(counts, truth, predicted)
    if gold_labels is not None:  # of the other marks it is not known where they are
        counted.residual[:, counts.frames :], counted.squared[:, counts.frames :] = np.nan, np.nan
    return counted


def marks_of(codebook: Codebook) -> tuple[str, ...]:
    """What can be marked in a sentence: the outputs, then ``<task>.<value>`` of tasks that mark words."""
    return (*codebook.outputs, *(f"{t.name}.{value}" for t in codebook.tasks_of("span") for value in t.names))


def _no_counts(codebook: Codebook, n: int) -> Counts:
    marks = marks_of(codebook)
    chosen = {head.name: len(head.names) for head in codebook.heads if head.activation == "softmax"}
    many = {t.name: len(t.names) for t in codebook.tasks_of("sentence") if t.choose == "many"}

    def zeros(*shape: int) -> Array:
        return np.zeros((n, *shape), dtype=np.int64)

    return Counts(
        codebook=codebook,
        marks=marks,
        size=np.ones(n, dtype=np.int64),
        sentence=zeros(len(marks), 3),
        overlap=zeros(len(marks), 3),
        exact=zeros(len(marks), 3),
        voiced=zeros(len(codebook.labels), 3),
        hedged=zeros(3),
        choices={name: zeros(size, size + 1) for name, size in chosen.items()},
        many={name: zeros(size, 3) for name, size in many.items()},
        residual=np.full((n, len(marks), 1), np.nan),
        squared=np.full((n, len(marks)), np.nan),
    )


def scores_of(counts: Counts) -> Scores:
    """Scores of counts, summed over their leading axis."""
    total = counts.total()
    values = {name: float(value[0]) for name, value in measures(total).items()}
    judged = ~np.isnan(total.squared[0])
    return Scores(
        sentences=int(total.size[0]),
        labels=_label_scores(counts.marks, total.sentence[0]),
        spans=_label_scores(counts.marks, total.overlap[0]),
        values={name: values[name] for name in headlines(counts.codebook)},
        confusions={name: tuple(map(tuple, table[0, :, :-1].tolist())) for name, table in total.choices.items()},
        calibration=tuple(
            OutputCalibration(name, values[f"ece/{name}"], values[f"brier/{name}"])
            for name, is_judged in zip(counts.marks, judged.tolist(), strict=True)
            if is_judged
        ),
        counts=counts,
    )


def measures(counts: Counts) -> dict[str, Array]:
    """Every measure of every row of counts.

    Returns:
        Name to float64 [n]: the names of :func:`headlines`, then of every mark ``precision/<mark>``, ``recall/<mark>``,
        ``f1/<mark>``, ``span_f1/<mark>``, ``ece/<mark>`` and ``brier/<mark>``.
    """
    codebook = counts.codebook
    frames, outputs = slice(0, counts.frames), codebook.outputs
    hedges = [k for k, name in enumerate(outputs) if name.startswith(f"{HEDGE}.")]
    source = [outputs.index(SOURCE)] if codebook.source_guide else []
    ece = _ratio(np.abs(counts.residual).sum(axis=-1), counts.size[:, None])
    brier = _ratio(counts.squared, counts.size[:, None])
    accuracies = {f"{name}_accuracy": _accuracy(table) for name, table in counts.choices.items()}
    values = {
        "frames_macro_f1": macro_f1(counts.sentence[:, frames]),
        "frames_micro_f1": f1(counts.sentence[:, frames].sum(axis=1)),
        "span_overlap_f1": f1(counts.overlap[:, frames].sum(axis=1)),
        "span_exact_f1": f1(counts.exact[:, frames].sum(axis=1)),
        "mention_voice_f1": f1(counts.voiced.sum(axis=1)),
        "hedged_f1": f1(counts.hedged),
        "hedge_span_f1": f1(counts.overlap[:, hedges].sum(axis=1)),
        "source_f1": f1(counts.sentence[:, source].sum(axis=1)),
        "source_span_f1": f1(counts.overlap[:, source].sum(axis=1)),
        "frames_ece": _ratio(ece[:, frames].sum(axis=1), np.array(counts.frames)),
        "frames_brier": _ratio(brier[:, frames].sum(axis=1), np.array(counts.frames)),
        **accuracies,
        **_task_measures(counts),
    }
    values = {name: values[name] for name in headlines(codebook)}
    right, invented, missed = np.moveaxis(counts.sentence, -1, 0)
    of_marks = {
        "precision": _ratio(right, right + invented),
        "recall": _ratio(right, right + missed),
        "f1": f1(counts.sentence),
        "span_f1": f1(counts.overlap),
        "ece": ece,
        "brier": brier,
    }
    for prefix, table in of_marks.items():
        values.update({f"{prefix}/{name}": table[:, k] for k, name in enumerate(counts.marks)})
    return values


def _task_measures(counts: Counts) -> dict[str, Array]:
    values: dict[str, Array] = {}
    for task in counts.codebook.tasks:
        if task.scope == "span":
            own = [k for k, name in enumerate(counts.marks) if name.startswith(f"{task.name}.")]
            values[f"{task.name}_span_f1"] = f1(counts.overlap[:, own].sum(axis=1))
        elif task.scope == "sentence":
            many = counts.many[task.name] if task.choose == "many" else _one_against_rest(counts.choices[task.name])
            values[f"{task.name}_micro_f1"] = f1(many.sum(axis=1))
            values[f"{task.name}_macro_f1"] = macro_f1(many)
    return values


def _one_against_rest(confusion: Array) -> Array:
    """True positives, false positives, false negatives of every class: [n, C, C + 1] to [n, C, 3]."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    said = confusion[..., :-1].sum(axis=-2)
    return np.stack((right, said - right, confusion.sum(axis=-1) - right), axis=-1)


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


def macro_f1(tallies: Array) -> Array:
    """The mean F1 of the labels that have gold support: int or float [..., labels, 3] to float64 [...]."""
    supported = tallies[..., 0] + tallies[..., 2] > 0
    return _ratio(np.where(supported, np.nan_to_num(f1(tallies)), 0.0).sum(axis=-1), supported.sum(axis=-1))


def precision_recall_f1(tally: Array) -> dict[str, float]:
    """Precision, recall and F1 of true positives, false positives and false negatives, [3]."""
    tp, fp, fn = tally
    return {"precision": float(_ratio(tp, tp + fp)), "recall": float(_ratio(tp, tp + fn)), "f1": float(f1(tally))}


def tallies(predicted: Array, truth: Array) -> Array:
    """True and false positives, and false negatives, over the first axis: bool [n, ...] twice to int64 [..., 3]."""
    pairs = ((predicted, truth), (predicted, ~truth), (~predicted, truth))
    return np.stack([(one & other).sum(axis=0) for one, other in pairs], axis=-1)


@dataclass(frozen=True, slots=True)
class SummedTallies:
    """True positives, false positives and false negatives of spans, int64 [3] each, and the share of right voices."""

    overlap: Array
    exact: Array
    voiced: Array
    voice_accuracy: float


def summed_tallies(
    gold: Sequence[Sequence[dict[str, Any]]], predicted: Sequence[Sequence[dict[str, Any]]]
) -> SummedTallies:
    """Compare spans, sentence by sentence, and sum over the sentences.

    Args:
        gold, predicted: of each sentence ``{label, start, end}`` and perhaps ``voice``.
    """
    found = [
        tally_spans([LabelledSpan(**span) for span in g], [LabelledSpan(**span) for span in p])
        for g, p in zip(gold, predicted, strict=True)
    ]
    overlap, exact, voiced = (
        np.array([getattr(one, name) for one in found]).sum(axis=0) for name in ("overlap", "exact", "voiced")
    )
    right = [one.voice == other.voice for tally in found for one, other in tally.pairs]
    return SummedTallies(overlap, exact, voiced, voice_accuracy=float(np.mean(right)) if right else float("nan"))


def none_if_nan(value: float) -> float | None:
    """``None`` for ``nan``, which JSON cannot say."""
    return None if np.isnan(value) else value


def as_prediction(
    marked: MarkedSentence,
    codebook: Codebook,
    kind: str | None = None,
    answers: Mapping[str, str] | None = None,
) -> SentenceLabels:
    """A marked sentence in the form of a prediction that is sure of everything.

    With it the scorer compares two human codings just as it compares a model with gold. Probabilities of what is not
    marked are left out (they are 0).

    Args:
        marked: the sentence.
        codebook: says which hedge kinds make a sentence hedged.
        kind: of the sentence; body when ``None``.
        answers: task -> value, or several joined by ``+``.
    """
    mentions: list[Mention] = []
    hedges: list[Hedge] = []
    sources: list[Source] = []
    words: dict[str, list[MarkedWords]] = {task.name: [] for task in codebook.tasks_of("span")}
    for span in marked.spans:
        place = (span.start, span.end, span.text)
        for tag in span.tags:
            if tag.layer == "frame":
                mentions.append(Mention(tag.name, *place, tag.voice, 1.0, 1.0, tasks=dict(tag.answers)))
            elif tag.layer == "hedge":
                hedges.append(Hedge(tag.name, *place, 1.0))
            elif tag.layer == "source":
                sources.append(Source(*place, 1.0))
            else:
                words[tag.task or ""].append(MarkedWords(tag.name, *place, 1.0))
    tasks: dict[str, TaskAnswer] = {name: tuple(found) for name, found in words.items()}
    for task in codebook.tasks_of("sentence"):
        if (answer := (answers or {}).get(task.name)) is not None:
            many = {value: 1.0 for value in answer.split("+") if value}
            tasks[task.name] = many if task.choose == "many" else answer
    return SentenceLabels(
        document_id="0",
        outlet=None,
        published=None,
        index=0,
        kind=str(kind or Kind.BODY),
        start=0,
        end=len(marked.text),
        text=marked.text,
        frames={mention.label: 1.0 for mention in mentions},
        mentions=tuple(mentions),
        hedges=tuple(hedges),
        sources=tuple(sources),
        hedged=any(hedge.kind in codebook.hedging_kinds for hedge in hedges),
        probabilities={tag.output: 1.0 for span in marked.spans for tag in span.tags},
        tasks=tasks,
    )


def _check_aligned(
    gold: Sequence[MarkedSentence],
    predicted: Sequence[SentenceLabels],
    gold_kinds: Sequence[str | None] | None,
    gold_answers: Sequence[Mapping[str, str]] | None,
    gold_labels: Sequence[Collection[str]] | None,
) -> None:
    aligned = {"predictions": predicted, "kinds": gold_kinds, "answers": gold_answers, "labels": gold_labels}
    for what, given in aligned.items():
        if given is not None and len(given) != len(gold):
            raise InputError(
                f"{len(given)} {what} were given for {len(gold)} marked sentences",
                expected="one for each marked sentence, in the same order",
            )
    for i, (marked, labels) in enumerate(zip(gold, predicted, strict=True)):
        if marked.text != labels.text:
            raise InputError(
                f"prediction {i} is of another text than the marked sentence: {labels.text[:60]!r}",
                expected=repr(marked.text[:60]),
                hint="label the marked sentences' own texts, so that offsets count in the same string",
            )


def gold_spans(marked: MarkedSentence, known: Sequence[str]) -> list[LabelledSpan]:
    """The marks of a sentence, one for each tag.

    Raises:
        InputError: a mark is of a name that is not known.
    """
    spans = [
        LabelledSpan(tag.output, span.start, span.end, tag.voice, dict(tag.answers))
        for span in marked.spans
        for tag in span.tags
    ]
    for span in spans:
        if span.label not in known:
            raise InputError(
                f"a gold mark carries {span.label!r}, which the codebook does not have: {marked.text[:60]!r}",
                expected="one of " + ", ".join(known),
                hint="score with the codebook that the gold was coded by",
            )
    return spans


def predicted_spans(labels: SentenceLabels, known: Sequence[str]) -> list[LabelledSpan]:
    """All words that a prediction marks.

    Raises:
        CodebookMismatchError: a prediction is of a name that is not known.
    """
    spans = [LabelledSpan(m.label, m.start, m.end, m.voice, m.tasks) for m in labels.mentions]
    spans += [LabelledSpan(f"{HEDGE}.{h.kind}", h.start, h.end) for h in labels.hedges]
    spans += [LabelledSpan(SOURCE, s.start, s.end) for s in labels.sources]
    for task, answer in labels.tasks.items():
        if isinstance(answer, tuple):
            spans += [LabelledSpan(f"{task}.{words.value}", words.start, words.end) for words in answer]
    for name in (*labels.frames, *(span.label for span in spans)):
        if name not in known:
            raise CodebookMismatchError(
                f"a prediction carries {name!r}, which the codebook does not have",
                expected="one of " + ", ".join(known),
                hint="score with the codebook inside the checkpoint that predicted",
            )
    return spans


def _count_marks(
    counts: Counts,
    i: int,
    place: Mapping[str, int],
    gold_spans: Sequence[LabelledSpan],
    predicted_spans: Sequence[LabelledSpan],
    labels: SentenceLabels,
) -> None:
    marked = {span.label for span in gold_spans}
    said = {*labels.frames, *(span.label for span in predicted_spans)}
    hedged = any(f"{HEDGE}.{kind}" in marked for kind in counts.codebook.hedging_kinds)
    counts.hedged[i] = _tally(hedged, labels.hedged)
    for name in marked | said:
        k = place[name]
        counts.sentence[i, k] = _tally(name in marked, name in said)
        gold, predicted = ([span for span in spans if span.label == name] for spans in (gold_spans, predicted_spans))
        found = tally_spans(gold, predicted)
        counts.overlap[i, k], counts.exact[i, k] = found.overlap, found.exact
        if k >= counts.frames:
            continue
        counts.voiced[i, k] = found.voiced
        for right, guess in found.pairs:
            if right.voice:
                _choose(counts, i, VOICE, right.voice, guess.voice)
            for task, answer in right.answers.items():
                _choose(counts, i, task, answer, guess.answers.get(task))


def _tally(gold: bool, predicted: bool) -> tuple[bool, bool, bool]:
    return gold and predicted, predicted and not gold, gold and not predicted


def _choose(counts: Counts, i: int, name: str, gold: str | None, predicted: str | None) -> None:
    """Count a choice, where gold's is a name of the codebook."""
    head = counts.codebook.heads.find(name)
    if head is not None and gold in head.names:
        column = head.names.index(predicted) if predicted in head.names else -1
        counts.choices[name][i, head.names.index(gold), column] += 1


def _count_task(counts: Counts, i: int, name: str, gold: str | None, predicted: TaskAnswer | None) -> None:
    """Count the answer of a task that is asked of sentences, where gold has one."""
    if gold is None:
        return
    if name not in counts.many:
        _choose(counts, i, name, gold, None if predicted is None else str(predicted))
        return
    head = counts.codebook.heads.find(name)
    right, said = set(gold.split("+")), set(predicted or ())
    for k, value in enumerate(head.names if head else ()):
        counts.many[name][i, k] = _tally(value in right, value in said)


def _with_calibration(counts: Counts, truth: Array, predicted: Sequence[SentenceLabels]) -> Counts:
    if not counts.marks or not any(labels.probabilities for labels in predicted):
        return counts
    probabilities = np.array([[p.probabilities.get(name, 0.0) for name in counts.marks] for p in predicted])
    bins = np.stack([equal_mass_bins(column) for column in probabilities.T], axis=1)
    residual = np.zeros((*probabilities.shape, int(bins.max()) + 1))
    gap = probabilities - truth
    np.put_along_axis(residual, bins[..., None], gap[..., None], axis=2)
    return replace(counts, residual=residual, squared=gap**2)


def equal_mass_bins(probabilities: Array) -> Array:
    """Bin of every probability, cut at the probabilities' own quantiles: float64 [n] to int64 [n].

    At most :data:`MAX_BINS` bins, each of about :data:`MIN_BIN_SIZE` sentences or more; equal values share a bin.
    """
    wanted = max(1, min(MAX_BINS, len(probabilities) // MIN_BIN_SIZE))
    edges = np.unique(np.quantile(probabilities, np.arange(1, wanted) / wanted)) if wanted > 1 else np.empty(0)
    return np.searchsorted(edges, probabilities, side="left").astype(np.int64)


def _ratio(numerator: Array, denominator: Array) -> Array:
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    return np.divide(numerator, denominator, out=np.full(shape, np.nan), where=np.asarray(denominator) != 0)


def _accuracy(confusion: Array) -> Array:
    """Share on the diagonal: int64 [n, C, C + 1] to float64 [n]."""
    return _ratio(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum(axis=(-2, -1)))


def _label_scores(outputs: Sequence[str], tallies: Array) -> tuple[LabelScore, ...]:
    return tuple(
        LabelScore(name, **precision_recall_f1(tally), support=int(tally[0] + tally[2]))
        for name, tally in zip(outputs, tallies, strict=True)
    )


def _without_name(score: LabelScore | OutputCalibration) -> dict[str, float | int | None]:
    """The score's numbers, JSON-ready."""
    return {name: none_if_nan(value) for name, value in asdict(score).items() if name != "name"}


def _confusion_dict(table: tuple[tuple[int, ...], ...], names: Sequence[str]) -> dict[str, dict[str, int]]:
    return {gold: dict(zip(names, row, strict=True)) for gold, row in zip(names, table, strict=True)}


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
