"""Tiles become one picture, a band at a time."""

import numpy as np
from numpy.typing import NDArray

from histo.errors import BackendError
from histo.geometry import Box
from histo.inference.plan import Tile, TilePlan
from histo.inference.sink import Sink
from histo.inference.window import tile_window

__all__ = ["Canvas"]


class Canvas:
    """The weighted mean of overlapping tiles, kept only where tiles can still come.

    A pixel's value is Σ w p / Σ w over the tiles that hold it. The quotient is carried along
    (West 1979, doi:10.1145/359146.359153): with W the weights so far, now including w, ::

        mean += (p - mean) * w / W

    so nothing is left to divide, a pixel that one tile holds is that tile's to the last bit,
    and a constant stays itself exactly, which the quotient of two rounded sums does not.

    Memory is one band: channels x its rows x the columns from the first tile to the last. Rows
    that no later band reaches go to the sink as uint8 (255 = 1.0).

    Parameters
    ----------
    plan
        The tiles to come; they must come in its order.
    channels
        Number of components.
    sink
        Takes finished rows.
    """

    def __init__(self, plan: TilePlan, channels: int, sink: Sink) -> None:
        self._plan = plan
        self._sink = sink
        k = plan.reduction
        top, bottom = plan.band_rows(0)
        first, after = plan.columns
        self._height = (bottom - top) // k
        self._left = first // k
        self._top: int | None = None
        width = (after - first) // k
        self._mean = np.zeros((channels, self._height, width), dtype=np.float32)
        self._weight = np.zeros((self._height, width), dtype=np.float32)

    def add(self, tile: Tile, probability: NDArray[np.floating]) -> None:
        """Blend in a tile's output, shape (C, tile height / reduction, tile width / reduction).

        Raises
        ------
        BackendError
            If the output has the wrong shape.
        """
        plan, k = self._plan, self._plan.reduction
        expected = (len(self._mean), *(side // k for side in tile.shape))
        if probability.shape != expected:
            raise BackendError(
                f"the network gave an output of shape {probability.shape} where {expected} was "
                "expected: its bundle's card does not fit its graph."
            )
        top = self._advance(plan.band_rows(tile.band)[0] // k)
        box = plan.valid_box(tile)
        valid = Box(box.row // k, box.col // k, box.height // k, box.width // k)
        window = tile_window(valid.shape, plan.blend_px // k)
        at = valid.shift(-top, -self._left).slices
        self._weight[at] += window
        share = np.divide(window, self._weight[at], out=window)
        inset = plan.context_px // k
        mean = self._mean[:, *at]
        mean += (probability[:, *Box(inset, inset, *valid.shape).slices] - mean) * share

    def finish(self) -> None:
        """Write what is still held."""
        if self._top is not None:
            self._write(self._height)

    def _advance(self, top: int) -> int:
        """Write the rows above ``top``, which no tile will reach any more, drop them; return it."""
        if self._top is None:
            self._top = top
        done = min(top - self._top, self._height)
        if done > 0:
            self._write(done)
            for held in (self._mean, self._weight):
                held[..., : self._height - done, :] = held[..., done:, :]
                held[..., self._height - done :, :] = 0
            self._top = top
        return top

    def _write(self, rows: int) -> None:
        """Hand the upper rows to the sink, cut to the canvas; the rows are spoilt."""
        assert self._top is not None  # noqa: S101  (for the type checker)
        height, width = self._plan.canvas_shape
        held = Box(self._top, self._left, rows, self._mean.shape[2])
        box = held.intersect(Box(0, 0, height, width))
        if not box:
            return
        within = box.shift(-held.row, -held.col).slices
        finished = self._mean[:, *within]
        np.multiply(finished, 255, out=finished)
        if not np.isfinite(finished.sum()):
            raise BackendError(
                "the network gave values that are no numbers: "
                "expected probabilities. Try --precision f32."
            )
        np.clip(np.rint(finished, out=finished), 0, 255, out=finished)
        self._sink.write(box, finished.astype(np.uint8))
