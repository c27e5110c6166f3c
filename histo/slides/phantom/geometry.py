"""Where everything on a phantom slide is: tissue, tumour nests, fibres. No colour here."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.slides.phantom.noise import Float32, NoiseTable, interpolate_table
from histo.slides.phantom.spec import PhantomSpec

__all__ = ["Fields", "Geometry"]

RADII = 4096
NEST_CELL_UM = 60.0
LOBES = 0.5
CRIMP_UM = 4.5
RETRACTION_UM = 4.0
"""Gap between a nest and the first collagen: the cleft that fixation leaves round epithelium."""


@dataclass(frozen=True)
class Fields:
    """Smooth fields at some points, all float32 and of one shape.

    Attributes
    ----------
    tissue_um
        About the distance to the tissue's edge, positive inside.
    tumour_um
        About the distance to the nearest nest's edge, positive in the nest.
    along_um, across_um
        Fibre coordinates: fibres run along lines of constant ``across_um``.
    thickness
        Local section thickness and staining strength, about 1.
    cleft
        Local width of the clefts between bundles, about 1: loose stroma above, dense below.
    """

    tissue_um: Float32
    tumour_um: Float32
    along_um: Float32
    across_um: Float32
    thickness: Float32
    cleft: Float32


class Geometry:
    """The drawing of one recipe, as functions of (row, col) in µm.

    Parameters
    ----------
    spec
        The recipe.
    """

    def __init__(self, spec: PhantomSpec) -> None:
        generator = np.random.default_rng(spec.seed)
        self.spec = spec
        self.slow, self.nests, self.bundles, self.fine = (NoiseTable(generator) for _ in range(4))
        self.centre_um = (spec.height_mm * 500.0, spec.width_mm * 500.0)
        self.half_axes_um = (spec.height_mm * 440.0, spec.width_mm * 440.0)
        self.tissue_radii = _closed_curve(generator, mean=0.95, roughness=0.05)
        self.bed_radii = _closed_curve(generator, 0.95 * spec.bed_radius, 0.05)
        angle = np.deg2rad(spec.fibre_angle_deg)
        self.direction = (round(float(np.sin(angle)), 9), round(float(np.cos(angle)), 9))
        mixture = self.nests.values + LOBES * np.roll(self.nests.values, (131, 257), (0, 1))
        self.nest_level = float(np.quantile(mixture, 1.0 - spec.nest_fraction))
        self.gap_level = float(np.quantile(np.abs(self.bundles.values), 1 - spec.collagen_fraction))

    def fields(self, rows_um: Float32, cols_um: Float32) -> Fields:
        """Return the fields at points; both arguments broadcast to one shape."""
        rows_um, cols_um = np.broadcast_arrays(rows_um, cols_um)
        down, right = self.direction
        along = rows_um * np.float32(down) + cols_um * np.float32(right)
        across = rows_um * np.float32(right) - cols_um * np.float32(down)
        rim = self.slow.sample(rows_um, cols_um, (45, 45)) * np.float32(6)
        tissue_um = self._inside_um(rows_um, cols_um, self.tissue_radii) + rim
        bed_um = self._inside_um(rows_um, cols_um, self.bed_radii)
        bed_um = np.minimum(bed_um, tissue_um - np.float32(30))
        tumour_um = _smooth_minimum(self._nest_um(along, across), bed_um, blend=30.0)
        thickness = self.slow.sample(rows_um, cols_um, (350, 350), (20, 0)) * np.float32(0.06)
        thickness += 1
        cleft = self.slow.sample(across, along, (110, 200), (0, 50)) * np.float32(0.4)
        cleft = np.maximum(cleft + 1, np.float32(0.1))
        across = across + self._fibre_shift_um(along, across, tumour_um)
        return Fields(tissue_um, tumour_um, along, across, thickness, cleft)

    def bundle(self, fields: Fields) -> Float32:
        """Return the bundle field: signed, near 0 in the clefts between bundles.

        Lines of zero crossing of noise stretched along the fibres form a connected net; what lies
        between them looks like collagen bundles.
        """
        cell_um = (0.72 * self.spec.bundle_um, 9.0 * self.spec.bundle_um)
        return self.bundles.sample(fields.across_um, fields.along_um, cell_um)

    def collagen_margin(self, fields: Fields, bundle: Float32) -> Float32:
        """Return the margin by which a point is collagen: positive in bundles, about 1 per 8 µm."""
        margin = np.abs(bundle)
        margin -= np.float32(self.gap_level) * fields.cleft
        retraction = (fields.tumour_um + np.float32(RETRACTION_UM)) * np.float32(-0.125)
        return np.asarray(np.minimum(margin, retraction))

    def tumour_outline_um(self, points: int = 720) -> NDArray[np.float64]:
        """Return the tumour bed's outline, (row, col) in µm, shape (points, 2), not closed."""
        turn = np.arange(points) * (RADII / points)
        radii = interpolate_table(self.bed_radii, turn.astype(np.float32)).astype(np.float64)
        unit = _diamond_points(turn / RADII * 4)
        unit *= (radii / np.hypot(unit[:, 0], unit[:, 1]))[:, None]
        return np.asarray(unit * self.half_axes_um + self.centre_um)

    def _inside_um(self, rows_um: Float32, cols_um: Float32, radii: Float32) -> Float32:
        half_height, half_width = self.half_axes_um
        y = (rows_um - np.float32(self.centre_um[0])) * np.float32(1 / half_height)
        x = (cols_um - np.float32(self.centre_um[1])) * np.float32(1 / half_width)
        radius = interpolate_table(radii, _diamond_angle(y, x) * np.float32(RADII / 4))
        inside = (radius - np.sqrt(y * y + x * x)) * np.float32(min(self.half_axes_um))
        return np.asarray(inside, dtype=np.float32)

    def _nest_um(self, along: Float32, across: Float32) -> Float32:
        """Nests are longer along the fibres than across, with lobes and a warped edge."""
        cell = NEST_CELL_UM
        height = self.nests.sample(across, along, (cell, 1.5 * cell))
        height += np.float32(LOBES) * self.nests.sample(
            across, along, (0.37 * cell, 0.55 * cell), (7, 3)
        )
        height -= np.float32(self.nest_level)
        height *= np.float32(0.6 * cell)
        return height + np.float32(1.5) * self.slow.sample(across, along, (17, 17))

    def _fibre_shift_um(self, along: Float32, across: Float32, tumour_um: Float32) -> Float32:
        """Slow turns, crimp, and the way fibres pass round a nest."""
        wander = self.spec.fibre_wander
        shift = self.slow.sample(across, along, (380, 380), (9, 0)) * np.float32(304 * wander)
        shift += self.slow.sample(across, along, (130, 130), (0, 31)) * np.float32(65 * wander)
        shift += self.slow.sample(across, along, (70, 28), (40, 0)) * np.float32(CRIMP_UM)
        shift += np.clip(tumour_um, np.float32(-120), np.float32(0)) * np.float32(0.3)
        return shift


