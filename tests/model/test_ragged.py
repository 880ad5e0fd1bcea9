"""Runs laid one after the other, against Python's own ranges."""

from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.model.ragged import count_up, largest, starts_of


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 9)), max_size=30))
@settings(max_examples=100, deadline=None)
def test_runs_are_ranges(runs: list[tuple[int, int]]) -> None:
    first = np.array([start for start, _ in runs], dtype=np.int64)
    lengths = np.array([length for _, length in runs], dtype=np.int64)
    assert starts_of(lengths).tolist() == [0, *accumulate(lengths.tolist())]
    assert count_up(first, lengths).tolist() == [n for start, length in runs for n in range(start, start + length)]


@pytest.mark.parametrize("runs", [1, 3, 400])  # both ways of reducing
def test_the_largest_of_each_run(runs: int) -> None:
    rng = np.random.default_rng(runs)
    lengths = rng.integers(1, 40, runs)
    values = rng.normal(size=(lengths.sum(), 5)).astype(np.float32)
    starts = starts_of(lengths)
    expected = [values[start:end].max(axis=0) for start, end in pairwise(starts)]
    np.testing.assert_array_equal(largest(values, lengths), expected)
