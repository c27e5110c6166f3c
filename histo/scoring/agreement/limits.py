"""Bland and Altman's bias and limits of agreement, with exact intervals."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import nctdtrit, ndtri, stdtrit

from histo.scoring.agreement.estimate import CONFIDENCE, Estimate, ratio
from histo.scoring.agreement.moments import Moments, checked
from histo.scoring.agreement.scale import Scale, forward, usable

__all__ = ["LIMITS_HOLD", "BlandAltman", "bland_altman", "limits_of", "reported"]

LIMITS_HOLD = 0.95
"""Share of slides whose difference lies between the limits, if differences are normal."""


@dataclass(frozen=True)
class BlandAltman:
    """How much a first table reads above a second one.

    Attributes
    ----------
    scale
        raw: differences in the score's unit. log: ratios (1 is no difference). root: differences
        of square roots.
    bias
        Mean difference, or geometric mean ratio.
    lower, upper
        Limits between which the difference lies for 95 % of slides.
    sd
        Standard deviation of the differences on the scale (n - 1).
    """

    scale: Scale
    bias: Estimate
    lower: Estimate
    upper: Estimate
    sd: float

    @property
    def none(self) -> float:
        """The value that means no difference: 1 for a ratio, else 0."""
        return 1.0 if self.scale is Scale.LOG else 0.0


def limits_of(found: Moments) -> NDArray[np.float64]:
    """Return bias, lower and upper limit of each resample of two columns.

    Returns
    -------
    ndarray of float64, shape (3, ...)
        On the scale of the moments.
    """
    square, n = found.covariance, found.n
    bias = found.mean[..., 0] - found.mean[..., 1]
    spread = square[..., 0, 0] + square[..., 1, 1] - 2 * square[..., 0, 1]
    reach = _z_of_limits() * np.sqrt(np.maximum(ratio(spread * n, n - 1), 0))
    return np.stack([bias, bias - reach, bias + reach])


def bland_altman(
    first: ArrayLike,
    second: ArrayLike,
    scale: Scale = Scale.RAW,
    *,
    confidence: float = CONFIDENCE,
) -> BlandAltman:
    """Return bias and limits of agreement of the first table minus (or over) the second.

    The limits are bias +- 1.96 standard deviations of the differences. Intervals are exact for
    normal differences of independent slides: Student's t for the bias, the noncentral t for each
    limit.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        What two tables say of the same slides; n >= 3.
    scale
        On which they are compared.
    confidence
        Of the intervals.

    Raises
    ------
    ValueError
        If a value cannot stand on the scale (0 on log, a negative one on log or root), or there
        are fewer than 3 slides.

    References
    ----------
    Bland & Altman 1986, doi:10.1016/S0140-6736(86)90837-8, and 1999,
    doi:10.1177/096228029900800204; Carkeet 2015, doi:10.1097/OPX.0000000000000513.

    Examples
    --------
    >>> round(bland_altman([2, 4, 8], [1, 2, 4], Scale.LOG).bias.value, 6)
    2.0
    """
    table = checked(np.column_stack([np.asarray(first, float), np.asarray(second, float)]))
    if not usable(table, scale).all():
        raise ValueError(f"a value cannot stand on the {scale} scale; leave such slides out first")
    on_scale = forward(table, scale)
    difference = on_scale[:, 0] - on_scale[:, 1]
    n, bias, sd = difference.size, float(difference.mean()), float(difference.std(ddof=1))
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    z = _z_of_limits()
    about_bias = bias + stdtrit(n - 1, tails) * sd / math.sqrt(n)
    # A limit is bias + z sd; its estimate over its standard error follows a noncentral t.
    above = nctdtrit(n - 1, z * math.sqrt(n), tails) * sd / math.sqrt(n)
    return BlandAltman(
        scale,
        reported(Estimate(bias, *_pair(about_bias)), scale),
        reported(Estimate(bias - z * sd, *_pair(bias - above[::-1])), scale),
        reported(Estimate(bias + z * sd, *_pair(bias + above)), scale),
        sd,
    )


def _z_of_limits() -> float:
    return float(ndtri((1 + LIMITS_HOLD) / 2))


def _pair(ends: NDArray[np.float64]) -> tuple[float, float]:
    return float(ends[0]), float(ends[1])


def reported(found: Estimate, scale: Scale) -> Estimate:
    """Return a difference on the scale as it is reported: as a ratio if it is of logarithms."""
    if scale is not Scale.LOG:
        return found
    return Estimate(math.exp(found.value), math.exp(found.low), math.exp(found.high), found.note)
