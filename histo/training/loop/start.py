"""The network a training starts from."""

from pathlib import Path
from typing import Any

import lightning
import torch
from torch.utils.data import Dataset

from histo.errors import ConfigError
from histo.nn.bundle import MAX_BYTES
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
        If the weights are not on this machine, or a bundle of the network would be too large.
    """
    lightning.seed_everything(config.seed, verbose=False)
    network = StromaNetwork(config.network, classes=len(config.components))
    _require_fit(network)
    if imagenet is not None:
        load_imagenet_mobilenet_v2(network, imagenet)
        tiles = torch.stack([samples[index][0] for index in range(_CALIBRATION)]).numpy()
        restore_batch_statistics(network, [tiles])
    elif weights := config.network.arguments.get("encoder_weights"):
        load_hub_encoder(network, str(weights))
    return network


def _require_fit(network: StromaNetwork) -> None:
    """Refuse before hours of training what cannot be written after them."""
    size = 2 * 2 * sum(weight.numel() for weight in network.parameters())
    if size > MAX_BYTES:
        raise ConfigError(
            f"a bundle of this network would take {size / 1e6:.1f} MB (its weights stand in it "
            f"twice, in 16 bits) and the limit is {MAX_BYTES / 1e6:.1f} MB; use fewer encoder "
            "stages or narrower decoder_channels."
        )
