"""Intervals against statsmodels, scipy and the formulas of textbooks."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from framing.compare.differences import differ, q_values
from framing.compare.estimands import ESTIMANDS, Cell, Ratios
from framing.compare.intervals import Estimates, bootstrap, estimate, group_sums


def ratios(y: np.ndarray, x: np.ndarray, estimand: str = "contrast_share") -> Ratios:
    y = y.reshape(len(x), -1).astype(float)
    return Ratios(
        ESTIMANDS[estimand], tuple(Cell(label=str(k)) for k in range(y.shape[1])), csr_array(y), x.astype(float)
    )


def clustered(seed: int = 0, documents: int = 60) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.integers(0, 9, documents)
    return generator.binomial(x, generator.beta(2, 3, documents)), x


def independent(share: list[float], n: list[float]) -> Estimates:
    v, n = np.array(share), np.array(n, dtype=float)
    return Estimates(v, v * (1 - v) / n, n, np.full(v.shape, 1e9), np.ones(v.shape, dtype=bool))


def test_the_variance_is_statsmodels_cluster_robust_one() -> None:
    y, x = clustered()
    made, sums = estimate(ratios(y, x), np.zeros(len(x), dtype=np.int64), 1)
    outcome = np.concatenate([np.r_[np.ones(a), np.zeros(b - a)] for a, b in zip(y, x, strict=True)])
    cluster = np.repeat(np.arange(len(x)), x)
    fit = sm.OLS(outcome, np.ones(len(outcome))).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    m = (x > 0).sum()
    assert made.value[0] == pytest.approx(fit.params[0])
    assert sums.variance[0, 0] == pytest.approx(fit.bse[0] ** 2 * m / (m - 1))
    assert made.freedom[0] == m - 1


def test_groups_are_apart() -> None:
    y, x = clustered(1)
    group = np.arange(len(x)) % 3 - 1
    both, _ = estimate(ratios(np.stack([y, x - y], axis=1), x), group, 2)
    for number in (0, 1):
        own, _ = estimate(ratios(y[group == number], x[group == number]), np.zeros((group == number).sum(), int), 1)
        assert both.value[2 * number] == pytest.approx(own.value[0])
        assert both.variance[2 * number] == pytest.approx(own.variance[0])
    assert both.value[0] + both.value[1] == pytest.approx(1)


def test_a_share_of_independent_mentions_has_wilsons_interval() -> None:
    low, high = independent([0.1, 0.5, 0.93], [40, 11, 1000]).interval(0.95)
    for k, (count, n) in enumerate([(4, 40), (5.5, 11), (930, 1000)]):
        assert (low[k], high[k]) == pytest.approx(proportion_confint(count, n, method="wilson"))


def test_a_count_of_zero_has_the_upper_end_of_the_rule_of_three() -> None:
    x = np.ones(100)
    made, _ = estimate(ratios(np.zeros(100), x), np.zeros(100, dtype=np.int64), 1)
    low, high = made.interval(0.95)
    assert low[0] == 0
    assert high[0] == pytest.approx(scipy.stats.beta.ppf(0.95, 1, 100))  # Clopper and Pearson's, one-sided
    assert high[0] == pytest.approx(3 / 100, rel=0.02)
    mirrored, _ = estimate(ratios(x, x), np.zeros(100, dtype=np.int64), 1)
    assert mirrored.interval(0.95)[0][0] == pytest.approx(1 - high[0])


def test_a_zero_among_documents_that_clump_counts_documents() -> None:
    """Group 0 has none; in group 1 whole documents have it or not, so a document is worth one mention."""
    y, x = np.r_[np.zeros(20), np.tile([0, 10], 10)], np.full(40, 10)
    made, _ = estimate(ratios(y, x), np.repeat([0, 1], 20), 2)
    assert 20 <= made.effective[0] <= 25


def test_rates_are_symmetric_on_the_log_scale() -> None:
    y, x = clustered(2)
    made, _ = estimate(ratios(y, x, "per_100_sentences"), np.zeros(len(x), dtype=np.int64), 1)
    low, high = made.interval(0.95)
    q = scipy.stats.t.ppf(0.975, (x > 0).sum() - 1)
    assert low[0] * high[0] == pytest.approx(made.value[0] ** 2)
    assert np.log(high[0] / made.value[0]) == pytest.approx(q * np.sqrt(made.variance[0]) / made.value[0])


def test_one_document_says_nothing() -> None:
    made, _ = estimate(ratios(np.array([2]), np.array([5])), np.zeros(1, dtype=np.int64), 1)
    low, high = made.interval(0.95)
    assert (low[0], high[0]) == (0, 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 30), st.floats(0.5, 0.99))
def test_a_share_stays_within_its_interval_and_zero_to_one(seed: int, documents: int, level: float) -> None:
    y, x = clustered(seed, documents)
    if not x.sum():
        return
    made, _ = estimate(ratios(y, x), np.zeros(documents, dtype=np.int64), 1)
    low, high = made.interval(level)
    wide_low, wide_high = made.interval(0.995)
    assert 0 <= wide_low[0] <= low[0] <= made.value[0] + 1e-12
    assert made.value[0] - 1e-12 <= high[0] <= wide_high[0] <= 1


def test_the_bootstrap_has_the_spread_of_scipys() -> None:
    y, x = clustered(3)
    low, high = bootstrap(ratios(y, x), np.arange(len(x)), level=0.9, resamples=4000, seed=1)
    kept = x > 0
    theirs = scipy.stats.bootstrap(
        (y[kept], x[kept]),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        paired=True,
        vectorized=True,
        confidence_level=0.9,
        n_resamples=4000,
        method="percentile",
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert (low[0], high[0]) == pytest.approx((theirs.low, theirs.high), abs=0.006)


def test_sums_leave_out_documents_without_a_denominator() -> None:
    y, x = np.array([1, 0, 0]), np.array([2, 0, 3])
    assert group_sums(ratios(y, x), np.zeros(3, dtype=np.int64), 1).documents[0, 0] == 2


def test_a_difference_is_newcombes() -> None:
    found = differ(independent([0.7], [80]), independent([0.6], [70]), level=0.95)
    theirs = confint_proportions_2indep(56, 80, 42, 70, method="newcomb")
    assert (found.low[0], found.high[0]) == pytest.approx(theirs, abs=1e-6)
    assert found.ratio[0] == pytest.approx(0.7 / 0.3 / (0.6 / 0.4))


def test_p_is_where_the_interval_touches_zero() -> None:
    first, second = independent([0.7, 0.1, 0.5], [80, 50, 40]), independent([0.6, 0.4, 0.5], [70, 60, 40])
    found = differ(first, second)
    for k in (0, 1):
        edge = differ(first.take(np.array([k])), second.take(np.array([k])), level=float(1 - found.p[k]))
        assert min(abs(edge.low[0]), abs(edge.high[0])) == pytest.approx(0, abs=1e-6)
    assert found.p[2] == 1
    # Near what the textbook's test of two proportions says.
    table = [[5, 45], [24, 36]]
    assert found.p[1] == pytest.approx(scipy.stats.chi2_contingency(table, correction=False).pvalue, abs=0.003)


def test_two_zeros_do_not_differ_and_zero_differs_from_much() -> None:
    zero = Estimates(np.zeros(1), np.zeros(1), np.full(1, 50.0), np.full(1, 49.0), np.ones(1, dtype=bool))
    assert differ(zero, zero).p[0] == 1
    assert differ(independent([0.4], [50]), zero).p[0] < 1e-4


def test_q_values_are_statsmodels() -> None:
    p = np.random.default_rng(0).uniform(0, 1, 40) ** 2
    theirs = multipletests(p, method="fdr_bh")[1]
    assert q_values(p) == pytest.approx(theirs)
    with_gap = q_values(np.r_[p, np.nan])
    assert np.isnan(with_gap[-1])
    assert with_gap[:-1] == pytest.approx(theirs)
