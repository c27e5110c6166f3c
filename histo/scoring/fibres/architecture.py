"""The fibre scores of a field, or of several fields of one slide taken together."""

from collections.abc import Sequence
from functools import reduce
from math import isnan
from operator import add

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.scoring.fibres.boundary import BoundaryCounts
from histo.scoring.fibres.field import (
    MAX_UM_PER_PX,
    FibreCounts,
    FibreSettings,
    fibre_counts,
    is_fine_enough,
)
from histo.scoring.fibres.texture import LEAST_BOXES
from histo.scoring.score import Score

__all__ = ["SCORE_UNITS", "fibre_scores", "scores_of_fields"]

SCORE_UNITS = {
    "collagen_coherency": "1",
    "collagen_coherency_noise_floor": "1",
    "collagen_oriented_fraction": "1",
    "collagen_alignment": "1",
    "collagen_circular_variance": "1",
    "collagen_direction_deg": "deg",
    "collagen_orientation_entropy": "1",
    "fibre_density_mm_per_mm2": "mm/mm2",
    "fibre_width_um": "um",
    "fibre_straightness": "1",
    "fibre_end_points_per_mm": "/mm",
    "fibre_branch_points_per_mm": "/mm",
    "fibre_curvature_deg_per_um": "deg/um",
    "fibre_box_dimension": "1",
    "fibre_lacunarity": "1",
    "collagen_high_density_fraction": "1",
    "fibre_boundary_angle_deg": "deg",
    "fibre_perpendicular_fraction": "1",
    "fibre_perpendicular_excess": "1",
}
"""Every score made here, with its UCUM unit, in the order they are printed."""

_Row = tuple[str, float, str, str, str]  # name, value, numerator, denominator, note


def fibre_scores(
    intensity: NDArray[np.floating],
    mask: NDArray[np.bool_],
    spacing: Spacing,
    tumour: NDArray[np.bool_] | None = None,
    settings: FibreSettings | None = None,
) -> list[Score]:
    """Return the fibre scores of one field.

    Parameters
    ----------
    intensity : ndarray of float, shape (H, W)
        Optical density of the matrix's stain: higher on fibres.
    mask : ndarray of bool, shape (H, W)
        Where to look, such as measurable stroma.
    spacing
        µm/px of the field. Above 0.5 (3 % allowed) every score is NaN with the reason.
    tumour : ndarray of bool, shape (H, W), optional
        Tumour; without it the angles to its edge are NaN with the reason.
    settings
        None takes the defaults.

    Returns
    -------
    list of Score
        The names of ``SCORE_UNITS``, each stating µm/px, scales and thresholds.
    """
    if not is_fine_enough(spacing):
        found = max(spacing.pair)
        return _declined(f"fibres need {MAX_UM_PER_PX:g} µm/px or finer, the field has {found:.3g}")
    return scores_of_fields([fibre_counts(intensity, mask, spacing, tumour, settings)], settings)


def scores_of_fields(
    fields: Sequence[FibreCounts], settings: FibreSettings | None = None
) -> list[Score]:
    """Return the fibre scores of fields of one slide: sums are added, ratios divided last.

    Parameters
    ----------
    fields
        Of `fibre_counts`, all at one spacing and with the same settings.
    settings
        As the fields were counted with; None takes the defaults.

    Raises
    ------
    ValueError
        If the fields have several spacings.
    """
    settings = settings or FibreSettings()
    if not fields:
        return _declined("no field was sampled")
    counts = reduce(add, fields)
    rows = [
        *_orientation_rows(counts, settings),
        *_skeleton_rows(counts, settings),
        *_texture_rows(counts, settings),
        *_boundary_rows(counts.boundary, settings),
    ]
    where = f"at {counts.um_per_px:.3g} µm/px"
    if len(fields) > 1:
        where += f", {len(fields)} fields"
    return [
        Score(name, value, SCORE_UNITS[name], f"{numerator}, {where}", denominator, note)
        for name, value, numerator, denominator, note in rows
    ]


def _declined(reason: str) -> list[Score]:
    note = f"undefined: {reason}"
    return [Score(name, float("nan"), unit, "", "", note) for name, unit in SCORE_UNITS.items()]


def _if_nan(value: float, reason: str, note: str = "") -> str:
    return f"undefined: {reason}" if isnan(value) else note


def _orientation_rows(counts: FibreCounts, settings: FibreSettings) -> list[_Row]:
    scales = settings.tensor
    tensor = f"structure tensor, sigma {scales.sigma_um:g} µm, rho {scales.rho_um:g} µm"
    oriented = f"mask where gradient energy is above {scales.energy_ratio:g} x noise"
    empty, floor = "the mask is empty", counts.noise_floor
    why = "no pixel has a direction above the noise" if counts.inside_px else empty
    mean, share = counts.mean_coherency, counts.oriented_fraction
    note = _if_nan(mean, why, f"white noise gives {floor:.2g}")
    return [
        ("collagen_coherency", mean, f"sum of coherency; {tensor}", oriented, note),
        ("collagen_coherency_noise_floor", floor, f"median of simulated noise; {tensor}", "", ""),
        ("collagen_oriented_fraction", share, oriented, "mask", _if_nan(share, empty)),
        *_direction_rows(counts, f"directions weighted by coherency; {tensor}", why, scales.rho_um),
    ]


