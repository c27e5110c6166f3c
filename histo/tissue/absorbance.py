"""How much of the glass's light a pixel takes away, in the scale that adds up with coverage."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Absorbance", "absorbance"]


@dataclass(frozen=True)
class Absorbance:
    """Light lost against the glass, in 1/255: unlike OD it is linear in a pixel's coverage.

    Attributes
    ----------
    most, least
        ndarray of uint8, shape (H, W): loss of the channel that loses most, and least.
    noise
        Standard deviation of empty glass from pixel to pixel, 1/255.
    """

    most: NDArray[np.uint8]
    least: NDArray[np.uint8]
    noise: float

    @property
    def chroma(self) -> NDArray[np.uint8]:
        """Difference between both: 0 for dust, shadow and black ink, large for a stain."""
        return self.most - self.least


def absorbance(rgb: NDArray[np.uint8], white_point: NDArray[np.uint8]) -> Absorbance:
    """Light lost by each pixel: 1 - I / I0, of the strongest and of the weakest channel.

    Parameters
    ----------
    rgb
        ndarray of uint8, shape (H, W, 3).
    white_point
        ndarray of uint8, shape (3,), the glass.
    """
    levels = np.arange(256, dtype=np.float64)
    most = least = np.empty(0, np.uint8)
    for channel in range(3):
        loss = 1.0 - levels / max(1.0, float(white_point[channel]))
        table = np.rint(255.0 * np.clip(loss, 0.0, 1.0)).astype(np.uint8)
        lost = table[rgb[..., channel]]
        most = lost if channel == 0 else np.maximum(most, lost)
        least = lost if channel == 0 else np.minimum(least, lost)
    return Absorbance(most, least, _glass_noise(rgb, white_point))


def _glass_noise(rgb: NDArray[np.uint8], white_point: NDArray[np.uint8]) -> float:
    """Deviation of glass, from differences of neighbours on an even lattice: robust to tissue."""
    step = max(1, int(np.sqrt(rgb.shape[0] * rgb.shape[1] / 250_000)))
    left = rgb[::step, :-1:step].astype(np.int16)
    right = rgb[::step, 1::step].astype(np.int16)
    glass = white_point.astype(np.int16)
    is_glass = (np.abs(left - glass) <= 16).all(axis=2) & (np.abs(right - glass) <= 16).all(axis=2)
    if np.count_nonzero(is_glass) < 100:
        return 0.0
    steps = np.abs(left - right)[is_glass]
    deviation = 1.4826 * np.median(steps, axis=0) / np.sqrt(2.0)
    return float(255.0 * (deviation / np.maximum(glass, 1)).max())
