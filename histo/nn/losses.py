"""Losses for partial labels: what a sample does not know teaches nothing."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

__all__ = [
    "LossSettings",
    "combined",
    "component_losses",
    "masked_bce",
    "masked_dice",
    "masked_focal",
    "shift_tolerant",
]


@dataclass(frozen=True)
class LossSettings:
    """What `combined` adds up.

    Attributes
    ----------
    entropy
        Cross-entropy as it is ("bce"), or focal: less of what is already right.
    gamma
        Of the focal loss.
    dice_weight
        Weight of Dice beside an entropy of weight 1.
    component_weights
        How much each of the C components counts; alike if empty.
    present_weights
        How much more a pixel counts where its component is present, for each of the C components,
        against rare ones; 1 if empty. Dice, which does not count what is absent and left alone, is
        not weighted.
    """

    entropy: Literal["bce", "focal"] = "bce"
    gamma: float = 2.0
    dice_weight: float = 0.5
    component_weights: tuple[float, ...] = ()
    present_weights: tuple[float, ...] = ()


def combined(
    logits: Tensor, target: Tensor, weight: Tensor, settings: LossSettings | None = None
) -> Tensor:
    """Cross-entropy or focal loss plus Dice: the weighted mean over the components a batch knows.

    A component that no sample of the batch knows counts neither above nor below the line: its
    gradient is exactly zero and the others' is what it would be without it.

    Parameters
    ----------
    logits, target, weight
        float, shape (N, C, H, W); target in 0..1; weight 0 where the label is unknown.
    settings
        What is added up; the defaults if None.

    Returns
    -------
    Tensor
        Scalar; 0 for a batch that knows nothing.

    Raises
    ------
    ValueError
        If the settings weigh another number of components.
    """
    settings = settings or LossSettings()
    losses, is_known = component_losses(logits, target, weight, settings)
    share = is_known * _per_component(settings.component_weights, logits)
    return (losses * share).sum() / share.sum().clamp_min(torch.finfo(share.dtype).tiny)


def component_losses(
    logits: Tensor, target: Tensor, weight: Tensor, settings: LossSettings
) -> tuple[Tensor, Tensor]:
    """Return the loss of each component over all it knows of a batch, and whether it knows any.

    Pixels of a batch count alike whichever sample they are of, so one with a sliver of labels does
    not outvote the rest; Dice is that of the batch, which a sample without the component does not
    upset.

    Returns
    -------
    losses, is_known : Tensor
        float, shape (C,); 0 and 0 for a component that no sample knows.
    """
    pixel = _pixel_loss(logits, target, settings)
    more = _per_component(settings.present_weights, logits)[:, None, None]
    balanced = weight * (1 + (more - 1) * target)
    entropy = (pixel * balanced).sum(dim=_BUT_COMPONENT)
    entropy = entropy / balanced.sum(dim=_BUT_COMPONENT).clamp_min(1.0)
    dice = _dice(logits, target, weight, _BUT_COMPONENT, smooth=1.0)
    is_known = (weight > 0).any(dim=3).any(dim=2).any(dim=0).to(logits.dtype)
    return (entropy + settings.dice_weight * dice) * is_known, is_known


_BUT_COMPONENT = (0, 2, 3)


def _per_component(values: tuple[float, ...], logits: Tensor) -> Tensor:
    count = logits.shape[1]
    if values and len(values) != count:
        raise ValueError(f"expected a weight for each of {count} components, found {len(values)}")
    return logits.new_tensor(values or (1.0,) * count)


def _pixel_loss(logits: Tensor, target: Tensor, settings: LossSettings) -> Tensor:
    if settings.entropy == "focal":
        return _focal(logits, target, settings.gamma)
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none")


def masked_bce(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Binary cross-entropy against a soft target, averaged over what is known, per sample.

    Parameters
    ----------
    logits, target, weight
        float, shape (N, C, H, W); target in 0..1; weight 0 where the label is unknown.

    Returns
    -------
    Tensor
        Shape (N,); 0 for a sample that knows nothing.
    """
    loss = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    known = weight.sum(dim=(1, 2, 3))
    return (loss * weight).sum(dim=(1, 2, 3)) / known.clamp_min(1.0)


