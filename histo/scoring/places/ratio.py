"""Tumour-stroma ratio: of the whole tumour, and of the microscope field with the most stroma."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from histo.geometry import Spacing
from histo.scoring.places.regions import Regions
from histo.scoring.places.tumour_region import pooled
from histo.scoring.score import Score

__all__ = [
    "FieldSettings",
    "StromaRichField",
    "TsrCounts",
    "stroma_rich_field",
    "tsr_counts",
    "tsr_scores",
]

Mask = NDArray[np.bool_]

_PIXELS_A_RADIUS = 50
"""Fields are moved over a grid of their radius / 50 (22 µm); a disc of it is right to 0.3 %."""

_EDGE_DEGREES = 45.0
"""Width of each of the four edges, seen from the field's centre."""


@dataclass(frozen=True)
class TsrCounts:
    """Pixels of tumour cells and stroma; parts are added with ``+``."""

    nest_px: int = 0
    stroma_px: int = 0

    def __add__(self, other: "TsrCounts") -> "TsrCounts":
        return TsrCounts(self.nest_px + other.nest_px, self.stroma_px + other.stroma_px)

    @property
    def ratio(self) -> float:
        """Stroma / (stroma + tumour), 0 to 1; NaN of nothing."""
        both = self.nest_px + self.stroma_px
        return self.stroma_px / both if both else math.nan


@dataclass(frozen=True)
class FieldSettings:
    """The microscope field of the worst-field ratio.

    Attributes
    ----------
    field_number
        Diameter of the eyepiece's field stop, mm.
    magnification
        Of the objective. FN 22 at 10x is a field of 2.2 mm, 3.80 mm².
    edge_share
        Outer share of the radius that is the field's edge.
    edge_tumour_um2
        Tumour area needed at each of the four edges (a few cells).
    least_eligible
        Share of the field that must be tumour or stroma, so that it is no field of glass.
    """

    field_number: float = 22.0
    magnification: float = 10.0
    edge_share: float = 0.2
    edge_tumour_um2: float = 500.0
    least_eligible: float = 0.8

    def __post_init__(self) -> None:
        if not (self.field_number > 0 and self.magnification > 0):
            raise ValueError("field number and magnification are above 0")
        if not (0 < self.edge_share <= 1 and 0 <= self.least_eligible <= 1):
            raise ValueError("edge_share and least_eligible are shares, 0 to 1")

    @property
    def radius_um(self) -> float:
        """Radius of the field on the glass."""
        return 500.0 * self.field_number / self.magnification

    @property
    def area_mm2(self) -> float:
        """Area of the field."""
        return math.pi * self.radius_um**2 * 1e-6


@dataclass(frozen=True)
class StromaRichField:
    """The eligible field with the most stroma, or none.

    Attributes
    ----------
    ratio
        Stroma / (stroma + tumour) of the field; NaN where no field qualifies.
    centre
        (row, col) in pixels of the frame; NaN where no field qualifies.
    candidates
        Positions that qualify; the ratio is the largest of them, so it grows with their number.
    """

    ratio: float
    centre: tuple[float, float]
    candidates: int


def tsr_counts(nest: Mask, stroma: Mask, muscle: Mask | None = None) -> TsrCounts:
    """Count tumour and stroma; muscle, where its class is there, is neither.

    Parameters
    ----------
    nest, stroma, muscle : ndarray of bool, shape (H, W)
    """
    counted = stroma if muscle is None else stroma & ~muscle
    return TsrCounts(int(np.count_nonzero(nest)), int(np.count_nonzero(counted)))


def stroma_rich_field(
    nest: Mask, stroma: Mask, spacing: Spacing, settings: FieldSettings | None = None
) -> StromaRichField:
    """Find the field with the most stroma among those with tumour at all four edges.

    A field is a disc. Its four edges are the 45° at its top, right, bottom and left of the ring
    along its rim; each must hold tumour. Every position on a grid of radius / 50 is tried, by
    convolution.

    Parameters
    ----------
    nest, stroma : ndarray of bool, shape (H, W)
        Tumour cells, and everything that counts as stroma once a field is there (also outside the
        tumour region: tumour on all four sides is what makes it intratumoural).
    spacing
        µm/px.
    settings
        The field; None takes the defaults.
    """
    settings = settings or FieldSettings()
    factor = max(1, int(settings.radius_um / _PIXELS_A_RADIUS / max(spacing.pair)))
    coarse = spacing.scaled(factor)
    disc, edges = _field_kernels(coarse, settings)
    tumour = pooled(nest, factor).astype(np.float64)
    other = pooled(stroma, factor).astype(np.float64)
    if not (tumour.any() and other.any()):
        return StromaRichField(math.nan, (math.nan, math.nan), 0)
    in_tumour, in_other = _sums(tumour, disc), _sums(other, disc)
    both = in_tumour + in_other
    enough_px = max(1.0, settings.edge_tumour_um2 / (spacing.row * spacing.col))
    fits = both >= settings.least_eligible * disc.sum() * factor**2
    for edge in edges:
        if fits.any():
            fits &= _sums(tumour, edge) >= enough_px - 0.5
    if not fits.any():
        return StromaRichField(math.nan, (math.nan, math.nan), 0)
    ratio = np.where(fits, in_other / np.maximum(both, 1), -1.0)
    row, col = np.unravel_index(int(ratio.argmax()), ratio.shape)
    centre = ((float(row) + 0.5) * factor, (float(col) + 0.5) * factor)
    return StromaRichField(float(ratio[row, col]), centre, int(np.count_nonzero(fits)))


