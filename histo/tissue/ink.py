"""Marker strokes: smooth, strong, and of a colour the section itself does not have."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.geometry import Spacing
from histo.stains.chroma import chroma_plane
from histo.stains.density import optical_density
from histo.tissue.absorbance import Absorbance
from histo.tissue.blocks import block_mean, block_size, spread_blocks

__all__ = ["find_ink", "tissue_under"]

_BLOCK_UM = 32.0
_STRONG = 110.0  # absorbance of the strongest channel, 1/255: half-transparent and more
_SMOOTH = 0.06  # deviation within a block relative to its mean; sections have 0.1 and more
_CELL = 0.1  # cell of the chroma plane
_OWN_CELLS = 2  # colours this many cells from one of the section's are the section's
_OWN_SHARE = 0.03  # of the textured blocks, from which on a colour is the section's
_MIN_TEXTURED = 20  # blocks; with fewer nothing is known about the section's own colours
_SMALLEST_MM2 = 0.05
_STAINED = 26.0  # absorbance from which a block's colour says something
_RED = -0.3  # x of the chroma plane; blood and folded eosin are as smooth as red ink ...
_STRONG_RED = 215.0  # ... but lose less light than this
_HOLDS_INK = 0.75  # of the ink's density in every channel: the stroke goes on
_RIM = 13  # absorbance of a stroke's thin rim
_BRIDGE_UM = 750.0  # tissue on both sides of a stroke of twice this width goes on under it


def find_ink(
    rgb: NDArray[np.uint8],
    light: Absorbance,
    white_point: NDArray[np.uint8],
    spacing: Spacing,
    padding: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Mark pen strokes, on glass and on tissue.

    The colours of textured blocks are the section's own. Blocks that are smooth, strongly
    absorbing and of another colour are ink, in pieces from 0.05 mm²; from there the stroke is
    followed over tissue as long as every channel absorbs what the ink does. Ink in a colour of
    the section (red marker on picrosirius red) is missed rather than tissue thrown out. The black
    ``padding`` of the scanner, shape (H, W), is none.

    Returns
    -------
    ndarray of bool, shape (H, W)
    """
    size = block_size(spacing, _BLOCK_UM)
    nothing = np.zeros(light.most.shape, np.bool_)
    mean = block_mean(light.most, size)
    if min(size) < 2 or mean.max() < _STRONG:
        return nothing
    deviation = np.sqrt(np.maximum(block_mean(_squares(light.most), size) - mean**2, 0))
    candidates = (deviation < _SMOOTH * mean) & (mean >= _STRONG)
    candidates &= block_mean(padding, size) == 0
    if not candidates.any():
        return nothing
    colour = np.rint(block_mean(rgb, size)).astype(np.uint8)
    od = np.maximum(optical_density(colour, white_point), 0)
    plane = chroma_plane(od.reshape(-1, 3))[0].reshape(*mean.shape, 2)
    # The rim of a stroke is textured as well, but not the section's.
    near = ndimage.binary_dilation(candidates, np.ones((5, 5)))
    own = _own_colours(plane, (mean >= _STAINED) & ~near)
    reddish = (plane[..., 0] < _RED) & (mean < _STRONG_RED)
    ink = candidates & ~own[_cells(plane)] & ~reddish
    ink = _large(ndimage.binary_opening(ink, np.ones((2, 2))), size, spacing)
    return _to_pixels(_follow(ink, od), rgb, light, white_point, size) if ink.any() else nothing


def tissue_under(
    ink: NDArray[np.bool_], tissue: NDArray[np.bool_], spacing: Spacing
) -> NDArray[np.bool_]:
    """Ink that lies over tissue: where tissue goes on at both sides of the stroke.

    A closing of the tissue by 0.75 mm, on a coarse grid.
    """
    size = block_size(spacing, _BLOCK_UM)
    step_um = (size[0] * spacing.row, size[1] * spacing.col)
    pad = int(np.ceil(_BRIDGE_UM / min(step_um))) + 1
    coarse = np.pad(block_mean(tissue, size) >= 0.5, pad)
    near = ndimage.distance_transform_edt(~coarse, sampling=step_um) <= _BRIDGE_UM
    closed = ndimage.distance_transform_edt(near, sampling=step_um) > _BRIDGE_UM
    return ink & spread_blocks(closed[pad:-pad, pad:-pad], size, ink.shape)


def _squares(values: NDArray[np.uint8]) -> NDArray[np.uint16]:
    table: NDArray[np.uint16] = (np.arange(256) ** 2).astype(np.uint16)
    return table[values]


def _cells(plane: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    cells = np.clip(np.rint((plane + 2.0) / _CELL), 0, 40).astype(np.intp)
    return cells[..., 0], cells[..., 1]


def _own_colours(plane: NDArray[np.float32], textured: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells of the chroma plane, shape (41, 41), that textured tissue fills; all if unknown."""
    if np.count_nonzero(textured) < _MIN_TEXTURED:
        return np.ones((41, 41), np.bool_)
    counts = np.zeros((41, 41))
    np.add.at(counts, _cells(plane[textured]), 1)
    filled = counts >= max(2.0, _OWN_SHARE * counts.sum())
    own: NDArray[np.bool_] = ndimage.maximum_filter(filled, size=2 * _OWN_CELLS + 1)
    return own


def _follow(ink: NDArray[np.bool_], od: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Extend each stroke over connected blocks that hold its ink, and tissue below it or not."""
    labels, count = ndimage.label(ink, np.ones((3, 3)))
    followed = ink.copy()
    for index in range(1, count + 1):
        stroke = labels == index
        least = _HOLDS_INK * np.median(od[stroke], axis=0)
        reachable, _ = ndimage.label((od >= least).all(axis=2) | stroke, np.ones((3, 3)))
        followed |= np.isin(reachable, np.unique(reachable[stroke]))
    return followed


def _large(ink: NDArray[np.bool_], size: tuple[int, int], spacing: Spacing) -> NDArray[np.bool_]:
    labels, count = ndimage.label(ink, np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1) * size[0] * size[1]
    keep = areas * spacing.area_mm2(1) >= _SMALLEST_MM2
    keep[0] = False
    chosen: NDArray[np.bool_] = keep[labels]
    return chosen


def _to_pixels(
    ink: NDArray[np.bool_],
    rgb: NDArray[np.uint8],
    light: Absorbance,
    white_point: NDArray[np.uint8],
    size: tuple[int, int],
) -> NDArray[np.bool_]:
    """Refine blocks to pixels: around the stroke, whatever absorbs in the stroke's colour."""
    found = spread_blocks(ink, size, light.most.shape).copy()
    rim = spread_blocks(ndimage.binary_dilation(ink, np.ones((3, 3))), size, found.shape) & ~found
    rim &= light.most > _RIM
    strokes = rgb[found]
    strokes = strokes[:: max(1, len(strokes) // 100_000)]
    inked = np.zeros((41, 41), np.bool_)
    inked[_cells(_plane_of(strokes, white_point))] = True
    found[rim] = inked[_cells(_plane_of(rgb[rim], white_point))]
    return found


def _plane_of(pixels: NDArray[np.uint8], white_point: NDArray[np.uint8]) -> NDArray[np.float32]:
    return chroma_plane(np.maximum(optical_density(pixels, white_point), 0))[0]
