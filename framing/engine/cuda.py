"""An NVIDIA GPU: copies run on streams of their own, and the model is replayed as CUDA graphs.

A small encoder runs some hundred kernels of a few microseconds each; launching them one by one takes the CPU longer
than the GPU computes. A CUDA graph launches all of them at once, for one shape in fixed memory (PyTorch's "Accelerating
PyTorch with CUDA graphs", 2021, and its notes on CUDA semantics). Each new graph is compared with the plain model. If a
graph cannot be made or differs, the engine goes on without graphs, and :meth:`CudaDevice.describe` says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol

import torch

from framing.engine.pipeline import Buffers, Shape, Slot, Widths

#: How often a shape is run plainly before it becomes a graph; this also lets libraries choose their kernels.
PLAIN_RUNS = 2
#: The most graphs. They share memory for intermediate results, but not for their nodes.
MOST_GRAPHS = 128
#: How far two ways of computing the same logits may differ by rounding; a real fault makes a larger difference.
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.25, torch.float16: 0.05}


class Function(Protocol):
    """A function from packed cells to logits, such as :class:`framing.engine.torch.Network`."""

    widths: Widths
    dtype: torch.dtype

    def __call__(self, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """int32 [rows, length] -> float32 [rows, length, widths.token] and [rows, widths.sentence]."""
        ...


class Recorder(Protocol):
    """Records the work that a function queues, so that it can be replayed."""

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Record work without computing. The returned function computes it, in the same memory.

        Raises:
            torch.OutOfMemoryError, RuntimeError: the work cannot be recorded.
        """
        ...


