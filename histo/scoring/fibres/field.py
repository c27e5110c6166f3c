"""All sums over the fibres of one field, and of several fields together."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.scoring.fibres.boundary import BoundaryCounts, BoundarySettings, boundary_counts
from histo.scoring.fibres.orientation import AxialCounts, axial_counts
from histo.scoring.fibres.ridges import RidgeSettings, fibre_mask
from histo.scoring.fibres.skeleton import SkeletonCounts, SkeletonSettings, skeleton_counts
from histo.scoring.fibres.tensor import TensorScales, orientation_field
from histo.scoring.fibres.texture import (
    BoxCounts,
    DenseCounts,
    GlidingCounts,
    TextureSettings,
    box_counts,
    dense_counts,
    gliding_counts,
)

__all__ = ["MAX_UM_PER_PX", "FibreCounts", "FibreSettings", "fibre_counts", "is_fine_enough"]

MAX_UM_PER_PX = 0.5
_TOLERANCE = 1.03
"""A 20x scanner's pixel is 0.49 to 0.51 µm; all of them are meant by 0.5."""


@dataclass(frozen=True)
class FibreSettings:
    """Every scale and threshold of the fibre scores, grouped by idea."""

    tensor: TensorScales = field(default_factory=TensorScales)
    ridges: RidgeSettings = field(default_factory=RidgeSettings)
    skeleton: SkeletonSettings = field(default_factory=SkeletonSettings)
    texture: TextureSettings = field(default_factory=TextureSettings)
    boundary: BoundarySettings = field(default_factory=BoundarySettings)


@dataclass(frozen=True)
class FibreCounts:
    """Sums over one field or many; fields of one spacing are added with ``+``.

    Attributes
    ----------
    um_per_px
        Mean spacing of the field.
    noise_floor
        Median coherency of white noise at the tensor's scales.
    inside_px, oriented_px
        Pixels looked at, and those with a direction.
    coherency
        Σ coherency over oriented pixels.
    axial
        Directions, weighted by coherency.
    skeleton, boxes, gliding, dense
        Sums of the fibre mask and of the density.
    boundary
        Angles to the tumour's edge; None where no tumour mask was given.
    """

    um_per_px: float
    noise_floor: float
    inside_px: int
    oriented_px: int
    coherency: float
    axial: AxialCounts
    skeleton: SkeletonCounts
    boxes: BoxCounts
    gliding: GlidingCounts
    dense: DenseCounts
    boundary: BoundaryCounts | None = None

    def __add__(self, other: "FibreCounts") -> "FibreCounts":
        if not np.isclose(self.um_per_px, other.um_per_px, rtol=1e-3):
            raise ValueError(
                f"fields at {self.um_per_px:.4g} and {other.um_per_px:.4g} µm/px do not add up; "
                "read every field of a slide at one spacing"
            )
        known = [part for part in (self.boundary, other.boundary) if part is not None]
        return FibreCounts(
            self.um_per_px,
            self.noise_floor,
            self.inside_px + other.inside_px,
            self.oriented_px + other.oriented_px,
            self.coherency + other.coherency,
            self.axial + other.axial,
            self.skeleton + other.skeleton,
            self.boxes + other.boxes,
            self.gliding + other.gliding,
            self.dense + other.dense,
            sum(known, BoundaryCounts()) if known else None,
        )

    @property
    def mean_coherency(self) -> float:
        """Mean over oriented pixels, 0 to 1; NaN where there are none."""
        return self.coherency / self.oriented_px if self.oriented_px else float("nan")

    @property
    def oriented_fraction(self) -> float:
        """Oriented pixels over all looked at, 0 to 1; NaN where there are none."""
        return self.oriented_px / self.inside_px if self.inside_px else float("nan")

    def chance_alignment(self, rho_um: float) -> float:
        """Alignment R that random directions give, as many as windows of 4πρ² fit in the area.

        ``E[R] = sqrt(π / 4n)`` for n independent directions; NaN where there are none.
        """
        if not self.oriented_px:
            return float("nan")
        windows = max(1.0, self.oriented_px * self.um_per_px**2 / (4 * np.pi * rho_um**2))
        return float(min(1.0, np.sqrt(np.pi / (4 * windows))))


def is_fine_enough(spacing: Spacing) -> bool:
    """Whether fibres can be measured: at most 0.5 µm/px on both axes, 3 % allowed."""
    return max(spacing.pair) <= MAX_UM_PER_PX * _TOLERANCE


def fibre_counts(
    intensity: NDArray[np.floating],
    mask: NDArray[np.bool_],
    spacing: Spacing,
    tumour: NDArray[np.bool_] | None = None,
    settings: FibreSettings | None = None,
) -> FibreCounts:
    """Sum up everything about the fibres of one field.

    Parameters
    ----------
    intensity : ndarray of float, shape (H, W)
        Optical density of the matrix's stain: higher on fibres.
    mask : ndarray of bool, shape (H, W)
        Where to look, such as measurable stroma; pixels that are not finite are left out.
    spacing
        µm/px of the field.
    tumour : ndarray of bool, shape (H, W), optional
        Tumour, for the angle to its edge.
    settings
        None takes the defaults.

    Raises
    ------
    ValueError
        If shapes differ or the spacing is too coarse.
    """
    settings = settings or FibreSettings()
    if not is_fine_enough(spacing):
        raise ValueError(
            f"fibres need {MAX_UM_PER_PX:g} µm/px or finer, found {spacing.row:.3g} x "
            f"{spacing.col:.3g}; read the field from a finer level"
        )
    if tumour is not None and tumour.shape != mask.shape:
        raise ValueError(f"masks share a shape, found {tumour.shape} and {mask.shape}")
    flow = orientation_field(intensity, mask, spacing, settings.tensor)
    inside = mask & np.isfinite(intensity)
    fibres = fibre_mask(intensity, inside, spacing, settings.ridges)
    edge = None
    if tumour is not None:
        edge = boundary_counts(flow.angle_deg, flow.coherency, tumour, spacing, settings.boundary)
    return FibreCounts(
        um_per_px=spacing.mean,
        noise_floor=flow.noise_floor,
        inside_px=int(np.count_nonzero(inside)),
        oriented_px=int(np.count_nonzero(flow.oriented)),
        coherency=float(np.nansum(flow.coherency)),
        axial=axial_counts(flow.angle_deg, flow.coherency),
        skeleton=skeleton_counts(fibres, inside, spacing, settings.skeleton),
        boxes=box_counts(fibres, spacing, settings.texture),
        gliding=gliding_counts(fibres, inside, spacing, settings.texture),
        dense=dense_counts(intensity, inside, spacing, settings.texture),
        boundary=edge,
    )
