"""The estimators behave as scikit-learn's own utilities expect, and say what the labeler says."""

import pickle
import subprocess
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas
import pyarrow
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.utils import Tags, estimator_checks, get_tags
from sklearn.utils.validation import validate_data

import framing
from framing.errors import InputError, SettingError
from framing.sklearn import FramingClassifier, FramingFeatures, _targets
from tests.own_codebook import own_codebook
from tests.train.tiny_runs import ENDS, SUBJECTS

pytestmark = pytest.mark.slow

X = [f"The {word} {end}" for end in ENDS * 2 for word in SUBJECTS.values()]
SETS = [{label} - {""} for _ in ENDS * 2 for label in SUBJECTS]
LABELS = ["rebels", "terrorists"]
Y = MultiLabelBinarizer(classes=LABELS).fit_transform(SETS)
SENTENCES = ["The rebels fled, witnesses said", "Rain may come to the market.", "", "“Terrorists” seized the city"]


def classifier(base: Path, **arguments: object) -> FramingClassifier:
    quick = {
        "num_train_epochs": 15,
        "learning_rate": 5e-3,
        "head_learning_rate": 1e-2,
        "per_device_train_batch_size": 8,
        "validation_share": 0.2,
        "settings": {
            "sentence_weight": 1.0,
            "eval_strategy": "no",
            "save_strategy": "no",
            "load_best_model_at_end": False,
        },
    }
    return FramingClassifier(base, **{**quick, "device": "cpu", "threads": 1, **arguments})


@pytest.fixture(scope="module")
def fitted(tiny_base: Path) -> FramingClassifier:
    return classifier(tiny_base).fit(X, SETS)


# --- the classifier ---------------------------------------------------------------------------------------------------


def test_it_learns(fitted: FramingClassifier) -> None:
    assert fitted.classes_.tolist() == LABELS
    assert fitted.score(X, SETS) > 0.9
    assert fitted.score(X, Y) == accuracy_score(Y, fitted.predict(X))


def test_it_says_what_the_labeler_says(fitted: FramingClassifier, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    labels = framing.load(tmp_path / "model", device="cpu", threads=1)(SENTENCES)
    proba, predicted = fitted.predict_proba(SENTENCES), fitted.predict(SENTENCES)
    assert proba.shape == predicted.shape == (len(SENTENCES), 2)
    for sentence, row, chosen in zip(labels, proba, predicted, strict=True):
        assert dict(zip(LABELS, row, strict=True)) == {name: sentence.probabilities[name] for name in LABELS}
        assert {name for name, is_chosen in zip(LABELS, chosen, strict=True) if is_chosen} == set(sentence.frames)
    assert not proba[2].any()  # blank
    assert fitted.predict([]).shape == (0, 2)


def test_a_pickle_is_whole(fitted: FramingClassifier) -> None:
    assert fitted.labeler  # an open engine does not hinder it
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))


def test_clone_and_parameters(fitted: FramingClassifier) -> None:
    copy = clone(fitted).set_params(learning_rate=1e-3)
    assert {**copy.get_params(), "learning_rate": fitted.learning_rate} == fitted.get_params()
    with pytest.raises(NotFittedError):
        copy.predict(X)


@pytest.mark.slow
def test_equal_fits_are_equal_whatever_the_form_of_y(tiny_base: Path, fitted: FramingClassifier) -> None:
    again = classifier(tiny_base).fit(np.array(X), pandas.DataFrame(Y, columns=LABELS))
    assert again.classes_.tolist() == LABELS
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize("form", [lambda y: y.astype(object), lambda y: pandas.DataFrame(y).astype(object)])
def test_an_indicator_of_objects_is_one(form: Callable[[np.ndarray], object]) -> None:
    targets = _targets(form(Y), None)
    assert targets.classes == [0, 1]
    assert np.array_equal(targets.indicator, Y.astype(bool))


