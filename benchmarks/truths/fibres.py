"""Fibres drawn with known direction, coherency, length, shape and dimension."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ellipe

from benchmarks.truths import Truth
from histo.geometry import Spacing
from histo.scoring.fibres.boundary import BoundarySettings, boundary_counts
from histo.scoring.fibres.orientation import axial_counts
from histo.scoring.fibres.ridges import fibre_mask
from histo.scoring.fibres.skeleton import SkeletonCounts, skeleton_counts
from histo.scoring.fibres.tensor import TensorScales, coherency_noise_floor, orientation_field
from histo.scoring.fibres.texture import (
    TextureSettings,
    box_counts,
    dense_counts,
    gliding_counts,
)

SPACING = Spacing(0.5, 0.5)
SHAPE = (280, 280)
ALL = np.ones(SHAPE, np.bool_)
SCALES = TensorScales(1.0, 8.0)
DRAWN = "drawn in closed form"


def truths() -> list[Truth]:
    """Return every fibre score beside its truth; about 3 s of CPU."""
    makers: tuple[Callable[[], list[Truth]], ...] = (
        _directions,
        _coherencies,
        _spreads,
        _straight_fibres,
        _curved_fibres,
        _crossings,
        _textures,
        _boundaries,
    )
    return [truth for maker in makers for truth in maker()]


def _axes(
    angle_deg: float, shape: tuple[int, int] = SHAPE
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances along and across a direction through the middle of the frame, µm."""
    rows = ((np.arange(shape[0]) + 0.5 - shape[0] / 2) * SPACING.row)[:, None]
    cols = (np.arange(shape[1]) + 0.5 - shape[1] / 2) * SPACING.col
    turn = np.deg2rad(angle_deg)
    along = cols * np.cos(turn) - rows * np.sin(turn)
    return along, cols * np.sin(turn) + rows * np.cos(turn)


def _grating(angle_deg: float, period_um: float) -> NDArray[np.float64]:
    return np.cos(2 * np.pi * _axes(angle_deg)[1] / period_um)


def _rod(angle_deg: float, length_um: float, width_um: float) -> NDArray[np.bool_]:
    along, across = _axes(angle_deg)
    beyond = np.maximum(np.abs(along) - length_um / 2, 0)
    return np.asarray(np.hypot(beyond, across + 0.1) <= width_um / 2)


def _measured(fibres: NDArray[np.bool_]) -> SkeletonCounts:
    return skeleton_counts(fibres, ALL, SPACING)


def _directions() -> list[Truth]:
    rows = []
    for angle in (0.0, 30.0, 45.0, 90.0):
        field = orientation_field(_grating(angle, 6.0), ALL, SPACING, SCALES)
        counts = axial_counts(field.angle_deg, field.coherency)
        # 179.99 and 0 are 0.01 apart.
        value = angle + (counts.mean_deg - angle + 90) % 180 - 90
        case = f"grating of 6 µm at {angle:g} degrees"
        rows += [
            Truth("collagen_direction_deg", case, value, angle, 1.0, DRAWN),
            Truth("collagen_alignment", case, counts.alignment, 1.0, 0.01, DRAWN),
        ]
    return rows


def _coherencies() -> list[Truth]:
    """Orthogonal gratings a cos(2πx/p) + b cos(2πy/q): the energies of the two axes.

    Iσ damps a grating of frequency k = 2π/p by exp(−k²σ²/2). The mean square of its derivative
    is then E = a² k² exp(−k²σ²) / 2 along its own axis and 0 along the other; the product of both
    derivatives averages to 0 over ρ. So J = diag(E₁, E₂) and C = |E₁ − E₂| / (E₁ + E₂); the
    damping stays where the periods differ.
    """
    rows = []
    for a, b, p, q in ((1.0, 0.5, 6.0, 6.0), (1.0, 0.6, 8.0, 5.0), (1.0, 1.0, 6.0, 6.0)):
        image = a * _grating(90, p) + b * _grating(0, q)
        one, two = (
            (size / period) ** 2 * np.exp(-((2 * np.pi * SCALES.sigma_um / period) ** 2))
            for size, period in ((a, p), (b, q))
        )
        field = orientation_field(image, ALL, SPACING, SCALES)
        inner = field.coherency[70:-70, 70:-70]
        case = f"gratings of {p:g} and {q:g} µm at right angles, amplitudes {a:g} and {b:g}"
        truth = abs(one - two) / (one + two)
        reference = "|E1 - E2| / (E1 + E2), E = (a k)² exp(-k² sigma²)"
        rows.append(
            Truth("collagen_coherency", case, float(np.mean(inner)), truth, 0.01, reference)
        )
    for sigma, rho, truth, tolerance in ((1, 4, 0.14, 0.01), (2, 30, 0.04, 0.005)):
        value = coherency_noise_floor((sigma, sigma), (rho, rho))
        case = f"white noise, sigma {sigma} px, rho {rho} px"
        name, reference = "collagen_coherency_noise_floor", "simulated independently"
        rows.append(Truth(name, case, value, truth, tolerance, reference))
    return rows


