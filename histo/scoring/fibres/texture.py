"""How fibres fill space: box dimension, lacunarity, and the share of dense matrix.

The measures of TWOMBLI (Wershof 2021, 10.26508/lsa.202000880), with every scale in µm where the
original counts pixels. All are sums over a field; fields are added, then divided.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.scoring.fibres.gaussian import gaussian_mean

__all__ = [
    "LEAST_BOXES",
    "BoxCounts",
    "DenseCounts",
    "GlidingCounts",
    "TextureSettings",
    "box_counts",
    "dense_counts",
    "gliding_counts",
]


LEAST_BOXES = 4
"""Largest boxes a side of a field; with fewer, how the grid falls turns the line that is fitted."""


@dataclass(frozen=True)
class TextureSettings:
    """Scales of texture.

    Attributes
    ----------
    smallest_box_um, doublings
        Boxes for the dimension: the smallest, and how often it is doubled.
    gliding_box_um
        Box for lacunarity.
    dense_um
        Density is smoothed with a Gaussian of this scale before it is compared,
    dense
        with this: from here on matrix is dense, in units of the intensity (OD).
    """

    smallest_box_um: float = 2.0
    doublings: int = 5
    gliding_box_um: float = 20.0
    dense_um: float = 2.0
    dense: float = 0.5

    def __post_init__(self) -> None:
        lengths = self.smallest_box_um, self.gliding_box_um, self.dense_um
        if not (min(lengths) > 0 and self.doublings >= 2):
            raise ValueError(f"lengths are above 0 and doublings at least 2, found {self}")


@dataclass(frozen=True)
class BoxCounts:
    """Boxes that hold fibre, by size; fields of one spacing are added with ``+``.

    Attributes
    ----------
    sizes_um
        Side of the boxes (geometric mean of both axes), ascending.
    boxes
        How many of each size hold at least one fibre pixel.
    """

    sizes_um: tuple[float, ...] = ()
    boxes: tuple[int, ...] = ()

    def __add__(self, other: "BoxCounts") -> "BoxCounts":
        if not (self.sizes_um and other.sizes_um):
            return self if self.sizes_um else other
        if not np.allclose(self.sizes_um, other.sizes_um):
            raise ValueError(f"boxes of {self.sizes_um} and {other.sizes_um} µm do not add up")
        total = tuple(a + b for a, b in zip(self.boxes, other.boxes, strict=True))
        return BoxCounts(self.sizes_um, total)

    @property
    def dimension(self) -> float:
        """Slope of ln N against ln 1/size by least squares; NaN without fibres or sizes."""
        if not self.boxes or min(self.boxes) == 0:
            return float("nan")
        slope = np.polyfit(-np.log(self.sizes_um), np.log(self.boxes), 1)[0]
        return float(slope)

    @property
    def fit(self) -> float:
        """R² of the straight line; a low one means there is no single dimension."""
        if not self.boxes or min(self.boxes) == 0:
            return float("nan")
        return float(np.corrcoef(np.log(self.sizes_um), np.log(self.boxes))[0, 1] ** 2)


@dataclass(frozen=True)
class GlidingCounts:
    """Mass of gliding boxes; fields are added with ``+``.

    Attributes
    ----------
    boxes
        Positions at which the whole box lies inside.
    mass, mass_squared
        Σ M and Σ M², M the share of the box that is fibre.
    """

    boxes: int = 0
    mass: float = 0.0
    mass_squared: float = 0.0

    def __add__(self, other: "GlidingCounts") -> "GlidingCounts":
        return GlidingCounts(
            self.boxes + other.boxes,
            self.mass + other.mass,
            self.mass_squared + other.mass_squared,
        )

    @property
    def lacunarity(self) -> float:
        """``Λ = <M²> / <M>²``: 1 evenly filled, larger with gaps; NaN without fibres or boxes."""
        if not (self.boxes and self.mass > 0):
            return float("nan")
        return self.mass_squared * self.boxes / self.mass**2


@dataclass(frozen=True)
class DenseCounts:
    """Pixels of dense matrix; fields of one spacing are added with ``+``."""

    dense_px: int = 0
    inside_px: int = 0

    def __add__(self, other: "DenseCounts") -> "DenseCounts":
        return DenseCounts(self.dense_px + other.dense_px, self.inside_px + other.inside_px)

    @property
    def fraction(self) -> float:
        """Dense over all, 0 to 1; NaN without area."""
        return self.dense_px / self.inside_px if self.inside_px else float("nan")


def box_counts(
    fibres: NDArray[np.bool_], spacing: Spacing, settings: TextureSettings | None = None
) -> BoxCounts:
    """Count the boxes it takes to cover the fibres.

    ``N(ε) ~ ε^-D``. Of four grids, half a box apart, the one that needs fewest counts: a fibre
    along a grid line would else be covered twice. The field is cut to whole largest boxes, so
    that a filled field is 2 exactly; a field smaller than four of them a side gives no counts.

    Parameters
    ----------
    fibres : ndarray of bool, shape (H, W)
    spacing
        µm/px.
    settings
        None takes the defaults: boxes of 2 to 64 µm, rounded to pairs of pixels.
    """
    settings = settings or TextureSettings()
    half = [max(1, round(settings.smallest_box_um / 2 / um)) for um in spacing.pair]
    largest = [(2 * side) << settings.doublings for side in half]
    whole = [size // side for size, side in zip(fibres.shape, largest, strict=True)]
    if min(whole) < LEAST_BOXES:
        return BoxCounts()
    used = fibres[: whole[0] * largest[0], : whole[1] * largest[1]]
    halves = _any_of_blocks(used, half[0], half[1])
    sides = [2 << doubling for doubling in range(settings.doublings + 1)]
    half_um = float(np.sqrt(half[0] * spacing.row * half[1] * spacing.col))
    return BoxCounts(
        tuple(side * half_um for side in sides), tuple(_fewest(halves, side) for side in sides)
    )


def _fewest(held: NDArray[np.bool_], side: int) -> int:
    """Return the fewest boxes that cover, over four grids; the field continues on its far side."""
    shifts = [(down, right) for down in (0, side // 2) for right in (0, side // 2)]
    grids = (_any_of_blocks(np.roll(held, shift, (0, 1)), side, side) for shift in shifts)
    return min(int(np.count_nonzero(grid)) for grid in grids)


def _any_of_blocks(mask: NDArray[np.bool_], rows: int, cols: int) -> NDArray[np.bool_]:
    height, width = mask.shape
    blocks = mask.reshape(height // rows, rows, width // cols, cols)
    return np.asarray(blocks.any(axis=(1, 3)))


def gliding_counts(
    fibres: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    spacing: Spacing,
    settings: TextureSettings | None = None,
) -> GlidingCounts:
    """Sum up the mass of a box gliding over every pixel, where all of it lies inside.

    Gliding-box lacunarity (Allain and Cloitre 1991, 10.1103/PhysRevA.44.3552). For pixels filled
    independently with chance p and a box of n pixels it is ``1 + (1 − p) / (p n)``.

    Parameters
    ----------
    fibres, inside : ndarray of bool, shape (H, W)
    spacing
        µm/px.
    settings
        None takes the defaults.
    """
    settings = settings or TextureSettings()
    rows, cols = (max(1, round(settings.gliding_box_um / um)) for um in spacing.pair)
    if inside.shape[0] < rows or inside.shape[1] < cols:
        return GlidingCounts()
    full = _box_sums(inside, rows, cols) == rows * cols
    mass = _box_sums(fibres & inside, rows, cols)[full] / (rows * cols)
    return GlidingCounts(int(mass.size), float(mass.sum()), float(mass @ mass))


def _box_sums(mask: NDArray[np.bool_], rows: int, cols: int) -> NDArray[np.int64]:
    total = np.pad(mask.cumsum(0, dtype=np.int64).cumsum(1), ((1, 0), (1, 0)))
    return np.asarray(
        total[rows:, cols:] - total[:-rows, cols:] - total[rows:, :-cols] + total[:-rows, :-cols]
    )


def dense_counts(
    intensity: NDArray[np.floating],
    inside: NDArray[np.bool_],
    spacing: Spacing,
    settings: TextureSettings | None = None,
) -> DenseCounts:
    """Count pixels of high-density matrix: smoothed density at or above a fixed value.

    TWOMBLI stretches each image's contrast first, which makes fields incomparable; here the value
    is absolute. The smoothing sees what lies inside only.

    Parameters
    ----------
    intensity : ndarray of float, shape (H, W)
        Optical density of the matrix's stain.
    inside : ndarray of bool, shape (H, W)
        Pixels that are not finite are left out of it.
    spacing
        µm/px.
    settings
        None takes the defaults.
    """
    settings = settings or TextureSettings()
    inside = inside & np.isfinite(intensity)
    values = np.where(inside, intensity, 0.0).astype(np.float64)
    sigma_px = (settings.dense_um / spacing.row, settings.dense_um / spacing.col)
    share = gaussian_mean(inside.astype(np.float64), sigma_px)
    smooth = gaussian_mean(values, sigma_px) / np.where(inside, share, np.inf)
    # A field exactly at the value is dense, whatever the rounding of the transform.
    dense = inside & (smooth >= settings.dense * (1 - 1e-9))
    return DenseCounts(int(np.count_nonzero(dense)), int(np.count_nonzero(inside)))
