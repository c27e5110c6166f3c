"""Fit a network to samples with Lightning."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging
from torch.utils.data import Dataset

from histo.nn.network import StromaNetwork
from histo.training.config import TrainingConfig
from histo.training.loop.checkpoints import (
    BEST,
    LAST,
    Checkpoints,
    network_weights,
    read_checkpoint,
)
from histo.training.loop.curves import write_curves
from histo.training.loop.endings import endings_said
from histo.training.loop.module import Loss, SegmentationModule
from histo.training.loop.processes import rank, world_size
from histo.training.loop.run_loader import RunLoader, validation_loader
from histo.training.loop.shortage import shortage_said
from histo.training.loop.trainer import make_loggers, make_trainer
from histo.training.loop.validation import Validation

__all__ = ["FitFiles", "fit"]


@dataclass(frozen=True)
class FitFiles:
    """Where a training writes: ``metrics.csv``, ``curves.png`` and checkpoints.

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

    Its weights are those of the last step or, with validation samples and ``optim.keep: best``,
    those with the smallest validation loss; averaged ones where ``optim.ema_decay`` is above 0.
    Under torchrun every process calls this and gets the same weights; the first one writes.

    Parameters
    ----------
    network
        As `histo.training.loop.start.new_network` returns it; changed in place.
    samples
        Sample number ``n`` is ``(tile, target, weight)``: uint8 (H, W, 3), float32 (C, H, W) twice;
        its length is that of an epoch, and numbers go on over epochs to ``steps * batch``.
    config
        Of the experiment; ``optim``, ``components`` and ``seed`` are used.
    loss
        What is made smaller.
    validation
        Fixed samples, looked at every ``optim.validate_every`` steps; each is used once.
    files
        Where to write; nowhere if None.
    progress
        Whether to draw a bar.

    Raises
    ------
    ConfigError
        If there is nothing to go on from, or it is of another configuration; if processes cannot
        share out a batch.
    BackendError
        If memory runs out.
    """
    optim = config.optim
    begun = read_checkpoint(files.folder / LAST, config) if files and files.resume else {}
    start = int(begun.get("global_step", 0))
    callbacks, judge = _callbacks(config, samples, validation, files)
    if start < optim.steps:
        network.to(memory_format=torch.channels_last)
        if optim.compile:
            network.compile()
        module = SegmentationModule(network, optim, loss)
        module.train()  # Lightning trains each part in the mode it finds it in
        with warnings.catch_warnings(), endings_said(), shortage_said(optim):
            _expect_advice()
            loader = RunLoader(samples, optim, start=start, rank=rank(), world_size=world_size())
            loggers = make_loggers(files.folder, start) if files else []
            trainer = make_trainer(optim, callbacks, loggers, progress=progress)
            path = files.folder / LAST if files and begun else None
            trainer.fit(module, loader, ckpt_path=path, weights_only=True)
    elif begun:
        network.load_state_dict(network_weights(begun))
    if judge is not None and optim.keep == "best":
        _put_best(network, judge, config, files)
    if files and rank() == 0:
        write_curves(files.folder)
    trained: StromaNetwork = network.cpu().float().eval()
    return trained


def _callbacks(
    config: TrainingConfig,
    samples: Dataset[Any],
    validation: Dataset[Any] | None,
    files: FitFiles | None,
) -> tuple[list[Callback], Validation | None]:
    """Return what happens after a step, in order: average, judge, write."""
    optim = config.optim
    average = EMAWeightAveraging(decay=optim.ema_decay) if optim.ema_decay else None
    judge = None
    if validation is not None:
        epoch = max(1, len(samples) // optim.batch)
        loader = validation_loader(validation, optim, rank=rank(), world_size=world_size())
        every = optim.validate_every or epoch
        judge = Validation(loader, config.components, optim, every=every, average=average)
    writer = Checkpoints(files.folder, config, judge) if files else None
    return [one for one in (average, judge, writer) if one is not None], judge


def _put_best(
    network: StromaNetwork, judge: Validation, config: TrainingConfig, files: FitFiles | None
) -> None:
    """Give a network its best weights; they are in a file if this process did not see them."""
    if judge.best_weights is not None:
        network.load_state_dict(judge.best_weights)
    elif files is not None and (files.folder / BEST).is_file():
        network.load_state_dict(network_weights(read_checkpoint(files.folder / BEST, config)))


_EXPECTED = (
    "You're resuming from a checkpoint that ended before the epoch ended",  # see RunLoader
    "Experiment logs directory .* exists and is not empty",  # its lines were read before
    "The '.*dataloader' does not have many workers",  # optim.workers says how many
    ".*LeafSpec.* is deprecated",  # Lightning on a newer torch
)


def _expect_advice() -> None:
    """Keep quiet about what Lightning advises on and is meant as it is."""
    for message in _EXPECTED:
        warnings.filterwarnings("ignore", message)
