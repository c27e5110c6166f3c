"""Twelve changes of light, stain, focus and file: what another scanner or batch does to an image.

Each is fixed, also the noise; none was drawn from, or fitted to, what a network was taught with.
"""

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from scipy import ndimage

__all__ = ["PERTURBATIONS"]

Rgb = NDArray[np.uint8]

DARKER, BRIGHTER = 0.75, 1.15  # of the light; brighter clips glass, as an overexposed scan does
WARM, COOL = (1.06, 1.00, 0.85), (0.88, 1.00, 1.06)  # gains of R, G, B
TURN_DEGREES = 10.0  # of all dyes about the grey axis of optical density
WEAK, STRONG = 0.6, 1.5  # times the optical density
BLUR_PX = 1.5  # sigma
JPEG_QUALITY = 30
GAMMA = 1.3  # of the light, so darker in the middle
NOISE = 10.0  # grey levels, standard deviation


def _lit(rgb: Rgb, gains: ArrayLike) -> Rgb:
    return _rounded(rgb * np.asarray(gains, np.float32))


def _stained(rgb: Rgb, strength: float = 1.0, degrees: float = 0.0) -> Rgb:
    """Multiply optical densities against the image's brightest light, and turn their hue."""
    white = np.percentile(rgb.reshape(-1, 3), 99.5, axis=0).astype(np.float32)
    od = np.log(np.maximum(white, 1) / np.maximum(rgb, 1).astype(np.float32))
    return _rounded(white * np.exp(-strength * od @ _about_grey(degrees).astype(np.float32).T))


def _about_grey(degrees: float) -> NDArray[np.float64]:
    """Return the rotation about (1, 1, 1): Rodrigues' formula."""
    axis = np.full(3, 1 / np.sqrt(3))
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    angle = np.deg2rad(degrees)
    turned: NDArray[np.float64] = (
        np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    )
    return turned


def _compressed(rgb: Rgb) -> Rgb:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=JPEG_QUALITY)
    return np.asarray(Image.open(file))


def _noisy(rgb: Rgb) -> Rgb:
    return _rounded(rgb + np.random.default_rng(0).normal(0, NOISE, rgb.shape))


def _rounded(values: NDArray[np.floating]) -> Rgb:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


PERTURBATIONS: dict[str, Callable[[Rgb], Rgb]] = {
    f"light x {DARKER}": lambda rgb: _lit(rgb, DARKER),
    f"light x {BRIGHTER}": lambda rgb: _lit(rgb, BRIGHTER),
    "warm white balance": lambda rgb: _lit(rgb, WARM),
    "cool white balance": lambda rgb: _lit(rgb, COOL),
    f"dyes turned +{TURN_DEGREES:g}°": lambda rgb: _stained(rgb, degrees=TURN_DEGREES),
    f"dyes turned -{TURN_DEGREES:g}°": lambda rgb: _stained(rgb, degrees=-TURN_DEGREES),
    f"stain x {WEAK}": lambda rgb: _stained(rgb, WEAK),
    f"stain x {STRONG}": lambda rgb: _stained(rgb, STRONG),
    f"blur {BLUR_PX} px": lambda rgb: ndimage.gaussian_filter(rgb, (BLUR_PX, BLUR_PX, 0)),
    f"JPEG {JPEG_QUALITY}": _compressed,
    f"gamma {GAMMA}": lambda rgb: _rounded(255 * (rgb / np.float32(255)) ** GAMMA),
    f"noise {NOISE:g}": _noisy,
}
"""From an image, ndarray of uint8 (H, W, 3), to the changed one."""
