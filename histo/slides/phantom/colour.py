"""From the drawing to densities of stain, and from densities to RGB (Beer-Lambert).

The densities were chosen by measuring real H&E in optical density against its own glass: collagen
of pancreatic cores at 2.3 µm/px about (R, G, B) = (.05, .30, .21), epidermis at 0.5 µm/px about
(.25, .50, .29), nuclei from (.6, .94, .5) up.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from histo.slides.phantom.noise import Float32

__all__ = ["Masks", "Palette", "Scene", "he_densities"]

HAEMATOXYLIN = (0.65, 0.70, 0.29)
EOSIN = (0.16, 0.82, 0.55)
STEPS_PER_OD = 512
MAX_OD = 3.0
FRACTION_BITS = 4


@dataclass(frozen=True)
class Masks:
    """The truth of one piece, boolean (H, W); tumour and collagen are disjoint parts of tissue."""

    tissue: NDArray[np.bool_]
    tumour: NDArray[np.bool_]
    collagen: NDArray[np.bool_]


@dataclass(frozen=True)
class Scene:
    """One piece of the drawing, without colour; every array has shape (H, W).

    Attributes
    ----------
    masks
        The truth.
    tissue_cover, tumour_cover, collagen_cover
        The masks with edges softened over about 1 µm, 0 to 1.
    bundle
        Field that differs from bundle to bundle, about -3 to 3.
    fibre, strand
        Textures along the fibres, fine and a little coarser; mean 0, variance about 1.
    grain
        Fine texture without direction, mean 0, variance about 1.
    thickness
        Local staining strength, about 1.
    tumour_nuclei, fibroblast_nuclei
        Strength of the nuclei, 0 outside them, about 1 inside.
    """

    masks: Masks
    tissue_cover: Float32
    tumour_cover: Float32
    collagen_cover: Float32
    bundle: Float32
    fibre: Float32
    strand: Float32
    grain: Float32
    thickness: Float32
    tumour_nuclei: Float32
    fibroblast_nuclei: Float32


def he_densities(scene: Scene) -> tuple[Float32, Float32]:
    """Return the densities of haematoxylin and eosin, each float32 of shape (H, W)."""
    fibre = scene.fibre
    eosin_bundle = np.clip(scene.bundle, np.float32(-1.5), np.float32(1.5)) * np.float32(0.04)
    eosin_bundle += fibre * np.float32(0.06) + scene.grain * np.float32(0.02)
    eosin_bundle += np.clip(scene.strand, np.float32(-2), np.float32(1)) * np.float32(0.06)
    eosin_bundle += np.float32(0.41)
    ground = np.float32(0.115) + np.float32(0.035) * fibre
    eosin = ground + scene.collagen_cover * (eosin_bundle - ground)
    haematoxylin = np.float32(0.035) + np.float32(0.012) * scene.grain
    eosin += scene.tumour_cover * (np.float32(0.30) + np.float32(0.045) * scene.grain - eosin)
    cytoplasm = np.float32(0.17) + np.float32(0.035) * scene.grain
    haematoxylin += scene.tumour_cover * (cytoplasm - haematoxylin)
    nuclei = np.maximum(scene.tumour_nuclei, scene.fibroblast_nuclei)
    haematoxylin += nuclei * (np.float32(0.62) + np.float32(0.10) * scene.grain)
    eosin *= 1 - np.float32(0.25) * nuclei
    strength = scene.tissue_cover * scene.thickness
    return np.maximum(haematoxylin, 0) * strength, np.maximum(eosin, 0) * strength


class Palette:
    """Colours two stains on glass, with camera noise.

    Parameters
    ----------
    glass
        Colour (R, G, B) without stain.
    vectors
        Optical density (R, G, B) of each stain; normalised here.
    """

    def __init__(
        self,
        glass: tuple[int, int, int],
        vectors: tuple[tuple[float, float, float], ...] = (HAEMATOXYLIN, EOSIN),
    ) -> None:
        unit = np.array(vectors) / np.linalg.norm(vectors, axis=1, keepdims=True)
        self.vectors = np.round(unit, 6).astype(np.float32)
        self.glass = glass
        steps = np.arange(int(MAX_OD * STEPS_PER_OD) + 1) / STEPS_PER_OD
        light = np.array(glass)[:, None] * 10.0**-steps
        self._light = np.round(light * 2**FRACTION_BITS).astype(np.int16)

    def rgb(self, densities: tuple[Float32, ...], noise: NDArray[np.int16]) -> NDArray[np.uint8]:
        """Return the colours, shape (H, W, 3).

        Parameters
        ----------
        densities
            One array (H, W) a stain, in the order of the vectors.
        noise
            What the camera adds, shape (3, H, W), in sixteenths of a grey level.
        """
        out = np.empty((*noise.shape[1:], 3), np.uint8)
        last = np.int16(self._light.shape[1] - 1)
        for channel in range(3):
            density = sum(
                d * (v * np.float32(STEPS_PER_OD))
                for d, v in zip(densities, self.vectors[:, channel], strict=True)
            )
            index = np.minimum(np.asarray(density).astype(np.int16), last)
            out[..., channel] = _exposed(self._light[channel].take(index), noise[channel])
        return out

    def bare(self, noise: NDArray[np.int16]) -> NDArray[np.uint8]:
        """Return glass without stain, shape (H, W, 3); ``noise`` as in :meth:`rgb`."""
        light = self._light[:, 0]
        return np.stack([_exposed(light[c], noise[c]) for c in range(3)], axis=-1)


def _exposed(light: NDArray[np.int16] | np.int16, noise: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Add the noise, round from sixteenths to whole grey levels, clip."""
    level = light + noise
    level += np.int16(1 << (FRACTION_BITS - 1))
    level >>= FRACTION_BITS
    return np.asarray(np.clip(level, 0, 255), dtype=np.uint8)
