"""Gaussian windows and their derivatives by Fourier transform.

A window of ρ = 16 px has 129 taps a side; the transform's cost does not depend on it. It is
also exact where a sampled derivative of a narrow Gaussian is not.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

__all__ = ["gaussian_derivatives", "gaussian_mean"]

Float = NDArray[np.float64]
_REACH = 4.0
"""Zeros round the image, in units of sigma; beyond it a Gaussian holds 6e-5 of its weight."""


def gaussian_derivatives(
    image: Float,
    sigma_px: tuple[float, float],
    orders: Sequence[tuple[int, int]],
    *,
    periodic: bool = False,
) -> list[Float]:
    """Convolve with a Gaussian and differentiate; zero outside the image.

    Parameters
    ----------
    image : ndarray of float64, shape (H, W)
    sigma_px
        (row, col), pixels.
    orders
        Order of the derivative along rows and columns, for each result.
    periodic
        Continue the image by itself instead of by zeros.

    Returns
    -------
    list of ndarray of float64, shape (H, W)
        One an order, per pixel (and per pixel² for second derivatives).
    """
    height, width = image.shape
    reach = [0 if periodic else int(np.ceil(_REACH * sigma)) for sigma in sigma_px]
    shape = (height, width)
    if not periodic:
        shape = (
            fft.next_fast_len(height + reach[0], real=True),
            fft.next_fast_len(width + reach[1], real=True),
        )
    spectrum = fft.rfft2(image, shape)
    down = 2 * np.pi * np.fft.fftfreq(shape[0])
    right = 2 * np.pi * np.fft.rfftfreq(shape[1])
    spectrum *= np.exp(-0.5 * (sigma_px[0] * down) ** 2)[:, None]
    spectrum *= np.exp(-0.5 * (sigma_px[1] * right) ** 2)
    found = []
    for rows, cols in orders:
        factor = ((1j * down) ** rows)[:, None] * (1j * right) ** cols if rows or cols else 1.0
        found.append(fft.irfft2(spectrum * factor, shape)[:height, :width])
    return found


def gaussian_mean(image: Float, sigma_px: tuple[float, float], *, periodic: bool = False) -> Float:
    """Convolve with a Gaussian; zero outside the image unless periodic."""
    return gaussian_derivatives(image, sigma_px, [(0, 0)], periodic=periodic)[0]
