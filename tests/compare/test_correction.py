"""Prediction-powered estimates against the formulas of their paper, statsmodels, and simulation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import statsmodels.api as sm

from framing.compare.bands import LabelRates, read_error_rates, share_band
from framing.compare.correction import Corrected, corrected, documents_to_halve
from framing.errors import InputError, UnreadableFileError


def simulated(seed: int, total: int = 400, n: int = 80, *, false: float = 0.1) -> tuple[np.ndarray, ...]:
    """A model that finds 85 in 100, and takes some of the others for it: the ``false`` ones."""
    generator = np.random.default_rng(seed)
    x = generator.integers(1, 7, total).astype(float)
    y = generator.binomial(x.astype(int), generator.beta(2, 4, total)).astype(float)
    right = generator.binomial(y.astype(int), 0.85)
    wrong = generator.binomial((x - y).astype(int), false)
    guess = (right + wrong).astype(float)
    drawn = np.sort(generator.choice(total, n, replace=False))
    return guess, x, y, drawn, np.full(n, n / total)


def correct(guess: np.ndarray, x: np.ndarray, y: np.ndarray, drawn: np.ndarray, probability: np.ndarray) -> Corrected:
    return corrected(guess[:, None], x, y[drawn, None], x[drawn], drawn, probability, share=True)


def test_a_mean_is_that_of_ppi_plus_plus() -> None:
    """With denominators of one and equal probabilities: Angelopoulos, Duchi and Zrnic 2023, for a mean.

    The paper's lambda weighs the mean over the documents without gold; ours that over all documents.
    """
    guess, _, y, drawn, probability = simulated(0)
    y, guess = (y > 1).astype(float), (guess > 1).astype(float)
    made = correct(guess, np.ones(400), y, drawn, probability)
    rest = np.setdiff1d(np.arange(400), drawn)
    n, more = len(drawn), len(rest)
    lam = np.cov(y[drawn], guess[drawn])[0, 1] / ((1 + n / more) * np.var(guess, ddof=1))
    value = lam * guess[rest].mean() + (y[drawn] - lam * guess[drawn]).mean()
    variance = lam**2 * np.var(guess[rest], ddof=1) / more + np.var(y[drawn] - lam * guess[drawn], ddof=1) / n
    assert made.weight[0] * more / 400 == pytest.approx(lam, rel=0.05)
    assert made.estimates.value[0] == pytest.approx(value, abs=0.003)
    assert made.estimates.variance[0] == pytest.approx(variance, rel=0.05)


def test_without_the_model_it_is_the_weighted_ratio_of_statsmodels() -> None:
    """Labels that say nothing get no weight; a ratio is a regression of y on x, weighted by w / x."""
    _, x, y, drawn, _ = simulated(1)
    probability = np.random.default_rng(5).uniform(0.1, 0.5, len(drawn))
    nothing = np.zeros((400, 1))
    made = corrected(nothing, nothing[:, 0], y[drawn, None], x[drawn], drawn, probability, share=True)
    fit = sm.WLS(y[drawn], x[drawn], weights=1 / probability / x[drawn]).fit(cov_type="HC0")
    n = len(drawn)
    assert made.estimates.value[0] == pytest.approx(fit.params[0])
    assert made.estimates.variance[0] == pytest.approx(fit.bse[0] ** 2 * n / (n - 1))


def test_a_model_that_is_right_gets_all_weight_and_the_variance_of_all_documents() -> None:
    _, x, y, drawn, probability = simulated(2)
    made = correct(y, x, y, drawn, probability)
    residual = y - y.sum() / x.sum() * x
    assert made.weight[0] == pytest.approx(1, abs=0.05)
    assert made.estimates.value[0] == pytest.approx(y.sum() / x.sum(), abs=0.003)
    assert made.estimates.variance[0] == pytest.approx((residual**2).sum() / x.sum() ** 2, rel=0.05)


GLIDE = json.loads(Path(__file__).with_name("glide.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("which", "apart", "wider"), [("even", 0.1, 0.02), ("uneven", 0.25, 0.16)])
def test_ratios_are_those_of_another_implementation(which: str, apart: float, wider: float) -> None:
    """glide-py 0.11.0, by ``make_glide.py``: clustered PPI++, and active inference for unequal probabilities.

    The latter divides by the number of documents and not by the sum of weights, and does not know how many were drawn:
    its errors are larger or smaller than ours by the luck of the draw.
    """
    errors = []
    for made in GLIDE["corpora"]:
        x, y, guess_x, guess_y = (np.array(made[name], dtype=float) for name in ("x", "y", "guess_x", "guess_y"))
        drawn = np.array(made[which])
        even = np.full(len(drawn), len(drawn) / len(x))
        probability = even if which == "even" else np.array(made["probability"])[drawn]
        ours = corrected(guess_y[:, None], guess_x, y[drawn, None], x[drawn], drawn, probability, share=True).estimates
        theirs = made["ratios"][which]
        assert ours.value[0] == pytest.approx(theirs["value"], abs=apart * theirs["error"])
        errors.append(np.sqrt(ours.variance[0]) / theirs["error"])
    assert errors == pytest.approx([1] * len(errors), abs=wider)
    assert np.mean(errors) == pytest.approx(1, abs=0.02)


def test_annotating_all_documents_leaves_the_truth() -> None:
    guess, x, y, _, _ = simulated(3)
    made = correct(guess, x, y, np.arange(400), np.ones(400))
    assert made.estimates.value[0] == pytest.approx(y.sum() / x.sum())
    assert documents_to_halve(made)[0] == np.inf


@pytest.mark.slow
def test_intervals_hold_the_truth_where_the_model_alone_does_not() -> None:
    held = naive = narrower = 0
    for seed in range(300):
        guess, x, y, drawn, probability = simulated(seed, 300, 60, false=0.2)
        made = correct(guess, x, y, drawn, probability)
        low, high = made.estimates.interval(0.95)
        held += low[0] <= 1 / 3 <= high[0]
        by_model = guess.sum() / x.sum()
        error = np.sqrt(((guess - by_model * x) ** 2).sum()) / x.sum()
        naive += abs(by_model - 1 / 3) <= 1.96 * error
        nothing = np.zeros((300, 1))
        alone = corrected(nothing, nothing[:, 0], y[drawn, None], x[drawn], drawn, probability, share=True)
        narrower += made.estimates.variance[0] < alone.estimates.variance[0]
    assert 0.92 <= held / 300 <= 0.98
    assert naive / 300 < 0.6
    assert narrower / 300 > 0.95


def test_as_many_documents_as_it_says_halve_the_interval() -> None:
    """The number is an expectation: over many corpora, the wider sample has about half the width."""
    now, then = [], []
    for seed in range(60):
        guess, x, y, drawn, probability = simulated(seed, 4000, 60)
        made = correct(guess, x, y, drawn, probability)
        needed = documents_to_halve(made)[0]
        if not np.isfinite(needed):
            continue
        more = np.random.default_rng(seed).choice(4000, int(needed), replace=False)
        better = correct(guess, x, y, np.sort(more), np.full(len(more), len(more) / 4000))
        now.append(made.estimates.variance[0])
        then.append(better.estimates.variance[0])
    assert len(now) > 40
    assert np.sqrt(np.median(np.array(then) / np.array(now))) == pytest.approx(0.5, abs=0.05)


# --- bands ------------------------------------------------------------------------------------------------------------


def test_a_true_share_comes_back_from_sensitivity_and_specificity() -> None:
    """With rates known from a million sentences, the band closes on Rogan and Gladen's estimate."""
    rates = LabelRates(0.8, right=0.9 * 5e5, missed=0.1 * 5e5, wrong=0.02 * 5e5, left=0.98 * 5e5)
    true = 0.2
    seen = true * 0.9 + (1 - true) * 0.02
    low, high = rates.factor(seen)
    assert low * seen == pytest.approx(true, abs=0.002)
    assert high * seen == pytest.approx(true, abs=0.002)


