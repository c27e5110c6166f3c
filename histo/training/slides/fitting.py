"""Fit one network to the annotated rows of a manifest."""

from pathlib import Path

from histo.nn.network import StromaNetwork
from histo.slides.relit import look_of
from histo.training.config import SlideData, TrainingConfig
from histo.training.known_loss import known_loss
from histo.training.loop.fit import FitFiles, fit
from histo.training.loop.start import new_network
from histo.training.manifests.manifest import Manifest
from histo.training.samples.slide_samples import SampleSettings, SlideSamples

__all__ = ["fit_slides", "slide_samples"]


def slide_samples(config: TrainingConfig, data: SlideData, manifest: Manifest) -> SlideSamples:
    """Return the augmented samples of an experiment from every row of a manifest."""
    settings = _settings(config, data, data.epoch)
    return SlideSamples(manifest, config.components, settings, changes=config.augmentation)


def fit_slides(
    config: TrainingConfig,
    manifest: Manifest,
    validation: Manifest | None = None,
    *,
    imagenet: Path | None,
    files: FitFiles | None = None,
    progress: bool = True,
) -> StromaNetwork:
    """Train one network and return it in evaluation mode, on the CPU.

    Parameters
    ----------
    config
        Of the experiment; its data are of the kind "slides".
    manifest
        Every row teaches.
    validation
        Rows from which fixed samples are watched; none if None.
    imagenet
        Encoder weights to start from, or None.
    files
        Where to write; nowhere if None.
    progress
        Whether to draw a bar.
    """
    data = config.data
    assert data.kind == "slides"  # noqa: S101  (says to the type checker what train_bundle chose)
    samples = slide_samples(config, data, manifest)
    watched = None
    if validation is not None:
        fixed = _settings(config, data, data.validation)
        watched = SlideSamples(validation, config.components, fixed)
    return fit(
        new_network(config, samples, imagenet),
        samples,
        config,
        known_loss(config, data),
        validation=watched,
        files=files,
        progress=progress,
    )


def _settings(config: TrainingConfig, data: SlideData, count: int) -> SampleSettings:
    return SampleSettings(
        um_per_px=config.card.um_per_px,
        tile_px=config.optim.crop_px,
        count=count,
        seed=config.seed,
        absent_share=data.absent_share,
        hard_share=data.hard_share,
        glass_share=data.glass_share,
        look=look_of(config.card),
        open_slides=data.open_slides,
        stretch=data.stretch,
        draw_by=data.draw_by,
    )
