"""Tiles become one picture, a lattice row at a time."""

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

    Memory is one lattice row: channels x valid rows x the columns from the first tile to the
    last. Rows that no later tile reaches go to the sink as uint8 (255 = 1.0).

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
        self._valid = plan.valid_px // k
        self._inside = slice(plan.context_px // k, plan.context_px // k + self._valid)
        self._window = tile_window(self._valid, plan.blend_px // k)
        first, after = plan.columns
        width = (after - first - 1) * plan.step_px // k + self._valid
        self._left = plan.valid_box(Tile(0, first)).col // k
        self._top: int | None = None
        self._mean = np.zeros((channels, self._valid, width), dtype=np.float32)
        self._weight = np.zeros((self._valid, width), dtype=np.float32)

    def add(self, tile: Tile, probability: NDArray[np.floating]) -> None:
        """Blend in a tile's output, shape (C, tile / reduction, tile / reduction).

        Raises
        ------
        BackendError
            If the output has the wrong shape.
        """
        side = self._plan.tile_px // self._plan.reduction
        expected = (len(self._mean), side, side)
        if probability.shape != expected:
            raise BackendError(
                f"the network gave an output of shape {probability.shape} where {expected} was "
                "expected: its bundle's card does not fit its graph."
            )
        box = self._plan.valid_box(tile)
        self._advance(box.row // self._plan.reduction)
        start = box.col // self._plan.reduction - self._left
        cols = slice(start, start + self._valid)
        self._weight[:, cols] += self._window
        share = self._window / self._weight[:, cols]
        mean = self._mean[:, :, cols]
        mean += (probability[:, self._inside, self._inside] - mean) * share

    def finish(self) -> None:
        """Write what is still held."""
        if self._top is not None:
            self._write(self._valid)

    def _advance(self, top: int) -> None:
        """Write the rows above ``top``, which no tile will reach any more, and drop them."""
        if self._top is None:
            self._top = top
        done = min(top - self._top, self._valid)
        if done > 0:
            self._write(done)
            for held in (self._mean, self._weight):
                held[..., : self._valid - done, :] = held[..., done:, :]
                held[..., self._valid - done :, :] = 0
            self._top = top

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
