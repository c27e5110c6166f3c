"""Polygons to masks by the rule of pixel centres, holes and all."""

from collections.abc import Iterable

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from histo.geometry import Box, Spacing

__all__ = ["rasterise", "window"]


def rasterise(
    geometries: Iterable[BaseGeometry],
    spacing: Spacing,
    slide_spacing: Spacing,
    shape: tuple[int, int],
) -> NDArray[np.bool_]:
    """Return the pixels of a frame whose centre lies in any of the geometries.

    Crossings of each polygon's edges with the centre lines of the pixel rows are found exactly
    and filled by the even-odd rule. (Pillow's polygon paints every pixel its outline touches: a
    disc of 100 px radius comes out 0.7 % too large, a fibre far more.)

    Parameters
    ----------
    geometries
        Polygons or multipolygons in slide pixels, (x, y); anything else has no area.
    spacing
        µm/px of the frame.
    slide_spacing
        µm/px of the slide's level 0.
    shape
        (height, width) of the frame.

    Returns
    -------
    ndarray of bool, shape ``shape``

    Examples
    --------
    >>> square = shapely.box(0, 0, 4, 4)
    >>> rasterise([square], Spacing(1.0, 1.0), Spacing(0.5, 0.5), (3, 3)).sum()
    np.int64(4)
    """
    mask = np.zeros(shape, bool)
    scale = np.array([slide_spacing.col / spacing.col, slide_spacing.row / spacing.row])
    for geometry in geometries:
        for part, inside in window(geometry, scale, Box(0, 0, *shape)):
            mask[part] |= inside
    return mask


def window(
    geometry: BaseGeometry, scale: NDArray[np.float64], box: Box
) -> Iterable[tuple[tuple[slice, slice], NDArray[np.bool_]]]:
    """Yield, for each polygon of a geometry, the part of a box it spans and its pixels there.

    Parameters
    ----------
    geometry
        In slide pixels, (x, y).
    scale
        Frame pixels per slide pixel, (x, y).
    box
        In pixels of the frame; the slices are relative to its corner.
    """
    for polygon in shapely.get_parts(geometry):
        if polygon.geom_type != "Polygon" or polygon.is_empty:
            continue
        left, top, right, bottom = shapely.bounds(polygon) * np.concatenate([scale, scale])
        row, stop_row = _span(top - box.row, bottom - box.row, box.height)
        col, stop_col = _span(left - box.col, right - box.col, box.width)
        if row >= stop_row or col >= stop_col:
            continue
        flips = np.zeros((stop_row - row, stop_col - col + 1), bool)
        for ring in shapely.get_rings(polygon):
            xy = shapely.get_coordinates(ring) * scale - (box.col + col, box.row + row)
            _flip(flips, xy[:-1], xy[1:])
        inside = np.logical_xor.accumulate(flips, axis=1)[:, :-1]
        yield (slice(row, stop_row), slice(col, stop_col)), inside


def _span(low: float, high: float, limit: int) -> tuple[int, int]:
    """Return the pixels, half open, whose centre can lie between two coordinates."""
    first, stop = np.clip([np.floor(low), np.ceil(high)], 0, limit)
    return int(first), int(stop)


def _flip(flips: NDArray[np.bool_], start: NDArray[np.float64], stop: NDArray[np.float64]) -> None:
    """Flip, on each centre line an edge crosses, the first pixel centre right of the crossing.

    Edges are half open (the lower end counts, the upper does not), so a line through a vertex
    crosses once and a line along an edge never.
    """
    height, width = flips.shape
    low, high = np.minimum(start[:, 1], stop[:, 1]), np.maximum(start[:, 1], stop[:, 1])
    first = np.clip(np.ceil(low - 0.5), 0, height).astype(np.intp)
    last = np.clip(np.ceil(high - 0.5), 0, height).astype(np.intp)
    lines = last - first
    edge = np.repeat(np.arange(len(lines)), lines)
    row = np.arange(lines.sum()) - np.repeat(np.cumsum(lines) - lines, lines) + first[edge]
    (x0, y0), (x1, y1) = start[edge].T, stop[edge].T
    crossing = x0 + (row + 0.5 - y0) * (x1 - x0) / (y1 - y0)
    column = np.clip(np.ceil(crossing - 0.5), 0, width - 1).astype(np.intp)
    np.logical_xor.at(flips, (row, column), True)
