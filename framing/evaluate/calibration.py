"""Temperatures and thresholds, fitted on validation sentences.

A validation part has a few hundred sentences and, of the rarest labels, a handful of cases. Whatever is fitted per
label is therefore drawn towards a value shared by all: temperatures by a Gaussian prior on their logarithm, thresholds
by blending a label's own F1 curve with that of all labels pooled, and that with a mild preference for one half. A label
with many cases goes its own way; one with none gets the shared value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from framing.errors import InputError, SettingError
from framing.evaluate.scoring import f1, tallies
from framing.model.calibration import HeadCalibration, sigmoid

Array = npt.NDArray[Any]

#: Temperatures are searched for in [1/8, 8]: beyond, a model is broken rather than badly calibrated.
_LOG_TEMPERATURE_BOUNDS = (-np.log(8.0), np.log(8.0))
#: Thresholds are searched for on this grid of calibrated logits: probabilities of about 0.05 to 0.95.
_THRESHOLD_LOGITS = np.linspace(-3.0, 3.0, 121)
#: F1 that a threshold one logit away from one half must gain over one half, where few cases speak for it.
_PREFERENCE = 0.02


@dataclass(frozen=True, slots=True)
class Judged:
    """What a sigmoid head says, and what is true.

    Attributes:
        values: float [n, K], logits or probabilities of sentences (the largest of their tokens') or of tokens.
        targets: [n, K], 0 or 1.
    """

    values: Array
    targets: Array


def fit_temperature(logits: Array, targets: Array) -> float:
    """The temperature of a softmax that makes the targets most likely (Guo et al. 2017).

    Args:
        logits: float [n, C].
        targets: int [n], the right classes.

    Returns:
        Temperature in [1/8, 8]; 1 where there is no case to fit on.

    Raises:
        InputError: shapes do not fit, or a target is not a class.
    """
    if logits.ndim != 2 or targets.shape != (len(logits),):
        raise InputError(
            f"softmax logits of shape {logits.shape} and targets of shape {targets.shape}",
            expected="[n, classes] and [n]",
        )
    if not len(logits):
        return 1.0
    if targets.min() < 0 or targets.max() >= logits.shape[1]:
        raise InputError(
            f"a target is {targets.min()} or {targets.max()}", expected=f"classes 0 to {logits.shape[1] - 1}"
        )
    from scipy.special import log_softmax

    def loss(log_temperature: float) -> float:
        likelihoods = log_softmax(logits.astype(np.float64) / np.exp(log_temperature), axis=1)
        return -float(likelihoods[np.arange(len(targets)), targets].sum())

    return _best_temperature(loss)


def fit_temperatures(logits: Array, targets: Array, *, prior_deviation: float = 0.25) -> Array:
    """One temperature for each sigmoid output, drawn towards a shared one.

    The shared temperature maximises the likelihood of all outputs pooled (Guo et al. 2017). An output's own maximises
    its likelihood times a normal prior on its log temperature, centred on the shared one.

    Args:
        logits: float [n, K], one row per sentence (or token).
        targets: [n, K], 0 or 1.
        prior_deviation: standard deviation of that prior; 0 gives every output the shared temperature.

    Returns:
        float64 [K], in [1/8, 8].

    Raises:
        InputError: shapes do not fit, or a target is neither 0 nor 1.
        SettingError: ``prior_deviation`` is negative.
    """
    _check_binary(logits, targets)
    if prior_deviation < 0:
        raise SettingError(f"a prior deviation of {prior_deviation}", expected="0 or more")
    if not logits.size:
        return np.ones(logits.shape[1])
    wide, truth = logits.astype(np.float64), targets.astype(np.float64)

    def negative_log_likelihood(log_temperature: float, columns: Any) -> float:
        scaled = wide[:, columns] / np.exp(log_temperature)
        return float((np.logaddexp(0.0, scaled) - truth[:, columns] * scaled).sum())

    shared = _best_temperature(lambda x: negative_log_likelihood(x, slice(None)))
    if prior_deviation == 0:
        return np.full(logits.shape[1], shared)
    centre = np.log(shared)

    def posterior_loss(k: int) -> Callable[[float], float]:
        return lambda x: negative_log_likelihood(x, k) + 0.5 * ((x - centre) / prior_deviation) ** 2

    return np.array([_best_temperature(posterior_loss(k)) for k in range(logits.shape[1])])


def fit_thresholds(
    probabilities: Array,
    targets: Array,
    *,
    tokens: Judged | None = None,
    prior_positives: float = 200.0,
    smoothing: float = 0.3,
) -> Array:
    """For each label the threshold with the best F1, drawn towards a common one.

    F1 over a grid of thresholds is jagged on few cases, and its highest peak is often luck. Each label's curve is
    therefore smoothed (Gaussian, ``smoothing`` wide in logits) and blended with the curve of all labels pooled
    (micro F1): weight ``s / (s + prior_positives)`` on its own, for ``s`` positive cases. The pooled curve is blended
    in the same way with a parabola that is highest at one half, by the positive cases of all labels. The blend's peak
    is taken.

    A threshold decides for sentences and, where words are marked, for tokens; a curve is then the mean of both F1.

    Args:
        probabilities: float [n, K], calibrated, of sentences.
        targets: [n, K], 0 or 1.
        tokens: probabilities and truth of the tokens of marked sentences.
        prior_positives: positive cases at which a curve and the one that it is drawn to weigh the same.
        smoothing: standard deviation of the smoothing, in logits; 0 for none.

    Returns:
        float64 [K], in (0, 1).

    Raises:
        InputError: shapes do not fit, or a target is neither 0 nor 1.
        SettingError: a setting is negative.
    """
    _check_binary(probabilities, targets)
    if prior_positives < 0 or smoothing < 0:
        raise SettingError(f"prior_positives {prior_positives}, smoothing {smoothing}", expected="both 0 or more")
    judged = [Judged(probabilities, targets)]
    if tokens is not None:
        _check_binary(tokens.values, tokens.targets)
        judged.append(tokens)
    counted = [_tallied(one) for one in judged]
    own = np.mean([_smoothed(np.nan_to_num(f1(each)), smoothing) for each in counted], axis=0)
    pooled = np.mean([_smoothed(np.nan_to_num(f1(each.sum(axis=1)))[:, None], smoothing) for each in counted], axis=0)
    support = targets.astype(bool).sum(axis=0)
    # The tiny constant leaves a curve in charge where there is neither a case nor a prior.
    weight = support / (support + prior_positives + 1e-9)
    shared = support.sum() / (support.sum() + prior_positives + 1e-9)
    preferred = -_PREFERENCE * _THRESHOLD_LOGITS[:, None] ** 2
    pooled = shared * pooled + (1 - shared) * preferred
    thresholds: Array = sigmoid(_peaks(weight * own + (1 - weight) * pooled))
    return thresholds


def _tallied(judged: Judged) -> Array:
    """Tallies at each threshold of the grid, [grid, K, …] as :func:`framing.evaluate.scoring.tallies` counts."""
    truth = judged.targets.astype(bool)
    return np.stack([tallies(judged.values >= threshold, truth) for threshold in sigmoid(_THRESHOLD_LOGITS)])


def fit_sigmoid(head_logits: Array, targets: Array, tokens: Judged | None = None) -> HeadCalibration:
    """Temperatures and thresholds of a sigmoid head.

    Args:
        head_logits, targets: [n, K], sentence logits (largest token logit) and 0/1 truth.
        tokens: logits and truth of the tokens of marked sentences.

    Raises:
        InputError, SettingError: see the single fits.
    """
    temperatures = fit_temperatures(head_logits, targets)
    probabilities = sigmoid(head_logits.astype(np.float64) / temperatures)
    if tokens is not None:
        tokens = Judged(sigmoid(tokens.values.astype(np.float64) / temperatures), tokens.targets)
    return HeadCalibration(temperatures, fit_thresholds(probabilities, targets, tokens=tokens))


def fit_softmax(logits: Array, targets: Array) -> HeadCalibration:
    """The temperature of a softmax head; arguments and errors as of :func:`fit_temperature`."""
    return HeadCalibration(np.array([fit_temperature(logits, targets)]), np.empty(0))


def _check_binary(values: Array, targets: Array) -> None:
    if values.ndim != 2 or values.shape != targets.shape:
        raise InputError(
            f"predictions of shape {values.shape} and targets of shape {targets.shape}",
            expected="both [sentences, outputs]",
        )
    strange = ~np.isin(targets, (0, 1))
    if strange.any():
        raise InputError(f"a target is {targets[strange][0]}", expected="0 or 1")


def _best_temperature(loss: Callable[[float], float]) -> float:
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(loss, bounds=_LOG_TEMPERATURE_BOUNDS, method="bounded", options={"xatol": 1e-5})
    return float(np.exp(found.x))


def _smoothed(curves: Array, deviation: float) -> Array:
    """Curves [grid, K] smoothed over the grid by a Gaussian of the given width in logits."""
    if deviation == 0:
        return curves
    from scipy.ndimage import gaussian_filter1d

    step = _THRESHOLD_LOGITS[1] - _THRESHOLD_LOGITS[0]
    return gaussian_filter1d(curves, deviation / step, axis=0, mode="nearest")


def _peaks(curves: Array) -> Array:
    """Where each curve [grid, K] is highest, in logits; the middle of a flat top."""
    top = curves >= curves.max(axis=0) - 1e-12
    return (_THRESHOLD_LOGITS[:, None] * top).sum(axis=0) / top.sum(axis=0)
