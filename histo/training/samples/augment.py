"""Random changes of a crop: geometry, stain, focus, noise and compression (albumentations)."""

from typing import Any

import albumentations
import cv2
import numpy as np
from numpy.typing import NDArray

from histo.stains import Dye, stain_matrix
from histo.stains.vectors import with_rest
from histo.training.config import AugmentationConfig

__all__ = ["StainJitter", "augmentation"]


class StainJitter(albumentations.ImageOnlyTransform):
    """Vary stain amounts, stain vectors and the white point in optical density.

    With the stain matrix V, amounts are ``od V^-1``; scaled by s and mixed with jittered vectors V'
    they give ``od' = od V^-1 diag(s) V'``: one 3 x 3 matrix a crop
    (after Tellez et al. 2018, 10.1109/TMI.2018.2820199). Without dyes no colour is known
    beforehand: ``od' = s od (1 + N)`` with one strength s and a small random 3 x 3 matrix N.
    """

    def __init__(
        self,
        gain: float,
        vector: float,
        white: float,
        p: float = 1.0,
        *,
        dyes: tuple[()] | tuple[Dye, Dye] = (Dye.HAEMATOXYLIN, Dye.EOSIN),
    ) -> None:
        super().__init__(p=p)
        self.gain, self.vector, self.white, self.dyes = gain, vector, white, dyes

    def get_params(self) -> dict[str, Any]:
        """Draw the matrix and the white point."""
        draw = self.random_generator
        matrix = self._dye_matrix(draw) if self.dyes else self._plain_matrix(draw)
        grey = draw.uniform(1 - self.white, 1 + self.white / 4)
        tint = 1 + draw.normal(0, self.white / 4, 3)
        return {"matrix": matrix, "white": np.clip(255 * grey * tint, 120, 255)}

    def _dye_matrix(self, draw: np.random.Generator) -> NDArray[np.float64]:
        dyes = stain_matrix(*self.dyes)
        jittered = np.abs(dyes + draw.normal(0, self.vector, dyes.shape))
        gains = np.exp(draw.uniform(-self.gain, self.gain, 3))
        matrix: NDArray[np.float64] = (
            np.linalg.inv(with_rest(dyes)) @ np.diag(gains) @ with_rest(jittered)
        )
        return matrix

    def _plain_matrix(self, draw: np.random.Generator) -> NDArray[np.float64]:
        strength = float(np.exp(draw.uniform(-self.gain, self.gain)))
        matrix: NDArray[np.float64] = strength * (np.eye(3) + draw.normal(0, self.vector, (3, 3)))
        return matrix

    def apply(
        self,
        img: NDArray[np.uint8],
        matrix: NDArray[np.float64],
        white: NDArray[np.float64],
        **_: object,
    ) -> NDArray[np.uint8]:
        """Return the crop as if it had been stained and lit that way."""
        density = _DENSITY[img] @ matrix.astype(np.float32)
        light = white.astype(np.float32) * np.exp(-np.clip(density, -0.05, 6))
        return np.clip(np.rint(light), 0, 255).astype(np.uint8)


_DENSITY = -np.log(np.maximum(np.arange(256), 1) / 255).astype(np.float32)


def augmentation(settings: AugmentationConfig, crop_px: int) -> albumentations.Compose:
    """Compose the random changes; masks move along and are interpolated linearly.

    Geometry draws first, then colour, then the optics and the file format, as on a scanner.
    """
    smallest, largest = settings.scale
    window = (int(crop_px / largest), int(crop_px / smallest))
    steps = [
        albumentations.RandomSizedCrop(
            min_max_height=window,
            size=(crop_px, crop_px),
            interpolation=cv2.INTER_LINEAR,
            mask_interpolation=cv2.INTER_LINEAR,
            area_for_downscale="image_mask",
        ),
        albumentations.D4(p=1.0),
        StainJitter(
            settings.stain_gain,
            settings.stain_vector,
            settings.white_shift,
            p=0.9,
            dyes=settings.dyes,
        ),
        albumentations.RandomGamma(gamma_limit=(75, 130), p=0.3),
    ]
    if settings.elastic_px:
        steps.insert(2, _elastic(settings.elastic_px))
    if settings.blur_px:
        steps.append(albumentations.GaussianBlur(sigma_limit=(0.2, settings.blur_px), p=0.25))
    if settings.sharpen:  # as many scanners do
        steps.append(albumentations.UnsharpMask(alpha=(0.1, settings.sharpen), p=0.3))
    if settings.noise:
        steps.append(albumentations.GaussNoise(std_range=(0.0, settings.noise), p=0.3))
    steps.append(albumentations.ImageCompression(quality_range=settings.jpeg_quality, p=0.3))
    return albumentations.Compose(steps, mask_interpolation=cv2.INTER_LINEAR)


def _elastic(reach_px: float) -> albumentations.ElasticTransform:
    return albumentations.ElasticTransform(
        alpha=reach_px * 10,
        sigma=10,
        border_mode=cv2.BORDER_REFLECT_101,
        mask_interpolation=cv2.INTER_LINEAR,
        p=0.3,
    )
