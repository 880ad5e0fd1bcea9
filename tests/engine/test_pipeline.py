"""Order, slots and memory of the pipeline, on a device that finishes late and runs out of memory when told to."""

from collections import deque
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from framing.engine.base import Batch
from framing.engine.pipeline import IN_FLIGHT, Cells, Pipeline, Shape, Shapes, Slot, Widths, cut, pack

WIDTHS = Widths(token=5, sentence=2)
LENGTHS = (4, 8, 12, 16)


class LateDevice:
    """Reads a slot only when it is waited for, and computes something that every id of a row has a part in.

    A slot that is filled again too early therefore gives wrong results.
    """

    widths = WIDTHS

    def __init__(self, most_cells: int = 10**9) -> None:
        self.most_cells = most_cells
        self.slots = 0
        self.most_queued = 0
        self.released = 0
        self.shapes: list[Shape] = []
        self._queue: deque[tuple[Slot, Shape]] = deque()

    def new_slot(self, cells: int) -> Slot:
        self.slots += 1
        return Slot(WIDTHS, cells)

    def start(self, slot: Slot, shape: Shape) -> None:
        if shape.cells > self.most_cells:
            raise torch.OutOfMemoryError("out of memory")
        assert all(slot is not other for other, _ in self._queue), "the slot is still in use"
        self._queue.append((slot, shape))
        self.shapes.append(shape)
        self.most_queued = max(self.most_queued, len(self._queue))

    def finish(self, slot: Slot) -> None:
        while any(slot is other for other, _ in self._queue):
            done, shape = self._queue.popleft()
            tokens, sentences = logits_of(done.cells_of(shape))
            done.tokens_of(shape).copy_(tokens)
            done.sentences_of(shape).copy_(sentences)

    def release_memory(self) -> None:
        assert not self._queue
        self.released += 1

    def describe(self) -> dict[str, Any]:
        return {}


