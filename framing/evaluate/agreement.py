"""How far coders of the same sentences agree, beyond chance and sentence by sentence.

F1 between two coders says how much of one the other found; kappa and alpha say how much better than guessing that is.
F1 comes from :mod:`framing.evaluate.scoring`, so that people and a model are measured alike.

Conventions:

- *Percent agreement* of a label is the share of all pairs of judgements of one sentence that say the same.
- *Kappa* is Cohen's (1960); with more than two coders the mean over their pairs (Light 1971).
- *Alpha* is Krippendorff's (2011), nominal, for any number of coders, and with sentences that some did not judge. Of
  sets (all labels of a sentence, a choose-many task) the distance is one minus MASI (Passonneau 2006).
- *Span alpha* is nominal alpha over code points: does a coder's mark of the label cover it. It is pooled over labels as
  1 - (sum of observed) / (sum of expected disagreement).
- *Unitizing alpha* is Krippendorff's of 2004 over the sentences laid end to end (:func:`.reliability.unitizing`), of
  those that all coders judged. It takes no interval.
- Intervals are percentile intervals over documents drawn with replacement, as in :mod:`framing.evaluate.scoring`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.codebook import KIND, VOICE, Codebook
from framing.errors import SettingError
from framing.evaluate.codings import Alignment, By, CodedSentence, Coding, align, coded
from framing.evaluate.matching import LabelledSpan, RivalConfusion, confuse_rivals
from framing.evaluate.reliability import (
    AlphaSums,
    Unitizing,
    kappa_of_table,
    kappas,
    krippendorff_alpha,
    masi_distance,
    unitizing,
)
from framing.evaluate.scoring import Counts, Interval, bootstrap, count, headlines, marks_of, none_if_nan
from framing.files import write_whole

Array = npt.NDArray[Any]

__all__ = [
    "Agreement",
    "Disagreement",
    "LabelAgreement",
    "PairAgreement",
    "RivalConfusion",
    "agreement",
    "align",
    "coded",
    "kappa_of_table",
    "krippendorff_alpha",
]

#: Headline measures that compare no marks.
_NOT_OF_MARKS = ("frames_ece", "frames_brier")
#: What stands for "not marked" in tables of disagreements.
_NOTHING = "–"


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """Agreement on whether sentences carry one label. Measures are ``nan`` where they say nothing.

    Attributes:
        name: an output of the codebook, or ``<task>.<value>`` of marked words.
        carried: of each coder, how many of the sentences got it.
        percent: share of pairs of judgements that agree, in [0, 1].
        kappa: Cohen's; the mean over pairs where there are more than two coders.
        alpha: Krippendorff's, nominal, over sentences.
        span_alpha: the same over code points.
        unitizing_alpha: Krippendorff's of 2004.
    """

    name: str
    carried: tuple[int, ...]
    percent: Interval
    kappa: Interval
    alpha: Interval
    span_alpha: Interval
    unitizing_alpha: float


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Agreement of two coders, on the sentences that both judged.

    Attributes:
        first, second: names of the coders.
        sentences: that both judged.
        values: the measures of :func:`framing.evaluate.scoring.headlines` that compare marks, then ``f1/<mark>`` and
            ``span_f1/<mark>``. They are the same both ways, but for macro F1, the mean over labels that the first coder
            gave; the second's where the first is a model and the second is not.
        kappa: mark -> Cohen's kappa over sentences.
        voice_kappa: of the voices of mentions that both marked (paired by overlap).
        confusions: voice, kind, or task -> first coder's choice (rows) by the second's.
        rivals: of each contrast of the codebook.
    """

    first: str
    second: str
    sentences: int
    values: Mapping[str, Interval]
    kappa: Mapping[str, float]
    voice_kappa: float
    confusions: Mapping[str, tuple[tuple[int, ...], ...]]
    rivals: tuple[RivalConfusion, ...]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One thing that coders say differently of a sentence.

    Attributes:
        id, document, text: of the sentence.
        what: ``label`` (some mark it, some do not), ``words`` (on other words), ``voice`` (of the same words, or the
            answer of a task), ``kind`` or ``task``.
        name: of the label or task.
        said: of each coder; empty for who did not judge the sentence.
    """

    id: str
    document: str
    text: str
    what: str
    name: str
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of coders.

    Attributes:
        coders: their names.
        sentences, documents: that two or more judged.
        values: over all labels:

            - same_labels: share of pairs of judgements with the same set of labels of the codebook;
            - labels_masi_alpha: alpha of these sets, by MASI;
            - labels_alpha, span_alpha: alphas of the labels, pooled;
            - unitizing_alpha: pooled; its interval is ``nan``;
            - hedged_alpha, kind_alpha, ``<task>_alpha``: of hedged sentences, kinds, and tasks asked of sentences.
        labels: per mark.
        pairs: of every two coders.
        disagreements: in the order of the sentences.
        alignment: which sentences were compared, and which were left out.
        codebook: by which.
    """

    coders: tuple[str, ...]
    sentences: int
    documents: int
    values: Mapping[str, Interval]
    labels: tuple[LabelAgreement, ...]
    pairs: tuple[PairAgreement, ...]
    disagreements: tuple[Disagreement, ...]
    alignment: Alignment
    codebook: Codebook

    def __getitem__(self, measure: str) -> float:
        return self.values[measure].value

    def notes(self) -> Iterator[str]:
        """What was left out, a sentence each."""
        for coder, alone in zip(self.alignment.coders, self.alignment.alone, strict=True):
            if alone:
                yield f"{alone:,} of {len(coder):,} sentences of {coder.name} are in no other file, and left out"
            if coder.rejected:
                first = coder.rejected[0]
                yield (
                    f"{len(coder.rejected):,} rows of {coder.name} cannot be used, the first: "
                    f"{first.where}: {first.reason}"
                )
            overlapping = 0 if coder.is_model else sum(sentence.overlapping for sentence in coder.sentences)
            if overlapping:
                yield f"{overlapping:,} marks of {coder.name} overlap another, and are left out of F1 of spans"
        if self.alignment.other_text:
            yield f"{self.alignment.other_text:,} sentences have the same id and another text, and are left out"

    def to_dict(self) -> dict[str, Any]:
        """All measures as JSON-ready types (``nan`` becomes ``None``), without the disagreements themselves."""
        return {
            "coders": list(self.coders),
            "sentences": self.sentences,
            "documents": self.documents,
            "codebook": self.codebook.name,
            "matched_by": self.alignment.by,
            "left_out": {
                "alone": dict(zip(self.coders, self.alignment.alone, strict=True)),
                "other_text": self.alignment.other_text,
                "rejected": {coder.name: len(coder.rejected) for coder in self.alignment.coders},
            },
            "values": _plain_intervals(self.values),
            "labels": {
                label.name: {
                    "carried": dict(zip(self.coders, label.carried, strict=True)),
                    "percent": _plain(label.percent),
                    "kappa": _plain(label.kappa),
                    "alpha": _plain(label.alpha),
                    "span_alpha": _plain(label.span_alpha),
                    "unitizing_alpha": none_if_nan(label.unitizing_alpha),
                }
                for label in self.labels
            },
            "pairs": [
                {
                    "first": pair.first,
                    "second": pair.second,
                    "sentences": pair.sentences,
                    "values": _plain_intervals(pair.values),
                    "kappa": {name: none_if_nan(value) for name, value in pair.kappa.items()},
                    "voice_kappa": none_if_nan(pair.voice_kappa),
                    "confusions": {name: [list(row) for row in table] for name, table in pair.confusions.items()},
                    "rivals": {
                        rival.contrast: {"labels": list(rival.labels), "table": [list(row) for row in rival.table]}
                        for rival in pair.rivals
                    },
                }
                for pair in self.pairs
            ],
            "disagreements": len(self.disagreements),
        }

    def write_disagreements(self, path: str | os.PathLike[str]) -> None:
        """Write what coders say differently, a line each: tab-separated, or JSONL by the ending.

        Columns are ``id, document, what, name``, one for each coder, and ``text``. Tabs and line ends become spaces.

        Raises:
            SettingError: the ending is another one.
            OutputError: the file cannot be written.
        """
        name = os.fspath(path)
        head = ["id", "document", "what", "name", *self.coders, "text"]
        rows = [[one.id, one.document, one.what, one.name, *one.said, one.text] for one in self.disagreements]
        if name.endswith(".jsonl"):
            written = [
                json.dumps(
                    {
                        "id": one.id,
                        "document": one.document,
                        "text": one.text,
                        "what": one.what,
                        "name": one.name,
                        "said": dict(zip(self.coders, one.said, strict=True)),
                    },
                    ensure_ascii=False,
                )
                for one in self.disagreements
            ]
        elif name.endswith(".tsv"):
            written = ["\t".join(" ".join(cell.split()) for cell in row) for row in (head, *rows)]
        else:
            raise SettingError(f"the output {name!r} has no known ending", expected=".tsv or .jsonl")
        write_whole(name, "".join(f"{line}\n" for line in written))


