"""Batches of a whole run: numbers count on over epochs, from wherever a run goes on."""

from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from histo.errors import ConfigError
from histo.training.config import OptimConfig
from histo.training.samples.epoch_sampler import EpochSampler

__all__ = ["RunLoader", "validation_loader"]

_JUDGED = 8  # samples a batch of validation, whatever the batch of training


class RunLoader(DataLoader[Any]):
    """Batches ``start`` to ``optim.steps``; process ``rank`` gets its share of each.

    To Lightning the whole run is one epoch. Sample numbers say of which epoch they are, so workers
    need not stop and fill up again between epochs, and to go on at a step is arithmetic.

    Raises
    ------
    ConfigError
        If a batch cannot be shared out evenly.
    """

    def __init__(
        self,
        samples: Dataset[Any],
        optim: OptimConfig,
        *,
        start: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if optim.batch % world_size:
            raise ConfigError(
                f"optim.batch is {optim.batch}, which {world_size} processes cannot share out "
                f"evenly; use a multiple of {world_size}."
            )
        order = EpochSampler(optim.steps * optim.batch, rank=rank, world_size=world_size)
        order.resume(0, start * optim.batch)
        self._steps = optim.steps
        super().__init__(
            samples,
            batch_size=optim.batch // world_size,
            sampler=order,
            **_workers(optim),
        )

    def __len__(self) -> int:
        """Return the steps of the whole run: Lightning counts those before ``start`` as taken."""
        return self._steps


def validation_loader(
    samples: Dataset[Any], optim: OptimConfig, *, rank: int = 0, world_size: int = 1
) -> DataLoader[Any]:
    """Return the batches of one process: whole ones, the same however many processes there are."""
    count = len(samples)
    starts = range(0, count, _JUDGED)
    batches = [list(range(first, min(first + _JUDGED, count))) for first in starts]
    return DataLoader(samples, batch_sampler=batches[rank::world_size], **_workers(optim))


def _workers(optim: OptimConfig) -> dict[str, Any]:
    """Return how samples are made; the loader's own generator leaves the run's chance alone."""
    return {
        "num_workers": optim.workers,
        "persistent_workers": optim.workers > 0,
        "pin_memory": torch.cuda.is_available(),
        "generator": torch.Generator().manual_seed(0),
    }
