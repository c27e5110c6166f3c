"""One step of training, and what the optimiser does with it."""

import math
from collections.abc import Callable, Sequence

import lightning
import torch
from torch import Tensor

from histo.nn.network import StromaNetwork
from histo.training.config import OptimConfig

__all__ = ["Loss", "SegmentationModule"]

Batch = tuple[Tensor, Tensor, Tensor]
Loss = Callable[[Tensor, Tensor, Tensor], dict[str, Tensor]]
"""From logits, target and weight, all (N, C, H, W), to named figures; "loss" is made smaller."""


class SegmentationModule(lightning.LightningModule):
    """A network, what it is taught by, and its learning rates."""

    def __init__(self, network: StromaNetwork, optim: OptimConfig, loss: Loss) -> None:
        super().__init__()
        self.network, self.optim, self.loss = network, optim, loss

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Return the loss of a batch."""
        tiles, target, weight = batch
        figures = self.loss(self.network(tiles).float(), target, weight)
        self.log_dict(figures, prog_bar=True, sync_dist=self.trainer.world_size > 1)
        self.log("lr", self.trainer.optimizers[0].param_groups[-1]["lr"])
        return figures["loss"]

    def configure_optimizers(self) -> dict[str, object]:
        """AdamW; the ImageNet encoder learns more slowly than the new decoder."""
        settings = self.optim
        encoder = list(self.network.body.encoder.parameters())
        known = {id(parameter) for parameter in encoder}
        rest = [p for p in self.network.parameters() if id(p) not in known]
        rates = [settings.lr * settings.encoder_lr_share, settings.lr]
        optimiser = torch.optim.AdamW(
            [{"params": encoder, "lr": rates[0]}, {"params": rest, "lr": rates[1]}],
            weight_decay=settings.weight_decay,
        )
        schedule = _schedule(optimiser, rates, settings)
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def _schedule(
    optimiser: torch.optim.Optimizer, rates: Sequence[float], optim: OptimConfig
) -> torch.optim.lr_scheduler.LRScheduler:
    """Return learning rates a step.

    One cycle (10.48550/arXiv.1708.07120), or a linear rise and then a cosine down to nothing.
    """
    if optim.schedule == "one-cycle":
        return torch.optim.lr_scheduler.OneCycleLR(
            optimiser, list(rates), total_steps=optim.steps, pct_start=optim.warmup_share
        )
    rise = optim.warmup_share * optim.steps

    def share(step: int) -> float:
        if step < rise:
            return (step + 1) / (rise + 1)
        return 0.5 + 0.5 * math.cos(math.pi * (step - rise) / max(optim.steps - rise, 1))

    return torch.optim.lr_scheduler.LambdaLR(optimiser, share)
