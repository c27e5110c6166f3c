"""From a configuration to a bundle: cross-validate, choose the threshold, train on all, export."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from histo.assets import shipped
from histo.errors import ConfigError
from histo.nn.bundle import Bundle
from histo.nn.card import Card, Metric
from histo.nn.export import export_bundle
from histo.training.config import TrainingConfig
from histo.training.cores import Core, read_cores
from histo.training.evaluate import (
    CoreResult,
    area_threshold,
    core_probability,
    eosin_amount,
    evaluate_cores,
    mean_of,
)
from histo.training.folds import core_folds, organ_folds
from histo.training.module import fit_network

__all__ = ["CrossValidation", "cross_validate", "data_root", "train_bundle"]

Report = Callable[[str], None]
_FIGURES = ("auroc", "pearson_r", "auroc_px", "dice")
Folds = Iterable[tuple[str, list[Core], list[Core]]]


@dataclass(frozen=True)
class CrossValidation:
    """Every core held out once, and the map a network that never saw it made of it."""

    split: str
    cores: list[Core]
    maps: list[NDArray[np.float32]]
    threshold: float
    results: list[CoreResult]
    baseline: list[CoreResult]

    def metrics(self, component: str) -> list[Metric]:
        """Return the figures for the card, the eosin baseline beside them."""
        names = [
            ("AUROC (both blurred by 3 px)", "auroc"),
            ("Pearson r (both blurred by 3 px)", "pearson_r"),
            ("AUROC (pixel by pixel)", "auroc_px"),
            ("Dice at the threshold", "dice"),
        ]
        return [
            Metric(
                name=title,
                component=component,
                split=f"held out by {self.split}, mean over {len(self.cores)} cores",
                value=round(mean_of(self.results, name), 4),
                baseline=None if name == "dice" else round(mean_of(self.baseline, name), 4),
            )
            for title, name in names
        ]


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


def cross_validate(
    config: TrainingConfig, cores: Sequence[Core], splits: dict[str, Folds], say: Report
) -> list[CrossValidation]:
    """Train once a fold and evaluate each core with the network that did not see it.

    ``optim.jobs`` folds, of any split, are trained side by side, each in a process of its own.

    Parameters
    ----------
    splits
        By the name of a split ("core", "organ"), its folds: (name, learning, held out).
    """
    folds = [(split, *fold) for split, several in splits.items() for fold in several]
    maps: dict[str, dict[str, NDArray[np.float32]]] = {split: {} for split in splits}
    for (split, name, _, held), found_maps in zip(folds, _trained(config, folds), strict=True):
        maps[split] |= found_maps
        found = evaluate_cores(held, _lookup(maps[split]))
        say(
            f"by {split}, {name}: AUROC {mean_of(found, 'auroc'):.3f}, "
            f"r {mean_of(found, 'pearson_r'):.3f} on {', '.join(core.name for core in held)}"
        )
    return [_summary(split, cores, maps[split]) for split in splits]


def _summary(
    split: str, cores: Sequence[Core], maps: dict[str, NDArray[np.float32]]
) -> CrossValidation:
    ordered = [maps[core.name] for core in cores]
    threshold = area_threshold(cores, ordered)
    return CrossValidation(
        split=split,
        cores=list(cores),
        maps=ordered,
        threshold=threshold,
        results=evaluate_cores(cores, _lookup(maps), threshold=threshold),
        baseline=evaluate_cores(cores, eosin_amount),
    )


def _trained(
    config: TrainingConfig, folds: Sequence[tuple[str, str, list[Core], list[Core]]]
) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Yield the maps of each fold's held-out cores, in order; one job needs no other process."""
    if config.optim.jobs == 1:
        yield from (_held_out_maps(config, learning, held) for _, _, learning, held in folds)
        return
    with _processes(config) as pool:
        waiting = [
            pool.submit(_held_out_maps, config, learning, held) for _, _, learning, held in folds
        ]
        yield from (future.result() for future in waiting)


def _processes(config: TrainingConfig) -> ProcessPoolExecutor:
    """Return processes that share the CPU threads between them, spawned as on every platform."""
    threads = max(1, (os.cpu_count() or 1) // config.optim.jobs)
    return ProcessPoolExecutor(
        config.optim.jobs,
        mp_context=get_context("spawn"),
        initializer=torch.set_num_threads,
        initargs=(threads,),
    )


def _held_out_maps(
    config: TrainingConfig, learning: list[Core], held: list[Core]
) -> dict[str, NDArray[np.float32]]:
    network = fit_network(config, learning, imagenet=_imagenet(config), progress=False)
    return {core.name: core_probability(network, core) for core in held}


def train_bundle(
    config: TrainingConfig, out: Path, *, cross_validation: bool = True, say: Report = print
) -> Bundle:
    """Train, evaluate and export: the whole of ``train.py --config``.

    Writes the bundle to ``out`` and, beside it in ``out/../<name>-training``, the loss of every
    tenth step and the figures of every core.
    """
    root = data_root(config)
    cores = read_cores(shipped("data_manifests") / config.manifest, root, config.label)
    say(f"{len(cores)} cores of {len({core.organ for core in cores})} organs")
    log = out.parent / f"{config.name}-training"
    log.mkdir(parents=True, exist_ok=True)
    rounds: list[CrossValidation] = []
    if cross_validation:
        splits: dict[str, Folds] = {"core": core_folds(cores, config.folds, config.seed)}
        if len({core.organ for core in cores}) > 1:
            splits["organ"] = organ_folds(cores)
        rounds = cross_validate(config, cores, splits, say)
        _write_results(rounds, log / "cross_validation.json")
    network = fit_network(config, cores, imagenet=_imagenet(config), log_folder=log)
    maps = [core_probability(network, core) for core in cores]
    threshold = rounds[0].threshold if rounds else area_threshold(cores, maps)
    bundle = export_bundle(out, network, _card(config, threshold, rounds), _reference_tile())
    for metric in bundle.card.metrics:
        say(f"{metric.name} {metric.split}: {metric.value:.3f} (simple rule {metric.baseline})")
    say(f"bundle {bundle.card.name} written, threshold {threshold:.3f}")
    return bundle


def _lookup(maps: dict[str, NDArray[np.float32]]) -> Callable[[Core], NDArray[np.float32]]:
    return lambda core: maps[core.name]


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


def _write_results(rounds: Sequence[CrossValidation], path: Path) -> None:
    values = [
        {
            "split": one.split,
            "threshold": one.threshold,
            "mean": {n: mean_of(one.results, n) for n in _FIGURES},
            "eosin": {n: mean_of(one.baseline, n) for n in _FIGURES[:3]},
            "cores": [result.as_dict() for result in one.results],
        }
        for one in rounds
    ]
    path.write_text(json.dumps(values, indent=1), encoding="utf-8")


def _reference_tile() -> NDArray[np.uint8]:
    """Draw a tile with the colours of H&E, for parity checks; no patient is in it."""
    rows, cols = np.mgrid[:128, :160]
    wave = np.sin(cols / 9 + 3 * np.sin(rows / 17))[..., None]
    pink, blue = np.array([222, 160, 190]), np.array([120, 90, 160])
    spots = ((rows // 7 + cols // 11) % 5 == 0)[..., None]
    tile = np.where(spots, blue, pink + 18 * wave)
    return np.clip(tile, 0, 255).astype(np.uint8)[None]
