"""Optical density: the quantity in which stains add up.

A pixel of transmitted light I against the slide's own glass I0 has, per channel,
OD = -log10(max(I, 1) / I0) (Beer-Lambert). Against a wrong I0 everything shifts: glass of
(240, 238, 235) read against 255 looks like 0.036 of DAB.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["optical_density", "rgb_from_density"]


def optical_density(rgb: NDArray[np.uint8], white_point: ArrayLike) -> NDArray[np.float32]:
    """Optical density of each channel relative to the slide's glass.

    Parameters
    ----------
    rgb
        ndarray of uint8, shape (..., 3).
    white_point
        Colour (R, G, B) of empty glass, each 1 to 255; see `histo.tissue.white_point`.

    Returns
    -------
    ndarray of float32, shape (..., 3)
        Decades; 0 is glass, 1 lets a tenth of the light through. Negative where a pixel is
        brighter than glass: clipping there would turn the glass's noise into stain.

    Raises
    ------
    ValueError
        If ``rgb`` is not uint8 with three channels, or the white point is not in 1 to 255.

    Examples
    --------
    >>> rgb = np.array([[24, 240, 255]], np.uint8)
    >>> optical_density(rgb, (240, 240, 240)).astype(float).round(3)
    array([[ 1.   ,  0.   , -0.026]])
    """
    pixels = np.asarray(rgb)
    if pixels.dtype != np.uint8 or pixels.ndim < 1 or pixels.shape[-1] != 3:
        raise ValueError(f"rgb is uint8 of shape (..., 3), found {pixels.dtype} {pixels.shape}")
    glass = _glass(white_point)
    # 256 logarithms a channel instead of one a pixel.
    levels = np.maximum(np.arange(256, dtype=np.float64), 1.0)
    od = np.empty(pixels.shape, np.float32)
    for channel in range(3):
        table = (np.log10(glass[channel]) - np.log10(levels)).astype(np.float32)
        od[..., channel] = table[pixels[..., channel]]
    return od


def rgb_from_density(od: NDArray[np.floating], white_point: ArrayLike) -> NDArray[np.uint8]:
    """Colour of that optical density over that glass: I = I0 10^-OD.

    Parameters
    ----------
    od
        ndarray of float, shape (..., 3), decades.
    white_point
        Colour (R, G, B) of empty glass, each 1 to 255.

    Returns
    -------
    ndarray of uint8, shape (..., 3)
        Rounded, and clipped to 0 to 255.

    Examples
    --------
    >>> rgb_from_density(np.array([[1.0, 0.0, 0.3]]), (240, 240, 240)).tolist()
    [[24, 240, 120]]
    """
    density = np.asarray(od)
    if density.ndim < 1 or density.shape[-1] != 3:
        raise ValueError(f"od has shape (..., 3), found {density.shape}")
    light = _glass(white_point) * np.power(10.0, -density.astype(np.float64))
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)


def _glass(white_point: ArrayLike) -> NDArray[np.float64]:
    glass = np.asarray(white_point, dtype=np.float64)
    if glass.shape != (3,) or not ((glass >= 1) & (glass <= 255)).all():
        raise ValueError(f"a white point is (R, G, B) from 1 to 255, found {white_point!r}")
    return glass
