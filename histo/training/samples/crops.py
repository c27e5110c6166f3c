"""Random crops of samples, the same for a seed whatever the number of workers."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from histo.errors import ConfigError
from histo.training.config import AugmentationConfig
from histo.training.samples.augment import augmentation

__all__ = ["Crops", "Sample"]


class Sample(Protocol):
    """What teaches: an image, what it should give, and how much each pixel counts."""

    @property
    def name(self) -> str:
        """Unique name."""

    @property
    def organ(self) -> str:
        """Organ it was taken from."""

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """Image, (H, W, 3)."""

    @property
    def target(self) -> NDArray[np.float32]:
        """Probability to learn, (H, W), 0..1."""

    @property
    def weight(self) -> NDArray[np.float32]:
        """Weight of a pixel, (H, W); 0 where nothing is known."""


class Crops(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Crop number ``i`` depends on the seed and ``i`` alone.

    A share of the crops comes from counter-examples. Organs are drawn alike, then a sample within
    the organ, so that no organ outvotes another.

    Parameters
    ----------
    cores
        What to crop from.
    counter_examples
        Samples that know only where the component is absent.
    counter_share
        Share of crops drawn from them, 0 to 1; without counter-examples it has no effect.
    count
        Crops in all: steps x batch.
    crop_px
        Side of a crop in pixels.

    Raises
    ------
    ConfigError
        If a sample is smaller than the largest crop.
    """

    def __init__(
        self,
        cores: Sequence[Sample],
        counter_examples: Sequence[Sample] = (),
        *,
        count: int,
        crop_px: int,
        settings: AugmentationConfig,
        seed: int,
        counter_share: float = 0.0,
    ) -> None:
        largest = int(crop_px / settings.scale[0])
        for sample in (*cores, *counter_examples):
            if min(sample.rgb.shape[:2]) < largest:
                raise ConfigError(
                    f"{sample.name} is smaller than the largest crop, {largest} px "
                    "(crop_px over the smallest scale); use a smaller optim.crop_px."
                )
        self.cores, self.counter_examples = _by_organ(cores), _by_organ(counter_examples)
        self.counter_share = counter_share if counter_examples else 0.0
        self.count, self.seed = count, seed
        self.transform = augmentation(settings, crop_px)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return tile (H, W, 3) uint8, target and weight (1, H, W) float32."""
        draw = np.random.default_rng((self.seed, index))
        counter = draw.random() < self.counter_share
        organs = self.counter_examples if counter else self.cores
        members = organs[draw.integers(len(organs))]
        sample = members[draw.integers(len(members))]
        self.transform.set_random_seed(int(draw.integers(2**31)))
        labels = np.dstack([sample.target, sample.weight])
        crop = self.transform(image=sample.rgb, mask=labels)
        planes = torch.from_numpy(np.ascontiguousarray(crop["mask"].transpose(2, 0, 1)))
        return torch.from_numpy(np.ascontiguousarray(crop["image"])), planes[:1], planes[1:]


def _by_organ(samples: Sequence[Sample]) -> list[list[Sample]]:
    organs = sorted({sample.organ for sample in samples})
    return [[sample for sample in samples if sample.organ == organ] for organ in organs]
