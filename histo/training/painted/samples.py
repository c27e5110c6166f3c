"""Paintings as samples of a training."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from histo.training.config import TrainingConfig
from histo.training.painted.augment import painted_augmentation
from histo.training.painted.backgrounds import Piece
from histo.training.painted.paintings import Painting, paint, reduction_of

__all__ = ["PaintedSamples", "PaintingSamples"]


class PaintedSamples(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Sample number ``n`` depends on the seed and ``n`` alone.

    Each shows one of ``data.paintings`` different paintings, painted when first needed, kept in
    memory and changed anew each time.

    Parameters
    ----------
    pieces
        Tissue of the training split; painting number p is on piece p, counted round.
    config
        Of the experiment.
    count
        Samples in all: steps x batch.
    """

    def __init__(self, pieces: Sequence[Piece], config: TrainingConfig, *, count: int) -> None:
        assert config.data.kind == "painted"  # noqa: S101  (for the type checker)
        self.pieces, self.count, self.seed = pieces, count, config.seed
        self.components, self.data = config.components, config.data
        self.reduction = reduction_of(config)
        self.transform = painted_augmentation(config.augmentation)
        self._kept: dict[int, Painting] = {}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return tile (H, W, 3) uint8, target and weight (C, H, W) float32."""
        draw = np.random.default_rng((self.seed, 1, index))
        painting = self.painting(int(draw.integers(self.data.paintings)))
        self.transform.set_random_seed(int(draw.integers(2**31)))
        labels = np.ascontiguousarray(painting.target.transpose(1, 2, 0))
        changed = self.transform(image=painting.rgb, mask=labels)
        return as_sample(changed["image"], changed["mask"].transpose(2, 0, 1))

    def painting(self, number: int) -> Painting:
        """Return painting number ``number``, painted if it was not yet."""
        if number not in self._kept:
            draw = np.random.default_rng((self.seed, 2, number))
            piece = self.pieces[number % len(self.pieces)]
            spec = self.data.simulation
            self._kept[number] = paint(piece, self.components, self.reduction, spec, draw)
        return self._kept[number]


class PaintingSamples(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Paintings as they are, for validation while training."""

    def __init__(self, paintings: Sequence[Painting]) -> None:
        self.paintings = paintings

    def __len__(self) -> int:
        return len(self.paintings)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return tile (H, W, 3) uint8, target and weight (C, H, W) float32."""
        painting = self.paintings[index]
        return as_sample(painting.rgb, painting.target)


def as_sample(
    rgb: np.typing.NDArray[np.uint8], target: np.typing.NDArray[np.uint8]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return tensors of a tile and its labels, of which everything is known."""
    chance = torch.from_numpy(np.ascontiguousarray(target)).float() / 255
    return torch.from_numpy(np.ascontiguousarray(rgb)), chance, torch.ones_like(chance)
