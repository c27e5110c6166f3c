"""From painted immunostain to a bundle: paint, fit, choose thresholds, judge, export."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from histo.assets import shipped
from histo.nn.bundle import Bundle
from histo.nn.export import export_bundle
from histo.stains.simulate import SimulationSpec
from histo.training.config import PaintedData, TrainingConfig
from histo.training.known_loss import known_loss
from histo.training.loop.fit import FitFiles, fit
from histo.training.loop.start import new_network
from histo.training.painted.backgrounds import Background, Piece, cut_pieces, read_backgrounds
from histo.training.painted.controls import Control, read_controls
from histo.training.painted.figures import (
    chosen_thresholds,
    control_metrics,
    network_reading,
    painted_metrics,
)
from histo.training.painted.paintings import Painting, paint, reduction_of
from histo.training.painted.samples import PaintedSamples, PaintingSamples
from histo.training.parts import card_of, data_root, imagenet_file, reference_tile

__all__ = [
    "judged_paintings",
    "judged_pieces",
    "painted_samples",
    "train_on_painted",
]

_SEEDS = {"train": 10, "val": 11, "test": 12}
_WATCHED = 24  # validation paintings looked at while training


def train_on_painted(
    config: TrainingConfig,
    data: PaintedData,
    out: Path,
    *,
    resume: bool = False,
    say: Callable[[str], None] = print,
) -> Bundle:
    """Train a bundle on stain painted on real tissue, judge it on other tissue, export it.

    Thresholds are chosen on paintings of the validation backgrounds, figures are those of the test
    backgrounds, of which nothing was seen before, beside those of a fixed threshold. Writes the
    bundle to ``out`` and the loss to ``out/../<name>-training``.
    """
    root = data_root(config)
    backgrounds = read_backgrounds(shipped("data_manifests") / data.manifest, root)
    samples = painted_samples(backgrounds, config, data)
    validation, test = (
        judged_paintings(judged_pieces(backgrounds, config, split), config)
        for split in ("val", "test")
    )
    say(
        f"{data.paintings} paintings on {len(samples.pieces)} pieces of tissue, "
        f"{len(validation)} for validation, {len(test)} for the test"
    )
    log = out.parent / f"{config.name}-training"
    log.mkdir(parents=True, exist_ok=True)
    network = fit(
        new_network(config, samples, imagenet_file(config)),
        samples,
        config,
        known_loss(config, data),
        validation=PaintingSamples(validation[:_WATCHED]),
        files=FitFiles(log, resume=resume),
    )
    read = network_reading(network)
    thresholds = chosen_thresholds(read, config, validation)
    metrics = painted_metrics(read, config, test, thresholds)
    metrics += control_metrics(read, config, _controls(config, data, root), thresholds)
    bundle = export_bundle(out, network, card_of(config, thresholds, metrics), reference_tile())
    for metric in metrics:
        say(f"{metric.name} {metric.split}: {metric.value:.3f} (fixed threshold {metric.baseline})")
    say(f"bundle {bundle.card.name} written, thresholds {bundle.card.thresholds}")
    return bundle


def painted_samples(
    backgrounds: Sequence[Background], config: TrainingConfig, data: PaintedData
) -> PaintedSamples:
    """Return the samples of the training split."""
    pieces = cut_pieces(
        [background for background in backgrounds if background.split == "train"],
        data,
        config.optim.crop_px * reduction_of(config),
        scale=config.augmentation.scale,
        seed=(config.seed, _SEEDS["train"]),
        count=min(data.windows, data.paintings),
    )
    return PaintedSamples(pieces, config, count=config.optim.steps * config.optim.batch)


def judged_pieces(
    backgrounds: Sequence[Background], config: TrainingConfig, split: str
) -> list[Piece]:
    """Cut ``data.judged`` pieces of a split ("val" or "test") at their own spacing."""
    side_px = config.optim.crop_px * reduction_of(config)
    data = config.data
    assert data.kind == "painted"  # noqa: S101  (for the type checker; train_bundle chose)
    return cut_pieces(
        [background for background in backgrounds if background.split == split],
        data,
        side_px,
        scale=(1.0, 1.0),
        seed=(config.seed, _SEEDS[split]),
        count=data.judged,
    )


def judged_paintings(
    pieces: Sequence[Piece], config: TrainingConfig, spec: SimulationSpec | None = None
) -> list[Painting]:
    """Paint each piece once; ``spec`` is that of the training if None."""
    data, reduction = config.data, reduction_of(config)
    assert data.kind == "painted"  # noqa: S101  (for the type checker; train_bundle chose)
    return [
        paint(
            piece,
            config.components,
            reduction,
            spec or data.simulation,
            np.random.default_rng((*piece.seed[:-1], 1, piece.seed[-1])),
        )
        for piece in pieces
    ]


def _controls(config: TrainingConfig, data: PaintedData, root: Path) -> list[Control]:
    if data.controls is None:
        return []
    return read_controls(shipped("data_manifests") / data.controls, root, config.card.um_per_px)
