"""Brown that is not stain: pigments, and stain where it means nothing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from histo.stains.simulate.noise import smooth_noise
from histo.stains.simulate.spec import Range
from histo.stains.simulate.tissue import Tissue

__all__ = ["PIGMENTS", "Pigment", "edge_stain", "pigment_od"]

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Pigment:
    """How one pigment looks: colour in OD, grains per clump, their radius, density, spread."""

    od: tuple[float, float, float]
    grains: tuple[int, int]
    radius_um: Range
    strength_od: Range
    spread_um: Range


PIGMENTS: dict[str, Pigment] = {
    "melanin": Pigment((0.48, 0.58, 0.66), (40, 160), (0.3, 0.8), (0.3, 0.9), (2.5, 6.0)),
    "haemosiderin": Pigment((0.24, 0.54, 0.81), (8, 40), (0.5, 1.6), (0.3, 0.9), (3.0, 8.0)),
    "anthracosis": Pigment((0.57, 0.58, 0.58), (25, 140), (0.15, 0.75), (0.5, 1.4), (2.5, 8.0)),
    "formalin": Pigment((0.46, 0.58, 0.67), (3, 25), (0.25, 0.7), (0.5, 1.2), (8.0, 25.0)),
}
"""Melanin and formalin pigment are dark brown, haemosiderin golden, anthracosis black."""


def pigment_od(
    tissue: Tissue, pigment: Pigment, clumps: int, rng: np.random.Generator
) -> tuple[Float32, NDArray[np.bool_]]:
    """Scatter clumps of pigment over the tissue.

    Returns
    -------
    od : ndarray of float32, shape (H, W, 3)
        Decades to add.
    where : ndarray of bool, shape (H, W)
        Pixels with at least 0.05 of pigment.
    """
    amount = np.zeros(tissue.shape, np.float32)
    places = np.argwhere(tissue.cover > 0.9)
    if len(places):
        for row, col in places[rng.integers(len(places), size=clumps)]:
            _clump(amount, (row, col), pigment, tissue.um_per_px, rng)
    amount = ndimage.gaussian_filter(amount, 0.25 / tissue.um_per_px) * (tissue.cover > 0.5)
    colour = np.abs(np.array(pigment.od) + rng.normal(0, 0.012, 3))
    colour /= np.linalg.norm(colour)
    return amount[..., None] * colour.astype(np.float32), amount >= 0.05


def _clump(
    amount: Float32,
    place: tuple[int, int],
    pigment: Pigment,
    um_per_px: float,
    rng: np.random.Generator,
) -> None:
    """Add the grains of one clump to ``amount`` in place."""
    count = int(rng.integers(*pigment.grains))
    spread = rng.uniform(*pigment.spread_um) / um_per_px * rng.uniform(0.5, 1.0, 2)
    grains = np.array(place) + rng.normal(0, 1, (count, 2)) * spread
    radius = rng.uniform(*pigment.radius_um, count) / um_per_px
    strength = rng.uniform(*pigment.strength_od) * rng.uniform(0.6, 1.0, count)
    reach = int(np.ceil(radius.max())) + 1
    offset = np.arange(-reach, reach + 1)
    rows = np.rint(grains[:, :1]).astype(np.intp) + offset
    cols = np.rint(grains[:, 1:]).astype(np.intp) + offset
    down, right = (rows - grains[:, :1])[:, :, None], (cols - grains[:, 1:])[:, None, :]
    value = np.clip(radius[:, None, None] - np.sqrt(down**2 + right**2) + 0.5, 0, 1)
    value *= strength[:, None, None]
    height, width = amount.shape
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((cols >= 0) & (cols < width))[:, None]
    flat = (rows[:, :, None] * width + cols[:, None, :])[inside]
    np.add.at(amount.reshape(-1), flat, value[inside].astype(np.float32))
    np.minimum(amount, 1.8, out=amount)


def edge_stain(tissue: Tissue, rng: np.random.Generator) -> Float32:
    """Chromogen that dried in at the tissue's edge: ndarray of float32, shape (H, W), decades."""
    glass = tissue.cover < 0.5
    # Only wide gaps are edges; a vessel's lumen is none.
    wide = ndimage.binary_opening(glass, iterations=max(1, round(6 / tissue.um_per_px)))
    if not wide.any():
        return np.zeros(tissue.shape, np.float32)
    depth_um = ndimage.distance_transform_edt(~wide) * tissue.um_per_px
    reach = rng.uniform(4.0, 30.0) * (
        1 + 0.4 * smooth_noise(rng, tissue.shape, 15 / tissue.um_per_px)
    )
    band = np.exp(-((depth_um / np.maximum(reach, 1.0)) ** 2)) * tissue.cover
    band *= np.clip(0.7 + 0.4 * smooth_noise(rng, tissue.shape, 1.5 / tissue.um_per_px), 0, 2)
    band *= (tissue.cover > 0.5) * rng.uniform(0.1, 0.5)
    return np.asarray(band, np.float32)
