"""Folds: ribbons where the section lies on itself, as if stained twice."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.geometry import Spacing
from histo.stains.density import optical_density
from histo.tissue.blocks import block_mean, block_size, spread_blocks

__all__ = ["find_folds"]

_BLOCK_UM = 16.0
_SURROUND_UM = 500.0
_TIMES_SLIDE = 1.8  # density of a fold against the slide's median, in every channel
_TIMES_SURROUND = 1.5  # and against the tissue around it
_EDGE = 0.85  # of both suffices beside blocks that reach them ...
_CORE = 0.4  # ... if these are that share of the ribbon
_SAME_HUE = 0.993  # cosine of both colours: a fold is more of the same, a lymph follicle bluer
_EVEN = 1.45  # gain of the channel that gains most against the one that gains least
_LEAST_TISSUE_MM2 = 1.0  # a median of less says nothing about the slide
_SMALLEST_MM2 = 0.01
_LONG = 2.5  # length against width of a ribbon
_WIDEST_UM = 500.0


def find_folds(
    rgb: NDArray[np.uint8],
    tissue: NDArray[np.bool_],
    white_point: NDArray[np.uint8],
    spacing: Spacing,
) -> NDArray[np.bool_]:
    """Mark ribbons that are about twice as dense as the tissue around, in the same hue.

    In every channel at least 1.8 times the slide's median and 1.5 times the surround of 0.5 mm;
    0.01 mm² or more, at most 0.5 mm wide, 2.5 times as long as wide. Brown is left alone, so
    that strong DAB is never cut out as a fold.

    Returns
    -------
    ndarray of bool, shape (H, W)
    """
    size = block_size(spacing, _BLOCK_UM)
    od = optical_density(np.rint(block_mean(rgb, size)).astype(np.uint8), white_point)
    full = block_mean(tissue, size) > 0.9
    if np.count_nonzero(full) * spacing.area_mm2(size[0] * size[1]) < _LEAST_TISSUE_MM2:
        return np.zeros(tissue.shape, np.bool_)
    usual = np.maximum(np.median(od[full], axis=0), 0.05)
    limit = _EDGE * _TIMES_SLIDE * usual
    candidates = (block_mean(tissue, size) > 0.5) & (od[..., 2] <= od[..., 1])
    for channel in range(3):
        candidates &= od[..., channel] >= limit[channel]
    if not candidates.any():
        return np.zeros(tissue.shape, np.bool_)
    single = full & ~ndimage.binary_dilation(candidates, np.ones((3, 3)))
    around = np.full_like(od, 0.05)
    around[candidates] = _mean_around(od, single, candidates)
    gain = np.zeros(full.shape, np.float32)
    dense = od[candidates]
    gain[candidates] = np.minimum(
        dense / (_TIMES_SLIDE * usual), dense / (_TIMES_SURROUND * around[candidates])
    ).min(axis=1)
    folded = np.zeros(full.shape, np.bool_)
    for ribbon in _ribbons(gain, size, spacing):
        if _is_doubled(np.median(od[ribbon], axis=0), np.median(around[ribbon], axis=0)):
            folded[ribbon] = True
    mask: NDArray[np.bool_] = spread_blocks(folded, size, tissue.shape) & tissue
    return mask


def _is_doubled(od: NDArray[np.float32], single: NDArray[np.float32]) -> bool:
    """Whether a colour is more of the same: alike in hue, denser evenly in every channel."""
    cosine = float(od @ single / np.linalg.norm(od) / np.linalg.norm(single))
    gain = od / single
    return cosine >= _SAME_HUE and float(gain.max() / gain.min()) <= _EVEN


def _mean_around(
    od: NDArray[np.float32], single: NDArray[np.bool_], places: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Mean colour, shape (N, 3), of the ``single`` blocks around each of N places; 0.05 up."""
    window = 2 * round(_SURROUND_UM / _BLOCK_UM / 2) + 1
    weight = ndimage.uniform_filter(single.astype(np.float32), window, mode="constant")[places]
    sums = [
        ndimage.uniform_filter(od[..., channel] * single, window, mode="constant")[places]
        for channel in range(3)
    ]
    mean = np.stack(sums, axis=1) / np.maximum(weight, 1e-4)[:, None]
    floored: NDArray[np.float32] = np.maximum(mean, 0.05).astype(np.float32)
    return floored


def _ribbons(
    gain: NDArray[np.float32], size: tuple[int, int], spacing: Spacing
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield the blocks of each ribbon (large, narrow, long): their row and column indices."""
    step = (size[0] * spacing.row, size[1] * spacing.col)
    labels, _ = ndimage.label(gain >= _EDGE, np.ones((3, 3)))
    for index, place in enumerate(ndimage.find_objects(labels), 1):
        piece = labels[place] == index
        area_um2 = np.count_nonzero(piece) * step[0] * step[1]
        if area_um2 < _SMALLEST_MM2 * 1e6 or (gain[place][piece] >= 1).mean() < _CORE:
            continue
        inside = ndimage.distance_transform_edt(np.pad(piece, 1), sampling=step)
        width_um = 2.0 * float(inside.max())
        length_um = area_um2 / width_um
        if width_um <= _WIDEST_UM and length_um >= _LONG * width_um:
            rows, cols = np.nonzero(piece)
            yield rows + place[0].start, cols + place[1].start