def _spreads() -> list[Truth]:
    rows = []
    for half_deg in (15.0, 45.0, 90.0):
        counts = axial_counts(60 + np.linspace(-half_deg, half_deg, 36001)[:-1])
        width = np.deg2rad(2 * half_deg)
        case = f"even fan of ±{half_deg:g} degrees"
        truth = float(np.sin(width) / width)
        rows += [
            Truth("collagen_alignment", case, counts.alignment, truth, 1e-3, "sin(w)/w"),
            Truth(
                "collagen_circular_variance",
                case,
                counts.circular_variance,
                1 - truth,
                1e-3,
                "1 - R",
            ),
        ]
    for bins in (1, 9, 36):
        counts = axial_counts(5.0 * np.arange(bins) + 2.5)
        truth = float(np.log(bins) / np.log(36))
        case = f"{bins} of 36 bins alike"
        name = "collagen_orientation_entropy"
        rows.append(Truth(name, case, counts.entropy, truth, 1e-9, "ln n / ln 36"))
    return rows


def _straight_fibres() -> list[Truth]:
    rows = []
    for angle in (0.0, 30.0, 45.0, 90.0):
        counts = _measured(_rod(angle, 100.0, 3.0))
        truth = 100e3 / (SHAPE[0] * SHAPE[1] * 0.25)
        case = f"fibre of 100 x 3 µm at {angle:g} degrees in 140 x 140 µm"
        rows += [
            Truth(
                "fibre_density_mm_per_mm2",
                case,
                counts.density_mm_per_mm2,
                truth,
                0.05 * truth,
                DRAWN,
            ),
            Truth("fibre_width_um", case, counts.mean_width_um, 3.0, 0.4, DRAWN),
            Truth("fibre_straightness", case, counts.straightness, 1.0, 0.01, DRAWN),
            Truth("fibre_end_points_per_mm", case, counts.ends_per_mm, 20.0, 1.0, DRAWN),
        ]
    for width_um in (1.5, 3.0, 6.0, 12.0):
        grey = 0.3 * _rod(30, 400, width_um)
        value = _measured(fibre_mask(grey, ALL, SPACING)).mean_width_um
        case = f"grey bar of {width_um:g} µm found by its ridge"
        rows.append(Truth("fibre_width_um", case, value, width_um, 0.12 * width_um, DRAWN))
    return rows


