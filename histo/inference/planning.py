"""Lay tiles over a target: bands of a fixed lattice, in each the strips that cost least."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import lcm

import numpy as np
from numpy.typing import NDArray

from histo.errors import ConfigError
from histo.geometry import Box, Spacing
from histo.inference.plan import Target, Tile, TilePlan, TileSettings
from histo.inference.strips import Shapes, cut_band, profile_of

__all__ = ["plan_tiles"]

_SIZES = 4
"""A tile's side comes in quarters of the full side: some backends prepare for each size."""

_COLUMNS = 64
"""A full side is at least that many columns: how finely strips may begin and end."""


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
    >>> [tile.shape for tile in plan]
    [(256, 256), (256, 192)]
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
    shapes = _shapes(tile, step, context, unit)
    lattice = _Lattice(origin + margin, step, unit)
    return TilePlan(
        frame,
        spacing,
        tuple(_tiles(frame, spacing, target, lattice, shapes)),
        tile,
        step,
        context,
        blend,
        origin,
        reduction,
    )


@dataclass(frozen=True)
class _Lattice:
    """Where bands and columns begin (first) and how they go on, grid pixels."""

    first: int
    step: int
    unit: int


def _tile_px(frame: tuple[int, int], settings: TileSettings, reduction: int, unit: int) -> int:
    """Return the side of a full tile: a multiple of ``unit``, no larger than the slide asks for."""
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


def _shapes(tile: int, step: int, context: int, unit: int) -> Shapes:
    """Return the tiles to choose from: the full side, and less and more by quarters of it."""
    quarter = max(unit, tile // _SIZES // unit * unit)
    column = min(max(unit, tile // _COLUMNS // unit * unit), step)
    sides = range(tile % quarter or quarter, tile + 1, quarter)
    return Shapes(
        sides=tuple(side for side in sides if side >= tile - step + column),
        margin_px=tile - step,
        border_px=2 * context,
        column_px=column,
    )


def _tiles(
    frame: tuple[int, int], spacing: Spacing, target: Target, lattice: _Lattice, shapes: Shapes
) -> Iterator[Tile]:
    """Yield the tiles, band by band, those of one shape together, large ones first."""
    ratios = (target.spacing.row / spacing.row, target.spacing.col / spacing.col)
    (tops, bottoms), cols = (
        _mask_edges(count, ratio, side)
        for count, ratio, side in zip(target.mask.shape, ratios, frame, strict=True)
    )
    column, first, step, unit = shapes.column_px, lattice.first, lattice.step, lattice.unit
    touched = _touched(cols, first, column, -(-(frame[1] - first) // column))
    for band, (above, below) in enumerate(
        _touched((tops, bottoms), first, step, -(-(frame[0] - first) // step))
    ):
        top = first + band * step
        rows = slice(above, below)
        edges = (
            top + np.maximum(tops[rows] - top, 0) // unit * unit,
            top + np.minimum(-(-(bottoms[rows] - top) // unit) * unit, step),
        )
        strips = cut_band(profile_of(target.mask[rows], edges, touched), shapes)
        for strip in sorted(strips, key=lambda strip: (strip.shape, -strip.first), reverse=True):
            width = (strip.after - strip.first) * column
            left = first + strip.first * column
            cell = Box(strip.top, left, strip.bottom - strip.top, width)
            yield Tile(band, strip.shape, cell)


def _mask_edges(count: int, ratio: float, side: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first grid pixel each mask pixel touches, and the one after the last.

    The last takes what the frame has beyond the mask (both round their size up).
    """
    slack = 1e-6  # of a mask pixel: edges that coincide are not to touch by rounding
    index = np.arange(count)
    starts = np.floor((index + slack) * ratio).astype(np.int64)
    ends = np.ceil((index + 1 - slack) * ratio).astype(np.int64)
    ends[-1] = side
    return np.minimum(starts, side - 1), np.minimum(ends, side)


def _touched(
    edges: tuple[NDArray[np.int64], NDArray[np.int64]], first: int, length: int, count: int
) -> list[tuple[int, int]]:
    """Return for ``count`` stretches of the grid from ``first`` the mask pixels they touch."""
    starts, ends = edges
    begin = first + length * np.arange(count)
    low = np.searchsorted(ends, begin, side="right")
    high = np.searchsorted(starts, begin + length, side="left")
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _round_up(value: int, unit: int) -> int:
    return -(-value // unit) * unit
