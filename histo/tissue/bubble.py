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

__all__ = ["find_bubbles", "off_tissue"]

_BLOCK_UM = 16.0
_RIM = 64.0  # absorbance of the weakest channel, 1/255: dark in every colour
_COLOURLESS = 0.25  # chroma against absorbance
_DIAMETER_UM = (300.0, 6000.0)
_ROUND = 0.12  # how far the filled area may be from that of the ellipse in its bounding box
_THICKEST = 0.12  # width of the rim against the diameter
_LONGEST = 1.5  # axis ratio
_AROUND_UM = 100.0
_ON_TISSUE = 0.2  # share of tissue around a bubble from which on it lies on tissue


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
    # The rim's outer slope is soft.
    found = ndimage.binary_dilation(found, np.ones((5, 5)))
    return spread_blocks(found, size, light.most.shape)


def off_tissue(
    bubbles: NDArray[np.bool_], tissue: NDArray[np.bool_], spacing: Spacing
) -> NDArray[np.bool_]:
    """Return bubbles with hardly any tissue around: their rims are no tissue, (H, W) of bool."""
    labels, _ = ndimage.label(bubbles)
    on_glass = np.zeros(bubbles.shape, np.bool_)
    reach = [int(np.ceil(_AROUND_UM / um)) for um in spacing.pair]
    for index, place in enumerate(ndimage.find_objects(labels), 1):
        here = tuple(
            slice(max(0, part.start - px), part.stop + px)
            for part, px in zip(place, reach, strict=True)
        )
        outside = ~bubbles[here]
        if tissue[here][outside].sum() < _ON_TISSUE * outside.sum():
            on_glass[here] |= labels[here] == index
    return on_glass


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
