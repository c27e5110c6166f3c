"""Which tiles a network has to see, and where their cells lie.

Along each axis, in grid pixels::

    tile   |<--------------------------- tile ---------------------------->|
    valid  | context |<---------------- valid ---------------->| context | (rest)
    cell             | blend/2 |<-------- cell -------->| blend/2 |

The slide is cut into bands, rows of a lattice that depends on the settings only. In a band,
neighbouring tissue shares tiles of several widths and heights, so that little glass is computed
and no more borders than need be (:mod:`histo.inference.strips`). Cells do not overlap and hold
every pixel of the target; valid zones of neighbours overlap by the blend; within ``context_px``
of a tile's border a network saw too little and nothing counts.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Box, Spacing

__all__ = ["Target", "Tile", "TilePlan", "TileSettings"]


@dataclass(frozen=True)
class Tile:
    """A place on the lattice.

    Attributes
    ----------
    band
        Row of the lattice.
    shape
        (height, width) of what the network sees, grid pixels.
    cell
        What the tile alone answers for, grid pixels.
    """

    band: int
    shape: tuple[int, int]
    cell: Box


@dataclass(frozen=True)
class TileSettings:
    """How the grid is cut: lengths in grid pixels.

    Attributes
    ----------
    tile_px
        Side of the largest tile a network sees.
    context_px
        Border of a tile whose output is thrown away: at least the network's effective reach.
    blend_px
        Width over which neighbouring tiles are faded into each other.
    """

    tile_px: int = 512
    context_px: int = 64
    blend_px: int = 32

    def __post_init__(self) -> None:
        if self.tile_px < 1 or self.context_px < 0 or self.blend_px < 0:
            raise ValueError(f"tile_px is positive, context and blend not negative, found {self}")


@dataclass(frozen=True)
class Target:
    """What is to be segmented.

    Attributes
    ----------
    mask
        ndarray of bool, shape (H, W): measurable tissue, cut to the region of interest if
        there is one. Its origin is the slide's.
    spacing
        Of the mask, µm/px.
    """

    mask: NDArray[np.bool_]
    spacing: Spacing


@dataclass(frozen=True)
class TilePlan:
    """The tiles of one slide.

    Attributes
    ----------
    frame
        (height, width) of the slide in grid pixels.
    spacing
        Of the grid, µm/px.
    tiles
        What is to be computed: by band, in a band those of one shape together.
    tile_px, step_px, context_px, blend_px
        Grid pixels, as used: rounded so that tiles, cells and ramps nest in the canvas. No tile
        is higher or wider than tile_px; a band is step_px high.
    origin_px
        Upper edge of a full tile of band 0 in grid pixels; negative or zero.
    reduction
        Grid pixels a canvas pixel, each way.
    """

    frame: tuple[int, int]
    spacing: Spacing
    tiles: tuple[Tile, ...]
    tile_px: int
    step_px: int
    context_px: int
    blend_px: int
    origin_px: int
    reduction: int

    def __len__(self) -> int:
        return len(self.tiles)

    def __iter__(self) -> Iterator[Tile]:
        """Yield the tiles band by band."""
        return iter(self.tiles)

    @property
    def network_px(self) -> int:
        """Pixels the network sees, all tiles together."""
        return sum(height * width for height, width in (tile.shape for tile in self.tiles))

    @property
    def margin_px(self) -> int:
        """Grid pixels from a tile's upper (left) edge to its cell's."""
        return self.context_px + self._half_blend_px

    @property
    def canvas_shape(self) -> tuple[int, int]:
        """(height, width) of the canvas, which covers the whole slide."""
        height, width = self.frame
        return -(-height // self.reduction), -(-width // self.reduction)

    @property
    def canvas_spacing(self) -> Spacing:
        """µm per canvas pixel."""
        return self.spacing.scaled(self.reduction)

    @cached_property
    def columns(self) -> tuple[int, int]:
        """First grid column that counts in any tile, and the one after the last."""
        valid = [self.valid_box(tile) for tile in self.tiles]
        return min((b.col for b in valid), default=0), max((b.right for b in valid), default=0)

    def tile_box(self, tile: Tile) -> Box:
        """Return what the network sees, in grid pixels; it may run past the slide."""
        return Box(tile.cell.row - self.margin_px, tile.cell.col - self.margin_px, *tile.shape)

    def valid_box(self, tile: Tile) -> Box:
        """Return the part of the tile that counts, in grid pixels."""
        cell, before, more = tile.cell, self._half_blend_px, self.blend_px
        return Box(cell.row - before, cell.col - before, cell.height + more, cell.width + more)

    def band_rows(self, band: int) -> tuple[int, int]:
        """Return the first grid row that may count in a tile of a band, and the one after."""
        top = self.origin_px + self.context_px + band * self.step_px
        return top, top + self.step_px + self.blend_px

    def evaluated(self, box: Box | None = None) -> NDArray[np.bool_]:
        """Return which pixels of the canvas (or of a box of it) lie in the cell of a tile."""
        box = Box(0, 0, *self.canvas_shape) if box is None else box
        found = np.zeros(box.shape, dtype=np.bool_)
        k, first = self.reduction, self.origin_px + self.margin_px
        bands = [(edge * k - first) // self.step_px for edge in (box.row, box.bottom)]
        start = bisect_left(self.tiles, bands[0], key=_band)
        for tile in self.tiles[start : bisect_left(self.tiles, bands[1] + 1, key=_band)]:
            cell = tile.cell
            held = Box(cell.row // k, cell.col // k, cell.height // k, cell.width // k)
            found[held.intersect(box).shift(-box.row, -box.col).slices] = True
        return found

    @property
    def _half_blend_px(self) -> int:
        return self.blend_px // (2 * self.reduction) * self.reduction


def _band(tile: Tile) -> int:
    return tile.band
