"""Collagen from SHG: cross-validate, choose the threshold, train on all cores, export."""

from collections.abc import Callable
from pathlib import Path

from histo.assets import shipped
from histo.nn.bundle import Bundle
from histo.nn.export import export_bundle
from histo.training.config import ShgData, TrainingConfig
from histo.training.loop.fit import FitFiles
from histo.training.parts import card_of, data_root, imagenet_file, reference_tile
from histo.training.shg.cores import read_cores
from histo.training.shg.counter_examples import CounterExample, read_counter_examples
from histo.training.shg.cross_validation import (
    CrossValidation,
    cross_validate,
    plan_folds,
    write_cross_validation,
)
from histo.training.shg.evaluate import area_threshold, core_probability
from histo.training.shg.fitting import fit_cores

__all__ = ["train_on_cores"]

Report = Callable[[str], None]


def train_on_cores(
    config: TrainingConfig,
    data: ShgData,
    out: Path,
    *,
    cross_validation: bool = True,
    resume: bool = False,
    say: Report = print,
) -> Bundle:
    """Train, evaluate and export a bundle that learns collagen from second-harmonic generation.

    Writes the bundle to ``out`` and, beside it in ``out/../<name>-training``, the loss of every
    tenth step, the figures of every core and the maps made of it while held out. With ``resume``
    the training on all cores goes on from its checkpoint.
    """
    root = data_root(config)
    cores = read_cores(
        shipped("data_manifests") / data.manifest, root, data.label, config.card.glass_level
    )
    counter = _counter_examples(config, data, root)
    say(
        f"{len(cores)} cores of {len({core.organ for core in cores})} organs, "
        f"{len(counter)} counter-examples"
    )
    log = out.parent / f"{config.name}-training"
    log.mkdir(parents=True, exist_ok=True)
    rounds: list[CrossValidation] = []
    if cross_validation:
        folds = plan_folds(data, config.seed, cores, counter)
        rounds = cross_validate(config, folds, imagenet_file(config), say)
        write_cross_validation(rounds, log)
    files = FitFiles(log, resume=resume)
    network = fit_cores(config, cores, counter, imagenet=imagenet_file(config), files=files)
    maps = [core_probability(network, core) for core in cores]
    threshold = rounds[0].threshold if rounds else area_threshold(cores, maps)
    (component,) = config.components
    metrics = [metric for one in rounds for metric in one.metrics(component)]
    card = card_of(config, {component: threshold}, metrics)
    bundle = export_bundle(out, network, card, reference_tile())
    for metric in bundle.card.metrics:
        say(f"{metric.name} {metric.split}: {metric.value:.3f} (simple rule {metric.baseline})")
    say(f"bundle {bundle.card.name} written, threshold {threshold:.3f}")
    return bundle


def _counter_examples(config: TrainingConfig, data: ShgData, root: Path) -> list[CounterExample]:
    if data.counter_examples is None:
        return []
    manifest = shipped("data_manifests") / data.counter_examples.manifest
    return read_counter_examples(manifest, root, config.card.um_per_px, config.card.glass_level)