class GraphRecorder:
    """Captures CUDA graphs on a stream. They share one memory pool, so only one may run at a time."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self._stream = stream
        self._pool = torch.cuda.graph_pool_handle()

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """Capture a graph."""
        graph = torch.cuda.CUDAGraph()
        # With "thread_local", other threads may use the GPU meanwhile.
        with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
            work()
        return graph.replay


class Graphs:
    """Runs a function on buffers: plainly at first, and for shapes that come again by replaying a record.

    A record works in fixed memory, so input and output are copied there and back, which costs little beside the model.
    Only one thread may use it at a time.

    Args:
        function: the function to run.
        recorder: records the function; if ``None``, nothing is recorded.
        fixed: allocates the fixed memory, given a number of cells.

    Attributes:
        off: why nothing is recorded; ``None`` if records are made.
    """

    def __init__(self, function: Function, recorder: Recorder | None, fixed: Callable[[int], Buffers]) -> None:
        self.off = None if recorder else "the model's weights may move"
        self._function = function
        self._recorder = recorder
        self._allocate = fixed
        self._fixed: Buffers | None = None
        self._runs: Counter[Shape] = Counter()
        self._replays: dict[Shape, Callable[[], None]] = {}

    def __len__(self) -> int:
        return len(self._replays)

    def compute(self, buffers: Buffers, shape: Shape) -> None:
        """Compute the output of the input in the buffers.

        Raises:
            torch.OutOfMemoryError: the memory is too small for the function or the record.
        """
        if shape in self._replays and self._fixed is not None:
            self._fixed.cells_of(shape).copy_(buffers.cells_of(shape))
            self._replays[shape]()
            buffers.tokens_of(shape).copy_(self._fixed.tokens_of(shape))
            buffers.sentences_of(shape).copy_(self._fixed.sentences_of(shape))
            return
        self._run(buffers, shape)
        self._runs[shape] += 1
        if self.off is None and self._runs[shape] >= PLAIN_RUNS and len(self) < MOST_GRAPHS:
            self._record(buffers, shape)

    def forget(self) -> None:
        """Free all records and their memory."""
        self._replays.clear()
        self._runs.clear()
        self._fixed = None

    def _run(self, buffers: Buffers, shape: Shape) -> None:
        tokens, sentences = self._function(buffers.cells_of(shape))
        buffers.tokens_of(shape).copy_(tokens)
        buffers.sentences_of(shape).copy_(sentences)

    def _record(self, buffers: Buffers, shape: Shape) -> None:
        """Record a shape, and compare the record's output with the output that was just computed."""
        if self._fixed is None:
            self._fixed = self._allocate(buffers.capacity)
        fixed = self._fixed
        if fixed.capacity < shape.cells:
            return
        fixed.cells_of(shape).copy_(buffers.cells_of(shape))
        try:
            assert self._recorder is not None
            replay = self._recorder.record(lambda: self._run(fixed, shape))
            replay()
            same = self._same(fixed, buffers, shape)
        except RuntimeError as error:
            if out_of_memory := _out_of_memory(error):
                raise out_of_memory from None
            self._turn_off(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
            return
        if not same:
            self._turn_off(f"the graph of {shape.rows} x {shape.length} differs from the plain model")
            return
        self._replays[shape] = replay

    def _same(self, fixed: Buffers, buffers: Buffers, shape: Shape) -> bool:
        tolerance = TOLERANCE[self._function.dtype]
        pairs = (
            (fixed.tokens_of(shape), buffers.tokens_of(shape)),
            (fixed.sentences_of(shape), buffers.sentences_of(shape)),
        )
        return all(torch.allclose(one, other, rtol=0, atol=tolerance) for one, other in pairs)

    def _turn_off(self, reason: str) -> None:
        self.forget()
        self.off = reason


class CudaSlot(Slot):
    """A chunk's page-locked memory on the host, its memory on the GPU, and the event that its output is copied back."""

    def __init__(self, widths: Widths, capacity: int, device: torch.device) -> None:
        super().__init__(widths, capacity, pinned=True)
        self.on_device = Buffers(widths, capacity, device=device)
        self.ready = torch.cuda.Event()


class CudaDevice:
    """Computes on one stream while two others copy in and out.

    Args:
        function: the model, on the device.
        device: the GPU.
        graphs: whether to replay CUDA graphs.
    """

    def __init__(self, function: Function, device: torch.device, *, graphs: bool) -> None:
        self.widths = function.widths
        self._device = device
        self._copy_in, self._compute, self._copy_out = (torch.cuda.Stream(device) for _ in range(3))
        self._lock = Lock()
        recorder = GraphRecorder(self._compute) if graphs else None
        self._graphs = Graphs(function, recorder, lambda cells: Buffers(self.widths, cells, device=device))

    def new_slot(self, cells: int) -> CudaSlot:
        """Allocate a slot."""
        with self._lock, torch.cuda.stream(self._compute):
            slot = CudaSlot(self.widths, cells, self._device)
            # Queued kernels may still use this memory, and other streams would not wait for them.
            self._compute.synchronize()
        return slot

    def start(self, slot: CudaSlot, shape: Shape) -> None:
        """Queue copying in, computing and copying out, each on its stream after the one before."""
        inside = slot.on_device
        with self._lock:
            with torch.cuda.stream(self._copy_in):
                inside.cells_of(shape).copy_(slot.cells_of(shape), non_blocking=True)
            # Work that the caller has queued, such as new weights, comes first.
            self._compute.wait_stream(torch.cuda.current_stream(self._device))
            self._compute.wait_stream(self._copy_in)
            with torch.cuda.stream(self._compute):
                self._graphs.compute(inside, shape)
            self._copy_out.wait_stream(self._compute)
            with torch.cuda.stream(self._copy_out):
                slot.tokens_of(shape).copy_(inside.tokens_of(shape), non_blocking=True)
                slot.sentences_of(shape).copy_(inside.sentences_of(shape), non_blocking=True)
                slot.ready.record(self._copy_out)

    def finish(self, slot: CudaSlot) -> None:
        """Wait until the output is copied back."""
        slot.ready.synchronize()

    def release_memory(self) -> None:
        """Free the graphs, and return the memory that torch caches to the driver."""
        with self._lock:
            torch.cuda.synchronize(self._device)
            self._graphs.forget()
            torch.cuda.empty_cache()

    def describe(self) -> dict[str, Any]:
        """The GPU and its graphs."""
        return {
            "device_name": torch.cuda.get_device_name(self._device),
            "cuda": torch.version.cuda,
            "cuda_graphs": len(self._graphs),
            "cuda_graphs_off": self._graphs.off,
        }


def _out_of_memory(error: BaseException | None) -> torch.OutOfMemoryError | None:
    """The OutOfMemoryError that caused an error, or ``None``: a capture without enough memory raises another error."""
    while error is not None and not isinstance(error, torch.OutOfMemoryError):
        error = error.__cause__ or error.__context__
    return error
