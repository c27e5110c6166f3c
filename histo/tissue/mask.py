"""Which pixels hold tissue.

Tissue is what takes light away: walls of fat cells are tissue, the emptied droplets inside them
are background like any lumen, so fat counts with the area of its walls only. A pixel belongs to
the tissue from half coverage on, which leaves areas unbiased.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.geometry import Spacing
from histo.tissue.absorbance import Absorbance

__all__ = ["FILLED_HOLE_UM2", "SMALLEST_TISSUE_UM2", "scanner_padding", "tissue_mask"]

SMALLEST_TISSUE_UM2 = 5_000.0
"""Groups of tissue with less area are specks of dust or debris."""

FILLED_HOLE_UM2 = 500.0
"""Holes up to this area (25 µm across: a crack, a capillary) count as tissue."""

_GROUP_GAP_UM = 24.0  # pieces closer than this (walls of one fat lobule) are judged as one group
_NEUTRAL = 0.15  # chroma of a group relative to its absorbance, below which it has no stain
_SMALL_NEUTRAL_UM2 = 100_000.0  # colourless groups below are dust, above may be a grey picture
_THIN_NEUTRAL_UM = 120.0  # colourless groups thinner than this are cover-slip edges and hairs
_BLACK = 40  # grey level; scanner borders are 0 to 16 with JPEG noise on top
_EIGHT = np.ones((3, 3), np.bool_)


def tissue_mask(
    light: Absorbance, spacing: Spacing, *, ignore: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Mark the pixels that hold tissue.

    A hysteresis threshold on the strongest channel's absorbance, set from the glass's noise;
    then each pixel of the rim is kept if it takes at least half of the light that the tissue
    beside it takes. Small holes are filled; specks, colourless dust and edges go.

    Parameters
    ----------
    light
        Absorbance of the view, (H, W).
    spacing
        µm/px of the view.
    ignore
        ndarray of bool, shape (H, W): scanner padding and ink on glass, never tissue.

    Returns
    -------
    ndarray of bool, shape (H, W)
    """
    low = int(np.clip(5.0 + 4.0 * light.noise, 8.0, 26.0))
    faint = light.most >= low
    if ignore is not None:
        faint &= ~ignore
    tissue = _connected_to(faint, light.most >= 2 * low)
    tissue = _trim_rim(tissue, light.most)
    tissue = _fill_holes(tissue, int(FILLED_HOLE_UM2 / (spacing.row * spacing.col)))
    if ignore is not None:
        tissue &= ~ignore
    return _without_specks(tissue, light, spacing)


def scanner_padding(rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Black that reaches the view's edge, and the two grey pixels where it was averaged in."""
    black: NDArray[np.bool_] = rgb[..., 0] < _BLACK
    for channel in (1, 2):  # four times as fast as the maximum over the last axis
        black &= rgb[..., channel] < _BLACK
    if not black.any():
        return black
    labels, _ = ndimage.label(black)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    at_edge = np.isin(labels, np.unique(rim[rim > 0]))
    if not at_edge.any():
        return np.zeros_like(black)
    widened: NDArray[np.bool_] = ndimage.maximum_filter(at_edge, size=5)
    return widened


def _connected_to(faint: NDArray[np.bool_], strong: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Components of ``faint`` that hold a ``strong`` pixel."""
    labels, count = ndimage.label(faint, _EIGHT)
    keep = np.zeros(count + 1, np.bool_)
    keep[labels[strong & faint]] = True
    keep[0] = False
    chosen: NDArray[np.bool_] = keep[labels]
    return chosen


def _trim_rim(tissue: NDArray[np.bool_], most: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Decide each pixel at the outline by half of the absorbance of the tissue beside it.

    A pixel half on tissue loses half of the light (absorbance is linear in coverage). Walls too
    thin to have an inside keep the verdict of the threshold.
    """
    core = ndimage.minimum_filter(tissue, size=3)
    rim = ndimage.maximum_filter(tissue, size=3) & ~core
    inside = ndimage.uniform_filter((core * most).astype(np.float32), size=7, mode="constant")
    share = ndimage.uniform_filter(core.astype(np.float32), size=7, mode="constant")
    judged = rim & (share > 0.5 / 49)
    trimmed = tissue.copy()
    trimmed[judged] = most[judged] >= 0.5 * inside[judged] / share[judged]
    return trimmed


def _fill_holes(tissue: NDArray[np.bool_], largest_px: int) -> NDArray[np.bool_]:
    """Fill background components of at most that many pixels."""
    labels, count = ndimage.label(~tissue)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    small = areas <= largest_px
    small[0] = False
    filled: NDArray[np.bool_] = tissue | small[labels]
    return filled


def _without_specks(
    tissue: NDArray[np.bool_], light: Absorbance, spacing: Spacing
) -> NDArray[np.bool_]:
    """Drop groups of pieces that are too small, or colourless and small or thin."""
    size = [2 * int(np.ceil(_GROUP_GAP_UM / 2 / um)) + 1 for um in spacing.pair]
    labels, count = ndimage.label(ndimage.maximum_filter(tissue, size=size), _EIGHT)
    if count == 0:
        return tissue
    inside = labels[tissue]
    area_um2 = np.bincount(inside, minlength=count + 1) * (spacing.row * spacing.col)
    absorbed = np.bincount(inside, light.most[tissue], minlength=count + 1)
    colour = np.bincount(inside, light.chroma[tissue], minlength=count + 1)
    keep = area_um2 >= SMALLEST_TISSUE_UM2
    neutral = colour < _NEUTRAL * np.maximum(absorbed, 1)
    thickness_um = area_um2 / _lengths_um(labels, spacing)
    keep &= ~(neutral & ((area_um2 < _SMALL_NEUTRAL_UM2) | (thickness_um < _THIN_NEUTRAL_UM)))
    keep[0] = False
    kept: NDArray[np.bool_] = tissue & keep[labels]
    return kept


def _lengths_um(labels: NDArray[np.int32], spacing: Spacing) -> NDArray[np.float64]:
    """Diagonal of each component's bounding box in µm; index 0 is the background's, infinite."""
    lengths = [np.inf]
    for rows, cols in ndimage.find_objects(labels):
        height, width = (rows.stop - rows.start, cols.stop - cols.start)
        lengths.append(float(np.hypot(height * spacing.row, width * spacing.col)))
    return np.array(lengths)
