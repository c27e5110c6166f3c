"""Which tiles a network has to see, and where their cells lie.

Along each axis, in grid pixels::

    tile   |<------------------------- tile_px ------------------------->|
    valid  | context |<---------------- valid_px --------------->| context |
    cell             | blend/2 |<------- step_px ------->| blend/2 |

Cells tile the plane without gap or overlap; valid zones of neighbours overlap by the
blend; within ``context_px`` of a tile's border a network saw too little and nothing counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor, lcm
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from histo.errors import ConfigError
from histo.geometry import Box, Spacing

__all__ = ["Target", "Tile", "TilePlan", "TileSettings", "plan_tiles"]


class Tile(NamedTuple):
    """A place on the lattice: (row, col) counted in cells."""

    row: int
    col: int


@dataclass(frozen=True)
class TileSettings:
    """How the grid is cut: lengths in grid pixels.

    Attributes
    ----------
    tile_px
        Side of the square a network sees.
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
    """The tiles of one slide, on a lattice that depends on the settings only.

    Attributes
    ----------
    frame
        (height, width) of the slide in grid pixels.
    spacing
        Of the grid, µm/px.
    occupied
        ndarray of bool, shape (lattice rows, lattice cols): the tiles to be computed.
    tile_px, step_px, context_px, blend_px
        Grid pixels, as used: rounded so that tiles, cells and ramps nest in the canvas.
    origin_px
        Upper (and left) edge of tile (0, 0) in grid pixels; negative or zero.
    reduction
        Grid pixels a canvas pixel, each way.
    """

    frame: tuple[int, int]
    spacing: Spacing
    occupied: NDArray[np.bool_]
    tile_px: int
    step_px: int
    context_px: int
    blend_px: int
    origin_px: int
    reduction: int

    def __len__(self) -> int:
        return int(np.count_nonzero(self.occupied))

    def __iter__(self) -> Iterator[Tile]:
        """Yield the tiles in lattice rows, left to right."""
        for row, col in np.argwhere(self.occupied):
            yield Tile(int(row), int(col))

    @property
    def margin_px(self) -> int:
        """Grid pixels from a tile's upper (left) edge to its cell's."""
        return self.context_px + self.blend_px // (2 * self.reduction) * self.reduction

    @property
    def valid_px(self) -> int:
        """Side of the part of a tile that counts, grid pixels."""
        return self.tile_px - 2 * self.context_px

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
        """First lattice column with a tile, and the one after the last; (0, 0) if there is none."""
        found = np.flatnonzero(self.occupied.any(axis=0))
        return (int(found[0]), int(found[-1]) + 1) if found.size else (0, 0)

    def tile_box(self, tile: Tile) -> Box:
        """Return what the network sees, in grid pixels; it may run past the slide."""
        return self._square(tile, 0, self.tile_px)

    def valid_box(self, tile: Tile) -> Box:
        """Return the part of the tile that counts, in grid pixels."""
        return self._square(tile, self.context_px, self.valid_px)

    def cell_box(self, tile: Tile) -> Box:
        """Return the tile's own cell, in grid pixels; cells neither overlap nor leave a gap."""
        return self._square(tile, self.margin_px, self.step_px)

    def evaluated(self, box: Box | None = None) -> NDArray[np.bool_]:
        """Return which pixels of the canvas (or of a box of it) lie in the cell of a tile."""
        box = Box(0, 0, *self.canvas_shape) if box is None else box
        first = (self.origin_px + self.margin_px) // self.reduction
        step = self.step_px // self.reduction
        rows = (np.arange(box.row, box.bottom) - first) // step
        cols = (np.arange(box.col, box.right) - first) // step
        return self.occupied[rows[:, None], cols[None, :]]

    def _square(self, tile: Tile, inset: int, side: int) -> Box:
        start = self.origin_px + inset
        return Box(start + tile.row * self.step_px, start + tile.col * self.step_px, side, side)


