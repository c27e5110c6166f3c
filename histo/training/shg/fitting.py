"""Fit one network to cores: their crops, and a loss that forgives their registration error."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from histo.nn.correlation import correlation_loss
from histo.nn.losses import masked_dice, shift_tolerant
from histo.nn.network import StromaNetwork
from histo.training.config import LabelConfig, TrainingConfig
from histo.training.loop.fit import FitFiles, fit
from histo.training.loop.module import Loss
from histo.training.loop.start import new_network
from histo.training.samples.crops import Crops, Sample

__all__ = ["fit_cores", "shg_loss"]


def shg_loss(label: LabelConfig, dice_weight: float) -> Loss:
    """Return cross-entropy that forgives a shift, plus Dice, plus what correlation lacks."""

    def loss(logits: Tensor, target: Tensor, weight: Tensor) -> dict[str, Tensor]:
        entropy = shift_tolerant(logits, target, weight, reach_px=label.reach_px).mean()
        dice = masked_dice(logits, target, weight).mean()
        total = entropy + dice_weight * dice
        figures = {"entropy": entropy, "dice": dice}
        if label.correlation:
            figures["correlation"] = correlation_loss(
                logits, target, weight, sigma_px=label.correlation_px
            )
            total = total + label.correlation * figures["correlation"]
        return {"loss": total, **figures}

    return loss


def fit_cores(
    config: TrainingConfig,
    cores: Sequence[Sample],
    counter_examples: Sequence[Sample] = (),
    *,
    imagenet: Path | None,
    files: FitFiles | None = None,
    progress: bool = True,
) -> StromaNetwork:
    """Train one network on these samples and return it in evaluation mode, on the CPU."""
    data, optim = config.data, config.optim
    assert data.kind == "shg"  # noqa: S101  (says to the type checker what train_bundle chose)
    crops = Crops(
        cores,
        counter_examples,
        count=optim.steps * optim.batch,
        crop_px=optim.crop_px,
        settings=config.augmentation,
        seed=config.seed,
        counter_share=data.counter_examples.share if data.counter_examples else 0.0,
    )
    network = new_network(config, crops, imagenet)
    loss = shg_loss(data.label, optim.dice_weight)
    return fit(network, crops, config, loss, files=files, progress=progress)
