"""Fitted temperatures and thresholds: known truths are found again, rare labels lean on the rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import f1_score, log_loss

from framing.codebook import Head
from framing.errors import InputError, SettingError
from framing.evaluate.calibration import (
    Judged,
    fit_sigmoid,
    fit_softmax,
    fit_temperature,
    fit_temperatures,
    fit_thresholds,
)
from framing.model.calibration import sigmoid, softmax


def _binary(n: int, outputs: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Targets drawn from probabilities, and logits that are ``temperature`` times too large."""
    rng = np.random.default_rng(seed)
    true_logits = rng.normal(-1, 2, size=(n, outputs))
    return true_logits * temperature, (rng.random((n, outputs)) < sigmoid(true_logits)).astype(int)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found_again(temperature: float) -> None:
    logits, targets = _binary(4000, 3, temperature)
    assert fit_temperatures(logits, targets) == pytest.approx(np.full(3, temperature), rel=0.1)


def test_the_softmax_temperature_is_the_most_likely_one() -> None:
    rng = np.random.default_rng(1)
    true_logits = rng.normal(0, 2, size=(3000, 4))
    targets = np.array([rng.choice(4, p=row) for row in softmax(true_logits)])
    logits = (true_logits * 3).astype(np.float32)
    fitted = fit_temperature(logits, targets)
    assert fitted == pytest.approx(3, rel=0.1)
    losses = {t: log_loss(targets, softmax(logits / t), labels=range(4)) for t in (0.9 * fitted, fitted, 1.1 * fitted)}
    assert min(losses, key=losses.__getitem__) == fitted


def test_a_rare_output_takes_the_shared_temperature_and_a_common_one_its_own() -> None:
    logits, targets = _binary(3000, 4, 1.0)
    logits[:, 3] *= 3  # this one is over-confident, and well observed
    own = fit_temperatures(logits, targets)
    assert own[3] > 2 > 1.3 > own[:3].max()
    assert np.ptp(fit_temperatures(logits, targets, prior_deviation=0)) == 0
    # Unseen, and confidently absent: nothing but the prior speaks.
    silent = np.column_stack([logits[:, :3], np.full(3000, -60.0)])
    absent = np.column_stack([targets[:, :3], np.zeros(3000, dtype=int)])
    shared = fit_temperatures(silent, absent, prior_deviation=0)[0]
    assert fit_temperatures(silent, absent)[3] == pytest.approx(shared, rel=0.02)


@pytest.mark.slow
def test_thresholds_find_the_best_f1_where_cases_abound() -> None:
    rng = np.random.default_rng(2)
    targets = rng.random((20000, 2)) < 0.2
    # The first label's probabilities are shifted: its best threshold lies elsewhere than the second's.
    probabilities = sigmoid(rng.normal(np.where(targets, 1.5, -1.5), 1.0) + np.array([1.5, -0.5]))
    found = fit_thresholds(probabilities, targets.astype(int), smoothing=0)
    grid = np.linspace(0.05, 0.95, 181)
    for k in range(2):
        best = max(f1_score(targets[:, k], probabilities[:, k] >= t) for t in grid)
        ours = f1_score(targets[:, k], probabilities[:, k] >= found[k])
        assert ours == pytest.approx(best, abs=0.005)
    assert found[0] > found[1] + 0.2


def test_a_label_without_cases_takes_the_common_threshold_and_a_lone_case_hardly_moves_it() -> None:
    rng = np.random.default_rng(3)
    targets = (rng.random((2000, 4)) < 0.2).astype(int)
    probabilities = sigmoid(rng.normal(np.where(targets, 2.0, -2.0), 1.0))
    targets[:, 2:] = 0
    probabilities[:, 2:] = 0.01
    targets[0, 3], probabilities[0, 3] = 1, 0.12  # one lucky case would put the threshold at 0.1 on its own
    found = fit_thresholds(probabilities, targets)
    common = fit_thresholds(probabilities[:, [0, 1, 2]], targets[:, [0, 1, 2]], smoothing=0.3)[2]
    assert found[2] == pytest.approx(common, abs=0.02)
    assert abs(found[3] - common) < 0.1
    assert fit_thresholds(probabilities, targets, prior_positives=0, smoothing=0)[3] < 0.12


def test_few_cases_leave_the_threshold_near_one_half() -> None:
    rng = np.random.default_rng(4)
    distances = {}
    for n in (30, 3000):
        targets = rng.random((n, 1)) < 0.3
        # The best F1 is at a low threshold.
        probabilities = sigmoid(rng.normal(np.where(targets, 0.5, -2.5), 1.0) - 2.0)
        (found,) = fit_thresholds(probabilities, targets.astype(int))
        distances[n] = abs(np.log(found / (1 - found)))
    assert distances[30] < distances[3000]


