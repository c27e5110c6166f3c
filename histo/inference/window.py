"""How much a tile counts at each of its pixels."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["tile_window"]


def tile_window(valid: tuple[int, int], blend: int) -> NDArray[np.float32]:
    """Return the weight of the valid part of a tile: 1 inside, raised-cosine ramps at its edges.

    A ramp and the mirrored ramp of the neighbour add to 1, since cos² + sin² = 1. No weight is
    0, so that a lone tile is still whole. Outside the valid part the weight is zero and a tile
    is never looked at.

    Parameters
    ----------
    valid
        (height, width) of the valid part, canvas pixels.
    blend
        Width of a ramp, canvas pixels; 0 for a hard edge.

    Returns
    -------
    ndarray of float32, of that shape
        In (0, 1].

    Examples
    --------
    >>> tile_window((4, 4), 1)[0].tolist()
    [0.25, 0.5, 0.5, 0.25]
    """
    if not 0 <= blend < min(valid):
        raise ValueError(f"a ramp fits into the valid part: 0 <= blend < valid, {blend=} {valid=}")
    ramp = np.sin(np.pi / 2 * (np.arange(blend) + 0.5) / max(blend, 1)) ** 2
    height, width = (_along(side, ramp) for side in valid)
    return np.outer(height, width)


def _along(side: int, ramp: NDArray[np.float64]) -> NDArray[np.float32]:
    along = np.ones(side, dtype=np.float32)
    along[: len(ramp)] *= ramp
    along[side - len(ramp) :] *= ramp[::-1]
    return along