def _smooth_minimum(one: Float32, other: Float32, blend: float) -> Float32:
    """At most the minimum, without its crease (quadratic blend, by I. Quilez)."""
    share = (other - one) * np.float32(0.5 / blend) + np.float32(0.5)
    share = np.clip(share, np.float32(0), np.float32(1))
    blended = other + (one - other) * share - np.float32(blend) * share * (1 - share)
    return np.asarray(blended, dtype=np.float32)


def _closed_curve(generator: np.random.Generator, mean: float, roughness: float) -> Float32:
    """Radii of a smooth closed curve, at equal steps of the diamond angle; at most 1.1."""
    points = _diamond_points(np.arange(RADII) / RADII * 4)
    angle = np.arctan2(points[:, 0], points[:, 1])
    radii = np.ones(RADII)
    for order in range(2, 14):
        strength, phase = generator.normal() / order**0.8, generator.uniform(0, 2 * np.pi)
        radii += roughness * strength * np.cos(order * angle + phase)
    return np.round(mean * np.clip(radii, 0.75, 1.15), 6).astype(np.float32)


def _diamond_angle(y: Float32, x: Float32) -> Float32:
    """Angle in [0, 4) that needs no arctangent, so every processor rounds it alike."""
    part = y / (np.abs(x) + np.abs(y) + np.float32(1e-12))
    angle = np.where(x >= 0, part, 2 - part)
    return np.asarray(np.where(angle < 0, angle + 4, angle), dtype=np.float32)


def _diamond_points(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """(row, col) points on the diamond |row| + |col| = 1, shape (N, 2)."""
    rows = np.where(angle <= 1, angle, np.where(angle <= 3, 2 - angle, angle - 4))
    cols = np.where(angle <= 2, 1 - angle, angle - 3)
    return np.stack([rows, cols], axis=1)
