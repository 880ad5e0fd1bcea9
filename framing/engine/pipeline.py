"""Run batches on a device: cut into few shapes, several at a time, with results in the order of the input.

This module has only the logic; a :class:`Device` computes: the CPU, a GPU, or one made for a test. Batches are cut into
*chunks*, runs of rows that fill one of a few shapes; neighbouring batches of one padded length share chunks. A chunk is
copied through a :class:`Slot`, memory that is allocated once and used again: a GPU can copy while it computes only from
and to page-locked memory, and locking pages takes longer than computing a batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch

from framing.engine.base import Batch, BatchLogits

#: Chunks in work at a time: one is computed while one is copied in and one out.
IN_FLIGHT = 3


# --- shapes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shape:
    """Rows of one length, padding included."""

    rows: int
    length: int

    @property
    def cells(self) -> int:
        """How many tokens it holds, padding included."""
        return self.rows * self.length


@dataclass(frozen=True, slots=True)
class Shapes:
    """The shapes that a device computes.

    Attributes:
        token_budget: cells of the largest shape. A row longer than that has a shape of its own.
        lengths: ascending; rows are padded to the next of these lengths; longer rows are not padded. If empty, all rows
            keep their length, and no rows of padding are added.
    """

    token_budget: int
    lengths: tuple[int, ...] = ()

    def length(self, width: int) -> int:
        """The length to which a row of ``width`` tokens is padded."""
        return next((length for length in self.lengths if length >= width), width)

    def most_rows(self, length: int) -> int:
        """Rows of the largest shape of this length; a multiple of 8 if there are lengths, for tensor cores."""
        rows = max(1, self.token_budget // length)
        return rows - rows % 8 if self.lengths and rows > 8 else rows

    def of(self, rows: int, length: int) -> Shape:
        """The shape for this many rows: the largest of its length, or the smallest half, quarter, … that holds them."""
        if not self.lengths:
            return Shape(rows, length)
        padded = self.most_rows(length)
        while padded // 2 >= rows:
            padded //= 2
        return Shape(max(padded, rows), length)


# --- chunks -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows ``first:end`` of the batch with the number ``batch``."""

    batch: int
    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows that are computed together.

    Attributes:
        length: the length to which rows are padded.
        pieces: the rows, in the order of the batches.
    """

    length: int
    pieces: tuple[Piece, ...]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(piece.end - piece.first for piece in self.pieces)

    def split(self, rows: int) -> tuple[Chunk, Chunk]:
        """The first ``rows`` rows, and the others."""
        before: list[Piece] = []
        after: list[Piece] = []
        for piece in self.pieces:
            cut = min(piece.end, piece.first + rows)
            if cut > piece.first:
                before.append(Piece(piece.batch, piece.first, cut))
            if cut < piece.end:
                after.append(Piece(piece.batch, cut, piece.end))
            rows -= cut - piece.first
        return Chunk(self.length, tuple(before)), Chunk(self.length, tuple(after))


def cut(batches: Iterable[Batch], shapes: Shapes) -> Iterator[Chunk]:
    """Cut batches into chunks that fill their shapes; every row is in one chunk, in order."""
    open_chunk = Chunk(0, ())
    for number, batch in enumerate(batches):
        if not len(batch):
            continue
        length = shapes.length(batch.input_ids.shape[1])
        if length != open_chunk.length and open_chunk.pieces:
            yield open_chunk
            open_chunk = Chunk(length, ())
        open_chunk = Chunk(length, (*open_chunk.pieces, Piece(number, 0, len(batch))))
        most = shapes.most_rows(length)
        while open_chunk.rows >= most:
            full, open_chunk = open_chunk.split(most)
            yield full
    if open_chunk.pieces:
        yield open_chunk


# --- cells: packed batches --------------------------------------------------------------------------------------------


def pack(batch: Batch, rows: slice) -> np.ndarray:
    """Pack rows of a batch: int64 [rows, length], ``id * 4 + quotation * 2 + mask``.

    The values fit int32, which makes a sixth of the bytes to copy.
    """
    return batch.input_ids[rows] * 4 + batch.quotation[rows] * 2 + batch.attention_mask[rows]


@dataclass(frozen=True, slots=True)
class Cells:
    """Rows unpacked from :func:`pack`: integer tensors [rows, length]; a cell of 0 is padding."""

    input_ids: torch.Tensor
    quotation: torch.Tensor
    mask: torch.Tensor

    @classmethod
    def unpack(cls, cells: torch.Tensor) -> Cells:
        """Unpack on the tensor's device."""
        return cls(cells >> 2, (cells >> 1) & 1, cells & 1)


