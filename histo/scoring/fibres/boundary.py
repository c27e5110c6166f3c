"""Do fibres run along the tumour's edge or into it: angles to the nearest boundary.

Fibres perpendicular to the edge are the third tumour-associated collagen signature (TACS-3;
Conklin 2011, 10.1016/j.ajpath.2010.11.076). Fibres of random direction are at 60° or more for one
third, so the share says little without its excess over 1/3.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.geometry import Spacing

__all__ = ["BoundaryCounts", "BoundarySettings", "boundary_counts"]


@dataclass(frozen=True)
class BoundarySettings:
    """Where and how the edge is met.

    Attributes
    ----------
    band_um
        Fibres up to this far outside the tumour count.
    smooth_um
        Scale of the Gaussian that smooths the edge before its tangent is taken.
    steep_deg
        From this angle on a fibre points into the tumour.
    """

    band_um: float = 100.0
    smooth_um: float = 8.0
    steep_deg: float = 60.0

    def __post_init__(self) -> None:
        if not (self.band_um > 0 and self.smooth_um > 0 and 0 < self.steep_deg < 90):
            raise ValueError(f"lengths are above 0 and the angle in 0 to 90, found {self}")

    @property
    def random_share(self) -> float:
        """Share of random directions that is steep: 1/3 at 60 degrees."""
        return 1 - self.steep_deg / 90


@dataclass(frozen=True)
class BoundaryCounts:
    """Weighted sums over fibre pixels in the band; fields are added with ``+``.

    Attributes
    ----------
    weight, steep, angle
        Σ w, Σ w over steep angles, Σ w angle in degrees.
    pixels
        Fibre pixels in the band.
    """

    weight: float = 0.0
    steep: float = 0.0
    angle: float = 0.0
    pixels: int = 0

    def __add__(self, other: "BoundaryCounts") -> "BoundaryCounts":
        return BoundaryCounts(
            self.weight + other.weight,
            self.steep + other.steep,
            self.angle + other.angle,
            self.pixels + other.pixels,
        )

    @property
    def mean_deg(self) -> float:
        """Mean angle to the edge: 0 along, 90 into it, 45 random; NaN without fibres."""
        return self.angle / self.weight if self.weight else float("nan")

    @property
    def steep_share(self) -> float:
        """Share at or above the steep angle, 0 to 1; NaN without fibres."""
        return self.steep / self.weight if self.weight else float("nan")


def boundary_counts(
    angle_deg: NDArray[np.floating],
    weight: NDArray[np.floating],
    tumour: NDArray[np.bool_],
    spacing: Spacing,
    settings: BoundarySettings | None = None,
) -> BoundaryCounts:
    """Sum up angles between fibres and the tangent of the nearest tumour edge.

    The tangent is perpendicular to the gradient of the smoothed tumour mask at the nearest
    tumour pixel. An edge within two smoothing scales of the frame's border is left out: what it
    does beyond is unknown.

    Parameters
    ----------
    angle_deg : ndarray of float, shape (H, W)
        As `orientation_field` gives it; NaN where there is no fibre.
    weight : ndarray of float, shape (H, W)
        Such as the coherency.
    tumour : ndarray of bool, shape (H, W)
    spacing
        µm/px.
    settings
        None takes the defaults.
    """
    settings = settings or BoundarySettings()
    if not tumour.any() or tumour.all():
        return BoundaryCounts()
    distance_um, nearest = ndimage.distance_transform_edt(
        ~tumour, sampling=spacing.pair, return_indices=True
    )
    known = np.isfinite(angle_deg) & np.isfinite(weight)
    band = known & ~tumour & (distance_um <= settings.band_um)
    row, col = nearest[0][band], nearest[1][band]
    margin = [2 * settings.smooth_um / um for um in spacing.pair]
    seen = _within(row, margin[0], tumour.shape[0]) & _within(col, margin[1], tumour.shape[1])
    tangent_deg = _tangent_deg(tumour, spacing, settings)[row[seen], col[seen]]
    turn = np.abs(angle_deg[band][seen] - tangent_deg) % 180
    angle = np.minimum(turn, 180 - turn)
    weights = weight[band][seen].astype(np.float64)
    clear = np.isfinite(angle)
    angle, weights = angle[clear], weights[clear]
    return BoundaryCounts(
        float(weights.sum()),
        float(weights[angle >= settings.steep_deg].sum()),
        float(weights @ angle),
        int(angle.size),
    )


def _within(index: NDArray[np.intp], margin: float, size: int) -> NDArray[np.bool_]:
    return np.asarray((index + 0.5 >= margin) & (size - index - 0.5 >= margin))


def _tangent_deg(
    tumour: NDArray[np.bool_], spacing: Spacing, settings: BoundarySettings
) -> NDArray[np.float64]:
    """Direction of the edge, counter-clockwise on the screen; NaN where there is none."""
    sigma_px = tuple(settings.smooth_um / um for um in spacing.pair)
    mask = tumour.astype(np.float64)
    down, right = (
        ndimage.gaussian_filter(mask, sigma_px, order, mode="nearest") / um
        for order, um in (((1, 0), spacing.row), ((0, 1), spacing.col))
    )
    tangent = np.rad2deg(np.arctan2(-down, right)) + 90
    clear = np.hypot(down, right) * settings.smooth_um > 1e-3
    return np.where(clear, tangent % 180, np.nan)
