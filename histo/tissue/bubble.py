"""Air bubbles under the cover slip, found by their dark refracting rim.

Only the plain case is attempted: a closed, nearly round, colourless dark ring of 0.3 to 6 mm.
Bubbles that are cut by the view's edge, squeezed to odd shapes or without a rim are missed.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.geometry import Spacing
from histo.tissue.absorbance import Absorbance
from histo.tissue.blocks import block_mean, block_size, spread_blocks

__all__ = ["find_bubbles"]

_BLOCK_UM = 16.0
_RIM = 64.0  # absorbance of the weakest channel, 1/255: dark in every colour
_COLOURLESS = 0.25  # chroma against absorbance
_DIAMETER_UM = (300.0, 6000.0)
_ROUND = 0.12  # how far the filled area may be from that of the ellipse in its bounding box
_THICKEST = 0.12  # width of the rim against the diameter
_LONGEST = 1.5  # axis ratio


def find_bubbles(light: Absorbance, spacing: Spacing) -> NDArray[np.bool_]:
    """Mark bubbles, rim included.

    Returns
    -------
    ndarray of bool, shape (H, W)
    """
    size = block_size(spacing, _BLOCK_UM)
    step = (size[0] * spacing.row, size[1] * spacing.col)
    least, most = block_mean(light.least, size), block_mean(light.most, size)
    rim = (least >= _RIM) & (most - least <= _COLOURLESS * most)
    labels, _ = ndimage.label(rim, np.ones((3, 3)))
    found = np.zeros(rim.shape, np.bool_)
    for index, place in enumerate(ndimage.find_objects(labels), 1):
        if _in_range(place, step):
            ring = labels[place] == index
            disc = ndimage.binary_fill_holes(ring)
            if _is_ring(ring, disc):
                found[place] |= disc
    return spread_blocks(found, size, light.most.shape)


def _in_range(place: tuple[slice, slice], step: tuple[float, float]) -> bool:
    height, width = ((part.stop - part.start) * um for part, um in zip(place, step, strict=True))
    low, high = _DIAMETER_UM
    return bool(low <= min(height, width) and max(height, width) <= high)


def _is_ring(ring: NDArray[np.bool_], disc: NDArray[np.bool_]) -> bool:
    """Whether the piece is thin, closed and bounds an ellipse that fills its box."""
    height, width = ring.shape
    ellipse = np.pi / 4 * height * width
    thin = np.count_nonzero(ring) <= np.pi * max(height, width) ** 2 * _THICKEST
    fills = abs(np.count_nonzero(disc) / ellipse - 1) <= _ROUND
    hollow = np.count_nonzero(ring) <= 0.6 * np.count_nonzero(disc)
    return bool(thin and fills and hollow and max(height, width) <= _LONGEST * min(height, width))