def _curved_fibres() -> list[Truth]:
    """Draw sines of amplitude A and period L: straightness is L over its arc.

    The arc of a period is ∫ sqrt(1 + m² cos²) = (2L/π) sqrt(1 + m²) E(m² / (1 + m²)), with
    m = 2πA/L and E the complete elliptic integral of the second kind.
    """
    rows = []
    period_um = 60.0
    for amplitude_um in (3.0, 6.0, 12.0):
        m = 2 * np.pi * amplitude_um / period_um
        arc_um = period_um * 2 / np.pi * np.sqrt(1 + m**2) * ellipe(m**2 / (1 + m**2))
        mask = np.zeros(SHAPE, np.bool_)
        cols_um = np.linspace(10, 130, 40001)
        rows_um = 70 + amplitude_um * np.sin(2 * np.pi * (cols_um - 10) / period_um)
        for down in range(-2, 3):
            mask[(rows_um * 2).astype(int) + down, (cols_um * 2).astype(int)] = True
        counts = _measured(mask)
        case = f"two periods of a sine, {amplitude_um:g} over {period_um:g} µm"
        straight = float(period_um / arc_um)
        rows.append(
            Truth(
                "fibre_straightness", case, counts.straightness, straight, 0.02, "elliptic integral"
            )
        )
    for radius_um in (20.0, 40.0):
        counts = _measured(np.abs(np.hypot(*_axes(0)) - radius_um) < 1.5)
        case = f"ring of radius {radius_um:g} µm"
        bend = float(np.rad2deg(1 / radius_um))
        rows += [
            Truth(
                "fibre_curvature_deg_per_um",
                case,
                counts.curvature_deg_per_um,
                bend,
                0.05 * bend,
                "1/r",
            ),
            Truth("fibre_end_points_per_mm", case, counts.ends_per_mm, 0.0, 0.0, DRAWN),
        ]
    return rows


def _crossings() -> list[Truth]:
    counts = _measured(_rod(0, 100, 1) | _rod(90, 100, 1))
    case = "two fibres of 100 µm that cross"
    return [
        Truth("fibre_end_points_per_mm", case, counts.ends_per_mm, 20.0, 1.0, DRAWN),
        Truth("fibre_branch_points_per_mm", case, counts.branch_points_per_mm, 5.0, 0.25, DRAWN),
    ]


def _textures() -> list[Truth]:
    rows = []
    for angle in (0.0, 17.0, 45.0):
        line = np.abs(_axes(angle, (512, 512))[1] + 0.1) < 0.36
        value = box_counts(line, SPACING).dimension
        rows.append(
            Truth("fibre_box_dimension", f"line at {angle:g} degrees", value, 1, 0.05, DRAWN)
        )
    whole = np.ones((512, 512), np.bool_)
    plane = box_counts(whole, SPACING).dimension
    rows.append(Truth("fibre_box_dimension", "filled field", plane, 2.0, 0.05, DRAWN))
    dots = np.random.default_rng(0).random(whole.shape) < 0.1
    scale = TextureSettings(gliding_box_um=5.0)
    lacunarity = gliding_counts(dots, whole, SPACING, scale).lacunarity
    case = "independent pixels, p 0.1, box of 100 px"
    rows.append(Truth("fibre_lacunarity", case, lacunarity, 1.09, 0.005, "1 + (1 - p)/(p n)"))
    step = np.where(np.arange(280) < 70, 0.9, 0.1) * np.ones((280, 1))
    dense = dense_counts(step, ALL, SPACING).fraction
    case = "a quarter of 0.9, the rest of 0.1"
    rows.append(Truth("collagen_high_density_fraction", case, dense, 0.25, 0.0025, DRAWN))
    return rows


def _boundaries() -> list[Truth]:
    rows = []
    settings = BoundarySettings(band_um=30.0)
    weight = np.ones(SHAPE)
    for edge, turn in ((0.0, 0.0), (0.0, 30.0), (30.0, 45.0), (77.0, 90.0)):
        tumour = _axes(edge)[1] > 0
        fibres = orientation_field(_grating(edge + turn, 6.0), ALL, SPACING, SCALES)
        counts = boundary_counts(fibres.angle_deg, fibres.coherency, tumour, SPACING, settings)
        case = f"grating at {turn:g} degrees to an edge at {edge:g}"
        rows.append(Truth("fibre_boundary_angle_deg", case, counts.mean_deg, turn, 1.0, DRAWN))
    random = np.random.default_rng(1).uniform(0, 180, SHAPE)
    share = boundary_counts(random, weight, _axes(20)[1] > 0, SPACING, settings).steep_share
    case = "random directions at an edge"
    reference = "30 of 90 degrees; 10.1016/j.ajpath.2010.11.076"
    rows += [
        Truth("fibre_perpendicular_fraction", case, share, 1 / 3, 0.015, reference),
        Truth("fibre_perpendicular_excess", case, share - 1 / 3, 0.0, 0.015, reference),
    ]
    return rows
