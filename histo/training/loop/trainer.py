"""Lightning's trainer: device, precision, processes, logs."""

import csv
import logging
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import Callback, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.plugins.environments import LightningEnvironment, TorchElasticEnvironment
from lightning.pytorch.strategies import DDPStrategy, Strategy

from histo.training.config import OptimConfig
from histo.training.loop.processes import local_world_size, world_size

__all__ = ["METRICS", "make_loggers", "make_trainer"]

METRICS = "metrics.csv"


def make_trainer(
    optim: OptimConfig, callbacks: Sequence[Callback], loggers: Sequence[Logger], *, progress: bool
) -> lightning.Trainer:
    """Return the trainer; under torchrun it is one of several, on the GPU of its number."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    several = world_size() > 1
    bar: list[Callback] = [TQDMProgressBar(refresh_rate=10)] if progress else []
    return lightning.Trainer(
        max_steps=optim.steps,
        max_epochs=1,
        accelerator="auto",
        devices=local_world_size(),
        num_nodes=world_size() // local_world_size(),
        strategy=_strategy() if several else "auto",
        plugins=[TorchElasticEnvironment() if several else LightningEnvironment()],
        precision=_precision(optim),
        callbacks=[*callbacks, *bar],
        logger=list(loggers) or False,
        log_every_n_steps=min(10, optim.steps),
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=progress,
        gradient_clip_val=1.0,
        use_distributed_sampler=False,
        sync_batchnorm=several and torch.cuda.is_available(),
    )


def make_loggers(folder: Path, start: int) -> list[Logger]:
    """Return the logs of a run that begins, or goes on, at a step.

    Lines of steps that a run will take again are taken out of ``metrics.csv``.
    """
    before = _lines(folder / METRICS, start)
    table = CSVLogger(folder, name="", version="")
    for line in before:
        table.experiment.log_metrics(line, step=int(line["step"]))
    table.save()
    if find_spec("tensorboard") is None:
        return [table]
    return [table, TensorBoardLogger(folder, name="", version="", purge_step=start or None)]


def _lines(path: Path, start: int) -> list[dict[str, str]]:
    if not start or not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        lines = [line for line in csv.DictReader(stream) if int(line["step"]) < start]
    return [{key: value for key, value in line.items() if value} for line in lines]


def _strategy() -> Strategy:
    return DDPStrategy(process_group_backend="nccl" if torch.cuda.is_available() else "gloo")


def _precision(optim: OptimConfig) -> str:
    if optim.precision != "auto":
        return optim.precision
    fast = torch.cuda.is_available() or torch.cpu._is_avx512_bf16_supported()
    return "bf16-mixed" if fast else "32-true"
