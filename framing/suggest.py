"""What is most worth labelling next, and which labels of a file are likely wrong.

**Sentences to label.** Of all sentences that a model has labelled, those come first of whose labels it is unsure
(margin or entropy; Settles 2009), where a rare label counts more; of the most unsure ones, a diverse set is taken:
greedy k-center (Sener and Savarese 2018) or k-means++ (Arthur and Vassilvitskii 2007) over TF-IDF, weighed by
uncertainty.

**Thresholds.** A label is most uncertain at its threshold, which need not be 0.5. Records do not hold thresholds, but
they say which labels were given, so that each threshold lies between the lowest probability with the label and the
highest below it without. A probability p is put on a scale on which the threshold t is at 1/2: p / 2t below it,
1 - (1 - p) / 2(1 - t) above.

**Likely errors.** Confident learning (Northcutt, Jiang and Chuang 2021), for each label by itself: a label counts as an
error where the model holds the other answer for likelier, and gives it at least the mean probability that it has where
people gave it. A model that was trained on the file has seen the answers: use records of cross-validation, or of
another model.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from framing.codebook import HEDGE, KIND, SOURCE, Codebook
from framing.compare.annotation import Sample
from framing.compare.gold import sample_file
from framing.compare.labelling import hold_records, label_documents
from framing.convert import Options, Passage
from framing.convert.formats import format_named, format_of_output
from framing.convert.formats.markup import Markup
from framing.convert.formats.records import passage_of
from framing.convert.names import Names
from framing.convert.notes import Notes
from framing.errors import InputError, OutputError, SettingError
from framing.evaluate.gold import GoldSet
from framing.files import write_whole
from framing.labeler import Labeler, load
from framing.markup import MarkedRow, read_rows
from framing.reading import Columns
from framing.records import read_labels
from framing.types import OUTLET_KINDS, SentenceLabels

Array = npt.NDArray[Any]
#: How unsure a model is of a sentence.
By = Literal["margin", "entropy"]
#: How a diverse set is taken.
Diversity = Literal["kcenter", "kmeans", "none"]

#: What a line of tab-separated text cannot hold; each becomes a space, so that offsets stay.
_BREAKS = re.compile(r"[\t\n\r]")
#: Rarity changes the weight of a label at most so many times.
_LARGEST_WEIGHT = 4.0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A sentence that is worth labelling.

    Attributes:
        labels: what the model says of it.
        uncertainty: of the model, in [0, 1] by margin; in bits by entropy, summed over what can be said.
        because: what it is most unsure of: a key of ``probabilities``, or a task.
    """

    labels: SentenceLabels
    uncertainty: float
    because: str


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Sentences that are worth labelling, the first first.

    Attributes:
        sentences: in the order in which they were taken.
        thresholds: name -> the threshold that the labels go by.
        seen: sentences that could have been taken.
        passed_over: sentences that are labelled already, repeat another, or are no words of the outlet.
        codebook: by which was labelled, where it is known.
    """

    sentences: tuple[Suggestion, ...]
    thresholds: Mapping[str, float]
    seen: int
    passed_over: int
    codebook: Codebook | None = field(default=None, repr=False)

    def write(self, path: str | os.PathLike[str], *, to_format: str | None = None, prefilled: bool = True) -> None:
        """Write them for annotation, in a format of :mod:`framing.convert`.

        Args:
            path: a new file.
            to_format: a name of :data:`framing.convert.FORMATS`; by the ending when ``None``.
            prefilled: with the marks of the model, to be corrected; without any if false. The kind stays.

        Raises:
            OutputError: there is such a file already, or it cannot be written.
            SettingError: the format is unknown, or is not written.
        """
        passages = (passage_of(one.labels, self.codebook) for one in self.sentences)
        write_passages(passages, path, self.codebook, to_format=to_format, prefilled=prefilled)


def write_passages(
    passages: Iterable[Passage],
    path: str | os.PathLike[str],
    codebook: Codebook | None,
    *,
    to_format: str | None = None,
    prefilled: bool = True,
) -> None:
    """Write passages to a file that is not there yet; arguments and errors as of :meth:`Suggestions.write`."""
    if Path(path).exists():
        raise OutputError(
            f"{path} is there already",
            expected="a new file",
            hint="annotations may be in it: choose another name",
        )
    writing = format_named(to_format) if to_format else format_of_output(os.fspath(path))
    ready = (_for_markup(passage) if writing.name == "markup" else passage for passage in passages)
    if not prefilled:
        ready = (_blank(passage) for passage in ready)
    writing(Options(), Names(codebook), Notes()).write(ready, os.fspath(path))


def write_documents(
    sample: Sample, path: str | os.PathLike[str], *, to_format: str | None = None, prefilled: bool = True
) -> Path:
    """Write a sample of whole documents for annotation, and beside it with which probability each was drawn.

    Args:
        sample: as :func:`framing.compare.annotation.draw_sample` draws it.
        path, to_format, prefilled: as of :meth:`Suggestions.write`.

    Returns:
        The file of probabilities, which ``compare(gold=...)`` needs beside the annotated sentences.

    Raises:
        OutputError: there is such a file already, or it cannot be written.
        SettingError: the format is unknown, or is not written.
    """
    writing = format_named(to_format) if to_format else format_of_output(os.fspath(path))
    if writing is Markup:
        return sample.write(path, prefilled=prefilled)
    beside = sample_file(path)
    if beside.exists():
        raise OutputError(
            f"{beside} is there already",
            expected="a new file",
            hint="it belongs to annotations: choose another name",
        )
    # Marks of the model are its guesses, not annotations, wherever a format tells the two apart.
    rows = sample.rows(prefilled=prefilled)
    passages = (replace(Passage.of_row(row), predicted=prefilled) for row in rows)
    write_passages(passages, path, sample.corpus.codebook, to_format=to_format)
    write_whole(beside, json.dumps(sample.to_dict(), ensure_ascii=False, indent=1) + "\n")
    return beside


def suggest(
    inputs: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    n: int = 100,
    *,
    by: By = "margin",
    diversity: Diversity = "kcenter",
    rare: float = 0.5,
    pool: int = 10,
    labelled: Sequence[str | os.PathLike[str]] = (),
    all_kinds: bool = False,
    seed: int = 0,
    codebook: Codebook | None = None,
    model: str | os.PathLike[str] | None = None,
    labeler: Labeler | None = None,
    input_columns: Columns | None = None,
) -> Suggestions:
    """Choose sentences that are worth labelling.

    Args:
        inputs: records of ``framing label`` or ``framing batch``, or documents, which are labelled first.
        n: how many; fewer where there are fewer.
        by: ``margin`` takes the one label that the model is least sure of; ``entropy`` adds up all.
        diversity: ``kcenter``, ``kmeans`` (k-means++), or ``none``: the most uncertain ones, alike or not.
        rare: how much more a rare label counts, in [0, 1]; with 0 all count the same.
        pool: of how many times ``n`` of the most uncertain sentences a diverse set is taken.
        labelled: files of marked sentences; their texts are not suggested again, and k-center keeps away from them.
        all_kinds: comments and debris too.
        seed: of k-means++.
        codebook: by which was labelled; that of Parquet records is in the file.
        model, labeler: what labels documents; the shipped model if neither is given.
        input_columns: of documents.

    Raises:
        SettingError: a number or a name is out of range.
        InputError: there is nothing to choose from, or a file cannot be read.
    """
    if n < 1 or pool < 1 or not 0 <= rare <= 1:
        raise SettingError(f"{n} sentences, pool {pool}, rare {rare}", expected="at least 1, 1, and rare in [0, 1]")
    if by not in ("margin", "entropy") or diversity not in ("kcenter", "kmeans", "none"):
        raise SettingError(f"{by}, {diversity}", expected="margin or entropy; kcenter, kmeans or none")
    names = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    done = [row.sentence.text for path in labelled for row in read_rows(Path(path), codebook)]
    with ExitStack() as stack:
        if not hold_records(names):
            own = labeler or stack.enter_context(load(*([] if model is None else [model]), codebook=codebook))
            target = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="framing-"))) / "labels.parquet"
            label_documents(names, target, own, columns=input_columns)
            names, codebook = [target], own.codebook
        seen = _Seen.of(_sentences(names, codebook), {*done}, codebook, all_kinds=all_kinds)
        if not seen.places:
            raise InputError("there is no sentence to suggest", expected="labelled sentences that are not marked yet")
        found = rank(seen.probabilities, seen.given, seen.choices(), by=by, rare=rare)
        order = found.order[: n if diversity == "none" else n * pool]
        candidates = seen.read_again(_sentences(names, codebook), order)
        taken = diverse([one.text for one in candidates], found.score[order], n, diversity, done, seed)
    said = seen.units()
    sentences = tuple(
        Suggestion(candidates[i], float(found.uncertainty[order[i]]), said[int(found.because[order[i]])]) for i in taken
    )
    thresholds = dict(zip(seen.names, found.thresholds, strict=True))
    return Suggestions(sentences, thresholds, len(seen.places), seen.passed_over, codebook or seen.codebook)


# --- reading ----------------------------------------------------------------------------------------------------------


def _sentences(
    names: Sequence[str | os.PathLike[str]], codebook: Codebook | None
) -> Iterator[tuple[SentenceLabels, Codebook | None]]:
    for name in names:
        for document in read_labels(name, codebook=codebook):
            for sentence in document:
                yield sentence, document.codebook


@dataclass(slots=True, eq=False)
class _Seen:
    """All sentences that could be suggested.

    Attributes:
        names: keys of ``probabilities``.
        probabilities: float32 [sentences, names].
        given: bool [sentences, names], the label was given.
        places: of each, its number among all sentences of the input.
        one_of: choose-one task -> its columns.
    """

    names: tuple[str, ...]
    probabilities: Array
    given: Array
    places: list[int]
    one_of: dict[str, list[int]]
    passed_over: int
    codebook: Codebook | None

    @classmethod
    def of(
        cls,
        sentences: Iterable[tuple[SentenceLabels, Codebook | None]],
        done: Collection[str],
        codebook: Codebook | None,
        *,
        all_kinds: bool,
    ) -> _Seen:
        names: tuple[str, ...] = ()
        rows: list[Array] = []
        given: list[Array] = []
        places: list[int] = []
        met: set[str] = set(done)
        one_of: dict[str, list[int]] = {}
        count = 0
        for count, (sentence, known) in enumerate(sentences, 1):
            codebook = codebook or known
            kinds = codebook.outlet_kinds if codebook and codebook.kinds else OUTLET_KINDS
            if sentence.text in met or not sentence.text.strip() or not (all_kinds or sentence.kind in kinds):
                continue
            met.add(sentence.text)
            if not names:
                names = tuple(sentence.probabilities)
            for task, answer in sentence.tasks.items():
                if isinstance(answer, str) and task not in one_of:
                    one_of[task] = [k for k, name in enumerate(names) if name.startswith(f"{task}.")]
            carried = _given(sentence)
            rows.append(np.array([sentence.probabilities.get(name, 0.0) for name in names], dtype=np.float32))
            given.append(np.array([name in carried for name in names], dtype=bool))
            places.append(count - 1)
        shape = (len(rows), len(names))
        return cls(
            names,
            np.array(rows, dtype=np.float32).reshape(shape),
            np.array(given, dtype=bool).reshape(shape),
            places,
            one_of,
            count - len(places),
            codebook,
        )

    def choices(self) -> list[list[int]]:
        """Columns of every choose-one task."""
        return list(self.one_of.values())

    def units(self) -> list[str]:
        """What the columns of :func:`uncertainties` are of."""
        chosen = {k for columns in self.one_of.values() for k in columns}
        return [*(name for k, name in enumerate(self.names) if k not in chosen), *self.one_of]

    def read_again(
        self, sentences: Iterable[tuple[SentenceLabels, Codebook | None]], wanted: Array
    ) -> list[SentenceLabels]:
        """The sentences themselves of some rows, in their order."""
        rank = {self.places[row]: number for number, row in enumerate(wanted.tolist())}
        found: dict[int, SentenceLabels] = {}
        for count, (sentence, _) in enumerate(sentences):
            if count in rank:
                found[rank[count]] = sentence
        return [found[number] for number in range(len(rank))]


def _given(sentence: SentenceLabels) -> set[str]:
    """The keys of ``probabilities`` of what a sentence was given."""
    given = {*sentence.frames, *(f"{HEDGE}.{hedge.kind}" for hedge in sentence.hedges)}
    given |= {SOURCE} if sentence.sources else set()
    for task, answer in sentence.tasks.items():
        if isinstance(answer, str):
            given.add(f"{task}.{answer}")
        elif isinstance(answer, tuple):
            given |= {f"{task}.{words.value}" for words in answer}
        else:
            given |= {f"{task}.{value}" for value in answer}
    return given


# --- uncertainty ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Sentences by how much is to be learned from them; all of them, in their own order but for ``order``.

    Attributes:
        thresholds: of each label, as :func:`threshold_of` finds it.
        order: int64 [n], the most uncertain first.
        score: float64 [n], the uncertainty by which they are ordered: a rare label counts more.
        uncertainty: float64 [n], as :class:`Suggestion` tells it.
        because: int64 [n], the column of :func:`uncertainties` that counts most.
    """

    thresholds: tuple[float, ...]
    order: Array
    score: Array
    uncertainty: Array
    because: Array


