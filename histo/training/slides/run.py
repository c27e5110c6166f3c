"""From slides and annotations to a bundle: hold rows out, choose thresholds, train, export."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from histo.nn.bundle import Bundle
from histo.nn.card import Metric
from histo.nn.export import export_bundle
from histo.nn.network import StromaNetwork
from histo.training.config import SlideData, TrainingConfig
from histo.training.evaluation import Judged
from histo.training.loop.fit import FitFiles
from histo.training.manifests.manifest import Manifest
from histo.training.parts import card_of, imagenet_file, reference_tile
from histo.training.side_by_side import side_by_side
from histo.training.slides.figures import (
    HeldOut,
    held_out_metrics,
    thresholds_of,
    write_held_out,
)
from histo.training.slides.fitting import fit_slides
from histo.training.slides.judging import judge_rows
from histo.training.slides.rounds import Round, folds_by_patient, given_round, manifest_of
from histo.training.slides.rules import judge_rules
from histo.vocabulary import Component

__all__ = ["train_on_slides"]

Report = Callable[[str], None]


def train_on_slides(
    config: TrainingConfig,
    data: SlideData,
    out: Path,
    *,
    cross_validation: bool = True,
    resume: bool = False,
    say: Report = print,
) -> Bundle:
    """Train, evaluate and export a bundle that learns from annotated slides.

    With ``data.folds`` every patient is held out once, and the bundle learns from all; each
    fold's areas are cut at the threshold that is best on the other folds' held-out rows, the
    bundle's at that of all. Without folds, the manifest's split "train" teaches, "val" is watched
    and chooses the threshold, and "test" gives the figures.

    Writes the bundle to ``out`` and, beside it in ``out/../<name>-training``, the losses, the
    figures of every held-out row and the maps made of it.

    Parameters
    ----------
    config
        Of the experiment.
    data
        Its data.
    out
        Folder of the bundle.
    cross_validation
        Whether to measure on held-out folds; if not, thresholds are 0.5 and the card has no
        figure. Splits are measured in any case.
    resume
        Whether the training that is not of a fold goes on from its checkpoint.
    say
        Called with a line now and then.
    """
    manifest = manifest_of(config, data)
    patients = len({row.patient for row in manifest.rows})
    say(f"{len(manifest.rows)} annotated rows of {patients} patients")
    log = out.parent / f"{config.name}-training"
    log.mkdir(parents=True, exist_ok=True)
    files = FitFiles(log, resume=resume)
    if data.folds:
        rounds = _folds(config, data, manifest, say) if cross_validation else []
        judged = [one for held in rounds for one in held.judged]
        thresholds = thresholds_of(judged, config.components)
        network = fit_slides(config, manifest, imagenet=imagenet_file(config), files=files)
        split = f"held out by patient, {len(judged)} rows"
    else:
        network, rounds, thresholds = _splits(config, data, manifest, files)
        split = "test rows" if rounds else ""
    metrics: list[Metric] = []
    if rounds:
        metrics = held_out_metrics(rounds, split)
        write_held_out(rounds, log)
    bundle = export_bundle(out, network, card_of(config, thresholds, metrics), reference_tile())
    for metric in bundle.card.metrics:
        beside = "" if metric.baseline is None else f" (simple rule {metric.baseline})"
        say(f"{metric.component} {metric.name}, {metric.split}: {metric.value:.3f}{beside}")
    cuts = ", ".join(f"{name} {cut:.3f}" for name, cut in bundle.card.thresholds.items())
    say(f"bundle {bundle.card.name} written, thresholds {cuts}")
    return bundle


def _folds(
    config: TrainingConfig, data: SlideData, manifest: Manifest, say: Report
) -> list[HeldOut]:
    """Train once a fold; each fold's threshold is chosen on the other folds' held-out rows."""
    rounds = folds_by_patient(manifest.rows, data.folds, config.seed)
    work = partial(_held_out, config, manifest, imagenet_file(config))
    judged = []
    for one, found in zip(rounds, side_by_side(work, rounds, config.optim.jobs), strict=True):
        say(f"{one.name}: {len(one.learning)} rows learnt from, {len(one.held)} held out")
        judged.append(found)
    return [
        HeldOut(
            one.name,
            judged[n],
            judge_rules(judged[n], manifest.only(one.held), data.rules),
            thresholds_of(_but(judged, n), config.components),
        )
        for n, one in enumerate(rounds)
    ]


def _but(judged: Sequence[list[Judged]], left_out: int) -> list[Judged]:
    return list(chain.from_iterable(one for n, one in enumerate(judged) if n != left_out))


def _held_out(
    config: TrainingConfig, manifest: Manifest, imagenet: Path | None, one: Round
) -> list[Judged]:
    network = fit_slides(config, manifest.only(one.learning), imagenet=imagenet, progress=False)
    return judge_rows(network, manifest.only(one.held), config.components, config.card)


def _splits(
    config: TrainingConfig, data: SlideData, manifest: Manifest, files: FitFiles
) -> tuple[StromaNetwork, list[HeldOut], dict[Component, float]]:
    """Train as the manifest's splits say; without test rows nothing is left to measure on."""
    one = given_round(manifest)
    validation = manifest.only(one.validation)
    network = fit_slides(
        config,
        manifest.only(one.learning),
        validation,
        imagenet=imagenet_file(config),
        files=files,
    )
    chosen_on = judge_rows(network, validation, config.components, config.card)
    thresholds = dict(thresholds_of(chosen_on, config.components))
    if not one.held:
        return network, [], thresholds
    rows = manifest.only(one.held)
    judged = judge_rows(network, rows, config.components, config.card)
    held = HeldOut(one.name, judged, judge_rules(judged, rows, data.rules), thresholds)
    return network, [held], thresholds
