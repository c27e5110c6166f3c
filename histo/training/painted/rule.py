"""The fixed threshold that a network has to beat: DAB unmixed, brown above an optical density."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max

from histo.geometry import Spacing
from histo.stains import Dye, optical_density, stain_matrix, unmix

__all__ = ["RULE_OD", "rule_cells", "rule_positive"]

RULE_OD = 0.2
_LEAST_CELL_UM2 = 25.0  # a smaller blob is a fragment
_APART_UM = 5.0  # between two cells of one blob


def rule_positive(rgb: NDArray[np.uint8], glass: float) -> NDArray[np.bool_]:
    """Return where unmixed DAB reaches an optical density of 0.2, shape (H, W).

    The rule is told the colour of glass, which on a slide it would have to find.
    """
    od = optical_density(rgb, (glass, glass, glass))
    amount = unmix(od, stain_matrix(Dye.HAEMATOXYLIN, Dye.DAB))[..., 1]
    found: NDArray[np.bool_] = amount >= RULE_OD
    return found


def rule_cells(positive: NDArray[np.bool_], spacing: Spacing) -> NDArray[np.float64]:
    """Count blobs: of 25 µm² and more, parted where they are broadest, at least 5 µm apart.

    Returns
    -------
    ndarray of float64, shape (N, 2)
        (row, col) in px; the centre of pixel (r, c) is (r + 0.5, c + 0.5).
    """
    blobs, count = ndimage.label(ndimage.binary_fill_holes(positive))
    area_um2 = np.bincount(blobs.ravel(), minlength=count + 1) * spacing.mean**2
    large = area_um2 >= _LEAST_CELL_UM2
    large[0] = False
    kept = np.where(large[blobs], blobs, 0)
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(kept > 0), 1.0 / spacing.mean)
    apart_px = max(1, round(_APART_UM / spacing.mean))
    peaks = peak_local_max(depth, min_distance=apart_px, labels=kept, exclude_border=False)
    return np.asarray(peaks, np.float64) + 0.5