def agreement(
    codings: Sequence[Coding],
    *,
    codebook: Codebook,
    by: By | None = None,
    resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Agreement:
    """Compare what coders said of the same sentences.

    Args:
        codings: of two coders or more, as :func:`framing.evaluate.codings.read_codings` reads them.
        codebook: whose names all of them carry.
        by: match sentences by ``id`` or ``text``; see :func:`framing.evaluate.codings.align`.
        resamples, seed, level: of the intervals; see :func:`framing.evaluate.scoring.bootstrap`.

    Raises:
        InputError: no two coders have a sentence in common, or carry a label that the codebook lacks.
        SettingError: there are not two coders, or a number is out of range.
    """
    if resamples < 1 or not 0 < level < 1:
        raise SettingError(f"{resamples} resamples, level {level}", expected="at least 1, and a level between 0 and 1")
    panel = _Panel(align(codings, by), codebook)
    resample = _Resamples.of(panel.documents, resamples, seed, level)
    values = {name: resample.interval(measure) for name, measure in panel.overall().items()}
    alone = [panel.unitizing(mark) for mark in panel.marks]
    frames = alone[: len(codebook.labels)]
    if frames:
        pooled = Unitizing(sum(one.observed for one in frames), sum(one.expected for one in frames))
        values["unitizing_alpha"] = _without_interval(pooled.alpha)
    pairs = tuple(
        _pair(panel, i, j, resamples=resamples, seed=seed, level=level)
        for i, j in combinations(range(len(codings)), 2)
        if panel.judged[:, [i, j]].all(axis=1).any()
    )
    return Agreement(
        tuple(coding.name for coding in codings),
        len(panel.said),
        len(set(panel.documents)),
        values,
        tuple(_label_agreements(panel, resample, alone)),
        pairs,
        tuple(_disagreements(panel)),
        panel.alignment,
        codebook,
    )


class _Panel:
    """What was said of every sentence by everybody, as arrays.

    Attributes:
        judged: bool [units, coders].
        carries: bool [units, coders, marks]; false where the coder did not judge the sentence.
    """

    def __init__(self, alignment: Alignment, codebook: Codebook) -> None:
        self.alignment = alignment
        self.codebook = codebook
        self.marks = marks_of(codebook)
        self.documents = alignment.documents()
        self.said = [alignment.said(unit) for unit in range(len(alignment.units))]
        place = {name: k for k, name in enumerate(self.marks)}
        shape = (len(self.said), len(alignment.coders))
        self.judged = np.zeros(shape, dtype=bool)
        self.carries = np.zeros((*shape, len(self.marks)), dtype=bool)
        for unit, everybody in enumerate(self.said):
            for coder, one in enumerate(everybody):
                if one is not None:
                    self.judged[unit, coder] = True
                    self.carries[unit, coder, [place[name] for name in one.labels if name in place]] = True

    @property
    def frames(self) -> int:
        return len(self.codebook.labels)

    def label_sums(self) -> AlphaSums:
        """Of every label at every sentence: values [units, marks, 2]."""
        yes = self.carries.sum(axis=1)
        return AlphaSums.of_counts(np.stack([self.judged.sum(axis=1)[:, None] - yes, yes], axis=-1))

    def span_sums(self) -> AlphaSums:
        """Of every label at the code points of every sentence, added up: values [units, marks, 2]."""
        values = np.zeros((len(self.said), len(self.marks), 2))
        disagreement = np.zeros(values.shape[:2])
        place = {name: k for k, name in enumerate(self.marks)}
        for unit, everybody in enumerate(self.said):
            present = [one for one in everybody if one is not None]
            length = len(present[0].text)
            values[unit, :, 0] = length * len(present)
            for name in {span.label for one in present for span in one.spans}:
                covered = np.zeros((len(present), length), dtype=bool)
                for row, one in enumerate(present):
                    for span in one.spans:
                        if span.label == name:
                            covered[row, span.start : span.end] = True
                yes = covered.sum(axis=0)
                sums = AlphaSums.of_counts(np.stack([len(present) - yes, yes], axis=-1))
                k = place[name]
                values[unit, k] = sums.values.sum(axis=0)
                disagreement[unit, k] = sums.disagreement.sum()
        return AlphaSums(values, disagreement, 1 - np.eye(2))

    def unitizing(self, mark: str) -> Unitizing:
        """Of the sentences that everybody judged, laid end to end."""
        units: list[list[tuple[int, int]]] = [[] for _ in self.alignment.coders]
        offset = 0
        for everybody in self.said:
            if None in everybody:
                continue
            for coder, one in enumerate(everybody):
                if one is not None:
                    own = (span for span in one.spans if span.label == mark)
                    units[coder] += [(offset + span.start, offset + span.end) for span in own]
            offset += next(len(one.text) for one in everybody if one is not None)
        return unitizing(units, offset) if offset else Unitizing(0.0, 0.0)

    def codings_of(self, value: Callable[[CodedSentence], Any]) -> AlphaSums:
        """Sums of a nominal value of sentences; ``None`` is no judgement."""
        return AlphaSums.of_codings(self._each(value))

    def sets_of(self, value: Callable[[CodedSentence], Any]) -> AlphaSums:
        """Sums of a value that is a set, by MASI."""
        return AlphaSums.of_codings(self._each(value), masi_distance)

    def _each(self, value: Callable[[CodedSentence], Any]) -> list[list[Any]]:
        coders = range(len(self.alignment.coders))
        return [[None if (one := said[c]) is None else value(one) for said in self.said] for c in coders]

    def overall(self) -> dict[str, _Measure]:
        """The measures of :attr:`Agreement.values` that are made of sums."""
        book = self.codebook
        found: dict[str, _Measure] = {}
        if self.frames:
            frames = slice(0, self.frames)
            labels = frozenset(book.label_names)
            sets = self.sets_of(lambda one: one.labels & labels)
            found["same_labels"] = _Percent(sets)
            found["labels_masi_alpha"] = _Alpha(sets)
            found["labels_alpha"] = _Alpha(_part(self.label_sums(), frames), pooled=True)
            found["span_alpha"] = _Alpha(_part(self.span_sums(), frames), pooled=True)
        if book.hedge_kinds:
            found["hedged_alpha"] = _Alpha(self.codings_of(lambda one: one.hedged))
        if book.kinds:
            found[f"{KIND}_alpha"] = _Alpha(self.codings_of(lambda one: one.kind))
        for task in book.tasks_of("sentence"):
            answer = _answer_of(task.name, many=task.choose == "many")
            sums = self.sets_of(answer) if task.choose == "many" else self.codings_of(answer)
            found[f"{task.name}_alpha"] = _Alpha(sums)
        return found


def _answer_of(task: str, *, many: bool) -> Callable[[CodedSentence], Any]:
    def answer(one: CodedSentence) -> Any:
        given = one.answers.get(task)
        return given if given is None or not many else frozenset(filter(None, given.split("+")))

    return answer


def _part(sums: AlphaSums, marks: slice) -> AlphaSums:
    return replace(sums, values=sums.values[:, marks], disagreement=sums.disagreement[:, marks])


# --- measures that a bootstrap can weigh ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Alpha:
    sums: AlphaSums
    pooled: bool = False

    def by_group(self, place: Array, groups: int) -> _Alpha:
        return replace(self, sums=self.sums.by_group(place, groups))

    def at(self, weights: Array) -> Array:
        """Float64 [resamples, ...]."""
        return self.sums.weighted(weights).alpha(pooled=self.pooled)


@dataclass(frozen=True, slots=True, eq=False)
class _Percent:
    """The share of pairs of judgements that are the same.

    Attributes:
        sums: of single units.
    """

    sums: AlphaSums
    same: Array | None = None
    pairs: Array | None = None

    def by_group(self, place: Array, groups: int) -> _Percent:
        values = self.sums.values
        m = values.sum(axis=-1)
        same, pairs = np.zeros((2, groups, *m.shape[1:]))
        np.add.at(same, place, (values * (values - 1)).sum(axis=-1))
        np.add.at(pairs, place, m * (m - 1))
        return replace(self, same=same, pairs=pairs)

    def at(self, weights: Array) -> Array:
        assert self.same is not None and self.pairs is not None
        return _ratio(weights @ self.same, weights @ self.pairs)


@dataclass(frozen=True, slots=True, eq=False)
class _Kappa:
    """The mean of Cohen's kappa over pairs of coders.

    Attributes:
        tables: float64 [units, pairs, marks, 2, 2].
    """

    tables: Array

    def by_group(self, place: Array, groups: int) -> _Kappa:
        summed = np.zeros((groups, *self.tables.shape[1:]))
        np.add.at(summed, place, self.tables)
        return _Kappa(summed)

    def at(self, weights: Array) -> Array:
        flat = weights @ self.tables.reshape(len(self.tables), -1)
        found = kappas(flat.reshape(len(weights), *self.tables.shape[1:]))
        known = ~np.isnan(found)
        return _ratio(np.where(known, found, 0.0).sum(axis=1), known.sum(axis=1))


_Measure = _Alpha | _Percent | _Kappa


@dataclass(frozen=True, slots=True, eq=False)
class _Resamples:
    """Documents drawn with replacement.

    Attributes:
        place: int64 [units], the document of each.
        weights: float64 [1 + resamples, documents], how often each was drawn; the first row is the sample as it is.
        bounds: percentiles of the interval.
    """

    place: Array
    weights: Array
    bounds: tuple[float, float]

    @classmethod
    def of(cls, documents: Sequence[str], n: int, seed: int, level: float) -> _Resamples:
        names, place = np.unique(np.asarray(documents, dtype=object).astype(str), return_inverse=True)
        size = len(names)
        drawn = np.random.default_rng(seed).multinomial(size, np.full(size, 1 / size), size=n)
        weights = np.concatenate([np.ones((1, size)), drawn])
        return cls(place, weights, (50 * (1 - level), 50 * (1 + level)))

    def intervals(self, measure: _Measure) -> list[Interval]:
        """Of a measure of several labels: one each."""
        values = measure.by_group(self.place, self.weights.shape[1]).at(self.weights)
        found = []
        for column in values.reshape(len(values), -1).T:
            known = column[1:][~np.isnan(column[1:])]
            low, high = np.percentile(known, self.bounds) if len(known) else (np.nan, np.nan)
            found.append(Interval(float(column[0]), float(low), float(high)))
        return found

    def interval(self, measure: _Measure) -> Interval:
        """Of a measure of one number."""
        return self.intervals(measure)[0]


def _label_agreements(panel: _Panel, resample: _Resamples, unitized: Sequence[Unitizing]) -> Iterator[LabelAgreement]:
    sums = panel.label_sums()
    tables = []
    for i, j in combinations(range(panel.judged.shape[1]), 2):
        both = panel.judged[:, i] & panel.judged[:, j]
        first, second = panel.carries[:, i], panel.carries[:, j]
        cells = [[~first & ~second, ~first & second], [first & ~second, first & second]]
        tables.append(np.moveaxis(np.array(cells), (0, 1), (2, 3)) & both[:, None, None, None])
    kappa = _Kappa(np.stack(tables, axis=1).astype(np.float64))
    columns = (_Percent(sums), kappa, _Alpha(sums), _Alpha(panel.span_sums()))
    measured = [resample.intervals(measure) for measure in columns]
    carried = panel.carries.sum(axis=0)
    for k, name in enumerate(panel.marks):
        percent, kappa_, alpha, span_alpha = (measure[k] for measure in measured)
        yield LabelAgreement(name, tuple(carried[:, k].tolist()), percent, kappa_, alpha, span_alpha, unitized[k].alpha)


# --- pairs ------------------------------------------------------------------------------------------------------------


def _pair(panel: _Panel, i: int, j: int, **bootstrapping: Any) -> PairAgreement:
    """Score one coder against the other."""
    units = np.flatnonzero(panel.judged[:, [i, j]].all(axis=1)).tolist()
    coders = panel.alignment.coders
    # Markup holds no marks that overlap, and a model's may: the model is the one of which nothing is made into markup.
    swapped = coders[i].is_model and not coders[j].is_model
    gold, other = (j, i) if swapped else (i, j)
    right = [_present(panel.said[unit][gold]) for unit in units]
    said = [_present(panel.said[unit][other]) for unit in units]
    counts = count(
        [one.marked for one in right],
        [replace(two.prediction, probabilities={}) for two in said],
        codebook=panel.codebook,
        gold_kinds=[one.kind if two.kind else None for one, two in zip(right, said, strict=True)],
        gold_answers=[
            {task: value for task, value in one.answers.items() if task in two.answers}
            for one, two in zip(right, said, strict=True)
        ],
    )
    counts = _with_labels_without_words(counts, panel.carries[units][:, [gold, other]], right, said)
    documents = [panel.documents[unit] for unit in units]
    found = bootstrap(
        counts, documents, n=bootstrapping["resamples"], seed=bootstrapping["seed"], level=bootstrapping["level"]
    )
    wanted = [name for name in headlines(panel.codebook) if name not in _NOT_OF_MARKS]
    wanted += [f"{prefix}/{name}" for prefix in ("f1", "span_f1") for name in panel.marks]
    confusions = {name: table.sum(axis=0) for name, table in counts.choices.items()}
    if swapped:
        confusions = {name: np.concatenate([t[:, :-1].T, t[:, -1:]], axis=1) for name, t in confusions.items()}
    tp, fp, fn = counts.sentence.sum(axis=0).T
    tables = np.array([[len(units) - tp - fp - fn, fp], [fn, tp]]).transpose(2, 0, 1)
    voices = confusions.get(VOICE, np.zeros((1, 2)))[:, :-1]
    return PairAgreement(
        coders[i].name,
        coders[j].name,
        len(units),
        {name: found[name] for name in wanted},
        dict(zip(panel.marks, kappas(tables).tolist(), strict=True)),
        kappa_of_table(voices),
        {name: tuple(map(tuple, table[:, :-1].tolist())) for name, table in confusions.items()},
        tuple(
            confuse_rivals(
                contrast.name,
                contrast.labels,
                (
                    (
                        _rival_spans(_present(panel.said[u][i]), contrast.labels),
                        _rival_spans(_present(panel.said[u][j]), contrast.labels),
                    )
                    for u in units
                ),
            )
            for contrast in panel.codebook.contrasts
        ),
    )


def _present(one: CodedSentence | None) -> CodedSentence:
    assert one is not None
    return one


def _with_labels_without_words(
    counts: Counts, carries: Array, right: Sequence[CodedSentence], said: Sequence[CodedSentence]
) -> Counts:
    """The counts with what was said of sentences as a whole, which markup cannot hold; bool [units, 2, marks]."""
    gold, predicted = carries[:, 0], carries[:, 1]
    sentence = np.stack([gold & predicted, predicted & ~gold, gold & ~predicted], axis=-1).astype(np.int64)
    hedged = np.array(
        [
            [one.hedged and two.hedged, two.hedged and not one.hedged, one.hedged and not two.hedged]
            for one, two in zip(right, said, strict=True)
        ],
        dtype=np.int64,
    )
    return replace(counts, sentence=sentence, hedged=hedged)


def _rival_spans(one: CodedSentence, rivals: Sequence[str]) -> list[LabelledSpan]:
    """The marks of a sentence; a rival that no words carry is on all of them."""
    marked = {span.label for span in one.spans}
    bare = [name for name in rivals if name in one.labels and name not in marked]
    return [*one.spans, *(LabelledSpan(name, 0, len(one.text)) for name in bare)]


# --- disagreements ----------------------------------------------------------------------------------------------------


def _disagreements(panel: _Panel) -> Iterator[Disagreement]:
    asked = [task.name for task in panel.codebook.tasks_of("sentence")]
    for unit, everybody in enumerate(panel.said):
        present = [one for one in everybody if one is not None]
        id, document, text = present[0].id or "", panel.documents[unit], present[0].text

        def differing(what: str, name: str, said: Callable[[CodedSentence], str]) -> Disagreement:
            answers = tuple("" if one is None else said(one) for one in everybody)  # noqa: B023, called at once
            return Disagreement(id, document, text, what, name, answers)  # noqa: B023

        for name in panel.marks:
            said = partial(_marks_said, name=name)
            carrying = [name in one.labels for one in present]
            if any(carrying) and not all(carrying):
                yield differing("label", name, said)
            elif len({_words(one, name) for one in present}) > 1:
                yield differing("words", name, said)
            elif len({said(one) for one in present}) > 1:
                yield differing("voice", name, said)
        if len({one.kind for one in present if one.kind}) > 1:
            yield differing("kind", KIND, lambda one: one.kind or "")
        for task in asked:
            if len({one.answers[task] for one in present if task in one.answers}) > 1:
                yield differing("task", task, partial(_answer_said, task=task))


def _answer_said(one: CodedSentence, task: str) -> str:
    return one.answers.get(task, "")


def _words(one: CodedSentence, name: str) -> tuple[tuple[int, int], ...]:
    return tuple(sorted((span.start, span.end) for span in one.spans if span.label == name))


def _marks_said(one: CodedSentence, name: str) -> str:
    """The words that carry a label, with voice and answers."""
    if name not in one.labels:
        return _NOTHING
    spans = sorted((span for span in one.spans if span.label == name), key=lambda span: (span.start, span.end))
    said = []
    for span in spans:
        beside = [*([span.voice] if span.voice else []), *(f"{task}={value}" for task, value in span.answers.items())]
        said.append(f"‹{one.text[span.start : span.end]}›" + (f" {' '.join(beside)}" if beside else ""))
    return ", ".join(said) or "the sentence"


def _without_interval(value: float) -> Interval:
    return Interval(value, float("nan"), float("nan"))


def _plain(interval: Interval) -> dict[str, float | None]:
    return {name: none_if_nan(getattr(interval, name)) for name in ("value", "low", "high")}


def _plain_intervals(intervals: Mapping[str, Interval]) -> dict[str, dict[str, float | None]]:
    return {name: _plain(interval) for name, interval in intervals.items()}


def _ratio(numerator: Array, denominator: Array) -> Array:
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    return np.divide(numerator, denominator, out=np.full(shape, np.nan), where=np.asarray(denominator) != 0)
