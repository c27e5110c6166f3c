"""Square tiles over a mask: pixels, sums and points are counted per tile, and divided last."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing

__all__ = ["TileGrid", "tile_grid"]


@dataclass(frozen=True)
class TileGrid:
    """A grid of square tiles laid centred over the bounding box of a mask.

    Attributes
    ----------
    row_edges, col_edges : ndarray of intp, shape (R + 1,) and (C + 1,)
        Pixel at which each tile starts; the last entry is where the last tile ends. Tiles end
        at the frame, so outer ones may be short.
    tile_um
        Side of a whole tile, µm.
    spacing
        µm/px of the frame.
    eligible_mm2 : ndarray of float64, shape (R, C)
        Area of the mask in each tile.
    """

    row_edges: NDArray[np.intp]
    col_edges: NDArray[np.intp]
    tile_um: float
    spacing: Spacing
    eligible_mm2: NDArray[np.float64]

    @property
    def tile_mm2(self) -> float:
        """Area of a whole tile."""
        return self.tile_um**2 * 1e-6

    def eligible(self, least_fraction: float = 0.5) -> NDArray[np.bool_]:
        """Return the tiles, shape (R, C), of which at least that fraction lies in the mask."""
        enough: NDArray[np.bool_] = self.eligible_mm2 >= least_fraction * self.tile_mm2 * (1 - 1e-9)
        return enough

    def sums(self, plane: NDArray[np.generic]) -> NDArray[np.float64]:
        """Sum a mask or a map of the grid's frame, shape (H, W), over each tile, shape (R, C)."""
        columns = slice(self.col_edges[0], self.col_edges[-1])
        starts = self.col_edges[:-1] - self.col_edges[0]
        kind = np.float64 if plane.dtype.kind == "f" else np.int64
        summed = np.empty(self.eligible_mm2.shape)
        for tile, (top, bottom) in enumerate(pairwise(self.row_edges)):  # a row of tiles at a time
            across = plane[top:bottom, columns].sum(axis=0, dtype=kind)
            summed[tile] = np.add.reduceat(across, starts)
        return summed

    def counts(
        self, points: NDArray[np.floating], weights: NDArray[np.floating] | None = None
    ) -> NDArray[np.float64]:
        """Count points, or add up their weights, in each tile.

        Parameters
        ----------
        points : ndarray of float, shape (N, 2)
            (row, col) in pixels of the frame; points outside the grid are not counted.
        weights : ndarray of float, shape (N,), optional
            What each point counts for; 1 without.

        Returns
        -------
        ndarray of float64, shape (R, C)
        """
        tile, within = self.tile_of(points)
        kept = None if weights is None else np.asarray(weights, np.float64)[within]
        counted = np.bincount(tile[within], kept, minlength=self.eligible_mm2.size)
        return counted.astype(np.float64).reshape(self.eligible_mm2.shape)

    def tile_of(self, points: NDArray[np.floating]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return each point's flat tile index, and whether it lies in the grid at all."""
        points = np.asarray(points, np.float64).reshape(-1, 2)
        row = np.searchsorted(self.row_edges, points[:, 0], side="right") - 1
        col = np.searchsorted(self.col_edges, points[:, 1], side="right") - 1
        height, width = self.eligible_mm2.shape
        within = (row >= 0) & (row < height) & (col >= 0) & (col < width)
        return np.where(within, row * width + col, 0), within


def tile_grid(inside: NDArray[np.bool_], spacing: Spacing, tile_um: float = 1000.0) -> TileGrid:
    """Lay square tiles over a mask.

    The grid is centred on the mask's bounding box, so moving or mirroring the mask moves or
    mirrors the tiles with it (to the rounding of a tile's edge to a whole pixel).

    Parameters
    ----------
    inside : ndarray of bool, shape (H, W)
        Where something can be measured.
    spacing
        µm/px of the mask.
    tile_um
        Side of a tile, µm; 1000 gives the 1 mm² tiles of heterogeneity and intervals.

    Returns
    -------
    TileGrid
        Without any tile (R = C = 0) where the mask is empty.

    Raises
    ------
    ValueError
        If a tile is narrower than a pixel.

    Examples
    --------
    >>> grid = tile_grid(np.ones((4, 6), bool), Spacing(500.0, 500.0))
    >>> grid.eligible_mm2.tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    if tile_um < max(spacing.pair):
        raise ValueError(
            f"a tile of {tile_um:g} µm is narrower than a pixel of {max(spacing.pair):g} µm"
        )
    row_edges = _edges(np.any(inside, axis=1), tile_um / spacing.row)
    col_edges = _edges(np.any(inside, axis=0), tile_um / spacing.col)
    empty = np.zeros((max(0, len(row_edges) - 1), max(0, len(col_edges) - 1)))
    grid = TileGrid(row_edges, col_edges, tile_um, spacing, empty)
    if not empty.size:
        return grid
    area_mm2 = grid.sums(inside) * spacing.area_mm2(1)
    return TileGrid(row_edges, col_edges, tile_um, spacing, area_mm2)


def _edges(occupied: NDArray[np.bool_], tile_px: float) -> NDArray[np.intp]:
    where = np.flatnonzero(occupied)
    if not len(where):
        return np.zeros(0, np.intp)
    first, last = int(where[0]), int(where[-1]) + 1
    # The slack of 1e-6 keeps an extent of exactly n tiles from growing to n + 1 by rounding.
    count = max(1, math.ceil((last - first) / tile_px - 1e-6))
    start = (first + last - count * tile_px) / 2
    edges = np.floor(start + np.arange(count + 1) * tile_px + 0.5)
    clipped: NDArray[np.intp] = np.clip(edges, 0, len(occupied)).astype(np.intp)
    return clipped
