"""Temperatures and thresholds."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit
from scipy.special import softmax as scipy_softmax

from framing.errors import CheckpointError
from framing.model.calibration import Calibration, sigmoid, softmax

OUTPUTS = ("rebels", "hedge.epistemic", "source")


def calibration(**changes: object) -> Calibration:
    settings: dict[str, object] = {
        "outputs": OUTPUTS,
        "temperatures": np.array([0.5, 1.0, 2.0]),
        "thresholds": np.array([0.3, 0.5, 0.7]),
        "voice_temperature": 1.5,
        "kind_temperature": 0.7,
        "extension": 0.4,
    }
    return Calibration(**{**settings, **changes})  # type: ignore[arg-type]


def test_probabilities_are_those_of_scipy() -> None:
    logits = np.array([[-800.0, -1.0, 0.0], [2.0, 30.0, 800.0]])
    np.testing.assert_allclose(sigmoid(logits), expit(logits), atol=1e-12)
    np.testing.assert_allclose(softmax(logits), scipy_softmax(logits, axis=-1), atol=1e-12)
    found = calibration().label_probabilities(logits)
    np.testing.assert_allclose(found, expit(logits / [0.5, 1.0, 2.0]), atol=1e-12)
    np.testing.assert_allclose(calibration().voice_probabilities(logits), scipy_softmax(logits / 1.5, axis=-1))
    assert sigmoid(np.float32([1.0])).dtype == np.float32


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    calibration().save(tmp_path / "calibration.json")
    loaded = Calibration.load(tmp_path / "calibration.json")
    assert loaded.to_dict() == calibration().to_dict()
    assert loaded.outputs == OUTPUTS
    np.testing.assert_array_equal(loaded.thresholds, [0.3, 0.5, 0.7])


@pytest.mark.parametrize(
    "changes",
    [
        {"temperatures": np.array([1.0, 0.0, 1.0])},
        {"thresholds": np.array([0.5, 1.0, 0.5])},
        {"thresholds": np.array([0.5, 0.5])},
        {"voice_temperature": -1.0},
        {"extension": 1.2},
    ],
)
def test_values_out_of_range(changes: dict[str, object]) -> None:
    with pytest.raises(CheckpointError, match="calibration"):
        calibration(**changes)


@pytest.mark.parametrize("content", ["", "[]", '{"outputs": {"rebels": {"temperature": 1}}}', '{"outputs": {}}'])
def test_files_of_another_form(tmp_path: Path, content: str) -> None:
    (tmp_path / "calibration.json").write_text(content)
    with pytest.raises(CheckpointError):
        Calibration.load(tmp_path / "calibration.json")
