"""A number with the interval it came with, and ratios that may be undefined."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["CONFIDENCE", "Estimate", "ratio"]

CONFIDENCE = 0.95
"""Confidence of every interval, unless asked otherwise."""


@dataclass(frozen=True)
class Estimate:
    """An estimate and its confidence interval.

    Attributes
    ----------
    value
        The estimate; NaN where it is undefined.
    low, high
        Ends of the interval; NaN where none can be given.
    note
        Why something is NaN; empty if nothing is.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    note: str = ""


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[np.float64]:
    """Divide element by element; NaN, without a warning, where the denominator is 0."""
    above = np.asarray(numerator, dtype=np.float64)
    below = np.asarray(denominator, dtype=np.float64)
    above, below = np.broadcast_arrays(above, below)
    out: NDArray[np.float64] = np.full(below.shape, np.nan)
    np.divide(above, below, out=out, where=below != 0)
    return out