# --- the device and its slots -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Widths:
    """How many logits a token has, and how many a row (a sentence)."""

    token: int
    sentence: int


@dataclass(frozen=True, slots=True)
class Output:
    """Logits of a chunk: float32 ``tokens`` [rows, length, widths.token], ``sentences`` [rows, widths.sentence]."""

    tokens: np.ndarray
    sentences: np.ndarray


class Buffers:
    """Memory for the input and the output of one chunk at a time.

    Args:
        widths: how wide the output is.
        capacity: the most cells of a chunk.
        device: where the memory is; the host if ``None``.
        pinned: page-lock the memory; only on the host.
    """

    def __init__(
        self, widths: Widths, capacity: int, *, device: torch.device | None = None, pinned: bool = False
    ) -> None:
        self.capacity = capacity
        self._widths = widths
        self._cells = torch.zeros(capacity, dtype=torch.int32, device=device, pin_memory=pinned)
        self._tokens = torch.zeros(capacity * widths.token, device=device, pin_memory=pinned)
        self._sentences = torch.zeros(capacity * widths.sentence, device=device, pin_memory=pinned)

    def cells_of(self, shape: Shape) -> torch.Tensor:
        """The packed input as int32 [rows, length], a view."""
        return self._cells[: shape.cells].view(shape.rows, shape.length)

    def tokens_of(self, shape: Shape) -> torch.Tensor:
        """The tokens' output as float32 [rows, length, widths.token], a view."""
        return self._tokens[: shape.cells * self._widths.token].view(shape.rows, shape.length, self._widths.token)

    def sentences_of(self, shape: Shape) -> torch.Tensor:
        """The rows' output as float32 [rows, widths.sentence], a view."""
        return self._sentences[: shape.rows * self._widths.sentence].view(shape.rows, self._widths.sentence)


class Slot(Buffers):
    """A chunk's memory on the host; a device that needs more than that has slots of its own class."""

    def fill(self, chunk: Chunk, batches: Sequence[Batch], shape: Shape) -> None:
        """Pack a chunk's rows; the rest of the shape becomes padding."""
        cells = self.cells_of(shape).numpy()
        cells[...] = 0
        row = 0
        for piece in chunk.pieces:
            batch = batches[piece.batch]
            count = piece.end - piece.first
            cells[row : row + count, : batch.input_ids.shape[1]] = pack(batch, slice(piece.first, piece.end))
            row += count

    def read(self, shape: Shape) -> Output:
        """The logits that the device has written; views of the slot's memory."""
        return Output(self.tokens_of(shape).numpy(), self.sentences_of(shape).numpy())


SomeSlot = TypeVar("SomeSlot", bound=Slot)


class Device(Protocol[SomeSlot]):
    """Where a pipeline computes."""

    @property
    def widths(self) -> Widths:
        """How wide the output is."""
        ...

    def new_slot(self, cells: int) -> SomeSlot:
        """Allocate a slot for this many cells."""
        ...

    def start(self, slot: SomeSlot, shape: Shape) -> None:
        """Queue the slot's chunk; may return before it is computed.

        Raises:
            torch.OutOfMemoryError: the chunk does not fit into the device's memory.
        """
        ...

    def finish(self, slot: SomeSlot) -> None:
        """Wait until the slot holds the output of the chunk that was started in it last."""
        ...

    def release_memory(self) -> None:
        """Free memory that can be allocated again; called only if no chunk is in work."""
        ...

    def describe(self) -> dict[str, Any]:
        """What the device is and how it computes, JSON-ready."""
        ...


# --- the pipeline -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Started(Generic[SomeSlot]):
    chunk: Chunk
    shape: Shape
    slot: SomeSlot


