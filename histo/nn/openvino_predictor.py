"""Run a bundle's exported graph on the CPU with OpenVINO; imports no torch."""

import os
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from histo.errors import BackendError
from histo.nn.bundle import GRAPH, Bundle
from histo.nn.openvino_graph import lighten

__all__ = ["OpenVinoPredictor", "cpu_has_bf16", "openvino_core"]


@cache
def openvino_core() -> ov.Core:
    """Return the one OpenVINO core of this process; it lives as long as the process.

    A core's CPU plugin sets the signal stack of its thread and, when it goes, puts back the one it
    found. Where two cores overlap, that one is gone already, and the next Ctrl-C is a crash.
    """
    return ov.Core()


def cpu_has_bf16() -> bool:
    """Whether OpenVINO computes in bf16 on this CPU."""
    capabilities = openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return "BF16" in capabilities


class OpenVinoPredictor:
    """Probabilities from OpenVINO, one tile a request, several requests in flight.

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
        self._border = 0
        self._turn = Lock()  # one queue, one callback: calls from several threads take turns
        self._queue: Any = None
        self._tile_shape: tuple[int, ...] = ()

    def prepare(self, height: int, width: int) -> None:
        """Compile for tiles of that size; done on the first call if not before."""
        if height % self.stride or width % self.stride:
            raise ValueError(f"tiles are multiples of {self.stride} px, found {height} x {width}")
        model = self._model.clone()
        model.reshape([1, height, width, 3])
        model, border_px = lighten(model, self.reduction, self._context_px)
        self._border = border_px // self.reduction
        compiled = openvino_core().compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": self.precision,
                "PERFORMANCE_HINT": "THROUGHPUT",
                "INFERENCE_NUM_THREADS": str(self._threads),
            },
        )
        self._queue = ov.AsyncInferQueue(compiled)
        self._tile_shape = (height, width)

    def __call__(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return probabilities (N, C, H // k, W // k) of RGB tiles (N, H, W, 3)."""
        with self._turn:
            return self._infer(tiles)

    def _infer(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        if tiles.shape[1:3] != self._tile_shape:
            self.prepare(*tiles.shape[1:3])
        count, height, width = tiles.shape[:3]
        k = self.reduction
        result = np.zeros((count, len(self.outputs), height // k, width // k), np.float32)
        rows, cols = (slice(self._border, side // k - self._border) for side in (height, width))

        def keep(request: Any, index: int) -> None:
            result[index, :, rows, cols] = request.get_output_tensor(0).data[0]

        self._queue.set_callback(keep)
        for index in range(count):
            self._queue.start_async({0: tiles[index : index + 1]}, index)
        self._queue.wait_all()
        return result