@pytest.mark.slow
def test_grid_search_and_cross_validation(tiny_base: Path) -> None:
    search = GridSearchCV(classifier(tiny_base), {"num_train_epochs": [1, 15]}, cv=2, error_score="raise").fit(X, Y)
    assert search.predict(X).shape == Y.shape
    assert len(search.cv_results_["mean_test_score"]) == 2
    folds = list(KFold(2).split(X))
    crossed = cross_val_predict(make_pipeline(classifier(tiny_base)), X, Y, cv=folds)
    train, test = folds[0]
    by_hand = classifier(tiny_base).fit([X[i] for i in train], Y[train])
    assert np.array_equal(crossed[test], by_hand.predict([X[i] for i in test]))


@pytest.mark.slow
def test_classes_that_no_codebook_can_name(tiny_base: Path) -> None:
    numbered = classifier(tiny_base, num_train_epochs=1).fit(X, csr_matrix(Y))
    assert numbered.classes_.tolist() == [0, 1]
    assert [label.name for label in numbered.codebook_.labels] == ["class_0", "class_1"]
    assert numbered.predict(X).shape == Y.shape


@pytest.mark.slow
def test_a_codebook_names_the_classes(tiny_base: Path) -> None:
    model = classifier(tiny_base, codebook=own_codebook(), num_train_epochs=1).fit(X, SETS)
    assert model.classes_.tolist() == list(own_codebook().label_names)
    assert model.labeler.codebook.fingerprint == own_codebook().fingerprint


