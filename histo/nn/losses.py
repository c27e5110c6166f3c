"""Losses for partial labels: what a sample does not know teaches nothing."""

import math

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["masked_bce", "masked_dice", "shift_tolerant"]


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


def masked_dice(logits: Tensor, target: Tensor, weight: Tensor, *, smooth: float = 1.0) -> Tensor:
    """Soft Dice loss over the known pixels, per sample and averaged over components, shape (N,).

    Zero for a sample with no known pixel (V-Net, 10.1109/3DV.2016.79, with squares below).
    """
    chance = torch.sigmoid(logits)
    overlap = (chance * target * weight).sum(dim=(2, 3))
    total = ((chance**2 + target**2) * weight).sum(dim=(2, 3))
    return (1 - (2 * overlap + smooth) / (total + smooth)).mean(dim=1)


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
