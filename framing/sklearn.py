"""framing among scikit-learn's estimators: a classifier that is fine-tuned, and a transformer of texts to features.

::

    from framing.sklearn import FramingClassifier, FramingFeatures
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    classifier = FramingClassifier().fit(sentences, [{"threat"}, {"solidarity", "threat"}, set(), …])
    stance = make_pipeline(FramingFeatures(), LogisticRegression()).fit(sentences, stances)

Both take a sequence of texts (a list, an array, a column of pandas, polars or Arrow), not a matrix. They can be cloned,
pickled, searched over, and put into pipelines. Importing this module loads neither torch nor transformers; ``fit`` of
the classifier does.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from numbers import Real
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, Literal, Self
from weakref import finalize

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GroupShuffleSplit
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from framing.codebook import HEDGE, SOURCE, Codebook
from framing.errors import CodebookError, EstimatorInputError, SettingError, did_you_mean
from framing.labeler import Labeler, load
from framing.model.checkpoint import CODEBOOK, SUMS, read_sums
from framing.model.names import SHIPPED
from framing.types import SentenceLabels

#: What ``settings`` cannot hold: the estimator sets these itself.
_OWN_SETTINGS = frozenset(("train", "validation", "validation_share", "codebook", "base", "output_dir", "seed"))


@dataclass(slots=True)
class _Opened:
    """What a fitted classifier labels with, once it has opened it.

    It is held apart because predicting must not change the attributes of an estimator.
    """

    labeler: Labeler | None = None


class FramingClassifier(ClassifierMixin, BaseEstimator):
    """A multi-label classifier of sentences: ``fit`` fine-tunes an encoder as :func:`framing.train` does.

    It learns from labels of whole sentences; :attr:`labeler` shows which words carry them. Words that are marked by
    hand teach more from fewer sentences; for these use :func:`framing.train`.

    What is fitted is held in memory (about 45 MB for the default base) and travels in a pickle; :meth:`save` writes it
    as a checkpoint folder.

    Args:
        base: what to start from: a name of :data:`framing.model.names.MODELS`, a folder or a hub id.
        codebook: an object, a name or a file. Its labels are the classes, in their order, and what ``base`` knows of
            voices and hedges stays. When ``None``, the classes are those of ``y``, and there are no voices and hedges.
        recipe: a file of settings for :func:`framing.train`.
        num_train_epochs, learning_rate, head_learning_rate, per_device_train_batch_size: settings of
            ``framing-train``, where one wants to search over them; when ``None``, the recipe's, or the defaults.
        validation_share: in (0, 1): share of the groups that thresholds are fitted on, and by which the best epoch is
            chosen.
        random_state: seed of the run and of the draw of the validation part; an int, a ``RandomState``, or ``None`` for
            another one in each fit.
        settings: further settings of ``framing-train``, by name; over all others.
        engine, threads: of predictions, as of :func:`framing.load`.
        device: ``"cpu"`` for training and predictions on a CPU; anything else is the device of predictions, as of
            :func:`framing.load`, and training takes a GPU where there is one.

    Attributes:
        classes_: [classes], what the columns of predictions stand for: those of ``y``, or the labels of the codebook.
        codebook_: by which is labelled. Where all classes are names that a codebook can have, they are its labels;
            otherwise its labels are ``class_0``, ``class_1``, …, and their definitions name the classes.
        metrics_: of the validation part, name -> value.
        files_: the files of the checkpoint folder, name -> content.
    """

    def __init__(
        self,
        base: str | os.PathLike[str] = SHIPPED,
        *,
        codebook: Codebook | str | os.PathLike[str] | None = None,
        recipe: str | os.PathLike[str] | None = None,
        num_train_epochs: float | None = None,
        learning_rate: float | None = None,
        head_learning_rate: float | None = None,
        per_device_train_batch_size: int | None = None,
        validation_share: float = 0.1,
        random_state: int | np.random.RandomState | None = 13,
        settings: Mapping[str, Any] | None = None,
        engine: str = "auto",
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.base = base
        self.codebook = codebook
        self.recipe = recipe
        self.num_train_epochs = num_train_epochs
        self.learning_rate = learning_rate
        self.head_learning_rate = head_learning_rate
        self.per_device_train_batch_size = per_device_train_batch_size
        self.validation_share = validation_share
        self.random_state = random_state
        self.settings = settings
        self.engine = engine
        self.device = device
        self.threads = threads

    def fit(self, X: Iterable[str], y: Any, groups: Iterable[Any] | None = None) -> Self:  # noqa: N803
        """Fine-tune the base.

        Args:
            X: [sentences] texts; none may be blank.
            y: either an indicator matrix [sentences, classes] of 0 and 1 (an array, a sparse matrix, or a data frame,
                whose columns then name the classes), or one collection of labels for each sentence.
            groups: of each sentence, what it must not be parted from when the validation part is drawn (a document, an
                event). When ``None``, only equal sentences stay together.

        Returns:
            Itself.

        Raises:
            EstimatorInputError: a text is blank or no string, ``y`` is of neither form or speaks of unknown labels,
                lengths differ, or there are fewer than two groups.
            FramingError: base, codebook or a setting cannot be used.
        """
        from framing.train.front import train  # loads torch

        texts = _texts(X)
        _check_not_blank(texts)
        if y is None:
            raise EstimatorInputError(
                "FramingClassifier requires y to be passed, but the target y is None",
                expected="labels of each sentence",
            )
        given = None if self.codebook is None else _codebook(self.codebook)
        targets = _targets(y, None if given is None else given.label_names)
        _check_length("y", len(targets.indicator), texts)
        codebook = _codebook_of(targets.classes) if given is None else given
        names = list(codebook.label_names)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        belonging = texts if groups is None else [str(group) for group in groups]
        _check_length("groups", len(belonging), texts)
        parts = zip(("train", "validation"), self._split(belonging, seed), strict=True)
        with TemporaryDirectory(prefix="framing-") as folder:
            place = Path(folder)
            for part, rows in parts:
                _write_table(place / f"{part}.jsonl", rows, texts, targets.indicator, names, belonging)
            (place / CODEBOOK).write_text(codebook.to_yaml(), encoding="utf-8")
            run = train(
                self.recipe,
                **self._settings(),
                base=self.base,
                codebook=place / CODEBOOK,
                train=place / "train.jsonl",
                validation=place / "validation.jsonl",
                output_dir=place / "model",
                seed=seed,
            )
            self.files_ = {name: (run.folder / name).read_bytes() for name in (*read_sums(run.folder), SUMS)}
        self.classes_ = np.array(targets.classes)
        self.codebook_ = codebook
        self.metrics_ = dict(run.metrics)
        self._opened = _Opened()
        return self

    def predict(self, X: Iterable[str]) -> np.ndarray:  # noqa: N803
        """Which classes each sentence has: those over their threshold, which is fitted on the validation part.

        Args:
            X: [sentences] texts.

        Returns:
            int64 [sentences, classes], 1 where a sentence has a class.

        Raises:
            NotFittedError: ``fit`` was not called.
            EstimatorInputError: an item is no string.
        """
        labels = self.labeler(_texts(X))
        names = self.codebook_.label_names
        return np.array([[name in s.frames for name in names] for s in labels], np.int64).reshape(-1, len(names))

    def predict_proba(self, X: Iterable[str]) -> np.ndarray:  # noqa: N803
        """How probable each class is, each for itself: rows do not sum to 1.

        Args:
            X: [sentences] texts.

        Returns:
            float64 [sentences, classes], calibrated, in [0, 1]; 0 for a blank sentence.

        Raises:
            NotFittedError: ``fit`` was not called.
            EstimatorInputError: an item is no string.
        """
        labels = self.labeler(_texts(X))
        names = self.codebook_.label_names
        return np.array([[s.probabilities[name] for name in names] for s in labels], float).reshape(-1, len(names))

    def score(self, X: Iterable[str], y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """The share of sentences of which every class is predicted right (subset accuracy, scikit-learn's default).

        Args:
            X: [sentences] texts.
            y: as of :meth:`fit`.
            sample_weight: [sentences].

        Raises:
            NotFittedError: ``fit`` was not called.
            EstimatorInputError: an item is no string, or ``y`` speaks of labels that ``fit`` has not seen.
        """
        check_is_fitted(self)
        truth = _targets(y, self.classes_.tolist()).indicator.astype(np.int64)
        return float(accuracy_score(truth, self.predict(X), sample_weight=sample_weight))

    @property
    def labeler(self) -> Labeler:
        """What labels, with spans and probabilities; see :class:`framing.Labeler`."""
        check_is_fitted(self)
        if self._opened.labeler is None:
            folder = mkdtemp(prefix="framing-")
            self.save(folder)
            labeler = load(folder, engine=self.engine, device=self.device, threads=self.threads)
            # Not before: an engine may still read the files, and Windows keeps those that are mapped.
            finalize(labeler, shutil.rmtree, folder, ignore_errors=True)
            self._opened.labeler = labeler
        return self._opened.labeler

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the checkpoint folder, which :func:`framing.load` and every command open.

        Raises:
            NotFittedError: ``fit`` was not called.
        """
        check_is_fitted(self)
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        for name, content in self.files_.items():
            (place / name).write_bytes(content)

    def _settings(self) -> dict[str, Any]:
        further = dict(self.settings or {})
        if taken := sorted(_OWN_SETTINGS & further.keys()):
            raise SettingError(
                f"settings has {taken[0]!r}",
                expected="settings of framing-train that are no argument of the estimator",
                hint="the seed is random_state; data go to fit",
            )
        names = ("num_train_epochs", "learning_rate", "head_learning_rate", "per_device_train_batch_size")
        chosen = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return {"disable_tqdm": True, **({"use_cpu": True} if self.device == "cpu" else {}), **chosen, **further}

    def _split(self, groups: Sequence[str], seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows to train on, and rows to validate on; never an empty part, however few sentences there are."""
        if len(set(groups)) < 2:
            raise EstimatorInputError(
                f"X has {_counted(len(groups), 'sample')} in {_counted(len(set(groups)), 'group')}",
                expected="two groups at least, one to train on and one to fit thresholds on",
            )
        if not 0 < self.validation_share < 1:
            raise SettingError(f"validation_share is {self.validation_share}", expected="a number between 0 and 1")
        split = GroupShuffleSplit(n_splits=1, test_size=self.validation_share, random_state=seed)
        train, validation = next(split.split(np.zeros(len(groups)), groups=np.array(groups, dtype=object)))
        return train, validation

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "_opened" in state:  # an engine is no matter of a pickle; the files that it opens are
            state["_opened"] = _Opened()
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.target_tags.required = True
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        return tags


# --- features ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Group:
    """Columns of one kind.

    Attributes:
        names: of the columns, by codebook.
        values: of one sentence, as many.
    """

    names: Callable[[Codebook], list[str]]
    values: Callable[[SentenceLabels, Codebook], list[float]]


def _probability(names: Callable[[Codebook], Iterable[str]]) -> Callable[[SentenceLabels, Codebook], list[float]]:
    return lambda labels, codebook: [labels.probabilities[name] for name in names(codebook)]


def _hedges(codebook: Codebook) -> list[str]:
    return [f"{HEDGE}.{kind}" for kind in codebook.hedge_kinds]


def _source(codebook: Codebook) -> list[str]:
    return [SOURCE] if codebook.source_guide else []


def _tasks(codebook: Codebook) -> list[str]:
    return list(codebook.probability_names[len(codebook.outputs) :])


def _voices(labels: SentenceLabels, codebook: Codebook) -> list[float]:
    counted = Counter(mention.voice for mention in labels.mentions)
    return [float(counted[voice]) for voice in codebook.voices]


def _frame_voices(labels: SentenceLabels, codebook: Codebook) -> list[float]:
    counted = Counter((mention.label, mention.voice) for mention in labels.mentions)
    return [float(counted[label, voice]) for label in codebook.label_names for voice in codebook.voices]


_GROUPS = {
    "frames": _Group(lambda c: [f"frame.{name}" for name in c.label_names], _probability(lambda c: c.label_names)),
    "voices": _Group(lambda c: [f"voice.{voice}" for voice in c.voices], _voices),
    "frame_voices": _Group(
        lambda c: [f"frame.{name}.{voice}" for name in c.label_names for voice in c.voices], _frame_voices
    ),
    "hedges": _Group(_hedges, _probability(_hedges)),
    "hedged": _Group(lambda c: ["hedged"], lambda labels, _: [float(labels.hedged)]),
    "sources": _Group(_source, _probability(_source)),
    "tasks": _Group(lambda c: [f"task.{name}" for name in _tasks(c)], _probability(_tasks)),
}


class FramingFeatures(TransformerMixin, BaseEstimator):
    """A transformer: texts to a matrix of what a checkpoint says of them. There is nothing to fit.

    Args:
        checkpoint: as of :func:`framing.load`; also a folder that :meth:`FramingClassifier.save` wrote.
        features: which columns, in this order:

            - ``"frames"``: the probability of each label (``frame.<label>``);
            - ``"voices"``: how many mentions are in each voice (``voice.<voice>``);
            - ``"frame_voices"``: how many mentions of each label are in each voice (``frame.<label>.<voice>``);
            - ``"hedges"``: the probability of each kind of hedge (``hedge.<kind>``);
            - ``"hedged"``: 1 where the sentence is hedged;
            - ``"sources"``: the probability that a source is named (``source``);
            - ``"tasks"``: the probability of each value of the codebook's tasks (``task.<task>.<value>``).
        unit: what each text is: a ``"sentence"``, or a ``"document"``, which is cut into sentences; its features are
            the means over these, and all 0 where there is none.
        engine, device, threads: as of :func:`framing.load`.
    """

    def __init__(
        self,
        checkpoint: str | os.PathLike[str] = SHIPPED,
        *,
        features: Collection[str] = ("frames", "voices", "hedges", "hedged"),
        unit: Literal["sentence", "document"] = "sentence",
        engine: str = "auto",
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.features = features
        self.unit = unit
        self.engine = engine
        self.device = device
        self.threads = threads

    def fit(self, X: Iterable[str], y: Any = None) -> Self:  # noqa: N803
        """Check the texts and the arguments, and open the checkpoint.

        Raises:
            EstimatorInputError: an item is no string.
            CheckpointError: the checkpoint cannot be used.
            SettingError: ``features`` or ``unit`` is unknown.
        """
        _texts(X)
        self._check()
        self._open()
        return self

    def transform(self, X: Iterable[str]) -> np.ndarray:  # noqa: N803
        """The features of texts.

        Args:
            X: [texts].

        Returns:
            float32 [texts, features]; :meth:`get_feature_names_out` names the columns.

        Raises:
            EstimatorInputError: an item is no string.
            InputError: a document is HTML without readable text.
            CheckpointError: the checkpoint cannot be used.
            SettingError: ``features`` or ``unit`` is unknown.
        """
        groups = self._check()
        labeler = self._open()
        texts = _texts(X)
        codebook = labeler.codebook

        def row(labels: SentenceLabels) -> list[float]:
            return [value for group in groups for value in group.values(labels, codebook)]

        width = len(self.get_feature_names_out())
        if self.unit == "sentence":
            return _matrix((row(labels) for labels in labeler(texts)), width)
        documents = (_matrix(map(row, document), width) for document in labeler.documents(texts))
        return _matrix((rows.mean(axis=0) if len(rows) else np.zeros(width) for rows in documents), width)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """The names of the columns; object [features].

        Args:
            input_features: not used; there is one input, the text.

        Raises:
            CheckpointError: the checkpoint cannot be used.
            SettingError: ``features`` or ``unit`` is unknown.
        """
        groups = self._check()
        codebook = self._open().codebook
        return np.array([name for group in groups for name in group.names(codebook)], dtype=object)

    def _check(self) -> list[_Group]:
        for name in self.features:
            if name not in _GROUPS:
                raise SettingError(
                    f"features has {name!r}",
                    expected="some of " + ", ".join(_GROUPS),
                    hint=did_you_mean(name, _GROUPS),
                )
        if self.unit not in ("sentence", "document"):
            raise SettingError(f"unit is {self.unit!r}", expected="'sentence' or 'document'")
        return [_GROUPS[name] for name in self.features]

    def _open(self) -> Labeler:
        wanted = (os.fspath(self.checkpoint), self.engine, self.device, self.threads)
        opened: tuple[Any, Labeler] | None = self.__dict__.get("_opened")
        if opened is None or opened[0] != wanted:  # set_params has changed one of them
            labeler = load(self.checkpoint, engine=self.engine, device=self.device, threads=self.threads)
            opened = self._opened = (wanted, labeler)
        return opened[1]

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_opened", None)
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def _matrix(rows: Iterable[Sequence[float] | np.ndarray], width: int) -> np.ndarray:
    return np.array(list(rows), dtype=np.float32).reshape(-1, width)


# --- what callers hand in ---------------------------------------------------------------------------------------------


def _texts(X: Any) -> list[str]:  # noqa: N803
    """A column of texts as a list.

    Raises:
        EstimatorInputError: it is no column, or an item is no string.
    """
    shape: tuple[int, ...] = getattr(X, "shape", (0,))
    if len(shape) == 2 and shape[1] == 1:  # what a ColumnTransformer gives for a list of one column
        X = np.asarray(X, dtype=object)[:, 0]  # noqa: N806
    elif len(shape) != 1 or isinstance(X, str | bytes | Mapping) or not isinstance(X, Iterable):
        raise EstimatorInputError(
            f"X is a {type(X).__name__}" + (f" of the shape {shape}" if len(shape) != 1 else ""),
            expected="a sequence of texts: a list, a one-dimensional array, or a column of a table",
            hint="a single text goes into a list of its own",
        )
    texts = list(X.to_pylist() if hasattr(X, "to_pylist") else X)
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise EstimatorInputError(
                f"item {position} of X is a {type(text).__name__}: {text!r:.80}",
                expected="a string",
                hint="leave the row out, or put '' where a text is missing",
            )
    return texts


def _check_not_blank(texts: Sequence[str]) -> None:
    for position, text in enumerate(texts):
        if not text.strip():
            raise EstimatorInputError(
                f"sentence {position} is blank: {text!r:.20}",
                expected="a text to learn from",
                hint="leave the row out of X and y",
            )


def _counted(number: int, name: str) -> str:
    return f"{number} {name}" + ("" if number == 1 else "s")


def _check_length(name: str, length: int, texts: Sequence[str]) -> None:
    if length != len(texts):
        raise EstimatorInputError(
            f"{name} has {length} rows", expected=f"one for each of the {len(texts)} sentences of X"
        )


def _codebook(given: Codebook | str | os.PathLike[str]) -> Codebook:
    codebook = given if isinstance(given, Codebook) else Codebook.load(os.fspath(given))
    if not codebook.labels:
        raise SettingError(
            f"the codebook {codebook.name!r} has no labels",
            expected="labels, which are the classes",
            hint="train tasks with framing.train",
        )
    return codebook


def _codebook_of(classes: Sequence[Any]) -> Codebook:
    """A codebook of nothing but these classes: sentence labels tell nothing of voices, hedges, sources and kinds."""
    sections = {"hedges": "none", "voices": "none", "source": "none", "kinds": "none", "evidence": []}
    try:
        return Codebook.from_dict({"name": "classes", "labels": list(classes), **sections})
    except CodebookError:  # a class is a number, say, or has a space in it
        labels = [{"name": f"class_{i}", "definition": str(name)} for i, name in enumerate(classes)]
        return Codebook.from_dict({"name": "classes", "labels": labels, **sections})


@dataclass(frozen=True, slots=True)
class _Targets:
    """Which sentence has which class; ``indicator`` is bool [sentences, classes]."""

    classes: list[Any]
    indicator: np.ndarray


def _targets(y: Any, classes: Sequence[Any] | None) -> _Targets:
    """What ``y`` says, by the classes that are known, or by those that it names.

    Raises:
        EstimatorInputError: ``y`` is neither an indicator matrix nor a sequence of label collections, or has an unknown
            class.
    """
    columns = list(y.columns) if hasattr(y, "columns") and hasattr(y, "to_numpy") else None
    matrix = _matrix_of(y)
    if matrix is None:
        return _from_collections(y, classes)
    if not np.isin(matrix, (0, 1)).all():
        odd = matrix[~np.isin(matrix, (0, 1))][0]
        raise EstimatorInputError(f"y has the value {odd}", expected="an indicator matrix of 0 and 1")
    if columns is not None and classes is not None:
        _refuse_unknown(columns, classes)
        indicator = np.zeros((len(matrix), len(classes)), bool)
        indicator[:, [list(classes).index(name) for name in columns]] = matrix
        return _Targets(list(classes), indicator)
    found = list(classes or columns or range(matrix.shape[1]))
    if len(found) != matrix.shape[1]:
        raise EstimatorInputError(
            f"y has {matrix.shape[1]} columns", expected=f"{len(found)}, one for each of {', '.join(map(str, found))}"
        )
    return _Targets(found, matrix.astype(bool))


def _matrix_of(y: Any) -> np.ndarray | None:
    """``y`` as a matrix of numbers, or ``None`` where it is something else."""
    if issparse(y):
        return np.asarray(y.toarray())
    try:
        array = np.asarray(y)
    except ValueError:  # lists of several lengths
        return None
    if array.ndim != 2:
        return None
    if array.dtype == object and array.size and all(isinstance(value, Real) for value in array.flat):
        array = array.astype(float)  # numbers of several kinds, as columns of a data frame may have them
    return array if array.dtype.kind in "biuf" else None


def _from_collections(y: Any, classes: Sequence[Any] | None) -> _Targets:
    rows = list(y) if isinstance(y, Iterable) and not isinstance(y, str | bytes) else [y]
    for position, row in enumerate(rows):
        if isinstance(row, str | bytes | Mapping) or not isinstance(row, Iterable):
            raise EstimatorInputError(
                f"row {position} of y is {row!r:.80}"
                + (", a continuous target" if isinstance(row, Real) and not float(row).is_integer() else ""),
                expected="a collection of labels for each sentence, or an indicator matrix [sentences, classes]. "
                "Only binary classification is supported, of each label by itself",
                hint="of a sentence with one label, write {label}; of cells such as 'a;b', call .str.split(';')",
            )
    told = [list(row) for row in rows]
    named = set(chain.from_iterable(told))
    if classes is not None:
        _refuse_unknown(named, classes)
    elif not named:
        raise EstimatorInputError("y names no label at all", expected="one label at least, in one of the rows")
    binarizer = MultiLabelBinarizer(classes=None if classes is None else list(classes))
    indicator = np.asarray(binarizer.fit_transform(told), dtype=bool)
    return _Targets(binarizer.classes_.tolist(), indicator)


def _refuse_unknown(named: Iterable[Any], classes: Sequence[Any]) -> None:
    for name in sorted(set(named) - set(classes), key=str):
        raise EstimatorInputError(
            f"y has the label {name!r}",
            expected="one of " + ", ".join(map(str, classes)),
            hint=did_you_mean(str(name), map(str, classes)),
        )


def _write_table(
    path: Path,
    rows: Iterable[int],
    texts: Sequence[str],
    indicator: np.ndarray,
    names: Sequence[str],
    groups: Sequence[str],
) -> None:
    """A table of training data, in the columns that framing-train reads by default."""

    def lines() -> Iterator[str]:
        for row in rows:
            labels = [names[column] for column in np.flatnonzero(indicator[row]).tolist()]
            yield json.dumps({"text": texts[row], "labels": labels, "group": groups[row]}) + "\n"

    path.write_text("".join(lines()), encoding="utf-8")
