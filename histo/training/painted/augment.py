"""Random changes of a painting: turns, light, focus, noise, compression.

Scale is drawn when tissue is read, and stain when it is painted; the labels say how much chromogen
there is, so amounts of stain change little here.
"""

import albumentations

from histo.stains import Dye
from histo.training.config import AugmentationConfig
from histo.training.samples.augment import StainJitter

__all__ = ["painted_augmentation"]


def painted_augmentation(settings: AugmentationConfig) -> albumentations.Compose:
    """Compose the random changes; masks are turned and mirrored along."""
    jitter = StainJitter(
        settings.stain_gain,
        settings.stain_vector,
        settings.white_shift,
        p=0.8,
        dyes=(Dye.HAEMATOXYLIN, Dye.DAB),
    )
    steps = [albumentations.D4(p=1.0), jitter]
    if settings.blur_px:
        steps.append(albumentations.GaussianBlur(sigma_limit=(0.2, settings.blur_px), p=0.2))
    if settings.noise:
        steps.append(albumentations.GaussNoise(std_range=(0.0, settings.noise), p=0.2))
    steps.append(albumentations.ImageCompression(quality_range=settings.jpeg_quality, p=0.4))
    return albumentations.Compose(steps)
