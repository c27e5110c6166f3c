"""Area-true resampling: each output pixel is the mean of its footprint.

Weights come from absolute coordinates, so a pixel has the same value whichever box it is in.
A whole number of pixels per output pixel is averaged exactly in integers; any other scale goes
through banded weight matrices, one axis after the other; scales below one interpolate linearly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Axis", "plan_axis", "resample"]

# Boxes up to this side have sums and quotients that float32 gets exactly right.
_EXACT_FLOAT_PX = 128
# Small products keep BLAS on one thread: readers already run in several.
_SINGLE_THREAD_FLOPS = 1 << 18
_ROW_BLOCK, _COL_BLOCK = 8, 16


@dataclass(frozen=True)
class Axis:
    """Which source pixels an axis of a box needs, and how.

    Attributes
    ----------
    first, length
        Range of source pixels.
    start, count, scale
        Range of output pixels, and source pixels per output pixel.
    factor
        The scale where it is a whole number, else 0.
    """

    first: int
    length: int
    start: int
    count: int
    scale: float
    factor: int


def plan_axis(start: int, count: int, scale: float) -> Axis:
    """Plan output pixels ``start`` to ``start + count`` of ``scale`` source pixels each.

    A scale of at least 0.99 averages footprints; a finer one interpolates linearly between
    pixel centres.
    """
    factor = round(scale)
    if factor >= 1 and abs(scale - factor) <= 1e-9 * factor:
        return Axis(start * factor, count * factor, start, count, float(factor), factor)
    first = int(np.floor(_lower(start, scale)))
    last = int(np.ceil(_upper(start + count - 1, scale)))
    return Axis(first, last - first, start, count, scale, 0)


def _lower(index: int | NDArray[np.int64], scale: float) -> NDArray[np.float64]:
    """Lower end of the support of an output pixel, in source pixels."""
    edge = np.asarray(index, np.float64) * scale
    return _snapped(edge if scale >= 0.99 else edge + 0.5 * scale - 0.5)


def _upper(index: int | NDArray[np.int64], scale: float) -> NDArray[np.float64]:
    width = scale if scale >= 0.99 else 1.0
    return _snapped(_lower(index, scale) + width)


def _snapped(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    # A millionth of a pixel is rounding; without this it would cost a source row each.
    whole = np.rint(edges)
    return np.where(np.abs(edges - whole) < 1e-6, whole, edges)


def resample(pixels: NDArray[np.uint8], rows: Axis, cols: Axis) -> NDArray[np.uint8]:
    """Resample the source pixels of a plan.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (rows.length, cols.length, 3)
    rows, cols
        From `plan_axis`.

    Returns
    -------
    ndarray of uint8, shape (rows.count, cols.count, 3)
        Rounded half up.
    """
    if rows.factor == 1 and cols.factor == 1:
        return pixels
    if rows.factor and cols.factor:
        return _box_mean(pixels, rows.factor, cols.factor)
    mixed = _weigh_cols(_weigh_rows(pixels, rows), cols)
    mixed += np.float32(0.5)
    return mixed.astype(np.uint8)


def _box_mean(pixels: NDArray[np.uint8], high: int, wide: int) -> NDArray[np.uint8]:
    """Mean of whole boxes, rounded half up, exactly (Pillow's ``reduce`` is off at times)."""
    if max(high, wide) > _EXACT_FLOAT_PX:
        return _box_mean_of_integers(pixels, high, wide)
    height, width = pixels.shape[0] // high, pixels.shape[1] // wide
    rows = pixels.reshape(height, high, width * wide * 3)
    sums = rows[:, 0].astype(np.uint16)
    for row in range(1, high):
        sums += rows[:, row]
    # Summing neighbours of the same colour as a product with ones is the fastest way in numpy;
    # the sums are whole numbers below 2**24, which float32 holds exactly.
    boxes = sums.reshape(height, width, wide * 3)
    ones = np.tile(np.eye(3, dtype=np.float32), (wide, 1))
    mean = np.empty((height, width, 3), np.uint8)
    step = max(1, _SINGLE_THREAD_FLOPS // (width * ones.size))
    for begin in range(0, height, step):
        part = slice(begin, begin + step)
        total = boxes[part].reshape(-1, wide * 3).astype(np.float32) @ ones
        total += np.float32(high * wide // 2)
        total /= np.float32(high * wide)
        mean[part] = total.reshape(-1, width, 3)
    return mean


def _box_mean_of_integers(pixels: NDArray[np.uint8], high: int, wide: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[0] // high, pixels.shape[1] // wide
    sums = pixels.reshape(height, high, width * wide * 3).sum(axis=1, dtype=np.uint32)
    total = sums.reshape(height, width, wide, 3).sum(axis=2, dtype=np.uint64)
    mean: NDArray[np.uint64] = (total + high * wide // 2) // (high * wide)
    return mean.astype(np.uint8)


def _bands(axis: Axis, block: int) -> list[tuple[slice, slice, NDArray[np.float32]]]:
    """Return (output range, source range, weights) of blocks of output pixels."""
    begins = np.arange(0, axis.count, block)
    index = axis.start + begins[:, None] + np.arange(block)
    low, high = _lower(index, axis.scale)[..., None], _upper(index, axis.scale)[..., None]
    first = np.floor(low[:, 0]).astype(np.int64)
    span = int((np.ceil(high[:, -1]) - first).max())
    source = (first + np.arange(span))[:, None, :]
    overlap = np.clip(np.minimum(high, source + 1) - np.maximum(low, source), 0, None)
    weights = (overlap / overlap.sum(axis=2, keepdims=True)).astype(np.float32)
    bands = []
    starts = (first[:, 0] - axis.first).tolist()
    for band, begin, start in zip(weights, begins.tolist(), starts, strict=True):
        out = slice(begin, min(begin + block, axis.count))
        part = slice(start, min(start + span, axis.length))
        bands.append((out, part, band[: out.stop - begin, : part.stop - start]))
    return bands


def _weigh_rows(pixels: NDArray[np.uint8], axis: Axis) -> NDArray[np.float32]:
    if axis.factor == 1:
        return pixels.astype(np.float32)
    flat = pixels.reshape(pixels.shape[0], -1)
    mixed = np.empty((axis.count, flat.shape[1]), np.float32)
    for out, source, weights in _bands(axis, _ROW_BLOCK):
        step = max(64, _SINGLE_THREAD_FLOPS // weights.size)
        for begin in range(0, flat.shape[1], step):
            part = slice(begin, begin + step)
            np.matmul(weights, flat[source, part].astype(np.float32), out=mixed[out, part])
    return mixed.reshape(axis.count, pixels.shape[1], 3)


def _weigh_cols(pixels: NDArray[np.float32], axis: Axis) -> NDArray[np.float32]:
    if axis.factor == 1:
        return pixels
    mixed = np.empty((pixels.shape[0], axis.count, 3), np.float32)
    for out, source, weights in _bands(axis, _COL_BLOCK):
        mixed[:, out] = np.matmul(weights, pixels[:, source])
    return mixed
