"""A network of two convolutions and samples drawn from their number; also a script for torchrun.

``python loop_fakes.py FOLDER KEY=VALUE...`` fits in FOLDER and, in the first process, writes
``trained.pt`` there.
"""

import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset
from training_fakes import training_values

from histo.nn.losses import masked_bce
from histo.training.config import TrainingConfig
from histo.training.loop.fit import FitFiles, fit
from histo.training.loop.processes import rank


class TinyNetwork(nn.Module):
    """uint8 (N, H, W, 3) to logits (N, 2, H, W); the same weights every time.

    Without batch norm: what norms measure depends on how a batch is shared out.
    """

    def __init__(self, *, norm: bool = False) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.body = nn.Module()
        self.body.encoder = nn.Conv2d(3, 4, 3, padding=1)
        self.body.norm = nn.BatchNorm2d(4) if norm else nn.Identity()
        self.body.head = nn.Conv2d(4, 2, 1)
        for value in (*self.body.encoder.parameters(), *self.body.head.parameters()):
            value.data = torch.randn(value.shape, generator=generator) * 0.3

    def forward(self, tiles):
        hidden = self.body.norm(self.body.encoder(tiles.permute(0, 3, 1, 2) / 255))
        return self.body.head(torch.relu(hidden))


class Drawn(Dataset):
    """Red pixels are of the first component, blue ones of the second; one corner is unknown."""

    def __init__(self, count: int = 10, seed: int = 0, fail_at: int | None = None) -> None:
        self.count, self.seed, self.fail_at = count, seed, fail_at
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number):
        if self.fail_at is not None and number >= self.fail_at:
            raise OSError("the disk is gone")
        self.asked.append(number)
        generator = torch.Generator().manual_seed(1009 * self.seed + number)
        tile = torch.randint(0, 256, (12, 12, 3), generator=generator).to(torch.uint8)
        target = (tile[..., [0, 2]] > 127).float().permute(2, 0, 1)
        weight = torch.ones_like(target)
        weight[:, :4, :4] = 0
        return tile, target * weight, weight


def loop_config(**optim: Any) -> TrainingConfig:
    values = training_values("none.csv", **{"steps": 7, "batch": 4, "ema_decay": 0.9, **optim})
    return TrainingConfig.model_validate({**values, "components": ["tumour", "collagen"]})


def loss(logits, target, weight):
    return {"loss": masked_bce(logits, target, weight).mean()}


def fitted(folder: Path | None = None, *, resume: bool = False, **given: Any):
    """Fit the tiny network; ``samples``, ``validation`` and settings of optim may be given."""
    samples = given.pop("samples", None) or Drawn()
    validation = given.pop("validation", None)
    network = TinyNetwork(norm=given.pop("norm", False))
    files = FitFiles(folder, resume=resume) if folder else None
    return fit(
        network,
        samples,
        loop_config(**given),
        loss,
        validation=validation,
        files=files,
        progress=False,
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, *settings = sys.argv[1:]
    numbers = {key: int(value) for key, value in (text.split("=") for text in settings)}
    network = fitted(Path(folder) / str(rank()), validation=Drawn(19, 7), **numbers)
    torch.save(network.state_dict(), Path(folder) / f"trained{rank()}.pt")