@pytest.mark.parametrize(
    ("texts", "y", "words"),
    [
        ("The rebels fled", [{"rebels"}], "X is a str"),
        (X, SETS[:-1], "y has 35 rows"),
        (X, ["rebels"] * len(X), "row 0 of y is 'rebels'"),
        (X, [0] * len(X), "row 0 of y is 0"),
        (X, Y * 2, "y has the value 2"),
        (X, [set()] * len(X), "no label at all"),
        ([*X[:-1], " "], SETS, "sentence 35 is blank"),
        ([*X[:-1], None], SETS, "NoneType"),
        ([X[0]] * 4, SETS[:4], "4 samples in 1 group"),
        (np.zeros((36, 2)), SETS, "of the shape"),
    ],
)
def test_what_it_cannot_learn_from(tmp_path: Path, texts: object, y: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        classifier(tmp_path).fit(texts, y)


def test_unknown_labels_and_settings(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'rebel'") as error:
        classifier(tmp_path, codebook=own_codebook()).fit(X, [{"rebel"}] * len(X))
    assert error.value.hint == "did you mean 'rebels'?"
    with pytest.raises(SettingError, match="settings has 'seed'"):
        classifier(tmp_path, settings={"seed": 1}).fit(X, SETS)
    with pytest.raises(SettingError, match="validation_share is 1"):
        classifier(tmp_path, validation_share=1).fit(X, SETS)


def test_a_validation_part_is_never_empty_and_parts_no_group(tmp_path: Path) -> None:
    few = classifier(tmp_path, validation_share=0.01)
    groups = ["a", "a", "b", "b", "c"]
    for seed in range(20):
        train, validation = few._split(groups, seed)
        assert sorted([*train, *validation]) == [0, 1, 2, 3, 4]
        assert len(train) and len(validation)
        assert not {groups[i] for i in train} & {groups[i] for i in validation}


# --- features ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def features(tiny_folder: Path) -> FramingFeatures:
    groups = ("frames", "voices", "frame_voices", "hedges", "hedged", "sources")
    return FramingFeatures(tiny_folder, features=groups, device="cpu", threads=1)


def test_features_are_what_the_labeler_says(features: FramingFeatures, tiny_labeler: framing.Labeler) -> None:
    book = tiny_labeler.codebook
    table = features.set_output(transform="pandas").fit_transform(SENTENCES)
    labels = tiny_labeler(SENTENCES)
    assert table.columns.tolist() == features.get_feature_names_out().tolist()
    assert table.columns.is_unique
    assert sum(len(s.mentions) for s in labels) > 0
    for (_, row), sentence in zip(table.iterrows(), labels, strict=True):
        for label in book.label_names:
            assert row[f"frame.{label}"] == pytest.approx(sentence.probabilities[label], abs=1e-5)
        for voice in book.voices:
            assert row[f"voice.{voice}"] == sum(m.voice == voice for m in sentence.mentions)
            assert row[[f"frame.{label}.{voice}" for label in book.label_names]].sum() == row[f"voice.{voice}"]
        for kind in book.hedge_kinds:
            assert row[f"hedge.{kind}"] == pytest.approx(sentence.probabilities[f"hedge.{kind}"], abs=1e-5)
        assert row["hedged"] == sentence.hedged


def test_features_of_documents_are_means(tiny_folder: Path, tiny_labeler: framing.Labeler) -> None:
    documents = ["The rebels fled the town. The army retook the city, officials said.", " "]
    of_documents = FramingFeatures(tiny_folder, unit="document", device="cpu", threads=1)
    of_sentences = clone(of_documents).set_params(unit="sentence")
    cut = [sentence.text for sentence in tiny_labeler.document(documents[0])]
    assert len(cut) == 2
    found = of_documents.transform(documents)
    assert found[0] == pytest.approx(of_sentences.transform(cut).mean(axis=0), abs=1e-5)
    assert not found[1].any()


def test_features_in_a_pipeline_of_columns(features: FramingFeatures) -> None:
    table = pandas.DataFrame({"text": X, "place": 1.0})
    columns = ColumnTransformer([("framing", clone(features), "text")], remainder="passthrough")
    model = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(table, Y[:, 0])
    by_hand = np.hstack([clone(features).transform(X), np.ones((len(X), 1))])
    by_hand_model = LogisticRegression(max_iter=1000).fit(by_hand, Y[:, 0])
    assert model.predict_proba(table) == pytest.approx(by_hand_model.predict_proba(by_hand))
    arrow = pyarrow.chunked_array([X])
    assert np.array_equal(clone(features).transform(arrow), clone(features).transform(X))


def test_features_pickle(features: FramingFeatures) -> None:
    again = pickle.loads(pickle.dumps(features.fit(X)))
    assert np.array_equal(np.asarray(again.transform(X)), np.asarray(features.transform(X)))


def test_unknown_features(tiny_folder: Path) -> None:
    with pytest.raises(SettingError, match="features has 'voice'") as error:
        FramingFeatures(tiny_folder, features=["voice"]).fit(X)
    assert error.value.hint == "did you mean 'voices'?"


# --- scikit-learn's own checks ----------------------------------------------------------------------------------------

#: Checks of scikit-learn that an estimator of ours fails, with the reason; docs/howto/sklearn.md tells users of them.
EXPECTED_FAILED_CHECKS: dict[type, dict[str, str]] = {
    FramingClassifier: {
        "check_classifiers_train": "wants predictions of the shape [samples]; several labels make [samples, classes]",
        "check_classifiers_classes": "hands in one class a sample; the classifier takes a set of labels",
        "check_classifier_multioutput": "rounds probabilities; predictions are by thresholds that are fitted",
    },
    FramingFeatures: {},
}


class FeaturesOfRows(FramingFeatures):
    """Takes a matrix of numbers, as the checks hand in, and has a sentence written of each row."""

    def fit(self, X: object, y: object = None) -> "FeaturesOfRows":  # noqa: N803
        return super().fit(written(self, X, reset=True), y)

    def transform(self, X: object) -> np.ndarray:  # noqa: N803
        return super().transform(written(self, X, reset=False))

    def __sklearn_tags__(self) -> object:
        return of_numbers(super().__sklearn_tags__())


class ClassifierOfRows(FramingClassifier):
    """The same of the classifier. The checks hand in a column of two numbers; the larger is 1 and the other 0."""

    def fit(self, X: object, y: object, groups: object = None) -> "ClassifierOfRows":  # noqa: N803
        column = None if y is None else np.asarray(y)
        if column is not None and column.ndim == 2 and column.shape[1] == 1 and np.isfinite(column.astype(float)).all():
            y = (column == column.max()).astype(column.dtype)
        return super().fit(written(self, X, reset=True), y, groups)

    def predict(self, X: object) -> np.ndarray:  # noqa: N803
        return super().predict(written(self, X, reset=False))

    def predict_proba(self, X: object) -> np.ndarray:  # noqa: N803
        return super().predict_proba(written(self, X, reset=False))

    def __sklearn_tags__(self) -> object:
        return of_numbers(super().__sklearn_tags__())


def of_numbers(tags: Tags) -> Tags:
    tags.input_tags.two_d_array, tags.input_tags.string = True, False
    return tags


def written(estimator: object, X: object, *, reset: bool) -> list[str]:  # noqa: N803
    return [" ".join(map(str, row)) for row in validate_data(estimator, X, reset=reset).round(2).tolist()]


def checked(estimator: BaseEstimator, expected: dict[str, str]) -> dict[str, set[str]]:
    """Names of scikit-learn's checks by how they ended: ``passed``, ``skipped``, ``failed``, and ``xfail``."""
    ended: dict[str, set[str]] = defaultdict(set)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = estimator_checks.check_estimator(
            estimator, expected_failed_checks=expected, on_skip=None, on_fail=None
        )
    for result in results:
        name = result["check_name"]
        ended[result["status"]].add(name if result["status"] != "failed" else f"{name}: {result['exception']!r}")
    return ended


@pytest.mark.parametrize("kind", [FramingClassifier, FramingFeatures])
def test_check_estimator_has_no_more_than_one_check_for_texts(kind: type, tiny_folder: Path) -> None:
    """Why the checks below go over numbers that are written out."""
    assert checked(kind(tiny_folder), {}) == {"passed": {"check_estimator_cloneable"}}


@pytest.mark.parametrize(
    ("kind", "of_rows", "at_least"), [(FramingFeatures, FeaturesOfRows, 40), (FramingClassifier, ClassifierOfRows, 40)]
)
def test_check_estimator_where_numbers_are_written_out(
    kind: type, of_rows: type, at_least: int, tiny_folder: Path, tiny_base: Path
) -> None:
    quick = {"eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False, "max_steps": 1}
    estimator = (
        of_rows(tiny_folder, device="cpu", threads=1)
        if kind is FramingFeatures
        else of_rows(tiny_base, device="cpu", threads=1, settings=quick)
    )
    ended = checked(estimator, EXPECTED_FAILED_CHECKS[kind])
    assert ended["failed"] == set()
    assert ended["xfail"] == set(EXPECTED_FAILED_CHECKS[kind])  # one that passes again leaves the list
    assert len(ended["passed"]) >= at_least


def test_the_page_names_every_exception() -> None:
    page = (Path(__file__).parents[2] / "docs" / "howto" / "sklearn.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for expected in EXPECTED_FAILED_CHECKS.values() for name in expected)


@pytest.mark.parametrize("y", [None, [0.5] * len(X), np.full((len(X), 2), np.nan), Y[:-1], ["rebels"] * len(X)])
def test_what_cannot_be_learnt_from_is_a_value_error(y: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as error:
        classifier(tmp_path).fit(X, y)
    assert isinstance(error.value, InputError)


def test_predicting_changes_no_attribute(fitted: FramingClassifier) -> None:
    again = pickle.loads(pickle.dumps(fitted))
    before = dict(vars(again))
    again.predict(X)
    assert vars(again) == before


def test_tags() -> None:
    tags = get_tags(FramingClassifier())
    assert (tags.estimator_type, tags.input_tags.string, tags.input_tags.two_d_array) == ("classifier", True, False)
    assert tags.classifier_tags.multi_label


def test_neither_the_package_nor_labelling_imports_scikit_learn() -> None:
    code = "import sys, framing, framing.labeler; print('sklearn' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
    code = "import sys, framing.sklearn; print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
