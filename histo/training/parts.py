"""What every kind of training needs besides its data: files to start from, a card, a reference."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from histo.assets import shipped
from histo.errors import ConfigError
from histo.nn.card import Card, Metric
from histo.training.config import TrainingConfig
from histo.training.manifests.licences import require_inherited
from histo.vocabulary import Component

__all__ = ["card_of", "data_root", "imagenet_file", "reference_tile", "require_licence"]


def data_root(config: TrainingConfig) -> Path:
    """Return the folder of the training images: HISTO_DATA, or ``../shared/data``.

    Raises
    ------
    ConfigError
        If there is no such folder.
    """
    root = Path(os.environ.get("HISTO_DATA", shipped("configs").parents[1] / "shared" / "data"))
    if not root.is_dir():
        raise ConfigError(
            f"the images of {config.data.manifest} are not here: "
            "set the environment variable HISTO_DATA to their folder."
        )
    return root


def imagenet_file(config: TrainingConfig) -> Path | None:
    """Return the file of encoder weights to start from; None to start from scratch.

    Raises
    ------
    ConfigError
        If it is named and not there.
    """
    if config.imagenet_weights is None:
        return None
    path = data_root(config) / config.imagenet_weights
    if not path.is_file():
        raise ConfigError(
            f"the encoder weights {path.name} are not in the data folder; "
            "put the file there or set imagenet_weights: null to train from scratch."
        )
    return path


def card_of(
    config: TrainingConfig, thresholds: Mapping[Component, float], metrics: Sequence[Metric]
) -> Card:
    """Return the card of a bundle, with its configuration echoed.

    Raises
    ------
    LicenceError
        If the bundle would be freer than the data it learnt from.
    """
    require_licence(config)
    return Card(
        name=config.name,
        components=config.components,
        thresholds={c: min(max(round(t, 4), 1e-4), 1 - 1e-4) for c, t in thresholds.items()},
        network=config.network,
        metrics=list(metrics),
        training=config.model_dump(mode="json", exclude={"card", "network", "name"}),
        **config.card.model_dump(),
    )


def require_licence(config: TrainingConfig) -> None:
    """Refuse a bundle whose licence is freer than its data's; better before training than after.

    Raises
    ------
    LicenceError
        Saying which licence the card has to name.
    """
    require_inherited(config.card.licence, [source.licence for source in config.card.data])


def reference_tile() -> NDArray[np.uint8]:
    """Draw a tile with the colours of H&E, for parity checks; no patient is in it."""
    rows, cols = np.mgrid[:128, :160]
    wave = np.sin(cols / 9 + 3 * np.sin(rows / 17))[..., None]
    pink, blue = np.array([222, 160, 190]), np.array([120, 90, 160])
    spots = ((rows // 7 + cols // 11) % 5 == 0)[..., None]
    tile = np.where(spots, blue, pink + 18 * wave)
    return np.clip(tile, 0, 255).astype(np.uint8)[None]
