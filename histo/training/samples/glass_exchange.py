"""Other slides' glass under a tile: their light, shading, dust and noise."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from histo.geometry import Box
from histo.slides import native_spacing
from histo.training.manifests.labels import open_row
from histo.training.manifests.manifest import Manifest
from histo.training.samples.slide_places import CELL_UM, RowPlaces

__all__ = ["glass_patches", "on_glass"]

_PATCH_PX = 128
_PATCH_UM = 5 * CELL_UM  # a place of bare glass is sure to be as wide
_MOST_PATCHES = 256  # 49 kB each


def glass_patches(
    manifest: Manifest, places: Sequence[RowPlaces], um_per_px: float
) -> NDArray[np.uint8]:
    """Read a patch of clear glass from each slide that has one.

    Parameters
    ----------
    manifest
        What the places are of.
    places
        As `histo.training.samples.slide_places.survey` returns them.
    um_per_px
        Size of the pixels.

    Returns
    -------
    ndarray of uint8, shape (N, S, S, 3)
        N at most 256, and 0 where all slides are crops full of tissue; S is 128, less above
        1.25 µm/px.
    """
    side = max(1, min(_PATCH_PX, int(_PATCH_UM / um_per_px)))
    patches = []
    for found in [found for found in places if len(found.bare)][:_MOST_PATCHES]:
        row, col = divmod(int(found.bare[0]), found.shape[1])
        with open_row(manifest.rows[found.row], manifest.root) as slide:
            grid = native_spacing(slide, um_per_px)
            corner = (
                round((row + 0.5) * CELL_UM / grid.row) - side // 2,
                round((col + 0.5) * CELL_UM / grid.col) - side // 2,
            )
            patches.append(slide.read(Box(*corner, side, side), grid))
    empty = np.empty((0, side, side, 3), np.uint8)
    return np.stack(patches) if patches else empty


def on_glass(
    tile: NDArray[np.uint8], glass: NDArray[np.uint8], patch: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Return a tile as it would look on another slide's glass.

    Light goes through tissue and glass one after the other, so transmittances multiply: the tile
    over its own glass, times the other glass (densities add).

    Parameters
    ----------
    tile : ndarray of uint8, shape (H, W, 3)
        As scanned.
    glass : ndarray of uint8, shape (3,)
        Colour of its own glass.
    patch : ndarray of uint8, shape (h, w, 3)
        The other glass; mirrored where it is smaller than the tile.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)

    Examples
    --------
    >>> tile = np.full((2, 2, 3), 120, np.uint8)
    >>> on_glass(tile, np.full(3, 240, np.uint8), np.full((1, 1, 3), 200, np.uint8))[0, 0].tolist()
    [100, 100, 100]
    """
    rows, cols = (
        _mirrored(side, own) for side, own in zip(tile.shape[:2], patch.shape[:2], strict=True)
    )
    light = patch[rows[:, None], cols] / np.maximum(glass, 1).astype(np.float32)
    exposed: NDArray[np.uint8] = np.clip(np.rint(tile * light), 0, 255).astype(np.uint8)
    return exposed


def _mirrored(count: int, length: int) -> NDArray[np.intp]:
    """Return indices that run forth and back over a length."""
    position = np.arange(count) % (2 * length)
    return np.minimum(position, 2 * length - 1 - position)
