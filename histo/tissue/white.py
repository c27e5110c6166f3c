"""Colour of the slide's own glass: the I0 of every optical density."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["DEFAULT_GLASS", "white_point"]

DEFAULT_GLASS = (245, 245, 245)
"""Glass of a view that shows none and nothing near it; typical of bright-field scanners."""

_BLACK = 40  # grey level of scanner borders and of bone, never of glass
_PADDING = 254  # stitched scanners fill what they skipped with pure white
_FLAT = 8  # range of a channel within 3 x 3 px: tissue at low power is rougher
_SAMPLE_PX = 1_000_000  # a mode needs no more pixels than this
_MODE = 4  # grey levels either side of a mode that belong to it


def white_point(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colour of empty glass in a view of a slide.

    Glass is flat, near neutral and nothing is brighter: the brightest large mode of such pixels,
    per channel. Black borders are left out, and so is pure white where darker glass is seen as
    well (scanners pad with 255). Dim or tinted glass passes if it is the brightest thing there. A
    view without glass, such as a crop full of tissue, answers with its brightest 0.5 % where
    those are near white and with `DEFAULT_GLASS` otherwise.

    Parameters
    ----------
    rgb
        ndarray of uint8, shape (H, W, 3), at any spacing; about 8 µm/px is best.

    Returns
    -------
    ndarray of uint8, shape (3,)

    Examples
    --------
    >>> white_point(np.full((8, 8, 3), 240, np.uint8)).tolist()
    [240, 240, 240]
    """
    pixels = np.asarray(rgb)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(f"rgb is uint8 of shape (H, W, 3), found {pixels.dtype} {pixels.shape}")
    pixels, flat = _sample(pixels)
    high, low = pixels.max(axis=1), pixels.min(axis=1)
    usable = (high > _BLACK) & (low < _PADDING)
    padding = int(np.count_nonzero(low >= _PADDING))
    flat &= usable
    # Clear glass first; tinted or dim glass only where there is none.
    for chroma, share, brightest in ((0.08, 0.002, 0.85), (0.21, 0.05, 0.93)):
        neutral = flat & (high - low <= chroma * high)
        glass = _brightest_mode(pixels, neutral, usable, brightest)
        if len(glass) >= share * high.size:
            # A sliver of off-white beside much pure white is the rim of tissue, not the glass.
            if padding > 0.005 * high.size and len(glass) < 0.02 * high.size:
                break
            return _as_colour(np.median(glass, axis=0))
    if padding > 0.005 * high.size:
        return np.array([255, 255, 255], np.uint8)
    return _brightest(pixels[usable])


def _sample(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Pixels of an even lattice, shape (N, 3), and whether each one's 3 x 3 px are flat."""
    height, width = pixels.shape[:2]
    step = max(1, int(np.ceil(np.sqrt(height * width / _SAMPLE_PX))))
    rows = np.arange((height - 1) % step // 2, height, step)
    cols = np.arange((width - 1) % step // 2, width, step)
    middle = pixels[np.ix_(rows, cols)]
    high, low = middle.copy(), middle.copy()
    for row_shift in (-1, 0, 1):
        for col_shift in (-1, 0, 1):
            near_rows = np.clip(rows + row_shift, 0, height - 1)
            near_cols = np.clip(cols + col_shift, 0, width - 1)
            near = pixels[np.ix_(near_rows, near_cols)]
            np.maximum(high, near, out=high)
            np.minimum(low, near, out=low)
    flat = (high - low).max(axis=2) <= _FLAT
    return middle.reshape(-1, 3), flat.ravel()


def _brightest_mode(
    pixels: NDArray[np.uint8],
    candidates: NDArray[np.bool_],
    usable: NDArray[np.bool_],
    brightest: float,
) -> NDArray[np.uint8]:
    """Pixels, shape (N, 3), of the brightest mode that holds a fifth of the largest; or none."""
    found = pixels[candidates]
    grey = _grey(found)
    counts = np.convolve(np.bincount(grey, minlength=256), (1, 2, 3, 2, 1), "same")
    top = _grey(pixels[usable])
    if not len(found):
        return found
    floor = brightest * np.percentile(top, 99.5)
    counts[: int(floor)] = 0
    is_peak = (counts >= np.roll(counts, 1)) & (counts >= np.roll(counts, -1))
    peaks = np.flatnonzero(is_peak & (counts > 0.2 * counts.max()))
    if not len(peaks):
        return found[:0]
    return found[np.abs(grey.astype(np.int16) - int(peaks[-1])) <= _MODE]


def _grey(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean of the channels: ndarray of uint8, shape (N,)."""
    grey: NDArray[np.uint8] = (pixels.sum(axis=1, dtype=np.uint16) // 3).astype(np.uint8)
    return grey


def _brightest(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the brightest 0.5 % of the pixels if they are near white, else the usual glass."""
    if len(pixels):
        colour = np.percentile(pixels, 99.5, axis=0)
        if colour.min() >= 200 and np.ptp(colour) <= 0.1 * colour.max():
            return _as_colour(colour)
    return np.array(DEFAULT_GLASS, np.uint8)


def _as_colour(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    colour: NDArray[np.uint8] = np.rint(values).astype(np.uint8)
    return colour
