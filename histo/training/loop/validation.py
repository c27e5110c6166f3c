"""Look at samples that are not learnt from: loss and Dice a component, and when to stop."""

import math
from collections.abc import Sequence
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging
from torch import Tensor
from torch.utils.data import DataLoader

from histo.training.config import OptimConfig
from histo.training.loop.module import SegmentationModule
from histo.vocabulary import Component

__all__ = ["Validation", "dice_counts"]


def dice_counts(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return what Dice at a probability of 0.5 is made of, over the pixels that are known.

    Returns
    -------
    Tensor
        float64, shape (2, C): pixels called and present, and the sum of both areas. Counts of
        batches and processes add up; Dice is twice the first over the second.
    """
    known = weight > 0
    called, present = (logits > 0) & known, (target >= 0.5) & known
    both = (called & present).sum(dim=(0, 2, 3))
    either = called.sum(dim=(0, 2, 3)) + present.sum(dim=(0, 2, 3))
    return torch.stack([both, either]).cpu().double()


class Validation(Callback):
    """Judge the network, its averaged weights where there are some, every so many steps.

    A callback of the training loop and not a loop of Lightning's own, so that a checkpoint of the
    same step holds its verdict: a run that goes on judges, and stops, at the same steps.

    Parameters
    ----------
    loader
        Batches of this process.
    components
        Names of the planes.
    optim
        Of ``patience`` and ``steps``.
    every
        Steps between two looks; the last step is always looked at.
    average
        Holder of the averaged weights.

    Attributes
    ----------
    best_loss, best_step
        The smallest loss yet and when; infinite and 0 before the first look.
    best_weights
        Of the network then, on the CPU; None if that was before this process began.
    """

    def __init__(
        self,
        loader: DataLoader[Any],
        components: Sequence[Component],
        optim: OptimConfig,
        *,
        every: int,
        average: EMAWeightAveraging | None,
    ) -> None:
        self.best_loss, self.best_step, self._waited = math.inf, 0, 0
        self.best_weights: dict[str, Tensor] | None = None
        self._loader, self._components, self._optim = loader, tuple(components), optim
        self._every, self._average = every, average

    def on_train_start(self, trainer: lightning.Trainer, _module: object) -> None:
        """Stop at once if the run had been stopped."""
        self._stop_if_waited(trainer)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: SegmentationModule, *_given: object
    ) -> None:
        """Look, log, remember the best, stop if it has not got better for long."""
        step = trainer.global_step
        if step % self._every and step != self._optim.steps:
            return
        figures = self._judge(trainer, module)
        for logger in trainer.loggers:
            logger.log_metrics(figures, step=step - 1)  # Lightning counts steps from 0
        trainer.progress_bar_metrics.update(figures)
        self._waited += 1
        self._stop_if_waited(trainer)

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"loss": self.best_loss, "step": self.best_step, "waited": self._waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.best_loss, self.best_step = state_dict["loss"], state_dict["step"]
        self._waited = state_dict["waited"]

    def _judge(self, trainer: lightning.Trainer, module: SegmentationModule) -> dict[str, float]:
        if self._average is not None:  # put the averaged weights in
            self._average.on_validation_epoch_start(trainer, module)
        module.eval()
        with torch.no_grad():
            figures = self._divided(self._sums(trainer, module))
        if figures["val_loss"] < self.best_loss:
            self.best_loss, self.best_step = figures["val_loss"], trainer.global_step
            state = module.network.state_dict()
            self.best_weights = {
                name: value.detach().cpu().clone() for name, value in state.items()
            }
            self._waited = -1
        module.train()
        if self._average is not None:
            self._average.on_validation_epoch_end(trainer, module)
        return figures

    def _sums(self, trainer: lightning.Trainer, module: SegmentationModule) -> list[float]:
        """Sum over batches, then over processes; what is divided is divided last."""
        counts = torch.zeros(2, len(self._components), dtype=torch.float64)
        loss, samples = 0.0, 0
        for batch in self._loader:
            tiles, target, weight = trainer.strategy.batch_to_device(batch)
            with trainer.precision_plugin.forward_context():
                logits = module.network(tiles).float()
            loss += len(tiles) * float(module.loss(logits, target, weight)["loss"])
            samples += len(tiles)
            counts += dice_counts(logits, target, weight)
        sums = torch.cat([counts.flatten(), torch.tensor([loss, samples], dtype=torch.float64)])
        if trainer.world_size > 1:
            sums = trainer.strategy.reduce(sums.to(module.device), reduce_op="sum").cpu()
        return list(sums.tolist())

    def _divided(self, sums: list[float]) -> dict[str, float]:
        *areas, loss, samples = sums
        figures = {"val_loss": loss / samples if samples else math.nan}
        planes = len(self._components)
        for name, both, either in zip(self._components, areas, areas[planes:], strict=False):
            figures[f"val_dice_{name}"] = 2 * both / either if either else math.nan
        return figures

    def _stop_if_waited(self, trainer: lightning.Trainer) -> None:
        if self._optim.patience and self._waited >= self._optim.patience:
            trainer.should_stop = True
