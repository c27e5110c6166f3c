"""The nucleus rule of immunostains: a brown profile counts where its nucleus is seen.

Haematoxylin is read *beyond* what brown may fake. A DAB vector a few degrees off leaves a share of
the brown in the haematoxylin channel, the more the darker the brown, so that share is taken
off first. Under very dark DAB nothing can be said: at an OD of 1 along the DAB vector 17 % of blue
light is left, and DAB scatters instead of absorbing only. A profile without a visible nucleus is
therefore either *bare* (the brown is light enough to see through: there is none in this section)
or *hidden* (it is not). Only visible nuclei count; the hidden are reported, as an upper bound.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree

from histo.geometry import Spacing
from histo.scoring.macrophages.cells import Cells, CellSettings, find_cells

__all__ = ["NucleusSettings", "NucleusVerdicts", "judge_nuclei"]

_OD_CLIP = 2.0
# Beyond an OD of 2 a camera of 8 bit sees nothing but its own noise.


@dataclass(frozen=True)
class NucleusSettings:
    """Optical densities and distances of the rule; defaults are conventions, not measurements.

    Attributes
    ----------
    dab_od
        A profile is DAB-positive if its ring of cytoplasm or its centre reaches this OD.
    haematoxylin_od
        Height of a haematoxylin peak that is a nucleus.
    leak
        Share of the DAB's OD that may turn up as haematoxylin and is taken off it.
    hiding_od
        From this DAB OD at its centre on, a nucleus may be there unseen.
    sigma_um
        Smoothing before any of this is read, µm: well below a nucleus, above the grain of DAB.
    radius_um
        How far from the profile's peak its nucleus and its brown may lie, µm.
    """

    dab_od: float = 0.2
    haematoxylin_od: float = 0.15
    leak: float = 0.1
    hiding_od: float = 1.0
    sigma_um: float = 1.0
    radius_um: float = 6.0


@dataclass(frozen=True, eq=False)
class NucleusVerdicts:
    """What the rule says of each profile; every array is ndarray of bool, shape (N,).

    Attributes
    ----------
    counted
        DAB-positive with a visible nucleus.
    hidden
        DAB-positive, none visible, and so dark that none could be.
    bare
        DAB-positive, none visible though one would be: a cut process, debris, background.
    negative
        Not DAB-positive.
    """

    counted: NDArray[np.bool_]
    hidden: NDArray[np.bool_]
    bare: NDArray[np.bool_]
    negative: NDArray[np.bool_]


def judge_nuclei(
    cells: Cells,
    haematoxylin: NDArray[np.floating],
    dab: NDArray[np.floating],
    spacing: Spacing,
    settings: NucleusSettings | None = None,
) -> NucleusVerdicts:
    """Apply the nucleus rule to profiles found on a DAB immunostain.

    A nucleus serves one profile only: of several within reach of it, the nearest.

    Parameters
    ----------
    cells
        Profiles, in pixels of the same frame.
    haematoxylin, dab
        ndarray of float, shape (H, W): OD along the unit vectors, as ``histo.stains.unmix`` gives
        them. At most 1 µm/px, else nuclei run together.
    spacing
        µm/px of both.
    settings
        Densities and distances; None takes the defaults.

    Returns
    -------
    NucleusVerdicts
        Each profile is exactly one of the four.

    Raises
    ------
    ValueError
        If the planes differ in shape.
    """
    settings = settings or NucleusSettings()
    if haematoxylin.shape != dab.shape:
        raise ValueError(f"two planes of one frame, found {haematoxylin.shape} and {dab.shape}")
    brown = _smoothed(dab, spacing, settings.sigma_um)
    at = tuple(np.floor(cells.points).astype(np.intp).T)
    visible = _has_nucleus(cells, _nuclei(haematoxylin, dab, spacing, settings), spacing, settings)
    positive = _highest_near(brown, cells.points, spacing, settings.radius_um) >= settings.dab_od
    dark = brown[at] >= settings.hiding_od
    unseen = positive & ~visible
    return NucleusVerdicts(positive & visible, unseen & dark, unseen & ~dark, ~positive)


def _smoothed(
    plane: NDArray[np.floating], spacing: Spacing, sigma_um: float
) -> NDArray[np.float32]:
    known = np.clip(np.nan_to_num(plane, nan=0.0), 0.0, _OD_CLIP).astype(np.float32)
    smooth: NDArray[np.float32] = gaussian_filter(
        known, (sigma_um / spacing.row, sigma_um / spacing.col), mode="nearest"
    )
    return smooth


def _nuclei(
    haematoxylin: NDArray[np.floating],
    dab: NDArray[np.floating],
    spacing: Spacing,
    settings: NucleusSettings,
) -> Cells:
    """Peaks of the haematoxylin that brown cannot have faked."""
    own = haematoxylin - settings.leak * np.maximum(dab, 0)
    peaks = CellSettings(
        threshold=settings.haematoxylin_od / _OD_CLIP,
        sigma_um=settings.sigma_um,
        min_distance_um=settings.radius_um / 2,
    )
    return find_cells(own.astype(np.float32) / np.float32(_OD_CLIP), spacing, peaks)


def _has_nucleus(
    cells: Cells, nuclei: Cells, spacing: Spacing, settings: NucleusSettings
) -> NDArray[np.bool_]:
    """Whether each profile has a nucleus that is nearer to no other profile."""
    seen = np.zeros(len(cells), bool)
    if len(cells) and len(nuclei):
        tree = KDTree(cells.points * spacing.pair)
        gap_um, nearest = tree.query(nuclei.points * spacing.pair)
        seen[nearest[gap_um <= settings.radius_um]] = True
    return seen


def _highest_near(
    plane: NDArray[np.float32],
    points: NDArray[np.float64],
    spacing: Spacing,
    radius_um: float,
) -> NDArray[np.float32]:
    """Highest value within the radius of each point, shape (N,)."""
    rows, cols = int(radius_um / spacing.row), int(radius_um / spacing.col)
    d_row, d_col = np.mgrid[-rows : rows + 1, -cols : cols + 1]
    disc = np.hypot(d_row * spacing.row, d_col * spacing.col) <= radius_um
    at = np.floor(points).astype(np.intp)
    highest = np.zeros(len(points), np.float32)
    last = np.array(plane.shape) - 1
    for offset in zip(d_row[disc], d_col[disc], strict=True):
        row, col = np.clip(at + offset, 0, last).T
        np.maximum(highest, plane[row, col], out=highest)
    return highest
