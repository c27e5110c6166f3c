"""Fit a network to samples with Lightning."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader, Dataset

from histo.nn.network import StromaNetwork
from histo.training.config import OptimConfig, TrainingConfig
from histo.training.loop.module import Loss, SegmentationModule

__all__ = ["FitFiles", "fit"]


@dataclass(frozen=True)
class FitFiles:
    """Where a training writes: ``metrics.csv`` and checkpoints.

    Attributes
    ----------
    folder
        Made if it is not there.
    resume
        Whether to go on from ``last.ckpt`` in it.
    """

    folder: Path
    resume: bool = False


def fit(
    network: StromaNetwork,
    samples: Dataset[Any],
    config: TrainingConfig,
    loss: Loss,
    *,
    validation: Dataset[Any] | None = None,
    files: FitFiles | None = None,
    progress: bool = True,
) -> StromaNetwork:
    """Train a network on samples and return it in evaluation mode, on the CPU.

    Parameters
    ----------
    network
        As `histo.training.loop.start.new_network` returns it; changed in place.
    samples
        Sample number ``n`` is ``(tile, target, weight)``: uint8 (H, W, 3), float32 (C, H, W) twice;
        its length is that of an epoch.
    config
        Of the experiment; ``optim`` and ``seed`` are used.
    loss
        What is made smaller.
    validation
        Fixed samples, looked at now and then; each is used once.
    files
        Where to write; nowhere if None.
    progress
        Whether to draw a bar.
    """
    optim = config.optim
    loader = DataLoader(
        samples,
        batch_size=optim.batch,
        num_workers=optim.workers,
        persistent_workers=optim.workers > 0,
        pin_memory=torch.cuda.is_available(),
    )
    module = SegmentationModule(network.to(memory_format=torch.channels_last), optim, loss)
    del validation  # looked at from the next change on
    module.train()  # Lightning trains each part in the mode it finds it in
    trainer = _trainer(optim, files, progress=progress)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning|torch")
        trainer.fit(module, loader)
    trained: StromaNetwork = network.cpu().float().eval()
    return trained


def _trainer(optim: OptimConfig, files: FitFiles | None, *, progress: bool) -> lightning.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    precision = optim.precision
    if precision == "auto":
        fast = torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()
        precision = "bf16-mixed" if fast else "32-true"
    callbacks: list[Callback] = []
    if optim.ema_decay:
        callbacks.append(EMAWeightAveraging(decay=optim.ema_decay))
    if progress:
        callbacks.append(TQDMProgressBar(refresh_rate=10))
    return lightning.Trainer(
        max_steps=optim.steps,
        max_epochs=1,
        accelerator="auto",
        devices=1,
        precision=precision,
        callbacks=callbacks,
        logger=CSVLogger(files.folder, name="", version="") if files else False,
        log_every_n_steps=10,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=progress,
        gradient_clip_val=1.0,
    )
