"""The network a training starts from."""

from pathlib import Path
from typing import Any

import lightning
import torch
from torch.utils.data import Dataset

from histo.nn.network import (
    StromaNetwork,
    load_imagenet_mobilenet_v2,
    restore_batch_statistics,
)
from histo.training.config import TrainingConfig
from histo.training.loop.hub import load_hub_encoder

__all__ = ["new_network"]

_CALIBRATION = 8  # samples


def new_network(
    config: TrainingConfig, samples: Dataset[Any], imagenet: Path | None
) -> StromaNetwork:
    """Build the network of a configuration, its weights drawn from the seed.

    Parameters
    ----------
    config
        Names the network, the components and the seed.
    samples
        What it will learn from; the first eight give batch norms their statistics.
    imagenet
        Encoder weights to start from; None for those that ``network.arguments.encoder_weights``
        names in the library's hub, or for none.

    Raises
    ------
    ConfigError
        If the weights are not on this machine.
    """
    lightning.seed_everything(config.seed, verbose=False)
    network = StromaNetwork(config.network, classes=len(config.components))
    if imagenet is not None:
        load_imagenet_mobilenet_v2(network, imagenet)
        tiles = torch.stack([samples[index][0] for index in range(_CALIBRATION)]).numpy()
        restore_batch_statistics(network, [tiles])
    elif weights := config.network.arguments.get("encoder_weights"):
        load_hub_encoder(network, str(weights))
    return network
