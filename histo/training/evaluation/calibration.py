"""Whether a probability of 0.7 is right seven times in ten."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from histo.scoring.agreement.estimate import ratio
from histo.training.evaluation.judged import Judged
from histo.training.evaluation.levels import LEVELS, count_levels, to_levels
from histo.vocabulary import Component

__all__ = [
    "CALIBRATION_BINS",
    "Reliability",
    "calibration_error",
    "pooled_levels",
    "reliability",
    "temperature",
    "temperature_of",
]

CALIBRATION_BINS = 15
_COLDEST, _HOTTEST = -3.0, 3.0  # of log temperature: 0.05 to 20

Counts: TypeAlias = NDArray[np.integer] | NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Reliability:
    """The curve of observed against predicted shares, bin by bin.

    Attributes
    ----------
    predicted, observed
        ndarray of float64, shape (15,): mean probability of a bin's pixels, and the share of them
        where the component is present; NaN for an empty bin.
    pixels
        ndarray of float64, shape (15,).
    """

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    pixels: NDArray[np.float64]


def reliability(levels: Counts) -> Reliability:
    """Return the reliability curve of counts, shape (2, 256), in 15 bins of equal width."""
    predicted, present, pixels = _binned(levels)
    return Reliability(ratio(predicted, pixels), ratio(present, pixels), pixels)


def calibration_error(levels: Counts) -> NDArray[np.float64]:
    """Return the expected calibration error of counts, shape (..., 2, 256).

    The mean over pixels of the gap between a bin's mean probability and its share of present
    pixels, in 15 bins of equal width (Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602); NaN
    without pixels.
    """
    predicted, present, pixels = _binned(levels)
    return ratio(np.abs(predicted - present).sum(axis=-1), pixels.sum(axis=-1))


def temperature(judged: Sequence[Judged], component: Component) -> float:
    """Return the temperature that fits the map's probabilities best to the labels.

    Dividing logits by it minimises the negative log-likelihood (Guo et al. 2017,
    arXiv:1706.04599). Above 1 the network is too sure of itself, below 1 not sure enough.

    Parameters
    ----------
    judged
        Rows of the validation split: a temperature fitted to the rows it is judged on flatters.
    component
        Of which component.

    Returns
    -------
    float
        From 0.05 to 20; NaN where the rows do not show both truths.
    """
    return temperature_of(pooled_levels(judged, component))


def temperature_of(levels: Counts) -> float:
    """Return the temperature for counts of pixels, shape (2, 256); see `temperature`."""
    counts = np.asarray(levels, dtype=np.float64)
    if not counts.sum(axis=-1).all():
        return float("nan")
    # A level stands for all that is rounded to it: the ends are a quarter level, not 0 and 1.
    chance = np.clip(np.arange(LEVELS) / (LEVELS - 1), 0.25 / 255, 1 - 0.25 / 255)
    logit = np.log(chance / (1 - chance))

    def loss(log_temperature: float) -> float:
        scaled = logit / np.exp(log_temperature)
        surprise = np.stack([np.logaddexp(0, scaled), np.logaddexp(0, -scaled)])
        return float((counts * surprise).sum() / counts.sum())

    found = minimize_scalar(loss, bounds=(_COLDEST, _HOTTEST), method="bounded")
    return float(np.exp(found.x))


def pooled_levels(judged: Sequence[Judged], component: Component) -> NDArray[np.int64]:
    """Return the counts of a component over all rows that know it, shape (2, 256)."""
    total = np.zeros((2, LEVELS), np.int64)
    for one in judged:
        if component in one.components:
            plane = one.components.index(component)
            level = to_levels(one.probability[plane])
            total += count_levels(level, one.present[plane], one.known[plane])
    return total


def _binned(levels: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return sums of probability, present pixels and pixels a bin: shapes (..., 15)."""
    counts = np.asarray(levels, dtype=np.float64)
    level = np.arange(LEVELS)
    # In whole numbers: 255 levels are 15 bins of 17, and 255 itself belongs to the last.
    home = np.minimum(level * CALIBRATION_BINS // (LEVELS - 1), CALIBRATION_BINS - 1)
    into = (home[:, None] == np.arange(CALIBRATION_BINS)).astype(np.float64)
    every = counts.sum(axis=-2)
    chance = every * level / (LEVELS - 1)
    return chance @ into, counts[..., 1, :] @ into, every @ into
