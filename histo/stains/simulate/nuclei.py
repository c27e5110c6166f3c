"""Nuclei of a real patch, found from haematoxylin well enough to paint cells around them."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.segmentation import watershed

__all__ = ["find_nuclei", "nuclear_shapes"]

_AREA_UM2 = (12.0, 160.0)  # smaller is debris, larger a clump that was not split
_FAINTEST_OD = 0.12


def find_nuclei(
    haematoxylin: NDArray[np.float32], tissue: NDArray[np.bool_], um_per_px: float
) -> NDArray[np.int32]:
    """Label nuclei: darker than their surroundings, split by the distance transform.

    Parameters
    ----------
    haematoxylin
        ndarray of float32, shape (H, W), decades.
    tissue
        ndarray of bool, shape (H, W).
    um_per_px
        Spacing of the pixels.

    Returns
    -------
    ndarray of int32, shape (H, W)
        0 outside, else 1 to N; each 12 to 160 µm².
    """
    smooth = ndimage.gaussian_filter(haematoxylin, 0.6 / um_per_px)
    if not tissue.any() or np.ptp(smooth[tissue]) == 0:
        return np.zeros(tissue.shape, np.int32)
    around = ndimage.gaussian_filter(smooth, 12.0 / um_per_px)
    limit = max(_FAINTEST_OD, 0.85 * float(threshold_otsu(smooth[tissue])))
    dark = tissue & (smooth > np.maximum(limit, 1.1 * around))
    dark = ndimage.binary_opening(ndimage.binary_fill_holes(dark), _disc(0.8 / um_per_px))
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(dark), 0.5 / um_per_px)
    reach = max(1, round(2.5 / um_per_px))
    peaks = peak_local_max(depth, min_distance=reach, labels=dark.astype(np.uint8))
    markers = np.zeros(dark.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return _of_nuclear_size(watershed(-depth, markers, mask=dark), um_per_px)


def nuclear_shapes(
    nuclei: NDArray[np.int32],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Centres, directions and elongations of labelled nuclei, from their second moments.

    Returns
    -------
    centres : ndarray of float64, shape (N, 2)
        (row, col).
    directions : ndarray of float64, shape (N,)
        Angle of the long axis from the column axis towards the row axis, radians.
    elongations : ndarray of float64, shape (N,)
        Long over short axis, at least 1.
    """
    count = int(nuclei.max(initial=0))
    rows, cols = np.nonzero(nuclei)
    label = nuclei[rows, cols]
    area = np.maximum(np.bincount(label, minlength=count + 1), 1)
    row = np.bincount(label, rows, count + 1) / area
    col = np.bincount(label, cols, count + 1) / area
    down, right = rows - row[label], cols - col[label]
    # A pixel is a square, whose own variance is 1/12.
    rr = np.bincount(label, down * down, count + 1) / area + 1 / 12
    cc = np.bincount(label, right * right, count + 1) / area + 1 / 12
    rc = np.bincount(label, down * right, count + 1) / area
    spread = np.sqrt((rr - cc) ** 2 + 4 * rc**2)
    elongation = np.sqrt((rr + cc + spread) / np.maximum(rr + cc - spread, 1e-9))
    direction = 0.5 * np.arctan2(2 * rc, cc - rr)
    return np.stack([row, col], axis=1)[1:], direction[1:], elongation[1:]


def _of_nuclear_size(labels: NDArray[np.int32], um_per_px: float) -> NDArray[np.int32]:
    area = np.bincount(labels.ravel()) * um_per_px**2
    kept = (area >= _AREA_UM2[0]) & (area <= _AREA_UM2[1])
    kept[0] = False
    number = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    numbered: NDArray[np.int32] = number[labels]
    return numbered


def _disc(radius_px: float) -> NDArray[np.bool_]:
    reach = int(radius_px)
    down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc: NDArray[np.bool_] = down**2 + right**2 <= radius_px**2
    return disc
