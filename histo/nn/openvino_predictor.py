"""Run a bundle's exported graph on the CPU with OpenVINO; imports no torch."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from queue import SimpleQueue
from threading import Lock
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from histo.errors import BackendError
from histo.nn.bundle import GRAPH, Bundle
from histo.nn.openvino_graph import lighten

__all__ = ["OpenVinoPredictor", "cpu_has_bf16", "openvino_core"]


_core_lock = Lock()


def openvino_core() -> ov.Core:
    """Return the one OpenVINO core of this process; it lives as long as the process.

    A core's CPU plugin sets the signal stack of its thread and, when it goes, puts back the one it
    found. Where two cores overlap, that one is gone already, and the next Ctrl-C is a crash.
    """
    with _core_lock:
        return _made_core()


@cache
def _made_core() -> ov.Core:
    """Make it, and have the binding learn numpy's types.

    It does so on first use, and two threads that are first at once wait for each other for ever:
    one holds the table of types, the other Python's lock.
    """
    ov.Type(np.dtype(np.uint8)).to_dtype()
    return ov.Core()


def cpu_has_bf16() -> bool:
    """Whether OpenVINO computes in bf16 on this CPU."""
    capabilities = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "BF16" in capabilities


@dataclass(frozen=True)
class _Compiled:
    """A network ready for tiles up to a size.

    Attributes
    ----------
    largest
        (height, width) of the largest tile.
    border
        Canvas pixels along each edge that it leaves out.
    model
        The compiled model, whose requests they are.
    requests
        Those that are free.
    workers
        As many threads as there are requests; each waits for one.
    """

    largest: tuple[int, int]
    border: int
    model: Any
    requests: SimpleQueue[Any]
    workers: ThreadPoolExecutor


class OpenVinoPredictor:
    """Probabilities from OpenVINO, one tile a request, several requests in flight.

    Tiles may be of any size up to the largest so far, and of several sizes in turn; calls from
    several threads share the requests.

    Parameters
    ----------
    bundle
        Its ``graph.onnx`` is read after its digest was checked.
    reduction
        k: the graph ends with a mean over k x k pixels.
    precision
        "f32", "bf16", or "auto": f32, so that every machine gives the same numbers.
    context_px
        Border of a tile whose answer nobody reads: it is not computed, and comes out as 0.
    threads
        CPU threads; None leaves it to OpenVINO.

    Raises
    ------
    BackendError
        If OpenVINO cannot read the graph or lacks bf16 on this CPU.
    """

    lanes = 2  # the first tiles of a call run beside the last of the one before

    def __init__(
        self,
        bundle: Bundle,
        *,
        reduction: int = 1,
        precision: str = "auto",
        context_px: int = 0,
        threads: int | None = None,
    ) -> None:
        card = bundle.card
        self.outputs = tuple(str(component) for component in card.components)
        self.reduction = reduction
        self.stride = card.network.stride_px
        if precision == "bf16" and not cpu_has_bf16():
            raise BackendError("this CPU has no bf16; use --precision f32 (or auto).")
        self.precision = "bf16" if precision == "bf16" else "f32"
        self.name = f"openvino cpu {self.precision}"
        self._threads = threads or os.cpu_count() or 1
        try:
            self._model = openvino_core().read_model(str(bundle.file(GRAPH)))
        except RuntimeError as fault:
            raise BackendError(f"OpenVINO cannot read the graph of {card.name}.") from fault
        self._context_px = context_px
        self._lock = Lock()  # one thread compiles, the others wait
        self._compiled: _Compiled | None = None

    def prepare(self, height: int, width: int) -> None:
        """Compile for tiles up to that size; done on the first call if not before."""
        self._ready(height, width)

    def __call__(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities (N, C, H // k, W // k) of RGB tiles (N, H, W, 3)."""
        count, height, width = tiles.shape[:3]
        compiled, k = self._ready(height, width), self.reduction
        result = np.zeros((count, len(self.outputs), height // k, width // k), np.float32)
        for _ in compiled.workers.map(partial(_infer, compiled), tiles, result):
            pass
        return result

    def release_memory(self) -> None:
        """Give back what the layers' outputs take; no call may be under way."""
        with self._lock:
            if self._compiled is not None:
                self._compiled.model.release_memory()

    def _ready(self, height: int, width: int) -> _Compiled:
        """Return the network compiled for tiles of that size, and of those asked for before."""
        if height % self.stride or width % self.stride:
            raise ValueError(f"tiles are multiples of {self.stride} px, found {height} x {width}")
        with self._lock:
            before = self._compiled
            if before is None or height > before.largest[0] or width > before.largest[1]:
                largest = (0, 0) if before is None else before.largest
                self._compiled = self._compile(max(height, largest[0]), max(width, largest[1]))
            assert self._compiled is not None  # noqa: S101  (for the type checker)
            return self._compiled

    def _compile(self, height: int, width: int) -> _Compiled:
        """Compile for tiles up to a size: with bounds it is as fast as for that size alone."""
        model = self._model.clone()
        model.reshape([1, height, width, 3])
        model, border_px = lighten(model, self.reduction, self._context_px)
        sides = [ov.Dimension(self.stride, side) for side in (height, width)]
        model.reshape(ov.PartialShape([1, *sides, 3]))
        compiled = openvino_core().compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": self.precision,
                "PERFORMANCE_HINT": "THROUGHPUT",
                "INFERENCE_NUM_THREADS": str(self._threads),
            },
        )
        count = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        requests: SimpleQueue[Any] = SimpleQueue()
        for _ in range(count):
            requests.put(compiled.create_infer_request())
        workers = ThreadPoolExecutor(count, thread_name_prefix="openvino")
        border = border_px // self.reduction
        return _Compiled((height, width), border, compiled, requests, workers)


def _infer(compiled: _Compiled, tile: NDArray[np.uint8], result: NDArray[np.float32]) -> None:
    """Put a tile's probabilities, shape (C, height, width), into its result."""
    request = compiled.requests.get()
    try:
        request.infer({0: tile[None]}, share_inputs=True)
        b, (height, width) = compiled.border, result.shape[1:]
        result[:, b : height - b, b : width - b] = request.get_output_tensor(0).data[0]
    finally:
        compiled.requests.put(request)