@pytest.mark.parametrize("f1", [0.5, 0.8, 0.99])
def test_f1_alone_allows_what_precision_and_recall_could_be(f1: float) -> None:
    low, high = LabelRates(f1).factor(0.1)
    for precision in np.linspace(0.01, 1, 200):
        if 2 * precision - f1 > 0 and (recall := f1 * precision / (2 * precision - f1)) <= 1:
            assert low - 1e-9 <= precision / recall <= high + 1e-9


def test_a_band_of_shares_holds_what_the_factors_allow(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps({"labels": {"a": {"f1": 0.9, "support": 9}, "b": {"f1": 0.8, "support": 9}}}))
    rates = read_error_rates(tmp_path)
    low, high = share_band({"a": 30, "b": 70}, "a", rates, 1000)
    (a_low, a_high), (b_low, b_high) = rates.labels["a"].factor(0.03), rates.labels["b"].factor(0.07)
    assert low == pytest.approx(30 * a_low / (30 * a_low + 70 * b_high))
    assert high == pytest.approx(30 * a_high / (30 * a_high + 70 * b_low))
    assert np.isnan(share_band({"a": 30, "c": 70}, "a", rates, 1000)).all()


def test_error_rates_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError):
        read_error_rates(tmp_path / "none")
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(InputError):
        read_error_rates(tmp_path / "x.json")