def tsr_scores(regions: Regions, settings: FieldSettings | None = None) -> list[Score]:
    """Return the tumour-stroma ratio of the whole tumour and of its most stromal field.

    ``stroma / (stroma + tumour)`` by area, without necrosis, and without muscle where its class is
    there. UNITED calls a field above 0.5 stroma-high (10.1016/j.esmoop.2024.102988).

    Parameters
    ----------
    regions
        Nests and stroma.
    settings
        The field; None takes the defaults.

    Returns
    -------
    list of Score
        ``tumour_stroma_ratio`` and ``tumour_stroma_ratio_worst_field``; NaN with the reason
        without tumour, the second also where no field has tumour at all four edges.
    """
    settings = settings or FieldSettings()
    reason = regions.reason("tumour_tissue")
    whole, field = TsrCounts(), StromaRichField(math.nan, (math.nan, math.nan), 0)
    if not reason and regions.nest is not None and regions.stroma is not None:
        whole = tsr_counts(regions.nest, regions.stroma, regions.muscle)
        rest = regions.eligible & ~regions.nest
        if regions.muscle is not None:
            rest &= ~regions.muscle
        field = stroma_rich_field(regions.nest, rest, regions.spacing, settings)
    size = f"{settings.area_mm2:.3g} mm² (FN {settings.field_number:g})"
    what = f"stroma by area, at {regions.spacing.mean:.3g} µm/px"
    note = f"undefined: {reason}" if reason else ""
    if reason:
        field_note = note
    elif field.candidates:
        place = regions.spacing
        row_mm, col_mm = field.centre[0] * place.row / 1e3, field.centre[1] * place.col / 1e3
        field_note = f"largest of {field.candidates} positions, centre {row_mm:.2f} mm down, "
        field_note += f"{col_mm:.2f} mm right"
    else:
        field_note = f"undefined: no field of {size} has tumour at all four edges"
    both = "stroma and tumour"
    return [
        Score("tumour_stroma_ratio", whole.ratio, "1", what, f"{both} of the tumour region", note),
        Score(
            "tumour_stroma_ratio_worst_field",
            field.ratio,
            "1",
            what,
            f"{both} of a field of {size} with tumour at all four edges",
            field_note,
        ),
    ]


def _field_kernels(
    spacing: Spacing, settings: FieldSettings
) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """Return the disc, and its edge at the top, right, bottom and left."""
    radius = settings.radius_um
    rows = np.arange(-int(radius / spacing.row), int(radius / spacing.row) + 1) * spacing.row
    cols = np.arange(-int(radius / spacing.col), int(radius / spacing.col) + 1) * spacing.col
    down, right = np.meshgrid(rows, cols, indexing="ij")
    out = np.hypot(down, right)
    disc = out <= radius
    edge = disc & (out >= radius * (1 - settings.edge_share))
    slope = math.tan(math.radians(_EDGE_DEGREES / 2))
    tall, flat = np.abs(right) <= slope * np.abs(down), np.abs(down) <= slope * np.abs(right)
    sides = (tall & (down < 0), flat & (right > 0), tall & (down > 0), flat & (right < 0))
    return disc.astype(np.float64), [(edge & side).astype(np.float64) for side in sides]


def _sums(counts: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, at each position, the counts under the kernel; nothing lies beyond the frame."""
    height, width = counts.shape
    padded = (
        fft.next_fast_len(height + kernel.shape[0] - 1, real=True),
        fft.next_fast_len(width + kernel.shape[1] - 1, real=True),
    )
    # Convolution turns the kernel round; rounding takes off the error of the transform.
    spectrum = fft.rfft2(counts, padded) * fft.rfft2(kernel[::-1, ::-1], padded)
    sums: NDArray[np.float64] = np.rint(fft.irfft2(spectrum, padded))
    row, col = kernel.shape[0] // 2, kernel.shape[1] // 2
    return sums[row : row + height, col : col + width]
