"""From a configuration to a bundle: cross-validate, choose the threshold, train on all, export."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from histo.assets import shipped
from histo.errors import ConfigError
from histo.nn.bundle import Bundle
from histo.nn.card import Card
from histo.nn.export import export_bundle
from histo.training.config import TrainingConfig
from histo.training.cores import read_cores
from histo.training.counter_examples import CounterExample, read_counter_examples
from histo.training.cross_validation import (
    CrossValidation,
    cross_validate,
    plan_folds,
    write_cross_validation,
)
from histo.training.evaluate import area_threshold, core_probability
from histo.training.module import fit_network

__all__ = ["data_root", "train_bundle"]

Report = Callable[[str], None]


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
            f"the images of {config.manifest} are not here: "
            "set the environment variable HISTO_DATA to their folder."
        )
    return root


def train_bundle(
    config: TrainingConfig, out: Path, *, cross_validation: bool = True, say: Report = print
) -> Bundle:
    """Train, evaluate and export: the whole of ``train.py --config``.

    Writes the bundle to ``out`` and, beside it in ``out/../<name>-training``, the loss of every
    tenth step, the figures of every core and the maps made of it while held out.
    """
    root = data_root(config)
    cores = read_cores(shipped("data_manifests") / config.manifest, root, config.label)
    counter = _counter_examples(config, root)
    say(
        f"{len(cores)} cores of {len({core.organ for core in cores})} organs, "
        f"{len(counter)} counter-examples"
    )
    log = out.parent / f"{config.name}-training"
    log.mkdir(parents=True, exist_ok=True)
    rounds: list[CrossValidation] = []
    if cross_validation:
        rounds = cross_validate(config, plan_folds(config, cores, counter), _imagenet(config), say)
        write_cross_validation(rounds, log)
    network = fit_network(config, cores, counter, imagenet=_imagenet(config), log_folder=log)
    maps = [core_probability(network, core) for core in cores]
    threshold = rounds[0].threshold if rounds else area_threshold(cores, maps)
    bundle = export_bundle(out, network, _card(config, threshold, rounds), _reference_tile())
    for metric in bundle.card.metrics:
        say(f"{metric.name} {metric.split}: {metric.value:.3f} (simple rule {metric.baseline})")
    say(f"bundle {bundle.card.name} written, threshold {threshold:.3f}")
    return bundle


def _counter_examples(config: TrainingConfig, root: Path) -> list[CounterExample]:
    if config.counter_examples is None:
        return []
    manifest = shipped("data_manifests") / config.counter_examples.manifest
    return read_counter_examples(manifest, root, config.card.um_per_px)


def _imagenet(config: TrainingConfig) -> Path | None:
    if config.imagenet_weights is None:
        return None
    path = data_root(config) / config.imagenet_weights
    if not path.is_file():
        raise ConfigError(
            f"the encoder weights {path.name} are not in the data folder; "
            "put the file there or set imagenet_weights: null to train from scratch."
        )
    return path


def _card(config: TrainingConfig, threshold: float, rounds: Sequence[CrossValidation]) -> Card:
    text = config.card.model_dump()
    return Card(
        name=config.name,
        components=[config.component],
        thresholds={config.component: min(max(round(threshold, 4), 1e-4), 1 - 1e-4)},
        network=config.network,
        metrics=[metric for one in rounds for metric in one.metrics(config.component)],
        training=config.model_dump(mode="json", exclude={"card", "network", "name"}),
        **text,
    )


def _reference_tile() -> NDArray[np.uint8]:
    """Draw a tile with the colours of H&E, for parity checks; no patient is in it."""
    rows, cols = np.mgrid[:128, :160]
    wave = np.sin(cols / 9 + 3 * np.sin(rows / 17))[..., None]
    pink, blue = np.array([222, 160, 190]), np.array([120, 90, 160])
    spots = ((rows // 7 + cols // 11) % 5 == 0)[..., None]
    tile = np.where(spots, blue, pink + 18 * wave)
    return np.clip(tile, 0, 255).astype(np.uint8)[None]
