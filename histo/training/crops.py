"""Random crops of cores, the same for a seed whatever the number of workers."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from histo.errors import ConfigError
from histo.training.augment import augmentation
from histo.training.config import AugmentationConfig
from histo.training.cores import Core

__all__ = ["Crops"]


class Crops(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Crop number ``i`` depends on the seed and ``i`` alone.

    Organs are drawn alike, then a core within the organ, so that no organ outvotes another.

    Parameters
    ----------
    cores
        What to crop from.
    count
        Crops in all: steps x batch.
    crop_px
        Side of a crop in pixels.

    Raises
    ------
    ConfigError
        If a core is smaller than the largest crop.
    """

    def __init__(
        self,
        cores: Sequence[Core],
        *,
        count: int,
        crop_px: int,
        settings: AugmentationConfig,
        seed: int,
    ) -> None:
        largest = int(crop_px / settings.scale[0])
        for core in cores:
            if min(core.rgb.shape[:2]) < largest:
                raise ConfigError(
                    f"core {core.name} is smaller than the largest crop, {largest} px "
                    "(crop_px over the smallest scale); use a smaller optim.crop_px."
                )
        self.cores = list(cores)
        self.organs = sorted({core.organ for core in cores})
        self.count, self.seed = count, seed
        self.transform = augmentation(settings, crop_px)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return tile (H, W, 3) uint8, target and weight (1, H, W) float32."""
        draw = np.random.default_rng((self.seed, index))
        organ = self.organs[draw.integers(len(self.organs))]
        members = [core for core in self.cores if core.organ == organ]
        core = members[draw.integers(len(members))]
        self.transform.set_random_seed(int(draw.integers(2**31)))
        labels = np.dstack([core.target, core.weight])
        crop = self.transform(image=core.rgb, mask=labels)
        planes = torch.from_numpy(np.ascontiguousarray(crop["mask"].transpose(2, 0, 1)))
        return torch.from_numpy(np.ascontiguousarray(crop["image"])), planes[:1], planes[1:]