class Pipeline(Generic[SomeSlot]):
    """Runs batches on a device. A chunk that does not fit into its memory is halved until it does.

    Safe to use from several threads; each has slots of its own while it runs.

    Args:
        device: the device that computes.
        shapes: the shapes that it computes.

    Attributes:
        shapes: as given, but with a smaller budget after the memory was too small.
    """

    def __init__(self, device: Device[SomeSlot], shapes: Shapes) -> None:
        self.shapes = shapes
        self._device = device
        self._idle: list[SomeSlot] = []
        self._lock = Lock()

    def run_all(self, batches: Sequence[Batch]) -> Iterator[BatchLogits]:
        """Run batches; results in their order, in new memory.

        Raises:
            torch.OutOfMemoryError: a single row does not fit.
        """
        waiting = deque(cut(batches, self.shapes))
        flying: deque[_Started[SomeSlot]] = deque()
        results = _Results(batches, self._device.widths)
        try:
            while waiting or flying:
                if not waiting or len(flying) == IN_FLIGHT:
                    yield from self._land(flying, results)
                    continue
                chunk = self._fitting(waiting)
                if self._takes_off(chunk, batches, flying):
                    continue
                # It does not fit: finish the others, free memory, and try one half.
                while flying:
                    yield from self._land(flying, results)
                self._shrink(chunk)
                if chunk.rows == 1:
                    flying.append(self._started(chunk, batches))
                else:
                    waiting.extendleft(reversed(chunk.split(chunk.rows // 2)))
            yield from results.complete()
        finally:
            # The caller stopped early, or an error came. A slot may be used again only after its chunk is finished.
            while flying:
                self._device.finish(flying[0].slot)
                self._give_back(flying.popleft().slot)

    def close(self) -> None:
        """Forget the slots."""
        with self._lock:
            self._idle.clear()

    def _fitting(self, waiting: deque[Chunk]) -> Chunk:
        """The next chunk, or the part of it that fits the budget, which may have shrunk since the chunk was cut."""
        chunk = waiting.popleft()
        most = self.shapes.most_rows(chunk.length)
        if chunk.rows > most:
            chunk, rest = chunk.split(most)
            waiting.appendleft(rest)
        return chunk

    def _takes_off(self, chunk: Chunk, batches: Sequence[Batch], flying: deque[_Started[SomeSlot]]) -> bool:
        """Start a chunk; returns whether it fits. The error ends here: its traceback would keep memory in use."""
        try:
            flying.append(self._started(chunk, batches))
        except torch.OutOfMemoryError:
            return False
        return True

    def _started(self, chunk: Chunk, batches: Sequence[Batch]) -> _Started[SomeSlot]:
        shape = self.shapes.of(chunk.rows, chunk.length)
        slot = self._take_slot(shape)
        slot.fill(chunk, batches, shape)
        self._device.start(slot, shape)
        return _Started(chunk, shape, slot)

    def _land(self, flying: deque[_Started[SomeSlot]], results: _Results) -> Iterator[BatchLogits]:
        """Wait for the oldest chunk; yields the batches that it completes."""
        started = flying.popleft()
        self._device.finish(started.slot)
        results.add(started.chunk, started.slot.read(started.shape))
        self._give_back(started.slot)
        yield from results.complete()

    def _shrink(self, chunk: Chunk) -> None:
        cells = min(self.shapes.token_budget, chunk.rows * chunk.length)
        self.shapes = Shapes(max(1, cells // 2), self.shapes.lengths)
        self.close()
        self._device.release_memory()

    def _take_slot(self, shape: Shape) -> SomeSlot:
        with self._lock:
            while self._idle:
                slot = self._idle.pop()
                if slot.capacity >= shape.cells:
                    return slot
        return self._device.new_slot(max(shape.cells, self.shapes.token_budget))

    def _give_back(self, slot: SomeSlot) -> None:
        with self._lock:
            self._idle.append(slot)


class _Results:
    """Assembles the logits of batches from those of chunks."""

    def __init__(self, batches: Sequence[Batch], widths: Widths) -> None:
        self._batches = batches
        self._widths = widths
        self._begun: dict[int, BatchLogits] = {}
        self._missing: dict[int, int] = {}
        self._next = 0
        for number, batch in enumerate(batches):
            if not len(batch):  # no chunk has rows of it
                self._begin(number)

    def add(self, chunk: Chunk, output: Output) -> None:
        """Copy a chunk's logits into those of its batches."""
        row = 0
        for piece in chunk.pieces:
            logits = self._begin(piece.batch)
            source = slice(row, row + piece.end - piece.first)
            target = slice(piece.first, piece.end)
            logits.tokens[target] = output.tokens[source, : logits.tokens.shape[1]]
            logits.sentences[target] = output.sentences[source]
            self._missing[piece.batch] -= piece.end - piece.first
            row = source.stop

    def complete(self) -> Iterator[BatchLogits]:
        """The batches completed since the last call, in order, as chunks come in order."""
        while self._missing.get(self._next) == 0:
            del self._missing[self._next]
            self._next += 1
            yield self._begun.pop(self._next - 1)

    def _begin(self, number: int) -> BatchLogits:
        if number not in self._begun:
            rows, length = self._batches[number].input_ids.shape
            shapes = ((rows, length, self._widths.token), (rows, self._widths.sentence))
            self._begun[number] = BatchLogits(*(np.empty(shape, dtype=np.float32) for shape in shapes))
            self._missing[number] = rows
        return self._begun[number]
