"""Boxes, spacings and the three frames they live in.

=========  ==========================================================================
slide      pixels of level 0; the origin is the slide's upper-left corner
grid       pixels the network sees; the same origin, another spacing
canvas     pixels of the output; the same origin, a spacing of whole grid pixels
=========  ==========================================================================

Everything is (row, col) and (height, width). Pixel ``(r, c)`` of a frame covers
``[r, r + 1) x [c, c + 1)`` times the spacing, so frames nest without half-pixel shifts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Spacing", "grid_from_slide", "nearest_pixels", "slide_from_grid"]


@dataclass(frozen=True)
class Box:
    """A rectangle of whole pixels in some frame, half open: ``[row, bottom) x [col, right)``."""

    row: int
    col: int
    height: int
    width: int

    def __post_init__(self) -> None:
        if self.height < 0 or self.width < 0:
            raise ValueError(f"a box has no negative size, found {self.height} x {self.width}")

    @property
    def bottom(self) -> int:
        """First row below the box."""
        return self.row + self.height

    @property
    def right(self) -> int:
        """First column right of the box."""
        return self.col + self.width

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.height, self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the box in an array whose origin is the frame's."""
        return slice(self.row, self.bottom), slice(self.col, self.right)

    def __bool__(self) -> bool:
        return self.height > 0 and self.width > 0

    def intersect(self, other: "Box") -> "Box":
        """Return the part in both boxes; empty (falsy) where they do not meet."""
        row, col = max(self.row, other.row), max(self.col, other.col)
        height = max(0, min(self.bottom, other.bottom) - row)
        width = max(0, min(self.right, other.right) - col)
        return Box(row, col, height, width)

    def pad(self, pixels: int) -> "Box":
        """Return the box grown by that many pixels on each side."""
        return Box(
            self.row - pixels,
            self.col - pixels,
            self.height + 2 * pixels,
            self.width + 2 * pixels,
        )

    def shift(self, rows: int, cols: int) -> "Box":
        """Return the box moved."""
        return Box(self.row + rows, self.col + cols, self.height, self.width)

    def strips(self, rows: int) -> Iterator["Box"]:
        """Cut the box into strips of at most that many rows, from the top."""
        for row in range(self.row, self.bottom, rows):
            yield Box(row, self.col, min(rows, self.bottom - row), self.width)

    def blocks(self, height: int, width: int) -> Iterator["Box"]:
        """Cut the box into blocks of at most that size, row by row from the upper left."""
        for strip in self.strips(height):
            for col in range(self.col, self.right, width):
                yield Box(strip.row, col, strip.height, min(width, self.right - col))


@dataclass(frozen=True)
class Spacing:
    """Size of a pixel in µm, (row, col), and where the number comes from.

    Examples
    --------
    >>> Spacing(0.5, 0.5).area_mm2(4_000_000)
    1.0
    """

    row: float
    col: float
    source: str = "derived"

    def __post_init__(self) -> None:
        if not (np.isfinite([self.row, self.col]).all() and self.row > 0 and self.col > 0):
            raise ValueError(f"a spacing is positive and finite, found {self.row} x {self.col}")

    @property
    def mean(self) -> float:
        """Geometric mean of both axes, µm/px."""
        return float(np.sqrt(self.row * self.col))

    @property
    def pair(self) -> tuple[float, float]:
        """(row, col), µm/px."""
        return self.row, self.col

    def area_mm2(self, pixels: float) -> float:
        """Area of that many pixels in mm²."""
        return float(pixels) * self.row * self.col * 1e-6

    def scaled(self, factor: float) -> "Spacing":
        """Return the spacing of a frame whose pixels are ``factor`` times as wide."""
        return Spacing(self.row * factor, self.col * factor, self.source)


def grid_from_slide(
    points: NDArray[np.floating], slide: Spacing, grid: Spacing
) -> NDArray[np.float64]:
    """Convert (row, col) points, shape (N, 2), from slide to grid coordinates."""
    ratio = np.array([slide.row / grid.row, slide.col / grid.col])
    converted: NDArray[np.float64] = np.asarray(points, dtype=np.float64) * ratio
    return converted


def slide_from_grid(
    points: NDArray[np.floating], slide: Spacing, grid: Spacing
) -> NDArray[np.float64]:
    """Convert (row, col) points, shape (N, 2), from grid (or canvas) to slide coordinates."""
    return grid_from_slide(points, grid, slide)


def nearest_pixels(
    start: int, stop: int, spacing_um: float, source_spacing_um: float, source_count: int
) -> NDArray[np.intp]:
    """Return, along one axis, the pixel of a source frame under each pixel centre of another.

    Both frames share the origin, so a mask at one spacing can be looked up strip by strip at
    another: ``source[rows[:, None], cols]``. The two frames may end up to a pixel apart (each
    is rounded up to whole pixels), so indices stop at the last source pixel.

    Parameters
    ----------
    start, stop
        Pixels of the asking frame, half open.
    spacing_um, source_spacing_um
        Size of a pixel of either frame along this axis, µm.
    source_count
        Pixels of the source frame along this axis.

    Returns
    -------
    ndarray of intp, shape (stop - start,)

    Examples
    --------
    >>> nearest_pixels(0, 5, 2.0, 4.0, 2).tolist()
    [0, 0, 1, 1, 1]
    """
    centres = (np.arange(start, stop) + 0.5) * (spacing_um / source_spacing_um)
    nearest: NDArray[np.intp] = np.minimum(centres.astype(np.intp), source_count - 1)
    return nearest
