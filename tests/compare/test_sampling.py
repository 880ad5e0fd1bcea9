"""Samples have the probabilities that they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framing.compare.sampling import draw, inclusion_probabilities
from framing.errors import SettingError


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30), st.data())
def test_probabilities_add_up_and_follow_size(size: list[float], data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(size)))
    p = inclusion_probabilities(np.array(size), n)
    assert p.sum() == pytest.approx(n)
    assert (p > 0).all() and (p <= 1).all()
    below = p < 1 - 1e-9
    if below.any():
        assert p[below] / np.array(size)[below] == pytest.approx(p[below][0] / np.array(size)[below][0])


@pytest.mark.slow
def test_documents_come_as_often_as_their_probability_says() -> None:
    generator = np.random.default_rng(0)
    uncertainty, stratum = generator.gamma(1, 1, 40), np.repeat([0, 1], [30, 10])
    times, weighted = np.zeros(40), np.zeros(40)
    for seed in range(3000):
        found = draw(stratum, uncertainty, each=8, seed=seed)
        assert np.bincount(stratum[found.documents]).tolist() == [8, 8]
        times[found.documents] += 1
        weighted[found.documents] += 1 / found.probability
    assert weighted / 3000 == pytest.approx(np.ones(40), abs=0.15)
    assert np.corrcoef(times[:30], uncertainty[:30])[0, 1] > 0.8


def test_a_draw_is_told_by_its_seed_and_takes_all_of_a_small_stratum() -> None:
    stratum, uncertainty = np.r_[np.zeros(5, int), np.full(3, -1)], np.zeros(8)
    one, other = draw(stratum, uncertainty, each=3, seed=7), draw(stratum, uncertainty, each=3, seed=7)
    assert one.documents.tolist() == other.documents.tolist()
    everything = draw(stratum, uncertainty, each=9)
    assert everything.documents.tolist() == [0, 1, 2, 3, 4]
    assert everything.probability.tolist() == [1.0] * 5


@pytest.mark.parametrize(("each", "lean"), [(0, 0.5), (3, 1.0), (3, -0.1)])
def test_what_cannot_be_drawn(each: int, lean: float) -> None:
    with pytest.raises(SettingError):
        draw(np.zeros(3, int), np.zeros(3), each=each, lean=lean)