def masked_focal(logits: Tensor, target: Tensor, weight: Tensor, *, gamma: float = 2.0) -> Tensor:
    """Focal loss against a soft target, averaged over what is known, per sample, shape (N,).

    Cross-entropy times ``|p - t|^gamma``: for a hard target the focal loss (Lin et al. 2017,
    10.1109/ICCV.2017.324) without its class weight, and zero at ``p = t`` for a soft one (Li et
    al. 2020, arXiv 2006.04388).

    Raises
    ------
    ValueError
        If gamma is neither 0 nor at least 1, where the gradient at ``p = t`` is not finite.
    """
    known = weight.sum(dim=(1, 2, 3))
    return (_focal(logits, target, gamma) * weight).sum(dim=(1, 2, 3)) / known.clamp_min(1.0)


def _focal(logits: Tensor, target: Tensor, gamma: float) -> Tensor:
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    if gamma == 0:
        return entropy
    if gamma < 1:
        raise ValueError(f"gamma is 0, or 1 or more, found {gamma}")
    return (torch.sigmoid(logits) - target).abs() ** gamma * entropy


def masked_dice(logits: Tensor, target: Tensor, weight: Tensor, *, smooth: float = 1.0) -> Tensor:
    """Soft Dice loss over the known pixels, per sample and averaged over components, shape (N,).

    Zero for a sample with no known pixel (V-Net, 10.1109/3DV.2016.79, with squares below).
    """
    return _dice(logits, target, weight, (2, 3), smooth=smooth).mean(dim=1)


def _dice(
    logits: Tensor, target: Tensor, weight: Tensor, dim: tuple[int, ...], *, smooth: float
) -> Tensor:
    chance = torch.sigmoid(logits)
    overlap = (chance * target * weight).sum(dim=dim)
    total = ((chance**2 + target**2) * weight).sum(dim=dim)
    return 1 - (2 * overlap + smooth) / (total + smooth)


def shift_tolerant(logits: Tensor, target: Tensor, weight: Tensor, *, reach_px: int) -> Tensor:
    """Cross-entropy that forgives a registration error of up to ``reach_px`` pixels, shape (N,).

    The target of each sample is moved as a whole over a 3 x 3 lattice of shifts, and the loss is
    the soft minimum over the shifts, so the network need not blur to please a displaced label.
    A pixel counts if no shift brings it an unknown target, so a border of ``reach_px`` pixels is
    left out. With logit l and target t the cross-entropy is ``softplus(l) - l t``, so only the
    second term is computed once a shift.
    """
    if reach_px == 0:
        return masked_bce(logits, target, weight)
    height, width = logits.shape[2:]
    inner = (slice(None), slice(None), slice(reach_px, -reach_px), slice(reach_px, -reach_px))
    unknown = (weight == 0).to(weight.dtype)
    near_unknown = functional.max_pool2d(unknown, 2 * reach_px + 1, stride=1)
    known = weight[inner] * (1 - near_unknown)
    weighted = logits[inner] * known
    base = (functional.softplus(logits[inner]) * known).sum(dim=(1, 2, 3))
    offsets = (0, reach_px, 2 * reach_px)
    shifts = [(row, col) for row in offsets for col in offsets]
    matched = torch.stack(
        [
            (
                weighted
                * target[
                    :,
                    :,
                    row : height - 2 * reach_px + row,
                    col : width - 2 * reach_px + col,
                ]
            ).sum(dim=(1, 2, 3))
            for row, col in shifts
        ]
    )
    losses = (base - matched) / known.sum(dim=(1, 2, 3)).clamp_min(1.0)
    softness = torch.logsumexp(-_SHARPNESS * losses, dim=0) - math.log(len(shifts))
    return -softness / _SHARPNESS


_SHARPNESS = 100.0  # losses differ by some 0.01 between shifts