def _direction_rows(counts: FibreCounts, weighted: str, why: str, rho_um: float) -> list[_Row]:
    axial, chance = counts.axial, counts.chance_alignment(rho_um)
    length, mean, entropy = axial.alignment, axial.mean_deg, axial.entropy
    screen = "counter-clockwise on the screen from the column axis"
    return [
        (
            "collagen_alignment",
            length,
            f"|sum of w e^2iθ|, {weighted}",
            "sum of w",
            _if_nan(length, why, f"random directions give about {chance:.2g}"),
        ),
        (
            "collagen_circular_variance",
            axial.circular_variance,
            f"1 - alignment, {weighted}",
            "",
            _if_nan(length, why),
        ),
        (
            "collagen_direction_deg",
            mean,
            f"mean axial direction, {screen}, {weighted}",
            "",
            _if_nan(mean, why if isnan(length) else "directions cancel"),
        ),
        (
            "collagen_orientation_entropy",
            entropy,
            f"entropy of 36 bins of 5 degrees, {weighted}",
            "ln 36",
            _if_nan(entropy, why),
        ),
    ]


def _skeleton_rows(counts: FibreCounts, settings: FibreSettings) -> list[_Row]:
    skeleton, ridges, scales = counts.skeleton, settings.ridges, settings.skeleton
    widths = "/".join(f"{width:g}" for width in ridges.widths_um)
    fibre = f"fibres {widths} µm wide, contrast >= {ridges.contrast:g}"
    length = f"skeleton length of {fibre}"
    branch = f"branches >= {scales.straight_um:g} µm of {fibre}"
    none, window = "no fibre was found", f"window {scales.window_um:g} µm"
    straight, curved = skeleton.straightness, skeleton.curvature_deg_per_um
    return [
        (
            "fibre_density_mm_per_mm2",
            skeleton.density_mm_per_mm2,
            length,
            "mask",
            _if_nan(skeleton.density_mm_per_mm2, "the mask is empty"),
        ),
        (
            "fibre_width_um",
            skeleton.mean_width_um,
            f"sum of twice the distance to the fibre's edge, {fibre}",
            "skeleton pixels",
            _if_nan(skeleton.mean_width_um, none),
        ),
        (
            "fibre_straightness",
            straight,
            f"end-to-end distance of {branch}",
            "their length",
            _if_nan(straight, f"no branch reaches {scales.straight_um:g} µm"),
        ),
        (
            "fibre_end_points_per_mm",
            skeleton.ends_per_mm,
            f"ends not cut by the mask, {fibre}",
            "skeleton length",
            _if_nan(skeleton.ends_per_mm, none),
        ),
        (
            "fibre_branch_points_per_mm",
            skeleton.branch_points_per_mm,
            f"branch points, {fibre}",
            "skeleton length",
            _if_nan(skeleton.branch_points_per_mm, none),
        ),
        (
            "fibre_curvature_deg_per_um",
            curved,
            f"sum of unsigned turns, {window}, {fibre}",
            "window x length",
            _if_nan(curved, f"no branch reaches {2 * scales.window_um:g} µm"),
        ),
    ]


def _texture_rows(counts: FibreCounts, settings: FibreSettings) -> list[_Row]:
    scales, boxes = settings.texture, counts.boxes
    dimension, lacunarity = boxes.dimension, counts.gliding.lacunarity
    sizes = f"{boxes.sizes_um[0]:.3g} to {boxes.sizes_um[-1]:.3g} µm" if boxes.sizes_um else ""
    small = f"{LEAST_BOXES * scales.smallest_box_um * 2**scales.doublings:g} µm"
    why = "no fibre was found" if sizes else f"every field is under {small} a side"
    gaps = "no fibre, or no whole box inside the mask"
    dense = counts.dense.fraction
    return [
        (
            "fibre_box_dimension",
            dimension,
            f"slope of ln boxes holding fibre, boxes of {sizes}" if sizes else "slope of ln boxes",
            "ln 1/size",
            _if_nan(dimension, why, f"R² of the line {boxes.fit:.4f}"),
        ),
        (
            "fibre_lacunarity",
            lacunarity,
            f"mean squared fibre mass of gliding boxes of {scales.gliding_box_um:g} µm",
            "squared mean mass",
            _if_nan(lacunarity, gaps),
        ),
        (
            "collagen_high_density_fraction",
            dense,
            f"density >= {scales.dense:g} after smoothing over {scales.dense_um:g} µm",
            "mask",
            _if_nan(dense, "the mask is empty"),
        ),
    ]


def _boundary_rows(counts: BoundaryCounts | None, settings: FibreSettings) -> list[_Row]:
    scales = settings.boundary
    band = f"fibres within {scales.band_um:g} µm outside the tumour, weighted by coherency"
    steep = f"at {scales.steep_deg:g} degrees or more to its edge"
    why = f"no fibre within {scales.band_um:g} µm of a tumour edge"
    if counts is None:
        counts, why = BoundaryCounts(), "no tumour mask was given"
    mean, share, random = counts.mean_deg, counts.steep_share, scales.random_share
    excess, note = share - random, f"random directions give {random:.3f}"
    return [
        (
            "fibre_boundary_angle_deg",
            mean,
            f"sum of angles to the nearest edge, {band}",
            "sum of weights",
            _if_nan(mean, why, "random directions give 45"),
        ),
        (
            "fibre_perpendicular_fraction",
            share,
            f"{steep}, {band}",
            "all in the band",
            _if_nan(share, why, note),
        ),
        (
            "fibre_perpendicular_excess",
            excess,
            f"share {steep} less {random:.3f}, {band}",
            "all in the band",
            _if_nan(excess, why, "0 is random"),
        ),
    ]
