"""The colours of a section, apart from how strongly it is stained.

The hue-saturation-density plane (van der Laak et al. 2000, 10.1002/(SICI)1097-0320(20000401)
39:4<275::AID-CYTO5>3.0.CO;2-8) splits the optical density of a pixel into its mean D and two
coordinates x = OD_R / D - 1 and y = (OD_G - OD_B) / (sqrt(3) D). One dye is one point in
that plane however thick the section; a mixture lies on the line between its dyes.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["COLOURS_OF_PLANE", "FEATURES", "chroma_plane", "stain_features"]

COLOURS_OF_PLANE: dict[str, tuple[float, float]] = {
    "grey": (0.00, 0.00),
    "violet": (0.20, 0.42),
    "blue violet": (0.45, 0.55),
    "blue": (0.75, 0.45),
    "cyan": (0.90, 0.00),
    "green": (0.60, -0.55),
    "olive": (-0.05, -0.50),
    "brown": (-0.42, -0.30),
    "yellow": (-0.70, -0.95),
    "orange": (-0.80, -0.40),
    "red": (-0.80, 0.10),
    "crimson": (-0.75, 0.45),
    "magenta": (-0.65, 0.85),
    "pink": (-0.40, 0.30),
    "purple": (-0.15, 0.50),
    "mauve": (-0.15, 0.15),
}
"""Landmarks (x, y) of the plane: haematoxylin is violet, DAB brown, eosin pink to magenta."""

_REACH = 0.22  # width of a landmark's neighbourhood, about half the distance of two
_FAINT_OD = 0.06  # mean density below which colour is mostly the camera's noise
_DENSE_OD = 1.2  # darker than sections are on average: not bright-field, or no section
_CLIP_OD = 1.0  # DAB scatters and nuclei saturate: beyond this a pixel counts no more
_FLOOR = 1e-3  # share of the stain below which a colour counts as absent

FEATURES: tuple[str, ...] = (*COLOURS_OF_PLANE, "spread x", "spread y", "dense")
"""Names of what `stain_features` returns."""


def chroma_plane(od: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Chroma coordinates and mean density of each pixel.

    Parameters
    ----------
    od
        ndarray of float, shape (N, 3), from `optical_density`.

    Returns
    -------
    plane : ndarray of float32, shape (N, 2)
        (x, y); (0, 0) is grey.
    density : ndarray of float32, shape (N,)
        Mean of the channels, decades; at least 1e-6.
    """
    density = np.maximum(od.mean(axis=1), 1e-6).astype(np.float32)
    x = od[:, 0] / density - 1.0
    y = (od[:, 1] - od[:, 2]) / (np.sqrt(3.0) * density)
    return np.stack([x, y], axis=1).astype(np.float32), density


def stain_features(od: NDArray[np.floating]) -> NDArray[np.float64]:
    """Shares of the stain near each landmark, how far colours spread, and how dense it is.

    Parameters
    ----------
    od
        ndarray of float, shape (N, 3): tissue only.

    Returns
    -------
    ndarray of float64, shape (len(FEATURES),)
        Decimal logarithms of the landmarks' shares (0 to -3), then two spreads in the plane
        (5th to 95th percentile) and the share of pixels too dense for a section. NaN where no
        pixel is stained.
    """
    plane, density = chroma_plane(np.clip(od, 0.0, 2.0))
    stained = density >= _FAINT_OD
    if not stained.any():
        return np.full(len(FEATURES), np.nan)
    plane, density = plane[stained], density[stained]
    weight = np.minimum(density, _CLIP_OD)
    centres = np.array(list(COLOURS_OF_PLANE.values()), np.float32)
    squared = ((plane[:, None, :] - centres) ** 2).sum(axis=2)
    near = np.exp(-squared / (2 * _REACH**2))
    shares = (weight @ near) / weight.sum()
    spread = np.percentile(plane, 95, axis=0) - np.percentile(plane, 5, axis=0)
    dense = float((density > _DENSE_OD).mean())
    return np.concatenate([np.log10(shares + _FLOOR), spread, [dense]]).astype(np.float64)