def rank(
    probabilities: Array,
    given: Array,
    choices: Sequence[Sequence[int]] = (),
    *,
    by: By = "margin",
    rare: float = 0.5,
) -> Ranking:
    """Order sentences by how unsure a model is of them.

    Args:
        probabilities: float [n, K].
        given: bool [n, K], the model gave the label.
        choices: columns that are the values of one choice.
        by, rare: as of :func:`suggest`.
    """
    thresholds = tuple(threshold_of(p, g) for p, g in zip(probabilities.T, given.T, strict=True))
    unsure = uncertainties(probabilities, thresholds, choices, by=by)
    chosen = {k for columns in choices for k in columns}
    counts = np.asarray(probabilities.sum(axis=0, dtype=np.float64))
    single = [counts[k] for k in range(len(counts)) if k not in chosen]
    # Every sentence has an answer to a choice.
    weighed = unsure * rarity_weights(np.array([*single, *[float(len(probabilities))] * len(choices)]), rare)
    score = weighed.max(axis=1) if by == "margin" else weighed.sum(axis=1)
    whole = unsure.max(axis=1) if by == "margin" else unsure.sum(axis=1)
    return Ranking(thresholds, np.argsort(-score, kind="stable"), score, whole, weighed.argmax(axis=1))


def threshold_of(probabilities: Array, given: Array) -> float:
    """The threshold of a label, as those who got it show it, in (0, 1).

    Args:
        probabilities: float [n].
        given: bool [n].

    Returns:
        Half way between the lowest probability with the label and the highest below it without; 0.5 where the label
        was never given.
    """
    if not given.any():
        return 0.5
    low = float(probabilities[given].min())
    below = probabilities[~given & (probabilities < low)]
    return float(np.clip((low + float(below.max() if len(below) else low)) / 2, 1e-3, 1 - 1e-3))


