"""Smooth random fields."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["oriented_noise", "smooth_noise"]

Float32 = NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale_px: float) -> Float32:
    """Gaussian field whose features are about ``2 scale_px`` wide; mean 0, variance 1.

    Returns
    -------
    ndarray of float32, shape ``shape``
    """
    # A wide filter is drawn on a coarse lattice and enlarged: the same look at a fraction.
    step = max(1.0, scale_px / 2.0)
    coarse = tuple(int(np.ceil(side / step)) + 3 for side in shape)
    field = ndimage.gaussian_filter(rng.standard_normal(coarse), scale_px / step, mode="wrap")
    if step > 1.0:
        rows, cols = (np.arange(side) / step + 1.0 for side in shape)
        field = _bilinear(field, rows, cols)
    field = field[: shape[0], : shape[1]]
    spread = float(field.std())
    if spread > 0:
        field = (field - field.mean()) / spread
    return np.asarray(field, np.float32)


def oriented_noise(
    rng: np.random.Generator, along_px: Float32, across_px: Float32, scales_px: tuple[float, float]
) -> Float32:
    """Streaks: noise of another scale along a pair of coordinates than across it.

    Parameters
    ----------
    along_px, across_px
        ndarray of float32, shape (H, W): coordinates that follow the fibres and cross them.
    scales_px
        Length and width of a streak.

    Returns
    -------
    ndarray of float32, shape (H, W)
        Mean 0, variance about 1.
    """
    side = 128
    table = ndimage.gaussian_filter(rng.standard_normal((side, side)), 1.0, mode="wrap")
    table /= table.std()
    where = [along_px * (2.0 / scales_px[0]), across_px * (2.0 / scales_px[1])]
    streaks = ndimage.map_coordinates(table, where, order=1, mode="grid-wrap")
    return np.asarray(streaks, np.float32)


def _bilinear(
    field: NDArray[np.float64], rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> NDArray[np.float64]:
    row, col = rows.astype(np.intp), cols.astype(np.intp)
    down, right = (rows - row)[:, None], cols - col
    upper = field[row][:, col] * (1 - right) + field[row][:, col + 1] * right
    lower = field[row + 1][:, col] * (1 - right) + field[row + 1][:, col + 1] * right
    mixed: NDArray[np.float64] = upper * (1 - down) + lower * down
    return mixed
