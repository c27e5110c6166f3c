"""One minus the correlation of a map with a label, both smoothed: blind to the label's scale."""

import math

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["correlation_loss"]

_FLAT = 0.03  # standard deviation of a smoothed label at which a sample counts half
_LEAST_KNOWN = 0.1  # share of a sample that has to be known for a correlation to mean anything


def correlation_loss(logits: Tensor, target: Tensor, weight: Tensor, *, sigma_px: float) -> Tensor:
    """Return 1 - r, with r Pearson's correlation of smoothed probability and smoothed target.

    Each sample is compared with itself only, so a label whose gain differs from image to image
    (second-harmonic generation is stretched once a core) teaches where there is more, not how much.
    Both are smoothed by a Gaussian over what is known (normalised convolution, Knutsson and Westin
    1993, 10.1109/CVPR.1993.341081). A sample counts by how much its label varies.

    Parameters
    ----------
    logits, target, weight
        float, shape (N, 1, H, W); target in 0..1; pixels whose weight is above a half are known.
    sigma_px
        Of the Gaussian.

    Returns
    -------
    Tensor
        Scalar, 0 to 2; 0 for a batch whose labels are all flat or unknown.

    Examples
    --------
    >>> stripes = (torch.arange(64) % 16 < 8).float().expand(1, 1, 64, 64)
    >>> float(correlation_loss(20 * stripes - 10, stripes, stripes * 0 + 1, sigma_px=2.0)) < 0.01
    True
    """
    known = (weight > 0.5).to(logits.dtype)
    share = _smoothed(known, sigma_px).clamp_min(1e-3)
    found, label = (
        _centred(_smoothed(plane * known, sigma_px) / share, known)
        for plane in (torch.sigmoid(logits), target)
    )
    count = known.sum(dim=_PIXELS).clamp_min(1.0)
    covariance = (found * label).sum(dim=_PIXELS) / count
    variances = [(plane**2).sum(dim=_PIXELS) / count for plane in (found, label)]
    r = covariance / torch.sqrt(variances[0] * variances[1] + 1e-7)
    spread = variances[1].sqrt()
    counts = spread / (spread + _FLAT) * (known.mean(dim=_PIXELS) > _LEAST_KNOWN)
    return ((1 - r) * counts).sum() / counts.sum().clamp_min(1e-3)


_PIXELS = (1, 2, 3)


def _centred(plane: Tensor, known: Tensor) -> Tensor:
    mean = (plane * known).sum(dim=_PIXELS, keepdim=True)
    return (plane - mean / known.sum(dim=_PIXELS, keepdim=True).clamp_min(1.0)) * known


def _smoothed(plane: Tensor, sigma_px: float) -> Tensor:
    reach = math.ceil(3 * sigma_px)
    place = torch.arange(-reach, reach + 1, dtype=plane.dtype, device=plane.device)
    kernel = torch.exp(-(place**2) / (2 * sigma_px**2))
    kernel = kernel / kernel.sum()
    down = functional.conv2d(plane, kernel.view(1, 1, -1, 1), padding=(reach, 0))
    return functional.conv2d(down, kernel.view(1, 1, 1, -1), padding=(0, reach))
