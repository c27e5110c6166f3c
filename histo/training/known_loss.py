"""The loss of labels that are known in part, which slides and paintings share."""

from torch import Tensor

from histo.nn.losses import LossSettings, combined
from histo.training.config import PaintedData, SlideData, TrainingConfig
from histo.training.loop.module import Loss

__all__ = ["known_loss"]


def known_loss(config: TrainingConfig, data: SlideData | PaintedData) -> Loss:
    """Return cross-entropy or focal loss plus Dice, over what a batch knows.

    Rare components may count for more (``data.present_weights``).
    """
    settings = LossSettings(
        entropy="focal" if data.focal_gamma else "bce",
        gamma=data.focal_gamma,
        dice_weight=config.optim.dice_weight,
        present_weights=tuple(data.present_weights.get(c, 1.0) for c in config.components),
    )

    def loss(logits: Tensor, target: Tensor, weight: Tensor) -> dict[str, Tensor]:
        return {"loss": combined(logits, target, weight, settings)}

    return loss
