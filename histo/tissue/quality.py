"""Why tissue is unfit to be measured, pixel by pixel."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Spacing
from histo.tissue.fold import find_folds
from histo.tissue.sharpness import Field, find_blur
from histo.vocabulary import Exclusion

__all__ = ["exclusion_code", "quality_map"]


def exclusion_code(reason: Exclusion) -> int:
    """Value of that reason in an exclusion map; 0 is fine.

    Examples
    --------
    >>> exclusion_code(Exclusion.BLUR)
    1
    """
    return 1 + tuple(Exclusion).index(reason)


def quality_map(
    rgb: NDArray[np.uint8],
    tissue: NDArray[np.bool_],
    white_point: NDArray[np.uint8],
    spacing: Spacing,
    *,
    covered: dict[Exclusion, NDArray[np.bool_]] | None = None,
    fields: Iterable[Field] = (),
) -> NDArray[np.uint8]:
    """Name what is wrong with each pixel of tissue.

    Parameters
    ----------
    rgb
        ndarray of uint8, shape (H, W, 3), the low-power view.
    tissue
        ndarray of bool, shape (H, W).
    white_point
        ndarray of uint8, shape (3,), the glass.
    spacing
        µm/px of the view.
    covered
        Masks (H, W) of what was found on the way to the tissue mask: pen, bubbles.
    fields
        Finer views on which blur is judged; without any, no blur is found.

    Returns
    -------
    ndarray of uint8, shape (H, W)
        0 = fine or no tissue, else 1 + index in ``tuple(Exclusion)``. Where reasons meet, pen
        goes before bubble, fold and blur.
    """
    covered = covered or {}
    found = {
        Exclusion.BLUR: find_blur(fields, tissue, white_point, spacing),
        Exclusion.FOLD: find_folds(rgb, tissue, white_point, spacing),
        Exclusion.BUBBLE: covered.get(Exclusion.BUBBLE),
        Exclusion.PEN: covered.get(Exclusion.PEN),
    }
    exclusion = np.zeros(tissue.shape, np.uint8)
    for reason, mask in found.items():
        if mask is not None:
            exclusion[mask & tissue] = exclusion_code(reason)
    return exclusion