def plan_tiles(
    frame: tuple[int, int],
    spacing: Spacing,
    target: Target,
    settings: TileSettings | None = None,
    *,
    reduction: int = 1,
    stride_px: int = 1,
) -> TilePlan:
    """Plan the tiles that cover every pixel of a target.

    A tile is planned where its valid zone (cell and blend) holds any of the target, so that
    inside the target every pixel has the same tiles around it, wherever its border runs.

    A network with stride s gives the same answer for a shifted picture only if the shift is a
    multiple of s, so tile origins are multiples of s, counted from the slide's corner, for
    every tile size; and of the reduction, so that canvas pixels nest in tiles.

    Parameters
    ----------
    frame
        (height, width) of the slide in grid pixels.
    spacing
        Of the grid, µm/px.
    target
        What is to be segmented.
    settings
        How the grid is cut. The tile is made smaller where the slide is smaller than a tile,
        and rounded down to a multiple of stride and reduction.
    reduction
        Grid pixels a canvas pixel, each way.
    stride_px
        The network's stride, grid pixels.

    Raises
    ------
    ConfigError
        If the tile leaves no cell between its margins.

    Examples
    --------
    >>> target = Target(np.ones((10, 20), dtype=bool), Spacing(8, 8))
    >>> plan = plan_tiles((160, 320), Spacing(0.5, 0.5), target, TileSettings(256, 16, 16))
    >>> len(plan), plan.tile_box(Tile(0, 0))
    (2, Box(row=-24, col=-24, height=256, width=256))
    """
    if min(reduction, stride_px, *frame) < 1:
        raise ValueError(f"frame, reduction and stride are positive: {frame=} {reduction=}")
    settings = settings or TileSettings()
    unit = lcm(reduction, stride_px)
    context = _round_up(settings.context_px, reduction)
    tile = _tile_px(frame, settings, reduction, unit)
    step = (tile - 2 * context - settings.blend_px) // unit * unit
    blend = tile - 2 * context - step  # what rounding leaves over is blended as well
    margin = context + blend // (2 * reduction) * reduction
    origin = -_round_up(margin, unit)
    counts = tuple(ceil((side - origin - margin) / step) for side in frame)
    starts = [origin + context + step * np.arange(count) for count in counts]
    occupied = _occupied(target, spacing, starts, tile - 2 * context)
    return TilePlan(frame, spacing, occupied, tile, step, context, blend, origin, reduction)


def _tile_px(frame: tuple[int, int], settings: TileSettings, reduction: int, unit: int) -> int:
    """Return the side of a tile: a multiple of ``unit``, no larger than the slide asks for."""
    context = _round_up(settings.context_px, reduction)
    margins = 2 * context + settings.blend_px
    smallest = _round_up(margins + unit, unit)
    if settings.tile_px < smallest:
        raise ConfigError(
            f"tiles of {settings.tile_px} px leave nothing between margins of {margins} px: "
            f"expected at least {smallest} px, or a smaller context."
        )
    one_cell = _round_up(max(frame) + margins + 2 * unit, unit)
    return min(settings.tile_px // unit * unit, one_cell)


def _occupied(
    target: Target, spacing: Spacing, starts: list[NDArray[np.int64]], valid_px: int
) -> NDArray[np.bool_]:
    """Return which valid zones meet the target, shape (lattice rows, lattice cols)."""
    ratios = (spacing.row / target.spacing.row, spacing.col / target.spacing.col)
    rows, cols = (
        _mask_ranges(start, valid_px, ratio, side)
        for start, ratio, side in zip(starts, ratios, target.mask.shape, strict=True)
    )
    bands = np.stack([target.mask[first:after].any(axis=0) for first, after in rows])
    return np.stack([bands[:, first:after].any(axis=1) for first, after in cols], axis=1)


def _mask_ranges(
    starts: NDArray[np.int64], valid_px: int, ratio: float, side: int
) -> list[tuple[int, int]]:
    """Return for each valid zone along one axis the mask pixels it touches, half open.

    The last zone takes what the mask has beyond the frame (both round their size up).
    """
    slack = 1e-6  # of a mask pixel: edges that coincide are not to touch by rounding
    ranges = [
        (max(0, floor(start * ratio + slack)), min(side, ceil((start + valid_px) * ratio - slack)))
        for start in starts.tolist()
    ]
    ranges[-1] = (min(ranges[-1][0], side - 1), side)
    return [(min(first, side), max(after, 0)) for first, after in ranges]


def _round_up(value: int, unit: int) -> int:
    return -(-value // unit) * unit