def uncertainties(
    probabilities: Array, thresholds: Sequence[float], choices: Sequence[Sequence[int]] = (), *, by: By = "margin"
) -> Array:
    """How unsure a model is of each label and choice.

    Args:
        probabilities: float [n, K].
        thresholds: of the ``K`` labels.
        choices: columns that are the values of one choice.
        by: ``margin``: of a label 1 at its threshold, 0 at probabilities 0 and 1; of a choice one minus the difference
            of the two likeliest values. ``entropy``: in bits.

    Returns:
        float64 [n, labels + choices]: labels that are in no choice in their order, then the choices.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    t = np.asarray(thresholds, dtype=np.float64)
    chosen = {k for columns in choices for k in columns}
    single = [k for k in range(p.shape[1]) if k not in chosen]
    half = np.where(p <= t, p / (2 * t), 1 - (1 - p) / (2 * (1 - t)))[:, single] if single else np.empty((len(p), 0))
    if by == "margin":
        found = [1 - np.abs(2 * half - 1)]
        for columns in choices:
            best = np.sort(p[:, list(columns)], axis=1)[:, -2:]
            found.append(1 - (best[:, -1:] - best[:, :1]))
        return np.concatenate(found, axis=1)
    found = [_bits(half) + _bits(1 - half)]
    found += [_bits(p[:, list(columns)]).sum(axis=1, keepdims=True) for columns in choices]
    return np.concatenate(found, axis=1)


def _bits(p: Array) -> Array:
    return -p * np.log2(np.where(p > 0, p, 1.0))


def rarity_weights(expected: Array, rare: float) -> Array:
    """Weights by which rare labels count more.

    Args:
        expected: float64 [K], how many sentences carry each label.
        rare: the power of how much rarer than the middle one it is; 0 for all the same.

    Returns:
        float64 [K], in [1/4, 4]; 1 for a label of middle frequency.
    """
    counts = np.asarray(expected, dtype=np.float64) + 1
    return np.clip((np.median(counts) / counts) ** rare, 1 / _LARGEST_WEIGHT, _LARGEST_WEIGHT)


# --- diversity --------------------------------------------------------------------------------------------------------


def diverse(
    texts: Sequence[str],
    score: Array,
    n: int,
    diversity: Diversity = "kcenter",
    done: Sequence[str] = (),
    seed: int = 0,
) -> list[int]:
    """Take a diverse set of texts, by TF-IDF.

    Args:
        texts: the most uncertain first.
        score: float64 [texts], how uncertain.
        n: how many to take.
        diversity, seed: as of :func:`suggest`.
        done: texts from which k-center keeps away.

    Returns:
        Numbers of texts.
    """
    if diversity == "none" or len(texts) <= n:
        return list(range(min(n, len(texts))))
    from sklearn.feature_extraction.text import TfidfVectorizer

    try:
        vectors = TfidfVectorizer(sublinear_tf=True).fit(texts)
    except ValueError:  # no words at all
        return list(range(n))
    points = vectors.transform(texts)
    if diversity == "kcenter":
        return k_center(points, n, weights=score, centers=vectors.transform(done) if done else None)
    from sklearn.cluster import kmeans_plusplus

    weights = np.maximum(score, 1e-12)
    chosen = kmeans_plusplus(points, n, sample_weight=weights, random_state=seed)[1]
    return sorted(dict.fromkeys(chosen.tolist()))


def k_center(points: Any, n: int, *, weights: Array | None = None, centers: Any = None) -> list[int]:
    """Greedy k-center: again and again the point farthest from what was taken, by its weighed cosine distance.

    Args:
        points: rows of length 1 (or 0), sparse or dense, float64 [points, features].
        n: how many to take.
        weights: float64 [points], times which a distance counts; all the same when ``None``.
        centers: rows that count as taken before.

    Returns:
        Numbers of points in the order in which they were taken; the first is the one of the greatest weight, or
        farthest from the centers. Of equals, the earlier one.
    """
    total = points.shape[0]
    weight = np.ones(total) if weights is None else np.asarray(weights, dtype=np.float64)
    nearest = np.ones(total)  # the cosine distance of texts that share no word
    if centers is not None:
        for number in range(centers.shape[0]):
            nearest = np.minimum(nearest, _cosine_distance(points, centers, number))
    taken: list[int] = []
    free = np.ones(total, dtype=bool)
    for _ in range(min(n, total)):
        number = int(np.where(free, nearest * weight, -np.inf).argmax())
        taken.append(number)
        free[number] = False
        nearest = np.minimum(nearest, _cosine_distance(points, points, number))
    return taken


def _cosine_distance(points: Any, others: Any, number: int) -> Array:
    row = others[number : number + 1]
    product = points @ row.T
    flat = product.toarray() if hasattr(product, "toarray") else product
    return np.maximum(0.0, 1 - np.asarray(flat).ravel())


# --- passages for annotation ------------------------------------------------------------------------------------------


def _for_markup(passage: Passage) -> Passage:
    """On one line, with marks that do not overlap: of two that do, the one that the model is surer of."""
    kept: list[Any] = []
    for span in sorted(passage.spans, key=lambda span: (-(span.score or 0.0), span.start, span.end)):
        if not any(
            span.start < other.end and other.start < span.end and (span.start, span.end) != (other.start, other.end)
            for other in kept
        ):
            kept.append(span)
    outlet = passage.outlet or "-"
    return replace(passage, text=_BREAKS.sub(" ", passage.text), spans=tuple(kept), outlet=outlet)


def _blank(passage: Passage) -> Passage:
    kind = tuple(replace(label, score=None) for label in passage.labels if label.name.startswith(f"{KIND}="))
    return replace(passage, spans=(), labels=kind, predicted=False)


# --- likely errors ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LikelyError:
    """A label of an annotated sentence that is likely wrong.

    Attributes:
        row: the sentence.
        name: of the label: an output, or ``<task>.<value>``.
        given: people gave it.
        probability: that the model gives it.
        confidence: how much likelier the other answer is than the one that was given: 2q - 1, in (-1, 1], where q is
            the probability of the other answer. Errors are sorted by it.
    """

    row: MarkedRow
    name: str
    given: bool
    probability: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Check:
    """Which labels of a file are likely wrong.

    Attributes:
        errors: the likeliest first.
        sentences: that were checked.
        unmatched: sentences of the file of which the records say nothing.
        codebook: of the file.
    """

    errors: tuple[LikelyError, ...]
    sentences: int
    unmatched: int
    codebook: Codebook = field(repr=False)

    def write(self, path: str | os.PathLike[str], *, to_format: str | None = None) -> None:
        """Write the sentences with their marks as they are, the most doubtful first, each once.

        Raises:
            InputError: no label is likely wrong.
            OutputError: there is such a file already, or it cannot be written.
            SettingError: the format is unknown, or is not written.
        """
        rows = list({id(error.row): error.row for error in self.errors}.values())
        if not rows:
            raise InputError("no label is likely wrong", expected="at least one, to write a file of them")
        write_passages(map(Passage.of_row, rows), path, self.codebook, to_format=to_format)


def check(
    gold: str | os.PathLike[str],
    records: Sequence[str | os.PathLike[str]] = (),
    *,
    model: str | os.PathLike[str] | None = None,
    labeler: Labeler | None = None,
    codebook: Codebook | None = None,
) -> Check:
    """Find labels of an annotated file that are likely wrong.

    Args:
        gold: marked sentences.
        records: what a model says of the same sentences, matched by their text; without them, the model labels them.
        model, labeler: what labels them; the shipped model if neither is given.
        codebook: of the file; that of the model if ``None``.

    Raises:
        InputError: the records have none of the sentences, or a file cannot be read.
    """
    with ExitStack() as stack:
        if records:
            said = [(sentence, book) for sentence, book in _sentences(records, codebook)]
            codebook = codebook or next((book for _, book in said if book), None) or Codebook.default()
            by_text = {sentence.text: sentence for sentence, _ in said}
            rows = list(read_rows(Path(gold), codebook))
            pairs = [(row, by_text[row.sentence.text]) for row in rows if row.sentence.text in by_text]
        else:
            own = labeler or stack.enter_context(load(*([] if model is None else [model]), codebook=codebook))
            codebook = own.codebook
            rows = list(read_rows(Path(gold), codebook))
            predicted = GoldSet.read(Path(gold), codebook).predict(own.sentences)
            pairs = list(zip(rows, predicted, strict=True))
    if not pairs:
        raise InputError(
            f"the records have none of the {len(rows)} sentences of {os.fspath(gold)}",
            expected="labels of the same sentences, with equal texts",
        )
    names = codebook.probability_names
    asked = {task.name for task in codebook.tasks_of("sentence")}
    probabilities = np.array([[labels.probabilities.get(name, np.nan) for name in names] for _, labels in pairs])
    truth = np.array([[_carries(row, name, asked) for name in names] for row, _ in pairs], dtype=np.float64)
    errors = []
    for k, name in enumerate(names):
        known = np.flatnonzero(~np.isnan(probabilities[:, k]) & ~np.isnan(truth[:, k]))
        p, given = probabilities[known, k], truth[known, k] == 1
        for i in np.flatnonzero(confident_errors(p, given)).tolist():
            other = 1 - p[i] if given[i] else p[i]
            errors.append(LikelyError(pairs[known[i]][0], name, bool(given[i]), float(p[i]), float(2 * other - 1)))
    errors.sort(key=lambda error: -error.confidence)
    return Check(tuple(errors), len(pairs), len(rows) - len(pairs), codebook)


def confident_errors(probabilities: Array, given: Array) -> Array:
    """Which answers are off the diagonal of the confident joint (Northcutt et al. 2021, eq. 1): bool [n].

    Args:
        probabilities: float64 [n], of yes.
        given: bool [n], the answer was yes.

    Returns:
        Where the other answer has at least the mean probability that it has where it was given, and is the likelier
        one. None where everybody gave one answer.
    """
    if given.all() or not given.any():
        return np.zeros(len(given), dtype=bool)
    other = np.where(given, 1 - probabilities, probabilities)
    mean_of_other = np.where(given, (1 - probabilities[~given]).mean(), probabilities[given].mean())
    return (other >= mean_of_other - 1e-12) & (other > 1 - other)


def _carries(row: MarkedRow, name: str, asked: Collection[str]) -> float:
    """1 or 0; nan where nobody was asked."""
    task, _, value = name.partition(".")
    if task in asked:
        answer = row.answers.get(task)
        return float("nan") if answer is None else float(value in answer.split("+"))
    return float(any(tag.output == name for span in row.sentence.spans for tag in span.tags))