@pytest.mark.slow
def test_with_tokens_the_threshold_is_the_best_for_both() -> None:
    rng = np.random.default_rng(5)
    targets = rng.random((6000, 1)) < 0.3
    sentences = sigmoid(rng.normal(np.where(targets, 2.0, -2.0), 1.0) - 1.5)
    covered = rng.random((6000, 1)) < 0.3
    tokens = sigmoid(rng.normal(np.where(covered, 2.0, -2.0), 1.0) + 1.5)
    options = {"smoothing": 0, "prior_positives": 1}
    (alone,) = fit_thresholds(sentences, targets.astype(int), **options)
    (both,) = fit_thresholds(sentences, targets.astype(int), tokens=Judged(tokens, covered.astype(int)), **options)

    def mean_f1(threshold: float) -> float:
        return float(np.mean([f1_score(targets, sentences >= threshold), f1_score(covered, tokens >= threshold)]))

    assert mean_f1(both) == pytest.approx(max(map(mean_f1, np.linspace(0.05, 0.95, 181))), abs=0.005)
    assert mean_f1(both) > mean_f1(alone) + 0.02


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_fits_stay_in_range_on_any_data(seed: int, n: int, outputs: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 10, size=(n, outputs)).astype(np.float32)
    targets = rng.integers(0, 2, size=(n, outputs))
    of_sigmoid = fit_sigmoid(logits, targets)
    of_softmax = fit_softmax(rng.normal(0, 10, size=(n, 4)), rng.integers(0, 4, size=n))
    # They raise where a temperature or a threshold leaves its range, or where there are too few.
    of_sigmoid.check(Head("labels", "token", tuple(f"label{k}" for k in range(outputs)), "sigmoid"))
    of_softmax.check(Head("voice", "token", ("a", "b", "c", "d"), "softmax"))
    assert np.isfinite(of_sigmoid.probabilities(logits)).all()
    for temperatures in (of_sigmoid.temperatures, of_softmax.temperatures):
        assert ((temperatures >= 1 / 8) & (temperatures <= 8)).all()
    # They are no more than the single fits put together.
    np.testing.assert_array_equal(of_sigmoid.temperatures, fit_temperatures(logits, targets))
    wanted = fit_thresholds(expit(logits.astype(float) / of_sigmoid.temperatures), targets)
    np.testing.assert_allclose(of_sigmoid.thresholds, wanted)


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_the_shared_temperature_is_scipys_minimum_of_scikit_learns_loss(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, size=(n, 2))
    targets = (rng.random((n, 2)) < expit(logits / 2)).astype(int)

    def loss(log_temperature: float) -> float:
        scaled = expit(logits / np.exp(log_temperature)).ravel()
        return log_loss(targets.ravel(), scaled, labels=[0, 1], normalize=False)

    found = fit_temperatures(logits, targets, prior_deviation=0)[0]
    steps = np.log(found) + np.array([-0.05, 0.0, 0.05])
    losses = [loss(step) for step in steps if abs(step) <= np.log(8) + 1e-9]
    assert min(losses) >= loss(np.log(found)) - 1e-6


def test_scaling_makes_overconfident_probabilities_likelier() -> None:
    logits, targets = _binary(1500, 5, 3.0)
    fitted, (held_logits, held_targets) = fit_temperatures(logits, targets), _binary(1500, 5, 3.0, seed=9)
    before = log_loss(held_targets.ravel(), sigmoid(held_logits).ravel())
    after = log_loss(held_targets.ravel(), sigmoid(held_logits / fitted).ravel())
    assert after < before - 0.1


def test_mistakes_are_told() -> None:
    with pytest.raises(InputError, match=r"shape \(3, 2\)"):
        fit_temperatures(np.zeros((3, 2)), np.zeros((3, 1)))
    with pytest.raises(InputError, match="a target is 2"):
        fit_thresholds(np.zeros((1, 1)), np.array([[2]]))
    with pytest.raises(InputError, match="a target is 0 or 7"):
        fit_temperature(np.zeros((2, 4)), np.array([0, 7]))
    with pytest.raises(InputError, match=r"targets of shape \(3,\)"):
        fit_temperature(np.zeros((2, 4)), np.zeros(3, dtype=int))
    with pytest.raises(SettingError, match="-1"):
        fit_temperatures(np.zeros((1, 1)), np.zeros((1, 1)), prior_deviation=-1)
    with pytest.raises(SettingError, match="-2"):
        fit_thresholds(np.zeros((1, 1)), np.zeros((1, 1)), smoothing=-2)