def logits_of(cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    unpacked = Cells.unpack(cells)
    total = unpacked.input_ids.sum(dim=1)
    columns = [unpacked.input_ids * (k + 1) + unpacked.quotation + total[:, None] for k in range(WIDTHS.token)]
    return torch.stack(columns, dim=-1).float(), torch.stack((total, unpacked.mask.sum(dim=1)), dim=-1).float()


def expected_of(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    total = batch.input_ids.sum(axis=1)
    columns = [batch.input_ids * (k + 1) + batch.quotation + total[:, None] for k in range(WIDTHS.token)]
    return np.stack(columns, axis=-1), np.stack((total, batch.attention_mask.sum(axis=1)), axis=-1)


def random_batch(rows: int, length: int, seed: int) -> Batch:
    random = np.random.default_rng(seed)
    mask = (np.arange(length) < random.integers(1, length + 1, size=(rows, 1))).astype(np.int64)
    return Batch(random.integers(1, 30522, size=(rows, length)) * mask, mask, mask * random.integers(0, 2, mask.shape))


batches_of_any_form = st.lists(
    st.builds(random_batch, st.integers(0, 40), st.integers(1, 20), st.integers(0, 10**6)), max_size=12
)
shapes_of_any_kind = st.builds(Shapes, st.integers(1, 400), st.sampled_from([(), LENGTHS]))


def check(pipeline: Pipeline[Slot], batches: list[Batch]) -> None:
    results = list(pipeline.run_all(batches))  # kept, as a caller may
    assert len(results) == len(batches)
    for batch, logits in zip(batches, results, strict=True):
        tokens, sentences = expected_of(batch)
        np.testing.assert_array_equal(logits.tokens, tokens)
        np.testing.assert_array_equal(logits.sentences, sentences)


@pytest.mark.slow
@given(batches=batches_of_any_form, shapes=shapes_of_any_kind)
@settings(max_examples=50, deadline=None)
def test_results_are_right_and_in_order_whatever_the_batches(batches: list[Batch], shapes: Shapes) -> None:
    device = LateDevice()
    pipeline = Pipeline(device, shapes)
    check(pipeline, batches)
    check(pipeline, batches)
    assert device.most_queued <= IN_FLIGHT
    assert device.released == 0


@pytest.mark.slow
@given(batches=batches_of_any_form, shapes=shapes_of_any_kind, most_cells=st.integers(40, 300))
@settings(max_examples=50, deadline=None)
def test_what_does_not_fit_is_halved_and_nothing_else_changes(
    batches: list[Batch], shapes: Shapes, most_cells: int
) -> None:
    device = LateDevice(most_cells)
    pipeline = Pipeline(device, shapes)
    check(pipeline, batches)
    assert all(shape.cells <= most_cells for shape in device.shapes)
    assert (device.released > 0) == (pipeline.shapes.token_budget < shapes.token_budget)
    # The lesson is learned: the same batches fit at once now.
    released = device.released
    check(pipeline, batches)
    assert device.released == released


def test_a_row_that_does_not_fit_is_an_error_and_the_others_still_run() -> None:
    device = LateDevice(most_cells=15)
    pipeline = Pipeline(device, Shapes(64))
    with pytest.raises(torch.OutOfMemoryError):
        list(pipeline.run_all([random_batch(3, 5, 0), random_batch(1, 16, 1), random_batch(3, 5, 2)]))
    check(pipeline, [random_batch(3, 5, 3)])


def test_slots_are_used_again_and_an_abandoned_run_leaves_none_in_use() -> None:
    device = LateDevice()
    pipeline = Pipeline(device, Shapes(64, LENGTHS))
    batches = [random_batch(8, 8, seed) for seed in range(50)]
    started = pipeline.run_all(batches)
    next(started)
    started.close()
    check(pipeline, batches)
    assert device.slots == IN_FLIGHT
    assert device.most_queued == IN_FLIGHT


def test_runs_inside_one_another_do_not_disturb_each_other() -> None:
    pipeline = Pipeline(LateDevice(), Shapes(64, LENGTHS))
    outer = [random_batch(8, 8, seed) for seed in range(10)]
    for batch, logits in zip(outer, pipeline.run_all(outer), strict=True):
        check(pipeline, [random_batch(5, 7, 99), random_batch(9, 8, 98)])
        np.testing.assert_array_equal(logits.sentences, expected_of(batch)[1])


@given(batches=batches_of_any_form, shapes=shapes_of_any_kind)
@settings(max_examples=50, deadline=None)
def test_chunks_hold_every_row_once_in_order_within_the_budget(batches: list[Batch], shapes: Shapes) -> None:
    chunks = list(cut(batches, shapes))
    held = [(p.batch, row) for chunk in chunks for p in chunk.pieces for row in range(p.first, p.end)]
    assert held == [(number, row) for number, batch in enumerate(batches) for row in range(len(batch))]
    for chunk in chunks:
        assert chunk.rows == 1 or chunk.rows * chunk.length <= shapes.token_budget
        assert chunk.length == max(shapes.length(batches[piece.batch].input_ids.shape[1]) for piece in chunk.pieces)
    # Of each run of batches of one length, only the last chunk may be less than full.
    for length, run in groupby(chunks, key=lambda chunk: chunk.length):
        assert all(chunk.rows == shapes.most_rows(length) for chunk in list(run)[:-1])


@given(rows=st.integers(1, 600), length=st.integers(1, 300))
@settings(max_examples=200, deadline=None)
def test_shapes_are_few_and_waste_at_most_half(rows: int, length: int) -> None:
    shapes = Shapes(2048, tuple(range(8, 257, 8)))
    padded = shapes.length(length)
    assert padded == (-(-length // 8) * 8 if length <= 256 else length)
    rows = min(rows, shapes.most_rows(padded))
    shape = shapes.of(rows, padded)
    assert rows <= shape.rows < 2 * rows + 1
    assert len({shapes.of(n, padded) for n in range(1, shapes.most_rows(padded) + 1)}) <= 9


@given(ids=st.lists(st.integers(0, 2**28), min_size=1, max_size=20), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_cells_unpack_to_what_was_packed(ids: list[int], seed: int) -> None:
    batch = random_batch(1, len(ids), seed)
    batch = Batch(np.array([ids], dtype=np.int64), batch.attention_mask, batch.quotation)
    cells = torch.from_numpy(pack(batch, slice(None))).to(torch.int32)
    unpacked = Cells.unpack(cells)
    assert unpacked.input_ids.tolist() == [ids]
    assert unpacked.quotation.tolist() == batch.quotation.tolist()
    assert unpacked.mask.tolist() == batch.attention_mask.tolist()


@pytest.fixture(autouse=True)
def few_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
