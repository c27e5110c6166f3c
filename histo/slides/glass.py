"""The slide's own background colour, and filling with it what was not scanned."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from histo.geometry import Box

__all__ = ["composite", "estimate_glass", "fill_outside"]

_WHOLE_PX = 1 << 22
_ENOUGH_PX, _MEAN_PX = 1 << 18, 4
_PATCHES, _PATCH_PX = 10, 128
_WHITE = np.full(3, 255, np.uint8)


def estimate_glass(
    shapes: Sequence[tuple[int, int]], read: Callable[[int, Box], NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """Estimate the background colour from the coarsest level.

    A level above 4 Mpx (a slide without a pyramid) is sampled on a regular 10 x 10 grid of
    patches instead, so that the estimate costs a fraction of a second on any slide.

    Parameters
    ----------
    shapes
        (height, width) of each level.
    read
        Returns a box of a level as (height, width, 3), or (height, width, 4) where pixels of
        alpha 0 were never scanned and do not count.

    Returns
    -------
    ndarray of uint8, shape (3,)
    """
    level, (height, width) = len(shapes) - 1, shapes[-1]
    if height * width <= _WHOLE_PX:
        view = read(level, Box(0, 0, height, width))
    else:
        rows, cols = _patch_starts(height), _patch_starts(width)
        patch = min(_PATCH_PX, height), min(_PATCH_PX, width)
        view = np.concatenate(
            [
                np.concatenate([read(level, Box(row, col, *patch)) for col in cols], axis=1)
                for row in rows
            ]
        )
    return _white_of(view, 1 if height * width <= _ENOUGH_PX else _MEAN_PX)


def _patch_starts(extent: int) -> list[int]:
    if extent <= _PATCH_PX:
        return [0]
    return [int(start) for start in np.linspace(0, extent - _PATCH_PX, _PATCHES)]


def _white_of(view: NDArray[np.uint8], mean_px: int) -> NDArray[np.uint8]:
    from histo.tissue import white_point  # brings scipy.ndimage; opening a slide need not

    if view.shape[2] == 4:
        scanned = view[..., 3:] == 255
        if not scanned.any():
            return _WHITE.copy()
        # Black is never taken for glass.
        view = np.where(scanned, view[..., :3], np.uint8(0))
    colours = Image.fromarray(np.ascontiguousarray(view))
    # Averaging rids glass of the noise that would hide how flat it is.
    return white_point(np.asarray(colours.reduce(mean_px)))


def composite(pixels: NDArray[np.uint8], glass: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay pixels with (unassociated) alpha, shape (H, W, 4), over glass; shape (H, W, 3)."""
    alpha = pixels[..., 3:]
    if alpha.all() and alpha.min() == 255:
        return np.ascontiguousarray(pixels[..., :3])
    weight = alpha.astype(np.uint32)
    mixed = pixels[..., :3] * weight + glass.astype(np.uint32) * (255 - weight)
    return ((mixed + 127) // 255).astype(np.uint8)


def fill_outside(
    box: Box,
    shape: tuple[int, int],
    fetch: Callable[[Box], NDArray[np.uint8]],
    glass: Callable[[], NDArray[np.uint8]],
) -> NDArray[np.uint8]:
    """Return any box of a level, given how to fetch a box that lies inside it.

    Parameters
    ----------
    box, shape
        The box wanted and (height, width) of the level.
    fetch
        Returns a box inside the level, shape (height, width, 3) or, with alpha, (..., 4).
    glass
        Returns the colour for what was not scanned; called only where needed.
    """
    inside = box.intersect(Box(0, 0, *shape))
    if not inside:
        return np.broadcast_to(glass(), (*box.shape, 3)).copy()
    pixels = fetch(inside)
    if pixels.shape[2] == 4:
        opaque = bool(pixels[..., 3].min() == 255)
        pixels = composite(pixels, _WHITE if opaque else glass())
    if inside == box:
        return pixels
    filled = np.empty((*box.shape, 3), np.uint8)
    filled[:] = glass()
    filled[inside.shift(-box.row, -box.col).slices] = pixels
    return filled
