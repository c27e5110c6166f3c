"""Out-of-focus tissue, judged where finer views are at hand.

At 8 µm/px a defocus of a few µm cannot be seen, so blur is judged on fields of about 2 µm/px:
the whole slide in strips, or samples of it. A block's detail at 2 µm is compared with its detail
at 8 µm; defocus takes the first away and leaves the second. Blocks with little detail at 8 µm
(fat, mucin, even collagen) are not judged at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.geometry import Spacing
from histo.tissue.absorbance import absorbance
from histo.tissue.blocks import block_mean, block_size

__all__ = ["Field", "find_blur"]

_FINE_UM = 2.0
_COARSEST_UM = 3.0  # a field coarser than this cannot show blur
_LAGS_PX = (1, 4)
_BLOCK_UM = 128.0
_BLURRED = 0.10  # ratio of squared differences; sharp 0.14 to 0.6, blurred by sigma 4 µm < 0.10
_LEAST_DETAIL = 0.025  # root mean square difference over 8 µm, as absorbance
_LEAST_TISSUE = 0.4  # of a block
_REACH_UM = 600.0  # a sampled field speaks for tissue this far away
_FEWEST_BLOCKS = 3  # judged together; a field should be 0.3 mm wide or more


@dataclass(frozen=True)
class Field:
    """A finer view of part of the slide.

    Attributes
    ----------
    rgb
        ndarray of uint8, shape (h, w, 3).
    spacing
        µm/px, at most 3; about 2 is meant.
    row_um, col_um
        Upper-left corner, µm from the slide's origin.
    """

    rgb: NDArray[np.uint8]
    spacing: Spacing
    row_um: float
    col_um: float


def find_blur(
    fields: Iterable[Field],
    tissue: NDArray[np.bool_],
    white_point: NDArray[np.uint8],
    spacing: Spacing,
) -> NDArray[np.bool_]:
    """Mark tissue that is out of focus by 4 µm (sigma) or more.

    Parameters
    ----------
    fields
        Finer views; consumed one by one, so strips of a whole slide need no memory.
    tissue
        ndarray of bool, shape (H, W), at ``spacing``.
    white_point
        Colour of the glass.
    spacing
        µm/px of ``tissue``.

    Returns
    -------
    ndarray of bool, shape (H, W)
        Blocks of 128 µm; each takes the verdict of the nearest judged block within 0.6 mm.
    """
    size = block_size(spacing, _BLOCK_UM)
    step = (size[0] * spacing.row, size[1] * spacing.col)
    shape = block_mean(tissue, size).shape
    energies = np.zeros((len(_LAGS_PX), *shape))
    for field in fields:
        _add_field(field, white_point, step, energies)
    fine, coarse = energies
    judged = coarse > _LEAST_DETAIL**2
    if not judged.any():
        return np.zeros(tissue.shape, np.bool_)
    # One block is chance: each is judged together with its eight neighbours.
    fine, coarse, blocks = (
        ndimage.uniform_filter(np.where(judged, values, 0.0), 3, mode="constant")
        for values in (fine, coarse, 1.0)
    )
    blurred = judged & (fine < _BLURRED * coarse) & (blocks > (_FEWEST_BLOCKS - 0.5) / 9)
    distance, nearest = ndimage.distance_transform_edt(~judged, sampling=step, return_indices=True)
    spread = blurred[tuple(nearest)] & (distance <= _REACH_UM)
    rows, cols = (
        np.arange(length) // edge for length, edge in zip(tissue.shape, size, strict=True)
    )
    blur: NDArray[np.bool_] = spread[rows][:, cols] & tissue
    return blur


def _add_field(
    field: Field,
    white_point: NDArray[np.uint8],
    step: tuple[float, float],
    energies: NDArray[np.float64],
) -> None:
    """Write the field's squared differences at both lags into the grid of blocks."""
    if field.spacing.mean > _COARSEST_UM:
        raise ValueError(f"blur needs a field of at most 3 µm/px, found {field.spacing.mean:g}")
    shrink = block_size(field.spacing, _FINE_UM)
    rgb = np.rint(block_mean(field.rgb, shrink)).astype(np.uint8)
    light = absorbance(rgb, white_point)
    most = light.most.astype(np.float32) / 255.0
    spacing = Spacing(field.spacing.row * shrink[0], field.spacing.col * shrink[1])
    rows, cols = (
        np.floor((start + (np.arange(length) + 0.5) * um) / edge).astype(np.intp)
        for start, length, um, edge in zip(
            (field.row_um, field.col_um), most.shape, spacing.pair, step, strict=True
        )
    )
    height, width = energies.shape[1:]
    keep_rows, keep_cols = (rows >= 0) & (rows < height), (cols >= 0) & (cols < width)
    cell = (rows[keep_rows, None] * width + cols[None, keep_cols]).ravel()
    inside = np.ix_(keep_rows, keep_cols)

    def per_block(values: NDArray[np.floating]) -> NDArray[np.float64]:
        sums = np.bincount(cell, values[inside].ravel(), height * width)
        return sums.astype(np.float64).reshape(height, width)

    count = per_block(np.ones_like(most))
    stained = per_block((most > 0.06).astype(np.float32))
    # A block cut by the field's edge is judged if half of it is there.
    whole = step[0] * step[1] / (spacing.row * spacing.col)
    valid = (count >= 0.5 * whole) & (stained >= _LEAST_TISSUE * count)
    noise = 2.0 * (light.noise / 255.0) ** 2
    for energy, lag in zip(energies, _LAGS_PX, strict=True):
        mean = per_block(_squared_difference(most, lag)) / np.maximum(count, 1)
        energy[valid] = np.maximum(mean[valid] - noise, 0)


def _squared_difference(values: NDArray[np.float32], lag: int) -> NDArray[np.float32]:
    """Half the sum of squared differences to the pixels ``lag`` below and to the right."""
    below = np.minimum(np.arange(values.shape[0]) + lag, values.shape[0] - 1)
    right = np.minimum(np.arange(values.shape[1]) + lag, values.shape[1] - 1)
    squares: NDArray[np.float32] = (
        (values[below] - values) ** 2 + (values[:, right] - values) ** 2
    ) / 2
    return squares
