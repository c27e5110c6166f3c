"""Train once a fold, and see what each network makes of the samples it never saw."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from histo.nn.card import Metric
from histo.training.config import ShgData, TrainingConfig
from histo.training.samples.crops import Sample
from histo.training.shg.cores import Core
from histo.training.shg.counter_examples import CounterExample
from histo.training.shg.evaluate import (
    CoreResult,
    area_threshold,
    core_probability,
    eosin_amount,
    evaluate_cores,
    mean_of,
)
from histo.training.shg.fitting import fit_cores
from histo.training.shg.folds import core_folds, organ_folds
from histo.training.side_by_side import side_by_side

__all__ = ["CrossValidation", "Fold", "cross_validate", "plan_folds", "write_cross_validation"]

Maps = dict[str, NDArray[np.float32]]
_TITLES = {
    "auroc": "AUROC (both blurred by 3 px)",
    "pearson_r": "Pearson r (both blurred by 3 px)",
    "auroc_px": "AUROC (pixel by pixel)",
    "auroc_tissue": "AUROC (both blurred by 3 px, tissue alone)",
    "pearson_r_tissue": "Pearson r (both blurred by 3 px, tissue alone)",
    "dice": "Dice at the threshold",
}


@dataclass(frozen=True)
class Fold:
    """Who learns and who is held out, in one fold of one split (``core`` or ``organ``)."""

    split: str
    name: str
    learning: list[Core]
    held: list[Core]
    counter_learning: list[CounterExample] = field(default_factory=list)
    counter_held: list[CounterExample] = field(default_factory=list)


@dataclass(frozen=True)
class CrossValidation:
    """Every core held out once, and the map a network that never saw it made of it.

    Attributes
    ----------
    called_wrongly, called_wrongly_by_eosin
        Share of tissue known to hold no collagen that is called collagen, where it was held out,
        by the network and by the eosin rule, both at the threshold that makes areas agree; NaN
        without counter-examples.
    """

    split: str
    cores: list[Core]
    maps: Maps
    threshold: float
    results: list[CoreResult]
    baseline: list[CoreResult]
    called_wrongly: float
    called_wrongly_by_eosin: float

    def metrics(self, component: str) -> list[Metric]:
        """Return the figures for the card, the eosin baseline beside them."""
        where = f"held out by {self.split}, mean over {len(self.cores)} cores"
        metrics = [
            Metric(
                name=title,
                component=component,
                split=where,
                value=round(mean_of(self.results, name), 4),
                baseline=None if name == "dice" else round(mean_of(self.baseline, name), 4),
            )
            for name, title in _TITLES.items()
        ]
        metrics.append(
            Metric(
                name=f"Pearson r of {component} fractions between cores",
                component=component,
                split=f"held out by {self.split}, {len(self.cores)} cores",
                value=round(_fraction_r(self.results), 4),
            )
        )
        if not np.isnan(self.called_wrongly):
            metrics.append(
                Metric(
                    name=f"Share of epithelium called {component}",
                    component=component,
                    split=f"epithelium held out by {self.split}",
                    value=round(self.called_wrongly, 4),
                    baseline=round(self.called_wrongly_by_eosin, 4),
                )
            )
        return metrics


def plan_folds(
    data: ShgData, seed: int, cores: Sequence[Core], counter: Sequence[CounterExample]
) -> list[Fold]:
    """Plan every fold, by core and, where there are several organs, by organ.

    Counter-examples are held out with the cores: by fold, or those of the held-out organ.
    """
    by_core = core_folds(cores, data.folds, seed)
    if counter:
        others = [fold[1:] for fold in core_folds(counter, data.folds, seed)]
    else:
        others = [([], [])] * data.folds
    folds = [Fold("core", *own, *other) for own, other in zip(by_core, others, strict=True)]
    if len({core.organ for core in cores}) > 1:
        for organ, learning, held in organ_folds(cores):
            kept = [sample for sample in counter if sample.organ != organ]
            left = [sample for sample in counter if sample.organ == organ]
            folds.append(Fold("organ", organ, learning, held, kept, left))
    return folds


def cross_validate(
    config: TrainingConfig, folds: Sequence[Fold], imagenet: Path | None, say: Callable[[str], None]
) -> list[CrossValidation]:
    """Train once a fold and evaluate each core with the network that did not see it.

    ``optim.jobs`` folds, of any split, are trained side by side, each in a process of its own.

    Returns
    -------
    list of CrossValidation
        One a split, in the order of the folds.
    """
    maps: dict[str, Maps] = {}
    trained = side_by_side(partial(_held_out_maps, config, imagenet), folds, config.optim.jobs)
    for fold, found_maps in zip(folds, trained, strict=True):
        maps.setdefault(fold.split, {}).update(found_maps)
        found = evaluate_cores(fold.held, _lookup(found_maps))
        say(
            f"by {fold.split}, {fold.name}: AUROC {mean_of(found, 'auroc'):.3f}, "
            f"r {mean_of(found, 'pearson_r'):.3f} on {', '.join(core.name for core in fold.held)}"
        )
    return [
        _summary(split, [fold for fold in folds if fold.split == split], found)
        for split, found in maps.items()
    ]


def write_cross_validation(rounds: Sequence[CrossValidation], folder: Path) -> None:
    """Write the figures of every core as JSON and the held-out maps as uint8 arrays."""
    values = [
        {
            "split": one.split,
            "threshold": one.threshold,
            "mean": {name: mean_of(one.results, name) for name in _TITLES},
            "eosin": {name: mean_of(one.baseline, name) for name in _TITLES if name != "dice"},
            "cores": [result.as_dict() for result in one.results],
        }
        for one in rounds
    ]
    text = json.dumps(values, indent=1)
    (folder / "cross_validation.json").write_text(text, encoding="utf-8")
    for one in rounds:
        planes = {name: np.rint(255 * plane).astype(np.uint8) for name, plane in one.maps.items()}
        np.savez_compressed(folder / f"held_out_by_{one.split}.npz", **planes)  # type: ignore[arg-type]


def _summary(split: str, folds: Sequence[Fold], maps: Maps) -> CrossValidation:
    cores = [core for fold in folds for core in fold.held]
    counter = [sample for fold in folds for sample in fold.counter_held]
    threshold = area_threshold(cores, [maps[core.name] for core in cores])
    held: list[Sample] = [*cores, *counter]
    eosin = {sample.name: eosin_amount(sample) for sample in held}
    eosin_cut = area_threshold(cores, [eosin[core.name] for core in cores])
    return CrossValidation(
        split=split,
        cores=cores,
        maps=maps,
        threshold=threshold,
        results=evaluate_cores(cores, _lookup(maps), threshold=threshold),
        baseline=evaluate_cores(cores, _lookup(eosin)),
        called_wrongly=_share_called(counter, maps, threshold),
        called_wrongly_by_eosin=_share_called(counter, eosin, eosin_cut),
    )


def _lookup(maps: Maps) -> Callable[[Core], NDArray[np.float32]]:
    return lambda core: maps[core.name]


def _fraction_r(results: Sequence[CoreResult]) -> float:
    """Return how well cores keep their order: r of predicted and labelled fractions."""
    pairs = np.array([(one.predicted_fraction, one.label_fraction) for one in results])
    if len(pairs) < 2 or np.ptp(pairs, axis=0).min() == 0:
        return float("nan")
    return float(np.corrcoef(pairs.T)[0, 1])


def _share_called(counter: Sequence[CounterExample], maps: Maps, threshold: float) -> float:
    called = sum(int((maps[one.name][one.absent] >= threshold).sum()) for one in counter)
    known = sum(int(one.absent.sum()) for one in counter)
    return called / known if known else float("nan")


def _held_out_maps(config: TrainingConfig, imagenet: Path | None, fold: Fold) -> Maps:
    network = fit_cores(
        config, fold.learning, fold.counter_learning, imagenet=imagenet, progress=False
    )
    held: list[Sample] = [*fold.held, *fold.counter_held]
    return {sample.name: core_probability(network, sample) for sample in held}
