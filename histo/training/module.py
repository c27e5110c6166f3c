"""The training loop: a Lightning module, and a function that fits one network."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor
from torch.utils.data import DataLoader

from histo.nn.losses import masked_dice, shift_tolerant
from histo.nn.network import (
    StromaNetwork,
    load_imagenet_mobilenet_v2,
    restore_batch_statistics,
)
from histo.training.config import TrainingConfig
from histo.training.crops import Crops, Sample

__all__ = ["SegmentationModule", "fit_network"]

Batch = tuple[Tensor, Tensor, Tensor]


class SegmentationModule(lightning.LightningModule):
    """Cross-entropy that forgives a shift, plus Dice, under one-cycle learning rates."""

    def __init__(self, network: StromaNetwork, config: TrainingConfig) -> None:
        super().__init__()
        self.network, self.config = network, config

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Return the mean loss of a batch."""
        tiles, target, weight = batch
        logits = self.network(tiles).float()
        reach = self.config.label.reach_px
        entropy = shift_tolerant(logits, target, weight, reach_px=reach).mean()
        dice = masked_dice(logits, target, weight).mean()
        loss: Tensor = entropy + self.config.optim.dice_weight * dice
        self.log_dict({"loss": loss, "entropy": entropy, "dice": dice}, prog_bar=True)
        return loss

    def configure_optimizers(self) -> dict[str, object]:
        """AdamW; the ImageNet encoder learns more slowly than the new decoder."""
        settings = self.config.optim
        encoder = list(self.network.body.encoder.parameters())
        known = {id(parameter) for parameter in encoder}
        rest = [p for p in self.network.parameters() if id(p) not in known]
        rates = [settings.lr * settings.encoder_lr_share, settings.lr]
        optimiser = torch.optim.AdamW(
            [{"params": encoder, "lr": rates[0]}, {"params": rest, "lr": rates[1]}],
            weight_decay=settings.weight_decay,
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, rates, total_steps=settings.steps, pct_start=settings.warmup_share
        )
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def fit_network(
    config: TrainingConfig,
    cores: Sequence[Sample],
    counter_examples: Sequence[Sample] = (),
    *,
    imagenet: Path | None,
    log_folder: Path | None = None,
    progress: bool = True,
) -> StromaNetwork:
    """Train one network on these samples and return it in evaluation mode, on the CPU."""
    lightning.seed_everything(config.seed, verbose=False)
    network = StromaNetwork(config.network, classes=1)
    settings = config.optim
    crops = Crops(
        cores,
        counter_examples,
        count=settings.steps * settings.batch,
        crop_px=settings.crop_px,
        settings=config.augmentation,
        seed=config.seed,
        counter_share=config.counter_examples.share if config.counter_examples else 0.0,
    )
    if imagenet is not None:
        load_imagenet_mobilenet_v2(network, imagenet)
        sample = torch.stack([crops[index][0] for index in range(8)]).numpy()
        restore_batch_statistics(network, [sample])
    loader = DataLoader(
        crops,
        batch_size=settings.batch,
        num_workers=settings.workers,
        persistent_workers=settings.workers > 0,
        pin_memory=torch.cuda.is_available(),
    )
    module = SegmentationModule(network.to(memory_format=torch.channels_last), config)
    module.train()  # Lightning trains each part in the mode it finds it in
    trainer = _trainer(config, log_folder, progress=progress)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning|torch")
        trainer.fit(module, loader)
    trained: StromaNetwork = network.cpu().float().eval()
    return trained


def _trainer(
    config: TrainingConfig, log_folder: Path | None, *, progress: bool
) -> lightning.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    settings = config.optim
    precision = settings.precision
    if precision == "auto":
        fast = torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()
        precision = "bf16-mixed" if fast else "32-true"
    callbacks: list[Callback] = []
    if settings.ema_decay:
        callbacks.append(EMAWeightAveraging(decay=settings.ema_decay))
    if progress:
        callbacks.append(TQDMProgressBar(refresh_rate=10))
    return lightning.Trainer(
        max_steps=settings.steps,
        max_epochs=1,
        accelerator="auto",
        devices=1,
        precision=precision,
        callbacks=callbacks,
        logger=CSVLogger(log_folder, name="", version="") if log_folder else False,
        log_every_n_steps=10,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=progress,
        gradient_clip_val=1.0,
    )
