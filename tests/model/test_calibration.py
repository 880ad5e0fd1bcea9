"""Temperatures and thresholds."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.special import softmax as scipy_softmax

from framing.codebook import Head, Heads
from framing.errors import CheckpointError, CodebookMismatchError
from framing.model.calibration import Calibration, HeadCalibration, sigmoid, softmax

LABELS = Head("labels", "token", ("rebels", "hedge.epistemic", "source"), "sigmoid")
VOICE = Head("voice", "token", ("author", "quoted"), "softmax")
KIND = Head("kind", "sentence", ("headline", "body"), "softmax")
TOPICS = Head("topics", "sentence", ("war", "trade"), "sigmoid")
HEADS = Heads((LABELS, VOICE, KIND, TOPICS))


def of_labels(temperatures: Any = (0.5, 1.0, 2.0), thresholds: Any = (0.3, 0.5, 0.7)) -> HeadCalibration:
    return HeadCalibration(np.array(temperatures), np.array(thresholds))


def softmax_of(temperature: float) -> HeadCalibration:
    return HeadCalibration(np.array([temperature]), np.empty(0))


def calibration(extension: float = 0.4, **of: HeadCalibration) -> Calibration:
    known = {"labels": of_labels(), "voice": softmax_of(1.5), "kind": softmax_of(0.7)}
    topics = HeadCalibration(np.array([1.0, 3.0]), np.array([0.4, 0.6]))
    return Calibration(HEADS, {**known, "topics": topics, **of}, extension)


def test_probabilities_are_those_of_scipy() -> None:
    logits = np.array([[-800.0, -1.0, 0.0], [2.0, 30.0, 800.0]])
    np.testing.assert_allclose(sigmoid(logits), expit(logits), atol=1e-12)
    np.testing.assert_allclose(softmax(logits), scipy_softmax(logits, axis=-1), atol=1e-12)
    of = calibration().of
    np.testing.assert_allclose(of["labels"].probabilities(logits), expit(logits / [0.5, 1.0, 2.0]), atol=1e-12)
    two = logits[:, :2]
    np.testing.assert_allclose(of["voice"].probabilities(two), scipy_softmax(two / 1.5, axis=-1), atol=1e-12)
    np.testing.assert_allclose(of["topics"].probabilities(two), expit(two / [1.0, 3.0]), atol=1e-12)
    assert sigmoid(np.float32([1.0])).dtype == np.float32
    assert of["labels"].probabilities(np.float32([[1, 2, 3]])).dtype == np.float32


def test_cuts_are_the_thresholds_as_logits() -> None:
    labels = calibration().of["labels"]
    np.testing.assert_allclose(labels.cuts, logit([0.3, 0.5, 0.7]) * [0.5, 1.0, 2.0])
    np.testing.assert_allclose(labels.probabilities(labels.cuts), [0.3, 0.5, 0.7])
    np.testing.assert_allclose(labels.extended_cuts(0.4), logit([0.12, 0.2, 0.28]) * [0.5, 1.0, 2.0])
    np.testing.assert_array_equal(labels.extended_cuts(1.0), labels.cuts)
    assert (labels.extended_cuts(0.0) == -np.inf).all()


def test_identity_leaves_logits_as_they_are() -> None:
    identity = Calibration.identity(HEADS)
    logits = np.array([[-1.0, 0.5, 2.0]])
    np.testing.assert_allclose(identity.of["labels"].probabilities(logits), expit(logits))
    np.testing.assert_allclose(identity.of["voice"].probabilities(logits[:, :2]), scipy_softmax(logits[:, :2], axis=-1))
    assert identity.of["topics"].thresholds.tolist() == [0.5, 0.5]
    assert identity.extension == 1.0


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    calibration().save(path)
    loaded = Calibration.load(path, HEADS)
    assert loaded.to_dict() == calibration().to_dict() == json.loads(path.read_text())
    assert (loaded.heads, loaded.extension) == (HEADS, 0.4)
    for name, wanted in calibration().of.items():
        np.testing.assert_array_equal(loaded.of[name].temperatures, wanted.temperatures)
        np.testing.assert_array_equal(loaded.of[name].thresholds, wanted.thresholds)


def test_the_form_of_framing_0_1_is_read(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    outputs = zip(LABELS.names, (0.5, 1.0, 2.0), (0.3, 0.5, 0.7), strict=True)
    old = {
        "outputs": {name: {"temperature": t, "threshold": p} for name, t, p in outputs},
        "voice_temperature": 1.5,
        "kind_temperature": 0.7,
        "extension": 0.4,
    }
    path.write_text(json.dumps(old))
    heads = Heads((LABELS, VOICE, KIND))
    of = {name: one for name, one in calibration().of.items() if name != "topics"}
    assert Calibration.load(path, heads).to_dict() == Calibration(heads, of, 0.4).to_dict()


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": of_labels(temperatures=(1.0, 0.0, 1.0))},
        {"labels": of_labels(temperatures=(1.0, np.nan, 1.0))},
        {"labels": of_labels(temperatures=(1.0, 1.0))},
        {"labels": of_labels(thresholds=(0.5, 1.0, 0.5))},
        {"labels": of_labels(thresholds=(0.0, 0.5, 0.5))},
        {"labels": of_labels(thresholds=(0.5, 0.5))},
        {"labels": softmax_of(1.0)},
        {"voice": softmax_of(-1.0)},
        {"voice": softmax_of(np.inf)},
        {"voice": HeadCalibration(np.ones(2), np.full(2, 0.5))},
        {"extension": 1.2},
        {"extension": -0.1},
    ],
)
def test_values_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match=r"'labels'|'voice'|extension"):
        calibration(**wrong)


def test_numbers_of_other_heads_are_refused() -> None:
    with pytest.raises(CodebookMismatchError, match="numbers for labels, voice, kind, topics, stance"):
        calibration(stance=softmax_of(1.0))
    other = Heads((replace(LABELS, names=("rebels", "heroes", "source")), *HEADS[1:]))
    with pytest.raises(CodebookMismatchError, match=r"is of rebels, hedge\.epistemic, source"):
        Calibration.from_dict(calibration().to_dict(), other)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"heads": {}, "extension": 1}',
        '{"heads": [], "extension": 1}',
        '{"outputs": {"rebels": {"temperature": 1}}}',
        '{"outputs": {}}',
    ],
)
def test_files_of_another_form(tmp_path: Path, content: str) -> None:
    (tmp_path / "calibration.json").write_text(content)
    with pytest.raises(CheckpointError):
        Calibration.load(tmp_path / "calibration.json", HEADS)
